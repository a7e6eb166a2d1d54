"""Article text → passages: contiguous ranges on sentence ends, outside masked ranges.

Offsets are made here, once, and only carried from here on.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence

from index.text.language_detection import guess_language
from index.text.sentences import sentences, trimmed
from index.types import MaskedRange, Passage

# In estimated word pieces.  The encoder reads 256 and the reader 384 with the question, so a
# passage of this size with its title fits both even where the estimate is low.
PASSAGE_PIECES = 200
# A sentence longer than this share of a passage is not repeated at the start of the next one.
OVERLAP_SHARE = 0.4

_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")


def split_passages(
    article_id: str,
    text: str,
    masked: Sequence[MaskedRange] = (),
    *,
    pieces: int = PASSAGE_PIECES,
    check: Callable[[], None] = lambda: None,
) -> tuple[Passage, ...]:
    """Split an article's text into passages that overlap by one sentence.

    Every passage is one contiguous range of the text, overlaps no masked range and starts and ends
    at sentence ends; only a sentence too long for one passage is cut, at white space where there is
    some.

    Args:
        article_id: the article the passages belong to.
        text: the article's text.
        masked: page furniture in it, sorted and not overlapping.
        pieces: the most estimated word pieces in a passage.
        check: called for each sentence; what it raises ends the work.

    Returns:
        The passages in order; empty only where everything is masked or white space.
    """
    ranges: list[tuple[int, int]] = []
    language = guess_language(text)
    for start, end in _unmasked(text, masked):
        ranges.extend(_pack(text, _units(text, start, end, pieces, language), pieces, check))
    return tuple(Passage(article_id, number, start, end, text[start:end]) for number, (start, end) in enumerate(ranges))


def estimate_pieces(text: str) -> int:
    """Estimate how many word pieces a tokenizer makes of a text, rather too many than too few.

    It does not depend on a model, so that passages depend on the article's text alone.
    """
    return sum(_word_pieces(match.group()) for match in _WORD.finditer(text))


def _word_pieces(word: str) -> int:
    length = len(word)
    if length == 1:
        return 1
    if word.isascii():
        return 1 if length <= 7 else 1 + length // 6
    if "\u2e80" <= word[0] <= "\u9fff" or "\uac00" <= word[0] <= "\ud7a3" or word[0] >= "\U00020000":
        return length
    return 1 + length // 3


def _unmasked(text: str, masked: Sequence[MaskedRange]) -> Iterator[tuple[int, int]]:
    position = 0
    for furniture in masked:
        if position < furniture.start:
            yield position, furniture.start
        position = max(position, furniture.end)
    if position < len(text):
        yield position, len(text)


def _units(text: str, start: int, end: int, pieces: int, language: str) -> Iterator[tuple[int, int, int]]:
    """Sentences of text[start:end] as (start, end, estimated pieces), none over the limit."""
    for first, last in sentences(text, start, end, language):
        size = estimate_pieces(text[first:last])
        if size <= pieces and last - first <= pieces * 12:
            yield first, last, size
            continue
        for a, b in _cut(text, first, last, pieces):
            yield a, b, estimate_pieces(text[a:b])


def _pack(
    text: str, units: Iterator[tuple[int, int, int]], pieces: int, check: Callable[[], None]
) -> Iterator[tuple[int, int]]:
    current: list[tuple[int, int, int]] = []
    size = 0
    for unit in units:
        check()
        if current and (size + unit[2] > pieces or unit[1] - current[0][0] > pieces * 12):
            yield current[0][0], current[-1][1]
            last = current[-1]
            fits = last[2] + unit[2] <= pieces and unit[1] - last[0] <= pieces * 12
            current = [last] if len(current) > 1 and fits and last[2] <= pieces * OVERLAP_SHARE else []
            size = sum(kept[2] for kept in current)
        current.append(unit)
        size += unit[2]
    if current:
        yield current[0][0], current[-1][1]


def _cut(text: str, start: int, end: int, pieces: int) -> Iterator[tuple[int, int]]:
    """Cut one overlong sentence between words, an overlong word where it must be, in linear time."""
    longest = pieces * 5
    position, size = start, 0
    for match in _WORD.finditer(text, start, end):
        first, last = match.span()
        grows = _word_pieces(match.group())
        # A combining mark belongs to the character before it: never begin with one.
        mark = unicodedata.category(text[first]).startswith("M")
        if first > position and not mark and (size + grows > pieces or last - position > longest):
            yield from trimmed(text, position, first)
            position, size = first, 0
        while last - position > longest and not mark:
            yield from trimmed(text, position, position + longest)
            position, size = position + longest, 0
        size += grows
    yield from trimmed(text, position, end)
