"""What the OpenAPI description says of bodies, queries and streams, which are ours to read and write, not FastAPI's."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Response
from pydantic import BaseModel

from api.http.middleware.authentication import is_open
from api.openai.requests import ChatIn, ChatMessage, ChatOptions, EmbeddingIn, ResponseFormat, StreamOptions
from api.schemas.hf_task import TaskIn, TaskInput, TaskParameters
from api.schemas.requests import (
    ArticleIn,
    AskIn,
    ConversationIn,
    FiltersIn,
    MessageIn,
    SearchIn,
    SubscriptionIn,
    TurnIn,
    VerifyIn,
    WatchIn,
)
from api.schemas.responses import RetrievedOut, UnderstoodOut

_BODIES: tuple[type[BaseModel], ...] = (
    *(ArticleIn, AskIn, ConversationIn, FiltersIn, MessageIn, SearchIn, SubscriptionIn, TurnIn, VerifyIn, WatchIn),
    *(ChatIn, ChatMessage, ChatOptions, EmbeddingIn, ResponseFormat, StreamOptions),
    *(TaskIn, TaskInput, TaskParameters),
)
_EVENTS: tuple[type[BaseModel], ...] = (RetrievedOut, UnderstoodOut)
_KEYS = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "a key made by citespan keys add"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same, in another header"},
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what to change"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg"],
                "properties": {
                    "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "msg": {"type": "string"},
                },
            },
        },
    },
}


def body_of(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Describe a JSON body."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


def body_or_files(model: type[BaseModel], fields: type[BaseModel]) -> dict[str, Any]:
    """Describe a JSON body that may as well come as files, with fields beside them."""
    described = body_of(model)
    schema = fields.model_json_schema()
    file = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"}}
    described["requestBody"]["content"]["multipart/form-data"] = {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": file} | {name: _flat(facts) for name, facts in schema["properties"].items()},
        }
    }
    return described


def form_of(model: type[BaseModel]) -> dict[str, Any]:
    """Describe the body of a form without files."""
    content = {"application/x-www-form-urlencoded": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


def body_of_lines(kinds: Sequence[str]) -> dict[str, Any]:
    """Describe a body of JSON objects, one a line."""
    schema = {"type": "string", "description": "one article a line: a JSON object as POST /v1/articles takes it"}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}


def event_content(events: Mapping[str, type[BaseModel]], *, failing: bool = False) -> dict[str, Any]:
    """Describe the content of a reply that is a stream of events: the schemas of their data, and which event has which.

    Args:
        events: what the data of an event is, by the event's name; each a model that the description has already, or one
            of _EVENTS.
        failing: whether the stream may end with the event error, a problem.
    """
    names = {event: model.__name__ for event, model in events.items()} | ({"error": "Problem"} if failing else {})
    named = {event: {"$ref": f"#/components/schemas/{name}"} for event, name in names.items()}
    shapes = [{"$ref": f"#/components/schemas/{name}"} for name in dict.fromkeys(names.values())]
    schema = shapes[0] if len(shapes) == 1 else {"anyOf": shapes}
    return {"text/event-stream": {"schema": schema, "x-events": named}}


def stream_of(description: str, events: Mapping[str, type[BaseModel]], *, failing: bool = False) -> dict[str, Any]:
    """Return the arguments of a route whose reply is a stream of events and nothing else.

    Args:
        description: the names of the events, in order.
        events: as event_content() has them.
        failing: likewise.
    """
    content = event_content(events, failing=failing)
    return {"response_class": Response, "responses": {200: {"description": description, "content": content}}}


def query_of(
    model: type[BaseModel], leave_out: tuple[str, ...] = ("filters", "include", "min_confidence", "history")
) -> dict[str, Any]:
    """Describe a query string that has the fields of a model."""
    schema = model.model_json_schema()
    required = schema.get("required", [])
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in required, "schema": _flat(facts)}
            | ({"description": facts["description"]} if "description" in facts else {})
            for name, facts in schema["properties"].items()
            if name not in leave_out
        ]
    }


def describe(app: FastAPI) -> None:
    """Make /openapi.json complete: our bodies and the one shape of errors."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            facts = plain()
            schemas = facts.setdefault("components", {}).setdefault("schemas", {})
            for model in _BODIES + _EVENTS:
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schema.pop("$defs", None)
                schemas[model.__name__] = schema
            schemas["Problem"] = _PROBLEM
            reply = {
                "description": "an error; detail says what to change",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
            facts["components"]["securitySchemes"] = _KEYS
            facts["security"] = [*({name: []} for name in _KEYS), {}]  # a service without keys wants none
            for path, operations in facts["paths"].items():
                for operation in operations.values():
                    if is_open(path):
                        operation["security"] = []
                    operation["responses"].pop("422", None)
                    operation["responses"].setdefault("default", reply)
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = facts
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _flat(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in facts.items()
        if name in ("type", "items", "anyOf", "enum", "default", "minimum", "maximum", "minLength", "maxLength")
    }
