import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from index.search.vector_index import VectorIndex, sweep

DIMENSION = 8


def unit(number: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((number, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Beside(RuleBasedStateMachine):
    """An index and a dictionary that are changed alike: they always hold the same ids."""

    most_removed = 3

    def __init__(self) -> None:
        super().__init__()
        self.index, self.known = self.begin()
        self.next = len(self.known) + 1

    def begin(self) -> tuple[VectorIndex, dict[int, np.ndarray]]:
        return VectorIndex(DIMENSION), {}

    @rule(count=st.integers(1, 20), seed=st.integers(0, 1_000))
    def add(self, count: int, seed: int) -> None:
        rows = unit(count, seed)
        ids = np.arange(self.next, self.next + count, dtype=np.int64)
        self.next += count
        self.index.add(ids, rows)
        self.known.update(zip(ids.tolist(), rows, strict=True))

    @rule(seed=st.integers(0, 1_000))
    def remove(self, seed: int) -> None:
        gone = random.Random(seed).sample(sorted(self.known), min(self.most_removed, len(self.known)))
        self.index.remove(np.array([*gone, 10**9], np.int64))
        for key in gone:
            del self.known[key]

    @invariant()
    def same_ids(self) -> None:
        assert self.index.ids().tolist() == sorted(self.known) and len(self.index) == len(self.known)


class AgainstNumpy(Beside):
    """The index beside a dictionary: same neighbours as brute force."""

    @rule(seed=st.integers(0, 1_000), limit=st.integers(1, 12), filtered=st.booleans())
    def search(self, seed: int, limit: int, filtered: bool) -> None:
        query = unit(1, seed)[0]
        allowed = sorted(self.known)[::2] if filtered else sorted(self.known)
        ids, cosines = self.index.search(query, limit, np.array(allowed, np.int64) if filtered else None)
        expected = sorted((float(self.known[key] @ query) for key in allowed), reverse=True)[:limit]
        np.testing.assert_allclose(cosines, expected, atol=1e-5)
        assert set(ids.tolist()) <= set(allowed)


TestAgainstNumpy = AgainstNumpy.TestCase
TestAgainstNumpy.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)


class InCells(Beside):
    """An index that was grown, beside a dictionary: nothing but what is allowed, each found by itself."""

    most_removed = 40

    def begin(self) -> tuple[VectorIndex, dict[int, np.ndarray]]:
        rows, ids = unit(600, 7), np.arange(600, dtype=np.int64)
        index = VectorIndex.grown(DIMENSION, 600, lambda: [(ids[:250], rows[:250]), (ids[250:], rows[250:])])
        return index, dict(zip(ids.tolist(), rows, strict=True))

    @rule(seed=st.integers(0, 1_000), filtered=st.booleans())
    def search(self, seed: int, filtered: bool) -> None:
        dice = random.Random(seed)
        if not self.known:
            return
        allowed = sorted(dice.sample(sorted(self.known), min(15, len(self.known)))) if filtered else sorted(self.known)
        key = dice.choice(allowed)
        ids, cosines = self.index.search(self.known[key], 10, np.array(allowed, np.int64) if filtered else None)
        assert set(ids.tolist()) <= set(allowed) and len(set(ids.tolist())) == len(ids)
        assert (np.diff(cosines) <= 0).all()
        # A copy of it may stand before it.
        np.testing.assert_allclose(self.known[int(ids[0])] @ self.known[key], 1.0, atol=0.02)
        np.testing.assert_allclose(cosines, [self.known[int(one)] @ self.known[key] for one in ids], atol=0.03)


TestInCells = InCells.TestCase
TestInCells.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)


def test_a_grown_index_finds_nearly_what_exact_search_finds(tmp_path: Path) -> None:
    """Vectors in clusters, as texts' are."""
    dice = np.random.default_rng(3)
    centres = dice.standard_normal((60, 32))
    rows = (centres[dice.integers(0, 60, 8_000)] + 0.6 * dice.standard_normal((8_000, 32))).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = np.arange(8_000, dtype=np.int64) + 5
    index = VectorIndex.grown(32, 8_000, lambda: [(ids, rows)])
    index.save(tmp_path, generation=1, encoder="e")
    loaded = VectorIndex.load(tmp_path, encoder="e", dimension=32)
    assert loaded is not None
    hits = 0
    for query in rows[::100]:
        expected = set((np.argsort(-(rows @ query), kind="stable")[:10] + 5).tolist())
        found, _ = loaded[0].search(query, 10)
        hits += len(expected & set(found.tolist()))
    assert hits / (10 * len(rows[::100])) > 0.9


def test_an_index_is_outgrown_beyond_exact_search_and_when_it_was_made_for_far_fewer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("index.search.vector_index.EXACT", 100)
    index = VectorIndex(DIMENSION)
    index.add(np.arange(100, dtype=np.int64), unit(100))
    assert not index.outgrown
    index.add(np.array([100], np.int64), unit(1, 9))
    assert index.outgrown
    grown = VectorIndex.grown(DIMENSION, 101, lambda: [(np.arange(101, dtype=np.int64), unit(101))])
    assert not grown.outgrown
    grown.add(np.arange(101, 600, dtype=np.int64), unit(499, 2))
    assert grown.outgrown


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
