"""How requests and replies go over a connection: a real server around applications made for it."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from api.concurrency.response_buffers import Outgoing
from api.http.request_timeouts import with_limits
from tests.site import until

GET = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
READ_SECONDS = 1.0
Link = socket.socket


@contextmanager
def serving(
    app: ASGIApp, outgoing: Outgoing, seconds: float = READ_SECONDS, *, arrival_seconds: float = 10
) -> Iterator[Callable[[], Link]]:
    """Serve an application; yields what connects to it, with small buffers, so that little is taken unread."""
    listening = socket.create_server(("127.0.0.1", 0))
    limited = with_limits(arrival_seconds, arrival_seconds, seconds, outgoing, body_bytes=100)
    config = uvicorn.Config(app, http=limited, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
    thread.start()
    links: list[Link] = []

    def connect() -> Link:
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        link.settimeout(20)
        link.connect(listening.getsockname())
        links.append(link)
        return link

    try:
        yield connect
    finally:
        for link in links:
            link.close()
        server.should_exit = True
        thread.join()
        listening.close()


def all_of(link: Link) -> bytes:
    parts = []
    while part := link.recv(65_536):
        parts.append(part)
    return b"".join(parts)


async def reply(send: Send, body: bytes = b"", *headers: tuple[bytes, bytes]) -> None:
    head = [(b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def stream(send: Send, pieces: int, size: int, pause: float = 0.0) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(pieces):
        await send({"type": "http.response.body", "body": b"x" * size, "more_body": True})
        await asyncio.sleep(pause)
    await send({"type": "http.response.body", "body": b""})


def test_a_client_that_leaves_ends_the_request_being_answered_though_others_are_pipelined_behind_it() -> None:
    left_early = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        async def left() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            left_early.set()

        waiting = asyncio.create_task(left())
        await stream(send, pieces=50, size=10, pause=0.05)
        waiting.cancel()

    with serving(app, Outgoing(2**20)) as connect:
        link = connect()
        link.sendall(GET % b"/1" + GET % b"/2" + GET % b"/3")
        assert link.recv(1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
        assert left_early.wait(20)


def test_a_malformed_request_is_answered_after_those_before_it_and_ends_the_connection() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.2)
        await reply(send, scope["path"].encode())

    chunked = b"POST /3 HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"
    for last in (b"NONSENSE\r\n\r\n", chunked):
        with serving(app, Outgoing(2**20)) as connect:
            link = connect()
            link.sendall(GET % b"/1" + GET % b"/2" + last + GET % b"/4")
            first, second, third = all_of(link).split(b"HTTP/1.1 ")[1:]
        assert first.endswith(b"/1") and second.endswith(b"/2")
        assert third.startswith(b"400 ") and b"connection: close" in third


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: local", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"]
)
def test_a_request_that_does_not_arrive_in_time_gets_408(sent: bytes) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass

    with serving(app, Outgoing(2**20), arrival_seconds=0.5) as connect:
        link = connect()
        link.sendall(sent)
        answer = all_of(link)
    assert answer.startswith(b"HTTP/1.1 408 ") and b"application/problem+json" in answer


def test_a_length_beyond_every_limit_buys_no_time_for_a_body_that_nothing_reads() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"early")

    with serving(app, Outgoing(2**20), arrival_seconds=1.0) as connect:
        link = connect()
        link.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999\r\n\r\n")
        pause, ended = threading.Event(), False
        for _ in range(200):  # as long as a server that takes it at its word would go on
            try:
                link.sendall(b"x")
                ended = link.recv(65_536, socket.MSG_DONTWAIT) == b""
            except BlockingIOError:
                pass
            except (BrokenPipeError, ConnectionResetError):
                ended = True
            if ended:
                break
            pause.wait(0.1)
    assert ended


def test_a_connection_on_which_too_many_requests_wait_is_closed_once_they_are_answered() -> None:
    release = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        loops.append(asyncio.get_running_loop())
        await receive()  # which goes on reading what is pipelined
        await release.wait()
        await reply(send, scope["path"].encode())

    loops: list[asyncio.AbstractEventLoop] = []
    with serving(app, Outgoing(2**20)) as connect:
        link = connect()
        for _ in range(20):
            link.sendall(GET % b"/" * 1_000)
        until(lambda: loops)
        loops[0].call_soon_threadsafe(release.set)
        replies = all_of(link).split(b"HTTP/1.1 ")[1:]
    assert [text[:3] for text in replies] == [b"200"] * 257 + [b"429"] and b"connection: close" in replies[-1]
    assert len(loops) == 257


def test_a_reply_without_a_length_ends_with_the_connection_for_clients_that_know_no_chunks() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await stream(send, pieces=3, size=5)

    with serving(app, Outgoing(2**20)) as connect:
        old = connect()
        old.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head, _, body = all_of(old).partition(b"\r\n\r\n")
        assert body == b"x" * 15 and b"chunked" not in head and b"connection: close" in head
        new = connect()
        new.sendall((GET % b"/").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        head, _, body = all_of(new).partition(b"\r\n\r\n")
        assert b"transfer-encoding: chunked" in head and body == b"5\r\nxxxxx\r\n" * 3 + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("target", "host", "path"),
    [
        (b"http://evil.test/a", b"evil.test", "/a"),
        (b"HTTP://evil.test:8000?a=1", b"evil.test:8000", "/"),
        (b"http://user@localhost/a", b"user@localhost", "/a"),
        (b"ftp://localhost/a", b"", "/a"),
        (b"/http://evil.test/a", b"localhost", "/http://evil.test/a"),
    ],
)
def test_the_host_that_an_address_names_is_the_one_that_counts(target: bytes, host: bytes, path: str) -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.update(scope)
        await reply(send)

    with serving(app, Outgoing(2**20)) as connect:
        link = connect()
        link.sendall(GET % target)
        assert link.recv(100).startswith(b"HTTP/1.1 200 ")
    assert (b"host", host) in seen["headers"] and seen["path"] == path


@pytest.mark.parametrize(("size", "close"), [(10_000_000, b""), (10_000_000, b"close"), (50_000, b"")])
def test_a_client_that_reads_nothing_is_let_go(size: int, close: bytes) -> None:
    """The smallest reply fits the buffers of the kernel, which says what of it the client's has not taken."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"x" * size, *([(b"connection", close)] if close else []))

    outgoing = Outgoing(2**30)
    with serving(app, outgoing) as connect:
        link = connect()
        link.sendall(GET % b"/")
        until(lambda: outgoing.stalled == 1)
        until(lambda: outgoing.bytes == 0)
        with pytest.raises(ConnectionResetError):
            all_of(link)


def test_a_client_that_does_not_read_its_stream_is_let_go_and_the_stream_ends() -> None:
    ended = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        asking = asyncio.create_task(receive())
        streaming = asyncio.create_task(stream(send, pieces=1_000_000, size=2_000, pause=0.001))
        while (await asking)["type"] != "http.disconnect":
            asking = asyncio.create_task(receive())
        streaming.cancel()
        ended.set()

    outgoing = Outgoing(2**30)
    with serving(app, outgoing) as connect:
        connect().sendall(GET % b"/")
        assert ended.wait(60) and outgoing.stalled == 1


def test_a_client_that_reads_slowly_but_steadily_gets_all_of_it() -> None:
    size, seconds = 400_000, 3.0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"x" * size, (b"connection", b"close"))

    outgoing = Outgoing(2**30)
    with serving(app, outgoing, seconds) as connect:
        link = connect()
        link.sendall(GET % b"/")
        pause = threading.Event()
        read = 0
        while part := link.recv(20_000):
            read += len(part)
            pause.wait(0.15 if read < size * 0.9 else 0)
    assert read > size and outgoing.stalled == 0


def test_a_slow_reader_makes_room_once_half_of_what_may_be_held_is() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await reply(send, b"x" * 10_000_000)

    outgoing = Outgoing(2**20)
    with serving(app, outgoing, seconds=4.0) as connect:
        link = connect()
        link.sendall(GET % b"/")
        pause = threading.Event()
        with pytest.raises(ConnectionResetError):
            while link.recv(1_000):
                pause.wait(0.5)
    assert outgoing.stalled == 1
