"""What tests of jobs share: batches that are posted, and jobs that are followed to their end."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.helpers import Server

NDJSON = {"Content-Type": "application/x-ndjson"}


def line(number: int) -> str:
    return json.dumps({"id": f"n{number}", "text": f"The ship number {number} sailed to Oslo with barrels of tar."})


def post(client: httpx2.Client, name: str, *lines: str, **headers: str) -> httpx2.Response:
    content = "\n".join(lines).encode("utf-8", "surrogatepass")
    return client.post("/v1/articles/batch", params={"collection": name}, content=content, headers=NDJSON | headers)


def begun(client: httpx2.Client, name: str, *lines: str) -> str:
    reply = post(client, name, *lines)
    assert reply.status_code == 202, reply.text
    job = reply.json()["job"]
    assert reply.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["done"], job["failed"], job["total"]) == ("queued", 0, 0, len(lines))
    return str(job["id"])


def follow(client: httpx2.Client, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a job's events as they come."""
    event = ""
    with client.stream("GET", f"/v1/jobs/{job}/events") as reply:
        assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/event-stream")
        for part in reply.iter_lines():
            if part.startswith("event: "):
                event = part[7:]
            elif part.startswith("data: "):
                yield event, json.loads(part[6:])


def ended(client: httpx2.Client, job: str) -> dict[str, Any]:
    """Wait for a job's end; return how it ended."""
    events = list(follow(client, job))
    assert [event for event, _ in events] == ["progress"] * (len(events) - 1) + ["end"]
    return events[-1][1]


def articles(client: httpx2.Client, name: str) -> set[str]:
    found, cursor = set(), None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = client.get("/v1/articles", params={"collection": name, "limit": 1_000} | more).json()
        found |= {one["id"] for one in page["articles"]}
        if (cursor := page["next_cursor"]) is None:
            return found


def files(server: Server) -> list[str]:
    return [path.name for path in server.library.glob("*/jobs/*")]
