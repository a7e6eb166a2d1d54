"""Where the weights and fitted numbers lie that come with this package."""

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"
