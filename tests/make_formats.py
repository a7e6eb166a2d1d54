"""Makes tests/data/formats: one small file of each kind that people have, each with a fact that no other file holds.

Run as ``python -m tests.make_formats`` after a change here; the files are kept, so tests need nothing of this.
"""

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

FOLDER = Path(__file__).parent / "data" / "formats"
FILES: dict[str, Callable[[], bytes]] = {}
_STAMP = (2024, 3, 1, 12, 0, 0)
Maker = Callable[[], bytes]


def _file(name: str) -> Callable[[Maker], Maker]:
    def keep(maker: Maker) -> Maker:
        FILES[name] = maker
        return maker

    return keep


# --- PDF


def _canvas(draw: Callable, *, title: str = "", author: str = "", size: tuple[float, float] = (595, 842)) -> bytes:
    from reportlab.pdfgen.canvas import Canvas

    target = io.BytesIO()
    canvas = Canvas(target, pagesize=size, invariant=1)
    canvas.setTitle(title)
    canvas.setAuthor(author)
    draw(canvas)
    canvas.save()
    return target.getvalue()


def _set_lines(
    canvas: object, lines: Sequence[str], x: float, y: float, *, size: float = 11, leading: float = 14
) -> float:
    canvas.setFont("Times-Roman", size)
    for line in lines:
        canvas.drawString(x, y, line)
        y -= leading
    return y


def _wrap(text: str, width: float, size: float = 11) -> list[str]:
    from reportlab.lib.utils import simpleSplit

    return simpleSplit(text, "Times-Roman", size, width)


@_file("observatory-two-columns.pdf")
def _two_columns() -> bytes:
    from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
    from reportlab.platypus import BaseDocTemplate, Frame, FrameBreak, NextPageTemplate, PageTemplate, Paragraph

    styles = getSampleStyleSheet()
    body = ParagraphStyle("body", parent=styles["BodyText"], firstLineIndent=12, alignment=4, spaceBefore=0)
    width, height, column = 595, 842, 230

    def furniture(canvas: object, document: object) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(60, height - 40, "Annals of Alpine Science")
        canvas.drawRightString(width - 60, height - 40, "Volume 12")
        canvas.drawCentredString(width / 2, 30, f"– {document.page} –")

    sides = [Frame(60, 60, column, height - 130), Frame(60 + column + 15, 60, column, height - 130)]
    first = [
        Frame(60, height - 230, 475, 150),
        Frame(60, 60, column, height - 300),
        Frame(60 + column + 15, 60, column, height - 300),
    ]
    target = io.BytesIO()
    document = BaseDocTemplate(
        target,
        pagesize=(width, height),
        title="The Karvel observatory and its instruments",
        author="Elise Brandt",
        invariant=1,
    )
    document.addPageTemplates(
        [PageTemplate("first", first, onPage=furniture), PageTemplate("later", sides, onPage=furniture)]
    )
    filler = (
        "The instruments on the mountain are looked after by two mechanics, who climb up from the valley every Monday "
        "with the cable car. In clear weather the domes are opened an hour after sunset, and the observers note wind, "
        "temperature and humidity before they begin. Snow is cleared from the roofs by hand. "
    )
    story = [
        Paragraph("The Karvel observatory and its instruments", styles["Title"]),
        Paragraph("This paper describes the buildings on the summit and how they are used. " * 3, styles["BodyText"]),
        FrameBreak(),
        NextPageTemplate("later"),
    ]
    for number in range(22):
        story.append(Paragraph(filler, body))
        if number == 2:
            story.append(
                Paragraph(
                    "The Karvel observatory was paid for by the clockmaker Anton Hellwig, who gave his whole fortune to it.",
                    body,
                )
            )
        if number == 15:
            story.append(
                Paragraph("The main mirror of the Karvel telescope was ground in Jena and weighs 640 kilograms.", body)
            )
    document.build(story)
    return target.getvalue()


@_file("newsletter-interleaved.pdf")
def _interleaved() -> bytes:
    """Two columns that are drawn row by row, as some scanners and word processors do."""
    left = (
        "The ferry between Tolvik and the island of Sando was replaced in May. The new ferry is called Morgenstern and "
        "carries sixty cars. It crosses the sound in twenty minutes and runs on batteries that are charged at the pier. "
        "The old ferry had been in service since 1968 and was sold to a shipyard in Gdynia. Residents can use the new "
        "ship without a ticket until the end of the year, after which a pass will cost forty crowns a month."
    )
    right = (
        "The library of Tolvik reopened after two years of repairs. Its new reading room was designed by the architect "
        "Petra Solheim and has a roof of larch wood. There are places for ninety readers and a room for children. The "
        "collection of old maps has moved to the first floor, where it can be seen on Thursdays. The repairs cost less "
        "than planned, since the old foundations turned out to be dry and sound."
    )

    def draw(canvas: object) -> None:
        canvas.setFont("Times-Bold", 20)
        canvas.drawString(60, 780, "News from Tolvik, summer issue for all households")
        y = 740
        columns = _wrap(left, 225), _wrap(right, 225)
        for place in range(max(map(len, columns))):
            for x, lines in zip((60, 310), columns, strict=True):
                if place < len(lines):
                    _set_lines(canvas, [lines[place]], x, y)
            y -= 14

    return _canvas(draw, title="newsletter_final_v3.indd")


@_file("bulletin-three-columns.pdf")
def _three_columns() -> bytes:
    texts = (
        "The sawmill at Brenna burned down in the night of 3 March. Nobody was hurt. The fire began in a heap of bark "
        "that had been drying beside the boiler for several weeks. The owner means to build the mill again by autumn.",
        "The school at Brenna has a new head teacher. Her name is Ingrid Valle and she taught physics in the capital "
        "before. She wants to open the school's workshop to grown-ups in the evening, if enough people ask for it.",
        "The old bridge at Brenna will be closed for repairs from June. Cars have to take the road by Lunde in the "
        "meantime, which is eleven kilometres longer. Walkers and cyclists can use a floating bridge nearby.",
    )

    def draw(canvas: object) -> None:
        canvas.setFont("Helvetica-Bold", 22)
        canvas.drawCentredString(297, 780, "The bulletin of the parish of Brenna")
        for x, text in zip((50, 222, 394), texts, strict=True):
            _set_lines(canvas, _wrap(text, 150, 10), x, 740, size=10, leading=12)

    return _canvas(draw, title="Parish bulletin of Brenna")


@_file("lighthouse-hyphenated.pdf")
def _hyphenated() -> bytes:
    lines = [
        "The lighthouse of Norrhamn stands on a rock that the sea covers in winter storms. It is made of rein-",
        "forced concrete, since the stone of the coast is too soft. The tower was finished in 1911 after seven",
        "years of work. Its lamp can be seen from a distance of thirty-one kilometres. The well-known painter",
        "Ole Brekke lived in the keeper's house for two summers and painted the rock from all sides. The well-",
        "known pictures hang in the town hall. The keeper kept bees, and the honey was sold at the inter-",
        "national fair in the capital, where it won a medal. In 1988 the light became auto-",
        "matic and the last keeper moved to the mainland.",
    ]
    return _canvas(lambda canvas: _set_lines(canvas, lines, 60, 760), title="The lighthouse of Norrhamn")


@_file("museum-report.pdf")
def _running_heads() -> bytes:
    """Four pages with a running head and page numbers; a sentence runs over a page break."""
    filler = (
        "The museum keeps tools, boats and clothes of the people who lived along the river. School classes come in the "
        "morning and other visitors in the afternoon. A guide explains how wool was dyed and how nets were mended. "
    )
    running = (
        filler
        * 4
        + "A new hall for the boats was opened in spring, and because entry was free for the whole of that year, "
        "the museum of Eldheim counted 87,412 visitors in 2019, more than ever before. " + filler * 5
    )
    lines = _wrap(running, 475)
    turn = next(place for place, line in enumerate(lines) if "87,412" in line)
    director = "The director of the museum of Eldheim is Marta Quist, who studied in Uppsala. "
    pages = [
        _wrap(filler * 6, 475),
        lines[:turn],
        lines[turn:],
        _wrap(filler * 3 + director + filler * 2, 475),
    ]

    def draw(canvas: object) -> None:
        for number, page in enumerate(pages, 1):
            canvas.setFont("Helvetica", 9)
            canvas.drawString(60, 805, "Museum of Eldheim")
            canvas.drawRightString(535, 805, "Annual report")
            canvas.drawCentredString(297, 35, f"Page {number} of {len(pages)}")
            _set_lines(canvas, page, 60, 770)
            canvas.showPage()

    return _canvas(draw, title="Microsoft Word - report2019.doc", author="user")


@_file("minutes-long.pdf")
def _long() -> bytes:
    """Twelve pages; the fact is on the ninth."""

    def draw(canvas: object) -> None:
        for number in range(1, 13):
            text = (
                f"Item {number} of the agenda was discussed for some time. The members heard a report and asked questions "
                "about the costs. The chair thanked the officers for their work and closed the item without a vote. "
            ) * 4
            if number == 9:
                text += "The council of Vestby decided to name the new swimming hall after the swimmer Nils Aaberg. "
            canvas.setFont("Helvetica", 9)
            canvas.drawString(60, 810, "Minutes of the council of Vestby")
            canvas.drawRightString(535, 810, str(number))
            _set_lines(canvas, _wrap(text, 475), 60, 760)
            canvas.showPage()

    return _canvas(draw, title="Minutes of the council of Vestby", author="Council of Vestby")


@_file("rivers-table.pdf")
def _table() -> bytes:
    rows = [
        ("River", "Length", "Spring"),
        ("Ostra", "212 km", "Lake Hune"),
        ("Velna", "148 km", "Mount Sark"),
        ("Torra", "97 km", "Gray Moor"),
    ]

    def draw(canvas: object) -> None:
        _set_lines(canvas, ["Rivers of the province of Halmen and where they rise"], 60, 780, size=16)
        y = _set_lines(
            canvas,
            _wrap(
                "The longest river of the province of Halmen is the Ostra, which rises at Lake Hune and reaches the sea at Port Alder.",
                475,
            ),
            60,
            745,
        )
        y -= 14
        for row in rows:
            for x, cell in zip((60, 220, 380), row, strict=True):
                _set_lines(canvas, [cell], x, y)
            y -= 18

    return _canvas(draw)


@_file("map-turned.pdf")
def _turned() -> bytes:
    """A page in landscape by /Rotate, its text drawn upwards."""
    from pypdf import PdfReader, PdfWriter

    def draw(canvas: object) -> None:
        canvas.translate(595, 0)
        canvas.rotate(90)
        text = "The hiking map of the Orlen hills was drawn by the surveyor Jakob Lindqvist. It shows all springs and huts, and it is printed on cloth so that rain does no harm to it. A new edition comes out every five years."
        _set_lines(canvas, _wrap(text, 600), 80, 480)

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(_canvas(draw, title="The hiking map of the Orlen hills"))))
    writer.pages[0].rotate(90)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


@_file("contract-owner-password.pdf")
def _encrypted() -> bytes:
    """Encrypted so that printing is forbidden, readable without a password."""
    from pypdf import PdfReader, PdfWriter

    text = "The lease of the Falkner mill ends on 30 June 2031. Until then the tenant Bruno Keller pays 900 crowns a month and keeps the water wheel in repair."
    plain = _canvas(lambda canvas: _set_lines(canvas, _wrap(text, 475), 60, 760), title="Lease of the Falkner mill")
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(plain)))
    writer.encrypt("", "owner", algorithm="AES-256")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


# --- DOCX, EPUB


def _docx(build: Callable, **properties: object) -> bytes:
    from docx import Document

    document = Document()
    for name, value in {"author": "", "created": datetime(*_STAMP[:3], tzinfo=UTC), **properties}.items():
        setattr(document.core_properties, name, value)
    build(document)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


@_file("cheese-handbook.docx")
def _headings() -> bytes:
    def build(document: object) -> None:
        document.add_heading("Handbook of the Alm dairy", 0)
        document.add_heading("Storing", 1)
        document.add_paragraph("The cheese of the Alm dairy ripens for fourteen months in a cave behind the waterfall.")
        document.add_heading("Cleaning", 1)
        document.add_paragraph("Each wheel is washed with salt water.")
        for step in ("Turn the wheel.", "Brush the rind.", "Write the date on the board."):
            document.add_paragraph(step, style="List Bullet")

    return _docx(build, title="Handbook of the Alm dairy", author="Rosa Amrein")


@_file("staff-table.docx")
def _docx_table() -> bytes:
    def build(document: object) -> None:
        document.add_paragraph("Staff of the Rilke hospital")
        rows = [("Name", "Post"), ("Doctor Hanna Okoye", "head of surgery"), ("Doctor Peter Lim", "head of radiology")]
        table = document.add_table(0, 2)
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
        document.add_paragraph(
            "The head of surgery at the Rilke hospital is Doctor Hanna Okoye, who came from Lagos in 2015."
        )

    return _docx(build)


@_file("statute-tracked-changes.docx")
def _tracked() -> bytes:
    from docx.oxml import parse_xml

    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

    def build(document: object) -> None:
        paragraph = document.add_paragraph("The annual fee of the Kestrel rowing club is ")
        for kind, tag, words in (("del", "delText", "120 crowns"), ("ins", "t", "150 crowns")):
            paragraph._p.append(
                parse_xml(
                    f"<w:{kind} {namespace} w:id='1' w:author='x'><w:r><w:{tag}>{words}</w:{tag}></w:r></w:{kind}>"
                )
            )
        paragraph.add_run(". It is due on the first of April.")

    return _docx(build, title="Statute of the Kestrel rowing club")


@_file("form-content-control.docx")
def _control() -> bytes:
    from docx.oxml import parse_xml

    namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

    def build(document: object) -> None:
        document.add_paragraph("Inspection of the Morro dam")
        text = "The Morro dam was inspected by the engineer Lucia Ferrante, who found a crack in the eastern wall."
        document.element.body.insert(
            1,
            parse_xml(
                f"<w:sdt {namespace}><w:sdtContent><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:sdtContent></w:sdt>"
            ),
        )

    return _docx(build)


def _zip(entries: Sequence[tuple[str, bytes | str]], *, stored: Sequence[str] = ()) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            method = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, _STAMP), data, compress_type=method)
    return target.getvalue()


def _epub(folder: str, package: str, chapters: dict[str, str]) -> bytes:
    container = (
        '<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        f'<rootfile full-path="{folder}content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    manifest = "".join(
        f'<item id="c{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    whole = package.format(manifest=f"<manifest>{manifest}</manifest>", spine=f"<spine>{spine}</spine>")
    pages = [
        (
            folder + name,
            f'<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>{body}</body></html>',
        )
        for name, body in chapters.items()
    ]
    entries = [
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", container),
        (f"{folder}content.opf", whole),
    ]
    return _zip([*entries, *pages], stored=["mimetype"])


@_file("voyage.epub")
def _novel() -> bytes:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>The voyage of the Pelican</dc:title><dc:creator>Isobel Marsh</dc:creator><dc:language>en-GB</dc:language>"
        "<dc:date>2021-09-14</dc:date><dc:publisher>Harbour Press</dc:publisher></metadata>{manifest}{spine}</package>"
    )
    chapters = {
        "one.xhtml": "<h1>Chapter one</h1><p>The Pelican left the harbour of Brill on a foggy morning. Her captain was Tobias Wren, a man of few words.</p>",
        "two.xhtml": "<h1>Chapter two</h1><p>On the third day the cook fell ill, and the ship's boy made <em>soup of dried peas</em> for all of them.</p>",
        "three.xhtml": "<h1>Chapter three</h1><p>They found the wreck of the Heron on the reef. In her hold lay nine barrels of copper coins.</p>",
    }
    return _epub("", package, chapters)


@_file("gardening.epub")
def _handbook() -> bytes:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="2.0"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:opf="http://www.idpf.org/2007/opf"><dc:title>A northern garden</dc:title>'
        '<dc:creator opf:role="aut">Signe Dahl</dc:creator><dc:creator opf:role="ill">Per Holm</dc:creator>'
        "<dc:language>en</dc:language></metadata>{manifest}{spine}</package>"
    )
    chapters = {
        "text/soil%20first.html": "<h2>Soil</h2><p>Heavy soil is loosened with sand in the autumn.</p>",
        "text/apples.html": "<h2>Apples</h2><table><tr><td>Early</td><td>August</td></tr><tr><td>Late</td><td>October</td></tr></table>"
        "<p>The apple variety Frostholm endures temperatures down to minus thirty-eight degrees.</p>",
    }
    return _renamed(_epub("OEBPS/", package, chapters))


def _renamed(data: bytes) -> bytes:
    """Hrefs in the package are percent-encoded, names in the archive are not."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(entry.filename.replace("%20", " "), archive.read(entry)) for entry in archive.infolist()]
    return _zip(entries, stored=["mimetype"])


# --- tables and feeds


@_file("reviews-semicolons.csv")
def _semicolons() -> bytes:
    text = (
        "Titel;Datum;Autor;Text\r\n"
        '"Café Löwe";25.12.2022;"Jürgen Weiß";"The café Löwe in Graz serves a soup of chestnuts; it is the best dish there."\r\n'
        '"Gasthof Krone";13.11.2022;"Änne Groß";"The Krone has eleven rooms, all of them with a view of the lake."\r\n'
    )
    return text.encode("windows-1252")


@_file("press-releases.tsv")
def _tabs() -> bytes:
    rows = [
        "headline\tbody\turl\tpublished",
        "New tram line\tThe tram line to Kirnau was opened on Sunday and has nineteen stops.\thttps://example.org/tram\t2023-10-01",
        "Bakery moves\tThe Winkler bakery has moved to Mill Street and bakes at night.\thttps://example.org/bakery\t2023-10-04",
    ]
    return "\n".join(rows).encode()


@_file("stories.csv")
def _commas() -> bytes:
    text = (
        'id,title,content,tags\n1,"Otters, again","The otters of the river Lenne were counted in May.\n\nThere are 46 of them, said the '
        'biologist ""Bibi"" Strand.","animals, rivers"\n2,Owls,"An owl nests in the tower of the town hall.",animals\n'
    )
    return "\ufeff".encode() + text.encode()


_LONG = (
    "The work took longer than planned, because the winter was hard and the road was closed for weeks. The neighbours "
    "helped with sledges and brought wood, and the baker sent bread every second day without asking for money. When the "
    "snow had melted, the whole village came together to see what had been done and to thank those who had stayed. "
)


@_file("feed.rss")
def _rss() -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Valley Voice</title><link>https://valley.example/</link>'
        "<language>en</language><item><title>The mountain hut is ready</title><link>https://valley.example/hut</link>"
        "<dc:creator>Lena Fuchs</dc:creator><pubDate>Sat, 06 May 2023 08:30:00 +0200</pubDate>"
        "<description>A short teaser …</description><content:encoded><![CDATA[<p>The Steinbock hut can sleep thirty-four "
        f"guests. It was built by volunteers.</p><p>{_LONG}</p>]]></content:encoded></item></channel></rss>"
    ).encode()


@_file("feed-atom.xml")
def _atom() -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Harbour blog</title>'
        "<author><name>Mikael Strom</name></author><entry><title>The crane is back</title>"
        '<link href="https://harbour.example/crane"/><id>urn:1</id><published>2022-02-03T10:00:00Z</published>'
        '<updated>2022-02-05T10:00:00Z</updated><content type="html">&lt;p&gt;The old harbour crane was restored by the '
        f"company Ferrum and lifts eight tonnes again.&lt;/p&gt;&lt;p&gt;{_LONG}&lt;/p&gt;</content></entry></feed>"
    ).encode()


@_file("feed.json")
def _json_feed() -> bytes:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Radio Notes",
        "language": "en",
        "items": [
            {
                "id": "1",
                "url": "https://radio.example/1",
                "title": "A new transmitter",
                "content_html": "<p>The transmitter on the Gull rock sends on 98.4 megahertz since Monday.</p>",
                "date_published": "2024-01-15T07:00:00Z",
                "authors": [{"name": "Yusuf Aydin"}],
            }
        ],
    }
    return json.dumps(feed, indent=1).encode()


# --- pages

_MENU = "<nav><ul><li><a href='/'>Home</a></li><li><a href='/sport'>Sport</a></li><li><a href='/contact'>Contact</a></li></ul></nav>"
_FOOT = "<footer><p>Copyright 2023. All rights reserved.</p><ul><li>Imprint</li><li>Privacy</li></ul></footer>"


def _page(head: str, title: str, *paragraphs: str, language: str = "en") -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f'<!doctype html><html lang="{language}"><head>{head}</head><body>{_MENU}<main><article><h1>{title}</h1>{body}</article>'
        f"</main><aside><h3>Most read</h3><ul><li>Ten tips for spring</li></ul></aside>{_FOOT}</body></html>"
    )


@_file("page-with-menus.html")
def _menus() -> bytes:
    return _page(
        '<meta charset="utf-8"><title>Glass from Lauscha Bay | The Coast Paper</title>',
        "Glass from Lauscha Bay",
        "The glassworks at Lauscha Bay burn a mixture of sand, soda and crushed oyster shells, which gives their bottles a green colour.",
        _LONG,
    ).encode()


@_file("page-json-ld.html")
def _json_ld() -> bytes:
    facts = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "Organization", "@id": "#paper", "name": "The Northern Courier"},
            {"@type": "Person", "@id": "#ann", "name": "Ann Larsen"},
            {
                "@type": "NewsArticle",
                "headline": "Bear seen near Kvernes",
                "datePublished": "2023-08-17T06:00:00+02:00",
                "dateModified": "2023-08-18",
                "author": {"@id": "#ann"},
                "publisher": {"@id": "#paper"},
            },
        ],
    }
    head = (
        f'<meta charset="utf-8"><title>Bear seen - The Northern Courier</title><script type="application/ld+json">{json.dumps(facts)}</script>'
        '<link rel="canonical" href="https://courier.example/bear"><meta name="date" content="04/05/2023">'
    )
    return _page(
        head,
        "Bear seen near Kvernes",
        "A brown bear was seen near Kvernes by the postman Olav Tveit, who took a photograph from his van.",
        _LONG,
    ).encode()


@_file("page-open-graph.html")
def _open_graph() -> bytes:
    head = (
        '<meta charset="utf-8"><title>x</title><meta property="og:title" content="The clock of Aldern runs again">'
        '<meta property="og:site_name" content="Aldern Today"><meta property="article:published_time" content="2022-11-05T09:00:00Z">'
        '<meta name="author" content="Theo Brandl">'
    )
    return _page(
        head,
        "The clock of Aldern runs again",
        "The town clock of Aldern was repaired by the watchmaker Carla Nunes after standing still for six years.",
        _LONG,
    ).encode()


@_file("page-windows-1251.html")
def _cyrillic_page() -> bytes:
    page = _page(
        '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><title>Музей в Суздале</title>',
        "Музей в Суздале",
        "Музей деревянного зодчества открыт каждый день, кроме среды. Билеты продаются у входа и в городе.",
        "The wooden museum of Suzdal lends warm felt boots to its visitors, because the floors (полы) are not heated.",
        "Зимой музей закрывается раньше, потому что в домах нет электрического света.",
        language="ru",
    )
    return page.encode("windows-1251")


@_file("page-xhtml.xhtml")
def _xhtml() -> bytes:
    body = (
        f"<p>The weather station on Cape Morne measured a gust of 211 kilometres an hour in January.</p><p>{_LONG}</p>"
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
        '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"><html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">'
        f"<head><title>Storm at Cape Morne</title></head><body><h1>Storm at Cape Morne</h1>{body}</body></html>"
    ).encode()


@_file("page-saved-as.txt")
def _page_as_text() -> bytes:
    """A page under the wrong name: content decides."""
    return _page(
        '<meta charset="utf-8"><title>Salt mine</title>',
        "The salt mine of Ostrova",
        "In the salt mine of Ostrova there is a chapel at a depth of 117 metres, where concerts are given in summer.",
        _LONG,
    ).encode()


# --- texts


@_file("plain.txt")
def _plain() -> bytes:
    return (
        b"The beekeepers of Lindau\n\nThe beekeepers of Lindau moved their hives to the castle roof. They harvested 310 "
        b"kilograms of honey there in the first summer.\n"
    )


@_file("latin-1.txt")
def _latin() -> bytes:
    return (
        "El museo del turrón\n\nThe nougat museum of Jijona was founded by Señora Inés Peñalver. It shows how almonds were "
        "roasted a century ago, and every visitor may taste a piece at the end.\n"
    ).encode("iso-8859-1")


@_file("windows-1251.txt")
def _cyrillic() -> bytes:
    return (
        "Мост через реку Вятку\n\nСтарый мост через реку Вятку закрыли для грузовиков, потому что опоры повреждены льдом. "
        "Жители соседних деревень пользуются паромом, который ходит каждые полчаса.\n\nThe ferry over the river Vyatka "
        "takes twelve minutes. Паром работает только летом.\n"
    ).encode("windows-1251")


@_file("shift-jis.txt")
def _japanese() -> bytes:
    return (
        "松本の時計博物館\n\n松本市の時計博物館には、世界中から集められた古い時計が並んでいます。毎日午前九時に開館し、"
        "月曜日は休みです。入口の大きな振り子時計は日本で一番大きいと言われています。\n\n"
        "The pendulum clock of Matsumoto is eleven metres tall. 入場料は三百円です。子供は無料です。\n"
    ).encode("shift_jis")


@_file("utf-16.txt")
def _utf16() -> bytes:
    return (
        "The tea house of Żywiec\n\nThe tea house of Żywiec keeps two hundred and six kinds of tea. Its owner is Zofia Łęcka, "
        "who bought the house from her uncle.\n"
    ).encode("utf-16")


@_file("front-matter.md")
def _markdown() -> bytes:
    return (
        b"---\ntitle: Skating on Lake Runn\ndate: 2024-01-20\nauthor: Karin Ek\ntags: [ice, sport]\n---\n# Skating\n\n"
        b"The ice on Lake Runn is **thirty-three centimetres** thick this week. See the [map](https://example.org/map).\n\n"
        b"- Bring ropes\n- Bring tea\n"
    )


@_file("tables.md")
def _markdown_table() -> bytes:
    return (
        b"# Trains from Halden\n\n| Train | Leaves |\n| --- | --- |\n| to Moss | 07:12 |\n| to Ski | 09:40 |\n\nThe night train "
        b"from Halden to Hamburg has a dining car with a piano.\n"
    )


@_file("readme-with-tags.md")
def _markdown_tags() -> bytes:
    return (
        b'<h1 align="center">Windlass</h1>\n\n## Usage\n\nThe program Windlass was written by Dorothea Klein to plan the '
        b"locks of canals. Start it with `windlass plan`.\n\n- It reads maps.\n- It writes tables.\n"
    )


# --- lists of articles and archives


@_file("articles.json")
def _json_list() -> bytes:
    articles = [
        {
            "title": "Kites",
            "text": "The kite festival of Sant Pol was won by Amadou Diallo with a kite of forty metres.",
            "published": "2023-06-11",
        },
        {"title": "Cats", "text": "The cats of the old port are fed by a society that was founded in 1974."},
    ]
    return json.dumps(articles, ensure_ascii=False, indent=1).encode()


@_file("one-article.json")
def _json_one() -> bytes:
    return json.dumps(
        {
            "title": "Salmon",
            "html": f"<html><body><article><p>The salmon ladder at Fossen has fifty-one steps of stone.</p><p>{_LONG}</p></article></body></html>",
        }
    ).encode()


@_file("articles.ndjson")
def _lines() -> bytes:
    articles = [
        {
            "id": "violin-1",
            "title": "Violin",
            "text": "The violin of the musician Ewa Bielska was found in a taxi in Lodz.",
            "author": "Jan Mazur",
        },
        {"id": "violin-2", "title": "Drums", "text": "The drums of the town band are kept in the fire station."},
    ]
    return "\n".join(json.dumps(article) for article in articles).encode()


@_file("articles.jsonl.gz")
def _packed_lines() -> bytes:
    article = {"title": "Comet", "text": "The comet Halvorsen will be nearest to the earth on 9 August 2061."}
    return gzip.compress(json.dumps(article).encode(), mtime=0)


@_file("archive.zip")
def _archive() -> bytes:
    return _zip(
        [
            ("__MACOSX/notes/._goats.txt", b"\x00\x05\x16\x07"),
            ("notes/.DS_Store", b"\x00\x00\x00\x01Bud1"),
            ("notes/goats.txt", "The goats of the Tarn farm climb on the roof of the chapel every evening.\n"),
            (
                "notes/market.html",
                _page(
                    "<title>Market</title>",
                    "The market of Dorne",
                    "The market of Dorne is held on Wednesdays on the square behind the mint.",
                    _LONG,
                ),
            ),
            ("../outside.md", "# Kiln\n\nThe kiln of the potter Greta Moss reaches 1,280 degrees.\n"),
        ]
    )


@_file("archive-nested.zip")
def _nested() -> bytes:
    inner = _zip(
        [("deep/windmill.md", "# Windmill\n\nThe windmill of Zaan Hill grinds mustard seed for a factory in Dijon.\n")]
    )
    return _zip([("older/inner.zip", inner)])


def make() -> None:
    """Write every file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for name, maker in FILES.items():
        (FOLDER / name).write_bytes(maker())


if __name__ == "__main__":
    make()
