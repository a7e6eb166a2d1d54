"""run(): the process that serves: lock, port, models, signals, log."""

import ctypes
import platform
import resource
import signal
import socket
import sys
from types import FrameType

import structlog
import uvicorn

from api.auth.keys import Keys
from api.http.app import create_app
from api.http.request_timeouts import with_limits
from api.observability.logging import configure_log
from api.observability.tracing import open_provider
from api.service.context import State
from api.settings import Settings
from index import InputError, Records, allowed_descriptors, spare_descriptors
from qa import QuestionAnswering

_log = structlog.get_logger("citespan")


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    The library's lock and the port are taken before models load, so that a second process fails at
    once; models load in the background, so that /healthz answers at once.

    Raises:
        InputError: another machine could reach the address, there is no key and insecure is not set; or the
            port cannot be had.
        LibraryLocked: another process has the library open for writing.
    """
    _check_keys(settings)
    settings.policy()  # a network that is none is found before anything is opened
    configure_log(settings)
    raise_descriptors()
    tracer_provider = open_provider(settings)
    _share_memory()
    qa = QuestionAnswering.open(settings.library, options=settings.options())
    try:
        listening = _listen(settings)
    except BaseException:
        qa.close()
        raise
    app = create_app(qa, settings, tracer_provider=tracer_provider)
    state: State = app.state.citespan
    config = uvicorn.Config(
        app,
        http=with_limits(
            settings.header_seconds,
            settings.body_seconds,
            settings.read_seconds,
            state.outgoing,
            body_bytes=max(settings.batch_body_bytes, settings.upload_body_bytes, settings.article_body_bytes),
            # The library takes the other half.
            most_connections=max(8, spare_descriptors(allowed_descriptors()) // 2),
        ),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,  # X-Forwarded-For is believed as trusted_proxies says, and not wherever it comes from
        server_header=False,
        timeout_graceful_shutdown=int(settings.shutdown_seconds) or 1,
        timeout_keep_alive=15,
    )
    address, port = listening.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    print_line = f"Citespan listens on http://{shown}:{port}  (library {settings.library}; models are loading)"
    sys.stderr.write(print_line + "\n")
    # uvicorn raises the signal once more when all is done: without handlers of ours an orderly end
    # would look like a killed process.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Server(config, state).run(sockets=[listening])
    return 0


def _check_keys(settings: Settings) -> None:
    """Refuse to serve everyone who can reach an address.

    Raises:
        InputError: it can be reached by other machines, and there is no key or none is wanted.
    """
    if settings.loopback or settings.insecure:
        return
    reached = f"{settings.host} can be reached by other machines"
    ways = "listen on 127.0.0.1, or give --insecure behind a proxy that checks who asks"
    if settings.keys == "off":
        raise InputError(f"{reached}, and CITESPAN_KEYS is off: {ways}")
    records = Records(settings.library)
    try:
        if not Keys(records).any_active():
            raise InputError(f"{reached}, and there is no key: make one with citespan keys add NAME, {ways}")
    finally:
        records.close()


def raise_descriptors() -> None:
    """Allow this process as many open files as it may allow itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError) as error:  # macOS says unlimited and means less
            _log.warning("the limit on open files stays as it is", limit=soft, error=str(error))


# mallopt's name for it, in glibc's malloc.h.
_ARENA_MAX = -8


def _share_memory() -> None:
    """Have glibc's threads take memory from two arenas instead of eight a core: what one frees another can use.

    20 MiB less while serving, and no slower (benchmarks/load.py).  Other C libraries have no such setting.
    """
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, state: State) -> None:
        super().__init__(config)
        self._state = state

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # At once, not when the last connection is done: balancers must stop sending.
        self._state.stopping.set()
        super().handle_exit(sig, frame)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named, since asyncio sends at once only on sockets that say they are TCP's: others hold a reply's body back until
    # its head is acknowledged, 40 ms later.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listening.close()
        raise InputError(
            f"cannot listen on {settings.host} port {settings.port} ({error.strerror}): choose another with --port"
        ) from None
    listening.set_inheritable(True)
    return listening
