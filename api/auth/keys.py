"""API keys: made, kept as their SHA-256, found by it, rotated, revoked.

They lie in the library's records, so that a command can change them beside a running service, which looks at each
request: what was revoked is refused from the next one on.  A revoked key is kept, marked: that there was a key is what
keeps a service closed whose last one has gone.  That there was one is noted in the library too, so that a service whose
records are lost stays closed.
"""

import hashlib
import hmac
import logging
import re
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from api.auth.callers import Caller, Scope
from api.auth.cors import check_origin
from api.auth.rate_limits import rate_of
from index import (
    Changes,
    CitespanError,
    InputError,
    NotFound,
    Record,
    RecordNotFound,
    Records,
    add_mark,
    check_collection_name,
    instant,
    now,
    read_marks,
)

PREFIX = "cs_"
_KEY, _NAME, _ORIGIN = "key", "key-name", "key-origin"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# What secrets.token_urlsafe(32) makes, and six digits of checksum.
_FORM = re.compile(r"cs_([A-Za-z0-9_-]{43})([0-9A-Za-z]{6})")
_NAMES = re.compile(r"(?!key_)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHOWN = 16
_PAGE = 1_000
# What is noted of a library in which a key was ever made.
MARK = "keys"
_log = logging.getLogger(__name__)


class KeyNotFound(NotFound):
    """No such key."""


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key, which is all but the key.

    Attributes:
        id: ``key_`` and the SHA-256 of the key, in hex.
        name: whose it is or what for; after a rotation the old and the new key have the same.
        scope: what it allows.
        collections: for which it is, None for all.
        created: ISO 8601 instant (UTC).
        expires: instant from which it is refused, None for never.
        revoked: instant at which it was revoked, None where it was not.
        last_used: instant, to about a minute; None for never.
        origins: of the pages on which alone it may be used; empty where it is not for pages.
        rate: in place of the setting, as in ``60/minute``.
    """

    id: str
    name: str
    scope: Scope
    collections: tuple[str, ...] | None = None
    created: str = ""
    expires: str | None = None
    revoked: str | None = None
    last_used: str | None = None
    origins: tuple[str, ...] = ()
    rate: str | None = None

    @property
    def shown(self) -> str:
        """As much of the id as tells keys apart."""
        return self.id[:_SHOWN]

    @property
    def state(self) -> str:
        """``active``, ``expired`` or ``revoked``."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now() else "active"

    @property
    def caller(self) -> Caller:
        """Whoever uses it."""
        collections = None if self.collections is None else frozenset(self.collections)
        return Caller(self.name, self.scope, collections, public=bool(self.origins), key=self.id)


def after(seconds: float) -> str:
    """Return the instant so many seconds from now.

    Raises:
        InputError: it is beyond the year 9999.
    """
    try:
        return instant(datetime.now(UTC) + timedelta(seconds=seconds))
    except OverflowError:
        raise InputError("that time is beyond the year 9999: choose a nearer one") from None


def new_secret() -> str:
    """Return a new key: ``cs_``, 256 random bits, and a checksum by which scanners know it from look-alikes."""
    body = PREFIX + secrets.token_urlsafe(32)
    return body + _checksum(body)


def is_secret(text: str) -> bool:
    """Return whether a text has the form of a key, its checksum included."""
    match = _FORM.fullmatch(text)
    return match is not None and hmac.compare_digest(_checksum(PREFIX + match[1]).encode(), match[2].encode())


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("ascii"))
    digits = []
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def _id_of(secret: str) -> str:
    return "key_" + hashlib.sha256(secret.encode("ascii")).hexdigest()


class Keys:
    """The keys of one library.  Safe for use from several threads and beside other processes.

    Args:
        records: where they are kept.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    def any(self) -> bool:
        """Return whether there is a key or ever was one."""
        return bool(self._records.list(_KEY, limit=1))

    def are_lost(self) -> bool:
        """Return whether there is no key though there was one: the records were removed.

        Raises:
            LibraryFormatError: what is noted of the library cannot be read.
        """
        return not self.any() and MARK in read_marks(self._records.path.parent)

    def note(self) -> None:
        """Note in the library that there was a key; what the disk refuses is noted another time."""
        try:
            add_mark(self._records.path.parent, MARK)
        except CitespanError as error:
            _log.warning("that there are keys is not noted in the library yet: %s", error)

    def any_active(self) -> bool:
        """Return whether there is a key that is neither revoked nor expired."""
        return any(key.state == "active" for key in self.all())

    def all(self) -> Iterator[Key]:
        """Give all keys in the order in which they were made, those that were revoked too."""
        after = 0
        while page := self._records.list(_KEY, after=after, limit=_PAGE):
            yield from map(_made, page)
            after = page[-1].number

    def find(self, secret: str) -> Key | None:
        """Return the key that a text is, None where it is none that may be used now; one look-up by its hash."""
        if not is_secret(secret):
            return None
        wanted = _id_of(secret)
        try:
            key = _made(self._records.get(_KEY, wanted))
        except RecordNotFound:
            return None
        if not hmac.compare_digest(key.id.encode("ascii"), wanted.encode("ascii")):
            return None
        return key if key.state == "active" else None

    def admits(self, caller: Caller) -> bool:
        """Return whether a caller who came in earlier would be let in now: their key is still good."""
        if caller.key is None:
            return True
        try:
            return _made(self._records.get(_KEY, caller.key)).state == "active"
        except RecordNotFound:
            return False

    def names_origin(self, origin: str) -> bool:
        """Return whether a key that was not revoked is for pages of an origin."""
        return bool(self._records.list(f"{_ORIGIN} {origin}", limit=1))

    def add(
        self,
        name: str,
        scope: Scope,
        *,
        collections: Iterable[str] | None = None,
        expires: str | None = None,
        origins: Iterable[str] = (),
        rate: str | None = None,
    ) -> tuple[Key, str]:
        """Make a key; return what is kept of it, and the key, which is nowhere else.

        Args:
            name: its own among the keys in use.
            scope: what it allows.
            collections: for which it is, None for all; they need not exist yet.
            expires: instant from which it is refused, None for never.
            origins: of the pages on which alone it may be used; everyone can read such a key there.
            rate: in place of the setting, None for that.

        Raises:
            InputError: one of them cannot be used, or the name is taken.
            StorageError: the disk refused; there is no key then.
        """
        if not _NAMES.fullmatch(name):
            raise InputError("name must be 1 to 64 of A-Z, a-z, 0-9, '.', '_' and '-', and not begin with key_")
        named = None if collections is None else tuple(dict.fromkeys(map(check_collection_name, collections)))
        pages = tuple(dict.fromkeys(map(check_origin, origins)))
        if pages and scope is not Scope.ASK:
            raise InputError("whoever opens a page can read its key: a key with origins may have the scope ask only")
        if rate is not None:
            rate_of(rate)
        if expires is not None and expires <= now():
            raise InputError("the key would have expired already: choose a later time")
        secret = new_secret()
        key = Key(_id_of(secret), name, scope, named, expires=expires, origins=pages, rate=rate)
        with self._records.change() as changes:
            current = _current(changes, name)
            if current is not None and current.state == "active":
                raise InputError(f"there is a key named {name!r}: rotate or revoke it, or take another name")
            kept = _put(changes, key)
        # After the key: a note without one would lock everyone out.
        self.note()
        return kept, secret

    def rotate(self, name: str, *, grace: float, expires: str | None = None) -> tuple[Key, Key, str]:
        """Make a new key that may do what one of that name may; return the new one, the old one and the key.

        Args:
            name: of the key.
            grace: seconds for which the old one goes on working.
            expires: instant from which the new one is refused; None gives it as long a life as the old one had.

        Raises:
            KeyNotFound: there is none of that name that was not revoked.
            InputError: expires is past.
        """
        if expires is not None and expires <= now():
            raise InputError("the key would have expired already: choose a later time")
        secret = new_secret()
        with self._records.change() as changes:
            old = _current(changes, name)
            if old is None or old.revoked is not None:
                raise KeyNotFound(f"there is no key named {name!r}: see citespan keys list")
            if expires is None and old.expires is not None:
                life = datetime.fromisoformat(old.expires) - datetime.fromisoformat(old.created)
                expires = after(life.total_seconds())
            new = replace(old, id=_id_of(secret), created="", expires=expires, last_used=None)
            until = after(grace)
            old = _put(changes, replace(old, expires=min(until, old.expires or until)))
            return _put(changes, new), old, secret

    def revoke(self, wanted: str) -> list[Key]:
        """Refuse a key from now on; return those that are.

        Args:
            wanted: a name, for the key and those that it replaced; or an id, or its beginning, for one.

        Raises:
            KeyNotFound: there is none, or it was revoked before; or an id's beginning is that of several.
        """
        one = re.fullmatch(r"key_[0-9a-f]{8,64}", wanted) is not None
        found = [key.id for key in self.all() if (key.id.startswith(wanted) if one else key.name == wanted)]
        if one and len(found) > 1:
            raise KeyNotFound(f"several keys begin with {wanted}: write more of the id")
        with self._records.change() as changes:
            keys = [_made(changes.get(_KEY, key_id)) for key_id in found]
            newest = None if one else _current(changes, wanted)  # it may have been rotated since
            if newest is not None and newest.id not in found:
                keys.append(newest)
            gone = [replace(key, revoked=now()) for key in keys if key.revoked is None]
            if not gone:
                raise KeyNotFound(f"there is no key {wanted!r} that was not revoked: see citespan keys list --all")
            return [_put(changes, key) for key in gone]

    def used(self, when: Mapping[str, str]) -> None:
        """Write down when keys were last used.

        Args:
            when: id of a key → instant.
        """
        with self._records.change() as changes:
            for key_id, last in when.items():
                key = _made(changes.get(_KEY, key_id))
                # What was written while the clock was ahead would stand for as long as it was.
                if key.last_used is None or not last <= key.last_used <= now():
                    changes.put(_record(replace(key, last_used=last)))


def _current(changes: Changes, name: str) -> Key | None:
    """Return the newest key of a name."""
    try:
        return _made(changes.get(_KEY, changes.get(_NAME, f"{_NAME} {name}").body["key"]))
    except RecordNotFound:
        return None


def _put(changes: Changes, key: Key) -> Key:
    """Write a key, and for one that is in use where its name and its origins lead."""
    kept = changes.put(_record(key))
    if key.created == "":
        changes.put(Record(_NAME, f"{_NAME} {key.name}", {"key": key.id}))
    for place, origin in enumerate(key.origins):
        kind, record_id = f"{_ORIGIN} {origin}", f"{_ORIGIN} {key.id} {place}"
        if key.revoked is None:
            changes.put(Record(kind, record_id, {}))
        else:
            changes.remove(kind, record_id)
    return _made(kept)


def _record(key: Key) -> Record:
    body: dict[str, Any] = {
        "name": key.name,
        "scope": key.scope.value,
        "collections": None if key.collections is None else list(key.collections),
        "expires": key.expires,
        "revoked": key.revoked,
        "last_used": key.last_used,
        "origins": list(key.origins),
        "rate": key.rate,
    }
    return Record(_KEY, key.id, body)


def _made(record: Record) -> Key:
    facts = record.body
    return Key(
        id=record.id,
        name=facts["name"],
        scope=Scope(facts["scope"]),
        collections=None if facts["collections"] is None else tuple(facts["collections"]),
        created=record.created,
        expires=facts["expires"],
        revoked=facts["revoked"],
        last_used=facts["last_used"],
        origins=tuple(facts["origins"]),
        rate=facts["rate"],
    )
