"""Pages of one to three columns, drawn in any order: the text comes out as it was set."""

import io
import random

import pytest
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from index import Article, read_bytes

TEXT = (
    "the river was high and boats lay still in the harbour until wind came round again while women mended nets on a "
    "pier keeper lighthouse wrote letter brother who lived beyond mountains"
)
WORDS = TEXT.split()


def document(dice: random.Random) -> tuple[bytes, str]:
    """A PDF, and the words of its text in the order in which a person reads them."""
    columns, pages, gutter = dice.choice((1, 2, 2, 3)), dice.choice((1, 2, 3)), dice.choice((10, 14, 20, 30))
    font, size = dice.choice(("Times-Roman", "Helvetica", "Courier")), dice.choice((8, 9, 10, 11))
    by_row, justified = dice.random() < 0.5, dice.random() < 0.5
    width, leading = (495 - gutter * (columns - 1)) / columns, size * 1.2
    rows = int(690 / leading)
    lines: list[tuple[str, bool]] = []
    while len(lines) < rows * columns * pages:
        text = " ".join(
            f"N{dice.randrange(10**6)} {' '.join(dice.choices(WORDS, k=9))}." for _ in range(dice.randint(2, 6))
        )
        paragraph = simpleSplit(text, font, size, width)
        lines += [(line, place == len(paragraph) - 1) for place, line in enumerate(paragraph)]
    lines = lines[: rows * columns * pages]
    target = io.BytesIO()
    canvas = Canvas(target, pagesize=(595, 842), invariant=1)
    for page in range(pages):
        canvas.setFont("Helvetica", 8)
        canvas.drawString(50, 815, "The running head of this paper")
        canvas.drawCentredString(297, 25, str(page + 1))
        cells = [(column, row) for column in range(columns) for row in range(rows)]
        if by_row:
            cells.sort(key=lambda cell: (cell[1], cell[0]))
        for column, row in cells:
            line, last = lines[(page * columns + column) * rows + row]
            drawn = canvas.beginText(50 + column * (width + gutter), 770 - row * leading)
            drawn.setFont(font, size)
            spaces = line.count(" ")
            room = width - canvas.stringWidth(line, font, size)
            drawn.setWordSpace(room / spaces if justified and spaces and not last else 0)
            drawn.textOut(line)
            canvas.drawText(drawn)
        canvas.showPage()
    canvas.save()
    return target.getvalue(), " ".join(line for line, _ in lines)


@pytest.mark.parametrize("seed", range(30))
def test_the_text_comes_out_as_it_was_set(seed) -> None:
    data, text = document(random.Random(seed))
    (article,) = read_bytes(data, "columns.pdf")
    assert isinstance(article, Article)
    found = " ".join(article.text.split())
    # One page alone does not show what repeats.
    assert found.removeprefix("The running head of this paper ") == text
