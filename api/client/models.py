"""What the service answers, as frozen dataclasses with the fields of its JSON.

Unknown fields are left out, so that a client goes on working with a newer service; what an older one may not send has
a default.  Offsets count Unicode code points, start included, end excluded.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ArticleInfo:
    """What is known about an article."""

    id: str
    title: str
    url: str | None = None
    source: str | None = None
    published: str | None = None
    tags: tuple[str, ...] = ()
    sha256: str = ""
    author: str | None = None
    updated: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage with its place in its article."""

    id: str
    text: str
    article_start: int
    article_end: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage that retrieval proposes."""

    article: ArticleInfo
    passage: Passage
    score: float
    similarity: float = 0.0
    dense_rank: int | None = None
    lexical_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place that supports an answer: ``passage.text[start:end]`` is the span, and so is the article's text from
    ``article_start`` to ``article_end``."""

    article: ArticleInfo
    passage: Passage
    sentence: str
    start: int
    end: int
    article_start: int
    article_end: int
    page: int | None = None
    score: float = 0.0

    @property
    def quote(self) -> str:
        """The span, verbatim from the article."""
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Item:
    """One member of an answer that is a list."""

    text: str
    article_id: str
    article_start: int
    article_end: int


@dataclass(frozen=True, slots=True)
class Support:
    """How many articles stand behind an answer; near-copies count once as independent."""

    articles: int
    independent: int


@dataclass(frozen=True, slots=True)
class RankedAnswer:
    """One distinct answer."""

    text: str
    confidence: float
    evidence: tuple[Evidence, ...]
    items: tuple[Item, ...] = ()
    support: Support = Support(0, 0)


@dataclass(frozen=True, slots=True)
class Hint:
    """What whoever asked should know beside the answer."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply to a question.

    Attributes:
        id: its own.
        question: as it was asked.
        answered: whether the articles hold an answer.
        reason: why there is none: ``empty_collection``, ``nothing_relevant``, ``no_answer_in_passages`` or
            ``below_threshold``; None where there is one.
        answer: the best answer's text, None where there is none.
        confidence: the estimated probability that it is right.
        confidence_level: ``high``, ``medium``, ``low``, or ``none`` where there is no answer.
        answers: distinct answers, the best first.
        passages: candidates, where they were asked for or there is no answer.
        timings_ms: how long each step took, in milliseconds.
        hints: what whoever asked should know.
        standalone_question: in a conversation, the question as it was understood.
        message_id: in a conversation, the message that this is the reply to.
    """

    id: str
    question: str
    answered: bool
    reason: str | None = None
    answer: str | None = None
    confidence: float = 0.0
    confidence_level: str = "none"
    answers: tuple[RankedAnswer, ...] = ()
    passages: tuple[Candidate, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    hints: tuple[Hint, ...] = ()
    standalone_question: str | None = None
    message_id: str | None = None

    @property
    def text(self) -> str | None:
        """The best answer's text, None where there is no answer."""
        return self.answer

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What supports the best answer; empty where there is no answer."""
        return self.answers[0].evidence if self.answered and self.answers else ()


@dataclass(frozen=True, slots=True)
class Retrieved:
    """While an answer is found: the candidates."""

    id: str
    passages: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Improved:
    """While an answer is found: the best so far."""

    answer: Answer


@dataclass(frozen=True, slots=True)
class Understood:
    """While an answer is found in a conversation: the question as it was understood."""

    standalone_question: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of an answer that was streamed: the whole of it."""

    answer: Answer


AskEvent = Retrieved | Improved | Understood | Done


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether an answer still stands: ``valid``, ``moved`` (then to where), ``changed`` or ``deleted``."""

    status: str
    article_start: int | None = None
    article_end: int | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """What became of an article; ``passages`` is their number, ``created`` false where it replaced one."""

    id: str
    title: str
    passages: int
    created: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A file or line that could not be used, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of files."""

    articles: tuple[Added, ...]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class ArticleRow(ArticleInfo):
    """An article in a listing; ``passages`` is their number."""

    characters: int = 0
    passages: int = 0
    added: str = ""
    origin: str | None = None
    vanished: str | None = None


@dataclass(frozen=True, slots=True)
class ArticlePage:
    """One page of a listing."""

    articles: tuple[ArticleRow, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Masked:
    """Page furniture, with the rule that found it."""

    start: int
    end: int
    rule: str


@dataclass(frozen=True, slots=True)
class PassageRange:
    """Where a passage stands in its article."""

    id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Article(ArticleInfo):
    """An article, or the stretch of it from ``start`` to ``end``; every offset counts from the article's beginning."""

    text: str = ""
    start: int = 0
    end: int = 0
    masked: tuple[Masked, ...] = ()
    passages: tuple[PassageRange, ...] = ()
    characters: int = 0
    added: str = ""
    origin: str | None = None
    vanished: str | None = None
    pages: tuple[int, ...] = ()
    found_in: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Citation:
    """An article as a writer cites it, in plain text and in Markdown."""

    article_id: str
    style: str
    citation: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection's name and size; ``copies`` are near-copies of an earlier article."""

    name: str
    articles: int
    passages: int
    characters: int = 0
    copies: int = 0
    duplicate_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how far it has come, in lines.

    Attributes:
        id: its own.
        collection: where its articles go.
        state: ``queued``, ``running``, ``done``, ``failed``, ``cancelled`` or ``stopped``: it waits to be resumed.
        done: lines that became articles.
        failed: lines that could not be used.
        total: lines in all.
        created: ISO 8601 instant.
        ended: ISO 8601 instant, None while it is open.
        error: why it could not go on, where it failed.
        waits: why it does not get on, where it does not.
        rate: lines a second, while it is worked on.
        seconds_left: estimated, while it is worked on.
        failures: the first lines that could not be used, where the job itself was asked for.
        next_cursor: of the page of failures after these.
    """

    id: str
    collection: str
    state: str
    done: int
    failed: int
    total: int
    created: str = ""
    ended: str | None = None
    error: str | None = None
    waits: str | None = None
    rate: float | None = None
    seconds_left: float | None = None
    failures: tuple[Failure, ...] = ()
    next_cursor: str | None = None

    @property
    def open(self) -> bool:
        """Whether it has not ended yet."""
        return self.state in ("queued", "running")


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of all jobs."""

    jobs: tuple[Job, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed or sitemap that is followed, and what came of it."""

    url: str
    every_seconds: int
    kind: str | None = None
    title: str | None = None
    created: str = ""
    checked: str | None = None
    due: str = ""
    failures: int = 0
    error: str | None = None
    articles: int = 0
    vanished: int = 0
    failing: int = 0
    failing_pages: tuple[Failure, ...] = ()
