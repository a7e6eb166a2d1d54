"""Near-copies: which texts tell the same in nearly the same words, as agencies' reports do in many papers.  Pure.

MinHash over shingles of words (Broder 1997, doi:10.1109/SEQUEN.1997.666900) finds which articles may be copies, in
bands (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, 3.4); whether they are is then decided by their
shingles themselves.
"""

import re
from collections.abc import Sequence

from index.types import MaskedRange

# Words in a row that are looked at as one.
SHINGLE = 5
# So many hashes in so many bands: texts half of whose shingles are the same meet in one band in 64 of 100 cases, with
# seven tenths the same in 99.
HASHES, BANDS = 64, 16
# Of all shingles of two copies at least this share is in both ...
ALIKE = 0.6
# ... or at least so much of the shorter one is in the longer, which adds to it or was cut less.
WITHIN, ALIKE_WITHIN = 0.85, 0.3
# Texts with fewer shingles say too little to be told from chance.
FEWEST = 12

_WORD = re.compile(r"\w+")


def shingles(text: str, masked: Sequence[MaskedRange] = ()) -> frozenset[str]:
    """Return the words in a row of a text, lower case, without what is masked; characters where none has spaces."""
    position, kept = 0, []
    for furniture in masked:
        kept.append(text[position : furniture.start])
        position = furniture.end
    kept.append(text[position:])
    words: list[str] = []
    for word in _WORD.findall(" ".join(kept).lower()):
        # Chinese and Japanese put no spaces between words: a run of them is no word.
        words.extend(word if len(word) > 1 and "\u2e80" <= word[0] <= "\u9fff" else (word,))
    return frozenset(" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1))


def bands(found: frozenset[str]) -> tuple[int, ...]:
    """Return what a text with these shingles is looked up by: BANDS numbers of 64 bits, signed; none for a short one.

    Near-copies have at least one in common, in the same place.
    """
    if len(found) < FEWEST:
        return ()
    # Imported late: scipy comes with it, which nobody needs who only asks.
    from datasketch import MinHash

    hashes = MinHash(num_perm=HASHES)
    hashes.update_batch([shingle.encode() for shingle in sorted(found)])
    rows = hashes.hashvalues.reshape(BANDS, -1)
    return tuple(_mixed(row.tolist()) for row in rows)


def are_copies(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two texts with these shingles are near-copies of each other."""
    shorter = min(len(one), len(other))
    if shorter < FEWEST:
        return False
    common = len(one & other)
    alike = common / (len(one) + len(other) - common)
    return alike >= ALIKE or (common >= WITHIN * shorter and alike >= ALIKE_WITHIN)


def _mixed(values: Sequence[int]) -> int:
    """One number of several; the same in every process, which hash() of strings is not."""
    from hashlib import blake2b

    joined = b"".join(value.to_bytes(8, "little") for value in values)
    return int.from_bytes(blake2b(joined, digest_size=8).digest(), "little", signed=True)
