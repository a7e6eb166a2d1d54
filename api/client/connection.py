"""What both clients know of the service: its address, the key, and what is sent along with every request."""

from typing import Any

import httpx2

DEFAULT_URL = "http://127.0.0.1:8000"
AGENT = "citespan-python"
# Entries of a listing that are asked for at a time.
PAGE = 200
# Pauses between two looks at a job that is waited for, in seconds; the last one again and again.
LOOKS = (0.1, 0.2, 0.5, 1.0, 2.0)


class Address:
    """Where the service is, and how a request to it is put together.

    Args:
        base_url: http or https, without query; a path is kept, for a service behind a proxy.
        api_key: of ``citespan keys add``, None where the service wants none.

    Raises:
        ValueError: base_url or api_key cannot be one.
    """

    def __init__(self, base_url: str, api_key: str | None) -> None:
        try:
            url = httpx2.URL(base_url)
        except (httpx2.InvalidURL, TypeError) as error:
            raise ValueError(f"base_url is no address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment or url.userinfo:
            raise ValueError(f"base_url is to be like {DEFAULT_URL}: http or https, a host, and at most a path")
        if api_key is not None and (not api_key.isascii() or not api_key.isprintable() or not api_key.strip()):
            raise ValueError("api_key holds what no key does: give it as citespan keys add printed it")
        self.base = str(url).rstrip("/")
        self._headers = {"User-Agent": AGENT}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key.strip()}"

    def complete(self, path: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the transport's arguments of a request: with its address, and what goes along with every one."""
        headers = {**self._headers, **arguments["headers"]}
        return {**arguments, "url": self.base + path, "headers": headers}
