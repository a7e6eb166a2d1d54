"""Files made to do harm, or damaged: a typed error within limits, and nothing of the rest is lost."""

import io
import json
import re
import struct
import zipfile
import zlib

import pytest

from index import Article, CitespanError, Failure, InputError, TooLarge, UnsupportedFormat, read_bytes
from tests import fuzz
from tests.helpers import ROOT

FILES = ROOT / "tests" / "data" / "formats"


def failure(data: bytes, name: str, **more) -> CitespanError:
    (found,) = read_bytes(data, name, **more)
    assert isinstance(found, Failure), found
    assert found.source.startswith(name)
    return found.error


def zipped(entries, method=zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return target.getvalue()


def pdf_of(stream: bytes, *, filters: bytes = b"/FlateDecode", pages: int = 1) -> bytes:
    """A PDF whose pages all show one content stream, packed already."""
    kids = b" ".join(b"%d 0 R" % (number + 5) for number in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
        b"<</Length %d/Filter%s>>stream\n%s\nendstream" % (len(stream), filters, stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *[b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 3 0 R/Resources<</Font<</F1 4 0 R>>>>>>"] * pages,
    ]
    found, places = bytearray(b"%PDF-1.7\n"), []
    for number, one in enumerate(objects, 1):
        places.append(len(found))
        found += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    start = len(found)
    found += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    found += b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(found + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))


def deflated(size: int, begin: bytes = b"") -> bytes:
    packer = zlib.compressobj(9)
    parts = [packer.compress(begin)] + [packer.compress(b" " * 1024**2) for _ in range(size // 1024**2)]
    return b"".join(parts) + packer.flush()


@pytest.mark.parametrize("form", fuzz.SEEDS)
def test_damaged_files_give_articles_or_typed_errors(form) -> None:
    came = {fuzz.check(name, data) for name, data in fuzz.damaged(form, 200, seed=0)}
    assert len(came) > 1


# --- PDF


def test_half_a_pdf_is_refused_rather_than_half_read() -> None:
    for path in sorted(FILES.glob("*.pdf")):
        data = path.read_bytes()
        for share in (0.1, 0.5, 0.9):
            assert "cut short" in str(failure(data[: int(len(data) * share)], path.name))


def test_a_pdf_with_a_password_says_so() -> None:
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=io.BytesIO((FILES / "museum-report.pdf").read_bytes()))
    writer.encrypt("secret", algorithm="AES-256")
    target = io.BytesIO()
    writer.write(target)
    assert "needs a password" in str(failure(target.getvalue(), "a.pdf"))


def test_a_scan_says_what_to_do() -> None:
    from PIL import Image

    target = io.BytesIO()
    Image.new("L", (600, 800), 255).save(target, "PDF")
    assert "text recognition" in str(failure(target.getvalue(), "scan.pdf"))


def test_a_pdf_that_unpacks_to_two_gigabytes() -> None:
    bomb = deflated(2 * 1024**3)
    assert len(bomb) < 3 * 1024**2
    error = failure(pdf_of(bomb), "bomb.pdf")
    assert isinstance(error, InputError) and re.search("unpack|memory", str(error)), error
    twice = pdf_of(zlib.compress(bomb), filters=b"[/FlateDecode/FlateDecode]")
    assert isinstance(failure(twice, "twice.pdf"), InputError)
    assert isinstance(next(read_bytes(b"The next one is read.", "a.txt")), Article)


def test_a_pdf_of_too_many_pages() -> None:
    page = zlib.compress(b"BT /F1 12 Tf 72 700 Td (One of very many pages of this file.) Tj ET")
    assert "2,001 pages" in str(failure(pdf_of(page, pages=2_001), "many.pdf"))


def test_one_bad_page_is_told_and_the_rest_is_read() -> None:
    items = [item for name, data in fuzz.damaged("pdf", 150, seed=3) for item in read_bytes(data, name)]
    told = [item for item in items if isinstance(item, Failure) and " page " in item.source]
    assert told and all("text is missing" in str(item.error) for item in told)


# --- DOCX and EPUB


def docx_with(body: bytes) -> bytes:
    target = io.BytesIO()
    with (
        zipfile.ZipFile(FILES / "cheese-handbook.docx") as old,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, body if name == "word/document.xml" else old.read(name))
    return target.getvalue()


def test_a_docx_that_unpacks_to_fifty_megabytes_is_refused_before_it_is_opened() -> None:
    error = failure(docx_with(b"<a>" + b" " * 50 * 1024**2 + b"</a>"), "bomb.docx")
    assert isinstance(error, TooLarge) and "25 MiB" in str(error)


def test_a_docx_of_too_many_entries() -> None:
    entries = [("[Content_Types].xml", "<a/>"), *[(f"word/{number}.xml", "<a/>") for number in range(1_001)]]
    error = failure(zipped(entries), "many.docx")
    assert isinstance(error, TooLarge) and "1,000" in str(error)


@pytest.mark.parametrize(
    "markup",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<!DOCTYPE a [<!ENTITY a '1234567890'>"
        + b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10 if n else b"&a;" * 10) for n in range(9))
        + b"]><a>&a8;</a>",
    ],
)
def test_entities_bring_nothing_in(markup) -> None:
    inside = markup.replace(b"<a>", b"<rss version='2.0'><channel><item><title>").replace(
        b"</a>", b"</title></item></channel></rss>"
    )
    chapter = markup.replace(b"<a>", b"<html><body><p>A chapter. ").replace(b"</a>", b"</p></body></html>")
    book = io.BytesIO()
    with zipfile.ZipFile(FILES / "voyage.epub") as old, zipfile.ZipFile(book, "w") as new:
        for name in old.namelist():
            new.writestr(name, chapter if name == "one.xhtml" else old.read(name))
    for data, name in (
        (docx_with(markup), "a.docx"),
        (inside, "a.rss"),
        (book.getvalue(), "a.epub"),
        (chapter, "a.xhtml"),
    ):
        for item in read_bytes(data, name):
            text = item.text if isinstance(item, Article) else str(item.error)
            assert len(text) < 2_000 and "root:" not in text, text[:200]


def test_a_locked_book_says_so() -> None:
    lock = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData xmlns="http://www.w3.org/2001/04/'
        'xmlenc#"><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"/></EncryptedData></encryption>'
    )
    with zipfile.ZipFile(FILES / "voyage.epub") as old:
        entries = [(name, old.read(name)) for name in old.namelist()]
    assert "DRM" in str(failure(zipped([*entries, ("META-INF/encryption.xml", lock)]), "a.epub"))


def test_a_book_over_the_limit_becomes_an_article_a_chapter() -> None:
    chapter = (
        "<html><body><h1>Part {}</h1>"
        + "<p>The river was high and the boats lay still.</p>" * 16_000
        + "</body></html>"
    )
    names = ("one.xhtml", "two.xhtml", "three.xhtml")
    with zipfile.ZipFile(FILES / "voyage.epub") as old:
        entries = [(name, old.read(name)) for name in old.namelist() if name not in names]
    data = zipped([*entries, *[(name, chapter.format(number)) for number, name in enumerate(names, 1)]])
    found = list(read_bytes(data, "long.epub", id="long-1"))
    assert [item.title for item in found] == [f"The voyage of the Pelican: Part {number}" for number in (1, 2, 3)]
    assert len({item.id for item in found}) == 3 and found == list(read_bytes(data, "long.epub", id="long-1"))


# --- archives


def test_bad_entries_do_not_stop_the_rest() -> None:
    inner = zipped([("deep.zip", zipped([("x.txt", "Too deep.")])), ("second.txt", "The second one.")])
    data = zipped(
        [
            ("a/../../../etc/cron.d/x.txt", "The first one."),
            ("picture.png", b"\x89PNG\r\n\x1a\n"),
            ("empty.txt", b""),
            ("inner.zip", inner),
            ("bomb.txt", b"a" * 8 * 1024**2),
            ("__MACOSX/._x.txt", b"\x00\x05"),
            (".hidden", "Not read."),
            ("last.md", "# Last\n\nThe last one."),
        ]
    )
    items = list(read_bytes(data, "all.zip", id="all-1"))
    texts = [item.text for item in items if isinstance(item, Article)]
    assert texts == ["The first one.", "The second one.", "Last\n\nThe last one."]
    told = {item.source: str(item.error) for item in items if isinstance(item, Failure)}
    assert told.keys() == {
        f"all.zip entry {name}" for name in ("picture.png", "empty.txt", "inner.zip entry deep.zip", "bomb.txt")
    }
    assert "an image" in told["all.zip entry picture.png"] and "no real text" in told["all.zip entry bomb.txt"]
    assert "2 deep" in told["all.zip entry inner.zip entry deep.zip"]
    ids = [item.id for item in items if isinstance(item, Article)]
    assert len(set(ids)) == 3 and all(re.fullmatch(r"[\w-]+", one) for one in ids)
    assert ids == [item.id for item in read_bytes(data, "all.zip", id="all-1") if isinstance(item, Article)]


def test_archives_that_lie_or_are_locked() -> None:
    good = zipped([("a.txt", "The text of this file is short. " * 50)])
    # The directory says that the entry is small.
    place = good.rindex(b"PK\x01\x02")
    lying = good[: place + 24] + struct.pack("<I", 40) + good[place + 28 :]
    assert isinstance(failure(lying, "lying.zip"), UnsupportedFormat)
    locked = good[: place + 8] + struct.pack("<H", 1) + good[place + 10 :]
    assert "password" in str(failure(locked, "locked.zip"))
    assert "damaged" in str(failure(good[:-30], "cut.zip"))
    assert "other than deflate" in str(failure(zipped([("a.txt", "x" * 99)], zipfile.ZIP_LZMA), "lzma.zip"))
    many = zipped([(f"{number}.txt", "x") for number in range(10_001)], zipfile.ZIP_STORED)
    assert isinstance(failure(many, "many.zip"), TooLarge)


def test_an_archive_may_unpack_so_much_and_no_more() -> None:
    noise = zlib.compress(b"x") + bytes(range(256)) * 400
    block = (noise * 300)[: 30 * 1024**2]
    entries = [(f"{number}.bin", b"\x00" + block) for number in range(9)]
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    assert len(target.getvalue()) < 32 * 1024**2
    errors = [item.error for item in read_bytes(target.getvalue(), "a.zip") if isinstance(item, Failure)]
    assert len(errors) == 9 and isinstance(errors[-1], TooLarge)


# --- tables and feeds


def test_bad_rows_are_told_by_line_and_do_not_stop_the_rest() -> None:
    table = (
        'title,text,url,date\nOne,The first row.,,2023-01-02\nTwo,"The "second" row.",,\nThree,,,\nFour,The fourth,row,is,too,long\n'
        "Five,The fifth row.,javascript:alert(1),\nSix,The sixth row.,-,04/05/2023\nSeven,The seventh row.\n"
        'Eight,"The eighth row is never closed.\nNine,The ninth row.,https://example.org/9,25/12/2023\n'
    )
    items = list(read_bytes(table.encode(), "a.csv"))
    articles = {item.title: item for item in items if isinstance(item, Article)}
    assert list(articles) == ["One", "Six", "Seven", "Nine"]
    assert articles["Six"].published is None and articles["Nine"].published == "2023-12-25"
    told = [item.source.rsplit(" ", 1)[1] for item in items if isinstance(item, Failure)]
    assert told == ["3", "4", "5", "6", "9"]


def test_a_table_without_a_column_of_texts_says_how_to_name_it() -> None:
    assert "rename the column" in str(failure(b"a,b,c\n1,2,3\n", "a.csv"))


def test_teasers_are_no_articles() -> None:
    feed = (
        '<rss version="2.0"><channel><title>T</title><item><title>Short</title><link>https://example.org/1</link>'
        "<description>The minister said on Monday that …</description></item><item><title>None</title></item></channel></rss>"
    )
    items = list(read_bytes(feed.encode(), "a.xml"))
    assert all(isinstance(item, Failure) for item in items) and len(items) == 2
    assert "citespan add https://example.org/1" in str(items[0].error)
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>a</title><summary>{}</summary></entry></feed>'
    assert "teaser" in str(failure(atom.format("Only a summary, however long. " * 40).encode(), "a.atom"))
    listed = {"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "summary": "Short."}]}
    assert "teaser" in str(failure(json.dumps(listed).encode(), "a.json"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'<?xml version="1.0"?><urlset><url><loc>https://example.org/</loc></url></urlset>', "sitemap"),
        (b'<?xml version="1.0"?><nitf><body>x</body></nitf>', "<nitf>"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 512, "Office"),
        (b"{\\rtf1 hello}", "RTF"),
        (b"ID3\x03\x00" + b"\x00" * 64, "audio"),
        (b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 64, "video"),
        (zipped([("xl/workbook.xml", "<a/>"), ("[Content_Types].xml", "<a/>")]), "Excel"),
        (zipped([("mimetype", "application/vnd.oasis.opendocument.text"), ("content.xml", "<a/>")]), "OpenDocument"),
        (zipped([]), "no files"),
        (zipped([("docs/", b"")]), "no files"),
    ],
)
def test_what_is_not_read_says_why(data, says) -> None:
    for name in ("a.txt", "a.pdf", "a.html", "a"):
        assert says in str(failure(data, name))


def test_comments_without_end_and_deep_nesting_take_no_time() -> None:
    for data in (b"<!--a-->" * 4_000 + b"x", b"<!--" * 10_000, b"<?a ?>" * 5_000, b"[" * 100_000, b'{"a":' * 50_000):
        for name in ("a.html", "a.json", "a.txt", "a.csv", "a.md"):
            assert list(read_bytes(data, name))


def test_a_file_that_takes_long_does_not_hold_up_the_next() -> None:
    from concurrent.futures import ThreadPoolExecutor

    slow = b"<html><body>" + b"<br>" * 100_000 + b"text</body></html>"
    ended: list[str] = []

    def read(name: str, data: bytes) -> None:
        assert list(read_bytes(data, name))
        ended.append(name)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(read, "slow.html", slow)
        pool.submit(read, "quick.html", b"<html><body><p>A short page.</p></body></html>").result()
        assert ended == ["quick.html"]
        first.result()
