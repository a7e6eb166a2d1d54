"""Bytes → text: the only place where an article's characters may change.

A byte order mark is dropped, bytes are decoded, and text that was decoded wrongly as a whole
before it came here is repaired if that is possible without loss.  Nothing is normalised: line ends,
combining marks and rare characters stay as they came.
"""

import codecs
import re

from index.errors import UnknownFormat

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# First bytes of formats that are often handed in by mistake.
_MAGIC = (
    (b"%PDF-", "a PDF", "add it as a file"),
    (b"PK\x03\x04", "a ZIP archive (DOCX and EPUB are such)", "add it as a file"),
    (b"\xd0\xcf\x11\xe0", "an old Office document, or one with a password", "save it as DOCX, PDF or text"),
    (b"MZ", "a Windows program", "add documents: docs/formats.md lists what can be read"),
    (b"\x7fELF", "a program", "add documents: docs/formats.md lists what can be read"),
    (b"\x89PNG", "an image", "run text recognition over it and add the text"),
    (b"\xff\xd8\xff", "an image", "run text recognition over it and add the text"),
    (b"GIF8", "an image", "run text recognition over it and add the text"),
    (b"\x1f\x8b", "gzip data", "unpack it"),
    (b"BZh", "bzip2 data", "unpack it"),
    (b"\xfd7zXZ", "xz data", "unpack it"),
    (b"SQLite format 3", "a database", "export its articles as NDJSON"),
    (b"{\\rtf", "RTF", "save it as DOCX, HTML or text"),
    (b"RIFF", "audio, video or an image", "add a transcript as text"),
    (b"ID3", "audio", "add a transcript as text"),
    (b"\xff\xfb", "audio", "add a transcript as text"),
    (b"OggS", "audio or video", "add a transcript as text"),
    (b"fLaC", "audio", "add a transcript as text"),
    (b"\x1aE\xdf\xa3", "video", "add a transcript as text"),
    (b"II*\x00", "an image", "run text recognition over it and add the text"),
    (b"MM\x00*", "an image", "run text recognition over it and add the text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it, or pack it as ZIP"),
    (b"Rar!", "a RAR archive", "unpack it, or pack it as ZIP"),
)
_CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1b")
_MOJIBAKE = re.compile("[ÂÃâ][\u0080-\u00bf‚-„†-•…‰‹›€™˜œ–—‘’“”ŠšŽžŸƒˆ]")


def decode_text(data: bytes, declared: str | None = None) -> str:
    """Decode the bytes of a text of any encoding.

    A byte order mark decides first, then UTF-8 if the bytes are valid, then the declared encoding,
    then what the bytes look like, windows-1252 in doubt.

    Args:
        data: the bytes.
        declared: an encoding that the source names, as in ``<meta charset>``.

    Returns:
        The text, without a byte order mark and without lone surrogates.

    Raises:
        UnknownFormat: the bytes are not text; the message says what they look like.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _clean(data.decode(encoding, "replace"))
    _refuse_binary(data)
    try:
        return _clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    for encoding in filter(None, (declared, _guess(data))):
        try:
            return _clean(data.decode(encoding))
        except (LookupError, UnicodeDecodeError, ValueError):
            continue
    return _clean(data.decode("windows-1252", "replace"))


def repair(text: str) -> str:
    """Undo one wrong decoding of UTF-8 as windows-1252 ("donâ€™t"), if all of the text can be restored.

    The whole text must go back to bytes and decode as UTF-8; otherwise it is returned as it is.
    """
    if not _MOJIBAKE.search(text):
        return text
    try:
        restored = b"".join(_to_byte(character) for character in text).decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return text
    return restored


def _to_byte(character: str) -> bytes:
    try:
        return character.encode("windows-1252")
    except UnicodeEncodeError:
        # Five bytes have no place in windows-1252; decoders pass them through as C1 controls.
        return character.encode("latin-1")


def _clean(text: str) -> str:
    return repair(text.removeprefix("\ufeff"))


def _refuse_binary(data: bytes) -> None:
    if data[4:8] == b"ftyp":
        raise UnknownFormat("this is audio, video or an image, which this version cannot read: add its text")
    for magic, what, advice in _MAGIC:
        # A text may begin with the letters of RIFF or ID3; bytes of a file have others soon after.
        if data.startswith(magic) and not (magic.isalnum() and data[:64].isascii() and b"\x00" not in data[:64]):
            raise UnknownFormat(f"this is {what}, which this version cannot read: {advice}")
    sample = data[:65_536]
    if not sample:
        return
    strange = len(sample) - len(sample.translate(None, _CONTROL))
    # Text in UTF-16 without a mark is half zero bytes as well, and as unreadable to anyone who
    # has not been told.
    if strange > max(2, 0.01 * len(sample)):
        raise UnknownFormat(
            "these are binary data of no format that can be read: add a document, such as PDF, DOCX, HTML or text"
        )


def _guess(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    sample = data[:50_000]
    high = sum(byte >= 0x80 for byte in sample)
    # A few high bytes in western text are quotes and accents; detectors guess wildly from so few.
    if high < 0.25 * len(sample):
        return "windows-1252"
    best = from_bytes(sample).best()
    return best.encoding if best else None
