"""Vectors as the database holds them: float16, little-endian."""

import numpy as np
import numpy.typing as npt

# float16 keeps a unit vector's length to about a thousandth.
_LENGTH_TOLERANCE = 0.01


def blob(vector: npt.NDArray[np.float32]) -> bytes:
    """Return a vector as the database holds it."""
    return np.asarray(vector, dtype="<f2").tobytes()


def is_unit(data: bytes) -> bool:
    """Return whether bytes are a vector of unit length."""
    if not data or len(data) % 2:
        return False
    vector = np.frombuffer(data, dtype="<f2").astype(np.float32)
    length = float(np.sqrt(np.dot(vector, vector)))
    return bool(np.isfinite(length)) and abs(length - 1) < _LENGTH_TOLERANCE
