"""Which candidates are read next, and when the rest is left unread.  Pure."""

from collections.abc import Sequence

from index import Candidate
from qa.calibration import Calibration
from qa.merging import normalize
from qa.types import Span

# Passages read between two looks at the clock, the client and the best answer so far.
CHUNK = 2


def next_to_read(
    spans: Sequence[Span], unread: Sequence[Candidate], numbers: Calibration | None
) -> tuple[tuple[Candidate, ...], tuple[Candidate, ...]]:
    """Return the candidates that are read next, and those left after them.

    Once no unread candidate is likely to hold a better answer, only those are read that have the words of the best
    one: they may support it.

    Args:
        spans: found so far.
        unread: best first.
        numbers: say when reading may stop; None reads everything.
    """
    if numbers is not None and spans:
        best = max(spans, key=numbers.span_value)
        if numbers.settled(numbers.span_value(best), unread):
            words = f" {normalize(best.text)} "
            return tuple(one for one in unread if words in f" {normalize(one.passage.text)} "), ()
    return tuple(unread[:CHUNK]), tuple(unread[CHUNK:])
