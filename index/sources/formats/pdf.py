"""PDF → an article: its text layer as running text, and the offset at which each page begins."""

import math
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from index.errors import ArticleError, InputError, TooLarge, UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.metadata import Facts, plausible
from index.sources.parsing.pdf_columns import Piece, join_pieces, reading_order
from index.sources.parsing.pdf_paragraphs import Sheet, run_together, without_running_heads
from index.sources.sandbox import limited
from index.types import Article, Failure
from index.validation import MAX_ARTICLE_CHARACTERS

MAX_PAGES = 2_000
# A page of a scan has a stamp or nothing at all in its text layer.
_SCAN_CHARACTERS = 25
_TOO_MUCH = "unpacks to more than may be read"
_OCR = "run text recognition over it first (such as ocrmypdf in.pdf out.pdf) and add the result"


def extract(data: bytes) -> dict[str, Any]:
    """Return text, page offsets, properties and pages that could not be read; runs in the subprocess.

    Raises:
        ArticleError: it has no text layer.
        InputError: it needs a password.
        TooLarge: over MAX_PAGES pages or the limit on an article's text.
        UnsupportedFormat: it is damaged or cut short.
    """
    from pypdf import PdfReader
    from pypdf.errors import LimitReachedError, PyPdfError

    if b"%%EOF" not in data[-2_048:]:
        # What half a file still holds would pass for the whole.
        raise UnsupportedFormat("the PDF is cut short (its end is missing): get it again")
    try:
        reader = PdfReader(BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise InputError("the PDF needs a password: save it without one and add it again")
        count = len(reader.pages)
    except LimitReachedError as error:
        raise TooLarge(
            f"the PDF unpacks to more than may be read ({error}): print it to a new PDF, or save its text"
        ) from None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise UnsupportedFormat(
            f"the PDF is damaged ({error or type(error).__name__}): print it to a new PDF"
        ) from None
    if count > MAX_PAGES:
        raise TooLarge(f"the PDF has {count:,} pages; at most {MAX_PAGES:,}: split it")
    sheets: list[Sheet] = []
    unread: dict[str, str] = {}
    images = characters = 0
    for number in range(count):
        sheet = Sheet(0.0, 0.0, ())
        try:
            page = reader.pages[number]
            sheet = _sheet(page)
            if not sheet.pieces:
                images += _has_images(page)
        except LimitReachedError:
            unread[str(number + 1)] = _TOO_MUCH
        except (
            PyPdfError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            IndexError,
            RecursionError,
            ZeroDivisionError,
        ):
            unread[str(number + 1)] = "is damaged"
        sheets.append(sheet)
        characters += sum(len(piece.text) for piece in sheet.pieces)
        if characters > 1.2 * MAX_ARTICLE_CHARACTERS:
            raise TooLarge(f"the text of the PDF is over {MAX_ARTICLE_CHARACTERS:,} characters: split it")
    if not characters and count and set(unread.values()) == {_TOO_MUCH} and len(unread) == count:
        raise TooLarge("the PDF's pages unpack to more than may be read: print it to a new PDF, or save its text")
    if not characters and len(unread) == count:
        raise UnsupportedFormat("none of the PDF's pages can be read: print it to a new PDF, or save its text")
    if characters < _SCAN_CHARACTERS * max(1, images):
        what = "holds pictures of its pages and no text" if images else "holds no text"
        raise ArticleError(f"the PDF {what}: {_OCR}")
    flow = run_together([reading_order(sheet.pieces) for sheet in without_running_heads(sheets)])
    if _unreadable_share(flow.text) > 0.3:
        raise ArticleError(f"the fonts of the PDF do not say which characters they show: {_OCR}")
    return {
        "text": flow.text,
        "pages": flow.pages,
        "title": flow.title,
        "unread": unread,
        "properties": _properties(reader),
    }


def _sheet(page: Any) -> Sheet:
    # /Rotate turns the paper, not the text: which way most of the text runs tells the same and more.
    box = page.mediabox
    widths = _Widths()
    found: list[tuple[int, Piece]] = []

    # Word spacing justifies lines; pypdf leaves it out of widths.  A text is handed over after the next one's spacing
    # was set, so what counts is the spacing when it was shown.
    spacing = {"set": 0.0, "shown": 0.0}
    saved: list[float] = []

    def follow(operator: bytes, operands: Any, _cm: list[float], _tm: list[float]) -> None:
        if operator == b"Tw" and operands:
            spacing["set"] = float(operands[0])
        elif operator == b"q":
            saved.append(spacing["set"])
        elif operator == b"Q" and saved:
            spacing["set"] = saved.pop()
        elif operator in (b"Tj", b"TJ", b"'", b'"'):
            spacing["shown"] = spacing["set"]

    def visit(text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
        line = text.replace("\n", " ").replace("\x00", "")
        if not line:
            return
        a, b = tm[0] * cm[0] + tm[1] * cm[2], tm[0] * cm[1] + tm[1] * cm[3]
        c, d = tm[2] * cm[0] + tm[3] * cm[2], tm[2] * cm[1] + tm[3] * cm[3]
        x, y = tm[4] * cm[0] + tm[5] * cm[2] + cm[4], tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
        height = abs(size) * math.hypot(c, d)
        if not (0.5 < height < 2_000 and math.isfinite(x + y)):
            return
        # Quarter turns: 0 upright, 1 upwards, 2 upside down, 3 downwards.
        turn = round(math.atan2(b, a) / (math.pi / 2)) % 4
        x, y = ((x, y), (y, -x), (-x, -y), (-y, x))[turn]
        # White space at the beginning is drawn before the place that is told for it.
        shown = line.rstrip()
        scale = math.hypot(a, b)
        width = widths.ems(shown, font) * abs(size) * scale + spacing["shown"] * shown.count(" ") * scale
        found.append((turn, Piece(line, x, y, height, width, _is_bold(font))))

    page.extract_text(visitor_text=visit, visitor_operand_before=follow)
    # Text that runs another way than most of the page is a stamp or a label of an axis.
    characters = [0, 0, 0, 0]
    for turn, piece in found:
        characters[turn] += len(piece.text)
    main = characters.index(max(characters))
    corners = (float(box.left), float(box.bottom), float(box.right), float(box.top))
    bottom, top = (
        (corners[1], corners[3]),
        (-corners[2], -corners[0]),
        (-corners[3], -corners[1]),
        (corners[0], corners[2]),
    )[main]
    return Sheet(top - bottom, bottom, tuple(join_pieces([piece for turn, piece in found if turn == main])))


class _Widths:
    """Widths of texts in heights of their fonts: as the font's own table tells, else estimated."""

    def __init__(self) -> None:
        self._fonts: dict[int, Any] = {}

    def ems(self, text: str, font: Any) -> float:
        """Return the width of a text set in a font, which may be None."""
        if font is not None:
            if id(font) not in self._fonts:
                self._fonts[id(font)] = (font, _measured(font))
            known = self._fonts[id(font)][1]
            width = known.get_text_width(text) / 1_000 if known is not None else 0.0
            if width > 0:
                return float(width)
        return sum(1.0 if ord(letter) >= 0x2E80 else _LETTERS.get(letter, 0.5) for letter in text)


def _measured(font: Any) -> Any:
    """The font with its widths; None where they cannot be had: pypdf keeps this part to itself and may move it."""
    try:
        from pypdf.generic._font import Font

        return Font.from_font_resource(font)
    except Exception:  # an estimate will do
        return None


# Of Helvetica and Times, between the two.
_LETTERS = {
    **dict.fromkeys("ijl.,:;'|!fI", 0.27),
    **dict.fromkeys("tr()[]-/ ", 0.31),
    **dict.fromkeys("mwMW", 0.78),
    **dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZ&%@", 0.68),
}


def _is_bold(font: Any) -> bool:
    return bool(font) and re.search(r"bold|black|heavy|semibold|-bd", str(font.get("/BaseFont", "")), re.I) is not None


def _has_images(page: Any) -> bool:
    resources = page.get("/Resources")
    objects = resources.get_object().get("/XObject") if resources is not None else None
    values = objects.get_object().values() if objects is not None else ()
    return any(value.get_object().get("/Subtype") in ("/Image", "/Form") for value in values)


def _unreadable_share(text: str) -> float:
    """Share of characters that no font can have meant: replacement marks, private ones, controls."""
    letters = [letter for letter in text if not letter.isspace()]
    strange = sum(letter == "\ufffd" or "\ue000" <= letter <= "\uf8ff" or letter < " " for letter in letters)
    return strange / len(letters) if letters else 0.0


def _properties(reader: Any) -> dict[str, str]:
    """Title, author, dates and language out of the document's properties, as strings."""
    found: dict[str, str] = {}
    try:
        about = reader.metadata or {}
        names = {"title": "/Title", "author": "/Author", "created": "/CreationDate", "modified": "/ModDate"}
        found = {field: str(about[name]) for field, name in names.items() if about.get(name)}
        if (language := reader.root_object.get("/Lang")) is not None:
            found["language"] = str(language)
    except Exception:  # properties are not worth a document
        return found
    return found


def pdf_date(value: str) -> str | None:
    """Return a date as PDF writes it ("D:20230504101500+02'00'") as ISO 8601, None where it is none."""
    match = re.match(r"(?:D:)?(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(Z|[+-]\d{2})?'?(\d{2})?", value)
    if match is None:
        return None
    year, month, day, hour, minute, second, zone, minutes = match.groups()
    clock = f"T{hour}:{minute}:{second or '00'}" if hour else ""
    shift = "" if not zone else "Z" if zone == "Z" else f"{zone}:{minutes or '00'}"
    return plausible(f"{year}-{month}-{day}{clock}{shift if clock else ''}")


def _recognises(given: Given) -> Sure:
    return Sure.YES if b"%PDF-" in given.data[:1_024] else Sure.NO


def _read(given: Given) -> Iterator[Article | Failure]:
    found = limited.run("pdf", given.data)
    text, about = found["text"], found["properties"]
    facts = Facts(given.known)
    dated = pdf_date(about.get("created", "")), pdf_date(about.get("modified", ""))
    facts.offer_document(text, about, "pdf-properties", (found["title"], "first-lines"), dated)
    yield facts.article(text, pages=tuple(found["pages"]))
    for number, reason in found["unread"].items():
        yield Failure(f"{given.name} page {number}", UnsupportedFormat(f"the page {reason}: its text is missing"))


FORMAT = Format(
    name="pdf",
    recognises=_recognises,
    read=_read,
    suffixes=(".pdf",),
    content_types=("application/pdf", "application/x-pdf"),
    parse=extract,
)
