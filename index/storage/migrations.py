"""Numbered changes of the library's database format, applied in order when a library is opened."""

import contextlib
import sqlite3
from collections.abc import Callable, Mapping

from index.errors import LibraryFormatError

APPLICATION_ID = 0x43495445  # "CITE"


_FIRST_FORMAT = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ('generation', '0');
    CREATE TABLE article (
        key INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        url TEXT,
        source TEXT,
        published TEXT,
        published_first TEXT,
        published_last TEXT,
        tags TEXT NOT NULL,
        text TEXT NOT NULL,
        characters INTEGER NOT NULL,
        sha256 TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        masked TEXT NOT NULL,
        added TEXT NOT NULL
    );
    CREATE INDEX article_published ON article (published_first);
    CREATE TABLE article_tag (
        tag TEXT NOT NULL,
        article INTEGER NOT NULL REFERENCES article (key) ON DELETE CASCADE,
        PRIMARY KEY (tag, article)
    ) WITHOUT ROWID;
    CREATE INDEX article_tag_article ON article_tag (article);
    -- AUTOINCREMENT, so that an id is never used again: a vector snapshot is then brought up to
    -- date by comparing ids alone.
    CREATE TABLE passage (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        article INTEGER NOT NULL REFERENCES article (key),
        number INTEGER NOT NULL,
        start INTEGER NOT NULL,
        text TEXT NOT NULL
    );
    CREATE INDEX passage_article ON passage (article);
    -- Apart from passage, so that reading ids and texts does not read vectors.
    CREATE TABLE vector (id INTEGER PRIMARY KEY REFERENCES passage (id), data BLOB NOT NULL);
    -- Contentless: passage holds the text, and it is handed in again to delete.
    CREATE VIRTUAL TABLE words USING fts5 (
        title, body, content='', tokenize='porter unicode61 remove_diacritics 2'
    );
"""


_SOURCES_AND_JOBS = """
    ALTER TABLE article ADD COLUMN author TEXT;
    ALTER TABLE article ADD COLUMN updated TEXT;
    ALTER TABLE article ADD COLUMN language TEXT;
    ALTER TABLE article ADD COLUMN pages TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE article ADD COLUMN origin TEXT;
    ALTER TABLE article ADD COLUMN found_in TEXT NOT NULL DEFAULT '[]';
    ALTER TABLE article ADD COLUMN family INTEGER;
    ALTER TABLE article ADD COLUMN vanished TEXT;
    CREATE INDEX article_origin ON article (origin);
    -- Which languages there are is asked for with each question.
    CREATE INDEX article_language ON article (language);
    CREATE INDEX article_family ON article (family) WHERE family IS NOT NULL;
    -- MinHash bands: articles that share one may be near-copies.
    CREATE TABLE band (
        band INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        article INTEGER NOT NULL REFERENCES article (key) ON DELETE CASCADE,
        PRIMARY KEY (band, hash, article)
    ) WITHOUT ROWID;
    CREATE INDEX band_article ON band (article);
    -- Lines that a site's articles share are page furniture.  Of lines only hashes are kept; what an article
    -- added to the counts is kept with it, so that just that is taken back when it goes.
    CREATE TABLE site (
        key INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        articles INTEGER NOT NULL,
        looked INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE line (
        site INTEGER NOT NULL,
        hash INTEGER NOT NULL,
        articles INTEGER NOT NULL,
        PRIMARY KEY (site, hash)
    ) WITHOUT ROWID;
    CREATE TABLE article_line (
        article INTEGER PRIMARY KEY REFERENCES article (key) ON DELETE CASCADE,
        site INTEGER NOT NULL,
        hashes BLOB NOT NULL
    );
    CREATE INDEX article_line_site ON article_line (site);
    -- Long work: how far it has come is committed with what it adds, so that it goes on where it stopped.
    CREATE TABLE job (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        state TEXT NOT NULL,
        done INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        total INTEGER NOT NULL,
        line INTEGER NOT NULL DEFAULT 0,
        position INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        created TEXT NOT NULL,
        ended TEXT,
        error TEXT
    ) WITHOUT ROWID;
    CREATE TABLE job_failure (
        job TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
        line INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (job, line)
    ) WITHOUT ROWID;
    -- Feeds and sitemaps that are followed, and what is known of each page they named.
    CREATE TABLE subscription (
        url TEXT PRIMARY KEY,
        kind TEXT,
        title TEXT,
        every INTEGER NOT NULL,
        etag TEXT,
        modified TEXT,
        created TEXT NOT NULL,
        checked TEXT,
        due TEXT NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        error TEXT
    ) WITHOUT ROWID;
    CREATE TABLE followed (
        subscription TEXT NOT NULL REFERENCES subscription (url) ON DELETE CASCADE,
        url TEXT NOT NULL,
        articles TEXT NOT NULL DEFAULT '[]',
        mark TEXT,
        own INTEGER NOT NULL,
        listed INTEGER NOT NULL,
        vanished INTEGER NOT NULL,
        etag TEXT,
        modified TEXT,
        checked TEXT NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0,
        error TEXT,
        PRIMARY KEY (subscription, url)
    ) WITHOUT ROWID;
"""


# Each leads from the format before to its own, whose number is its place in the row, from 1.
MIGRATIONS = (_FIRST_FORMAT, _SOURCES_AND_JOBS)
# What fills in, within the same transaction, what a new format wants to know of articles that are there already.
Completion = Callable[[sqlite3.Connection], None]


def migrate(database: sqlite3.Connection, completions: Mapping[int, Completion] | None = None) -> None:
    """Bring a database to the newest format, each step in a transaction of its own.

    Args:
        database: a connection, in autocommit mode.
        completions: by format, called within the transaction that leads to it.

    Raises:
        LibraryFormatError: a newer Citespan made it, or it is some other program's database.
    """
    version = check_version(database)
    if version == 0:
        database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        try:
            database.executescript(f"BEGIN IMMEDIATE; {script}")
            if completions and number in completions:
                completions[number](database)
            database.execute(f"PRAGMA user_version = {number}")
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise


def check_version(database: sqlite3.Connection) -> int:
    """Return the format number of a database, 0 for an empty one.

    Raises:
        LibraryFormatError: a newer Citespan made it, or it is some other program's database.
    """
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if is_foreign(database):
        raise LibraryFormatError("articles.db is not a Citespan database: choose another library folder")
    if version > len(MIGRATIONS):
        raise LibraryFormatError(
            f"the library has format {version}, this version reads up to {len(MIGRATIONS)}: upgrade citespan"
        )
    return version


def is_foreign(database: sqlite3.Connection) -> bool:
    """Return whether a database is not a collection's: some other program's, or another of Citespan's own."""
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    owner = int(database.execute("PRAGMA application_id").fetchone()[0])
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return owner not in (0, APPLICATION_ID) or bool(version == 0 and tables)


def schema_of(database: sqlite3.Connection) -> frozenset[tuple[str, str]]:
    """Return the tables with their columns and the indexes with what they index, as (name, "...")."""
    found = set()
    named = database.execute("SELECT name, type FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    for name, kind in named:
        pragma = "table_info" if kind == "table" else "index_info"
        rows = database.execute(f"PRAGMA {pragma}({name})").fetchall()
        found.add((str(name), " ".join(str(row[1] if kind == "table" else row[2]) for row in rows)))
    return frozenset(found)


def schema_of_format(version: int) -> frozenset[tuple[str, str]]:
    """Return what schema_of() returns for a database of one format."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        for script in MIGRATIONS[:version]:
            database.executescript(script)
        return schema_of(database)


def empty_database() -> sqlite3.Connection:
    """Return a database of this version's format that holds nothing."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate(connection)
    return connection
