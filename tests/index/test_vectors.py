import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from index.vectors import VectorIndex, sweep

DIMENSION = 8


def unit(number: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((number, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class AgainstNumpy(RuleBasedStateMachine):
    """The index beside a dictionary: same ids, same neighbours as brute force."""

    def __init__(self) -> None:
        super().__init__()
        self.index = VectorIndex(DIMENSION)
        self.known: dict[int, np.ndarray] = {}
        self.next = 1

    @rule(count=st.integers(1, 20), seed=st.integers(0, 1_000))
    def add(self, count: int, seed: int) -> None:
        rows = unit(count, seed)
        ids = np.arange(self.next, self.next + count, dtype=np.int64)
        self.next += count
        self.index.add(ids, rows)
        self.known.update(zip(ids.tolist(), rows, strict=True))

    @rule(seed=st.integers(0, 1_000))
    def remove(self, seed: int) -> None:
        gone = random.Random(seed).sample(sorted(self.known), min(3, len(self.known)))
        self.index.remove(np.array([*gone, 10**9], np.int64))
        for key in gone:
            del self.known[key]

    @rule(seed=st.integers(0, 1_000), limit=st.integers(1, 12), filtered=st.booleans())
    def search(self, seed: int, limit: int, filtered: bool) -> None:
        query = unit(1, seed)[0]
        allowed = sorted(self.known)[::2] if filtered else sorted(self.known)
        ids, cosines = self.index.search(query, limit, np.array(allowed, np.int64) if filtered else None)
        expected = sorted((float(self.known[key] @ query) for key in allowed), reverse=True)[:limit]
        np.testing.assert_allclose(cosines, expected, atol=1e-5)
        assert set(ids.tolist()) <= set(allowed)

    @invariant()
    def same_ids(self) -> None:
        assert self.index.ids().tolist() == sorted(self.known) and len(self.index) == len(self.known)


TestAgainstNumpy = AgainstNumpy.TestCase
TestAgainstNumpy.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    index = VectorIndex(DIMENSION)
    index.add(np.arange(50, dtype=np.int64), unit(50))
    index.save(tmp_path, generation=7, encoder="e")
    return tmp_path


def test_a_snapshot_comes_back_with_its_generation(saved: Path) -> None:
    found = VectorIndex.load(saved, encoder="e", dimension=DIMENSION)
    assert found is not None and found[1] == 7 and found[0].ids().tolist() == list(range(50))


def test_another_encoder_or_none_at_all_means_rebuild(saved: Path, tmp_path: Path) -> None:
    assert VectorIndex.load(saved, encoder="other", dimension=DIMENSION) is None
    assert VectorIndex.load(saved, encoder="e", dimension=DIMENSION + 1) is None
    assert VectorIndex.load(tmp_path / "nowhere", encoder="e", dimension=DIMENSION) is None


def test_every_flipped_bit_and_every_cut_is_noticed(saved: Path) -> None:
    name = json.loads((saved / "vectors.json").read_text())["file"]
    whole = (saved / name).read_bytes()
    dice = random.Random(5)
    for turn in range(300):
        data = bytearray(whole)
        if turn % 3 == 0:
            data = data[: dice.randrange(len(data))]
        else:
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        (saved / name).write_bytes(bytes(data))
        assert VectorIndex.load(saved, encoder="e", dimension=DIMENSION) is None
    (saved / name).write_bytes(whole)
    assert VectorIndex.load(saved, encoder="e", dimension=DIMENSION) is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 1, "file": "../../etc/passwd"}', "null"])
def test_a_broken_manifest_means_rebuild(saved: Path, text: str) -> None:
    (saved / "vectors.json").write_text(text)
    assert VectorIndex.load(saved, encoder="e", dimension=DIMENSION) is None


def test_what_a_crash_left_behind_is_swept(saved: Path) -> None:
    for stray in ("vectors-3.faiss", "vectors-9.faiss.tmp", "vectors.json.tmp"):
        (saved / stray).write_bytes(b"x")
    sweep(saved)
    assert sorted(path.name for path in saved.iterdir()) == ["vectors-7.faiss", "vectors.json"]
