"""The log of a process: JSON lines on standard error, none of which can flood it or hold what people asked.

What repeats is written a number of times a minute and then counted. What libraries log goes the same way; of theirs,
and of exceptions whose words may quote a question, only place and kind are written unless the settings ask for more.
"""

import logging
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, TextIO

import structlog

from api.observability.metrics import count_error
from api.settings import Settings
from index import CitespanError

_WINDOW_SECONDS = 60.0
# Events that are distinguished; beyond, those that have not occurred for the longest time are forgotten.
_MOST_EVENTS = 500
# Loggers whose messages are written by us, or say nothing of what came in.
_OWN = ("api", "index", "qa", "citespan")
_FIRST_LINES = ("asyncio", "uvicorn")
# Exceptions whose words are about this machine or are chosen by us.
_HARMLESS = (CitespanError, OSError, MemoryError)
_SEVERE = frozenset({"warning", "error", "critical", "exception"})
NOT_SHOWN = "not shown: it may quote what was asked, CITESPAN_LOG_QUESTIONS shows it"

Event = MutableMapping[str, Any]


@dataclass(slots=True)
class _Count:
    """How often something happened in the window that began at a moment."""

    begun: float
    count: int = 0
    suppressed: int = 0


class Throttle:
    """A processor that lets what repeats through a number of times a minute, and then says how often it was not.

    Severe events, failures and refused requests are counted, by event, kind and status; all else passes.

    Args:
        most: of one event in a minute.
        clock: monotonic seconds.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[tuple[str, ...], _Count] = OrderedDict()

    def __call__(self, logger: Any, method: str, event: Event) -> Event:
        """Pass an event on, with the number of those like it that were not, or drop it.

        Raises:
            structlog.DropEvent: it happened too often.
        """
        key = _key_of(event)
        if key is None:
            return event
        with self._lock:
            now = self._clock()
            counted = self._counts.get(key)
            if counted is None or now - counted.begun >= _WINDOW_SECONDS:
                if counted is not None and counted.suppressed:
                    event["suppressed"] = counted.suppressed
                counted = self._counts[key] = _Count(now)
            self._counts.move_to_end(key)
            while len(self._counts) > _MOST_EVENTS:
                self._counts.popitem(last=False)
            counted.count += 1
            if counted.count > self._most:
                counted.suppressed += 1
                raise structlog.DropEvent
            if counted.count == self._most:
                event["further"] = "the next ones like this are counted for a minute and not written"
            return event

    def overdue(self) -> list[tuple[tuple[str, ...], int]]:
        """Return what was suppressed in windows that are over, and how often; each is returned once."""
        with self._lock:
            now = self._clock()
            found = []
            for key, counted in list(self._counts.items()):
                if now - counted.begun >= _WINDOW_SECONDS:
                    del self._counts[key]
                    if counted.suppressed:
                        found.append((key, counted.suppressed))
            return found


def _key_of(event: Event) -> tuple[str, ...] | None:
    """Return what an event is counted under, None where it is not."""
    status = event.get("status")
    refused = isinstance(status, int) and status >= 400
    if event.get("level") not in _SEVERE and not refused and not event.get("error"):
        return None
    kind = event.get("kind") or event.get("outcome") or event.get("of") or ""
    return str(event.get("event")), str(kind), str(status or ""), str(event.get("at") or "")


def _count(logger: Any, method: str, event: Event) -> Event:
    """Count an error, also where it is not written."""
    if event.get("level") in ("error", "critical"):
        count_error(str(event.get("event")), str(event.get("kind") or ""))
    return event


class _Exceptions:
    """A processor that turns an exception into types and places; its words only where they are harmless."""

    def __init__(self, words: bool) -> None:
        self._words = words
        # Without local variables: questions, keys and articles are among them.
        self._transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=30)

    def __call__(self, logger: Any, method: str, event: Event) -> Event:
        given = event.pop("exc_info", None)
        if not given:
            return event
        info = given if isinstance(given, tuple) else sys.exc_info() if given is True else _info(given)
        if info[1] is None:
            return event
        stacks = self._transform(info)
        if not self._words:
            chain = _chain(info[1])
            for stack, error in zip(stacks, chain, strict=False):
                if not isinstance(error, _HARMLESS):
                    stack["exc_value"] = NOT_SHOWN
                stack.pop("exc_notes", None)
                # Groups hold exceptions of their own, with words of their own.
                stack["exceptions"] = []
        event["exception"] = stacks
        return event


def _info(error: BaseException) -> tuple[Any, BaseException, Any]:
    return type(error), error, error.__traceback__


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and those that it came from, in the order in which structlog shows them."""
    found = [error]
    while True:
        before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if before is None or before in found:
            return found
        found.append(before)
        error = before


class _FromLogging(logging.Handler):
    """What libraries log → our log."""

    def __init__(self, words: bool) -> None:
        super().__init__()
        self._words = words

    def emit(self, record: logging.LogRecord) -> None:
        root = record.name.partition(".")[0]
        more: dict[str, Any] = {}
        if self._words or root in _OWN:
            more["message"] = record.getMessage()
        elif root in _FIRST_LINES:
            more["message"] = record.getMessage().partition("\n")[0]
        if record.exc_info and record.exc_info[1] is not None:
            more |= {"kind": record.exc_info[0].__name__ if record.exc_info[0] else "", "exc_info": record.exc_info}
        level = record.levelname.lower() if record.levelname.lower() in _SEVERE else "info"
        log = structlog.get_logger("citespan")
        getattr(log, level)(record.name, at=f"{record.module}:{record.lineno}", **more)


class Writer:
    """Writes lines, one at a time; a reader of the log that has gone ends nothing.

    Args:
        file: that they are written to.
    """

    _lock = threading.Lock()

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def msg(self, message: str) -> None:
        """Write a line."""
        try:
            with self._lock:
                self._file.write(message + "\n")
                self._file.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = exception = msg


def configure_log(settings: Settings) -> None:
    """Write one JSON object an event to stderr; control characters come out escaped.

    Args:
        settings: from which level on, how often what repeats, and whether with what people asked.
    """
    words = settings.log_questions
    throttle = Throttle(settings.log_repeats)
    writer = Writer(sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _count,
            throttle,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _Exceptions(words),
            structlog.processors.EventRenamer("event"),
            structlog.processors.JSONRenderer(ensure_ascii=True, default=lambda value: type(value).__name__),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_FromLogging(words)], force=True)
    threading.excepthook = _of_thread
    sys.unraisablehook = _unraisable
    _Sweeper.start(throttle)


def _of_thread(given: threading.ExceptHookArgs) -> None:
    if given.exc_value is not None:
        name = given.thread.name if given.thread else ""
        _log().error("unexpected", kind=given.exc_type.__name__, thread=name, exc_info=given.exc_value)


def _unraisable(given: Any) -> None:
    if given.exc_value is not None:
        _log().error("unexpected", kind=given.exc_type.__name__, exc_info=given.exc_value)


def _log() -> Any:
    return structlog.get_logger("citespan")


class _Sweeper:
    """Says how often something was not written, also where it does not happen again."""

    _throttle: Throttle | None = None

    @classmethod
    def start(cls, throttle: Throttle) -> None:
        begun, cls._throttle = cls._throttle is not None, throttle
        if not begun:
            threading.Thread(target=cls._sweep, name="citespan-log", daemon=True).start()

    @classmethod
    def _sweep(cls) -> None:
        while True:
            time.sleep(_WINDOW_SECONDS / 4)
            if cls._throttle is not None:
                report(cls._throttle)


def report(throttle: Throttle) -> None:
    """Write how often events of windows that are over were not written."""
    for (event, kind, status, at), count in throttle.overdue():
        known = {"kind": kind, "status": status, "at": at}
        known = {name: value for name, value in known.items() if value}
        _log().warning("not written", of=event, suppressed=count, **known)
