"""Does an answer depend on which questions share its batches?  500 questions alone, then from 8 threads at once.

python -m benchmarks.company --data DATA/eval --work runs/development
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.shared import arguments, questions, show
from qa import Answer, QuestionAnswering
from training.development_data import library

SEED = 20261130
QUESTIONS = 500
THREADS = 8


def same(one: Answer, two: Answer) -> bool:
    """Return whether two replies have the same best span, in the same passage, or both have none."""
    if not one.answers or not two.answers:
        return not one.answers and not two.answers
    first, second = one.answers[0].evidence[0], two.answers[0].evidence[0]
    return (first.passage.id, first.start, first.end) == (second.passage.id, second.start, second.end)


def main() -> None:
    """Ask, compare, print."""
    options = arguments(__doc__).parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    asked = [example.question for example in questions(options.data, SEED)[-QUESTIONS:]]
    with QuestionAnswering.open(options.work / "library", read_only=True) as qa:
        qa.warm_up()
        alone = [qa.ask(question, collection="squad") for question in asked]
        with ThreadPoolExecutor(THREADS) as pool:
            together = list(pool.map(lambda question: qa.ask(question, collection="squad"), asked))
    alike = [same(one, two) for one, two in zip(alone, together, strict=True)]
    pairs = [
        (one.answers[0], two.answers[0])
        for one, two, like in zip(alone, together, alike, strict=True)
        if like and one.answers
    ]
    row = {
        "questions": len(asked),
        "same_span_percent": round(100 * float(np.mean(alike)), 2),
        "confidence_differs_by": round(max(abs(one.confidence - two.confidence) for one, two in pairs), 4),
        "score_differs_by": round(max(abs(one.evidence[0].score - two.evidence[0].score) for one, two in pairs), 4),
        "answered_alone": sum(one.answered for one in alone),
        "answered_together": sum(two.answered for two in together),
    }
    show([row], {}, options.json)


if __name__ == "__main__":
    main()
