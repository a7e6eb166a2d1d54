"""A connection to a host that may be dialled, and to no other: where sockets are opened.

Where a request goes is decided once and held to: the name is looked up once, every address that comes back must be
permitted (FetchPolicy), and the connection is made to one of those very addresses; redirects begin anew.  Looking up,
checking and then handing the *name* to an HTTP client would look it up a second time, and the second answer may be
127.0.0.1.  The place for this is httpcore's network backend, the one thing in it that opens sockets: a few lines here,
which also hold the deadline, since every read and write of a request passes them.  ssrfguard 0.4.1 does much the same
around httpx; but httpx decompresses without a limit and knows no total time, so both would be needed here anyway, and
its lists of networks would be a second truth beside FetchPolicy.  The environment's proxies play no part: httpcore does
not read them.
"""

import queue
import socket
import ssl
import threading
import time
from typing import Any

from index.errors import FetchError
from index.web.policy import FetchPolicy

# A host may have a dead address or two among its good ones.
_MAX_DIALS = 4
_DIAL_SECONDS = 8.0


class NotPermitted(FetchError):
    """The host has an address that may not be dialled."""

    def __init__(self) -> None:
        super().__init__(
            "the host has a private or reserved address, which is not fetched: CITESPAN_ALLOWED_NETWORKS opens the "
            "networks of one's own"
        )


class Unreachable(FetchError):
    """The network failed, not a rule of ours."""


class Clock:
    """The time that one page has; waiting out of politeness is not counted."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Give so much more."""
        self._end += seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            FetchError: there are none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchError(f"the server took longer than {self._seconds:g} seconds")
        return left


class Dialler:
    """httpcore's network backend: connects to checked addresses only, and holds the deadline."""

    def __init__(self, policy: FetchPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._stream: Stream | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> "Stream":
        """Look a host up, check what came back, and connect to that.

        Raises:
            NotPermitted: one of its addresses may not be dialled; none was.
            Unreachable: there is no such host, or none of its addresses answers.
        """
        found = _look_up(host, port, self._clock.left())
        # All of them: a name that has a public and a private address is no name to trust.
        if not all(self._policy.permits(str(address[0])) for _, address in found):
            raise NotPermitted
        reason = "no address"
        for family, address in found[:_MAX_DIALS]:
            link = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            try:
                link.settimeout(min(self._clock.left(), _DIAL_SECONDS))
                link.connect(address)
            except OSError as error:
                link.close()
                reason = "no answer" if isinstance(error, TimeoutError) else (error.strerror or "refused").lower()
                continue
            except BaseException:
                link.close()
                raise
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._stream = Stream(link, self._clock)
            return self._stream
        raise Unreachable(f"no connection to the server ({reason}): is the address right?")

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._stream is not None:
            self._stream.close()

    def sleep(self, seconds: float) -> None:
        """Never asked for: nothing is retried here."""


class Stream:
    """httpcore's network stream over one socket; each step has what is left of the page's time."""

    def __init__(self, link: socket.socket, clock: Clock) -> None:
        self._link = link
        self._clock = clock

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return at most so many bytes, b"" at the end."""
        with _Translated():
            self._link.settimeout(self._clock.left())
            return self._link.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it."""
        with _Translated():
            self._link.settimeout(self._clock.left())
            self._link.sendall(buffer)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Stream":
        """Go on encrypted; the certificate must be for the host's name."""
        with _Translated():
            self._link.settimeout(self._clock.left())
            self._link = ssl_context.wrap_socket(self._link, server_hostname=server_hostname)
        return self

    def close(self) -> None:
        """Close the socket."""
        self._link.close()

    def get_extra_info(self, info: str) -> Any:
        """Nothing that httpcore asks for here is needed for HTTP/1.1."""
        return None


class _Translated:
    """Turn what sockets raise into FetchError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ssl.SSLCertVerificationError):
            raise Unreachable(f"the server's certificate is not valid ({error.verify_message})") from None
        if isinstance(error, TimeoutError):
            raise Unreachable("the server took too long to answer") from None
        if isinstance(error, OSError):
            raise Unreachable(f"the connection broke ({error.strerror or 'closed'})") from None


def _look_up(host: str, port: int, seconds: float) -> list[tuple[socket.AddressFamily, Any]]:
    """Return a name's addresses; in a thread of its own, since a lookup knows no deadline."""
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answer.put(error)

    threading.Thread(target=ask, name="citespan-lookup", daemon=True).start()
    try:
        found = answer.get(timeout=seconds)
    except queue.Empty:
        raise Unreachable("the host's name could not be looked up in time") from None
    if isinstance(found, Exception):
        raise Unreachable("there is no such host: is the address right?")
    usable = [(row[0], row[4]) for row in found if row[0] in (socket.AF_INET, socket.AF_INET6)]
    if not usable:
        raise Unreachable("the host has no address that could be dialled")
    return usable
