"""A web address as it will be asked for: checked, in ASCII, with nothing in it that two programs read differently."""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urljoin, urlsplit

from index.errors import FetchError
from index.validation import MAX_URL_CHARACTERS
from index.web.policy import FetchPolicy

_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(
    r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_UNUSABLE = re.compile(r"[\s\x00-\x20\x7f-\xa0\\\ud800-\udfff]")
# What may stand in a path and query as it is; % is kept, so that what was escaped stays so.
_SAFE = "/%:@!$&'()*+,;=~-._?[]|^`{}"


@dataclass(frozen=True, slots=True)
class Target:
    """A web address in parts.

    Attributes:
        scheme: http or https.
        host: name or IP address in ASCII, lower case, without brackets.
        port: TCP port.
        path: path and query, beginning with a slash.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and, where it is not the scheme's own, port, as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, not a name."""
        return ":" in self.host or bool(_NUMBER.fullmatch(self.host.rpartition(".")[2]))

    @property
    def url(self) -> str:
        """The whole address, without a fragment."""
        return self.origin + self.path


def parse_target(url: str, policy: FetchPolicy) -> Target:
    """Take a web address apart.

    Raises:
        FetchError: it is no http or https address, holds a user name, or asks for a port that is not allowed.
    """
    value = url.strip()
    if len(value) > MAX_URL_CHARACTERS:
        raise _bad(f"the address has {len(value):,} characters; at most {MAX_URL_CHARACTERS:,}")
    if _UNUSABLE.search(value):
        raise _bad("the address holds spaces, backslashes or control characters: write them as %20 and the like")
    try:
        parts = urlsplit(value)
        port = parts.port
        host = parts.hostname or ""
    except ValueError:
        raise _bad("this is no web address: write it like https://example.org/page") from None
    if parts.scheme not in _PORTS:
        raise _bad("only http and https addresses are fetched")
    if "@" in parts.netloc:
        raise _bad("the address holds a user name or password, which would end up in articles: leave it out")
    port = _PORTS[parts.scheme] if port is None else port
    if port not in policy.allowed_ports:
        allowed = ", ".join(str(one) for one in policy.allowed_ports)
        raise _bad(f"port {port} is not fetched from (allowed: {allowed}): CITESPAN_ALLOWED_PORTS opens others")
    path = quote(parts.path or "/", safe=_SAFE) + (f"?{quote(parts.query, safe=_SAFE)}" if parts.query else "")
    return Target(parts.scheme, _host(host, "[" in parts.netloc), port, path)


def redirected(target: Target, location: str, policy: FetchPolicy) -> Target:
    """Return where a redirect leads.

    Raises:
        FetchError: nowhere that may be asked.
    """
    try:
        joined = urljoin(target.url, location.strip().replace(" ", "%20"))
    except ValueError:
        raise _bad("the server redirects to something that is no web address") from None
    try:
        return parse_target(joined, policy)
    except FetchError as error:
        raise _bad(f"the server redirects to an address that is not fetched: {error}") from None


def _host(host: str, bracketed: bool) -> str:
    if bracketed:
        try:
            if "%" in host:
                raise ValueError(host)
            return str(IPv6Address(host))
        except ValueError:
            raise _bad("the address in brackets is no IPv6 address") from None
    name = host.removesuffix(".")
    if not name.isascii():
        import idna

        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise _bad("the host's name cannot be written in ASCII: check it") from None
    name = name.lower()
    if not _HOST.fullmatch(name):
        raise _bad("the host's name is missing or holds what no name may hold")
    if _NUMBER.fullmatch(name.rpartition(".")[2]):
        # 2130706433, 0x7f.1 and 0177.0.0.1 all mean 127.0.0.1 to some programs, and something else to others.
        try:
            return str(IPv4Address(name))
        except AddressValueError:
            raise _bad("the host is a number that is no IPv4 address: write it as four decimal numbers") from None
    return name


def _bad(message: str) -> FetchError:
    return FetchError(message)
