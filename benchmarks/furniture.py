"""Page furniture: how much of it is masked, and how much real text with it.

    python -m benchmarks.furniture
    python -m benchmarks.furniture --set development --errors

Looks at the marked pages of tests/data/furniture: what was in the development set while the rules were written, and
what nobody looked at until they were done.  Counted are characters that are not white space.  Precision is the share of
real furniture in what was taken away, recall the share of all furniture that was taken away.  Trafilatura takes away
by leaving out, which cannot be undone; rules by masking.
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from benchmarks.shared import ROOT, arguments, show
from index import MaskedRange, Repetition, find_furniture, read_html

PAGES = ROOT / "tests" / "data" / "furniture"
SETS = ("development", "held-out")
REAL, FURNITURE, EITHER = "+", "-", "="


@dataclass(frozen=True)
class Page:
    """A marked page.

    Attributes:
        name: file name without its ending.
        kind: ``txt`` for text that somebody scraped, ``html`` for a page.
        text: the page without its marks.
        words: its visible words, each with the mark of its line.
    """

    name: str
    kind: str
    text: str
    words: tuple[tuple[str, str], ...]

    @property
    def site(self) -> str:
        """What pages of one site share: the name without its number."""
        return re.sub(r"-\d+$", "", self.name)


@dataclass(frozen=True)
class Result:
    """What became of a page's characters.

    Attributes:
        left_out: (word, mark) that were not in the text at all.
        masked: (word, mark) that were in the text and masked.
        kept: (word, mark) that were left to be answered from.
    """

    left_out: tuple[tuple[str, str], ...]
    masked: tuple[tuple[str, str], ...]
    kept: tuple[tuple[str, str], ...]


def read_pages(name: str, folder: Path = PAGES) -> list[Page]:
    """Return the pages of a set, in order of their names."""
    pages = []
    for path in sorted((folder / name).iterdir()):
        kind = path.suffix[1:]
        marked = [(line[:1] or EITHER, line[2:]) for line in path.read_text(encoding="utf-8").split("\n")]
        if {mark for mark, _ in marked} - {REAL, FURNITURE, EITHER}:
            raise SystemExit(f"{path}: every line begins with +, - or = and a space, or is empty")
        shown = [(mark, _visible(line) if kind == "html" else line) for mark, line in marked]
        words = tuple((word, mark) for mark, line in shown for word in line.split())
        pages.append(Page(path.stem, kind, "\n".join(line for _, line in marked), words))
    return pages


def _visible(line: str) -> str:
    bare = re.sub(r"<(head|script|style)\b.*?</\1>", " ", line)
    # Tags within a line of text part no words, but those of blocks do.
    bare = re.sub(r"</?(?:b|i|em|strong|a|code|span)\b[^<>]*>", "", bare)
    return html.unescape(re.sub(r"<[^<>]*>", " ", bare))


def result(page: Page, text: str, masked: Sequence[MaskedRange]) -> Result:
    """Return what became of a page's words in a text that was made of it."""
    spans = [(match.group(), match.start()) for match in re.finditer(r"\S+", text)]
    hidden = [any(one.start <= at < one.end for one in masked) for _, at in spans]
    matcher = SequenceMatcher(None, [word for word, _ in page.words], [word for word, _ in spans], autojunk=False)
    fate: list[str] = ["out"] * len(page.words)
    for ours, theirs, size in matcher.get_matching_blocks():
        for step in range(size):
            fate[ours + step] = "masked" if hidden[theirs + step] else "kept"
    by = {name: tuple(word for word, was in zip(page.words, fate, strict=True) if was == name) for name in set(fate)}
    return Result(by.get("out", ()), by.get("masked", ()), by.get("kept", ()))


def row(name: str, kind: str, system: str, results: Iterable[Result]) -> dict[str, Any]:
    """Return a row of figures."""
    found = list(results)

    def size(part: str, mark: str) -> int:
        return sum(len(word) for one in found for word, its in getattr(one, part) if its == mark)

    taken = size("left_out", FURNITURE) + size("masked", FURNITURE)
    lost = size("left_out", REAL) + size("masked", REAL)
    left, kept = size("kept", FURNITURE), size("kept", REAL)
    rules = size("masked", FURNITURE), size("masked", REAL)
    return {
        "set": name,
        "pages": f"{len(found)} {kind}",
        "system": system,
        "precision": share(taken, taken + lost),
        "recall": share(taken, taken + left),
        "real text kept": share(kept, kept + lost),
        "furniture in what is left": share(left, left + kept),
        "precision of masks": share(rules[0], sum(rules)),
    }


def share(part: int, whole: int) -> str:
    """Return a share to three places."""
    return f"{part / whole:.3f}" if whole else "-"


def rows(name: str, pages: Sequence[Page], errors: bool) -> list[dict[str, Any]]:
    """Measure the pages of a set."""
    table = []
    for kind in ("txt", "html"):
        own = [page for page in pages if page.kind == kind]
        texts = {page.name: read_html(page.text).text if kind == "html" else page.text for page in own}
        repeated = {
            page.site: Repetition.of(texts[other.name] for other in own if other.site == page.site) for page in own
        }
        plain = [result(page, " ".join(word for word, _ in page.words), ()) for page in own]
        alone = [result(page, texts[page.name], ()) for page in own]
        rules = [result(page, texts[page.name], find_furniture(texts[page.name])) for page in own]
        both = [result(page, texts[page.name], find_furniture(texts[page.name], repeated[page.site])) for page in own]
        table.append(row(name, kind, "no cleaning", plain))
        if kind == "html":
            stock = [result(page, as_it_comes(page), ()) for page in own]
            table.append(row(name, kind, "trafilatura as it comes", stock))
            table.append(row(name, kind, "trafilatura as we ask it", alone))
        before = "trafilatura, " if kind == "html" else ""
        table.append(row(name, kind, f"{before}rules", rules))
        table.append(row(name, kind, f"{before}rules and what repeats", both))
        if errors:
            for page in own:
                explain(page, texts[page.name], find_furniture(texts[page.name], repeated[page.site]))
    return table


def as_it_comes(page: Page) -> str:
    """Return what trafilatura makes of a page where nothing is asked of it."""
    import trafilatura

    return trafilatura.extract(page.text, include_comments=False) or ""


def explain(page: Page, text: str, masked: Sequence[MaskedRange]) -> None:
    """Print the lines of a page's text that are wrong."""
    marks = dict[str, str]()
    for word, mark in page.words:
        marks.setdefault(word, mark)
    outcome = result(page, text, masked)
    kept = " ".join(word for word, mark in outcome.kept if mark == FURNITURE)
    lost = " ".join(word for word, mark in outcome.masked if mark == REAL)
    gone = " ".join(word for word, mark in outcome.left_out if mark == REAL)
    for what, words in (("furniture kept", kept), ("real text masked", lost), ("real text left out", gone)):
        if words:
            print(f"{page.name}.{page.kind}: {what}: {words}")


def main() -> None:
    """Measure, print."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--set", choices=SETS, help="one set of pages only")
    parser.add_argument("--errors", action="store_true", help="print what was masked wrongly and what was not")
    options = parser.parse_args()
    table: list[dict[str, Any]] = []
    for name in SETS:
        if options.set in (None, name):
            table += rows(name, read_pages(name), options.errors)
    show(table, {}, options.json)


if __name__ == "__main__":
    main()
