"""Articles in, candidates out: the door of the index.

Everything that other packages may use is named here; modules behind it are not to be imported.
"""

from index.audit.defects import Defect
from index.boilerplate.detector import TextMetadata, find_furniture, metadata_from_text
from index.boilerplate.lines import Repetition
from index.clock import seconds_left, seconds_since
from index.collection import Collection
from index.embedding.batching import Batcher, open_spans
from index.embedding.encoder import Encoder, SentenceEncoder
from index.embedding.model_files import LocalModel, Machine, ModelCard
from index.errors import (
    ArticleError,
    ArticleNotFound,
    ArticleTooSlow,
    CitespanError,
    CollectionNotFound,
    CommitUncertain,
    FetchError,
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
    RecordNotFound,
    StorageError,
    SubscriptionNotFound,
    TooLarge,
    TooManyCollections,
    TooManyRecords,
    UnknownFormat,
    UnsupportedFormat,
)
from index.folder.library_file import add_mark, read_marks
from index.ids import new_id
from index.ingestion.jobs import Incoming, Jobs
from index.ingestion.time_budget import ARTICLE_SECONDS
from index.library import DEFAULT_COLLECTION, Library
from index.maintenance import (
    DEFAULT_SAMPLE,
    Backup,
    CheckedCollection,
    CheckReport,
    Repaired,
    Restored,
    SavedCollection,
    back_up_library,
    check_library,
    repair_library,
    restore_library,
)
from index.search.retriever import RANK_CONSTANT, SIMILARITY_WEIGHT, leave_out
from index.sources import count_sources, is_url, make_id, open_source, read_bytes, read_html, read_text
from index.sources.web_pages import fetch_article
from index.stages import STAGES, StageObserver, observe_stages, report_stage, stage
from index.storage.open_files import Limits, allowed_descriptors, spare_descriptors
from index.storage.read_view import decode_cursor, encode_cursor
from index.storage.records import Changes, Record, Records
from index.storage.tables.change_feed import Mark
from index.storage.tables.job_table import MAX_FAILURES, Job, JobFailure
from index.storage.tables.subscription_table import FollowedPage, Subscription
from index.sync.feeds import DEFAULT_EVERY, MAX_EVERY, MIN_EVERY, Following, Round
from index.sync.folders import Synced, sync_folder
from index.text.decoding import decode_text
from index.text.language_detection import detect_language, question_language
from index.text.passages import split_passages
from index.text.query_terms import match_terms
from index.text.query_terms import words as query_words
from index.text.scripts import MOVED_MARKS, spaced
from index.text.sentences import sentence_around, sentence_spans
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
from index.validation import MAX_ARTICLE_CHARACTERS, check_collection_name, instant, now
from index.version import release
from index.web.fetcher import Fetched, fetch, shared_fetcher
from index.web.policy import FetchPolicy
from index.web.post import Posted, check_receiver, post

__all__ = [
    "ARTICLE_SECONDS",
    "DEFAULT_COLLECTION",
    "DEFAULT_EVERY",
    "DEFAULT_SAMPLE",
    "MAX_ARTICLE_CHARACTERS",
    "MAX_EVERY",
    "MAX_FAILURES",
    "MIN_EVERY",
    "MOVED_MARKS",
    "RANK_CONSTANT",
    "SIMILARITY_WEIGHT",
    "STAGES",
    "Added",
    "Article",
    "ArticleError",
    "ArticleInfo",
    "ArticleNotFound",
    "ArticleTooSlow",
    "Backup",
    "Batcher",
    "Candidate",
    "Changes",
    "CheckReport",
    "CheckedCollection",
    "CitespanError",
    "Collection",
    "CollectionInfo",
    "CollectionNotFound",
    "CommitUncertain",
    "Defect",
    "Encoder",
    "Failure",
    "FetchError",
    "FetchPolicy",
    "Fetched",
    "Filters",
    "FollowedPage",
    "Following",
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
    "Limits",
    "LocalModel",
    "Machine",
    "Mark",
    "MaskedRange",
    "ModelCard",
    "ModelError",
    "NotFound",
    "Page",
    "Passage",
    "Posted",
    "Progress",
    "QueryError",
    "Record",
    "RecordNotFound",
    "Records",
    "Removed",
    "Repaired",
    "Repetition",
    "Restored",
    "Round",
    "SavedCollection",
    "SentenceEncoder",
    "StageObserver",
    "StorageError",
    "StoredArticle",
    "Subscription",
    "SubscriptionNotFound",
    "Synced",
    "TextMetadata",
    "TooLarge",
    "TooManyCollections",
    "TooManyRecords",
    "UnknownFormat",
    "UnsupportedFormat",
    "add_mark",
    "allowed_descriptors",
    "back_up_library",
    "check_collection_name",
    "check_library",
    "check_receiver",
    "count_sources",
    "decode_cursor",
    "decode_text",
    "detect_language",
    "encode_cursor",
    "fetch",
    "fetch_article",
    "find_furniture",
    "instant",
    "is_url",
    "leave_out",
    "make_id",
    "match_terms",
    "metadata_from_text",
    "new_id",
    "now",
    "observe_stages",
    "open_source",
    "open_spans",
    "post",
    "query_words",
    "question_language",
    "read_bytes",
    "read_html",
    "read_marks",
    "read_text",
    "release",
    "repair_library",
    "report_stage",
    "restore_library",
    "seconds_left",
    "seconds_since",
    "sentence_around",
    "sentence_spans",
    "shared_fetcher",
    "spaced",
    "spare_descriptors",
    "split_passages",
    "stage",
    "sync_folder",
]
