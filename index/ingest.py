"""Articles through cleaning, passages and encoder: ready to be written, nothing written yet."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from index.cleaning import find_furniture
from index.copies import bands, shingles
from index.encoder import Encoder
from index.errors import ArticleError
from index.languages import detect_language
from index.lines import Repetition, line_hashes, site_of
from index.passages import split_passages
from index.rows import Prepared
from index.types import Article, Failure, MaskedRange, Passage
from index.view import Vectors, View

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


def prepare(
    articles: Sequence[Article],
    encoder: Encoder,
    known: Mapping[str, Vectors],
    repeated: Mapping[str, Repetition],
    unusable: Callable[[Failure], None] | None = None,
) -> list[Prepared]:
    """Clean, split and embed articles.

    Args:
        articles: what is added.
        encoder: texts → vectors.
        known: vectors, float32 (dimension,), of embedded texts (see embedded_text) that need not be embedded again.
        repeated: how often the lines of each site's articles occur in all of them, by site.
        unusable: called with each article that holds no text that could be searched; None has it raised.

    Raises:
        ArticleError: an article holds no text that could be searched.
    """
    parts: list[tuple[Article, tuple[MaskedRange, ...], tuple[Passage, ...]]] = []
    for article in articles:
        masked = find_furniture(article.text, repeated.get(site_of(article) or ""))
        passages = split_passages(article.id, article.text, masked)
        if not passages:
            if unusable is None:
                raise ArticleError(f"{article.id}: no text is left beside page furniture", field="text")
            unusable(Failure(article.origin or article.id, ArticleError("no text is left beside page furniture")))
            continue
        parts.append((article, masked, passages))
    ready = []
    texts = [[embedded_text(article.title, passage.text) for passage in passages] for article, _, passages in parts]
    fresh = [text for text in dict.fromkeys(text for group in texts for text in group) if text not in known]
    made = dict(zip(fresh, encoder.encode_passages(fresh), strict=True))
    for (article, masked, passages), group in zip(parts, texts, strict=True):
        found = shingles(article.text, masked)
        rows = np.stack([made[text] if text in made else known[text] for text in group])
        embedded = sum(text in made for text in group)
        language = article.language or detect_language(article.text)
        remembered = site_of(article), line_hashes(article.text)
        ready.append(Prepared(article, masked, passages, rows, bands(found), found, embedded, language, *remembered))
    return ready


def vectors_of(articles: Iterable[Article], view: View) -> dict[str, Vectors]:
    """Return the vectors, float32 (dimension,), of those of the articles that are there, by embedded text."""
    found: dict[str, Vectors] = {}
    for article in articles:
        title, texts, rows = view.article_vectors(article.id)
        found.update(zip((embedded_text(title, text) for text in texts), rows, strict=True))
    return found


def embedded_text(title: str, text: str) -> str:
    """Return what is embedded for a passage: the article's title says what a passage is about."""
    return f"{title}\n{text}" if title else text
