"""JSON: one article, a list of them, or a JSON Feed → articles."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import orjson

from index.errors import CitespanError, UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.sources.formats.ndjson import article_from_json, is_lines, read_ndjson
from index.types import Article, Failure


def _parsed(given: Given) -> Any:
    """The parsed file, None where it is not JSON."""
    try:
        return orjson.loads(given.text)
    except orjson.JSONDecodeError:
        return None


def _recognises(given: Given) -> Sure:
    beginning = given.head.lstrip()[:1]
    if beginning not in ("{", "["):
        return Sure.MAYBE if given.head else Sure.NO
    facts = _parsed(given)
    first = facts[0] if isinstance(facts, list) and facts else facts
    return Sure.LIKELY if isinstance(first, dict) and {"text", "html"} & first.keys() else Sure.MAYBE


def _read(given: Given) -> Iterator[Article | Failure]:
    try:
        facts = orjson.loads(given.text)
    except orjson.JSONDecodeError as error:
        if is_lines(given.head):
            yield from read_ndjson(BytesIO(given.data), given.name, given.shared)
            return
        raise UnsupportedFormat(f"not JSON ({error.msg} at line {error.lineno}): mend it, or give NDJSON") from None
    several = isinstance(facts, list)
    if not several:
        yield article_from_json(facts, _known(facts, given))
        return
    for number, one in enumerate(facts, 1):
        try:
            yield article_from_json(one, given.shared)
        except CitespanError as error:
            yield Failure(f"{given.name} article {number}", error)


def _known(facts: Any, given: Given) -> dict[str, Any]:
    """What is known of the only article of a file; an id and an address that it names itself stay."""
    own = facts.keys() if isinstance(facts, dict) else ()
    return {name: value for name, value in given.known.items() if name not in ("id", "url") or name not in own}


FORMAT = Format(
    name="json",
    recognises=_recognises,
    read=_read,
    suffixes=(".json",),
    content_types=("application/json",),
    several=True,
)
