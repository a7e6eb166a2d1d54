"""Where the files of the pages lie that come with this package."""

from pathlib import Path

STATIC = Path(__file__).parent / "static"
