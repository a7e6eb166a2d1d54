"""Names for what is kept and answered, unlike each other and sortable by time."""

import secrets
import time

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id(prefix: str = "ans_") -> str:
    """Return a new id: a prefix and a ULID (48 bits of milliseconds, 80 random ones), sortable by time."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return prefix + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
