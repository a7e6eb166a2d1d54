"""What a field of an article or a filter may hold: limits, and a message that says what to change."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit

from index.errors import ArticleError, QueryError

MAX_ARTICLE_CHARACTERS = 2_000_000
MAX_ID_CHARACTERS = 200
MAX_TITLE_CHARACTERS = 1_000
MAX_URL_CHARACTERS = 2_000
MAX_SOURCE_CHARACTERS = 300
MAX_ORIGIN_CHARACTERS = 2_000
MAX_TAGS = 64
MAX_TAG_CHARACTERS = 100
MAX_FILTER_VALUES = 1_000

_COLLECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
SURROGATE = re.compile("[\ud800-\udfff]")


def check_article_id(value: str) -> str:
    """Return an article id that may be used.

    Raises:
        ArticleError: it is empty, too long or holds other characters.
    """
    # Printable leaves out control characters and the invisible ones that turn text around.
    usable = value.isprintable() and not re.search(r"[\s/\\]", value) and not value.startswith(".")
    if not 1 <= len(value) <= MAX_ID_CHARACTERS or not usable:
        raise ArticleError(
            f"id must be 1 to {MAX_ID_CHARACTERS} printable characters without spaces, / and \\ and not begin with a "
            "full stop: leave it out to have one made",
            field="id",
        )
    return value


def check_collection_name(value: str) -> str:
    """Return a collection name that may be used.

    Raises:
        QueryError: it is not 1 to 64 of a-z, 0-9, _ and -.
    """
    if not _COLLECTION.fullmatch(value):
        raise QueryError(
            "collection must be 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit", field="collection"
        )
    return value


def check_url(value: str) -> str:
    """Return an http or https URL.

    Raises:
        ArticleError: it is anything else.
    """
    try:
        parts = urlsplit(value.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or len(value) > MAX_URL_CHARACTERS or re.search(r"[\s\x00-\x1f\x7f\ud800-\udfff]", value.strip()):
        raise ArticleError(
            f"url must be an http or https address of at most {MAX_URL_CHARACTERS:,} characters", field="url"
        )
    return value.strip()


def check_language(value: str) -> str:
    """Return a language as its ISO 639-1 (or, where it has none, 639-3) code: "en" for "en-GB".

    Raises:
        ArticleError: it is no language tag.
    """
    match = re.fullmatch(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{1,8})*", value.strip())
    if match is None:
        raise ArticleError(f"language must be a tag such as en or pt-BR, not {value[:40]!r}", field="language")
    return match[1].lower()


def one_line(value: str, name: str, limit: int) -> str:
    """Return the value on one line, white space and control characters collapsed.

    Raises:
        ArticleError: it is longer than the limit or holds a lone surrogate.
    """
    if SURROGATE.search(value):
        raise ArticleError(f"{name} holds a lone surrogate (half of a character): send valid Unicode", field=name)
    line = re.sub(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", value).strip()
    if len(line) > limit:
        raise ArticleError(f"{name} has {len(line):,} characters; at most {limit:,}", field=name)
    return line


def instant(moment: datetime) -> str:
    """Return a moment as it is stored and shown: ISO 8601 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> str:
    """Return this instant: ISO 8601 in UTC, to the millisecond."""
    return instant(datetime.now(UTC))


def instant_range(value: str, name: str = "date") -> tuple[str, str]:
    """Return the first and the last instant that an ISO 8601 date or date and time can mean.

    Both are ``YYYY-MM-DDTHH:MM:SS.ffffff`` in UTC, so that they compare as strings.  A time without
    a zone is taken as UTC.

    Raises:
        ArticleError: the value is not ISO 8601 or no such day exists.
    """
    try:
        if _DATE.fullmatch(value):
            day = date.fromisoformat(value)
            first = datetime.combine(day, time.min, UTC)
            last = first + timedelta(days=1, microseconds=-1)
        elif re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", value):
            first = datetime.fromisoformat(value)
            first = first.replace(tzinfo=UTC) if first.tzinfo is None else first.astimezone(UTC)
            last = first
        else:
            raise ValueError(value)
    except (ValueError, OverflowError):
        raise ArticleError(
            f"{name} must be an ISO 8601 date (2023-06-23) or date and time (2023-06-23T10:00:00Z)", field=name
        ) from None
    form = "%Y-%m-%dT%H:%M:%S.%f"
    return first.strftime(form).zfill(26), last.strftime(form).zfill(26)


def check_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Return tags on one line each, none empty and none twice.

    Raises:
        ArticleError: they are no list, too many or one is too long.
    """
    if isinstance(tags, str):
        raise ArticleError("tags must be a list of strings", field="tags")
    if len(tags) > MAX_TAGS:
        raise ArticleError(f"{len(tags):,} tags; at most {MAX_TAGS}", field="tags")
    cleaned = (one_line(tag, "tags", MAX_TAG_CHARACTERS) for tag in tags)
    return tuple(dict.fromkeys(tag for tag in cleaned if tag))
