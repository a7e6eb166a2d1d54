"""What a format is, what it is given, and what several of them share."""

import enum
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import Any, BinaryIO

from index.errors import TooLarge, UnsupportedFormat
from index.text.decoding import decode_text
from index.types import Article, Failure

HEAD_BYTES = 65_536
# Types that servers and browsers send for want of a better one: they say nothing.
_VAGUE_TYPES = ("text/plain", "application/octet-stream", "binary/octet-stream", "application/x-download")
_CHARSET = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]{2,40})|^\s*<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([\w-]{2,40})",
    re.IGNORECASE,
)


class Sure(enum.IntEnum):
    """How far the content alone says that bytes are of a format."""

    NO = 0  # they cannot be
    MAYBE = 1  # they can be: a declared type or the name's end decides
    LIKELY = 2  # they are built like it
    YES = 3  # nothing else looks like this


class Allowance:
    """How many bytes may still be unpacked from one file, archives in it included.

    Args:
        size: bytes.
    """

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """Use some of it up.

        Raises:
            TooLarge: there is not so much left.
        """
        if size > self.left:
            raise TooLarge("the archive holds more than may be unpacked at once: split it")
        self.left -= size


@dataclass(frozen=True)
class Given:
    """Bytes to make articles of, and what is known of them beforehand.

    Attributes:
        data: the whole file.
        name: its name or path, as failures call it.
        content_type: declared media type in lower case without parameters, "" where unknown or vague.
        charset: declared encoding of text, None where unknown.
        known: fields of Article that the caller knows; they win over what the file says.
        depth: in how many archives it lies.
        allowance: what archives may still unpack.
    """

    data: bytes = field(repr=False)
    name: str
    content_type: str = ""
    charset: str | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    depth: int = 0
    allowance: Allowance = field(default_factory=lambda: Allowance(0), repr=False)

    @cached_property
    def text(self) -> str:
        """The bytes decoded.

        Raises:
            UnsupportedFormat: they are not text.
        """
        return decode_text(self.data, self.charset or own_charset(self.data))

    @cached_property
    def head(self) -> str:
        """The beginning of the text, to recognise a format by; "" where it is not text."""
        try:
            return decode_text(self.data[:HEAD_BYTES], self.charset or own_charset(self.data))
        except UnsupportedFormat:
            return ""

    @cached_property
    def root(self) -> str:
        """Name of the first element of XML or HTML in lower case, without a prefix; "" for anything else.

        A document type of HTML counts as its element.
        """
        return first_element(self.head)

    @property
    def shared(self) -> dict[str, Any]:
        """What is known and holds for each of several articles in one file."""
        return {name: value for name, value in self.known.items() if name not in ("id", "title", "url")}

    def entry_id(self, key: str) -> str:
        """Return the id of one of several articles: the same key in the same file gets the same one."""
        return make_id(key, f"{self.known.get('id') or self.name}\n{key}")


@dataclass(frozen=True, slots=True)
class Format:
    """A format of files.

    Attributes:
        name: one word; also names its job in the subprocess.
        recognises: how far the content says that bytes are of it.
        read: the articles and failures of bytes of this format; may raise a CitespanError for the file as a whole.
        suffixes: ends of names, with the full stop.
        content_types: media types.
        parse: what runs in the subprocess, (data, arguments) → what JSON can carry; None where no library parses.
        stream: reads a file of any length piece by piece; None where a file is read as a whole.
        several: whether one file may hold several articles.
        fallback: whether it takes what nothing else does.
    """

    name: str
    recognises: Callable[[Given], Sure]
    read: Callable[[Given], Iterator[Article | Failure]]
    suffixes: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()
    parse: Callable[..., dict[str, Any]] | None = None
    stream: Callable[[BinaryIO, Given], Iterator[Article | Failure]] | None = None
    several: bool = False
    fallback: bool = False

    def has_suffix(self, name: str) -> bool:
        """Whether a name ends as those of this format do."""
        return name.lower().endswith(self.suffixes)


def first_element(text: str) -> str:
    """Return the name of the element that a text begins with, after declarations and comments; "" where none does."""
    at = 0
    # A loop and not one pattern: patterns try comments in all combinations before they give up.
    while True:
        while text[at : at + 1].isspace():
            at += 1
        opening = text[at : at + 9].lower()
        if opening.startswith("<!--"):
            end, length = text.find("-->", at), 3
        elif opening.startswith("<?"):
            end, length = text.find("?>", at), 2
        elif opening == "<!doctype":
            if re.match(r"\s+html\b", text[at + 9 : at + 50], re.IGNORECASE):
                return "html"
            end = text.find(">", at)
            if -1 < text.find("[", at) < end:
                end = text.find(">", max(text.find("]", at), at))
            length = 1
        else:
            match = re.match(r"<([\w:.-]{1,100})", text[at : at + 101])
            return match[1].lower().rpartition(":")[2] if match else ""
        if end < 0:
            return ""
        at = end + length


def own_charset(data: bytes) -> str | None:
    """Return the encoding that a page or an XML file declares in itself."""
    match = _CHARSET.search(data[:4_096])
    return (match[1] or match[2]).decode("ascii") if match else None


def split_content_type(value: str | None) -> tuple[str, str | None]:
    """Split a Content-Type into a media type, "" where it says nothing, and a charset."""
    media, _, rest = (value or "").partition(";")
    media = media.strip().lower()
    match = re.search(r"charset\s*=\s*[\"']?([\w.:-]{2,40})", rest, re.IGNORECASE)
    return "" if media in _VAGUE_TYPES else media, match[1] if match else None


def make_id(name: str, place: str) -> str:
    """Return an id made of a file's name, for people, and of where it is, so that no two are the same."""
    slug = re.sub(r"[^\w]+", "-", PurePath(name).stem.lower()).strip("-_")[:60] or "file"
    return f"{slug}-{hashlib.sha256(place.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def title_from_name(name: str) -> str:
    """Return a title made of a file's name: "annual-report.pdf" gives "Annual report"."""
    words = re.sub(r"[-_\s]+", " ", PurePath(name).stem).strip().encode("utf-8", "replace").decode()
    return words[:1].upper() + words[1:]
