"""Whether anything waits in a collection, so that not all of them need be looked into again and again."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agenda:
    """Whether there is something to be done in a collection of itself.

    Attributes:
        follows: whether it follows a feed or sitemap.
        remembers_jobs: whether it has jobs, those that ended included.
        open_jobs: whether one of them is not ended.
    """

    follows: bool
    remembers_jobs: bool
    open_jobs: bool
