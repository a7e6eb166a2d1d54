"""The requests of standing questions.  One that was put twice would be kept twice, so that is not repeatable."""

from api.client.calls import Call, json_body, nothing, reader, segment
from api.client.requests import Filters
from api.client.watch_models import Tested, Watch, WatchEventPage, WatchPage


def create(question: str, collection: str, filters: Filters | None, webhook: str | None) -> Call[Watch]:
    """Return the request that puts a standing question."""
    facts = {"question": question, "collection": collection, "filters": filters, "webhook": webhook}
    return Call("POST", "/v1/watches", reader(Watch), json_body(facts), repeatable=False)


def watch(watch_id: str) -> Call[Watch]:
    """Return the request of one standing question."""
    return Call("GET", _path(watch_id), reader(Watch))


def watches(limit: int, cursor: str | None) -> Call[WatchPage]:
    """Return the request of one page of standing questions."""
    return Call("GET", "/v1/watches", reader(WatchPage), query={"limit": limit, "cursor": cursor})


def events(watch_id: str, limit: int, cursor: str | None) -> Call[WatchEventPage]:
    """Return the request of one page of a standing question's events."""
    return Call("GET", f"{_path(watch_id)}/events", reader(WatchEventPage), query={"limit": limit, "cursor": cursor})


def test(watch_id: str) -> Call[Tested]:
    """Return the request that sends a webhook a message of no event."""
    return Call("POST", f"{_path(watch_id)}/test", reader(Tested), repeatable=False)


def remove(watch_id: str) -> Call[None]:
    """Return the request that removes a standing question."""
    return Call("DELETE", _path(watch_id), nothing)


def _path(watch_id: str) -> str:
    return f"/v1/watches/{segment(watch_id)}"
