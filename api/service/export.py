"""Answers as a file that a writer takes along: Markdown to paste, CSV for a table, JSON for a program."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

import orjson

from api.schemas.responses import AnswerOut, AskOut, EvidenceOut
from api.service.answer_text import why_none, within_sentence, worth_telling
from api.service.csv_cells import guard
from qa import STYLES, Style, cite, escape_markdown

Format = Literal["markdown", "json", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
MEDIA_TYPES: dict[Format, str] = {"markdown": "text/markdown", "json": "application/json", "csv": "text/csv"}
SUFFIXES: dict[Format, str] = {"markdown": "md", "json": "json", "csv": "csv"}
COLUMNS = (
    *("asked", "question", "standalone_question", "answered", "rank", "answer", "confidence", "confidence_level"),
    *("sentence", "title", "author", "source", "published", "url", "page", "citation"),
    *("article_id", "article_start", "article_end", "sha256"),
)
_WITHDRAWN = "Withdrawn: an article that this answer quoted has been removed or rewritten."


@dataclass(frozen=True, slots=True)
class Entry:
    """One question and what was answered.

    Attributes:
        question: as it was asked.
        reply: what was answered; None where an article that it quoted has gone since.
        asked: ISO 8601 instant at which it was asked, None for just now.
        standalone_question: as it was understood in a conversation, None outside of one.
    """

    question: str
    reply: AskOut | None
    asked: str | None = None
    standalone_question: str | None = None

    @property
    def reading(self) -> str | None:
        """How the question was understood, None where that is how it was asked."""
        return None if self.standalone_question == self.question else self.standalone_question


def exported(
    entries: Sequence[Entry],
    form: Format,
    *,
    style: Style = "chicago",
    today: date,
    title: str | None = None,
    for_spreadsheets: bool = False,
) -> str:
    """Return questions and answers as the text of a file.

    Args:
        entries: in order.
        form: one of FORMATS.
        style: of the citations, one of qa.STYLES.
        today: the day on which the articles were looked at.
        title: of the whole, as Markdown's and JSON's heading; None for none.
        for_spreadsheets: begin CSV with the mark by which spreadsheets know UTF-8.
    """
    if form == "markdown":
        return _markdown(entries, style, today, title)
    if form == "csv":
        return "\ufeff" * for_spreadsheets + _csv(entries, style, today)
    facts = {
        "title": title,
        "style": style,
        "accessed": today.isoformat(),
        "entries": [_facts(entry, style, today) for entry in entries],
    }
    return orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode() + "\n"


def citation(piece: EvidenceOut, style: Style, today: date, *, markdown: bool = False) -> str:
    """Return the citation of the article that a piece of evidence stands in."""
    return cite(piece.article, style, accessed=today, page=piece.page, markdown=markdown)


def _markdown(entries: Sequence[Entry], style: Style, today: date, title: str | None) -> str:
    parts = [f"# {escape_markdown(title)}"] if title else []
    for entry in entries:
        parts.append(f"## {_line(entry.question)}")
        if entry.reading:
            parts.append(f"Understood as: {_line(entry.reading)}")
        parts += _answers(entry.reply, style, today)
    return "\n\n".join(parts) + "\n"


def _answers(reply: AskOut | None, style: Style, today: date) -> list[str]:
    if reply is None:
        return [_WITHDRAWN]
    if not reply.answered:
        return [f"No answer: {why_none(reply.reason)}."]
    best = reply.answers[0]
    support = best.support
    places = f"{support.articles} articles, {support.independent} of them independent" if support.articles > 1 else ""
    sure = ", ".join(part for part in (f"confidence {best.confidence:.0%}", reply.confidence_level, places) if part)
    parts = [f"**{_line(best.text)}** ({sure})"]
    if best.items:
        parts.append("\n".join(f"- {_line(item.text)}" for item in best.items))
    parts += [part for piece in best.evidence for part in (_quotation(piece), _cited(piece, style, today))]
    others = [one for one in worth_telling(reply.answers) if one.evidence]
    if others:
        lines = [
            f"- **{_line(one.text)}** (confidence {one.confidence:.0%}): “{_line(one.evidence[0].sentence)}” "
            f"{_inline(one.evidence[0], style, today)}"
            for one in others
        ]
        parts.append("Other answers:\n\n" + "\n".join(lines))
    return parts


def _quotation(piece: EvidenceOut) -> str:
    sentence = piece.sentence
    place = within_sentence(piece.passage.text, sentence, piece.start, piece.end)
    if place is None:
        marked = escape_markdown(sentence)
    else:
        start, end = place
        before, span, after = sentence[:start], sentence[start:end], sentence[end:]
        marked = f"{escape_markdown(before)}**{escape_markdown(span)}**{escape_markdown(after)}"
    return "\n".join(f"> {line.strip()}" for line in marked.splitlines() if line.strip())


def _cited(piece: EvidenceOut, style: Style, today: date) -> str:
    if style in ("bibtex", "csl-json"):
        language = "bibtex" if style == "bibtex" else "json"
        return f"```{language}\n{citation(piece, style, today)}\n```"
    return citation(piece, style, today, markdown=True)


def _inline(piece: EvidenceOut, style: Style, today: date) -> str:
    return citation(piece, style if style in ("chicago", "apa", "mla") else "chicago", today, markdown=True)


def _line(text: str) -> str:
    return escape_markdown(" ".join(text.split()))


def _csv(entries: Sequence[Entry], style: Style, today: date) -> str:
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for entry in entries:
        for row in _rows(entry, style, today):
            writer.writerow({name: "" if value is None else guard(str(value)) for name, value in row.items()})
    return file.getvalue()


def _rows(entry: Entry, style: Style, today: date) -> list[dict[str, Any]]:
    reply = entry.reply
    known = {
        "asked": entry.asked,
        "question": entry.question,
        "standalone_question": entry.reading,
        "answered": "withdrawn" if reply is None else "yes" if reply.answered else "no",
    }
    if reply is None or not reply.answered:
        return [known]
    return [
        known | _row(rank, answer, piece, reply, citation(piece, style, today))
        for rank, answer in enumerate(reply.answers, 1)
        for piece in answer.evidence
    ]


def _row(rank: int, answer: AnswerOut, piece: EvidenceOut, reply: AskOut, cited: str) -> dict[str, Any]:
    article = piece.article
    return {
        "rank": rank,
        "answer": answer.text,
        "confidence": answer.confidence,
        "confidence_level": reply.confidence_level if rank == 1 else None,
        "sentence": piece.sentence,
        "title": article.title,
        "author": article.author,
        "source": article.source,
        "published": article.published,
        "url": article.url,
        "page": piece.page,
        "citation": cited,
        "article_id": article.id,
        "article_start": piece.article_start,
        "article_end": piece.article_end,
        "sha256": article.sha256,
    }


def _facts(entry: Entry, style: Style, today: date) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "asked": entry.asked,
        "question": entry.question,
        "standalone_question": entry.standalone_question,
        "withdrawn": entry.reply is None,
        "reply": None,
    }
    if entry.reply is not None:
        reply = entry.reply.model_dump()
        for answer, shown in zip(entry.reply.answers, reply["answers"], strict=True):
            for piece, fields in zip(answer.evidence, shown["evidence"], strict=True):
                fields["citation"] = citation(piece, style, today)
        facts["reply"] = reply
    return facts


__all__ = ["FORMATS", "MEDIA_TYPES", "STYLES", "SUFFIXES", "Entry", "Format", "Style", "citation", "exported"]
