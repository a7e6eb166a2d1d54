"""Those who follow standing questions: 429 for a sender over its share, 503 where there is no place for anybody."""

import contextlib
import shutil
from pathlib import Path

import httpx2

from tests.helpers import Server, assert_problem

EVENTS = {"Accept": "text/event-stream"}


def test_followers_over_their_share_get_429_and_all_others_503_when_full(tmp_path: Path, sample_library: Path) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    limits = {"CITESPAN_TRUSTED_PROXIES": '["127.0.0.1"]', "CITESPAN_ADDRESS_RATE": "off"}
    with (
        Server(tmp_path / "library", tmp_path / "log", **limits) as server,
        httpx2.Client(base_url=server.url, timeout=60, limits=httpx2.Limits(max_connections=100)) as client,
        contextlib.ExitStack() as streams,
    ):
        watch = client.post("/v1/watches", json={"question": "Where did the Great Fire of London begin?"}).json()["id"]

        def follow(address: str, expected: int) -> None:
            headers = {**EVENTS, "X-Forwarded-For": address}
            reply = streams.enter_context(client.stream("GET", f"/v1/watches/{watch}/events", headers=headers))
            if expected != 200:
                reply.read()
                assert_problem(reply, expected)
                assert int(reply.headers["retry-after"]) >= 1
            assert reply.status_code == expected

        for number in range(4):
            for _ in range(16):
                follow(f"192.0.2.{number}", 200)
            follow(f"192.0.2.{number}", 429)
        for address in ("192.0.2.9", "127.0.0.1"):
            follow(address, 503)
