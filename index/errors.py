"""Every error that Citespan raises on purpose.

::

    CitespanError
    ├── InputError                 what was handed in cannot be used; the caller can mend it
    │   ├── ArticleError           an article with a bad field, or without text
    │   │   └── ArticleTooSlow     one that takes too much processor time
    │   ├── UnsupportedFormat      a file or body that cannot be read as what it is
    │   │   └── UnknownFormat      what it is, nothing here reads
    │   ├── TooLarge               over one of the limits
    │   ├── FetchError             a web address that could not be fetched
    │   ├── QueryError             a bad question, filter or limit
    │   ├── TooManyCollections     a further collection than there may be
    │   └── TooManyRecords         a further standing question than may be kept
    ├── NotFound                   no such thing
    │   ├── ArticleNotFound
    │   ├── CollectionNotFound
    │   ├── JobNotFound
    │   ├── RecordNotFound         a conversation, standing question or key
    │   └── SubscriptionNotFound
    ├── JobEnded                   a job was cancelled while it was worked on
    ├── LibraryError               the library cannot be used as it is
    │   ├── LibraryLocked          another process writes to it
    │   ├── LibraryFormatError     made by a newer version, or not a library
    │   ├── LibraryCorrupt         a file is damaged beyond what can be rebuilt
    │   └── StorageError           the disk refused: full, read-only, failing
    │       └── CommitUncertain    it refused at the very end: what was to be done may have been done
    └── ModelError                 weights missing, changed, unsafe or of the wrong kind

Each message says what was found and what to change.  Nothing here knows of HTTP or of exit codes.
"""


class CitespanError(Exception):
    """Root of all errors raised on purpose by Citespan."""


class InputError(CitespanError):
    """Input that cannot be used.

    Attributes:
        field: dotted name of the offending field, or "" where there is none.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ArticleError(InputError):
    """An article with a bad field, or without text."""


class ArticleTooSlow(ArticleError):
    """An article that could not be cleaned and cut into passages within the processor time allowed."""


class UnsupportedFormat(InputError):
    """A file or body that cannot be read as what it is: damaged, or beyond the limits of its format's reader."""


class UnknownFormat(UnsupportedFormat):
    """A file in a format that nothing here reads."""


class TooLarge(InputError):
    """Input over one of the limits."""


class FetchError(InputError):
    """A web address that could not be fetched.

    Attributes:
        status: HTTP status with which the server refused, None where it was not the server that did.
        retry_after: seconds after which to come again, None where nothing was said.
    """

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, field="url")
        self.status = status
        self.retry_after = retry_after

    @property
    def gone(self) -> bool:
        """Whether the server says that there is no such page (any more)."""
        return self.status in (404, 410)


class QueryError(InputError):
    """A question, filter or limit that cannot be used."""


class TooManyCollections(InputError):
    """A further collection than the library may have."""


class TooManyRecords(InputError):
    """A further standing question than may be kept."""


class NotFound(CitespanError):
    """Something that was asked for by name does not exist."""


class ArticleNotFound(NotFound):
    """No article has that id."""


class CollectionNotFound(NotFound):
    """No collection has that name."""


class JobNotFound(NotFound):
    """No job has that id, or it ended so long ago that it is forgotten."""


class RecordNotFound(NotFound):
    """No conversation, standing question or key with this id."""


class SubscriptionNotFound(NotFound):
    """No such feed or sitemap is followed."""


class JobEnded(CitespanError):
    """A job was cancelled while it was worked on: nothing more is added by it."""


class LibraryError(CitespanError):
    """The library cannot be used as it is."""


class LibraryLocked(LibraryError):
    """Another process holds the library's lock."""


class LibraryFormatError(LibraryError):
    """The folder is not a library, or a newer version made it."""


class LibraryCorrupt(LibraryError):
    """A file of the library is damaged beyond what can be rebuilt."""


class StorageError(LibraryError):
    """The disk refused: full, read-only or failing.

    Attributes:
        disk_full: whether freeing space would help.
    """

    def __init__(self, message: str, *, disk_full: bool = False) -> None:
        super().__init__(message)
        self.disk_full = disk_full


class CommitUncertain(StorageError):
    """The disk refused while a change was being made durable: it may have been done, whole, or not at all."""


class ModelError(CitespanError):
    """Weights that are missing, changed, unsafe or of the wrong kind."""
