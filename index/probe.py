"""Whether a collection answers: one of its passages looked for by its own words, another one each time."""

import time

from index.errors import LibraryCorrupt
from index.search.live_vectors import Nearest
from index.storage.database import Store
from index.text.query_terms import match_terms
from index.types import Filters

_CHARACTERS = 200
_LIMIT = 10
# Seconds after a question met damage during which its collection counts as damaged: a probe may look at other pages.
_DAMAGED_SECONDS = 10.0


def probe(store: Store, nearest: Nearest, turn: int) -> None:
    """Search for a passage as a question would, without a sign that the collection is in use.

    Args:
        store: the database.
        nearest: the vectors, which are searched where they are loaded.
        turn: a number that grows, by which the passage is chosen.

    Raises:
        LibraryCorrupt: a file is damaged, or a question came upon damage a moment ago.
        StorageError: the disk refused.
    """
    seen = store.damage_seen
    with store.read(brief=True) as view:
        key = view.sample(turn)
        if key is not None:
            held, (_, rows) = view.passages([key]).get(key), view.vectors([key])
            if held is None or not len(rows):
                raise LibraryCorrupt("a passage lacks its article or its vector: run citespan check")
            passage, article = held
            view.article(article.id)
            view.lexical(match_terms(passage.text[:_CHARACTERS], view.languages()), _LIMIT, Filters())
            if nearest.loaded:
                nearest.load().search(rows[0], _LIMIT)
    if seen is not None and time.monotonic() - seen < _DAMAGED_SECONDS:
        raise LibraryCorrupt("a question came upon damage: run citespan check")
