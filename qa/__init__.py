"""Questions in, verbatim answers out: the door of question answering.

::

    from qa import QuestionAnswering
    qa = QuestionAnswering.open("library")
    answer = qa.ask("When does the north wing reopen?")
"""

from qa.citations import STYLES, Citable, Style, cite, csl, escape_markdown
from qa.conversations import MAX_TITLE, Conversation, Conversations, Message, new_message_id
from qa.evaluation.datasets import Example, load_examples
from qa.evaluation.evaluate import Report, evaluate_confidence, evaluate_open, evaluate_reading, evaluate_retrieval
from qa.hf_pipeline import (
    MAX_ANSWER_LEN,
    MAX_TASK_QUESTION_CHARACTERS,
    MAX_TOP_K,
    QuestionAnsweringTask,
    TaskAnswer,
    TaskOptions,
    TextReading,
    pipeline,
)
from qa.options import Options
from qa.question_answering import MAX_LIMIT, MAX_PASSAGES, QuestionAnswering
from qa.types import (
    MAX_QUESTION_CHARACTERS,
    Answer,
    Evidence,
    Hint,
    Improved,
    Item,
    Level,
    RankedAnswer,
    Reason,
    Retrieved,
    Span,
    Support,
    Timings,
    Turn,
)
from qa.watches.answer_changes import Judgement, Place, Standing
from qa.watches.evaluate import (
    Asked,
    StandingQuestion,
    Watched,
    asked_again,
    first_asked,
    mark_of,
    touched_by_news,
    touched_by_search,
)
from qa.watches.score_bounds import ReadPassage, outgrown
from qa.watches.store import Delivery, Watch, Watches, WatchEvent, event_of, proof

__all__ = [
    "MAX_ANSWER_LEN",
    "MAX_LIMIT",
    "MAX_PASSAGES",
    "MAX_QUESTION_CHARACTERS",
    "MAX_TASK_QUESTION_CHARACTERS",
    "MAX_TITLE",
    "MAX_TOP_K",
    "STYLES",
    "Answer",
    "Asked",
    "Citable",
    "Conversation",
    "Conversations",
    "Delivery",
    "Evidence",
    "Example",
    "Hint",
    "Improved",
    "Item",
    "Judgement",
    "Level",
    "Message",
    "Options",
    "Place",
    "QuestionAnswering",
    "QuestionAnsweringTask",
    "RankedAnswer",
    "ReadPassage",
    "Reason",
    "Report",
    "Retrieved",
    "Span",
    "Standing",
    "StandingQuestion",
    "Style",
    "Support",
    "TaskAnswer",
    "TaskOptions",
    "TextReading",
    "Timings",
    "Turn",
    "Watch",
    "WatchEvent",
    "Watched",
    "Watches",
    "asked_again",
    "cite",
    "csl",
    "escape_markdown",
    "evaluate_confidence",
    "evaluate_open",
    "evaluate_reading",
    "evaluate_retrieval",
    "event_of",
    "first_asked",
    "load_examples",
    "mark_of",
    "new_message_id",
    "outgrown",
    "pipeline",
    "proof",
    "touched_by_news",
    "touched_by_search",
]
