"""Which release of Citespan this is."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """Return its number; "0" where it is run from a checkout that is not installed."""
    try:
        return version("citespan")
    except PackageNotFoundError:
        return "0"
