"""What keeps a library well: looked at, mended, copied while it serves, put back."""

from index.maintenance.check import DEFAULT_SAMPLE, check_library
from index.maintenance.report import CheckedCollection, CheckReport, OnProgress

__all__ = ["DEFAULT_SAMPLE", "CheckReport", "CheckedCollection", "OnProgress", "check_library"]
