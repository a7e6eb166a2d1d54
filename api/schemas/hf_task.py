"""The question-answering task as model hubs have it: what comes in, what goes out."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, Discriminator, Field, StringConstraints, Tag

from api.schemas.requests import Strict
from index import MAX_ARTICLE_CHARACTERS
from qa import MAX_ANSWER_LEN, MAX_TASK_QUESTION_CHARACTERS, MAX_TOP_K, TaskAnswer, TaskOptions

# All of them share one deadline.
MAX_INPUTS = 256

_Question = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TASK_QUESTION_CHARACTERS, pattern=r"\S")]
_Context = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ARTICLE_CHARACTERS, pattern=r"\S")]


class TaskInput(Strict):
    """A question and the text to answer it from."""

    question: _Question
    context: _Context


class TaskParameters(Strict):
    """How to answer; the last four say how a text is cut, which the reader decides itself: they change nothing."""

    top_k: int | None = Field(None, ge=1, le=MAX_TOP_K, description="at most so many answers; over 1: a list of them")
    topk: int | None = Field(None, ge=1, le=MAX_TOP_K, description="another name of top_k")
    max_answer_len: int | None = Field(None, ge=1, le=MAX_ANSWER_LEN, description="longest answer, in tokens")
    handle_impossible_answer: bool | None = Field(None, description='whether "", no answer, may be an answer')
    doc_stride: int | None = Field(None, ge=0)
    max_seq_len: int | None = Field(None, ge=1)
    max_question_len: int | None = Field(None, ge=1)
    align_to_words: bool | None = None

    def options(self) -> TaskOptions:
        """Return the frozen type."""
        given = {
            "top_k": self.top_k or self.topk,
            "max_answer_len": self.max_answer_len,
            "handle_impossible_answer": self.handle_impossible_answer,
        }
        return TaskOptions(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]


class TaskIn(Strict):
    """One question of a text, or several."""

    inputs: Annotated[
        Annotated[TaskInput, Tag("one")] | Annotated[list[TaskInput], Field(max_length=MAX_INPUTS), Tag("several")],
        # Errors of the one kind would hide those of the other.
        Discriminator(lambda given: "several" if isinstance(given, list) else "one"),
    ]
    parameters: TaskParameters | None = None


class TaskAnswerOut(BaseModel):
    """An answer: context[start:end], in code points."""

    answer: str
    score: float = Field(description='estimated probability that it is right, 0..1; of "", that there is no answer')
    start: int
    end: int


def shown(answers: list[TaskAnswer], options: TaskOptions) -> Any:
    """Return the answers of one question as the hub's clients read them: one alone, several as a list."""
    out = [TaskAnswerOut(**asdict(answer)).model_dump() for answer in answers]
    return out[0] if options.top_k == 1 else out
