"""What checking a library found, and how far long work on one has come."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from index.audit.defects import Defect

# Called with what is being done, how much of it is done, and how much there is (None where that is unknown).
OnProgress = Callable[[str, int, int | None], None]


def ignore_progress(stage: str, done: int, total: int | None) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True)
class CheckedCollection:
    """One collection that was looked at.

    Attributes:
        name: its name.
        format: number of its database's format, 0 where it cannot be read.
        generation: number of commits so far.
        articles: how many there are.
        passages: how many there are.
        searched: passages that were searched for by their own text.
    """

    name: str
    format: int = 0
    generation: int = 0
    articles: int = 0
    passages: int = 0
    searched: int = 0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What is in a library, and what is wrong with it.

    Attributes:
        library: its folder.
        collections: each that was looked at.
        records: number of conversations, standing questions, keys ... that are kept.
        defects: what is wrong, by collection and layer; empty where nothing is.
        seed: with which the passages that were searched for were chosen.
    """

    library: str
    collections: tuple[CheckedCollection, ...]
    records: int
    defects: tuple[Defect, ...]
    seed: int

    @property
    def sound(self) -> bool:
        """Whether there is no error; warnings are no errors."""
        return not any(defect.severity == "error" for defect in self.defects)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "library": self.library,
            "sound": self.sound,
            "records": self.records,
            "collections": [asdict(collection) for collection in self.collections],
            "defects": [defect.as_json() for defect in self.defects],
            "seed": self.seed,
        }
