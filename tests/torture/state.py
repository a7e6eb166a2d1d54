"""What a library holds, as far as a caller can tell, in layers that are each old or new; and what is wrong with it."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from api.auth.keys import Keys
from index import CollectionNotFound, Library
from qa.conversations import CONVERSATION, MESSAGE
from qa.watches.store import EVENT, WATCH
from tests.torture.operations import LATER

State = dict[str, str]
# What a record quotes goes before the article does, in another file: after a fault in between a quotation is missing.
FORGOTTEN_FIRST = "quotations"
_REPLACED = ".before-restore-"
_FILES = re.compile(
    r"library\.json|\.lock|records\.db(-journal)?|[a-z]+/articles\.db(-wal|-shm|-journal|\.before-format-\d)?|[a-z]+/vectors(-\d+\.faiss|\.json)"
    r"|[a-z]+/jobs/job_\w+\.ndjson"
)


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def state_of(library: Library) -> State:
    """Return what a library holds; without ids and times that differ from run to run, and without the later article."""
    articles: dict[str, Any] = {}
    jobs: list[Any] = []
    followed: list[Any] = []
    for info in library.collections():
        collection = library.collection(info.name)
        for listed in collection.list(limit=100).articles:
            if listed.id != LATER.id:
                stored = collection.get(listed.id)
                ranges = [(masked.start, masked.end) for masked in stored.masked]
                starts = [passage.start for passage in stored.passages]
                articles[f"{info.name}/{listed.id}"] = [stored.text, listed.title, ranges, starts]
        for job in collection.jobs.list():
            state = "open" if job.open else job.state
            jobs.append([info.name, state, job.done, job.failed, job.total, job.line])
        with collection.store.read() as view:
            followed += [(each.url, each.every, each.failures) for each in view.subscriptions.all()]
    records = library.records
    conversations = records.list(CONVERSATION)
    watches = records.list(WATCH)
    messages = [message for parent in conversations for message in records.list(MESSAGE, parent=parent.id)]
    events = [event for parent in watches for event in records.list(EVENT, parent=parent.id)]
    keys = [(key.name, key.scope, key.state, key.expires is not None) for key in Keys(records).all()]
    return {
        "collections": _digest(sorted(info.name for info in library.collections())),
        "articles": _digest(articles),
        "jobs": _digest(sorted(jobs)),
        "followed": _digest(sorted(followed)),
        "records": _digest(
            [[one.body.get("title") for one in conversations], [one.body["question"] for one in messages]]
        ),
        "watches": _digest([[one.body["collection"], one.body["revision"]] for one in watches] + [len(events)]),
        "keys": _digest(sorted(keys)),
        FORGOTTEN_FIRST: _digest([record.quotes for record in [*messages, *events]]),
    }


def problems_of(library: Library) -> list[str]:
    """Return what is inconsistent in a library that is open."""
    problems = []
    for info in library.collections():
        collection = library.collection(info.name)
        if not collection.store.exists:
            continue
        problems += [f"{info.name}: {problem}" for problem in collection.check()]
        for listed in collection.list(limit=100).articles:
            stored = collection.get(listed.id)
            for passage in stored.passages:
                if stored.text[passage.start : passage.end] != passage.text:
                    problems.append(f"{info.name}/{listed.id}: passage {passage.number} is not verbatim")
            try:
                candidates = collection.search(stored.info.title, limit=200)
            except CollectionNotFound:
                continue
            ranks = [(each.dense_rank, each.lexical_rank) for each in candidates if each.article.id == listed.id]
            if len(ranks) != len(stored.passages) or not all(dense and lexical for dense, lexical in ranks):
                problems.append(f"{info.name}/{listed.id}: {len(stored.passages)} passages, found as {ranks}")
    return problems


def _is_stray_folder(path: Path) -> bool:
    return path.is_dir() and path.name.startswith(".") and not path.name.startswith(_REPLACED)


def strays_of(folder: Path) -> list[str]:
    """Return the files of a closed library that should not be there."""
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    # What a restore has replaced is kept on purpose.
    names = [name for name in names if not name.startswith(_REPLACED)]
    strays = [name for name in names if not _FILES.fullmatch(name)]
    for collection in folder.iterdir():
        snapshots = list(collection.glob("vectors-*.faiss")) if collection.is_dir() else []
        strays += [str(path.relative_to(folder)) for path in snapshots[1:]]
    return [*strays, *(path.name for path in folder.iterdir() if _is_stray_folder(path))]
