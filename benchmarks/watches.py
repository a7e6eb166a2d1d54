"""What standing questions cost: articles come one by one, and all are asked after each to see what would be missed.

    python -m benchmarks.watches [--questions 60] [--into 20]

Prints JSON: of all (article, question) pairs, how many were searched for, how many were asked again, in how many the
answer changed by asking all of them, and how many of these changes the cheap tests would have missed.
"""

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from index import Article, Collection, Failure, Filters, open_source  # noqa: E402
from qa import (  # noqa: E402
    QuestionAnswering,
    StandingQuestion,
    Watched,
    asked_again,
    first_asked,
    mark_of,
    touched_by_news,
    touched_by_search,
)

DATA = ROOT / "tests" / "data" / "squad-part.json.gz"


@dataclass
class Counts:
    """What was counted, in pairs of an article and a question."""

    pairs: int = 0
    searched: int = 0
    asked: int = 0
    changed: int = 0
    missed: int = 0
    reworded: int = 0


def articles() -> Iterator[Article]:
    """The samples and the paragraphs of the questions, mixed."""
    found = [item for item in open_source(ROOT / "samples" / "articles") if not isinstance(item, Failure)]
    with gzip.open(DATA) as file:
        pages = json.load(file)["data"]
    paragraphs = [(page["title"], part) for page in pages for part in page["paragraphs"]]
    for number, (title, part) in enumerate(paragraphs):
        found.append(Article(text=part["context"], id=f"squad-{number}", title=title.replace("_", " ")))
    return iter(sorted(found, key=lambda one: one.sha256))


def questions(count: int) -> list[str]:
    """Questions of these paragraphs and of the samples, the same each time."""
    with gzip.open(DATA) as file:
        pages = json.load(file)["data"]
    asked = [one["question"] for page in pages for part in page["paragraphs"] for one in part["qas"]]
    examples = json.loads((ROOT / "samples" / "examples.json").read_text())
    asked = [one if isinstance(one, str) else one["question"] for one in examples] + asked[
        :: max(1, len(asked) // count)
    ]
    return asked[:count]


def run(count: int, first: int) -> Counts:
    """Add articles one by one and count."""
    counts = Counts()
    with tempfile.TemporaryDirectory() as folder, QuestionAnswering.open(Path(folder) / "library") as qa:
        collection = qa.library.collection()
        waiting = list(articles())
        list(collection.add(waiting[:first]))
        asked = questions(count)
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
    since: object,
    counts: Counts,
) -> None:
    near = set(touched_by_news(collection, list(zip(watches, known, strict=True)), since))  # type: ignore[arg-type]
    for number, watch in enumerate(watches):
        counts.pairs += 1
        found = number in near
        counts.searched += found
        touched = found and touched_by_search(collection, watch, known[number])
        counts.asked += touched
        again = asked_again(qa, "default", watch, known[number])  # whatever the tests say
        counts.changed += again.judgement.kind is not None
        if again.judgement.kind is not None:
            say = again.judgement
            before = known[number].standing
            print(
                say.kind,
                "|",
                watch.question,
                "|",
                before and before.text,
                "->",
                say.told and say.told.text,
                file=sys.stderr,
            )
        counts.missed += again.judgement.kind is not None and not touched
        before = known[number].standing.text if known[number].standing else None
        counts.reworded += not touched and again.answer.text != before and again.judgement.kind is None
        if touched:
            known[number] = again.watched


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--into", type=int, default=20, help="articles that are there before the questions are put")
    given = parser.parse_args()
    counted = run(given.questions, given.into)
    facts = asdict(counted)
    facts["searched_share"] = round(counted.searched / counted.pairs, 4)
    facts["asked_share"] = round(counted.asked / counted.pairs, 4)
    print(json.dumps(facts))
