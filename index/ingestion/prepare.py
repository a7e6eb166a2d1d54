"""Articles through cleaning, passages and encoder: ready to be written, nothing written yet."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.boilerplate.detector import find_furniture
from index.boilerplate.lines import Repetition, line_hashes, site_of
from index.embedding.encoder import Encoder, embedded_text
from index.errors import ArticleError
from index.ingestion.time_budget import ARTICLE_SECONDS, Budget
from index.stages import stage
from index.storage.read_view import Vectors, View
from index.storage.tables.article_rows import Prepared
from index.text.language_detection import detect_language
from index.text.near_duplicates import bands, shingles
from index.text.passages import split_passages
from index.types import Article, Failure, MaskedRange, Passage

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
    *,
    seconds: float = ARTICLE_SECONDS,
) -> list[Prepared]:
    """Clean, split and embed articles.

    Args:
        articles: what is added.
        encoder: texts → vectors.
        known: vectors, float32 (dimension,), of embedded texts (see embedded_text) that need not be embedded again.
        repeated: how often the lines of each site's articles occur in all of them, by site.
        unusable: called with each article that cannot be searched; None has it raised.
        seconds: processor time that one article may take, its embedding apart.

    Raises:
        ArticleError: an article holds no text that could be searched.
        ArticleTooSlow: an article takes more processor time.
    """
    cut: list[_Cut] = []
    for article in articles:
        try:
            cut.append(_cut(article, repeated.get(site_of(article) or ""), seconds))
        except ArticleError as error:
            if unusable is None:
                raise type(error)(f"{article.id}: {error}", field=error.field) from error
            unusable(Failure(article.origin or article.id, error))
    ready = []
    texts = [[embedded_text(item.article.title, passage.text) for passage in item.passages] for item in cut]
    fresh = [text for text in dict.fromkeys(text for group in texts for text in group) if text not in known]
    with stage("embed"):
        vectors = encoder.encode_passages(fresh)
    made = dict(zip(fresh, vectors, strict=True))
    for item, group in zip(cut, texts, strict=True):
        rows = np.stack([made[text] if text in made else known[text] for text in group])
        embedded = sum(text in made for text in group)
        ready.append(
            Prepared(
                article=item.article,
                masked=item.masked,
                passages=item.passages,
                vectors=rows,
                bands=item.bands,
                shingles=item.shingles,
                embedded=embedded,
                language=item.language,
                site=site_of(item.article),
                lines=item.lines,
            )
        )
    return ready


@dataclass(frozen=True, slots=True)
class _Cut:
    """An article that is cut into passages and not embedded; its fields are those of Prepared."""

    article: Article
    masked: tuple[MaskedRange, ...]
    passages: tuple[Passage, ...]
    bands: tuple[int, ...]
    shingles: frozenset[str]
    language: str | None
    lines: tuple[int, ...]


def _cut(article: Article, repeated: Repetition | None, seconds: float) -> _Cut:
    check = Budget(seconds).check
    masked = find_furniture(article.text, repeated, check=check)
    passages = split_passages(article.id, article.text, masked, check=check)
    if not passages:
        raise ArticleError("no text is left beside page furniture", field="text")
    rows_of_words = shingles(article.text, masked)
    check()
    lookup_keys = bands(rows_of_words)
    check()
    language = article.language or detect_language(article.text)
    lines = line_hashes(article.text)
    check()
    return _Cut(article, masked, passages, lookup_keys, rows_of_words, language, lines)


def vectors_of(articles: Iterable[Article], view: View) -> dict[str, Vectors]:
    """Return the vectors, float32 (dimension,), of those of the articles that are there, by embedded text."""
    found: dict[str, Vectors] = {}
    for article in articles:
        title, texts, rows = view.article_vectors(article.id)
        found.update(zip((embedded_text(title, text) for text in texts), rows, strict=True))
    return found
