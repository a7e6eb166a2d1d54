"""What keeps a library well: looked at, mended, copied while it serves, put back."""

from index.maintenance.backup import Backup, SavedCollection, back_up_library
from index.maintenance.check import DEFAULT_SAMPLE, check_library
from index.maintenance.repair import Repaired, repair_library
from index.maintenance.report import CheckedCollection, CheckReport, OnProgress
from index.maintenance.restore import Restored, restore_library

__all__ = [
    "DEFAULT_SAMPLE",
    "Backup",
    "CheckReport",
    "CheckedCollection",
    "OnProgress",
    "Repaired",
    "Restored",
    "SavedCollection",
    "back_up_library",
    "check_library",
    "repair_library",
    "restore_library",
]
