"""Ways to damage a closed library, each with the kind of defect that it is."""

import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np

from index.folder.library_file import add_mark
from index.search.vector_index import VectorIndex, read_manifest
from index.storage.read_view import View

DATABASE = Path("default") / "articles.db"
PAGE = 4096


def execute(*statements: str, database: Path = DATABASE) -> Callable[[Path], None]:
    """Damage a database by SQL that no store would run."""

    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(folder / database, isolation_level=None)) as db:
            for statement in statements:
                db.execute(statement)

    return damage


def root_of(database: Path, name: str) -> int:
    with closing(sqlite3.connect(database)) as db:
        return int(db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0])


def overwrite(path: Path, start: int, length: int = 512) -> None:
    """Write bytes of no meaning into a file that stays as long as it is."""
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes((7 * number + 3) % 251 for number in range(length)))


def overwrite_page(name: str, database: Path = DATABASE) -> Callable[[Path], None]:
    """Damage the page at which a table or an index begins."""
    return lambda folder: overwrite(folder / database, (root_of(folder / database, name) - 1) * PAGE)


def overwrite_snapshot(folder: Path) -> None:
    path = next((folder / "default").glob("vectors-*.faiss"))
    overwrite(path, path.stat().st_size // 2, 8)


def leave_files(folder: Path) -> None:
    (folder / "library.json.tmp").write_text("{")
    (folder / ".removed-0").mkdir()
    (folder / "default" / "vectors-0.faiss").write_bytes(b"old")
    hour_ago = time.time() - 3_600
    for name in ("library.json.tmp", ".removed-0", "default/vectors-0.faiss"):
        os.utime(folder / name, (hour_ago, hour_ago))


def mix_up_snapshot(folder: Path) -> None:
    """Give each passage another one's vector, in the snapshot alone."""
    manifest = read_manifest(folder / "default")
    assert manifest is not None
    mixed = VectorIndex(manifest["dimension"])
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        for ids, vectors in View(db).all_vectors():
            mixed.add(ids, np.roll(vectors, 1, axis=0))
    mixed.save(folder / "default", **{name: manifest[name] for name in ("encoder", "generation", "database")})


def queue_job_without_file(folder: Path) -> None:
    execute(
        "INSERT INTO job (id, kind, state, total, position, created)"
        " VALUES ('job_1', 'articles', 'queued', 9, 10, '2026-01-01T00:00:00Z')"
    )(folder)


FIRST = "(SELECT min(key) FROM article)"
PASSAGE = "(SELECT min(id) FROM passage)"
SECOND_PASSAGE = f"(SELECT min(id) FROM passage WHERE id > {PASSAGE})"
RECORDS = Path("records.db")


def lose_keys(folder: Path) -> None:
    """Lose the records of a library that had keys."""
    add_mark(folder, "keys")
    (folder / RECORDS).unlink()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "library_file_unreadable": lambda folder: (folder / "library.json").write_text("{") and None,
    "format_newer": execute("PRAGMA user_version = 99"),
    "moves_unfinished": lambda folder: (folder / ".moves.json").write_text(json.dumps({"moves": []})) and None,
    "files_left_over": leave_files,
    "files_open_to_others": lambda folder: (folder / "library.json").chmod(0o644),
    "database_unreadable": lambda folder: overwrite(folder / DATABASE, 0, 100),
    "database_foreign": execute("PRAGMA application_id = 7"),
    "database_missing": lambda folder: (folder / DATABASE).unlink(),
    "database_damaged": overwrite_page("article_published"),
    "article_unreadable": overwrite_page("article"),
    "schema_differs": execute("DROP INDEX article_origin"),
    "reference_broken": execute("INSERT INTO article_tag VALUES ('lost', 99999)"),
    "text_changed": execute(f"UPDATE article SET text = 'X' || substr(text, 2) WHERE key = {FIRST}"),
    "fields_disagree": execute(f"UPDATE article SET characters = 7 WHERE key = {FIRST}"),
    "masked_range_invalid": execute(f"""UPDATE article SET masked = '[[9, 2, "x"]]' WHERE key = {FIRST}"""),
    "passages_missing": execute(
        f"DELETE FROM vector WHERE id IN (SELECT id FROM passage WHERE article = {FIRST})",
        f"DELETE FROM passage WHERE article = {FIRST}",
    ),
    "passage_differs": execute(f"UPDATE passage SET start = start + 1 WHERE id = {PASSAGE}"),
    "passage_masked": execute(
        f"""UPDATE article SET masked = '[[0, ' || characters || ', "x"]]' WHERE key = {FIRST}"""
    ),
    "passages_disordered": execute(f"UPDATE passage SET number = number + 5 WHERE article = {FIRST}"),
    "passage_orphaned": execute("INSERT INTO passage (article, number, start, text) VALUES (99999, 0, 0, 'lost')"),
    "words_missing": execute(f"DELETE FROM words_docsize WHERE id = {PASSAGE}"),
    "words_orphaned": execute("INSERT INTO words (rowid, title, body) VALUES (99999, 'lost', 'lost')"),
    "words_damaged": execute("UPDATE words_data SET block = zeroblob(length(block)) WHERE id > 10"),
    "words_differ": execute(
        "INSERT INTO words (words) VALUES ('delete-all')",
        "INSERT INTO words (rowid, title, body) SELECT id, 'other', 'words' FROM passage",
    ),
    "vector_missing": execute(f"DELETE FROM vector WHERE id = {PASSAGE}"),
    "vector_orphaned": execute("INSERT INTO vector VALUES (99999, zeroblob(768))"),
    "vector_invalid": execute(f"UPDATE vector SET data = zeroblob(length(data)) WHERE id = {SECOND_PASSAGE}"),
    "vector_differs": execute(
        f"UPDATE vector SET data = (SELECT data FROM vector WHERE id = {SECOND_PASSAGE}) WHERE id = {PASSAGE}"
    ),
    "snapshot_damaged": overwrite_snapshot,
    "snapshot_misses": mix_up_snapshot,
    "snapshot_differs": execute(
        f"DELETE FROM vector WHERE id = {PASSAGE}",
        f"DELETE FROM passage WHERE id = {PASSAGE}",
    ),
    "copies_uncompared": execute(f"DELETE FROM band WHERE article = {FIRST}"),
    "copies_differ": execute(f"UPDATE band SET hash = hash / 2 WHERE article = {FIRST}"),
    "family_of_one": execute(f"UPDATE article SET family = key WHERE key = {FIRST}"),
    "lines_uncounted": execute("DELETE FROM article_line WHERE article = (SELECT min(article) FROM article_line)"),
    "line_counts_wrong": execute("UPDATE site SET articles = articles + 1"),
    "job_file_missing": queue_job_without_file,
    "records_missing": lose_keys,
    "records_unreadable": lambda folder: overwrite(folder / RECORDS, 0, 100),
    "records_damaged": overwrite_page("record_kind", RECORDS),
    "record_invalid": execute("UPDATE record SET body = '{'", database=RECORDS),
    "record_orphaned": execute("UPDATE record SET parent = 'lost'", database=RECORDS),
    "quotation_kept": execute("UPDATE OR REPLACE quoted SET article = 'lost'", database=RECORDS),
}
