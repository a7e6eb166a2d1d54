"""Works a job through in one life after another, where some lines or lives end the process.

    python -m tests.crash.job_child LIBRARY LIVES KILLED_LIVES WHERE KILLER...

Each life is a fork; it ends at once where its number is under KILLED_LIVES and a batch begins, or where the article of
a KILLER is prepared or (WHERE is "parsing") read.  Prints the number of lives that ended so.
"""

import os
import sys

import index.collection
import index.sources.formats.ndjson
from index import Library
from tests.crash.plain_encoder import PlainEncoder


def live(folder: str, killed: bool, where: str, killers: set[str]) -> None:
    prepare, parse = index.collection.prepare, index.sources.formats.ndjson.article_from_json

    def deadly_prepare(articles, *rest, **more):  # type: ignore[no-untyped-def]
        if killed or (where == "preparing" and killers & {article.id for article in articles}):
            os._exit(9)
        return prepare(articles, *rest, **more)

    def deadly_parse(fields, known):  # type: ignore[no-untyped-def]
        if where == "parsing" and fields.get("id") in killers:
            os._exit(9)
        return parse(fields, known)

    index.collection.prepare = deadly_prepare
    index.sources.formats.ndjson.article_from_json = deadly_parse
    with Library.open(folder, encoder=PlainEncoder()) as library:
        for collection, job in library.open_jobs():
            collection.jobs.run(job.id)


def main(folder: str, lives: str, killed_lives: str, where: str, *killers: str) -> None:
    ended = 0
    for life in range(int(lives)):
        child = os.fork()
        if child == 0:
            live(folder, life < int(killed_lives), where, set(killers))
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9:
            ended += 1
        else:
            break
    sys.stdout.write(f"{ended}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
