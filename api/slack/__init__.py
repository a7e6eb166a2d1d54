"""Slack's slash command: whether a request is Slack's, what is asked, how an answer looks there, how it gets there."""

from dataclasses import dataclass

from api.slack.commands import Command, CommandIn, is_probe, read_command, read_fields
from api.slack.deliveries import Deliveries
from api.slack.messages import answer_message, help_message, note
from api.slack.signatures import Signatures


@dataclass(frozen=True, slots=True)
class Slack:
    """What the entrance for Slack keeps between requests; there is none while no signing secret is set.

    Attributes:
        signatures: which requests are Slack's.
        deliveries: answers on their way to it.
    """

    signatures: Signatures
    deliveries: Deliveries


__all__ = [
    "Command",
    "CommandIn",
    "Deliveries",
    "Signatures",
    "Slack",
    "answer_message",
    "help_message",
    "is_probe",
    "note",
    "read_command",
    "read_fields",
]
