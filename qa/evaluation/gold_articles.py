"""Where in a collection a question's own paragraph is at home, and how high a search placed it."""

import hashlib
from collections.abc import Sequence

from index import ArticleInfo, Candidate, Collection, InputError
from qa.evaluation.datasets import Example


def digest(text: str) -> str:
    """Return a text's hexadecimal SHA-256, as articles carry it."""
    return hashlib.sha256(text.encode()).hexdigest()


def rank(found: Sequence[Candidate], gold: set[str]) -> int:
    """Return the gold article's place among the first 20 distinct articles, 0 where it is not there."""
    order = list(dict.fromkeys(candidate.article.id for candidate in found))[:20]
    return next((place for place, article in enumerate(order, 1) if article in gold), 0)


def find_homes(target: Collection, examples: Sequence[Example], name: str) -> dict[str, set[str]]:
    """Return the ids of the articles with each text, by the text's digest.

    Raises:
        InputError: none of the questions' paragraphs is among them.
    """
    homes: dict[str, set[str]] = {}
    for article in all_articles(target):
        homes.setdefault(article.sha256, set()).add(article.id)
    if not any(digest(example.context) in homes for example in examples):
        raise InputError(
            f"collection {name!r} holds none of the questions' paragraphs: add them first (citespan add FILE)"
        )
    return homes


def find_kin(target: Collection) -> dict[str, list[str]]:
    """Return the ids of the articles by title; one without a title is alone."""
    kin: dict[str, list[str]] = {}
    for article in all_articles(target):
        kin.setdefault(article.title or f"\0{article.id}", []).append(article.id)
    return kin


def all_articles(target: Collection) -> list[ArticleInfo]:
    """Return every article of a collection, without the texts."""
    found: list[ArticleInfo] = []
    cursor = None
    while True:
        page = target.list(limit=1_000, cursor=cursor)
        found += page.articles
        cursor = page.next_cursor
        if cursor is None:
            return found
