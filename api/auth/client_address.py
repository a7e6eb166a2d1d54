"""Where a request comes from: the peer, or what proxies that are believed say."""

import ipaddress
from collections.abc import Sequence

from starlette.types import Scope

from index import InputError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_MAX_HOPS = 32


def networks_of(texts: Sequence[str]) -> tuple[Network, ...]:
    """Return addresses and networks in CIDR form.

    Raises:
        InputError: one is none.
    """
    found = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise InputError(f"{text[:60]!r} is no address or network: {error}") from None
    return tuple(found)


class Address:
    """A client's address.

    Args:
        text: as it is written; None where there is none, as on a socket of the file system.

    Attributes:
        loopback: whether it is this machine.
        identity: what is counted: of IPv6 the network of 64 bits that one client has to itself.
    """

    def __init__(self, text: str | None) -> None:
        ip = _ip(text)
        self.loopback = text is None or (ip is not None and ip.is_loopback)
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ipaddress.IPv6Address(int(ip) >> 64 << 64)
        self.identity = str(ip) if ip is not None else "local"


def address_of(scope: Scope, proxies: Sequence[Network]) -> Address:
    """Return whom a request comes from: the last one in X-Forwarded-For that is no proxy of ours.

    Args:
        scope: of the request.
        proxies: whose X-Forwarded-For is believed; anybody can write one, so each is believed about its peer only.
    """
    peer = scope.get("client")
    address: str | None = peer[0] if peer else None
    if not proxies or not _within(address, proxies):
        return Address(address)
    given = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for hop in reversed(given.decode("latin-1").split(",")[-_MAX_HOPS:]):
        said = _without_port(hop.strip())
        if _ip(said) is None:
            break  # what stands before something unreadable is anybody's guess
        address = said
        if not _within(said, proxies):
            break
    return Address(address)


def _within(text: str | None, networks: Sequence[Network]) -> bool:
    ip = _ip(text)
    return ip is not None and any(ip in network for network in networks)


def _ip(text: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address((text or "").split("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _without_port(text: str) -> str:
    # Some proxies write [2001:db8::1]:443 and 192.0.2.1:443.
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
