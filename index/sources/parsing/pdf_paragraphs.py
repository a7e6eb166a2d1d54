"""The lines of a document's pages → one running text, with the offset at which each page begins.

What repeats at the top and bottom of pages is kept out, words divided at a line's end are whole again, and a sentence
that runs over to the next column or page is one sentence.  Pure: nothing here knows of a library.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from index.sources.parsing.pdf_columns import Line, Piece

# Running heads stand within this share of a page's height at its top and bottom.
MARGIN_SHARE = 0.13
_SAME_PLACE = 6.0
_APART_EMS = 1.6
_PAGE_NUMBER = re.compile(
    r"(?:page|p\.|seite|pág\.?|стр\.?)?\s*[-–—|]?\s*(?:\d{1,4}|[ivxlc]{1,7})\s*[-–—|]?(?:\s*(?:of|/|von|de|из)\s*\d{1,4})?",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…:;。！？][\"”’»)\]]*\d{0,2}$")
_ITEM = re.compile(r"(?:[•▪◦‣·●○*–—-]\s|\(?(?:\d{1,3}|[a-z])[.)]\s)")
_DIVIDED = re.compile(r"([^\W\d_]+)[-\u2010]$")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Flow:
    """A document's running text.

    Attributes:
        text: paragraphs with a blank line between them.
        pages: offset at which each page begins, ascending; a page without text begins where the next one does.
        title: its largest line or lines, where they stand out at the top of the first page; "" where none do.
    """

    text: str
    pages: tuple[int, ...]
    title: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page.

    Attributes:
        height: in points.
        bottom: y of its lower edge.
        pieces: its text, in the order in which it is drawn.
    """

    height: float
    bottom: float
    pieces: tuple[Piece, ...]


def without_running_heads(sheets: Sequence[Sheet]) -> list[Sheet]:
    """Return the pages without page numbers and without what repeats in their margins."""
    counts: Counter[tuple[str, int]] = Counter()
    margins = [_margins(sheet) for sheet in sheets]
    for sheet, pieces in zip(sheets, margins, strict=True):
        keys = {_head_key(sheet, piece) for piece in pieces}
        # Places are rounded: what lies on the edge of two is counted for both.
        counts.update({(words, place + step) for words, place in keys for step in (0, 1)})

    def goes(sheet: Sheet, piece: Piece) -> bool:
        key = _head_key(sheet, piece)
        # What is set larger than the text is a running head only if it runs through half of the document: pages may
        # begin with "Step 1", "Step 2".
        least = 2 if piece.size <= 1.1 * _body_size(sheet) else max(3, len(sheets) // 2)
        repeated = max(counts[key], counts[key[0], key[1] + 1]) >= least
        return repeated or _PAGE_NUMBER.fullmatch(piece.text.strip()) is not None

    kept = []
    for sheet, pieces in zip(sheets, margins, strict=True):
        gone = {id(piece) for piece in pieces if goes(sheet, piece)}
        kept.append(Sheet(sheet.height, sheet.bottom, tuple(one for one in sheet.pieces if id(one) not in gone)))
    return kept


def run_together(pages: Sequence[Sequence[Line]]) -> Flow:
    """Return the running text of pages.

    Args:
        pages: the lines of each in reading order.
    """
    lines = [line for page in pages for line in page]
    words = _vocabulary(lines)
    leading = _leading(lines)
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    last: Line | None = None
    for page in pages:
        begun = False
        for line in page:
            gap, drop = _between(last, line, words, leading.get(round(line.size), 1.25 * line.size), not begun)
            if drop:
                parts[-1] = parts[-1][:-drop]
                length -= drop
            if not begun:
                starts.append(length + len(gap))
                begun = True
            parts.append(gap + line.text)
            length += len(gap) + len(line.text)
            last = line
        if not begun:
            starts.append(-1)
    # From the end: a page without text begins where the next one does.
    following = length
    for place in range(len(starts) - 1, -1, -1):
        following = starts[place] = following if starts[place] < 0 else starts[place]
    return Flow("".join(parts), tuple(starts), _title(pages[0] if pages else (), lines))


def _head_key(sheet: Sheet, piece: Piece) -> tuple[str, int]:
    """What a piece in the margin is recognised by on another page."""
    words = re.sub(r"\d+", "#", " ".join(piece.text.lower().split()))
    return words, round((piece.y - sheet.bottom) / _SAME_PLACE)


def _body_size(sheet: Sheet) -> int:
    """The size of most letters of a page, in points."""
    sizes: Counter[int] = Counter()
    for piece in sheet.pieces:
        sizes[round(piece.size)] += len(piece.text)
    return sizes.most_common(1)[0][0] if sizes else 0


def _margins(sheet: Sheet) -> list[Piece]:
    """What stands at the top and bottom of a page, set apart from its text by a gap or by the size of its letters."""
    body = _body_size(sheet)
    depth = MARGIN_SHARE * sheet.height
    found: list[Piece] = []
    for way in (-1, 1):
        ordered = sorted(sheet.pieces, key=lambda one: way * one.y)
        edge = sheet.bottom + (sheet.height if way < 0 else 0)
        outer = [piece for piece in ordered if abs(edge - piece.y) <= depth]
        apart = 0
        for place, piece in enumerate(outer):
            inner = ordered[place + 1] if place + 1 < len(ordered) else None
            gap = abs(piece.y - inner.y) if inner is not None else float("inf")
            smaller = abs(round(piece.size) - body) >= 1 and gap > 0.45 * piece.size
            if gap > _APART_EMS * max(piece.size, inner.size if inner is not None else 0.0) or smaller:
                apart = place + 1
        found.extend(outer[:apart])
    return found


def _vocabulary(lines: Sequence[Line]) -> set[str]:
    """Words and compounds as they stand within lines, where nothing divides them."""
    words: set[str] = set()
    divided = False
    for line in lines:
        found = _WORD.findall(_DIVIDED.sub("", line.text))
        words.update(word.lower() for word in found[divided:])
        divided = _DIVIDED.search(line.text) is not None
    return words


def _leading(lines: Sequence[Line]) -> dict[int, float]:
    """The usual distance of two lines, in points, for each size of letters."""
    gaps: dict[int, Counter[float]] = {}
    for above, below in pairwise(lines):
        gap = above.y - below.y
        if above.column == below.column and round(above.size) == round(below.size) and 0 < gap < 3 * below.size:
            gaps.setdefault(round(below.size), Counter())[round(gap * 2) / 2] += 1
    return {size: found.most_common(1)[0][0] for size, found in gaps.items()}


def _between(last: Line | None, line: Line, words: set[str], leading: float, new_page: bool) -> tuple[str, int]:
    """Return what goes between two lines, and how many characters of the first one's end are dropped."""
    if last is None:
        return "", 0
    if last.row or line.row:
        return ("\n" if last.row and line.row else "\n\n"), 0
    elsewhere = new_page or last.column != line.column
    if (_new_place if elsewhere else _new_paragraph)(last, line, leading):
        return ("\n" if _ITEM.match(line.text) and not elsewhere else "\n\n"), 0
    return _joint(last.text, line.text, words)


def _new_paragraph(last: Line, line: Line, leading: float) -> bool:
    """Whether a line of the same column begins a paragraph."""
    size = max(line.size, last.size)
    if abs(line.size - last.size) > 0.12 * size or line.bold != last.bold:
        return True
    if last.y - line.y > 1.4 * leading + 0.5 or _ITEM.match(line.text):
        return True
    width = line.right_edge - line.left_edge
    indented = line.x - line.left_edge
    if 0.7 * size < indented < 0.3 * width and last.x - last.left_edge < 0.4 * size and _full(last):
        # A first line that is set in; lists and quotations are set in from their second line on too.
        return bool(_SENTENCE_END.search(last.text))
    if 0.7 * size < indented and last.x - last.left_edge < 0.4 * size:
        return True
    return bool(_SENTENCE_END.search(last.text)) and last.right < line.left_edge + 0.8 * width


def _new_place(last: Line, line: Line, _leading: float) -> bool:
    """Whether the first line of another column or page begins a paragraph rather than going on with the last one."""
    if abs(line.size - last.size) > 0.12 * max(line.size, last.size) or line.bold != last.bold:
        return True
    if _DIVIDED.search(last.text):
        return False
    if _SENTENCE_END.search(last.text):
        return True
    return _ITEM.match(line.text) is not None or not (_full(last) or line.text[:1].islower())


def _full(line: Line) -> bool:
    """Whether a line reaches the right edge of its column, as all but the last one of a paragraph do."""
    return line.right >= line.left_edge + 0.75 * (line.right_edge - line.left_edge)


def _joint(before: str, after: str, words: set[str]) -> tuple[str, int]:
    """How two lines of one paragraph are joined; a word that was divided becomes whole."""
    if before.endswith("\xad"):
        return "", 1
    divided = _DIVIDED.search(before)
    following = re.match(r"[^\W_]+", after)
    if divided is None or following is None:
        return " ", 0
    left, right = divided[1].lower(), following[0].lower()
    if not after[:1].islower():
        return "", 0  # "Anglo-" and "Saxon", "COVID-" and "19"
    if left + right in words:
        return "", 1
    compound = f"{left}-{right}" in words or (min(len(left), len(right)) > 2 and {left, right} <= words)
    return ("", 0) if compound else ("", 1)


def _title(page: Sequence[Line], lines: Sequence[Line]) -> str:
    sizes: Counter[int] = Counter()
    for line in lines:
        sizes[round(line.size)] += len(line.text)
    if not page or not sizes:
        return ""
    body = sizes.most_common(1)[0][0]
    largest = max(line.size for line in page)
    if largest < 1.2 * body:
        return ""
    return " ".join(_first_run(page, largest))[:500]


def _first_run(page: Sequence[Line], size: float) -> Iterator[str]:
    """The first lines of a size that follow each other."""
    begun = False
    for line in page:
        if line.size >= 0.95 * size:
            begun = True
            yield line.text
        elif begun:
            return
