"""Questions in, verbatim answers out: the door of question answering.

::

    from qa import QuestionAnswering
    qa = QuestionAnswering.open("library")
    answer = qa.ask("When does the north wing reopen?")
"""

from qa.answering import (
    MAX_LIMIT,
    MAX_PASSAGES,
    Improved,
    Options,
    QuestionAnswering,
    Retrieved,
)
from qa.citing import STYLES, Citable, Style, cite, csl, escape_markdown
from qa.conversations import MAX_TITLE, Conversation, Conversations, Message, new_message_id
from qa.evaluation import Report, evaluate_confidence, evaluate_open, evaluate_reading, evaluate_retrieval
from qa.examples import Example, load_examples
from qa.task import (
    MAX_ANSWER_LEN,
    MAX_TASK_QUESTION_CHARACTERS,
    MAX_TOP_K,
    QuestionAnsweringTask,
    TaskAnswer,
    TaskOptions,
    TextReading,
    pipeline,
)
from qa.types import (
    MAX_QUESTION_CHARACTERS,
    Answer,
    Evidence,
    Hint,
    Item,
    Level,
    RankedAnswer,
    Reason,
    Span,
    Support,
    Timings,
    Turn,
)

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
    "Citable",
    "Conversation",
    "Conversations",
    "Evidence",
    "Example",
    "Hint",
    "Improved",
    "Item",
    "Level",
    "Message",
    "Options",
    "QuestionAnswering",
    "QuestionAnsweringTask",
    "RankedAnswer",
    "Reason",
    "Report",
    "Retrieved",
    "Span",
    "Style",
    "Support",
    "TaskAnswer",
    "TaskOptions",
    "TextReading",
    "Timings",
    "Turn",
    "cite",
    "csl",
    "escape_markdown",
    "evaluate_confidence",
    "evaluate_open",
    "evaluate_reading",
    "evaluate_retrieval",
    "load_examples",
    "new_message_id",
    "pipeline",
]
