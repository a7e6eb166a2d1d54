"""How a database is opened to be read, also on a medium that cannot be written."""

import os
from pathlib import Path
from urllib.parse import quote


def reading_uri(path: Path) -> str:
    """Return SQLite's address of a database that is only to be read.

    In write-ahead mode even readers make files beside it.  Where nobody can, nothing changes either, and the database
    is read as it stands; unless a log lies beside it that holds what the database does not.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    return f"{uri}&immutable=1" if _stands_still(path) else uri


def _stands_still(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    try:
        if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return not log.exists() or log.stat().st_size == 0
        return not os.access(path.parent, os.W_OK) and not log.exists()
    except OSError:
        return False
