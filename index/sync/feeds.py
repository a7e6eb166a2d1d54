"""Following feeds and sitemaps: what is new or changed comes in, what is gone is marked.

A round fetches the feed or sitemap and then, page by page, what it says has changed, what it says nothing about, what
failed before, and now and then what it has no reason to doubt.  Each page is written down as soon as it is done, so a
round that was stopped is gone on with.  A feed that no longer names a page says nothing by that, since feeds name the
newest pages only; a whole sitemap does, and so does a page that answers 404 or 410.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from index.clock import seconds_since
from index.collection import Collection
from index.errors import CitespanError, FetchError, InputError, QueryError, StorageError, SubscriptionNotFound
from index.sources.feeds_and_sitemaps import Entry, Listing, fetch_listing, listing_kind, not_a_listing, unpacked
from index.sources.web_pages import EntryRead, apart, read_entry
from index.storage.tables.subscription_table import LONGEST_WAIT, FollowedPage, Subscription
from index.types import Failure, Progress
from index.validation import instant
from index.web.fetcher import shared_fetcher
from index.web.policy import FetchPolicy
from index.web.urls import parse_target

MIN_EVERY = 60
MAX_EVERY = 30 * 24 * 3600
DEFAULT_EVERY = 3600
# Pages that a feed or sitemap has no news of are looked at again after so long: one may have gone.
_REVISIT = 24 * 3600.0
_REVISIT_DOUBTED = 7 * _REVISIT
_MAX_DOUBTED = 20
# A page that failed so often in a row is tried once a day.
_PATIENCE = 3
# After the disk was found full.
_FULL_SECONDS = 600
# Pages of which nothing tells whether they have changed are asked for in at most this share of the time.
_SHARE = 10


@dataclass(frozen=True, slots=True)
class Round:
    """What one round brought.

    Attributes:
        pages: pages that the feed or sitemap names.
        fetched: pages that were looked at.
        added: articles that are new.
        changed: articles that were replaced.
        vanished: articles that are marked as gone.
        failures: pages that could not be used.
        finished: whether it came to its end.
    """

    pages: int = 0
    fetched: int = 0
    added: int = 0
    changed: int = 0
    vanished: int = 0
    failures: tuple[Failure, ...] = ()
    finished: bool = True


@dataclass(slots=True)
class _Tally:
    """A round in the making."""

    pages: dict[str, FollowedPage]
    present: set[str]
    claimed: dict[str, str]
    fetched: int = 0
    added: int = 0
    changed: int = 0
    vanished: int = 0
    failures: list[Failure] = field(default_factory=list)
    # An entry's own text cannot be had again by asking only if the feed has changed.
    lost: bool = False
    again: float = 0.0


class Following:
    """The feeds and sitemaps that one collection follows.  Safe for use from several threads.

    Args:
        collection: takes the articles.
        policy: where fetching may go and how far; None takes the defaults.
    """

    def __init__(self, collection: Collection, policy: FetchPolicy | None = None) -> None:
        self._collection = collection
        self._fetcher = shared_fetcher(policy or FetchPolicy())

    def all(self) -> list[Subscription]:
        """Return what is followed, by address."""
        with self._collection.store.read() as view:
            return view.subscriptions.all()

    def due(self) -> list[str]:
        """Return the addresses whose time has come, the longest due first."""
        with self._collection.store.read(brief=True) as view:
            return view.subscriptions.due(datetime.now(UTC))

    def failing(self, url: str, limit: int = 20) -> list[FollowedPage]:
        """Return pages that could not be used the last time, those first that failed most often."""
        with self._collection.store.read() as view:
            return view.subscriptions.failing(url, limit)

    def subscribe(self, url: str, every: int = DEFAULT_EVERY) -> tuple[Subscription, bool]:
        """Follow a feed or sitemap, or change how often; its next round is due at once.

        Args:
            url: its address; fetched to see whether it is one.
            every: seconds between two rounds, MIN_EVERY to MAX_EVERY.

        Returns:
            The subscription, and whether it is new.

        Raises:
            QueryError: every is out of range.
            FetchError: it cannot be fetched, or is neither a feed nor a sitemap.
        """
        if not MIN_EVERY <= every <= MAX_EVERY:
            raise QueryError(f"every must be {MIN_EVERY} seconds to 30 days, not {every} seconds", field="every")
        self._collection.store.check_room()
        address = parse_target(url, self._fetcher.policy).url
        fetched = self._fetcher.fetch(address)
        data = unpacked(fetched, self._fetcher)
        if listing_kind(data) is None:
            raise FetchError(not_a_listing(fetched, data))
        with self._collection.store.subscriptions() as subscriptions:
            created = subscriptions.begin(address, every, instant(datetime.now(UTC)))
            found = subscriptions.get(address)
        assert found is not None  # noqa: S101  (written in the same transaction)
        return found, created

    def unsubscribe(self, url: str) -> None:
        """Follow an address no longer; its articles stay.

        Raises:
            SubscriptionNotFound: it was not followed.
        """
        address = self._known(url).url
        with self._collection.store.subscriptions() as subscriptions:
            subscriptions.end(address)

    def round(
        self,
        url: str,
        *,
        progress: Callable[[Progress], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Round:
        """Bring a subscription up to date.

        Args:
            url: its address.
            progress: called after each page.
            stopped: asked before each page; once it says so, the round ends and is gone on with the next time.

        Raises:
            SubscriptionNotFound: it is not followed.
            StorageError: the disk is nearly full; it stays due.
            FetchError: the feed or sitemap cannot be fetched; it is put off.
            CitespanError: the library or a model refused; it is put off.
        """
        subscription = self._known(url)
        self._collection.store.check_room()
        try:
            listing = fetch_listing(
                subscription.url, self._fetcher, etag=subscription.etag, modified=subscription.modified
            )
            with self._collection.store.read() as view:
                pages = view.subscriptions.pages(subscription.url)
                present = view.subscriptions.present(one for page in pages.values() for one in page.articles)
            claimed = {one: page.url for page in pages.values() for one in page.articles}
            return self._work(subscription, listing, _Tally(pages, present, claimed), progress, stopped)
        except Exception as error:  # whatever it was: a round must not be begun again and again
            with contextlib.suppress(CitespanError):
                self._put_off(subscription, error)
            raise

    def _work(
        self,
        subscription: Subscription,
        listing: Listing | None,
        tally: _Tally,
        progress: Callable[[Progress], None] | None,
        stopped: Callable[[], bool],
    ) -> Round:
        url = subscription.url
        if listing is None:  # 304: the list is as it was; its pages may have changed
            kind: str = subscription.kind or "feed"
            entries = [Entry(page.url, page.mark) for page in tally.pages.values() if page.listed]
            named = Listing("sitemap" if kind == "sitemap" else "feed", url, subscription.title, (), False)
        else:
            entries, named = list(listing.entries), replace(listing, url=url)
            tally.failures.extend(listing.failures)
            self._drop_unlisted(url, listing, tally)
        todo = [*self._wanted(entries, tally, known=listing is None), *_doubted(tally)]
        for number, entry in enumerate(todo, 1):
            if stopped():
                return _made(tally, len(entries), finished=False)
            self._look_at(url, entry, named, tally)
            if progress is not None:
                progress(Progress(number, tally.added + tally.changed, len(todo)))
        self._finish(subscription, listing, tally)
        return _made(tally, len(entries), finished=True)

    def _drop_unlisted(self, url: str, listing: Listing, tally: _Tally) -> None:
        """Note which pages are no longer named; those of a whole sitemap are gone."""
        named = {entry.url for entry in listing.entries}
        changed: list[FollowedPage] = []
        ids: list[str] = []
        for page in tally.pages.values():
            if page.listed and page.url not in named:
                if listing.kind == "sitemap" and not listing.complete:
                    continue  # it may stand in the part that could not be had
                gone = listing.complete and bool(page.articles)
                changed.append(replace(page, listed=False, vanished=page.vanished or gone))
                ids.extend(page.articles if listing.complete else ())
            elif not page.listed and page.url in named:
                # Named again: whether it is there again, asking will show.
                changed.append(replace(page, listed=True, mark=""))
        tally.pages.update({page.url: page for page in changed})
        if changed:
            with self._collection.store.subscriptions() as subscriptions:
                subscriptions.save(url, changed)
                tally.vanished += subscriptions.mark_vanished(ids, instant(datetime.now(UTC)))

    def _wanted(self, entries: list[Entry], tally: _Tally, *, known: bool) -> Iterator[Entry]:
        """Yield the entries that must be looked at; known are those of a list that has not changed."""
        now = datetime.now(UTC)
        share = len(entries) * self._fetcher.policy.pause_seconds * _SHARE
        for entry in entries:
            page = tally.pages.get(entry.url)
            if page is None:
                yield entry
                continue
            if page.articles and tally.present.isdisjoint(page.articles):
                continue  # somebody removed it from the collection: it does not come back
            if page.own and known:
                continue  # its text came with the list
            age = _seconds_since_checked(page, now)
            changed = entry.mark != page.mark
            if page.error is not None and not page.vanished:
                wanted = changed or page.failures < _PATIENCE or age >= _REVISIT
            elif entry.mark is None and not page.vanished:
                wanted = changed or age >= share
            else:
                wanted = changed or (age >= _REVISIT and not page.own)
            if wanted:
                yield entry

    def _look_at(self, url: str, entry: Entry, listing: Listing, tally: _Tally) -> None:
        """Deal with one page, and write down what came of it; nothing that is wrong with it goes further."""
        before = tally.pages.get(entry.url) or FollowedPage(entry.url, "")
        etag, modified = before.etag, before.modified
        if tally.present.isdisjoint(before.articles):
            etag = modified = None
        tally.fetched += 1
        now = instant(datetime.now(UTC))
        try:
            known = self._remembered(entry, before, listing, tally)
            found = read_entry(known, listing, self._fetcher, etag=etag, modified=modified)
            after = self._take(entry, found, before, tally, now)
        except InputError as error:
            after = self._failed(entry, error, before, tally, now)
        tally.pages[entry.url] = after
        gone = set(before.articles) if after.vanished else set(before.articles) - set(after.articles)
        for page in tally.pages.values() if gone else ():
            if not page.vanished:  # two addresses may lead to one article
                gone.difference_update(page.articles)
        with self._collection.store.subscriptions() as subscriptions:
            subscriptions.save(url, [after])
            tally.vanished += subscriptions.mark_vanished(sorted(gone), now)
            if not after.vanished and after.error is None:
                subscriptions.mark_vanished(after.articles, None)

    def _remembered(self, entry: Entry, page: FollowedPage, listing: Listing, tally: _Tally) -> Entry:
        """Give back to an entry what the feed once said of it, where the feed itself is not at hand."""
        stored = next((one for one in page.articles if one in tally.present), None)
        if listing.entries or stored is None:
            return entry
        info = self._collection.get(stored).info
        said = [name for name, place in info.found_in if place == listing.kind]
        return replace(entry, facts=tuple((name, getattr(info, name)) for name in said))

    def _take(self, entry: Entry, found: EntryRead, before: FollowedPage, tally: _Tally, now: str) -> FollowedPage:
        if before.own and not entry.text:  # its article is the feed's; the page was asked for to see if it is there
            return replace(before, checked=now)
        if found.unchanged:
            return replace(before, mark=entry.mark, checked=now, vanished=False, failures=0, error=None)
        if not found.articles:
            first = found.failures[0].error if found.failures else InputError("there is no article in it")
            raise first if isinstance(first, InputError) else InputError(str(first))
        tally.failures.extend(found.failures)
        ids = []
        for article in found.articles:
            owner = tally.claimed.get(article.id)
            if owner is not None and owner != entry.url and article.id in tally.present:
                article = apart(article, entry, self._collection.get(article.id).info.sha256)
            added = self._collection.add_one(article)
            tally.added += added.created
            tally.changed += added.changed and not added.created
            tally.present.add(added.id)
            tally.claimed.setdefault(added.id, entry.url)
            ids.append(added.id)
        return FollowedPage(
            entry.url,
            now,
            tuple(ids),
            entry.mark,
            own=bool(entry.text),
            listed=before.listed,
            etag=found.etag,
            modified=found.modified,
        )

    def _failed(self, entry: Entry, error: InputError, before: FollowedPage, tally: _Tally, now: str) -> FollowedPage:
        after = error.retry_after if isinstance(error, FetchError) else None
        gone = isinstance(error, FetchError) and error.gone
        if (gone and before.vanished) or (before.own and not entry.text and not gone):
            return replace(before, mark=entry.mark, checked=now)
        if after:
            # The host asked to be left alone: no fault of the page's.
            tally.again = max(tally.again, after)
        tally.failures.append(Failure(entry.url, error))
        tally.lost = tally.lost or bool(entry.text)
        return replace(
            before,
            mark=entry.mark,
            own=bool(entry.text) or before.own,
            checked=now,
            vanished=gone and bool(before.articles),
            failures=before.failures + (0 if after else 1),
            error=str(error),
        )

    def _finish(self, subscription: Subscription, listing: Listing | None, tally: _Tally) -> None:
        now = datetime.now(UTC)
        wait = min(float(subscription.every), max(tally.again, float(MIN_EVERY))) if tally.again else subscription.every
        etag, modified = subscription.etag, subscription.modified
        kind, title = subscription.kind or "feed", subscription.title
        if listing is not None:
            kind, title = listing.kind, listing.title
            etag, modified = (None, None) if tally.lost else (listing.etag, listing.modified)
        with self._collection.store.subscriptions() as subscriptions:
            due = instant(now + timedelta(seconds=wait))
            subscriptions.succeeded(subscription.url, kind, title, etag, modified, instant(now), due)

    def _put_off(self, subscription: Subscription, error: Exception) -> None:
        full = isinstance(error, StorageError) and error.disk_full  # no fault of the feed's
        reason = str(error) if isinstance(error, CitespanError) else "something went wrong here: the log says what"
        now = datetime.now(UTC)
        wait = min(subscription.every * 2 ** min(subscription.failures + 1, 20), max(LONGEST_WAIT, subscription.every))
        if isinstance(error, FetchError) and error.retry_after:
            wait = max(wait, min(int(error.retry_after), LONGEST_WAIT))
        if full:
            wait = min(subscription.every, _FULL_SECONDS)
        with self._collection.store.subscriptions() as subscriptions:
            due = instant(now + timedelta(seconds=wait))
            subscriptions.failed(subscription.url, reason, instant(now), due, counts=not full)

    def _known(self, url: str) -> Subscription:
        addresses = [url.strip()]
        with contextlib.suppress(FetchError):
            addresses.append(parse_target(url, self._fetcher.policy).url)
        with self._collection.store.read() as view:
            for address in addresses:
                found = view.subscriptions.get(address)
                if found is not None:
                    return found
        raise SubscriptionNotFound(f"{url[:200]} is not followed in collection {self._collection.name!r}")


def _doubted(tally: _Tally) -> list[Entry]:
    """Pages that no list makes us look at, and that were not looked at for long: they may be gone."""
    now = datetime.now(UTC)
    old = [
        page
        for page in tally.pages.values()
        if (page.own or not page.listed)
        and not page.vanished
        and not tally.present.isdisjoint(page.articles)
        and _seconds_since_checked(page, now) > _REVISIT_DOUBTED
    ]
    return [Entry(page.url, page.mark) for page in sorted(old, key=lambda page: page.checked)[:_MAX_DOUBTED]]


def _seconds_since_checked(page: FollowedPage, now: datetime) -> float:
    return seconds_since(datetime.fromisoformat(page.checked).timestamp(), now.timestamp())


def _made(tally: _Tally, pages: int, *, finished: bool) -> Round:
    return Round(pages, tally.fetched, tally.added, tally.changed, tally.vanished, tuple(tally.failures), finished)
