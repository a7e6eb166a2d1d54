"""Vectors that need no model, for tests of how things are kept."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


class PlainEncoder:
    """Gives texts of the same length the same vector."""

    fingerprint, dimension = "plain", 8

    def encode_passages(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = np.stack([np.random.default_rng(len(text)).normal(size=8) for text in texts]).astype(np.float32)
        unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def encode_queries(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return self.encode_passages(texts)
