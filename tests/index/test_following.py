"""Following feeds and sitemaps of a server on this machine, round by round."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index import (
    Collection,
    FetchError,
    Following,
    InputError,
    Library,
    QueryError,
    StorageError,
    SubscriptionNotFound,
)
from qa import QuestionAnswering
from tests.site import STORY, Reply, Site, content, item, page, rss, sitemap, sitemap_index, story


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as opened:
        yield opened


def following(library: Library, site: Site, **fields: object) -> tuple[Collection, Following]:
    collection = library.collection()
    return collection, Following(collection, site.policy(**fields))


def titles(collection: Collection) -> dict[str, str | None]:
    return {info.title: info.vanished for info in collection.list(limit=100).articles}


def later(library: Library, days: float) -> None:
    """Let time pass, as far as the library knows: what was looked at now was looked at so long ago."""
    shift = f"-{days * 86_400} seconds"
    with sqlite3.connect(library.folder / "default" / "articles.db") as database:
        for table in ("followed", "subscription"):
            database.execute(f"UPDATE {table} SET checked = strftime('%Y-%m-%dT%H:%M:%fZ', checked, ?)", (shift,))
        database.execute("UPDATE subscription SET due = strftime('%Y-%m-%dT%H:%M:%fZ', due, ?)", (shift,))
    database.close()


def test_a_sitemap_is_followed_through_new_changed_gone_and_back(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"
    site.pages["/sitemap.xml"] = sitemap("/1", "/2", "/3")
    for number in "1234":
        site.pages[f"/{number}"] = story(number)
    subscription, created = follows.subscribe(url, 3600)
    assert created and follows.due() == [url] and subscription.checked is None
    first = follows.round(url)
    assert (first.pages, first.added, first.changed, first.vanished, first.failures) == (3, 3, 0, 0, ())
    assert follows.due() == [] and set(titles(collection)) == {"Story 1", "Story 2", "Story 3"}
    assert {info.origin for info in collection.list().articles} == {url}

    again = follows.round(url)
    assert (again.added, again.changed, again.vanished) == (0, 0, 0)

    site.pages["/sitemap.xml"] = sitemap("/1", "/2", "/4")
    site.pages["/2"] = story("2", "It was painted red.")
    second = follows.round(url)
    assert (second.added, second.changed, second.vanished) == (1, 1, 1)
    gone = titles(collection)
    assert gone.pop("Story 3") and not any(gone.values()) and set(gone) == {"Story 1", "Story 2", "Story 4"}
    # Kept, and still answering.
    assert any(one.article.vanished for one in collection.search("lighthouse keeper of 3"))
    [listed] = follows.all()
    assert (listed.kind, listed.articles, listed.vanished, listed.failing) == ("sitemap", 4, 1, 0)

    assert follows.round(url).vanished == 0
    site.pages["/sitemap.xml"] = sitemap("/1", "/2", "/3", "/4")
    third = follows.round(url)
    assert (third.added, third.changed, third.vanished) == (0, 0, 0) and not any(titles(collection).values())


def test_a_page_that_is_gone_is_marked_and_a_feed_that_moves_on_is_no_loss(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/feed"
    site.pages["/feed"] = rss(site, item("/1", "1"), item("/2", "2"), item("/3", "3"))
    for number in "1234":
        site.pages[f"/{number}"] = story(number)
    follows.subscribe(url)
    assert follows.round(url).added == 3
    site.pages["/feed"] = rss(site, item("/4", "4"), item("/3", "3"), item("/2", "2"))
    site.pages["/2"] = Reply("gone", 410)
    second = follows.round(url)
    assert (second.added, second.vanished) == (1, 1)
    assert {title for title, gone in titles(collection).items() if gone} == {"Story 2"}
    # Story 1 is named no longer; a week later its page is asked for, and it has gone as well.
    site.pages["/1"] = Reply("gone", 404)
    asked = site.count("/1")
    assert follows.round(url).vanished == 0 and site.count("/1") == asked
    later(library, 8)
    assert follows.round(url).vanished == 1 and site.count("/1") == asked + 1
    later(library, 8)
    assert follows.round(url).vanished == 0 and site.count("/1") == asked + 1
    # And back again.
    site.pages["/2"] = story("2")
    later(library, 2)
    follows.round(url)
    assert {title for title, gone in titles(collection).items() if gone} == {"Story 1"}


def test_only_what_may_have_changed_is_asked_for(library: Library, site: Site) -> None:
    _, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"

    def tagged(head: dict[str, str]) -> Reply:
        if head.get("if-none-match") == '"1"':
            return Reply(status=304)
        return Reply(story("2").body, headers={"ETag": '"1"'})

    def listing(head: dict[str, str]) -> Reply:
        if head.get("if-none-match") == '"a"':
            return Reply(status=304)
        body = str(sitemap("/1", changed="2024-01-01").body).replace("</urlset>", "<url><loc>/2</loc></url></urlset>")
        return Reply(body, headers={"ETag": '"a"'})

    site.pages |= {"/sitemap.xml": listing, "/1": story("1"), "/2": tagged}
    follows.subscribe(url)
    follows.round(url)
    for count in (2, 3):
        found = follows.round(url)
        # The first has a date that has not changed; of the second nothing is known, so it is asked for on a condition.
        assert (site.count("/1"), site.count("/2"), found.added, found.changed) == (1, count, 0, 0)
        assert site.heads[-1]["if-none-match"] == '"1"'
    later(library, 1.1)
    follows.round(url)
    assert site.count("/1") == 2
    # A page that may have changed at any time is asked for in a tenth of the time at most.
    site.pages["/2"] = story("2", "The quay was painted.")
    _, slow = following(library, site, pause_seconds=0.02)
    later(library, 1 / 86_400)
    assert slow.round(url).changed == 1
    _, slower = following(library, site, pause_seconds=0.05, patience_seconds=99)
    assert slower.round(url).fetched == 0


def test_a_feeds_own_text_is_taken_once_and_again_when_it_changes(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/feed"
    site.pages["/1"] = Reply("not asked for")

    def entry(more: str) -> Reply:
        return rss(site, item("/1", "Own", content(f"<p>{STORY}</p><p>{more}</p>")))

    site.pages["/feed"] = entry("The bridge is closed.")
    follows.subscribe(url)
    assert follows.round(url).added == 1
    assert follows.round(url).fetched == 0
    site.pages["/feed"] = entry("The bridge is open.")
    found = follows.round(url)
    assert (found.added, found.changed, site.count("/1")) == (0, 1, 0)
    [info] = collection.list().articles
    assert "The bridge is open." in collection.get(info.id).text
    later(library, 8)
    assert follows.round(url).changed == 0 and site.count("/1") == 1  # only to see whether it is there
    site.pages["/1"] = Reply("", 404)
    later(library, 8)
    assert follows.round(url).vanished == 1


def test_what_the_feed_said_of_a_page_is_not_lost_when_only_the_page_changes(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    feed = rss(site, item("/1", "1", "<pubDate>Tue, 05 Mar 2024 10:00:00 GMT</pubDate>"))
    feed.headers["ETag"] = '"1"'
    site.pages["/feed"] = lambda head: Reply(status=304) if head.get("if-none-match") else feed
    site.pages["/1"] = story("1")
    url = f"{site.url}/feed"
    follows.subscribe(url)
    follows.round(url)
    for more, changed in (("", 0), ("It was sold.", 1)):
        site.pages["/1"] = story("1", more)
        assert follows.round(url).changed == changed
        [info] = collection.list().articles
        assert (info.published, info.language, info.origin) == ("2024-03-05", "en", url)


def test_one_bad_page_stops_nothing_and_is_tried_again(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"
    site.pages["/sitemap.xml"] = sitemap("/bad", "/empty", "/image", "/forbidden", "/1", changed="2024-01-01")
    site.pages["/robots.txt"] = Reply("User-agent: *\nDisallow: /forbidden\n")
    site.pages |= {"/bad": Reply("", 500), "/empty": Reply("<html></html>"), "/1": story("1")}
    site.pages["/image"] = Reply(b"\x89PNG\r\n\x1a\n" + bytes(99), kind="image/png")
    follows.subscribe(url)
    found = follows.round(url)
    assert found.added == 1 and len(found.failures) == 4 and found.finished
    [listed] = follows.all()
    assert (listed.failing, listed.failures, listed.error) == (4, 0, None)
    site.pages["/bad"] = story("mended")
    assert follows.round(url).added == 1 and "Story mended" in titles(collection)
    for _ in range(4):
        follows.round(url)
    asked = site.count("/empty")
    follows.round(url)
    assert site.count("/empty") == asked == 3  # given up for today
    later(library, 1.1)
    follows.round(url)
    assert site.count("/empty") == 4


def test_a_list_that_fails_is_put_off_longer_each_time_and_at_most_for_a_day(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1"), "/1": story("1")}
    follows.subscribe(url, 3600)
    follows.round(url)
    site.pages["/sitemap.xml"] = Reply("", 500)
    waits = []
    for count in range(1, 9):
        before = datetime.now(UTC)
        with pytest.raises(FetchError, match="500"):
            follows.round(url)
        [listed] = follows.all()
        assert listed.failures == count and "500" in (listed.error or "")
        waits.append(round((datetime.fromisoformat(listed.due) - before) / timedelta(hours=1)))
    assert waits == [2, 4, 8, 16, 24, 24, 24, 24]
    # An empty or damaged sitemap does not mean that all have vanished.
    for body in ("<urlset></urlset>", "<urlset><url><loc>/1</loc></url", "<html>maintenance</html>"):
        site.pages["/sitemap.xml"] = Reply(body)
        with pytest.raises(InputError):
            follows.round(url)
    assert titles(collection) == {"Story 1": None}
    site.pages["/sitemap.xml"] = sitemap("/1")
    follows.round(url)
    [listed] = follows.all()
    assert (listed.failures, listed.error) == (0, None)


def test_half_a_sitemap_index_marks_nothing(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/index.xml"
    site.pages |= {"/index.xml": sitemap_index("/a.xml", "/b.xml"), "/a.xml": sitemap("/1"), "/b.xml": sitemap("/2")}
    site.pages |= {"/1": story("1"), "/2": story("2")}
    follows.subscribe(url)
    assert follows.round(url).added == 2
    site.pages["/b.xml"] = Reply("", 503)
    found = follows.round(url)
    assert found.vanished == 0 and len(found.failures) == 1
    site.pages["/index.xml"] = sitemap_index("/a.xml")
    assert follows.round(url).vanished == 1
    assert {title for title, gone in titles(collection).items() if gone} == {"Story 2"}


def test_an_article_that_was_removed_by_hand_does_not_come_back(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1", "/2"), "/1": story("1"), "/2": story("2")}
    follows.subscribe(url)
    follows.round(url)
    collection.remove(next(info.id for info in collection.list().articles if info.title == "Story 1"))
    site.pages["/1"] = story("1", "It has changed.")
    found = follows.round(url)
    assert (found.added, found.failures) == (0, ()) and set(titles(collection)) == {"Story 2"}


def test_two_addresses_of_one_article(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"
    one = Reply(page("Story", STORY, "<link rel=canonical href=/1>"))
    site.pages |= {"/sitemap.xml": sitemap("/1", "/1?print=1"), "/1": one, "/1?print=1": one}
    follows.subscribe(url)
    assert follows.round(url).added == 1
    site.pages["/1?print=1"] = Reply("", 404)
    assert follows.round(url).vanished == 0 and titles(collection) == {"Story": None}
    site.pages["/1"] = Reply("", 404)
    assert follows.round(url).vanished == 1


def test_a_round_that_was_stopped_is_gone_on_with(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"
    site.pages["/sitemap.xml"] = sitemap(*(f"/{number}" for number in range(6)), changed="2024-01-01")
    for number in range(6):
        site.pages[f"/{number}"] = story(str(number))
    follows.subscribe(url)
    seen: list[int] = []
    half = follows.round(url, progress=lambda p: seen.append(p.done), stopped=lambda: len(seen) == 3)
    assert (half.added, half.finished, seen) == (3, False, [1, 2, 3]) and follows.due() == [url]
    rest = follows.round(url)
    assert (rest.added, rest.fetched, rest.finished) == (3, 3, True) and len(titles(collection)) == 6


def test_it_is_all_there_after_reopening(tmp_path: Path, qa: QuestionAnswering, site: Site) -> None:
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1", changed="2024-01-01"), "/1": story("1")}
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        _, follows = following(library, site)
        follows.subscribe(url, 7200)
        follows.round(url)
        before = follows.all()
    with Library.open(tmp_path / "l", encoder=qa.library.encoder) as library:
        _, follows = following(library, site)
        assert follows.all() == before and follows.due() == []
        assert follows.round(url).fetched == 0
    with Library.open(tmp_path / "l", encoder=qa.library.encoder, read_only=True) as library:
        _, follows = following(library, site)
        assert len(follows.all()) == 1
        with pytest.raises(Exception, match="reading only"):
            follows.subscribe(url)


def test_what_cannot_be_followed(library: Library, site: Site) -> None:
    _, follows = following(library, site)
    link = '<link rel="alternate" type="application/rss+xml" href="/feed.rss">'
    site.pages["/page"] = Reply(page("Page", STORY, link))
    site.pages["/feed.rss"] = rss(site, item("/1", "1"))
    with pytest.raises(FetchError, match=f"its feed is {site.url}/feed.rss"):
        follows.subscribe(f"{site.url}/page")
    for url in (f"{site.url}/none", "ftp://example.org/feed", "feed", "http://10.0.0.1/feed"):
        with pytest.raises(FetchError):
            follows.subscribe(url)
    for every in (0, 59, 10**9, -1):
        with pytest.raises(QueryError, match="every"):
            follows.subscribe(f"{site.url}/feed.rss", every)
    assert follows.all() == []
    for url in (f"{site.url}/feed.rss", "nonsense"):
        with pytest.raises(SubscriptionNotFound):
            follows.unsubscribe(url)
        with pytest.raises(SubscriptionNotFound):
            follows.round(url)


def test_ending_and_changing_a_subscription(library: Library, site: Site) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/feed"
    site.pages |= {"/feed": rss(site, item("/1", "1")), "/1": story("1")}
    assert follows.subscribe(url, 3600)[1]
    follows.round(url)
    changed, created = follows.subscribe(f" {url}#top", 60)
    assert not created and (changed.every, changed.articles) == (60, 1) and follows.due() == [url]
    follows.unsubscribe(url)
    assert follows.all() == [] and len(titles(collection)) == 1
    # Begun anew, it knows the article, though not the page.
    follows.subscribe(url)
    found = follows.round(url)
    assert (found.added, found.changed) == (0, 0)


def test_a_disk_that_refuses_puts_the_round_off_and_loses_nothing(
    library: Library, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, follows = following(library, site)
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1", "/2"), "/1": story("1"), "/2": story("2")}
    follows.subscribe(url)
    write = type(collection.store).write
    calls = 0

    def full(*arguments: object, **more: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StorageError("the disk is full", disk_full=True)
        return write(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(collection.store), "write", full)
    with pytest.raises(StorageError):
        follows.round(url)
    assert follows.all()[0].error == "the disk is full" and len(titles(collection)) == 1
    assert follows.round(url).added == 1 and follows.all()[0].error is None and collection.check() == []
