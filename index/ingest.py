"""Articles through cleaning, passages and encoder: ready to be written, nothing written yet."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from index.cleaning import find_furniture
from index.encoder import Encoder
from index.errors import ArticleError
from index.passages import split_passages
from index.store import Prepared
from index.types import Article, MaskedRange, Passage

# Passages that one batch may gather before it is embedded and committed: bounds memory and the
# time until an article is durable.
MAX_BATCH_PASSAGES = 512


def batches(articles: Iterable[Article], size: int) -> Iterator[list[Article]]:
    """Group articles for one transaction: at most size, no id twice, text bounded."""
    batch: list[Article] = []
    ids: set[str] = set()
    characters = 0
    for article in articles:
        full = len(batch) >= size or characters + len(article.text) > MAX_BATCH_PASSAGES * 800
        if batch and (full or article.id in ids):
            yield batch
            batch, ids, characters = [], set(), 0
        batch.append(article)
        ids.add(article.id)
        characters += len(article.text)
    if batch:
        yield batch


def prepare(articles: Sequence[Article], encoder: Encoder) -> list[Prepared]:
    """Clean, split and embed articles.

    Raises:
        ArticleError: an article holds no text that could be searched.
    """
    parts: list[tuple[Article, tuple[MaskedRange, ...], tuple[Passage, ...]]] = []
    for article in articles:
        masked = find_furniture(article.text)
        passages = split_passages(article.id, article.text, masked)
        if not passages:
            raise ArticleError(f"{article.id}: no text is left beside page furniture", field="text")
        parts.append((article, masked, passages))
    texts = [embedded_text(article.title, passage.text) for article, _, passages in parts for passage in passages]
    vectors = encoder.encode_passages(texts)
    ends = np.cumsum([len(passages) for _, _, passages in parts])
    return [
        Prepared(article, masked, passages, rows)
        for (article, masked, passages), rows in zip(parts, np.split(vectors, ends[:-1]), strict=True)
    ]


def embedded_text(title: str, text: str) -> str:
    """Return what is embedded for a passage: the article's title says what a passage is about."""
    return f"{title}\n{text}" if title else text
