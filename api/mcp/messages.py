"""What comes in as a message of JSON-RPC, and the error that answers what is none: over pipes and over HTTP alike."""

from typing import Any

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError, jsonrpc_message_adapter
from pydantic import ValidationError
from pydantic_core import from_json

_SHAPE = 'send one JSON-RPC 2.0 message: an object with "jsonrpc": "2.0" and "method", and for a request "id"'


def refusal_of(data: bytes, limit: int | None = None) -> JSONRPCError | None:
    """Return the error that answers a message that is malformed, None where it is well-formed.

    Args:
        data: one message, as it came in.
        limit: most bytes that it may have, None where that was checked before.
    """
    if limit is not None and len(data) > limit:
        return _refusal(INVALID_REQUEST, f"the message is over {limit:,} bytes: send less", None)
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        return _refusal(PARSE_ERROR, f"this is not JSON in UTF-8: {error}", None)
    if isinstance(value, list):
        return _refusal(INVALID_REQUEST, f"a batch is not taken: {_SHAPE}", None)
    request_id = value.get("id") if isinstance(value, dict) else None
    if not isinstance(request_id, str | int) or isinstance(request_id, bool):
        request_id = None
    try:
        jsonrpc_message_adapter.validate_json(data, by_name=False)
    except ValidationError:
        return _refusal(INVALID_REQUEST, _SHAPE, request_id)
    # The SDK takes a request whose id it cannot use for a notification, which is never answered.
    if "method" in value and "id" in value and request_id is None:
        return _refusal(INVALID_REQUEST, '"id" must be a string or an integer', None)
    return None


def _refusal(code: int, message: str, request_id: Any) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))
