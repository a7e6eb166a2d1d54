import gzip
import io
import json
import os
import signal
import time
from pathlib import Path

import pytest

from index import Article, ArticleError, Failure, InputError, UnsupportedFormat, count_sources, open_source, read_html
from index.sources.sandbox import Worker
from tests.helpers import SAMPLES

PAGE = """<!doctype html><html><head><title>Flood in Ulm - The Gazette</title>
<meta property="og:site_name" content="The Gazette">
<meta property="article:published_time" content="2023-05-04T10:00:00Z">
</head><body><nav><a>Home</a><a>Sport</a></nav><article><h1>Flood in Ulm</h1><p>{}</p></article>
<footer>Contact us</footer></body></html>"""
SENTENCES = "The Danube rose by two metres on Monday night and flooded the old town of Ulm. " * 4


def read(path: Path) -> list[Article | Failure]:
    return list(open_source(path))


def one(path: Path) -> Article:
    (article,) = read(path)
    assert isinstance(article, Article), article
    return article


def failure(path: Path) -> Failure:
    (found,) = read(path)
    assert isinstance(found, Failure), found
    return found


def test_every_sample_can_be_read_and_has_a_title() -> None:
    found = read(SAMPLES)
    assert [item for item in found if isinstance(item, Failure)] == []
    assert len(found) == 14 and all(item.title for item in found if isinstance(item, Article))
    dates = {item.title: item.published for item in found if isinstance(item, Article)}
    assert dates["The Suez crisis of 1956"] == "2021-07-26"
    assert dates["Pyongyang and Moscow draw closer as the war in Ukraine grinds on"] == "2023-06-24"


def test_a_page_gives_its_article_title_site_and_date(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"  # by content, not by suffix
    path.write_text(PAGE.format(SENTENCES))
    article = one(path)
    assert "Danube" in article.text and "Contact us" not in article.text and "Sport" not in article.text
    assert (article.title, article.source, article.published) == ("Flood in Ulm", "The Gazette", "2023-05-04")


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "utf-8", "utf-16"])
def test_pages_in_any_charset(tmp_path: Path, charset: str) -> None:
    path = tmp_path / "page.html"
    page = PAGE.format(SENTENCES + "El Niño and Zürich.").replace("<head>", f'<head><meta charset="{charset}">')
    path.write_bytes(page.encode(charset))
    assert "El Niño and Zürich." in one(path).text


def test_markdown_loses_its_marks_and_keeps_its_front_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        '---\ntitle: "A: b"\ndate: 2024-01-02\ntags: [x, y]\n---\n# Head\n\nA **bold** [link](http://x.y).\n\n- one\n'
    )
    article = one(path)
    assert article.text == "Head\n\nA bold link.\none"
    assert (article.title, article.published, article.tags) == ("A: b", "2024-01-02", ("x", "y"))


def test_ndjson_reports_bad_lines_by_number_and_goes_on(tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": "x1", "text": "One."}),
        "{not json",
        "",
        json.dumps({"text": 3}),
        json.dumps({"text": "Two.", "published": "yesterday"}),
        '{"text": "\\ud800"}',
        json.dumps({"text": "Three.", "date": "2023-01-01", "unknown": 1}),
        "[]",
    ]
    path = tmp_path / "a.ndjson"
    path.write_text("\n".join(lines))
    found = read(path)
    assert [item.text for item in found if isinstance(item, Article)] == ["One.", "Three."]
    failed = [item for item in found if isinstance(item, Failure)]
    assert [item.source.rsplit(" ", 1)[1] for item in failed] == ["2", "4", "5", "6", "8"]
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert len(read(packed)) == len(found)
    assert len(list(open_source("-", stdin=io.BytesIO(path.read_bytes())))) == len(found)


def test_json_holds_one_article_or_a_list(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"text": "One.",\n "title": "T"}')
    (tmp_path / "two.json").write_text('[{"text": "One."}, {"text": ""}]')
    assert one(tmp_path / "one.json").title == "T"
    assert [type(item) for item in read(tmp_path / "two.json")] == [Article, Failure]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\t ", "empty"),
        ("empty.ndjson", b"", "empty"),
        ("a.pdf", b"%PDF-1.4", "PDF"),
        ("a.docx", b"PK\x03\x04", "damaged"),
        ("a.txt", b"MZ\x00\x00", "program"),
        ("a.html", b"<html><script>x</script></html>", "no article text"),
        ("a.json", b"{", "not JSON"),
        ("a.md", b"---\ntitle: x\n---\n", "no text"),
        ("a.jsonl.gz", b"\x1f\x8b\x08broken", "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, data: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert says in str(failure(path).error)


def test_folders_links_and_addresses(tmp_path: Path) -> None:
    assert "no files" in str(failure(tmp_path).error)
    (tmp_path / ".hidden.txt").write_text("x")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.txt").write_text("B.")
    (tmp_path / "a.txt").write_text("A.")
    assert [item.text for item in read(tmp_path) if isinstance(item, Article)] == ["A.", "B."]
    assert count_sources([tmp_path]) == 2 and count_sources(["-"]) is None
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "nope")
    for address, reason in (("https://10.0.0.1/", "private"), ("ftp://example.org/a.txt", "only http and https")):
        [refused] = open_source(address)
        assert isinstance(refused, Failure) and reason in str(refused.error)


def test_a_changed_file_keeps_its_id(tmp_path: Path) -> None:
    path = tmp_path / "Some news!.txt"
    path.write_text("Before.")
    before = one(path)
    path.write_text("After.")
    after = one(path)
    assert before.id == after.id and before.id.startswith("some-news-")
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    "page",
    ["<div>" * 20_000 + "deep inside is the text" + "</div>" * 20_000, "<br>" * 3_000 + "deep inside is the text"],
)
def test_odd_pages_give_their_text_never_an_empty_article(page: str) -> None:
    assert "deep inside is the text" in read_html(page).text
    with pytest.raises(ArticleError, match="no article text"):
        read_html("<html><body><script>var x</script></body></html>")


def test_a_page_that_takes_too_long_or_too_much_is_refused_and_the_next_one_read() -> None:
    slow = Worker(seconds=0.3)
    with pytest.raises(UnsupportedFormat, match="seconds"):
        slow.run("html", b"<br>" * 400_000)
    slow.close()
    worker = Worker()
    assert worker.run("html", PAGE.format(SENTENCES).encode())["text"].startswith("Flood in Ulm")
    first = worker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    time.sleep(0.1)
    assert worker.run("html", PAGE.format(SENTENCES).encode())["text"].startswith("Flood in Ulm")
    assert worker.pid != first
    worker.close()
    small = Worker(memory=500 * 1024**2)
    with pytest.raises(UnsupportedFormat):
        small.run("html", b"<p>" + b"x <b>y</b> " * 3_000_000)
    small.close()
