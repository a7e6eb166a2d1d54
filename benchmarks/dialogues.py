"""Follow-ups of conversations over the sample articles: alone, in the conversation, as a person would put them.

    python -m benchmarks.dialogues [--half development|practice|final] [--among FILE] [--wrong]

What counts as right is what tests/data/dialogues/README.md says.  In the conversation the history is what Citespan
itself answered to the turns before.  The last column, each follow-up as a person rewrote it, is what reading could
reach at best.
"""

import argparse
import gzip
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from index import Article
from qa import Answer, QuestionAnswering, RankedAnswer, Turn
from qa.answers.merging import normalize
from qa.evaluation.metrics import f1

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests" / "data" / "dialogues"
ARTICLES = ROOT / "samples" / "articles"
WAYS = ("alone", "in conversation", "rewritten by a person")
# An answer that holds a right one may have so many words more.
_SPARE_WORDS = 3


def right(answer: Answer, wanted: list[str]) -> bool:
    """Return whether an answer, or one of its items, is wanted; with none wanted, whether none came."""
    if not wanted:
        return not answer.answered
    return answer.answered and right_texts(answer.answers[0], wanted)


def right_texts(answer: RankedAnswer, wanted: list[str]) -> bool:
    """Return whether an answer that was given, or one of its items, is wanted."""
    texts = [answer.text, *(item.text for item in answer.items)]
    return any(_alike(text, one) for text in texts for one in wanted)


def load(half: str) -> list[dict[str, Any]]:
    """Return the dialogues of a half."""
    return [json.loads(line) for line in (DATA / f"{half}.jsonl").read_text(encoding="utf-8").splitlines()]


def articles(half: str, among: Path | None = None) -> list[Path | Iterable[Article]]:
    """Return what a library for a half is filled with.

    Args:
        half: which.
        among: a file in SQuAD's format whose paragraphs are other articles beside them.
    """
    sources: list[Path | Iterable[Article]] = [ARTICLES]
    if half == "practice":
        sources.append(DATA / "practice")
    if among is not None:
        with (
            gzip.open(among, "rt", encoding="utf-8") if among.suffix == ".gz" else among.open(encoding="utf-8") as file
        ):
            others = json.load(file)["data"]
        sources.append(
            [
                Article(text=paragraph["context"], title=other["title"].replace("_", " "), id=f"other-{place}-{number}")
                for place, other in enumerate(others)
                for number, paragraph in enumerate(other["paragraphs"])
            ]
        )
    return sources


def turn_of(answer: Answer) -> Turn:
    """Return an answer as history for what is asked next."""
    best = answer.answers[0] if answer.answered else None
    return Turn(
        answer.question,
        answer.standalone_question,
        answer.text,
        tuple(item.text for item in best.items) if best else (),
        best.evidence[0].sentence if best else None,
        best.evidence[0].article.title if best else None,
        best.evidence[0].article.id if best else None,
    )


def outcomes(qa: QuestionAnswering, dialogues: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask every follow-up in the three ways and return what became of each."""
    found = []
    for dialogue in dialogues:
        history: list[Turn] = []
        for turn in dialogue["turns"]:
            answer = qa.ask(turn["question"], history=history)
            if "kind" in turn:
                ways = dict(zip(WAYS, (qa.ask(turn["question"]), answer, qa.ask(turn["standalone"])), strict=True))
                found.append(
                    {
                        "dialogue": dialogue["id"],
                        "turn": turn,
                        "history": list(history),
                        "answers": ways,
                        "right": {way: right(one, turn["answers"]) for way, one in ways.items()},
                    }
                )
            history.append(turn_of(answer))
    return found


def table(found: list[dict[str, Any]]) -> str:
    """Return the figures per kind and over all as a Markdown table."""
    kinds = sorted({one["turn"]["kind"] for one in found})
    rows: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
        *((kind, lambda one, kind=kind: one["turn"]["kind"] == kind) for kind in kinds),  # type: ignore[misc]
        ("without an answer", lambda one: not one["turn"]["answers"]),
        ("all but `switch`", lambda one: one["turn"]["kind"] != "switch"),
        ("all", lambda one: True),
    ]
    lines = [f"| kind | follow-ups | {' | '.join(WAYS)} |", f"| --- | --- | {' | '.join('---' for _ in WAYS)} |"]
    for name, belongs in rows:
        some = [one for one in found if belongs(one)]
        shares = [sum(one["right"][way] for one in some) for way in WAYS]
        cells = [f"{share} ({100 * share / max(1, len(some)):.0f} %)" for share in shares]
        lines.append(f"| {name} | {len(some)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Ask one half and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "practice", "final"), default="development")
    parser.add_argument("--among", type=Path, help="also in the library: the paragraphs of a file in SQuAD's format")
    parser.add_argument("--wrong", action="store_true", help="show what went wrong (not of the final half)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, QuestionAnswering.open(Path(folder) / "library") as qa:
        for source in articles(given.half, given.among):
            qa.add(source)
        found = outcomes(qa, load(given.half))
    print(table(found))
    if given.wrong and given.half != "final":
        for one in found:
            if not one["right"]["in conversation"]:
                _show(one)


def _show(one: dict[str, Any]) -> None:
    said = one["history"][-1]
    print(f"\n{one['dialogue']} {one['turn']['kind']}: {said.standalone_question or said.question} -> {said.answer}")
    print(f"  asked: {one['turn']['question']}  wanted: {one['turn']['answers'][:2]}")
    for way, answer in one["answers"].items():
        guess = answer.answers[0].text if answer.answers else None
        sure = f"{answer.confidence:.2f} {'right' if one['right'][way] else 'wrong'}"
        print(f"  {way} [{answer.standalone_question}]: {answer.text or f'({guess})'} {sure}")


def _alike(text: str, wanted: str) -> bool:
    if f1(text, [wanted]) >= 0.5:
        return True
    words, others = normalize(text).split(), normalize(wanted).split()
    places = range(len(words) - len(others) + 1)
    return len(words) <= len(others) + _SPARE_WORDS and any(words[at : at + len(others)] == others for at in places)


if __name__ == "__main__":
    main()
