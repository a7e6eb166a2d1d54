"""Audit lines: who changed what, at every way in."""

import json
import shutil
import stat
from pathlib import Path
from typing import Any

import httpx2

from api.http.middleware.authentication import question_of
from api.observability.audit import ACTIONS, Audit
from tests.helpers import Server, citespan
from tests.jobs import NDJSON, line
from tests.routes import routes

MCP = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18"}
# Unsafe methods that change nothing that is kept, or only what is the asker's own talk.
_NO_CHANGES = {
    "POST /mcp",
    "POST /v1/conversations",
    "POST /v1/integrations/slack",
    "POST /v1/verify",
}


def audited(file: Path) -> list[dict[str, Any]]:
    lines = [json.loads(text) for text in file.read_text().splitlines() if text.startswith("{")]
    return [line for line in lines if line["event"] == "audit"]


def _tool(name: str, **arguments: Any) -> dict[str, Any]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def test_audit_says_who_changed_what(tmp_path: Path, sample_library: Path) -> None:
    library, log = tmp_path / "library", tmp_path / "log"
    shutil.copytree(sample_library, library)
    secrets = {}
    for name, scope in (("boss", "admin"), ("guest", "ask")):
        made = citespan("keys", "add", name, "--scope", scope, "--library", str(library), "--json")
        secrets[name] = json.loads(made.stdout)
    boss, guest = ({"X-API-Key": secrets[name]["key"]} for name in ("boss", "guest"))
    settings = {"CITESPAN_LOG_LEVEL": "error", "CITESPAN_MCP_WRITES": "true", "CITESPAN_KEY_ASKS": "0"}
    with Server(library, log, **settings) as server, httpx2.Client(base_url=server.url, timeout=60) as client:
        article = {"id": "a1", "text": "The mill of Tarn was built by Hugo Marsh.", "collection": "mills"}
        request_id = {"X-Request-ID": "trace-me"}
        assert client.post("/v1/articles", json=article, headers=boss | request_id).status_code == 201
        assert client.post("/v1/articles", json=article, headers=guest).status_code == 403
        files = [("file", (f"{n}.txt", b"A tower stands here.")) for n in "ab"]
        assert client.post("/v1/articles", files=files, headers=boss).status_code in (200, 201)
        batch = client.post("/v1/articles/batch", content=line(1), headers=boss | NDJSON).json()["job"]["id"]
        assert client.delete(f"/v1/jobs/{batch}", headers=boss).status_code == 200
        watch = client.post("/v1/watches", json={"question": "Who built the mill?"}, headers=guest).json()["id"]
        assert client.delete(f"/v1/watches/{watch}", headers=guest).status_code == 204
        chat = client.post("/v1/conversations", json={}, headers=guest).json()["id"]
        assert client.delete(f"/v1/conversations/{chat}", headers=guest).status_code == 204
        added = client.post("/mcp", json=_tool("add_article", text="A mill.", article_id="m"), headers=boss | MCP)
        assert not added.json()["result"]["isError"]
        client.post("/mcp", json=_tool("remove_article", article_id="none"), headers=boss | MCP)
        assert client.delete("/v1/articles/a1", params={"collection": "mills"}, headers=boss).status_code == 204
        assert client.delete("/v1/articles/a1", params={"collection": "mills"}, headers=boss).status_code == 404
        assert client.delete("/v1/collections/mills", headers=boss).status_code == 204
        assert client.post("/v1/ask", json={"question": "Who?"}, headers=guest).status_code == 200
    written = audited(log)
    recorded = [(one["action"], one["outcome"], one["key"], one.get("collection")) for one in written]
    assert recorded == [
        ("add_article", "done", "boss", "mills"),
        ("add_article", "refused", "guest", None),
        ("add_article", "done", "boss", "default"),
        ("add_batch", "done", "boss", "default"),
        ("cancel_job", "done", "boss", "default"),
        ("create_watch", "done", "guest", "default"),
        ("remove_watch", "done", "guest", None),
        ("forget_conversation", "done", "guest", None),
        ("add_article", "done", "boss", "default"),
        ("remove_article", "refused", "boss", "default"),
        ("remove_article", "done", "boss", "mills"),
        ("remove_article", "refused", "boss", "mills"),
        ("remove_collection", "done", "boss", "mills"),
    ]
    assert (written[0]["article_id"], written[0]["request_id"], written[0]["status"]) == ("a1", "trace-me", 201)
    assert written[2]["articles"] == len(written[2]["article_ids"]) == 2
    assert written[3]["job_id"] == written[4]["job_id"] == batch
    assert written[5]["watch_id"] == written[6]["watch_id"] == watch
    assert (written[8]["article_id"], written[9]["article_id"]) == ("m", "none")
    assert {one["key_id"] for one in written} == {secrets[name]["id"] for name in secrets}
    assert all(secrets[name]["key"] not in log.read_text() for name in secrets)
    assert "Who built" not in log.read_text()


def test_audit_cuts_what_a_client_made_long(tmp_path: Path) -> None:
    Audit(tmp_path / "audit").write("remove_article", "refused", None, article_id="y" * 7_000)
    line = json.loads((tmp_path / "audit").read_text())
    assert line["article_id"] == "y" * 200 + "…"


def test_audit_of_key_commands_goes_to_its_file(tmp_path: Path) -> None:
    library, file = str(tmp_path / "library"), tmp_path / "audit.jsonl"
    made = [
        citespan(*words, "--library", library, CITESPAN_AUDIT_FILE=str(file))
        for words in (
            ["keys", "add", "desk", "--scope", "write"],
            ["keys", "rotate", "desk"],
            ["keys", "revoke", "desk"],
        )
    ]
    assert [run.returncode for run in made] == [0, 0, 0]
    lines = audited(file)
    assert [one["action"] for one in lines] == ["keys add", "keys rotate", "keys revoke", "keys revoke"]
    assert all(one["name"] == "desk" and one["user"] and one["id"].startswith("key_") for one in lines)
    assert lines[1]["replaces"] == lines[0]["id"] and lines[0]["scope"] == "write"
    secrets = [run.stdout.decode().strip() for run in made[:2]]
    assert all(secret.startswith("cs_") and secret not in file.read_text() for secret in secrets)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b'"audit"' not in made[0].stderr
    unset = citespan("keys", "add", "other", "--library", library)
    assert b'"action": "keys add"' in unset.stderr


def test_every_route_that_changes_something_is_audited() -> None:
    unsafe = [route for route in routes() if route.method in ("POST", "PUT", "PATCH", "DELETE") and not route.open]
    asks = [route for route in unsafe if question_of(route.method, route.path) and route.template != "/v1/watches"]
    changing = [route for route in unsafe if route not in asks and str(route) not in _NO_CHANGES]
    assert {route.operation for route in changing} == ACTIONS
