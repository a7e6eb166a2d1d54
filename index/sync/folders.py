"""A folder → a collection that holds just what the folder holds: added, changed, removed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from index.collection import Collection
from index.errors import InputError
from index.sources import read_file, walk
from index.types import Added, Article, Failure, Progress


@dataclass
class Synced:
    """What a sync did.

    Attributes:
        added: number of articles that are new.
        changed: number of articles that are not as they were.
        unchanged: number of articles that are as they were.
        removed: ids of articles whose file, or whose place in it, is gone.
        failures: files that could not be used; what came from them before stays.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def sync_folder(
    collection: Collection,
    folder: Path,
    *,
    allow_empty: bool = False,
    progress: Callable[[Progress], None] | None = None,
    each: Callable[[Added | Failure], None] = lambda _: None,
) -> Synced:
    """Make what a collection has from a folder equal to the folder.

    Articles that came from elsewhere stay. A file that cannot be read now keeps what it gave before. Stopped at any
    moment, it goes on from there the next time.

    Args:
        collection: which.
        folder: an existing folder.
        allow_empty: whether all that came from the folder may go because it is empty now.
        progress: called after each batch.
        each: called with what became of each article, and with each failure.

    Raises:
        InputError: no such folder, or it is empty and allow_empty is False: a disk that is not mounted looks so.
        StorageError: the disk refused; what was done is kept.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    home = folder.resolve()
    before = collection.origins(str(home))
    files = [file.resolve() for file in walk(home)]
    if before and not files and not allow_empty:
        raise InputError(
            f"{folder} holds no files, and {sum(map(len, before.values())):,} articles came from it: "
            "allow an empty folder (--allow-empty) to remove them"
        )
    done = Synced()
    kept: dict[str, set[str]] = {}
    failed: set[str] = set()

    def report(failure: Failure) -> None:
        done.failures.append(failure)
        each(failure)

    def articles() -> Iterator[Article]:
        for file in files:
            origin = str(file)
            kept[origin] = set()
            for item in read_file(file):
                if isinstance(item, Failure):
                    failed.add(origin)
                    report(item)
                    continue
                kept[origin].add(item.id)
                yield replace(item, origin=origin)

    for added in collection.add(articles(), progress=progress, unusable=report):
        done.added += added.created
        done.changed += added.changed and not added.created
        done.unchanged += not added.changed
        each(added)
    failed.update(failure.source for failure in done.failures)
    ids = set().union(*kept.values())
    for origin, old in before.items():
        if origin not in failed:
            done.removed += [article_id for article_id in old if article_id not in ids]
    for article_id in done.removed:
        collection.remove(article_id, forget=False)
    if done.removed:
        collection.forget()
    return done
