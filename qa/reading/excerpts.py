"""Which part of a passage is read: of those that retrieval is less sure of, the sentences nearest to the question.

Reading a part costs its share of the time, and what was left out cannot mislead.  Pure.
"""

import math
from collections import Counter
from collections.abc import Iterable

from index import sentence_spans
from qa.word_overlap import beginnings

# So many candidates are read whole, the best ones.  Of 600 development questions F1 was 77.4 with all ten read whole;
# with two or three of them whole and parts of PART characters 77.9 and 78.1, with one and parts of 400 it was 77.2.
WHOLE = 2
# Characters of a part; a passage hardly longer is read whole.
PART = 350
SLACK = 1.25


class Cropper:
    """Chooses parts of passages for one question.

    Words that few of the passages have count for more (inverse document frequency: Spärck Jones 1972).

    Args:
        question: what is asked.
        texts: of all the passages that were found for it.
    """

    def __init__(self, question: str, texts: Iterable[str]) -> None:
        self._question = beginnings(question)
        held = [beginnings(text) for text in texts]
        self._count = len(held)
        self._having = Counter(word for words in held for word in words)

    def part(self, text: str, also: str = "") -> tuple[int, int]:
        """Return the first character and the end of what should be read of a passage: sentences in a row.

        Args:
            text: the passage.
            also: words that matter as the question's do, such as those of an answer.
        """
        if len(text) <= SLACK * PART:
            return 0, len(text)
        sentences = sentence_spans(text)
        words = self._question | beginnings(also)
        worth = {word: math.log((self._count + 1) / (self._having[word] + 0.5)) for word in words}
        held = [beginnings(text[start:end]) & words for start, end in sentences]
        best = (-1.0, 0, 0, len(text))
        stop = 0
        for first, (start, _) in enumerate(sentences):
            # Of the parts that begin here the longest is the best one: it has all words of the others.
            stop = max(stop, first + 1)
            while stop < len(sentences) and sentences[stop][1] - start <= PART:
                stop += 1
            end = sentences[stop - 1][1]
            having: set[str] = set().union(*held[first:stop])
            # math.fsum: the same in whatever order a set has its words.
            best = max(best, (math.fsum(worth[word] for word in having), end - start, start, end))
        return best[2], best[3]
