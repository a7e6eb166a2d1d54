"""Pieces of text at places on a page → its lines in reading order, column by column.

Pure: nothing here knows of a library.  Lengths are in points, y grows upwards.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

# How sure the width of a piece is: its right end may be off by this share.
WIDTH_ERROR = 0.01
# Wider gaps are not between words drawn one after the other ...
_WORD_GAP_EMS = 0.6
# ... and wider ones yet, within a line of one column, are between the cells of a table.
_CELL_GAP_EMS = 1.6
# A column of prose fills so much of its width; a column of a table does not.
_PROSE_FILL = 0.6
_PROSE_CHARACTERS = 15
_LEAST_LINES = 3
# Four columns side by side are found, and no search goes deeper.
_MOST_NESTED = 2


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text on one line of a page.

    Attributes:
        text: its characters.
        x: left end in points.
        y: baseline in points.
        size: height of its letters in points.
        width: estimated, in points.
        bold: whether its font says so.
    """

    text: str
    x: float
    y: float
    size: float
    width: float
    bold: bool = False

    @property
    def right(self) -> float:
        """Estimated right end in points."""
        return self.x + self.width


@dataclass(frozen=True, slots=True)
class Line:
    """A line of one column, or a row of a table.

    Attributes:
        text: its characters, cells of a table between bars.
        x: left end in points.
        right: estimated right end in points.
        y: baseline in points.
        size: height of most of its letters in points.
        bold: whether most of it is.
        left_edge: where its column begins.
        right_edge: where its column ends.
        row: whether it is a row of a table.
        column: number of its column on the page, counted in reading order.
    """

    text: str
    x: float
    right: float
    y: float
    size: float
    bold: bool = False
    left_edge: float = 0.0
    right_edge: float = 0.0
    row: bool = False
    column: int = 0


def join_pieces(pieces: Sequence[Piece]) -> list[Piece]:
    """Join pieces that follow each other on one line; those with a wide gap between them stay apart.

    Args:
        pieces: in the order in which the page draws them.
    """
    joined: list[Piece] = []
    for piece in pieces:
        if not piece.text.strip():
            # A drawn space belongs to what stands before it.
            if joined and piece.text and _follows(joined[-1], piece) and not joined[-1].text.endswith(" "):
                joined[-1] = replace(joined[-1], text=joined[-1].text + " ", width=piece.right - joined[-1].x)
            continue
        last = joined[-1] if joined else None
        if last is not None and _follows(last, piece):
            gap = piece.x - last.right
            apart = gap > 0.25 * last.size + WIDTH_ERROR * last.width
            space = " " if apart and not last.text[-1:].isspace() and not piece.text[:1].isspace() else ""
            whole = max(last, piece, key=lambda one: len(one.text.strip()))
            text = last.text + space + piece.text
            right = max(last.right, piece.right)
            y = last.y if len(last.text.strip()) >= len(piece.text.strip()) else piece.y
            joined[-1] = Piece(text, last.x, y, whole.size, right - last.x, whole.bold)
        else:
            joined.append(piece)
    return [replace(piece, text=" ".join(piece.text.split())) for piece in joined]


def reading_order(pieces: Sequence[Piece]) -> list[Line]:
    """Return the lines of a page in the order in which a person reads them.

    Columns of prose are read one after the other, between the lines that run over all of them; rows of a table stay
    rows.

    Args:
        pieces: joined, in any order.
    """
    return [
        replace(line, column=number) for number, column in enumerate(_columns(list(pieces))) for line in _lines(column)
    ]


def _follows(last: Piece, piece: Piece) -> bool:
    size = max(last.size, piece.size)
    if abs(last.y - piece.y) > 0.45 * size or piece.x < last.x + min(1.0, last.width / 2):
        return False
    gap = piece.x - last.right
    slack = WIDTH_ERROR * last.width
    return -slack - 2 * size < gap < _WORD_GAP_EMS * size + slack


def _columns(pieces: list[Piece]) -> Iterator[list[Piece]]:
    """Cut pieces into columns and the bands between them, in reading order."""
    edge = _second_column(pieces)
    if edge is None:
        if pieces:
            yield pieces
        return
    right = [piece for piece in pieces if piece.x >= edge]
    left = [piece for piece in pieces if piece.x < edge and not _crosses(piece, edge)]
    across = [piece for piece in pieces if piece.x < edge and _crosses(piece, edge)]
    top = float("inf")
    for band in [*_bands(across, left + right), []]:
        bottom = max((piece.y for piece in band), default=float("-inf"))
        for side in (left, right):
            yield from _columns([piece for piece in side if bottom < piece.y <= top])
        if band:
            yield band
            top = bottom


def _bands(across: list[Piece], others: list[Piece]) -> list[list[Piece]]:
    """Lines that run over several columns, those together that have nothing of the columns between them."""
    bands: list[list[Piece]] = []
    for piece in sorted(across, key=lambda one: -one.y):
        if bands and not any(piece.y < other.y < bands[-1][-1].y for other in others):
            bands[-1].append(piece)
        else:
            bands.append([piece])
    return bands


def _crosses(piece: Piece, edge: float) -> bool:
    return piece.right - WIDTH_ERROR * piece.width > edge + 0.5 * piece.size


def _second_column(pieces: list[Piece], depth: int = 0) -> float | None:
    """Return where a column begins that has another one on its left; None where there is one column."""
    starts = Counter(round(piece.x / 3) for piece in pieces)
    total = sum(len(piece.text) for piece in pieces)
    best: tuple[int, float] | None = None
    for slot, count in starts.items():
        if count + starts[slot + 1] < _LEAST_LINES:
            continue
        edge = slot * 3 - 2.0
        crossing = 0
        right = [piece for piece in pieces if piece.x >= edge]
        left = []
        for piece in pieces:
            if piece.x < edge:
                if _crosses(piece, edge):
                    crossing += 1
                else:
                    left.append(piece)
        if min(len(left), len(right)) < _LEAST_LINES or crossing > 0.4 * min(len(left), len(right)):
            continue
        if min(_characters(left), _characters(right)) < 0.15 * total:
            continue
        right_edge = max(piece.right for piece in right)
        if not (_is_prose(left, edge, depth) and _is_prose(right, right_edge, depth)):
            continue
        if _shared_height(left, right) < 0.4:
            continue
        # The edge that most lines keep to; of two alike the one further left has the indented lines with it.
        rank = (count + starts[slot + 1] - 2 * crossing, -edge)
        if best is None or rank > (best[0], -best[1]):
            best = (int(rank[0]), edge)
    return best[1] if best else None


def _characters(pieces: list[Piece]) -> int:
    return sum(len(piece.text) for piece in pieces)


def _is_prose(pieces: list[Piece], right_edge: float, depth: int) -> bool:
    """Whether pieces fill their column, or the columns within it, as the lines of paragraphs do."""
    if _characters(pieces) < _PROSE_CHARACTERS * len(pieces):
        return False
    left_edge = min(piece.x for piece in pieces)
    widths = sorted(piece.width for piece in pieces)
    if widths[len(widths) // 2] >= _PROSE_FILL * (right_edge - left_edge) * (1 - WIDTH_ERROR):
        return True
    return depth < _MOST_NESTED and _second_column(pieces, depth + 1) is not None


def _shared_height(one: list[Piece], other: list[Piece]) -> float:
    """Share of the lower column's height that lies beside the other one."""
    tops = [max(piece.y for piece in side) for side in (one, other)]
    bottoms = [min(piece.y for piece in side) for side in (one, other)]
    shared = min(tops) - max(bottoms)
    height = min(top - bottom for top, bottom in zip(tops, bottoms, strict=True))
    return shared / height if height > 0 else 0.0


def _lines(pieces: list[Piece]) -> list[Line]:
    """Put the pieces of one column into lines, from top to bottom."""
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda one: (-one.y, one.x)):
        if rows and abs(rows[-1][0].y - piece.y) <= 0.45 * max(rows[-1][0].size, piece.size):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    left_edge = min(piece.x for piece in pieces)
    right_edge = max(piece.right for piece in pieces)
    lines = []
    for row in rows:
        row.sort(key=lambda one: one.x)
        cells = [piece.text for piece in row]
        whole = max(row, key=lambda one: len(one.text))
        split = len(row) > 1 and any(
            after.x - before.right > _CELL_GAP_EMS * whole.size for before, after in pairwise(row)
        )
        lines.append(
            Line(
                (" | " if split else " ").join(cells),
                row[0].x,
                max(piece.right for piece in row),
                whole.y,
                whole.size,
                whole.bold,
                left_edge,
                right_edge,
                split,
            )
        )
    return lines
