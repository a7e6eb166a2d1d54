"""The form that Slack sends for a slash command → what is asked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field

from api.errors import Problem, problem_of

_MAX_FIELDS = 100
_SHARE = re.compile(r"share\s*:", re.IGNORECASE)
# <@U012AB3CD|maria>, <#C012AB3CD|general>, <https://example.org|example.org>: people, channels and links, where the app
# has them escaped.
_REFERENCE = re.compile(r"<(?:[@#!](?P<id>[^<>|\s]+)|(?P<url>[a-z]+:[^<>|\s]+))(?:\|(?P<label>[^<>]*))?>")
_COMMAND = re.compile(r"/[\w-]{1,40}")


class CommandIn(BaseModel):
    """What is used of a slash command's form; Slack sends more and may add to it."""

    model_config = ConfigDict(strict=True, extra="ignore")

    team_id: str = Field(min_length=1, max_length=100, description="the workspace")
    response_url: str = Field(min_length=1, max_length=2_000, description="where an answer that takes longer is sent")
    command: str = Field("/ask", description="as it was typed, with its slash")
    text: str = Field("", description="what stands behind it: a question, or share: and a question")


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command.

    Attributes:
        name: as it was typed, with its slash.
        question: trimmed; "" where help is wanted.
        share: whether the whole channel is to see the answer.
        team: the workspace's id.
        response_url: where an answer that takes longer is sent.
    """

    name: str
    question: str
    share: bool
    team: str
    response_url: str


def read_fields(body: bytes) -> dict[str, str]:
    """Take a form apart.

    Raises:
        Problem: 400 not UTF-8, too many fields, or one of them twice.
    """
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise Problem(400, f"the form is not UTF-8, or has more than {_MAX_FIELDS} fields") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Problem(400, "the form has a field twice")
    return fields


def is_probe(fields: Mapping[str, str]) -> bool:
    """Return whether Slack only looks at the certificate, which it does unsigned."""
    return fields.get("ssl_check") == "1"


def read_command(fields: Mapping[str, str]) -> Command:
    """Return what is asked.

    Raises:
        Problem: 422, a field is missing or too long.
    """
    try:
        given = CommandIn.model_validate(fields)
    except ValueError as error:
        raise problem_of(error) from None
    question = _plain(given.text)
    share = _SHARE.match(question)
    if share is not None:
        question = question[share.end() :].strip()
    if question.lower() in ("help", "?"):
        question = ""
    name = given.command if _COMMAND.fullmatch(given.command) else "/ask"
    return Command(name, question, share is not None, given.team_id, given.response_url)


def _plain(text: str) -> str:
    """Return what was typed: Slack writes <, > and & as entities, and people, channels and links in brackets."""
    named = _REFERENCE.sub(lambda found: found["label"] or found["url"] or found["id"], text)
    return named.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").strip()
