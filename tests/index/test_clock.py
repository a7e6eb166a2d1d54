"""Stored times and clocks that were, or are, wrong: what waits for one waits no longer than it was put off by."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

import index.storage.tables.job_table
from index import Following, Library, instant, seconds_left, seconds_since
from index.clock import SLACK_SECONDS
from tests.index.test_jobs import BAD, queued
from tests.site import Site, sitemap, story

DAY = 24 * 3600.0
moments = st.floats(-1e9, 4e9)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as opened:
        yield opened


@given(stored_at=moments, now=moments, wait=st.floats(0, 1e6))
def test_seconds_left_is_never_longer_than_the_wait_whatever_the_clock_was(
    stored_at: float, now: float, wait: float
) -> None:
    left = seconds_left(stored_at + wait, wait, now)
    assert 0 <= left <= wait + SLACK_SECONDS
    if stored_at > now + SLACK_SECONDS or stored_at + wait <= now:
        assert left == 0
    if seconds_since(stored_at, now) != inf:
        assert seconds_since(stored_at, now) == now - stored_at >= -SLACK_SECONDS


def shift_clock(library: Library, days: float) -> None:
    """Have the library know what it would, had the clock been ahead by a number of days until now."""
    shift = f"{days * DAY:+} seconds"
    with sqlite3.connect(library.folder / "default" / "articles.db") as database:
        for table, column in (("followed", "checked"), ("subscription", "checked"), ("subscription", "due")):
            database.execute(f"UPDATE {table} SET {column} = strftime('%Y-%m-%dT%H:%M:%fZ', {column}, ?)", (shift,))
        database.execute("UPDATE job SET ended = strftime('%Y-%m-%dT%H:%M:%fZ', ended, ?)", (shift,))
    database.close()


@pytest.mark.parametrize("days", [0.01, 1, 400, 10_000])
def test_a_round_is_due_when_the_clock_was_ahead_as_it_was_written(library: Library, site: Site, days: float) -> None:
    follows = Following(library.collection(), site.policy())
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1"), "/1": story("1")}
    follows.subscribe(url, 30 * 24 * 3600)
    follows.round(url)
    assert follows.due() == []
    shift_clock(library, days)
    assert follows.due() == [url]
    follows.round(url)
    assert follows.due() == []


def test_pages_are_looked_at_again_when_the_clock_was_ahead_as_they_were(library: Library, site: Site) -> None:
    follows = Following(library.collection(), site.policy())
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1"), "/1": story("1")}
    follows.subscribe(url)
    assert follows.round(url).fetched == 1
    shift_clock(library, 400)
    assert follows.round(url).fetched == 1


def test_jobs_that_ended_while_the_clock_was_ahead_push_out_no_other(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index.storage.tables.job_table, "KEPT", 3)
    collection = library.collection()
    for _ in range(3):
        collection.jobs.run(queued(collection, BAD).id)
    shift_clock(library, 400)
    ended = [collection.jobs.run(queued(collection, BAD).id).id for _ in range(2)]
    assert {job.id for job in collection.jobs.list()} >= set(ended)
    assert len(collection.jobs.list()) == 3


def test_a_due_time_of_the_past_stays_due(library: Library, site: Site) -> None:
    follows = Following(library.collection(), site.policy())
    url = f"{site.url}/sitemap.xml"
    site.pages |= {"/sitemap.xml": sitemap("/1"), "/1": story("1")}
    follows.subscribe(url)
    follows.round(url)
    shift_clock(library, -10_000)
    assert follows.due() == [url]
    assert instant(datetime.now(UTC) - timedelta(days=9_000)) > (follows.all()[0].checked or "")
