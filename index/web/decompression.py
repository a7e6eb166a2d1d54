"""Compressed bytes → bytes, never more than a limit: two megabytes of gzip can hold two gigabytes."""

import zlib
from collections.abc import Iterable, Iterator

from index.errors import FetchError

# At most so much comes out at a time, whatever the ratio.
_STEP = 256 * 1024
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def inflated(parts: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """Yield what compressed bytes hold, a little at a time, so that the taker can stop.

    Args:
        parts: the compressed bytes.
        coding: a Content-Encoding: "", identity, gzip, x-gzip or deflate.

    Raises:
        FetchError: another coding, or damaged bytes.
    """
    name = coding.strip().lower()
    if name in ("", "identity"):
        yield from parts
        return
    if name not in _WINDOWS:
        raise FetchError(f"the server compresses in a way that was not asked for ({name[:40]!r})")
    window = _WINDOWS[name]
    engine = zlib.decompressobj(window)
    begun = False
    for part in parts:
        rest = part
        while rest:
            if engine.eof:
                # gzip files may follow one another; what follows a whole one and is none is padding.
                if window != 31 or not rest.startswith(b"\x1f\x8b"):
                    return
                engine = zlib.decompressobj(window)
            try:
                out = engine.decompress(rest, _STEP)
            except zlib.error:
                if begun or name != "deflate":
                    raise FetchError("what the server sent compressed is damaged") from None
                # Some send deflate without the wrapping that its name stands for.
                engine = zlib.decompressobj(-15)
                begun = True
                continue
            begun = True
            rest = engine.unused_data if engine.eof else engine.unconsumed_tail
            if out:
                yield out
    if not engine.eof and begun:
        while out := engine.decompress(engine.unconsumed_tail, _STEP):
            yield out
        if not engine.eof:
            raise FetchError("what the server sent compressed is cut off")
