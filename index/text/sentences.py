"""Text → sentences, as offsets, in time that grows with the text's length and no faster.

English, and what is in Latin letters but in none of the languages known here, is cut by nupunkt.  Other languages are
cut at their marks, less the full stops that do not end anything; which language it is follows from the text alone
(language_detection.py).  Of the libraries for many languages, sentencex takes pairs of apostrophes for quotations,
keeps what is quoted in one piece and needs quadratic time for quotation marks that are never closed; pysbd hangs on
some inputs.
"""

import functools
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator

from index.text.abbreviations import ABBREVIATIONS, AFTER_ORDINAL, BEFORE_ORDINAL, CLOSING
from index.text.language_detection import guess_language

_BLANK_LINE = re.compile(r"\n[ \t\r\f\v\xa0]*\n|\r[ \t]*\r")
_WRAPPED_LINE = 100
# nupunkt knows the full stop, the question and the exclamation mark; these scripts end otherwise.
_OTHER_SENTENCE_END = re.compile(r"[。！？｡।॥؟]+[”’」』）)\"']*")
# Without one of these nupunkt ends no sentence, and need not be called for each line of a long list.
_NUPUNKT_END = re.compile("[.?!…]")
# The longest stretch without white space that nupunkt is handed: it needs time quadratic in its length, and may keep a
# copy in memory.  Of a longer one, which no word is and hardly any address, it is handed the two ends.
_LONGEST_STRETCH = 500
_OVERLONG_STRETCH = re.compile(rf"(?<!\S)\S{{{_LONGEST_STRETCH + 1},}}")
_END = re.compile(
    "(?P<mark>[.!?…。！？｡．।॥؟۔։။።]+)"
    "(?P<closed>[\"'”’“‘»›」』】》〉）)\\]]*(?:[ \xa0\u202f][»›](?=[\\s,.;:)]|$))?)(?P<space>\\s*)"
)
# These end a sentence without a space after them.
_UNSPACED = frozenset("。！？｡．")
_BEFORE = re.compile(r"[^\s(\[«„“\"/，、；：。！？（「『《]+\Z")
_NEXT_WORD = re.compile(r"[\"'“‘„«‹»(\[¿¡—–-]*\s*([^\W_]+)")
# A quotation that goes on as a part of its sentence: と言った, という, 라고 ...
_GOES_ON = re.compile(
    r"(?:と|って|は|が|を|に|も|の|で|や|へ|から|など|、|，|,|라고|라는| ?하고 |고 |이라|란 |은 |는 |을 |를 |도 |的)"
)
_BRACKETS = re.compile("[「『（(《〈【」』）)》〉】]")
_PAIRS = {"」": "「", "』": "『", "）": "（", ")": "(", "》": "《", "〉": "〈", "】": "【"}
# What is in brackets is kept in one piece up to this length.
_KEPT = 80
# A word before a full stop is looked for in so many characters.
_REACH = 24
# "z.B", "a.C", "EE.UU"
_DOTTED = re.compile(r"(?:[^\s.\d]{1,4}\.-?)+[^\s.\d]{1,4}")
_ROMAN = re.compile("[IVXLC]+|[ІХ]+")

# The sentences of the last passages are remembered: many answers may stand in one.
_LONGEST_REMEMBERED = 5_000


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the sentences of a text as offsets without surrounding white space.

    A blank line ends a sentence always; a single line break does unless the lines look wrapped at a
    fixed width.
    """
    return list(sentences(text, 0, len(text), guess_language(text)))


def sentence_around(text: str, start: int, end: int) -> str:
    """Return the sentence of a text that holds the range start..end, verbatim.

    Where the range reaches over several sentences, all of them from the first to the last.
    """
    all_spans = _remembered_spans(text) if len(text) <= _LONGEST_REMEMBERED else sentence_spans(text)
    spans = [(a, b) for a, b in all_spans if a < end and start < b]
    if not spans:
        return text[start:end]
    return text[min(spans[0][0], start) : max(spans[-1][1], end)]


@functools.lru_cache(maxsize=128)
def _remembered_spans(text: str) -> list[tuple[int, int]]:
    return sentence_spans(text)


def sentences(text: str, start: int, end: int, language: str) -> Iterator[tuple[int, int]]:
    """Yield the sentences of text[start:end] as offsets without surrounding white space.

    Args:
        text: the whole text.
        start: where to begin.
        end: where to stop.
        language: ISO 639 code that guess_language() gives.
    """
    cut = _by_nupunkt if language == "en" else _by_marks
    for first, last in _blocks(text, start, end):
        for a, b in cut(text[first:last], language):
            yield from trimmed(text, first + a, first + b)


def trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield text[start:end] without the white space around it, as offsets; nothing where there is nothing else."""
    piece = text[start:end]
    inner = piece.strip()
    if inner:
        first = start + len(piece) - len(piece.lstrip())
        yield first, first + len(inner)


def _by_nupunkt(block: str, language: str) -> Iterator[tuple[int, int]]:
    for a, b in _nupunkt_spans(block):
        position = a
        for match in _OTHER_SENTENCE_END.finditer(block, a, b):
            yield position, match.end()
            position = match.end()
        yield position, b


def _nupunkt_spans(block: str) -> Iterator[tuple[int, int]]:
    if _NUPUNKT_END.search(block) is None:
        yield 0, len(block)
        return
    # Imported late: it loads a model, which a command that only lists articles need not pay for.
    from nupunkt import sent_spans

    shortened, offsets = _without_middles(block)
    for start, end in sent_spans(shortened):
        yield offsets(start), offsets(end)


def _without_middles(block: str) -> tuple[str, Callable[[int], int]]:
    """Return a block with no more than the two ends of each overlong stretch, and what turns its offsets back."""
    end = _LONGEST_STRETCH // 2
    pieces: list[str] = []
    joints: list[int] = []
    left_out: list[int] = [0]
    position = length = 0
    for match in _OVERLONG_STRETCH.finditer(block):
        pieces.append(block[position : match.start() + end])
        length += len(pieces[-1])
        position = match.end() - end
        joints.append(length)
        left_out.append(position - length)
    if not joints:
        return block, lambda offset: offset
    pieces.append(block[position:])
    return "".join(pieces), lambda offset: offset + left_out[bisect_right(joints, offset)]


def _by_marks(block: str, language: str) -> Iterator[tuple[int, int]]:
    kept = _kept(block)
    position = 0
    for match in _END.finditer(block):
        if match.end() == len(block):
            break
        if _ends(block, match, language) and not _inside(kept, match.start(), match.end("mark")):
            yield position, match.end()
            position = match.end()
    yield position, len(block)


def _ends(block: str, match: re.Match[str], language: str) -> bool:
    """Return whether a mark, with what closes a quotation after it, ends a sentence."""
    mark, closed = match["mark"], match["closed"]
    if closed and _GOES_ON.match(block, match.end("closed")):
        return False
    if not _UNSPACED.isdisjoint(mark):
        return True
    # A question or an exclamation in narrow form is used without a space in Chinese and Japanese.
    if not match["space"]:
        return language in ("zh", "ja") and mark[-1] in "!?"
    following = _NEXT_WORD.match(block, match.end())
    word = following[1] if following else ""
    if word[:1].islower():
        return False
    if mark != ".":
        # Three dots in the middle of a sentence: the next word shows it only where there are capital letters.
        return mark.strip(".…") != "" or word[:1].isupper()
    return closed.strip("'’") != "" or not _abbreviated(block, match.start(), word, language)


def _abbreviated(block: str, stop: int, following: str, language: str) -> bool:
    """Return whether the word before a full stop is an abbreviation, an initial or a number in a row."""
    # Of a longer word the end is enough: no abbreviation is so long.
    before = _BEFORE.search(block[max(0, stop - _REACH) : stop])
    if before is None:
        return False
    # "l’art." is "art."
    word = re.split("['’]", before[0].strip("'’‘"))[-1]
    lower = word.lower()
    earlier = block[max(0, stop - len(word) - _REACH) : stop - len(word)].split()
    if lower in CLOSING and (len(word) > 1 or language in ("ru", "uk")) and following[:1].isupper():
        # "1975 г. Она", but "г. Казани"; "и т. д. Она"; "etc. Ella".
        measured = bool(earlier) and (earlier[-1][-1:].isdigit() or _ROMAN.fullmatch(earlier[-1]) is not None)
        return not (measured or len(word) > 1 or _ends_row(earlier, lower))
    if word.isdigit():
        return _in_a_row(word, earlier, following, language)
    if len(word) == 1:
        return word.isalpha() and (word.isascii() or language not in ("zh", "ja", "ko"))
    if language == "de" and lower.endswith("str"):
        return True  # Bahnhofstr. 12
    return _DOTTED.fullmatch(word) is not None or lower in ABBREVIATIONS.get(language, ())


def _ends_row(earlier: list[str], last: str) -> bool:
    """Return whether "т. д.", "т. п.", "и др." end here, after which a new sentence may begin."""
    return bool(earlier) and earlier[-1].lower() in ("т.", "н.") and last in ("д", "п", "э", "е") and last != "е"


def _in_a_row(number: str, earlier: list[str], following: str, language: str) -> bool:
    """Return whether a number's full stop makes it "third", or a part of a date, rather than ending a sentence."""
    if not earlier and len(number) <= 3:
        return True  # a numbered line
    if language == "ko":
        return len(number) <= 4
    if language != "de" or len(number) > 2:
        return False
    return following.isdigit() or following.lower() in AFTER_ORDINAL or earlier[-1].lower() in BEFORE_ORDINAL


def _kept(block: str) -> list[tuple[int, int]]:
    """Return the ranges in brackets that are short enough to be kept in one piece, in order, outermost ones alone."""
    ranges: list[tuple[int, int]] = []
    opened: list[tuple[str, int]] = []
    for match in _BRACKETS.finditer(block):
        sign, at = match.group(), match.start()
        if sign not in _PAIRS:
            opened.append((sign, at))
        elif opened and opened[-1][0] == _PAIRS[sign]:
            _, begun = opened.pop()
            if at - begun <= _KEPT:
                while ranges and ranges[-1][0] > begun:
                    ranges.pop()
                ranges.append((begun, at))
        else:
            opened.clear()
    return ranges


def _inside(ranges: list[tuple[int, int]], first: int, last: int) -> bool:
    """Return whether a mark is within one of the ranges and not at its end, where it closes what is in it."""
    place = bisect_right(ranges, (first, first)) - 1
    return place >= 0 and ranges[place][0] < first and last < ranges[place][1]


def _blocks(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Paragraphs, and the lines of paragraphs that are not wrapped at a fixed width."""
    position = start
    for match in _BLANK_LINE.finditer(text, start, end):
        yield from _lines(text, position, match.start())
        position = match.end()
    yield from _lines(text, position, end)


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    lines: list[tuple[int, int]] = []
    position = start
    for line in re.split(r"(?<=\n)", text[start:end]):
        if line.strip():
            lines.append((position, position + len(line)))
        position += len(line)
    if not lines:
        return
    widths = [last - first for first, last in lines]
    if len(lines) >= 3 and max(widths) <= _WRAPPED_LINE and min(widths[:-1]) >= 0.6 * max(widths):
        yield lines[0][0], lines[-1][1]
    else:
        yield from lines
