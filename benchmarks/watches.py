"""What standing questions cost: articles come one by one, and all are asked after each to see what would be missed.

    python -m benchmarks.watches --data DATA/eval [--questions 100] [--into 1500] [--articles 60]

Prints JSON: of all (article, question) pairs, how many were searched for, how many were asked again, in how many the
answer changed by asking all of them, and how many of these changes the cheap tests would have missed.
"""

import json
import random
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.shared import arguments, questions
from index import Article, Collection, Filters, Mark
from qa import (
    QuestionAnswering,
    StandingQuestion,
    Watched,
    asked_again,
    first_asked,
    mark_of,
    touched_by_news,
    touched_by_search,
)
from training.development_data import CORPUS
from training.jsonl import read_lines

SEED = 20261126


@dataclass
class Counts:
    """What was counted, in pairs of an article and a question."""

    pairs: int = 0
    searched: int = 0
    asked: int = 0
    changed: int = 0
    missed: int = 0


def articles(data: Path) -> list[Article]:
    """The development paragraphs, in an order by chance, each an article of its own."""
    found = [
        Article(text=row["text"], id=row["id"].replace("#", "-"), title=row["title"])
        for row in read_lines(data / CORPUS)
    ]
    random.Random(SEED).shuffle(found)
    return found


def run(data: Path, count: int, first: int, more: int) -> Counts:
    """Add articles one by one and count."""
    counts = Counts()
    with tempfile.TemporaryDirectory() as folder, QuestionAnswering.open(Path(folder) / "library") as qa:
        collection = qa.library.collection()
        waiting = articles(data)[: first + more]
        list(collection.add(waiting[:first]))
        asked = [example.question for example in questions(data, SEED)[:count]]
        vectors = [collection.encode_query(one) for one in asked]
        watches = [StandingQuestion(one, Filters(), vector) for one, vector in zip(asked, vectors, strict=True)]
        known = [first_asked(qa, "default", one, Filters())[0] for one in asked]
        for article in waiting[first:]:
            since = mark_of(collection)
            collection.add_one(article)
            _look(qa, collection, watches, known, since, counts)
    return counts


def _look(
    qa: QuestionAnswering,
    collection: Collection,
    watches: list[StandingQuestion],
    known: list[Watched],
    since: Mark,
    counts: Counts,
) -> None:
    near = set(touched_by_news(collection, list(zip(watches, known, strict=True)), since))
    for number, watch in enumerate(watches):
        counts.pairs += 1
        found = number in near
        counts.searched += found
        touched = found and touched_by_search(collection, watch, known[number])
        counts.asked += touched
        again = asked_again(qa, "default", watch, known[number])  # whatever the tests say
        counts.changed += again.judgement.kind is not None
        if again.judgement.kind is not None:
            told = again.judgement.told
            print(again.judgement.kind, watch.question, told and told.text, file=sys.stderr, sep=" | ")
        counts.missed += again.judgement.kind is not None and not touched
        if touched:
            known[number] = again.watched


def main() -> None:
    """Measure what the arguments ask for."""
    parser = arguments(__doc__)
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--into", type=int, default=1_500, help="articles that are there before the questions are put")
    parser.add_argument("--articles", type=int, default=60, help="articles that come then, one by one")
    given = parser.parse_args()
    counted = run(given.data, given.questions, given.into, given.articles)
    facts = asdict(counted)
    facts["searched_share"] = round(counted.searched / counted.pairs, 4)
    facts["asked_share"] = round(counted.asked / counted.pairs, 4)
    show_facts = json.dumps(facts)
    if given.json:
        given.json.write_text(show_facts + "\n", encoding="utf-8")
    print(show_facts)


if __name__ == "__main__":
    main()
