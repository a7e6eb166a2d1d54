"""Web addresses → articles: pages, feeds and sitemaps from a real server on this machine."""

import gzip
import json
from collections.abc import Iterator

import pytest

from index import Article, ArticleError, Failure, FetchError, InputError, fetch_article, open_source, shared_fetcher
from index.sources.feeds_and_sitemaps import fetch_listing, listing_kind
from tests.site import STORY, Reply, Site, content, item, page, rss, sitemap, sitemap_index

ATOM = "http://www.w3.org/2005/Atom"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as opened:
        yield opened


def read(site: Site, path: str, **fields: object) -> list[Article | Failure]:
    return list(open_source(site.url + path, policy=site.policy(**fields)))


def articles(found: list[Article | Failure]) -> list[Article]:
    assert not [one for one in found if isinstance(one, Failure)], found
    return [one for one in found if isinstance(one, Article)]


def test_a_page_becomes_an_article_at_its_canonical_address(site: Site) -> None:
    site.pages["/old"] = Reply(status=301, headers={"Location": "/story?utm_source=x"})
    site.pages["/story?utm_source=x"] = Reply(page("The harbour", STORY, "<link rel=canonical href='/story'>"))
    [article] = articles(read(site, "/old"))
    assert article.url == f"{site.url}/story" and article.title == "The harbour" and "Jon Varga" in article.text
    site.pages["/plain"] = Reply("It rained in Elb.\nNobody minded.", kind="text/plain; charset=utf-8")
    [article] = articles(read(site, "/plain"))
    assert article.url == f"{site.url}/plain" and article.text == "It rained in Elb.\nNobody minded."


@pytest.mark.parametrize(
    "canonical",
    ["https://evil.example/story", "/", "javascript:alert(1)", "http://[::1", "", "http://127.0.0.1:1/story"],
)
def test_a_canonical_address_that_cannot_be_one_is_passed_over(site: Site, canonical: str) -> None:
    site.pages["/story"] = Reply(page("The harbour", STORY, f'<link rel="canonical" href="{canonical}">'))
    [article] = articles(read(site, "/story"))
    assert article.url == f"{site.url}/story"


@pytest.mark.parametrize(
    ("encoding", "declared", "meta", "word"),
    [
        ("utf-8", "", "", "grüne Straße"),
        ("iso-8859-1", "iso-8859-1", "", "grüne Straße"),
        ("windows-1251", "windows-1251", "", "зелёная гавань"),
        ("windows-1251", "", "<meta charset=windows-1251>", "зелёная гавань"),
        ("shift_jis", "Shift_JIS", "", "緑の港"),
        ("utf-16", "", "", "grüne Straße"),
        ("utf-8", "no-such-charset", "", "grüne Straße"),
    ],
)
def test_charsets(site: Site, encoding: str, declared: str, meta: str, word: str) -> None:
    text = f"{word} {STORY}"
    body = page(word, text, meta).encode(encoding)
    site.pages["/a"] = Reply(body, kind="text/html" + (f"; charset={declared}" if declared else ""))
    [article] = articles(read(site, "/a"))
    assert word in article.text


def test_a_feed_gives_its_own_text_where_it_is_whole_and_else_the_page(site: Site) -> None:
    whole = "".join(f"<p>{line}</p>" for line in STORY.split("\n")).replace("&", "&amp;")
    date = "<pubDate>Tue, 05 Mar 2024 10:00:00 +0100</pubDate>"
    site.pages["/feed"] = rss(
        site,
        item("/whole", "Whole", f"{date}<dc:creator>Ann Berg</dc:creator>{content(whole)}"),
        item("/teaser", "Teaser", f"{date}<description>The harbour of Elb was opened ...</description>"),
        item("/cut", "Cut", content(f"{whole}<p>And so on [&#8230;]</p>")),
        item("/bare", "Bare"),
    )  # fmt: skip
    for path in ("/teaser", "/cut", "/bare"):
        site.pages[path] = Reply(page(f"Page of {path[1:]}", STORY + f" This is the page {path}."))
    found = {one.url: one for one in articles(read(site, "/feed"))}
    assert set(found) == {f"{site.url}{path}" for path in ("/whole", "/teaser", "/cut", "/bare")}
    assert site.count("/whole") == 0
    whole_one = found[f"{site.url}/whole"]
    assert (whole_one.title, whole_one.author, whole_one.published) == ("Whole", "Ann Berg", "2024-03-05")
    assert "eleven votes to four" in whole_one.text and "<p>" not in whole_one.text
    teaser = found[f"{site.url}/teaser"]
    assert "This is the page /teaser." in teaser.text and teaser.published == "2024-03-05"
    assert ("published", "feed") in teaser.found_in and teaser.title == "Page of teaser"
    assert {one.origin for one in found.values()} == {f"{site.url}/feed"}
    assert {one.language for one in found.values()} == {"en"}


def test_one_bad_entry_does_not_stop_the_rest(site: Site) -> None:
    site.pages["/feed"] = rss(
        site,
        item("/gone", "Gone"),
        item("javascript:alert(1)", "Script"),
        item("http://10.0.0.1/secret", "Inside"),
        item("http://user:password@127.0.0.1/", "Password"),
        "<item><title>No address</title></item>",
        item("/empty", "Empty"),
        item("/itself", "A feed"),
        item("/good", "Good"),
        item("/good", "Good again"),
    )
    site.pages["/empty"] = Reply("<html><body></body></html>")
    site.pages["/itself"] = rss(site, item("/good", "Good"))
    site.pages["/good"] = Reply(page("Good", STORY))
    found = read(site, "/feed")
    assert [one.url for one in found if isinstance(one, Article)] == [f"{site.url}/good"]
    reasons = {one.source.removeprefix(site.url): str(one.error) for one in found if isinstance(one, Failure)}
    assert set(reasons) == {
        "/feed entry 2", "/feed entry 4", "/feed entry 5", "/gone", "http://10.0.0.1/secret", "/empty", "/itself",
    }  # fmt: skip
    assert "404" in reasons["/gone"] and "private" in reasons["http://10.0.0.1/secret"]


def test_atom_with_relative_addresses_and_xhtml(site: Site) -> None:
    lines = "".join(f"<p>{line}</p>" for line in STORY.split("\n"))
    site.pages["/blog/atom.xml"] = Reply(
        f"""<feed xmlns="{ATOM}" xml:base="{site.url}/blog/"><title>Blog</title><updated>2024-01-01T00:00:00Z</updated>
        <entry><title type="html">An &lt;b&gt;entry&lt;/b&gt;</title><link href="one.html"/><id>tag:1</id>
        <author><name>Bea</name></author><published>2024-01-02T03:04:05Z</published><updated>2024-01-03T00:00:00Z</updated>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">{lines}</div></content></entry></feed>""",
        kind="application/atom+xml",
    )
    [article] = articles(read(site, "/blog/atom.xml"))
    assert (article.url, article.title, article.author) == (f"{site.url}/blog/one.html", "An entry", "Bea")
    assert (article.published, article.updated) == ("2024-01-02", "2024-01-03")


def test_a_json_feed(site: Site) -> None:
    feed = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Elb",
        "items": [
            {"id": "1", "url": "/1", "title": "One", "content_text": STORY,
             "authors": [{"name": "Ann"}, {"name": "Bo"}]},
            {"id": "2", "url": "/2", "summary": "short", "date_published": "not a date"},
            {"id": "3"},
            "nonsense",
        ],
    }  # fmt: skip
    site.pages["/feed.json"] = Reply(json.dumps(feed), kind="application/feed+json")
    site.pages["/2"] = Reply(page("Two", STORY + " The second one."))
    found = read(site, "/feed.json")
    texts = [one for one in found if isinstance(one, Article)]
    assert [(one.title, one.author) for one in texts] == [("One", "Ann, Bo"), ("Two", None)]
    assert texts[0].text == STORY and texts[1].published is None
    assert len(found) == 3


def test_sitemaps_in_sitemaps_packed_or_not(site: Site) -> None:
    site.pages["/sitemap.xml"] = sitemap_index("/a.xml", "/b.xml.gz", "/missing.xml", "/sitemap.xml")
    site.pages["/a.xml"] = sitemap("/1", "/2")
    packed = sitemap("/2", "/3").body
    assert isinstance(packed, str)
    site.pages["/b.xml.gz"] = Reply(gzip.compress(packed.encode()), kind="application/gzip")
    for number in "123":
        site.pages[f"/{number}"] = Reply(page(f"Number {number}", f"{STORY} This is number {number}."))
    found = read(site, "/sitemap.xml")
    assert sorted(one.title for one in found if isinstance(one, Article)) == ["Number 1", "Number 2", "Number 3"]
    [failure] = [one for one in found if isinstance(one, Failure)]
    assert failure.source == f"{site.url}/missing.xml" and "404" in str(failure.error)


def test_the_limit_on_pages_is_said(site: Site) -> None:
    site.pages["/sitemap.xml"] = sitemap(*(f"/{number}" for number in range(30)))
    for number in range(3):
        site.pages[f"/{number}"] = Reply(page(f"Number {number}", f"{STORY} This is number {number}."))
    found = read(site, "/sitemap.xml", max_pages=3)
    assert len([one for one in found if isinstance(one, Article)]) == 3
    [failure] = [one for one in found if isinstance(one, Failure)]
    assert "names 30 pages" in str(failure.error) and "first 3" in str(failure.error)


def test_pages_that_all_call_one_address_their_own_stay_apart(site: Site) -> None:
    site.pages["/sitemap.xml"] = sitemap("/1", "/2", "/3")
    for number in "123":
        text = STORY if number == "3" else f"{STORY} This is number {number}."
        site.pages[f"/{number}"] = Reply(page("Same", text, "<link rel=canonical href=/all>"))
    found = articles(read(site, "/sitemap.xml"))
    assert len({one.id for one in found}) == 3
    assert [one.url for one in found] == [f"{site.url}{path}" for path in ("/all", "/2", "/3")]


LAUGHS = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">
<!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;"><!ENTITY f "&e;&e;&e;&e;&e;&e;&e;&e;&e;&e;">
<!ENTITY g "&f;&f;&f;&f;&f;&f;&f;&f;&f;&f;">]>"""
FILE = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
DAMAGED = {
    "a sitemap that is cut off": '<urlset><url><loc>/1</loc></url><url><loc>/2</lo',
    "an empty sitemap": "<urlset></urlset>",
    "a sitemap with a bomb": LAUGHS + "<urlset><url><loc>/&g;</loc></url></urlset>",
    "a sitemap that reads a file": FILE + "<urlset><url><loc>/&x;</loc></url></urlset>",
    "a feed with a bomb": LAUGHS + '<rss version="2.0"><channel><item><link>/&g;</link></item></channel></rss>',
    "a feed that reads a file": FILE + '<rss version="2.0"><channel><item><link>/&x;</link></item></channel></rss>',
    "an empty feed": '<rss version="2.0"><channel><title>x</title></channel></rss>',
    "no feed": "<rss>",
    "a JSON feed without items": '{"version": "https://jsonfeed.org/version/1", "items": 3}',
    "a JSON feed cut off": '{"version": "https://jsonfeed.org/version/1", "items": [',
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_list_is_an_error_and_reads_no_file(site: Site, name: str) -> None:
    site.pages["/x"] = Reply(DAMAGED[name], kind="application/xml")
    found = read(site, "/x")
    assert found and not [one for one in found if isinstance(one, Article)]
    with open("/etc/hostname") as file:
        host = file.read().strip()
    assert host not in str(found) and not [path for path in site.asked if host in path]


def test_a_feed_named_like_a_file_is_not_opened(site: Site) -> None:
    """feedparser opens as a file whatever looks like a path."""
    with pytest.raises(FetchError, match="neither a feed nor a sitemap"):
        site.pages["/x"] = Reply("/etc/passwd", kind="application/rss+xml")
        fetch_listing(f"{site.url}/x", shared_fetcher(site.policy()))


def test_what_begins_like_a_list() -> None:
    comments = b"<!---->" * 2_000
    assert listing_kind(b"\xef\xbb\xbf <?xml version='1.0'?>" + comments + b"<rss version='2.0'>") == "feed"
    assert listing_kind(b"<!DOCTYPE rss [<!ENTITY a 'x>y'>]><rss>") == "feed"
    assert listing_kind("<?xml version='1.0' encoding='utf-16'?><feed >".encode("utf-16")) == "feed"
    assert listing_kind(b"<rdf:RDF xmlns='x'>") == "feed" and listing_kind(b"<sm:urlset >") == "sitemap"
    for other in (b"", b"<html><rss>", b"rss", comments + b"x", b"<!--" * 4_000, b"{}", b"<svg>", b"\xff\xfe<"):
        assert listing_kind(other) is None


def test_one_article_of_an_address(site: Site) -> None:
    site.pages["/a"] = Reply(page("The harbour", STORY))
    site.pages["/feed"] = rss(site, item("/a", "A"))
    site.pages["/empty"] = Reply("<html><body></body></html>")
    site.pages["/image"] = Reply(b"\x89PNG\r\n\x1a\n" + bytes(200), kind="image/png")
    fetcher = shared_fetcher(site.policy())
    article = fetch_article(f"{site.url}/a", fetcher, title="Mine", tags=("x",), id="mine")
    assert (article.id, article.title, article.tags, article.url) == ("mine", "Mine", ("x",), f"{site.url}/a")
    for path, kind in {"/feed": FetchError, "/none": FetchError, "/empty": ArticleError, "/image": InputError}.items():
        with pytest.raises(kind):
            fetch_article(site.url + path, fetcher)


def test_a_host_that_asks_for_a_moment_is_given_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("index.web.politeness.time.sleep", slept.append)
    times = iter([Reply(status=503, headers={"Retry-After": "20"}), Reply(page("The harbour", STORY))])
    site.pages["/a"] = lambda head: next(times)
    [article] = articles(read(site, "/a"))
    assert article.title == "The harbour" and [round(one) for one in slept] == [20]
