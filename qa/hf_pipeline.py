"""The question-answering task of model hubs: a question and a text → answers with their places in it.

What stands in for transformers' question-answering pipeline, which version 5 no longer has.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from index import MAX_ARTICLE_CHARACTERS, InputError, Machine, QueryError
from qa.answers import calibration
from qa.answers.calibration import Calibration
from qa.reading.reader import Reader
from qa.reading.span_decoding import MAX_ANSWER_TOKENS, ScoredSpan, decode

TASK = "question-answering"
MAX_TASK_QUESTION_CHARACTERS = 10_000
MAX_TOP_K = 100
MAX_ANSWER_LEN = 400
# A text is read in stretches of so many characters, so that the work can be stopped between them.
_STRETCH = 16_000
# What two stretches share: more than the longest answer and what the reader sees around it.
_SHARED = 2_000
# Spans looked at for each answer wanted: most of them overlap a better one.
_SPANS_EACH = 8
# Said in other words by those who know only transformers: how a text is cut, which is the reader's own affair here.
_CUTTING = ("doc_stride", "max_seq_len", "max_question_len", "align_to_words", "padding")


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """An answer in a given text.

    Attributes:
        answer: verbatim, ``context[start:end]``; empty for "no answer here".
        score: estimated probability that it is right, 0..1; of the empty one, that there is none.
        start: offset of its first code point in the text.
        end: offset after its last one.
    """

    answer: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """What may be asked for.

    Attributes:
        top_k: at most so many answers, best first, none overlapping a better one.
        max_answer_len: longest answer, in tokens.
        handle_impossible_answer: whether "no answer here" may be an answer.
    """

    top_k: int = 1
    max_answer_len: int = MAX_ANSWER_TOKENS
    handle_impossible_answer: bool = False

    def __post_init__(self) -> None:
        for name, most in (("top_k", MAX_TOP_K), ("max_answer_len", MAX_ANSWER_LEN)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise QueryError(f"{name} must be 1 to {most}, not {value!r}", field=name)


class TextReading:
    """Answers questions from texts that are handed in with them.

    Args:
        reader: finds spans.
        numbers: how spans are ranked and how sure they are; None takes those of the shipped reader.
    """

    def __init__(self, reader: Reader, numbers: Calibration | None = None) -> None:
        self._reader = reader
        self._numbers = numbers or calibration.shipped()

    def read(
        self, question: str, context: str, options: TaskOptions | None = None, check: Callable[[], None] = lambda: None
    ) -> list[TaskAnswer]:
        """Return the best answers in a text, best first; at least one.

        Where no word of the text can be read, that one is empty.

        Args:
            question: what is asked; beyond some hundred words it is cut.
            context: the text, however long up to an article's limit.
            options: what is wanted.
            check: called after each few windows of the text; what it raises ends the work.

        Raises:
            QueryError: question or text is empty or too long.
        """
        chosen = options or TaskOptions()
        _check(question, "question", MAX_TASK_QUESTION_CHARACTERS)
        _check(context, "context", MAX_ARTICLE_CHARACTERS)
        ranked = sorted(
            self._spans(question.strip(), context, chosen, check), key=lambda span: (-span.score, span.start, span.end)
        )
        answers: list[TaskAnswer] = []
        for span in ranked:
            if len(answers) == chosen.top_k:
                break
            if all(span.end <= other.start or other.end <= span.start for other in answers):
                score = self._numbers.reading_probability(span.score)
                answers.append(TaskAnswer(context[span.start : span.end], score, span.start, span.end))
        if chosen.handle_impossible_answer or not answers:
            none = TaskAnswer("", 1.0 - answers[0].score if answers else 1.0, 0, 0)
            answers = sorted([*answers, none], key=lambda one: -one.score)[: chosen.top_k]
        return answers

    def _spans(self, question: str, context: str, options: TaskOptions, check: Callable[[], None]) -> list[ScoredSpan]:
        """Return spans of the whole text, each with its value as score."""
        found: dict[tuple[int, int], float] = {}
        wanted = options.top_k * _SPANS_EACH
        for begin, end in stretches(context):
            check()
            text = context[begin:end]
            windows = self._reader.read(question, [text], check)[0]
            for span in decode(text, windows, n_best=wanted, max_tokens=options.max_answer_len):
                # A word may be cut where a stretch is: another one has it whole.
                if (span.start == 0 and begin > 0) or (span.end == len(text) and end < len(context)):
                    continue
                value = self._numbers.reading_value(text[span.start : span.end], span.score)
                if not any(character.isalnum() for character in text[span.start : span.end]):
                    continue  # a full stop or an emoji says nothing
                place = (begin + span.start, begin + span.end)
                found[place] = max(value, found.get(place, value))
        return [ScoredSpan(start, end, value) for (start, end), value in found.items()]


class QuestionAnsweringTask:
    """What pipeline("question-answering") returns: called as transformers' pipeline of that name was.

    Args:
        reading: answers.
    """

    task = TASK

    def __init__(self, reading: TextReading) -> None:
        self._reading = reading

    def __call__(self, *inputs: Any, **named: Any) -> dict[str, Any] | list[Any]:
        """Answer one question or several, each from a text of its own.

        Args:
            *inputs: a question and a text; or one or several of ``{"question", "context"}``, lists of them, or objects
                with these attributes (or ``question_text`` and ``context_text``, as SquadExample has them).
            **named: ``question`` and ``context``, each a string or a list; one string serves a list of the other.
                ``top_k`` (or ``topk``), ``max_answer_len`` and ``handle_impossible_answer`` are as TaskOptions has
                them; how a text is cut into windows is the reader's affair, so ``doc_stride``, ``max_seq_len``,
                ``max_question_len``, ``align_to_words`` and ``padding`` change nothing.

        Returns:
            ``{"answer", "score", "start", "end"}``; with ``top_k`` over 1 a list of them; for a list of questions a
            list of what each of them would give.

        Raises:
            QueryError: an input or option that cannot be used.
        """
        options = _options(named)
        questions, single = _questions(inputs, named)
        results = [self._one(question, context, options) for question, context in questions]
        return results[0] if single else results

    def _one(self, question: str, context: str, options: TaskOptions) -> Any:
        found = [asdict(answer) for answer in self._reading.read(question, context, options)]
        return found[0] if options.top_k == 1 else found


def pipeline(
    task: str = TASK, model: str | None = None, *, device: str | int = "auto", precision: str = "auto", threads: int = 0
) -> QuestionAnsweringTask:
    """Return what answers questions from texts, as transformers' function of this name did.

    Args:
        task: ``question-answering``.
        model: a local folder or hub name of an extractive model; None takes the shipped one.
        device: ``auto``, ``cpu``, ``cuda`` ...; a number is that of a graphics card, -1 the processor.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        threads: for one forward pass; 0 leaves it to the runtime.

    Raises:
        InputError: another task.
    """
    if task != TASK:
        raise InputError(f"there is no task {task!r} here: the only one is {TASK!r}", field="task")
    where = device if isinstance(device, str) else "cpu" if device < 0 else f"cuda:{device}"
    machine = Machine(device=where, precision=precision, threads=threads)
    return QuestionAnsweringTask(TextReading(Reader(model, machine)))


def stretches(text: str) -> list[tuple[int, int]]:
    """Return where a long text is cut: stretches that overlap by _SHARED characters; a short one is whole."""
    found = []
    begin = 0
    while len(text) - begin > _STRETCH:
        found.append((begin, begin + _STRETCH))
        begin += _STRETCH - _SHARED
    return [*found, (begin, len(text))]


def _check(text: str, field: str, most: int) -> None:
    if not text.strip():
        raise QueryError(f"{field} must not be empty", field=field)
    if len(text) > most:
        raise QueryError(f"{field} must have at most {most:,} characters, not {len(text):,}", field=field)


def _options(named: dict[str, Any]) -> TaskOptions:
    for name in _CUTTING:
        named.pop(name, None)
    if "topk" in named:
        named.setdefault("top_k", named.pop("topk"))
    given = {name: named.pop(name) for name in TaskOptions.__dataclass_fields__ if name in named}
    unknown = sorted(set(named) - {"question", "context", "data", "X"})
    if unknown:
        raise QueryError(f"there is no option {unknown[0]!r}: see TaskOptions", field=unknown[0])
    return TaskOptions(**{name: value for name, value in given.items() if value is not None})


def _questions(inputs: Sequence[Any], named: dict[str, Any]) -> tuple[list[tuple[str, str]], bool]:
    """Return pairs of question and text, and whether a single one was asked."""
    given = [*inputs, *(named[name] for name in ("data", "X") if name in named)]
    if given and ("question" in named or "context" in named):
        raise QueryError("give either examples or question and context", field="question")
    if not given:
        if "question" not in named or "context" not in named:
            raise QueryError("question and context are both wanted", field="question")
        return _broadcast(named["question"], named["context"])
    if len(given) == 2 and all(isinstance(one, str) for one in given):
        return [(given[0], given[1])], True
    if len(given) == 1 and not isinstance(given[0], list | tuple):
        return [_pair(given[0])], True
    return [_pair(one) for group in given for one in (group if isinstance(group, list | tuple) else [group])], False


def _broadcast(question: Any, context: Any) -> tuple[list[tuple[str, str]], bool]:
    if isinstance(question, str) and isinstance(context, str):
        return [(question, context)], True
    questions = [question] if isinstance(question, str) else _strings(question, "question")
    contexts = [context] if isinstance(context, str) else _strings(context, "context")
    if isinstance(question, str):
        questions *= len(contexts)
    if isinstance(context, str):
        contexts *= len(questions)
    if len(questions) != len(contexts):
        raise QueryError(
            f"as many questions as contexts are wanted, not {len(questions)} and {len(contexts)}", field="context"
        )
    return list(zip(questions, contexts, strict=True)), False


def _strings(value: Any, field: str) -> list[str]:
    found = list(value) if isinstance(value, Iterable) else [value]
    if not all(isinstance(one, str) for one in found):
        raise QueryError(f"{field} must be text, or a list of texts", field=field)
    return found


def _pair(example: Any) -> tuple[str, str]:
    """Question and text of one example: a mapping, or an object as SQuAD's readers have it."""
    texts = []
    for name in ("question", "context"):
        if isinstance(example, dict):
            value = example.get(name)
        else:
            value = getattr(example, name, getattr(example, f"{name}_text", None))
        if not isinstance(value, str):
            raise QueryError(
                f'an example must have a {name} that is text: {{"question": ..., "context": ...}}', field=name
            )
        texts.append(value)
    return texts[0], texts[1]
