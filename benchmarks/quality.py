"""All development sets → docs/quality.md, docs/quality.json, docs/reliability.png.  Goes on where it was stopped.

    python -m benchmarks.quality --data DATA/eval

DATA/eval holds what training/README.md describes.  Outcomes and the library that is asked are kept
in runs/development; another model begins anew.
"""

import argparse
import hashlib
import json
import platform
import random
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from qa import (
    Example,
    QuestionAnswering,
    Report,
    evaluate_confidence,
    evaluate_open,
    evaluate_reading,
    evaluate_retrieval,
    load_examples,
)
from qa.evaluation.evaluate import OUTCOMES
from training.calibrate import FITTED, SEED
from training.development_data import NATURAL, SQUAD, UNANSWERABLE, library

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class Row:
    """One run over one development set.

    Attributes:
        key: short name; outcomes are kept under it.
        what: what the table calls it.
        file: the questions.
        run: what is measured.
        collection: what is asked; None where the paragraph is given.
        every: each so-manieth question is asked.
        show: the report's figures as the table shows them.
    """

    key: str
    what: str
    file: str
    run: Callable[..., Report]
    collection: str | None
    every: int
    show: Callable[[dict[str, Any]], str]


def _reading(facts: dict[str, Any]) -> str:
    return f"exact match {facts['exact_match']:.1f}, **F1 {facts['f1']:.1f}**, {facts['median_ms']:.0f} ms"


def _unanswerable(facts: dict[str, Any]) -> str:
    return (
        f"**F1 {facts['f1']:.1f}** (with an answer {facts['has_answer']['f1']:.1f}, "
        f"without {facts['no_answer']['f1']:.1f}), area under ROC of answerable {facts['auroc']:.2f}"
    )


def _lists(facts: dict[str, Any]) -> str:
    spans = facts["spans"]
    return (
        f"**span F1 {spans['f1']:.1f}** (precision {spans['precision']:.1f}, recall {spans['recall']:.1f}), "
        f"by shared words {spans['overlap_f1']:.1f}"
    )


def _ranks(facts: dict[str, Any]) -> str:
    def line(recall: dict[str, float], mrr: float) -> str:
        return " / ".join(f"{recall[k]:.1f}" for k in ("1", "5", "10", "20")) + f" %, MRR {mrr:.3f}"

    return "<br>".join(
        [
            "**together " + line(facts["recall"], facts["mrr"]) + "**",
            "vectors " + line(facts["dense"], facts["dense"]["mrr"]),
            "words " + line(facts["lexical"], facts["lexical"]["mrr"]),
        ]
    )


def _open(facts: dict[str, Any]) -> str:
    return (
        f"exact match {facts['exact_match']:.1f}, **F1 {facts['f1']:.1f}**, {facts['median_ms']:.0f} ms; "
        f"calibration error {facts['ece']:.3f}"
    )


def _confidence(facts: dict[str, Any]) -> str:
    return (
        f"**calibration error {facts['ece']:.3f}**, area under the risk-coverage curve {facts['aurc']:.3f}, "
        f"area under ROC of right {facts['auroc']:.2f}, **of in the collection {facts['auroc_in_collection']:.2f}**"
    )


ROWS = (
    Row("retrieval-squad", "SQuAD: the paragraph among 2,067", SQUAD, evaluate_retrieval, "squad", 8, _ranks),
    Row("retrieval-nq", "NQ-open: the passage among 1,304", NATURAL, evaluate_retrieval, "nq", 1, _ranks),
    Row("squad11", "SQuAD 1.1, paragraph given", SQUAD, evaluate_reading, None, 4, _reading),
    Row(
        "squad20",
        "SQuAD 2.0, half unanswerable, one threshold",
        UNANSWERABLE,
        evaluate_reading,
        None,
        4,
        _unanswerable,
    ),
    Row("newsqa", "NewsQA, the whole story given", "newsqa-dev-A.jsonl.gz", evaluate_reading, None, 8, _reading),
    Row("nq", "NQ-open, passage given", NATURAL, evaluate_reading, None, 4, _reading),
    Row("multispanqa", "MultiSpanQA, passage given", "multispanqa-A.jsonl.gz", evaluate_reading, None, 1, _lists),
    Row("open", "SQuAD open: all 2,067 paragraphs, up to ten read", SQUAD, evaluate_open, "squad", 8, _open),
    Row(
        "confidence",
        "the same with and without the answer's articles",
        SQUAD,
        evaluate_confidence,
        "squad",
        32,
        _confidence,
    ),
)


def chosen(examples: list[Example], every: int) -> list[Example]:
    """Return the last of the questions in an order by chance, the same each time.

    The first FITTED of that order fitted confidence and threshold: none of them is among these.
    """
    if every == 1:
        return examples
    shuffled = list(examples)
    random.Random(SEED).shuffle(shuffled)
    return shuffled[max(FITTED, len(examples) - len(examples) // every) :]


def measure(data: Path, work: Path, keys: list[str]) -> dict[str, dict[str, Any]]:
    """Run the rows asked for; return each one's figures."""
    found = {}
    with QuestionAnswering.open(work / "library", read_only=True) as qa, Progress() as bar:
        made_with = json.dumps([OUTCOMES, [card.sha256 for card in qa.models()], asdict(qa.calibration)])
        mark = hashlib.sha256(made_with.encode()).hexdigest()[:12]
        for row in ROWS:
            if row.key not in keys:
                continue
            examples = chosen(load_examples(data / row.file), row.every)
            task = bar.add_task(row.key, total=len(examples))

            def advance(done: int, task: Any = task) -> None:
                bar.update(task, completed=done)

            where = {"collection": row.collection} if row.collection else {}
            kept = work / mark / f"{row.key}.jsonl"
            report = row.run(qa, examples, kept=kept, progress=advance, **where)
            found[row.key] = report.as_dict()
            bar.console.print(row.what, json.dumps(found[row.key]), soft_wrap=True)
    return found


def page(figures: dict[str, dict[str, Any]], models: list[Any]) -> str:
    """Return docs/quality.md."""
    published = tomllib.loads(Path(__file__).with_name("published.toml").read_text())["figure"]
    lines = [
        "# Quality",
        "",
        "Made by `make quality` from the development halves that [training/README.md](../training/README.md) names;",
        "nothing was trained on them. They chose between runs and fitted confidence; the weights of words and vectors",
        "in retrieval were chosen on questions that are also among those measured here, so those two rows flatter a",
        "little. Times are of one question, whatever else the machine did: benchmarks are elsewhere.",
        "",
        *(f"- {card.role}: {card.name}, SHA-256 `{card.sha256[:16]}…`" for card in models),
        f"- {platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "",
        "| what | questions | figure |",
        "| --- | --- | --- |",
        *(f"| {row.what} | {figures[row.key]['questions']:,} | {row.show(figures[row.key])} |" for row in ROWS),
        "",
        "Ranks are those of the gold paragraph: among the first 1 / 5 / 10 / 20, together by words and vectors, and by",
        "either alone.",
        "",
    ]
    levels = figures["confidence"]["levels"]
    lines += [
        "## Confidence",
        "",
        "Each question is asked of the whole collection, and of it without the articles of the same title, where",
        "every answer is wrong.",
        "",
        "| level | answers | right |",
        "| --- | --- | --- |",
        *(f"| {level} | {row['answers']} | {row['right']:.1f} % |" for level, row in levels.items()),
        "",
        "`none` is what is not given as an answer.",
        "",
        "![share of right answers against confidence](reliability.png)",
        "",
    ]
    lines += ["## Others", "", "| on | system | figure | source |", "| --- | --- | --- | --- |"]
    names = {row.key: row.what for row in ROWS}
    lines += [f"| {names[one['key']]} | {one['system']} | {one['value']} | {one['source']} |" for one in published]
    return "\n".join(lines) + "\n"


def plot(bins: list[dict[str, float]], path: Path) -> None:
    """Draw share of right against confidence, a bar a tenth, with the number of answers in each."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(5, 6), sharex=True, gridspec_kw={"height_ratios": [3, 1]}, layout="constrained"
    )
    middles = [row["from"] + 0.05 for row in bins]
    upper.plot([0, 1], [0, 1], linestyle="--", color="0.5", label="as it should be")
    upper.bar(middles, [row["right"] for row in bins], width=0.09, color="#4477aa", label="share right")
    upper.plot([row["confidence"] for row in bins], [row["right"] for row in bins], "o", color="#222222", markersize=4)
    upper.set(ylabel="share of right answers", ylim=(0, 1), xlim=(0, 1))
    upper.legend(loc="upper left", frameon=False)
    lower.bar(middles, [row["questions"] for row in bins], width=0.09, color="#bbbbbb")
    lower.set(xlabel="confidence", ylabel="answers")
    figure.savefig(path, dpi=120, metadata={"Software": None})


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the development sets")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "development")
    parser.add_argument("--only", nargs="+", choices=[row.key for row in ROWS], help="only these; nothing is written")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    library(options.data, options.work / "library")
    figures = measure(options.data, options.work, options.only or [row.key for row in ROWS])
    if options.only:
        return
    with QuestionAnswering.open(options.work / "library", read_only=True) as qa:
        models = qa.models()
    (DOCS / "quality.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (DOCS / "quality.md").write_text(page(figures, models), encoding="utf-8")
    plot(figures["confidence"]["bins"], DOCS / "reliability.png")
    print(f"wrote {DOCS / 'quality.md'}")


if __name__ == "__main__":
    main()
