"""XML that is neither a page, nor a feed, nor a sitemap: a clear error, since its tags would pass for text."""

import re
from collections.abc import Iterator

from index.errors import UnsupportedFormat
from index.sources.formats.base import Format, Given, Sure
from index.types import Article, Failure


def _recognises(given: Given) -> Sure:
    declared = re.match(r"\s*<\?xml\b", given.head[:200]) is not None
    return Sure.LIKELY if declared and given.root not in ("", "html") else Sure.NO


def _read(given: Given) -> Iterator[Article | Failure]:
    reason = f"this is XML of a kind that nothing here reads (<{given.root[:40]}>): save it as HTML, text or NDJSON"
    yield Failure(given.name, UnsupportedFormat(reason))


FORMAT = Format(name="xml", recognises=_recognises, read=_read, content_types=("image/svg+xml",))
