"""The development corpora as a library: made once for an encoder, and again for another."""

import shutil
from pathlib import Path

from index import Article
from qa import QuestionAnswering, load_examples
from training.jsonl import read_lines

SQUAD = "squad11-dev-A.json.gz"
UNANSWERABLE = "squad20-dev-A.json.gz"
CORPUS = "squad-dev-corpus.jsonl.gz"
NATURAL = "nq-open-dev-gold-A.jsonl.gz"


def library(data: Path, folder: Path) -> None:
    """Fill a library with the collections ``squad`` and ``nq``; one half filled is filled anew.

    Args:
        data: the folder of the development sets.
        folder: the library's.
    """
    done = folder.with_suffix(".filled")
    with QuestionAnswering.open(folder) as qa:
        mark = "".join(card.sha256 for card in qa.models() if card.role == "encoder")
        if done.exists() and done.read_text() == mark:
            return
    shutil.rmtree(folder)
    corpus = read_lines(data / CORPUS)
    natural = {example.context: example.title for example in load_examples(data / NATURAL)}
    with QuestionAnswering.open(folder) as qa:
        qa.add((Article(row["text"], id=row["id"], title=row["title"]) for row in corpus), collection="squad")
        passages = enumerate(natural.items())
        qa.add((Article(text, id=f"nq{place}", title=title) for place, (text, title) in passages), collection="nq")
    done.write_text(mark)
