"""The records that travel through the house: articles, passages, candidates, filters.

All are frozen; what must always hold of them is checked when they are built.  Offsets count
Unicode code points of an article's text, start included, end excluded.
"""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field

from index.errors import ArticleError, QueryError, TooLarge
from index.validation import (
    MAX_ARTICLE_CHARACTERS,
    MAX_FILTER_VALUES,
    MAX_ORIGIN_CHARACTERS,
    MAX_SOURCE_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    SURROGATE,
    check_article_id,
    check_language,
    check_tags,
    check_url,
    instant_range,
    one_line,
)


@dataclass(frozen=True, slots=True)
class MaskedRange:
    """A stretch of an article's text found to be page furniture.

    It stays in the text, but is neither embedded nor answered from.

    Attributes:
        start: first code point, included.
        end: last code point, excluded.
        rule: name of the rule that found it.
    """

    start: int
    end: int
    rule: str

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a masked range must hold 0 <= start < end, not {self.start}..{self.end}")


@dataclass(frozen=True, slots=True)
class Article:
    """A text with what is known about it.

    Attributes:
        text: the article text as it came in, once decoded; never rewritten.
        id: printable, without spaces, ``/`` and ``\\``; made from the url or else from the title and
            text where not given, so the same article always gets the same one.
        title: one line, "" where unknown.
        url: http or https, None where unknown.
        source: site or publisher, None where unknown.
        published: ISO 8601 date, or date and time, None where unknown.
        tags: labels, in the order given, each once.
        author: who wrote it, None where unknown.
        updated: ISO 8601 date, or date and time, of the last change that its source tells of; None where unknown.
        language: ISO 639-1 code that its source names, None where it names none.
        pages: offset at which each page begins, ascending, for what has pages; a page without text begins where the
            next one does; empty for what has no pages.
        origin: file, feed or sitemap that it came from, None where it was given as it is.
        found_in: where title, author, published ... were found, such as ``("published", "json-ld")``; what was
            given by the caller is not listed.

    Raises:
        ArticleError: a field is unusable; the message says which and why.
        TooLarge: the text is longer than MAX_ARTICLE_CHARACTERS.
    """

    text: str
    id: str = ""
    title: str = ""
    url: str | None = None
    source: str | None = None
    published: str | None = None
    tags: tuple[str, ...] = ()
    author: str | None = None
    updated: str | None = None
    language: str | None = None
    pages: tuple[int, ...] = ()
    origin: str | None = None
    found_in: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ArticleError("text is empty: give the article's text", field="text")
        if not any(character.isalnum() for character in self.text):
            raise ArticleError("text holds no letter or digit: give the article's words", field="text")
        if len(self.text) > MAX_ARTICLE_CHARACTERS:
            raise TooLarge(
                f"text has {len(self.text):,} characters; at most {MAX_ARTICLE_CHARACTERS:,} are allowed: split it",
                field="text",
            )
        if SURROGATE.search(self.text):
            raise ArticleError("text holds a lone surrogate (half of a character): send valid Unicode", field="text")
        object.__setattr__(self, "title", one_line(self.title, "title", MAX_TITLE_CHARACTERS))
        if self.url is not None:
            object.__setattr__(self, "url", check_url(self.url))
        if self.source is not None:
            object.__setattr__(self, "source", one_line(self.source, "source", MAX_SOURCE_CHARACTERS) or None)
        if self.published is not None:
            instant_range(self.published, "published")
        object.__setattr__(self, "tags", check_tags(self.tags))
        if self.author is not None:
            object.__setattr__(self, "author", one_line(self.author, "author", MAX_SOURCE_CHARACTERS) or None)
        if self.updated is not None:
            instant_range(self.updated, "updated")
        if self.language is not None:
            object.__setattr__(self, "language", check_language(self.language))
        if self.origin is not None:
            object.__setattr__(self, "origin", one_line(self.origin, "origin", MAX_ORIGIN_CHARACTERS) or None)
        # An empty page begins where the next one does.
        if list(self.pages) != sorted(self.pages) or any(not 0 <= page <= len(self.text) for page in self.pages):
            raise ValueError("pages must be ascending offsets into the text")
        if self.id:
            check_article_id(self.id)
        else:
            basis = self.url or f"{self.title}\n{self.text}"
            object.__setattr__(self, "id", "a" + hashlib.sha256(basis.encode()).hexdigest()[:15])

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of the text in UTF-8."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Hexadecimal SHA-256 over the text and all that is known about it: equal means nothing to do."""
        known = [self.title, self.url, self.source, self.published, self.author, self.updated, self.language]
        more = [str(page) for page in self.pages] + [f"{name}={place}" for name, place in self.found_in]
        parts = [self.sha256, *(value or "" for value in [*known, self.origin]), *self.tags, "", *more]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ArticleInfo:
    """What is known about a stored article, without its text.

    Attributes:
        id: the article's id.
        title: one line, "" where unknown.
        url: None where unknown.
        source: site or publisher, None where unknown.
        published: ISO 8601, None where unknown.
        tags: labels.
        sha256: hexadecimal SHA-256 of the text in UTF-8.
        characters: length of the text in code points.
        passages: number of its passages.
        added: ISO 8601 instant (UTC) at which this version came in.
        author: None where unknown.
        updated: ISO 8601, None where unknown.
        language: ISO 639-1 code, None where unknown.
        pages: offset at which each page begins; empty for what has none.
        origin: file, feed or sitemap that it came from, None where it was given as it is.
        found_in: where what is known was found: (field, place).
        family: the same number for articles that are near-copies of each other, None for one that has none.
        vanished: ISO 8601 instant (UTC) at which its origin no longer had it, None while it has.
    """

    id: str
    title: str
    url: str | None
    source: str | None
    published: str | None
    tags: tuple[str, ...]
    sha256: str
    characters: int = 0
    passages: int = 0
    added: str = ""
    author: str | None = None
    updated: str | None = None
    language: str | None = None
    pages: tuple[int, ...] = ()
    origin: str | None = None
    found_in: tuple[tuple[str, str], ...] = ()
    family: int | None = None
    vanished: str | None = None

    def page_at(self, offset: int) -> int | None:
        """Return the number, from 1, of the page that holds an offset of the text; None for what has no pages."""
        return bisect_right(self.pages, offset) or None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of an article's text, a few sentences long.

    Attributes:
        article_id: the article it belongs to.
        number: place among the article's passages, from 0.
        start: offset of its first code point in the article's text.
        end: offset after its last code point.
        text: the article's text from start to end.
    """

    article_id: str
    number: int
    start: int
    end: int
    text: str

    def __post_init__(self) -> None:
        if self.start < 0 or self.end - self.start != len(self.text):
            raise ValueError(f"a passage at {self.start}..{self.end} cannot hold {len(self.text)} characters")

    @property
    def id(self) -> str:
        """``article_id:number``."""
        return f"{self.article_id}:{self.number}"


@dataclass(frozen=True, slots=True)
class StoredArticle:
    """An article as the library holds it.

    Attributes:
        info: what is known about it.
        text: the whole text.
        masked: page furniture in it, in order, not overlapping.
        passages: its passages in order.
    """

    info: ArticleInfo
    text: str
    masked: tuple[MaskedRange, ...]
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that retrieval proposes for a query.

    Attributes:
        passage: the passage.
        article: what is known about its article.
        score: fused score, 0..1: 1 where the passage is first by vectors and by words.
        similarity: cosine of query and passage, -1..1; comparable across queries.
        dense_rank: place in the dense ranking from 1, None where it is not in it.
        lexical_rank: place in the lexical ranking from 1, None where it is not in it.
    """

    passage: Passage
    article: ArticleInfo
    score: float
    similarity: float
    dense_rank: int | None
    lexical_rank: int | None


@dataclass(frozen=True, slots=True)
class Filters:
    """Which articles may be searched; an empty field allows all.

    Attributes:
        published_from: ISO 8601; only articles published then or later.
        published_to: ISO 8601; only articles published then or earlier; a date means its whole day.
        sources: only these sources.
        tags: only articles with at least one of these tags.
        article_ids: only these articles.
        as_of: ISO 8601; hides what was published later.  Articles without a date stay.

    Raises:
        QueryError: a date is not ISO 8601, from is after to, or a list is too long.
    """

    published_from: str | None = None
    published_to: str | None = None
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    article_ids: tuple[str, ...] = ()
    as_of: str | None = None

    def __post_init__(self) -> None:
        for name in ("sources", "tags", "article_ids"):
            values = tuple(getattr(self, name))
            if len(values) > MAX_FILTER_VALUES:
                raise QueryError(f"{name} has {len(values):,} values; at most {MAX_FILTER_VALUES:,}", field=name)
            object.__setattr__(self, name, values)
        bounds = {}
        for name in ("published_from", "published_to", "as_of"):
            if getattr(self, name) is not None:
                try:
                    bounds[name] = instant_range(getattr(self, name), name)
                except ArticleError as error:
                    raise QueryError(str(error), field=name) from None
        if {"published_from", "published_to"} <= bounds.keys() and (
            bounds["published_from"][0] > bounds["published_to"][1]
        ):
            raise QueryError("published_from is after published_to: swap them", field="published_from")

    def __bool__(self) -> bool:
        """Whether anything is filtered at all."""
        return self != Filters()


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one article that was added.

    Attributes:
        id: the article's id.
        title: its title.
        passages: number of its passages.
        created: whether the id is new to the collection.
        changed: whether anything was written: False where the same article was there already.
        embedded: number of passages that had to be embedded: those that were there before as they are were not.
    """

    id: str
    title: str
    passages: int
    created: bool
    changed: bool
    embedded: int = 0


@dataclass(frozen=True, slots=True)
class Removed:
    """What went with articles that were removed, by layer.

    Attributes:
        articles: number of articles.
        passages: number of their passages.
        words: entries that went from the word index.
        vectors: vectors that went from the database.
        indexed: vectors that went from the FAISS index.
    """

    articles: int
    passages: int
    words: int
    vectors: int
    indexed: int


@dataclass(frozen=True, slots=True)
class Failure:
    """One source that could not be read or added.

    Attributes:
        source: file name, or file name and line number, as a person would look for it.
        error: why, and what to change.
    """

    source: str
    error: Exception


@dataclass(frozen=True, slots=True)
class CollectionInfo:
    """A collection's name and size.

    Attributes:
        name: the collection's name.
        articles: number of articles.
        passages: number of passages.
        characters: sum of the articles' lengths in code points.
        copies: number of articles that are near-copies of an earlier one.
    """

    name: str
    articles: int
    passages: int
    characters: int = 0
    copies: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing.

    Attributes:
        articles: in the order in which they came in.
        next_cursor: hand it in to get the next page; None at the end.
    """

    articles: tuple[ArticleInfo, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long piece of work has come.

    Attributes:
        done: articles dealt with.
        passages: passages embedded.
        total: articles in all, None where unknown.
    """

    done: int
    passages: int
    total: int | None = field(default=None)
