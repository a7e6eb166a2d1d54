"""Articles in, candidates out: the door of the index.

Everything that other packages may use is named here; modules behind it are not to be imported.
"""

from index.cleaning import TextMetadata, find_furniture, metadata_from_text
from index.collection import Collection
from index.encoder import Encoder, SentenceEncoder
from index.errors import (
    ArticleError,
    ArticleNotFound,
    CitespanError,
    CollectionNotFound,
    InputError,
    JobEnded,
    JobNotFound,
    LibraryCorrupt,
    LibraryError,
    LibraryFormatError,
    LibraryLocked,
    ModelError,
    NotFound,
    QueryError,
    StorageError,
    TooLarge,
    UnsupportedFormat,
)
from index.fields import MAX_ARTICLE_CHARACTERS, check_collection_name
from index.inference import Batcher, open_spans
from index.jobs import Incoming, Jobs
from index.languages import detect_language, question_language
from index.ledger import MAX_FAILURES, Job, JobFailure
from index.lexical import words as query_words
from index.library import DEFAULT_COLLECTION, Library
from index.lines import Repetition
from index.models import LocalModel, Machine, ModelCard
from index.passages import split_passages
from index.retriever import leave_out
from index.scripts import MOVED_MARKS, spaced
from index.sentences import sentence_around, sentence_spans
from index.sources import count_sources, make_id, open_source, read_bytes, read_html, read_text
from index.syncing import Synced, sync_folder
from index.text import decode_text
from index.types import (
    Added,
    Article,
    ArticleInfo,
    Candidate,
    CollectionInfo,
    Failure,
    Filters,
    MaskedRange,
    Page,
    Passage,
    Progress,
    Removed,
    StoredArticle,
)

__all__ = [
    "DEFAULT_COLLECTION",
    "MAX_ARTICLE_CHARACTERS",
    "MAX_FAILURES",
    "MOVED_MARKS",
    "Added",
    "Article",
    "ArticleError",
    "ArticleInfo",
    "ArticleNotFound",
    "Batcher",
    "Candidate",
    "CitespanError",
    "Collection",
    "CollectionInfo",
    "CollectionNotFound",
    "Encoder",
    "Failure",
    "Filters",
    "Incoming",
    "InputError",
    "Job",
    "JobEnded",
    "JobFailure",
    "JobNotFound",
    "Jobs",
    "Library",
    "LibraryCorrupt",
    "LibraryError",
    "LibraryFormatError",
    "LibraryLocked",
    "LocalModel",
    "Machine",
    "MaskedRange",
    "ModelCard",
    "ModelError",
    "NotFound",
    "Page",
    "Passage",
    "Progress",
    "QueryError",
    "Removed",
    "Repetition",
    "SentenceEncoder",
    "StorageError",
    "StoredArticle",
    "Synced",
    "TextMetadata",
    "TooLarge",
    "UnsupportedFormat",
    "check_collection_name",
    "count_sources",
    "decode_text",
    "detect_language",
    "find_furniture",
    "leave_out",
    "make_id",
    "metadata_from_text",
    "open_source",
    "open_spans",
    "query_words",
    "question_language",
    "read_bytes",
    "read_html",
    "read_text",
    "sentence_around",
    "sentence_spans",
    "spaced",
    "split_passages",
    "sync_folder",
]
