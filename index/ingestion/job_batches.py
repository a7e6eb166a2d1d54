"""The lines of a job in batches, each for one transaction; smaller ones where the process ended before."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from index.sources.formats.ndjson import Line
from index.types import Article

# A batch ends with whichever comes first: it is what a kill loses, and how long a cancelling waits.
BATCH_ARTICLES = 64
BATCH_CHARACTERS = 100_000
BATCH_LINES = 5_000
BATCH_SECONDS = 1.0
# Where the process ended during a batch, what the batch held is gone through in parts: 16 lines at a time after one
# end, 4 after two, then one by one.
_NARROWER = 4
ENDS_UNTIL_ALONE = 3


@dataclass(frozen=True, slots=True)
class Care:
    """How small batches are where the process ended before.

    Attributes:
        until: number of the last line that this is for.
        attempts: ends of the process during what follows the job's last line.
    """

    until: int
    attempts: int

    @classmethod
    def after(cls, line: int, attempts: int) -> "Care":
        """Return how small batches are after a line of a job: none smaller than usual where the process never ended."""
        return cls(line + BATCH_ARTICLES if attempts else 0, attempts)

    def lines(self, after: int) -> int:
        """Return how many lines may be in the batch that follows a line."""
        return BATCH_LINES if after >= self.until else max(1, BATCH_ARTICLES // _NARROWER**self.attempts)

    def attempts_after(self, line: int) -> int:
        """Return how many ends count on once a batch up to a line is durable: not those of a line that passed alone."""
        return min(self.attempts, ENDS_UNTIL_ALONE) if line < self.until else 0


def batches(lines: Iterable[Line], careful: Care) -> Iterator[list[Line]]:
    """Group lines for one transaction: bounded in number, text and the time it takes to read them, no id twice.

    Args:
        lines: in order.
        careful: how small batches are where the process ended before.
    """
    batch: list[Line] = []
    ids: set[str] = set()
    characters = 0
    begun = time.monotonic()
    most = BATCH_LINES
    for line in lines:
        if not batch:
            most = careful.lines(line.number - 1)
        article = line.item if isinstance(line.item, Article) else None
        if batch and (
            (article is not None and article.id in ids)
            or len(ids) >= BATCH_ARTICLES
            or characters >= BATCH_CHARACTERS
            or time.monotonic() - begun > BATCH_SECONDS
        ):
            yield batch
            batch, ids, characters, begun = [], set(), 0, time.monotonic()
        batch.append(line)
        if article is not None:
            ids.add(article.id)
            characters += len(article.text)
        if len(batch) >= most:  # before the next line is looked at: that one may end the process
            yield batch
            batch, ids, characters, begun = [], set(), 0, time.monotonic()
    if batch:
        yield batch
