"""What is known of an article: found where it is said, with the place, and never invented."""

import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import Article, ArticleInfo, Failure, open_source, read_bytes, read_html
from tests.helpers import ROOT

FILES = ROOT / "tests" / "data" / "formats"
SENTENCES = "The Danube rose by two metres on Monday night and flooded the old town of Ulm. " * 4


def one(data: bytes, name: str, **more) -> Article:
    (found,) = read_bytes(data, name, **more)
    assert isinstance(found, Article), found
    return found


def page(head: str, body: str = "", attributes: str = "") -> Article:
    article = f"<article><h1>Flood in Ulm</h1>{body}<p>{SENTENCES}</p></article>"
    return read_html(f"<html {attributes}><head>{head}</head><body>{article}</body></html>")


def json_ld(facts: object) -> str:
    return f'<script type="application/ld+json">{json.dumps(facts)}</script>'


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("observatory-two-columns.pdf", {"author": ("Elise Brandt", "pdf-properties"), "published": (None, None)}),
        ("museum-report.pdf", {"title": ("Museum report", "file-name"), "author": (None, None)}),
        ("newsletter-interleaved.pdf", {"title": ("News from Tolvik, summer issue for all households", "first-lines")}),
        (
            "cheese-handbook.docx",
            {"author": ("Rosa Amrein", "docx-properties"), "published": ("2024-03-01", "docx-properties")},
        ),
        ("voyage.epub", {"source": ("Harbour Press", "epub-package"), "language": ("en", "epub-package")}),
        ("gardening.epub", {"author": ("Signe Dahl", "epub-package"), "published": (None, None)}),
        ("feed.rss", {"url": ("https://valley.example/hut", "feed"), "published": ("2023-05-06", "feed")}),
        ("feed-atom.xml", {"author": ("Mikael Strom", "feed"), "updated": ("2022-02-05", "feed")}),
        ("feed.json", {"author": ("Yusuf Aydin", "feed"), "source": ("Radio Notes", "feed")}),
        ("page-json-ld.html", {"author": ("Ann Larsen", "json-ld"), "published": ("2023-08-17", "json-ld")}),
        ("page-json-ld.html", {"updated": ("2023-08-18", "json-ld"), "source": ("The Northern Courier", "json-ld")}),
        ("page-open-graph.html", {"source": ("Aldern Today", "opengraph"), "author": ("Theo Brandl", "meta")}),
        ("page-windows-1251.html", {"language": ("ru", "html"), "title": ("Музей в Суздале", "page")}),
        ("page-xhtml.xhtml", {"language": ("en", "html"), "published": (None, None)}),
        ("front-matter.md", {"author": ("Karin Ek", "front-matter"), "published": ("2024-01-20", "front-matter")}),
        ("plain.txt", {"title": ("The beekeepers of Lindau", "first-lines"), "author": (None, None)}),
    ],
)
def test_each_format_says_what_it_knows_and_where_it_found_it(name, known) -> None:
    (article,) = open_source(FILES / name)
    assert isinstance(article, Article)
    places = dict(article.found_in)
    assert {field: (getattr(article, field), places.get(field)) for field in known} == known
    assert article.origin == str(FILES / name)


def test_a_table_says_what_it_knows_of_each_row() -> None:
    cafe, inn = open_source(FILES / "reviews-semicolons.csv")
    assert (cafe.title, cafe.author, cafe.published) == ("Café Löwe", "Jürgen Weiß", "2022-12-25")
    assert (inn.title, inn.published, dict(inn.found_in)["published"]) == ("Gasthof Krone", "2022-11-13", "csv-column")
    otters, owls = open_source(FILES / "stories.csv")
    assert otters.tags == ("animals", "rivers") and "\n\nThere are 46" in otters.text and otters.id != owls.id
    assert [item.id for item in open_source(FILES / "stories.csv")] == [otters.id, owls.id]


def test_what_the_caller_knows_wins_and_is_not_listed_as_found() -> None:
    data = (FILES / "page-json-ld.html").read_bytes()
    article = one(data, "a.html", author="Me", published="2020-01-01", url="https://example.org/x", tags=("mine",))
    assert (article.author, article.published, article.url) == ("Me", "2020-01-01", "https://example.org/x")
    assert not {"author", "published", "url", "tags"} & dict(article.found_in).keys()
    items = list(read_bytes((FILES / "archive.zip").read_bytes(), "a.zip", tags=("mine",), title="No", id="base"))
    assert len(items) == 3 and all(
        item.tags == ("mine",) and item.title != "No" and item.id != "base" for item in items
    )


def test_json_ld_of_other_articles_is_not_the_pages_own() -> None:
    several = [{"@type": "NewsArticle", "headline": f"Other {n}", "datePublished": f"2020-01-0{n}"} for n in (1, 2)]
    assert page(json_ld(several)).published is None
    own = {
        "@type": ["Article"],
        "url": "https://a.example/x",
        "headline": "Flood",
        "datePublished": "2021-05-06T01:02:03Z",
    }
    article = page('<link rel="canonical" href="https://a.example/x">' + json_ld({"@graph": [*several, own]}))
    assert (article.title, article.published, article.url) == ("Flood", "2021-05-06", "https://a.example/x")
    assert page("<script type='application/ld+json'>{broken</script>").text
    nested: object = "x"
    for _ in range(200):
        nested = {"@graph": [nested]}
    assert page(json_ld(nested)).text


@pytest.mark.parametrize(
    ("head", "body", "published"),
    [
        ('<meta name="date" content="04/05/2023">', "", None),
        ('<meta name="date" content="25/12/2023">', "", "2023-12-25"),
        ('<meta name="date" content="soon">', "", None),
        ('<meta name="dcterms.issued" content="2023-02-30">', "", None),
        ("", '<time datetime="2023-03-04T10:00:00+01:00">yesterday</time>', "2023-03-04"),
        ("", '<time datetime="2023-03-04">a</time> <time datetime="2023-03-05">b</time>', None),
        (
            "",
            '<time datetime="2023-03-05">a</time> <time class="published" datetime="2023-03-04">b</time>',
            "2023-03-04",
        ),
        ("", '<div class="comments"><time datetime="2023-03-09">a</time></div>', None),
        ("", "", None),
    ],
)
def test_a_page_has_the_date_that_it_says_and_no_other(head, body, published) -> None:
    assert page(head, body).published == published


@settings(deadline=None)  # the first one starts the subprocess
@given(st.dates(date(1971, 1, 1), date(2100, 1, 1)))
def test_a_date_that_can_be_read_two_ways_stays_unknown(day) -> None:
    def read(form: str) -> str | None:
        return one(f"title,text,date\nA,The text.,{form}".encode(), "a.csv").published

    assert read(day.isoformat()) == day.isoformat()
    assert read(f'"{day:%B} {day.day}, {day.year}"') == day.isoformat()
    assert read(f"{day:%a} {day.day} {day:%b} {day.year} 08:00:00 +0200") in (day.isoformat(), None)
    for form in (f"{day:%d/%m/%Y}", f"{day:%m/%d/%Y}", f"{day:%d.%m.%Y}"):
        assert read(form) == (day.isoformat() if day.day > 12 or day.day == day.month else None)


@pytest.mark.parametrize(
    "value", ["Microsoft Word - a.doc", "untitled", "report.indd", "C:\\x\\y.txt", "12-34", "http://a.b"]
)
def test_what_a_program_wrote_is_no_title(value) -> None:
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=FILES / "lighthouse-hyphenated.pdf")
    writer.add_metadata(
        {"/Title": value, "/Author": "admin", "/CreationDate": "D:20991231000000Z", "/ModDate": "nonsense"}
    )
    writer.write(target := __import__("io").BytesIO())
    article = one(target.getvalue(), "the-lighthouse.pdf")
    assert article.title != value and (article.author, article.published, article.updated) == (None, None, None)


def test_the_declared_type_and_charset_decide_where_the_content_does_not() -> None:
    text = "Паром через реку Вятку ходит только летом. Билеты продаются на берегу.".encode("koi8-r")
    assert "Паром через реку" in one(text, "a", content_type="text/plain; charset=koi8-r").text
    assert one(b"Some *words* here.", "a", content_type="text/markdown").text == "Some words here."
    assert one(b"Some *words* here.", "a.md", content_type="application/octet-stream").text == "Some words here."
    assert one(b"Some *words* here.", "a.txt").text == "Some *words* here."
    pdf = (FILES / "lighthouse-hyphenated.pdf").read_bytes()
    assert one(pdf, "a.html", content_type="text/html").pages == (0,)
    assert one(b"The words of a page.", "x", content_type="text/html", url="https://example.org/x").title == ""


def test_uploads_are_read_as_files_are() -> None:
    for path in sorted(FILES.iterdir()):
        opened = list(open_source(path))
        again = list(read_bytes(path.read_bytes(), path.name))
        assert [type(item) for item in opened] == [type(item) for item in again]
        assert [item.text for item in opened if isinstance(item, Article)] == [item.text for item in again]
        assert not any(isinstance(item, Failure) for item in opened)


def test_pages_tell_where_a_text_stands() -> None:
    (article,) = open_source(FILES / "minutes-long.pdf")
    assert len(article.pages) == 12 and article.pages[0] == 0
    info = ArticleInfo(article.id, "", None, None, None, (), "", pages=article.pages)
    for number in range(1, 13):
        assert info.page_at(article.text.index(f"Item {number} of")) == number
    (report,) = open_source(FILES / "museum-report.pdf")
    # No running head, no page number, and the sentence that runs over the page break is whole.
    assert "Annual report" not in report.text and "Page 2" not in report.text
    assert "the museum of Eldheim counted 87,412 visitors in 2019, more than ever before." in report.text
    assert report.text.index("A new hall") < report.pages[2] < report.text.index("more than ever before")


def test_columns_are_read_one_after_the_other_whatever_order_they_are_drawn_in() -> None:
    (paper,) = open_source(FILES / "observatory-two-columns.pdf")
    assert "Annals of Alpine Science" not in paper.text and paper.title == "The Karvel observatory and its instruments"
    assert (
        paper.text.count(
            "The instruments on the mountain are looked after by two mechanics, who climb up from the valley"
        )
        == 22
    )
    (news,) = open_source(FILES / "newsletter-interleaved.pdf")
    assert news.text.index("a pass will cost forty crowns a month.") < news.text.index("The library of Tolvik reopened")
    (bulletin,) = open_source(FILES / "bulletin-three-columns.pdf")
    assert bulletin.text.count("\n\n") == 3
    (rivers,) = open_source(FILES / "rivers-table.pdf")
    assert "Ostra | 212 km | Lake Hune\nVelna | 148 km | Mount Sark" in rivers.text
