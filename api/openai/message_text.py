"""An answer → what a person reads in a chat, with the stretches that are cited; and back, when the chat goes on.

::

    Anna Berg and Bo Lund

    - Anna Berg
    - Bo Lund

    “Anna Berg and Bo Lund mended the clock.”
    — The clock · example.org · 2024-05-02

    Understood as: Who mended the clock?
    Confidence: high (93 %)
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.service.answer_text import NONE_SENTENCES, none_sentence
from index import ArticleInfo, sentence_around
from qa import Answer, RankedAnswer, Turn

# Articles quoted at most.
_QUOTED = 3
# Characters of a passage that is shown where there is no answer.
_SHOWN = 300
# Beyond it nothing of an earlier reply is looked at.
_LOOKED_AT = 20_000
# An earlier reply of somebody else: a short line is an answer, of a longer one so much is what was said.
_SHORT = 100
_SAID = 300
_UNDERSTOOD = "Understood as: "
_CONFIDENCE = "Confidence: "
# What a chat window would load or run instead of showing it: images in Markdown, and tags.
_ACTIVE = re.compile(r"!(?=\[)|<(?=[A-Za-z/!?])")
_CALM = "\u2060"


@dataclass(frozen=True, slots=True)
class Citation:
    """A stretch of a reply that stands in an article.

    Attributes:
        start: offset of its first code point in the reply.
        end: offset after its last one.
        article: where it stands.
    """

    start: int
    end: int
    article: ArticleInfo


@dataclass
class _Page:
    """A text that grows, with its citations."""

    text: str = ""
    citations: list[Citation] = field(default_factory=list)

    def add(self, text: str) -> None:
        self.text += text

    def cite(self, text: str, article: ArticleInfo) -> None:
        start = len(self.text)
        self.text += calm(text)
        self.citations.append(Citation(start, len(self.text), article))


def written(answer: Answer) -> tuple[str, tuple[Citation, ...]]:
    """Return an answer as a person reads it, and its citations: the quoted stretches."""
    page = _Page()
    if answer.answered:
        _answer(page, answer.answers[0])
    else:
        _no_answer(page, answer)
    notes = []
    if answer.standalone_question and answer.standalone_question != answer.question:
        notes.append(_UNDERSTOOD + answer.standalone_question)
    if answer.answered:
        notes.append(f"{_CONFIDENCE}{answer.level} ({round(100 * answer.confidence)} %)")
    notes += [hint.message for hint in answer.hints]
    if notes:
        page.add("\n\n" + calm("\n".join(notes)))
    return page.text, tuple(page.citations)


def _answer(page: _Page, best: RankedAnswer) -> None:
    page.add(calm(best.text))
    if best.items:
        page.add("\n\n" + "\n".join(f"- {calm(item.text)}" for item in best.items))
    for sentence, article in _quotations(best):
        page.add("\n\n“")
        page.cite(sentence, article)
        page.add(f"”\n— {_label(article)}")


def _quotations(best: RankedAnswer) -> Iterator[tuple[str, ArticleInfo]]:
    """The sentences to quote: the best one, those of a list's other members, one of each further article."""
    first = best.evidence[0]
    told = {first.article.id: {first.sentence}}
    yield first.sentence, first.article
    begin = first.passage.start
    for item in best.items:
        start, end = item.article_start - begin, item.article_end - begin
        if item.article_id != first.article.id or not 0 <= start < end <= len(first.passage.text):
            continue
        sentence = sentence_around(first.passage.text, start, end)
        if sentence not in told[first.article.id]:
            told[first.article.id].add(sentence)
            yield sentence, first.article
    for piece in best.evidence[1:]:
        if piece.article.id not in told and len(told) < _QUOTED:
            told[piece.article.id] = {piece.sentence}
            yield piece.sentence, piece.article


def _no_answer(page: _Page, answer: Answer) -> None:
    page.add(none_sentence(answer.reason))
    if not answer.candidates:
        return
    page.add("\n\nThe closest passages:")
    for candidate in answer.candidates[:_QUOTED]:
        text = candidate.passage.text
        shown = text if len(text) <= _SHOWN else text[:_SHOWN].rsplit(None, 1)[0]
        page.add("\n\n“")
        page.cite(shown, candidate.article)
        page.add(f"{'' if shown == text else ' …'}”\n— {_label(candidate.article)}")


def _label(article: ArticleInfo) -> str:
    known = (article.title or article.id, article.source, article.published)
    return " · ".join(calm(" ".join(one.split())) for one in known if one)


def calm(text: str) -> str:
    """Return a text in which nothing is loaded or run where a chat window shows it as Markdown or HTML.

    An invisible WORD JOINER is put into what would be an image or a tag; all other text is as it was.
    """
    return _ACTIVE.sub(lambda found: found[0] + _CALM, text)


def recalled(question: str, reply: str) -> Turn:
    """Return the turn that a question and the reply to it were.

    Args:
        question: as it was asked.
        reply: as a chat sends it back: one that written() made, or anything else.
    """
    text = reply[:_LOOKED_AT].replace(_CALM, "").strip()
    if text.startswith(NONE_SENTENCES):
        return Turn(question, standalone_question=_note(text))
    head, mark, rest = text.partition("\n\n“")
    sentence, quoted, label = rest.partition("”\n— ")
    if not (mark and quoted):
        return _foreign(question, text)
    answer, _, members = head.partition("\n\n- ")
    return Turn(
        question,
        standalone_question=_note(text),
        answer=answer.strip() or None,
        items=tuple(one.strip() for one in members.split("\n- ") if one.strip()),
        sentence=sentence,
        title=label.partition("\n")[0].partition(" · ")[0].strip() or None,
    )


def _note(text: str) -> str | None:
    lines = (line for line in text.rpartition("\n\n")[2].split("\n") if line.startswith(_UNDERSTOOD))
    return next((line.removeprefix(_UNDERSTOOD) for line in lines), None)


def _foreign(question: str, text: str) -> Turn:
    if not text:
        return Turn(question)
    if len(text) <= _SHORT and "\n" not in text:
        return Turn(question, answer=text)
    return Turn(question, sentence=" ".join(text[:_SAID].split()))
