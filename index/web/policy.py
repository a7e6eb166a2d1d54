"""What a fetcher may do: which addresses it may dial, and its limits in time, size and rate."""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from index.errors import InputError

MIB = 1024**2
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Never dialled, whatever is allowed: where clouds hand out credentials (most by 169.254.169.254), the machine itself by
# its other name 0.0.0.0, and what is no single machine.
_NEVER = tuple(
    ip_network(one)
    for one in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
        "ff00::/8",
    )
)
# What ipaddress takes for public and is not: a relay of 6to4, and within 2000::/3 what names no one machine of the
# internet's or holds another address inside (2001::/23 with Teredo, 2002::/16 with 6to4).
_NOT_PUBLIC = tuple(
    ip_network(one) for one in ("192.88.99.0/24", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """Where a fetcher may go and how far.

    Attributes:
        allowed_networks: ranges in CIDR form that may be dialled though they are private.  Loopback must be listed by
            itself (``127.0.0.1/32``); addresses at which clouds hand out credentials stay closed.
        allowed_ports: ports that may be dialled.
        seconds: time for one page with its redirects, waiting for the host's turn not counted.
        max_bytes: largest page, after decompression.
        max_redirects: redirects that are followed.
        pause_seconds: time between two requests to one host, at least.
        patience_seconds: longest wait for a host's turn; beyond it the page fails with the time to come again.
        max_pages: pages that one feed or sitemap may bring at a time.

    Raises:
        InputError: a range or a port is none.
    """

    allowed_networks: tuple[str, ...] = ()
    allowed_ports: tuple[int, ...] = (80, 443)
    seconds: float = 20.0
    max_bytes: int = 10 * MIB
    max_redirects: int = 5
    pause_seconds: float = 1.0
    patience_seconds: float = 60.0
    max_pages: int = 1_000

    def __post_init__(self) -> None:
        _networks(self.allowed_networks)
        for port in self.allowed_ports:
            if not 1 <= port <= 65_535:
                raise InputError(f"allowed_ports: {port} is no port: give 1 to 65,535", field="allowed_ports")

    def permits(self, address: str) -> bool:
        """Whether an IP address may be dialled."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return self._permits(found)

    def _permits(self, found: Address) -> bool:
        inner = _inside(found)
        if inner is not None:
            return self._permits(inner)
        if any(found in network for network in _NEVER):
            return False
        allowed = _networks(self.allowed_networks)
        if found.is_loopback:
            return any(network.is_loopback and found in network for network in allowed)
        return any(found in network for network in allowed) or _public(found)


def _public(found: Address) -> bool:
    if any(found in network for network in _NOT_PUBLIC):
        return False
    if isinstance(found, IPv6Address):
        return found in _UNICAST
    return found.is_global


def _inside(found: Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for: mapped ones, and NAT64's, which whole networks use."""
    if isinstance(found, IPv4Address):
        return None
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None


@lru_cache(maxsize=64)
def _networks(values: tuple[str, ...]) -> tuple[Network, ...]:
    networks = []
    for value in values:
        try:
            networks.append(ip_network(value))
        except ValueError as error:
            raise InputError(
                f"allowed_networks: {value!r} is no range ({error}): write it like 10.1.0.0/16",
                field="allowed_networks",
            ) from None
    return tuple(networks)
