"""Whether an answer given earlier still stands in its source."""

from typing import Literal

from api.schemas.requests import VerifyIn
from api.schemas.responses import VerifyOut
from index import ArticleNotFound, Collection


def verified(collection: Collection, given: VerifyIn) -> VerifyOut:
    """Look a quotation up in its article as that is now.

    Args:
        collection: that the article is in.
        given: the quotation and its place.
    """
    try:
        text = collection.get(given.article_id).text
    except ArticleNotFound:
        return VerifyOut(status="deleted")
    status: Literal["valid", "moved"] = "valid"
    start = given.article_start
    if text[given.article_start : given.article_end] != given.text:
        status, start = "moved", _nearest(text, given.text, given.article_start)
        if start < 0:
            return VerifyOut(status="changed")
    return VerifyOut(status=status, article_start=start, article_end=start + len(given.text))


def _nearest(text: str, wanted: str, place: int) -> int:
    """Return where the wanted text stands nearest to a place, -1 where it does not."""
    before = text.rfind(wanted, 0, place + len(wanted))
    after = text.find(wanted, place)
    found = [at for at in (before, after) if at >= 0]
    return min(found, key=lambda at: abs(at - place), default=-1)
