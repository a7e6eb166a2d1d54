"""ZIP archives, opened only where what they declare is within limits.

What an entry declares also bounds what reading it gives, so nothing is unpacked beyond it.
"""

import struct
import zipfile
import zlib
from io import BytesIO

from index.errors import InputError, TooLarge, UnsupportedFormat

SIGNATURES = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# An entry of a megabyte or more that shrank to less than this part is no text that a person wrote.
LEAST_SHARE = 1 / 200
_RATIO_FROM = 1024**2
_END = struct.Struct("<4s4H2LH")
_LONGEST_COMMENT = 65_535
# bzip2 and LZMA cannot be unpacked piece by piece within a limit on memory.
# What the library raises of damaged archives; NotImplementedError is its word for versions and methods that it does not
# know, which damage makes up.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OSError,
    ValueError,
)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def open_archive(data: bytes, *, entries: int, what: str = "archive") -> zipfile.ZipFile:
    """Open an archive that holds at most so many entries.

    Args:
        data: the archive.
        entries: the most that may be in it.
        what: what messages call it.

    Raises:
        UnsupportedFormat: it is damaged or cut short.
        TooLarge: it holds more entries.
    """
    damaged = UnsupportedFormat(f"the {what} is damaged or cut short (its ZIP directory is missing): get it again")
    tail = data[-(_END.size + _LONGEST_COMMENT) :]
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise damaged
    fields = _END.unpack_from(tail, place)
    # Looked at before the library reads the directory: its objects take fifty times the bytes.
    if fields[4] > entries or fields[5] > entries * 1_000:
        raise TooLarge(f"the {what} holds {fields[4]:,} entries; at most {entries:,}: split it")
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except _DAMAGED:
        raise damaged from None
    if len(archive.filelist) > entries:
        raise TooLarge(f"the {what} holds {len(archive.filelist):,} entries; at most {entries:,}: split it")
    return archive


def check_sizes(archive: zipfile.ZipFile, *, most: int, what: str, skip: tuple[str, ...] = ()) -> None:
    """Refuse an archive whose entries declare too much, before anything is unpacked.

    Args:
        archive: the open archive.
        most: bytes that all entries together may have once unpacked.
        what: what messages call it.
        skip: folders that are not counted.

    Raises:
        TooLarge: they declare more.
    """
    total = sum(entry.file_size for entry in archive.filelist if not (skip and entry.filename.startswith(skip)))
    if total > most:
        mib = 1024**2
        raise TooLarge(f"the {what} unpacks to {total / mib:,.0f} MiB; at most {most // mib:,} MiB: split it")


def read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo | str, *, most: int) -> bytes:
    """Return what an entry holds.

    Raises:
        InputError: it needs a password or is packed in a way that cannot be bounded.
        TooLarge: it is over ``most`` bytes, or shrank more than text does.
        UnsupportedFormat: it is damaged.
    """
    try:
        info = archive.getinfo(entry) if isinstance(entry, str) else entry
    except KeyError:
        raise UnsupportedFormat(f"{entry} is missing in it: get it again") from None
    if info.flag_bits & 1:
        raise InputError("it is protected by a password: unpack it first")
    if info.compress_type not in _METHODS:
        raise InputError("it is packed by a method other than deflate: pack it again")
    if info.file_size > most:
        raise TooLarge(f"it has {info.file_size:,} bytes unpacked; at most {most:,}: split it")
    if info.file_size > _RATIO_FROM and info.compress_size < info.file_size * LEAST_SHARE:
        raise TooLarge(f"it grows from {info.compress_size:,} to {info.file_size:,} bytes, as no real text does")
    try:
        with archive.open(info) as unpacked:
            data = unpacked.read(info.file_size + 1)
    except _DAMAGED:
        raise UnsupportedFormat("it is damaged: get it again") from None
    if len(data) != info.file_size:
        raise UnsupportedFormat("it is cut short: get it again")
    return data


def names_in(data: bytes) -> set[str]:
    """Return the names of an archive's entries, none where it cannot be opened within 10,000 of them."""
    try:
        with open_archive(data, entries=10_000) as archive:
            return {entry.filename for entry in archive.filelist}
    except InputError:
        return set()
