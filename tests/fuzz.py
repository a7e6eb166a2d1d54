"""Damaged files of each format: reading gives articles or typed errors, and never hangs or crashes.

``python -m tests.fuzz FORMAT COUNT [SEED]`` goes on where the suite stops; FORMAT may be ``all``.
"""

import collections
import io
import random
import sys
import time
import zipfile
from collections.abc import Iterator

from index import Article, CitespanError, Failure, read_bytes
from tests.helpers import ROOT

FILES = ROOT / "tests" / "data" / "formats"
SEEDS = {
    "pdf": ("*.pdf",),
    "docx": ("*.docx",),
    "epub": ("*.epub",),
    "zip": ("*.zip",),
    "html": ("*.html", "*.xhtml"),
    "feed": ("*.rss", "*.xml", "feed.json"),
    "csv": ("*.csv", "*.tsv"),
    "json": ("articles.json", "one-article.json"),
    "ndjson": ("*.ndjson", "*.jsonl.gz"),
    "markdown": ("*.md",),
    "plain": ("plain.txt", "latin-1.txt", "windows-1251.txt", "shift-jis.txt", "utf-16.txt"),
}
_TOKENS = (
    b"\x00", b"\xff\xfe", b"<", b">", b"<!--", b"]]>", b"&#x110000;", b"\xed\xa0\x80", b'"', b"\r", b"\n\n", b"%PDF-1.7",
    b"-1", b"99999999999999999999", b"<<", b">>", b"endstream", b"/Kids", b"PK\x03\x04", b"{", b"[" * 500, b"<div>" * 300,
    b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"&x;", b"null", b"1e400", b"\\ud800", b"..", b"/", b"D:00000000",
)  # fmt: skip


def mutate(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    """Damage a file in one to six ways; of an archive sometimes an entry rather than the whole."""
    if data[:4] == b"PK\x03\x04" and dice.random() < 0.6:
        return _with_damaged_entry(data, others, dice)
    found = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 3, 6))):
        at = dice.randrange(len(found) + 1)
        length = min(len(found) - at, dice.choice((1, 2, 8, 64, 1_000)))
        way = dice.randrange(7)
        if way == 0 and at < len(found):
            found[at] ^= 1 << dice.randrange(8)
        elif way == 1:
            del found[at : at + length]
        elif way == 2:
            found[at:at] = found[at : at + length] * dice.choice((1, 2, 50))
        elif way == 3:
            found[at:at] = dice.choice(_TOKENS)
        elif way == 4:
            found[at : at + length] = dice.randbytes(length)
        elif way == 5:
            other = dice.choice(others)
            begin = dice.randrange(len(other))
            found[at : at + length] = other[begin : begin + dice.choice((16, 200, 3_000))]
        elif dice.random() < 0.3:
            del found[at:]
    return bytes(found)


def _with_damaged_entry(data: bytes, others: list[bytes], dice: random.Random) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        chosen = dice.choice(names)
        for name in names:
            inner = old.read(name)
            if name == chosen:
                inner = mutate(inner, [inner, *others], dice) if inner else dice.randbytes(20)
                name = dice.choice((name, name, name, "../" + name, name.upper(), "a/" * 40 + name))
            new.writestr(zipfile.ZipInfo(name), inner, compress_type=zipfile.ZIP_DEFLATED)
    return target.getvalue()


def damaged(form: str, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and damaged bytes of a format, the same for the same seed."""
    dice = random.Random(f"{form} {seed}")
    files = [path for pattern in SEEDS[form] for path in sorted(FILES.glob(pattern))]
    seeds = [(path.name, path.read_bytes()) for path in files]
    for _ in range(count):
        name, data = dice.choice(seeds)
        yield name, mutate(data, [other for _, other in seeds], dice)


def check(name: str, data: bytes) -> str:
    """Read damaged bytes and return what came of it: article, mixed, or the error's class.

    Raises:
        AssertionError: something else came of it.
    """
    items = list(read_bytes(data, name))
    articles = [item for item in items if isinstance(item, Article)]
    failures = [item for item in items if isinstance(item, Failure)]
    assert items and len(articles) + len(failures) == len(items), name
    for article in articles:
        assert article.text.strip() and all(0 <= page <= len(article.text) for page in article.pages)
    for failure in failures:
        assert isinstance(failure.error, CitespanError) and str(failure.error) and failure.source.startswith(name)
    if articles:
        return "mixed" if failures else "articles"
    return type(failures[0].error).__name__


def main() -> None:
    """Run so many cases and tell what came of them."""
    wanted, count, seed = sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0])
    for form in SEEDS if wanted == "all" else [wanted]:
        came: collections.Counter[str] = collections.Counter()
        slowest = 0.0
        begun = time.perf_counter()
        for number, (name, data) in enumerate(damaged(form, count, seed)):
            before = time.perf_counter()
            try:
                came[check(name, data)] += 1
            except Exception as error:
                came[f"CRASH {type(error).__name__}"] += 1
                (ROOT / "runs").mkdir(exist_ok=True)
                (ROOT / "runs" / f"crash-{form}-{seed}-{number}-{name}").write_bytes(data)
                sys.stdout.write(f"{form} {number} {name}: {error!r}\n")
            slowest = max(slowest, time.perf_counter() - before)
        took = time.perf_counter() - begun
        sys.stdout.write(f"{form}: {count:,} in {took:.0f} s, slowest {slowest:.2f} s: {dict(came.most_common())}\n")


if __name__ == "__main__":
    main()
