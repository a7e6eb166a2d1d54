"""Answers → Slack's Block Kit.

What comes from articles goes into rich text, in which nothing is interpreted: in Slack's mrkdwn the stars, underscores
and backticks of a quotation would turn into formatting, and it would no longer be verbatim.
"""

import re
from typing import Any, Literal

from api.service.answer_text import none_sentence, within_sentence, worth_telling
from index import ArticleInfo, Passage
from qa import Answer, Evidence, RankedAnswer

# Slack: 3,000 characters a text, 50 blocks a message.  A quotation is to be read at a glance.
_MAX_TEXT = 3_000
_MAX_ANSWER = 1_000
_MAX_QUOTE = 1_200
_MAX_PASSAGE = 300
_MAX_TITLE = 200
_MAX_FALLBACK = 500
_MAX_EVIDENCE = 3
_MAX_PASSAGES = 3
_MAX_OTHERS = 2
# Control characters, for which Slack refuses a message, and what turns text around.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINKED = re.compile(r"https?://[^\s<>|]{1,2900}")

Json = dict[str, Any]
Where = Literal["ephemeral", "in_channel"]


def note(text: str) -> Json:
    """Return a message of a few words of ours that only whoever asked sees."""
    return _message("ephemeral", text)


def help_message(command: str) -> Json:
    """Return how the command is used.

    Args:
        command: with its slash.
    """
    lines = (
        f"Type {command} and a question: the answer comes word for word from the articles, with the sentence it stands "
        "in and where to read on. Only you see it.",
        f"{command} Who built the lighthouse?",
        f"{command} share: Who built the lighthouse?   (the whole channel sees the answer)",
    )
    return _message("ephemeral", "\n".join(lines))


def answer_message(answer: Answer, *, share: bool = False) -> Json:
    """Return an answer with its proof.

    Args:
        answer: of a question.
        share: whether the whole channel is to see it; that there is none is shown to whoever asked only.
    """
    blocks = [_small(f"“{answer.question}”")]
    if answer.answered:
        blocks.append(_rich(_answer(answer.answers[0], _MAX_EVIDENCE)))
        others = worth_telling(answer.answers)[:_MAX_OTHERS]
        if others:
            blocks.append(_small("Less likely:"))
            blocks += [_rich(_answer(one, 1)) for one in others]
        first = answer.answers[0].evidence[0]
        fallback = f"{_headline(answer.answers[0])} — “{first.sentence}” ({_title(first.article)})"
    else:
        fallback = f"No answer found. {none_sentence(answer.reason)}"
        blocks.append(_rich([_section(_text(fallback))]))
        closest = [(one.passage, one.article) for one in answer.candidates[:_MAX_PASSAGES]]
        if closest:
            blocks.append(_small("The closest passages:"))
            blocks.append(_rich([part for passage, article in closest for part in _passage(passage, article)]))
    blocks += [_small(hint.message) for hint in answer.hints]
    return _message("in_channel" if share and answer.answered else "ephemeral", fallback, blocks)


def _answer(answer: RankedAnswer, most: int) -> list[Json]:
    articles = answer.support.articles
    sure = f"  {answer.confidence:.0%} sure" + (f", in {articles} articles" if articles > 1 else "")
    parts = [_section(_text(_headline(answer), bold=True), _text(sure))]
    seen: set[str] = set()
    for evidence in answer.evidence:
        if evidence.article.id in seen:
            continue
        # The sentence once; of what else says so, where to read it.
        if not seen:
            parts.append(_quotation(evidence))
        seen.add(evidence.article.id)
        parts.append(_section(*_reference(evidence.article, evidence.page)))
        if len(seen) == most:
            break
    return parts


def _headline(answer: RankedAnswer) -> str:
    # Members that stand apart: the answer's own text is the best of them only.
    apart = [item.text for item in answer.items if item.text not in answer.text]
    shown = " · ".join([item.text for item in answer.items]) if apart else answer.text
    return _cut(shown, _MAX_ANSWER)


def _quotation(evidence: Evidence) -> Json:
    sentence = evidence.sentence
    place = within_sentence(evidence.passage.text, sentence, evidence.start, evidence.end)
    if place is None:
        return _quote(_text(_cut(sentence, _MAX_QUOTE)))
    start, end = place
    before, inside, after = sentence[:start], evidence.text, sentence[end:]
    if len(sentence) > _MAX_QUOTE:
        # Of a sentence as long as a page, what is around the answer.
        inside = _cut(inside, _MAX_ANSWER)
        room = _MAX_QUOTE - len(inside)
        kept = min(len(before), max(room // 2, room - len(after)))
        if kept < len(before):
            before = "… " + before[len(before) - kept :]
        after = _cut(after, room - kept + 1)
    return _quote(_text(before), _text(inside, bold=True), _text(after))


def _passage(passage: Passage, article: ArticleInfo) -> list[Json]:
    return [_quote(_text(_cut(passage.text, _MAX_PASSAGE))), _section(*_reference(article, None))]


def _reference(article: ArticleInfo, page: int | None) -> list[Json]:
    title, url = _cut(_title(article), _MAX_TITLE), article.url or ""
    linked = _LINKED.fullmatch(url) is not None
    facts = [article.source, (article.published or "").partition("T")[0], f"page {page}" if page else None]
    known = ", ".join(_cut(fact, _MAX_TITLE) for fact in facts if fact)
    return [
        {"type": "link", "url": url, "text": _safe(title)} if linked else _text(title),
        _text(known and f" ({known})"),
    ]


def _title(article: ArticleInfo) -> str:
    return " ".join((article.title or article.id).split()) or article.id


def _message(where: Where, text: str, blocks: list[Json] | None = None) -> Json:
    # mrkdwn off, since stars are no formatting here; Slack wants these three as entities all the same.
    shown = _cut(_safe(text), _MAX_FALLBACK).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    message: Json = {"response_type": where, "text": shown, "mrkdwn": False}
    return {**message, "blocks": blocks} if blocks else message


def _small(text: str) -> Json:
    shown = _cut(_safe(text), _MAX_TEXT)
    return {"type": "context", "elements": [{"type": "plain_text", "text": shown, "emoji": False}]}


def _rich(parts: list[Json]) -> Json:
    return {"type": "rich_text", "elements": parts}


def _section(*parts: Json) -> Json:
    return {"type": "rich_text_section", "elements": _filled(parts)}


def _quote(*parts: Json) -> Json:
    return {"type": "rich_text_quote", "elements": _filled(parts)}


def _filled(parts: tuple[Json, ...]) -> list[Json]:
    """Slack refuses an empty text."""
    return [part for part in parts if part["text"]]


def _text(text: str, *, bold: bool = False) -> Json:
    part: Json = {"type": "text", "text": _safe(text)}
    return {**part, "style": {"bold": True}} if bold else part


def _safe(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)


def _cut(text: str, most: int) -> str:
    """Return a text of at most so many characters, at least one."""
    return text if len(text) <= most else text[: max(0, most - 1)].rstrip() + "…"
