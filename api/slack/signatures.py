"""Whether a request is Slack's: signed with the secret that only Slack and this service know, fresh, and not seen yet.

Own lines around hmac: slack_sdk's verifier raises on a timestamp that is no number, on a body that is not UTF-8 and on
a signature that is not ASCII, and knows nothing of replays.  The tests sign with it.
"""

import hashlib
import hmac
import re

from api.errors import Problem, busy

# https://docs.slack.dev/authentication/verifying-requests-from-slack
_TOLERANCE_SECONDS = 300
_TIMESTAMP = re.compile(rb"[0-9]{1,12}")
_MOST_KEPT = 10_000


class Signatures:
    """Checks signatures of the version v0, and takes each only once.

    Those that were taken are kept, in memory, for as long as their timestamp would be taken again; a restart forgets
    them.  Only requests with a right signature take up a place.  Used in the event loop only.

    Args:
        secret: Slack's signing secret.
        most: signatures kept; when they are that many, no more is taken until the oldest has run out.
    """

    def __init__(self, secret: str, most: int = _MOST_KEPT) -> None:
        self._secret = secret.encode()
        self._most = most
        # When each runs out, by signature; about in that order, since Slack's clock and ours agree but for minutes.
        self._taken: dict[bytes, float] = {}

    def take(self, timestamps: list[bytes], signatures: list[bytes], body: bytes, *, now: float) -> None:
        """Take a request, once.

        Args:
            timestamps: the values of X-Slack-Request-Timestamp; there must be one.
            signatures: the values of X-Slack-Signature; there must be one.
            body: as it came in.
            now: seconds since the epoch.

        Raises:
            Problem: 403 not Slack's, too old, from the future or taken before; 503, too many are kept.
        """
        if len(timestamps) != 1 or len(signatures) != 1 or not _TIMESTAMP.fullmatch(timestamps[0]):
            raise Problem(403, "this address is for Slack, which signs what it sends: X-Slack-Signature is missing")
        right = (
            b"v0=" + hmac.new(self._secret, b"v0:%b:%b" % (timestamps[0], body), hashlib.sha256).hexdigest().encode()
        )
        if not hmac.compare_digest(right, signatures[0]):
            raise Problem(
                403, "the signature is not right: CITESPAN_SLACK_SIGNING_SECRET must be that of the Slack app"
            )
        when = int(timestamps[0])
        if abs(now - when) > _TOLERANCE_SECONDS:
            raise Problem(403, "the signature is more than five minutes old or early: check this machine's clock")
        self._forget(now)
        if right in self._taken:
            raise Problem(403, "this request was taken before: send the command again")
        if len(self._taken) >= self._most:
            raise busy(30, "more commands come from Slack than can be told apart: try again later")
        self._taken[right] = when + _TOLERANCE_SECONDS

    def _forget(self, now: float) -> None:
        while self._taken:
            oldest = next(iter(self._taken))
            if self._taken[oldest] >= now:
                return
            del self._taken[oldest]
