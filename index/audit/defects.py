"""What can be wrong with a library: every kind of defect, what it means, and what mends it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning"]
Remedy = Literal["repair", "restore", "add", "reinstall", "upgrade"]

# Of many defects of one kind only the first are named.
MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of defect.

    Attributes:
        layer: the part of the library that has it.
        severity: ``error`` where an answer may be wrong or something is lost; ``warning`` where nothing is.
        remedy: what mends it: ``repair``; ``restore`` from a backup; ``add`` the article again; ``reinstall`` or
            ``upgrade`` citespan.
        text: what is wrong, of ``{count}`` things.
    """

    layer: str
    severity: Severity
    remedy: Remedy
    text: str


KINDS = {
    "library_file_unreadable": Kind("library", "error", "repair", "library.json cannot be read"),
    "format_newer": Kind("library", "error", "upgrade", "a newer version of citespan made it"),
    "format_older": Kind("library", "warning", "repair", "an older format, brought up to date when opened for writing"),
    "moves_unfinished": Kind("library", "warning", "repair", "a restore or repair was interrupted"),
    "files_left_over": Kind("files", "warning", "repair", "{count} files that nothing needs"),
    "files_open_to_others": Kind(
        "files", "warning", "repair", "{count} files that other users of the machine can read"
    ),
    "database_missing": Kind("database", "error", "restore", "the database is missing or empty, and was not before"),
    "records_missing": Kind("records", "error", "restore", "records.db is missing or empty, and the library had keys"),
    "database_unreadable": Kind("database", "error", "repair", "the database cannot be opened"),
    "database_foreign": Kind("database", "error", "restore", "articles.db is not the database of a collection"),
    "database_damaged": Kind("database", "error", "repair", "the database is damaged in {count} places"),
    "schema_differs": Kind("database", "error", "repair", "{count} tables or indexes differ from those of its format"),
    "reference_broken": Kind("database", "error", "repair", "{count} rows refer to rows that are gone"),
    "article_unreadable": Kind("articles", "error", "restore", "{count} articles cannot be read"),
    "text_changed": Kind("articles", "error", "add", "{count} articles whose text is not the one that was added"),
    "fields_disagree": Kind("articles", "error", "repair", "{count} articles whose fields disagree with each other"),
    "masked_range_invalid": Kind("articles", "error", "repair", "{count} articles with masked ranges outside the text"),
    "passages_missing": Kind("passages", "error", "repair", "{count} articles without a passage"),
    "passage_differs": Kind("passages", "error", "repair", "{count} passages that are not the text at their offsets"),
    "passage_masked": Kind("passages", "error", "repair", "{count} passages that overlap a masked range"),
    "passages_disordered": Kind("passages", "error", "repair", "{count} articles whose passages are out of order"),
    "passage_orphaned": Kind("passages", "error", "repair", "{count} passages without an article"),
    "words_outdated": Kind("words", "warning", "repair", "another version's words, made anew when opened for writing"),
    "words_missing": Kind("words", "error", "repair", "{count} passages that are not in the word index"),
    "words_orphaned": Kind("words", "error", "repair", "{count} entries of the word index without a passage"),
    "words_damaged": Kind("words", "error", "repair", "the word index is damaged"),
    "words_differ": Kind("words", "error", "repair", "{count} passages that their own words do not find"),
    "vector_missing": Kind("vectors", "error", "repair", "{count} passages without a vector"),
    "vector_orphaned": Kind("vectors", "error", "repair", "{count} vectors without a passage"),
    "vector_invalid": Kind("vectors", "error", "repair", "{count} vectors of a wrong length or size"),
    "vector_differs": Kind("vectors", "error", "repair", "{count} vectors that are not those of their passages' texts"),
    "encoder_differs": Kind("vectors", "warning", "repair", "another encoder made the vectors"),
    "snapshot_damaged": Kind("snapshot", "warning", "repair", "the vector snapshot is damaged; it is made anew"),
    "snapshot_differs": Kind(
        "snapshot", "error", "repair", "{count} passages that the vector snapshot lacks or has lost"
    ),
    "snapshot_misses": Kind("snapshot", "error", "repair", "{count} passages that their own text does not find"),
    "index_differs": Kind(
        "snapshot", "error", "repair", "{count} passages that the vectors in memory lack or have lost"
    ),
    "copies_uncompared": Kind("families", "warning", "repair", "{count} articles never compared for near-copies"),
    "copies_differ": Kind("families", "error", "repair", "{count} articles whose near-copy marks are not their text's"),
    "family_of_one": Kind("families", "error", "repair", "{count} families of near-copies with a single member"),
    "lines_uncounted": Kind("lines", "warning", "repair", "{count} articles whose lines were never counted"),
    "line_counts_wrong": Kind("lines", "error", "repair", "{count} sites whose counts of lines are wrong"),
    "job_file_missing": Kind("jobs", "error", "add", "{count} open jobs without the rest of their file"),
    "records_unreadable": Kind("records", "error", "repair", "records.db cannot be opened"),
    "records_damaged": Kind("records", "error", "repair", "records.db is damaged in {count} places"),
    "record_invalid": Kind("records", "error", "repair", "{count} records that cannot be read"),
    "record_orphaned": Kind("records", "error", "repair", "{count} records or quotations whose record is gone"),
    "quotation_kept": Kind("records", "error", "repair", "{count} quotations of articles that are gone"),
    "model_changed": Kind("models", "error", "reinstall", "the weights are not those that were shipped"),
}


@dataclass(frozen=True, slots=True)
class Defect:
    """Something wrong with a library, or several things of one kind.

    Attributes:
        kind: a name in KINDS.
        count: how many there are.
        examples: the first few, at most MAX_EXAMPLES: ids, files or what the database says.
        collection: where, None for the library as a whole.
    """

    kind: str
    count: int = 1
    examples: tuple[str, ...] = ()
    collection: str | None = None

    @property
    def layer(self) -> str:
        """The part of the library that has it."""
        return KINDS[self.kind].layer

    @property
    def severity(self) -> Severity:
        """Whether an answer may be wrong or something is lost."""
        return KINDS[self.kind].severity

    @property
    def remedy(self) -> Remedy:
        """What mends it."""
        return KINDS[self.kind].remedy

    def __str__(self) -> str:
        """Say what is wrong, with examples."""
        named = ", ".join(self.examples) + (", ..." if self.count > len(self.examples) > 0 else "")
        where = f"{self.collection}: " if self.collection else ""
        return f"{where}{KINDS[self.kind].text.format(count=self.count)}{f' ({named})' if named else ''}"

    def as_json(self) -> dict[str, Any]:
        """Return it with layer, severity, remedy and message, as JSON has it."""
        fields = asdict(self) | {"examples": list(self.examples)}
        return {"severity": self.severity, "layer": self.layer, **fields, "remedy": self.remedy, "message": str(self)}


class Tally:
    """Counts defects by kind, keeping the first examples of each.

    Args:
        collection: where they are, None for the library as a whole.
    """

    def __init__(self, collection: str | None = None) -> None:
        self._collection = collection
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, *examples: str, count: int | None = None) -> None:
        """Count defects of one kind: as many as examples, or ``count``."""
        self._counts[kind] += max(1, len(examples)) if count is None else count
        named = self._examples.setdefault(kind, [])
        named.extend(examples[: MAX_EXAMPLES - len(named)])

    def __iter__(self) -> Iterator[Defect]:
        """Yield the defects, in the order of KINDS."""
        for kind in KINDS:
            if self._counts[kind]:
                yield Defect(kind, self._counts[kind], tuple(self._examples[kind]), self._collection)
