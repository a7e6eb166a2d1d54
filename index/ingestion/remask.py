"""Articles that came before their site's furniture was known: masked anew once more is known of the site.

When a site's articles have doubled since the last time, the newest hundred of them are looked at; so each article costs
a bounded number of looks however many there are.  Only passages that changed are embedded.
"""

import logging
from collections.abc import Iterable, Iterator

import numpy as np

from index.boilerplate.detector import LEAST_ARTICLES, find_furniture
from index.boilerplate.lines import site_of
from index.embedding.encoder import Encoder
from index.errors import StorageError
from index.ingestion.prepare import prepare, vectors_of
from index.search.live_vectors import Nearest
from index.storage.database import Store
from index.storage.read_view import View
from index.storage.tables.site_lines import repetitions
from index.types import Article, Failure, StoredArticle

LOOKED_AT = 100
# And of long ones no more than have this many characters: other writers wait meanwhile.
LOOKED_AT_CHARACTERS = 5_000_000

_log = logging.getLogger(__name__)


def outgrown_sites(store: Store, articles: Iterable[Article]) -> list[str]:
    """Return the sites of some articles that have twice the articles they had when they were looked at."""
    sites = sorted({site for article in articles if (site := site_of(article)) is not None})
    with store.read() as view:
        sizes = {site: view.site(site) for site in sites}
    return [site for site, (size, looked) in sizes.items() if size >= max(LEAST_ARTICLES, 2 * looked)]


def mask_outgrown(store: Store, nearest: Nearest, encoder: Encoder, articles: Iterable[Article]) -> None:
    """Mask anew on the sites of articles that were just added; what the disk refuses waits for the next one.

    The caller keeps other writers out.
    """
    try:
        for site in outgrown_sites(store, articles):
            mask_anew(site, store, nearest, encoder)
    except StorageError as error:  # the articles are committed
        _log.warning("articles of %r are not masked anew yet: %s", nearest.name, error)


def mask_anew(site: str, store: Store, nearest: Nearest, encoder: Encoder) -> int:
    """Mask what a site's newest articles turn out to have in common; returns how many articles that changed.

    The caller keeps other writers out.

    Raises:
        StorageError: the disk refused; the articles stay as they were.
    """
    with store.read() as view:
        stored = list(_newest(view, site))
        held = {
            one.info.id: Article(
                one.text,
                id=one.info.id,
                title=one.info.title,
                url=one.info.url,
                source=one.info.source,
                # Decides in which form its words are indexed, and so in which they are taken out.
                language=one.info.language,
            )
            for one in stored
        }
        repeated = repetitions(list(held.values()), view)
        changed = [held[one.info.id] for one in stored if find_furniture(one.text, repeated.get(site)) != one.masked]
        vectors = vectors_of(changed, view)
    left_alone: list[Failure] = []
    ready = prepare(changed, encoder, vectors, repeated, left_alone.append)
    written = store.remask(ready, site)
    if ready:
        nearest.apply(written, np.concatenate([item.vectors for item in ready]))
    return len(ready)


def _newest(view: View, site: str) -> Iterator[StoredArticle]:
    characters = 0
    for article_id in view.newest(site, LOOKED_AT):
        article = view.article(article_id)
        if article is None:
            continue
        characters += len(article.text)
        if characters > LOOKED_AT_CHARACTERS:
            return
        yield article
