"""docs/openapi.json is valid, its operation ids stay, and the Python client knows all that it describes."""

import dataclasses
import json
import re
from typing import Any

import pytest

from api.client import AsyncCitespan, Citespan, models, watch_models
from tests.helpers import ROOT

DESCRIPTION = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
# Operation ids are the names of methods in generated clients: one that changes or goes breaks programs.  Beside each
# stands the Python client's method for it, None where it has none, for a reason.
OPERATIONS: dict[str, str | None] = {
    "add_article": "add",
    "add_batch": "add_batch",
    "answer_from_text": None,  # the hub's shape, with clients of its own
    "ask": "ask",
    "ask_get": None,  # the same as ask
    "ask_stream": "ask_stream",
    "cancel_job": "cancel_job",
    "resume_job": "resume_job",
    "cite_article": "cite",
    "create_chat_completion": None,  # OpenAI's shape, likewise
    "create_conversation": "create_conversation",
    "create_embedding": None,  # OpenAI's
    "create_watch": "create_watch",
    "examples": "examples",
    "export_conversation": "export_conversation",
    "follow": "follow",
    "forget_conversation": "forget_conversation",
    "follow_job": "follow_job",
    "get_article": "article",
    "get_conversation": "conversation",
    "get_job": "job",
    "get_watch": "watch",
    "health": "health",
    "list_articles": "articles",
    "list_collections": "collections",
    "list_conversations": "conversations",
    "list_jobs": "jobs",
    "list_models": None,  # OpenAI's
    "list_subscriptions": "subscriptions",
    "list_watch_events": "watch_events",
    "list_watches": "watches",
    "metrics": None,  # for Prometheus
    "ready": "ready",
    "remove_article": "remove",
    "remove_collection": "remove_collection",
    "remove_watch": "remove_watch",
    "retrieve_model": None,  # OpenAI's
    "search": "search",
    "send_message": "send_message",
    "slack_command": None,  # for Slack
    "test_watch": "test_watch",
    "unfollow": "unfollow",
    "verify": "verify",
}
# Which record of the client holds which reply.
RECORDS = {
    "AddedOut": models.Added,
    "AnswerOut": models.RankedAnswer,
    "ArticleOut": models.Article,
    "ArticleRef": models.ArticleInfo,
    "ArticleRow": models.ArticleRow,
    "ArticlesOut": models.ArticlePage,
    "AskOut": models.Answer,
    "CandidateOut": models.Candidate,
    "CitationOut": models.Citation,
    "CollectionOut": models.Collection,
    "ChangeOut": watch_models.Change,
    "EventOut": watch_models.WatchEvent,
    "EventsOut": watch_models.WatchEventPage,
    "EvidenceOut": models.Evidence,
    "FailureOut": models.Failure,
    "HintOut": models.Hint,
    "ItemOut": models.Item,
    "FiltersIn": watch_models.WatchFilters,
    "JobAndFailuresOut": models.Job,
    "JobsOut": models.JobPage,
    "MaskedOut": models.Masked,
    "NewWatchOut": watch_models.Watch,
    "PageFailureOut": models.Failure,
    "PassageRange": models.PassageRange,
    "PassageRef": models.Passage,
    "RetrievedOut": models.Retrieved,
    "SubscriptionOut": models.Subscription,
    "SupportOut": models.Support,
    "TestedOut": watch_models.Tested,
    "UploadOut": models.Uploaded,
    "VerifyOut": models.Verified,
    "WatchRef": watch_models.WatchRef,
    "WatchesOut": watch_models.WatchPage,
    "WebhookOut": watch_models.Webhook,
}
# What a record has that not every reply of its kind says.
BESIDE = {"AskOut": {"standalone_question", "message_id"}}


def operations() -> list[dict[str, Any]]:
    return [operation for path in DESCRIPTION["paths"].values() for operation in path.values()]


def test_it_is_valid() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator, validate

    assert DESCRIPTION["openapi"].startswith("3.1")
    validate({**DESCRIPTION, "info": {**DESCRIPTION["info"], "version": "1"}}, cls=OpenAPIV31SpecValidator)


def test_operation_ids_stay() -> None:
    found = [operation["operationId"] for operation in operations()]
    assert len(found) == len(set(found)) and all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in found)
    assert not set(OPERATIONS) - set(found), "operation ids were renamed or removed: programs break"
    assert not set(found) - set(OPERATIONS), "new operations: name here the Python client's methods for them"


@pytest.mark.parametrize("client", [Citespan, AsyncCitespan])
def test_the_python_client_has_a_method_for_each(client: type) -> None:
    assert all(hasattr(client, method) for method in OPERATIONS.values() if method)


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(Citespan) - {"close"} == public(AsyncCitespan) - {"aclose"}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_has_the_fields_of_its_reply(name: str) -> None:
    fields = {field.name for field in dataclasses.fields(RECORDS[name])}
    assert fields - set(DESCRIPTION["components"]["schemas"][name]["properties"]) <= BESIDE.get(name, set())
    assert not set(DESCRIPTION["components"]["schemas"][name]["properties"]) - fields


def test_bodies_replies_and_errors_are_described() -> None:
    for operation in operations():
        name = operation["operationId"]
        assert operation.get("description"), name
        assert "default" in operation["responses"], name
        contents = [operation.get("requestBody", {}).get("content", {})]
        contents += [reply.get("content", {}) for reply in operation["responses"].values()]
        for content in contents:
            assert all(shape.get("schema") for shape in content.values()), f"{name}: a body without its shape"
        done = [reply for status, reply in operation["responses"].items() if status.startswith("2")]
        assert all(reply.get("content") for reply in done) or "204" in operation["responses"], name
