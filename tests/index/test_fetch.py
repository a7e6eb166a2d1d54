"""Fetching from a real server on this machine, and refusing to dial where nothing may be dialled."""

import gzip
import socket
import ssl
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from index import FetchError, FetchPolicy, InputError, fetch
from index.web.fetcher import Fetcher
from index.web.urls import parse_target
from tests.helpers import ROOT, clean_environment
from tests.site import Reply, Site, page, raw

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as opened:
        yield opened


def get(site: Site, path: str, **fields: Any) -> Any:
    return Fetcher(site.policy(**fields)).fetch(site.url + path)


def test_a_page_comes_with_its_type_and_an_honest_user_agent(site: Site) -> None:
    site.pages["/a?b=1"] = Reply("grüße", kind="text/html; charset=utf-8", headers={"ETag": '"1"'})
    found = fetch(f"{site.url}/a?b=1#part", policy=site.policy())
    assert (found.url, found.status, found.data.decode()) == (f"{site.url}/a?b=1", 200, "grüße")
    assert (found.content_type, found.etag, found.modified) == ("text/html; charset=utf-8", '"1"', None)
    agent = site.heads[-1]["user-agent"]
    assert agent.startswith("citespan/0.") and "https://" in agent
    assert site.heads[-1]["host"] == f"127.0.0.1:{site.port}"


def test_what_has_not_changed_is_not_sent_again(site: Site) -> None:
    def answer(head: dict[str, str]) -> Reply:
        if head.get("if-none-match") == '"7"' or head.get("if-modified-since") == "Mon, 01 Jan 2024 00:00:00 GMT":
            return Reply(status=304)
        return Reply("new", headers={"ETag": '"8"', "Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"})

    site.pages["/a"] = answer
    fetcher = Fetcher(site.policy())
    assert fetcher.fetch(f"{site.url}/a", etag='"7"').unchanged
    assert fetcher.fetch(f"{site.url}/a", modified="Mon, 01 Jan 2024 00:00:00 GMT").unchanged
    fresh = fetcher.fetch(f"{site.url}/a", etag='"6"')
    assert (fresh.data, fresh.etag, fresh.modified) == (b"new", '"8"', "Tue, 02 Jan 2024 00:00:00 GMT")
    # A validator that would end the header line is not sent.
    fetcher.fetch(f"{site.url}/a", etag='"7"\r\nX-Evil: 1')
    assert "if-none-match" not in site.heads[-1] and "x-evil" not in site.heads[-1]
    site.pages["/always"] = Reply(status=304)
    with pytest.raises(FetchError, match="304"):
        fetcher.fetch(f"{site.url}/always")


def test_redirects_are_followed_five_times_and_no_further(site: Site) -> None:
    for number in range(9):
        site.pages[f"/{number}"] = Reply(status=301 + number % 2, headers={"Location": f"/{number + 1}"})
    site.pages["/9"] = Reply("here")
    assert get(site, "/4").url == f"{site.url}/9"
    with pytest.raises(FetchError, match="more than 5"):
        get(site, "/3")


REDIRECTS = {
    "in a circle": ("/circle", "circle"),
    "to itself": ("/itself", "circle"),
    "to a file": ("file:///etc/passwd", "only http and https"),
    "to other schemes": ("gopher://127.0.0.1:25/_x", "only http and https"),
    "to script": ("javascript:alert(1)", "only http and https"),
    "to data": ("data:text/html,x", "only http and https"),
    "to the cloud's secrets": ("http://169.254.169.254/latest/meta-data/", "private or reserved"),
    "to its IPv6 form": ("http://[fd00:ec2::254]/", "private or reserved"),
    "to a private network": ("http://10.0.0.1/", "private or reserved"),
    "to another port": ("http://127.0.0.1:22/", "port 22"),
    "with a password": ("http://a:b@127.0.0.1/", "user name"),
    "to nowhere": ("https:///x", "name is missing"),
    "with a backslash": ("http://example.org\\@127.0.0.1/", "backslashes"),
}


@pytest.mark.parametrize("name", REDIRECTS)
def test_each_redirect_is_checked_like_the_first_address(
    site: Site, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    location, reason = REDIRECTS[name]
    site.pages["/a"] = Reply(status=302, headers={"Location": location})
    site.pages["/circle"] = Reply(status=302, headers={"Location": "/a"})
    site.pages["/itself"] = Reply(status=302, headers={"Location": "/itself"})
    dialled = dials(monkeypatch)
    with pytest.raises(FetchError, match=reason):
        get(site, "/itself" if name == "to itself" else "/a")
    assert {address[:2] for address in dialled} == {("127.0.0.1", site.port)}


def test_a_redirect_without_a_place_and_spaces_in_one(site: Site) -> None:
    site.pages["/a"] = Reply(status=302)
    with pytest.raises(FetchError, match="answered 302"):
        get(site, "/a")
    site.pages["/b"] = Reply(status=302, headers={"Location": "/c d"})
    site.pages["/c%20d"] = Reply("here")
    assert get(site, "/b").data == b"here"


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 451, 500, 503])
def test_a_refusal_says_its_status(site: Site, status: int) -> None:
    site.pages["/a"] = Reply("secret text of the other side", status)
    with pytest.raises(FetchError, match=str(status)) as caught:
        get(site, "/a")
    assert caught.value.status == status and caught.value.gone == (status in (404, 410))
    assert "secret" not in str(caught.value) and caught.value.field == "url"


@pytest.mark.parametrize(
    "value",
    [
        *("soon", "", "-1", "1e3", f"Mon, 01 Jan {'9' * 30} 00:00:00 GMT", f"Mon, 01 Jan 2024 {'9' * 30}:00:00 GMT"),
        *(f"Mon, 01 Jan 2024 00:00:00 +{'9' * 30}", "Mon, 01 Jan 2024 00:00:00 +9999"),
    ],
)
def test_a_retry_after_that_says_nothing_is_none(site: Site, value: str) -> None:
    site.pages["/busy"] = Reply(status=503, headers={"Retry-After": value})
    with pytest.raises(FetchError, match="503") as caught:
        get(site, "/busy")
    assert caught.value.retry_after is None


def test_retry_after_leaves_the_whole_host_alone(site: Site) -> None:
    site.pages["/busy"] = Reply(status=429, headers={"Retry-After": "120"})
    site.pages["/a"] = Reply("a")
    fetcher = Fetcher(site.policy())
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(f"{site.url}/busy")
    assert caught.value.retry_after == 120
    with pytest.raises(FetchError, match="asked again in") as caught:
        fetcher.fetch(f"{site.url}/a")
    assert 100 < (caught.value.retry_after or 0) <= 120 and site.count("/a") == 0


def test_a_host_is_asked_no_faster_than_its_pause_and_its_crawl_delay(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("index.web.politeness.time.sleep", slept.append)
    site.pages["/robots.txt"] = Reply("User-agent: *\nCrawl-delay: 9\n", kind="text/plain")
    site.pages["/a"] = Reply("a")
    fetcher = Fetcher(site.policy(pause_seconds=2.0))
    fetcher.fetch(f"{site.url}/a")
    fetcher.fetch(f"{site.url}/a")
    # robots.txt, two seconds, the page, nine seconds, the page.
    assert [round(one) for one in slept] == [2, 11]
    site.pages["/robots.txt"] = Reply("User-agent: citespan\nCrawl-delay: 1e30\n", kind="text/plain")
    fetcher = Fetcher(site.policy(pause_seconds=0.0))
    fetcher.fetch(f"{site.url}/a")
    with pytest.raises(FetchError, match="asked again"):
        fetcher.fetch(f"{site.url}/a")


ROBOTS: dict[str, tuple[Reply, str, bool]] = {
    "none there": (Reply("", 404), "/a", True),
    "not for us": (Reply("", 403), "/a", True),
    "allows all": (Reply("User-agent: *\nDisallow:\n"), "/a", True),
    "forbids all": (Reply("User-agent: *\nDisallow: /\n"), "/a", False),
    "forbids a folder": (Reply("User-agent: *\nDisallow: /private/\n"), "/private/a", False),
    "forbids another folder": (Reply("User-agent: *\nDisallow: /private/\n"), "/a", True),
    "forbids others": (Reply("User-agent: other\nDisallow: /\n"), "/a", True),
    "forbids us by name": (Reply("User-agent: *\nAllow: /\n\nUser-agent: citespan\nDisallow: /\n"), "/a", False),
    "the longest rule counts": (Reply("User-agent: *\nDisallow: /a\nAllow: /a/b\n"), "/a/b", True),
    "wildcards": (Reply("User-agent: *\nDisallow: /*.pdf$\n"), "/x/y.pdf", False),
    "fails": (Reply("", 500), "/a", False),
    "busy": (Reply("", 429), "/a", False),
    "elsewhere": (Reply("", 301, {"Location": "/other.txt"}), "/a", False),
    "in a circle": (Reply("", 301, {"Location": "/robots.txt"}), "/a", False),
    "to a closed place": (Reply("", 301, {"Location": "http://10.0.0.1/"}), "/a", False),
    "a page instead": (Reply("<html><body>Not found</body></html>"), "/a", True),
    "patterns that would take for ever": (Reply("User-agent: *\nDisallow: /" + "*a" * 5_000 + "b\n"), "/a" * 900, True),
    "half a megabyte and more": (Reply("User-agent: *\nDisallow: /a\n" + "# x\n" * 500_000), "/a", False),
    "nonsense": (Reply(bytes(range(256)) * 50), "/a", True),
}


@pytest.mark.parametrize("name", ROBOTS)
def test_robots_txt_is_obeyed(site: Site, name: str) -> None:
    reply, path, allowed = ROBOTS[name]
    site.pages["/robots.txt"] = reply
    site.pages["/other.txt"] = Reply("User-agent: *\nDisallow: /\n")
    site.pages[path] = Reply("text")
    fetcher = Fetcher(site.policy())
    for _ in range(2):
        if allowed:
            assert fetcher.fetch(site.url + path).data == b"text"
        else:
            with pytest.raises(FetchError, match=r"robots\.txt"):
                fetcher.fetch(site.url + path)
    assert site.count("/robots.txt") == 1 and (site.count(path) > 0) == allowed


def test_robots_txt_counts_for_where_a_redirect_leads(site: Site) -> None:
    with Site() as other:
        other.pages["/robots.txt"] = Reply("User-agent: *\nDisallow: /\n")
        site.pages["/a"] = Reply(status=302, headers={"Location": f"{other.url}/b"})
        policy = FetchPolicy(("127.0.0.1/32",), (site.port, other.port), pause_seconds=0)
        with pytest.raises(FetchError, match=r"robots\.txt forbids"):
            Fetcher(policy).fetch(f"{site.url}/a")
        assert other.asked == ["/robots.txt"]


def test_compressed_pages_are_unpacked(site: Site) -> None:
    text = b"It rained in Elb. " * 100
    deflate = zlib.compressobj(wbits=-15)
    bodies = {
        "gzip": gzip.compress(text),
        "x-gzip": gzip.compress(text[:500]) + gzip.compress(text[500:]),
        "deflate": zlib.compress(text),
        "Deflate": deflate.compress(text) + deflate.flush(),
        "identity": text,
    }
    for coding, body in bodies.items():
        site.pages["/a"] = Reply(body, headers={"Content-Encoding": coding})
        assert get(site, "/a").data == text, coding


GARBLED: dict[str, tuple[Reply, str]] = {
    "another coding": (Reply(b"x", headers={"Content-Encoding": "br"}), "not asked for"),
    "two codings": (Reply(b"x", headers={"Content-Encoding": "gzip, gzip"}), "not asked for"),
    "no gzip at all": (Reply(b"plain text", headers={"Content-Encoding": "gzip"}), "damaged"),
    "half a gzip": (Reply(gzip.compress(b"a" * 999)[:20], headers={"Content-Encoding": "gzip"}), "cut off"),
    "longer than it says": (raw(OK, b"Content-Length: 5\r\n\r\n", b"123"), "no whole HTTP"),
    "a broken chunk": (raw(OK, b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"), "no whole HTTP"),
    "no HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "no whole HTTP"),
    "nothing": (raw(b""), "no whole HTTP"),
    "endless headers": (raw(OK, (b"X-A: " + b"a" * 10_000 + b"\r\n" for _ in range(50)), b"\r\n"), "no whole HTTP"),
    "a negative length": (raw(OK, b"Content-Length: -1\r\n\r\nabc"), "no whole HTTP"),
    "two lengths": (raw(OK, b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), "no whole HTTP"),
}


@pytest.mark.parametrize("name", GARBLED)
def test_a_garbled_answer_is_an_error_that_says_so(site: Site, name: str) -> None:
    reply, reason = GARBLED[name]
    site.pages["/a"] = reply
    with pytest.raises(FetchError, match=reason):
        get(site, "/a")


def test_lengths_that_are_absent_or_short(site: Site) -> None:
    site.pages["/none"] = raw(OK, b"\r\n", b"to the end")
    site.pages["/short"] = raw(OK, b"Content-Length: 3\r\n\r\n", b"abcdef")
    site.pages["/chunks"] = raw(OK, b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert [get(site, f"/{name}").data for name in ("none", "short", "chunks")] == [b"to the end", b"abc", b"abc"]


def test_a_body_without_an_end_is_left_at_the_limit(site: Site) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(10 * 1024 * 1024):  # 10 GiB
            sent += 1024
            yield b"x" * 1024

    site.pages["/endless"] = raw(OK, b"\r\n", endless())
    with pytest.raises(FetchError, match=r"larger than 1 MiB"):
        get(site, "/endless", max_bytes=1024**2)
    assert sent < 100 * 1024**2
    site.pages["/declared"] = raw(OK, b"Content-Length: 10737418240\r\n\r\n")
    with pytest.raises(FetchError, match=r"larger than 10 MiB"):
        get(site, "/declared")


@pytest.mark.parametrize("where", ["head", "body", "robots"])
def test_a_slow_server_runs_out_of_time(site: Site, where: str) -> None:
    def drip(file: Any) -> None:
        file.write(OK + (b"\r\n" if where == "body" else b"X-Slow: "))
        while not site.stopping.wait(0.05):
            file.write(b"x")

    site.pages["/robots.txt" if where == "robots" else "/a"] = Reply(raw=drip)
    with pytest.raises(FetchError, match=r"took longer|too long"):
        get(site, "/a", seconds=0.6)


def test_a_bomb_of_two_gigabytes_costs_twenty_megabytes_at_most(site: Site) -> None:
    engine = zlib.compressobj(9, wbits=31)
    block = bytes(1024**2)
    bomb = b"".join(engine.compress(block) for _ in range(2048)) + engine.flush()
    assert 1_900_000 < len(bomb) < 2_200_000
    site.pages["/bomb"] = Reply(bomb, headers={"Content-Encoding": "gzip"})
    site.pages["/small"] = Reply("x")
    # In a process of its own, whose peak is its own; the server with the bomb is in this one.
    code = f"""
import resource
from index import FetchError, FetchPolicy
from index.web.fetcher import Fetcher
fetcher = Fetcher(FetchPolicy(("127.0.0.1/32",), ({site.port},), pause_seconds=0))
fetcher.fetch("{site.url}/small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    fetcher.fetch("{site.url}/bomb")
except FetchError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True
    )
    grown, _, message = ran.stdout.partition(" ")
    assert "larger than 10 MiB" in message and int(grown) <= 20, ran.stdout


def write_certificate(folder: Path) -> None:
    """Write key.pem and cert.pem, signed by nobody else, for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))


def test_a_certificate_must_be_valid_and_for_the_hosts_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_certificate(tmp_path)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with Site(ours) as site:
        site.pages["/a"] = Reply("safe")
        url = f"https://localhost:{site.port}/a"
        with pytest.raises(FetchError, match="certificate is not valid"):
            Fetcher(site.policy(allowed_networks=("127.0.0.0/8", "::1/128"))).fetch(url)
        trusting = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        monkeypatch.setattr("index.web.request._tls", lambda: trusting)
        policy = site.policy(allowed_networks=("127.0.0.0/8", "::1/128"))
        assert Fetcher(policy).fetch(url).data == b"safe"
        with pytest.raises(FetchError, match="certificate is not valid"):
            Fetcher(policy).fetch(url.replace("localhost", "127.0.0.1"))


# Where nothing may be dialled.


def dials(monkeypatch: pytest.MonkeyPatch, answers: dict[str, list[str]] | None = None) -> list[Any]:
    """Record what is connected to; with answers, names are looked up in them and no connection is ever made."""
    dialled: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: Any) -> None:
        dialled.append(address)
        if answers is not None:
            raise ConnectionRefusedError(111, "refused")
        connect(self, address)

    def looking_up(host: str, port: int, *rest: Any, **more: Any) -> Any:
        found: list[Any] = []
        for one in answers.get(host, [host]) if answers is not None else [host]:
            # Numbers only: no name ever reaches a name server.
            found += look_up(one, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return found

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking_up)
    return dialled


NAMES = {
    "localhost": ["127.0.0.1"],
    "localhost.localdomain": ["::1"],
    "internal.example": ["10.1.2.3"],
    "metadata.google.internal": ["169.254.169.254"],
    "both.example": ["93.184.216.34", "127.0.0.1"],
    "six.example": ["2606:2800:220:1:248:1893:25c8:1946", "fd12:3456::1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::a9fe:a9fe"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "nothing.example": [],
}
HOSTILE = [
    "127.0.0.1", "127.0.0.1.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1",
    "017700000001", "127.0.0.0x1", "0", "0.0.0.0", "0.0.0.1", "127.255.255.254", "%31%32%37.0.0.1", "127%2e0%2e0%2e1",
    "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "100.64.0.1", "100.100.100.200", "169.254.169.254", "169.254.170.2", "2852039166",
    "0xa9fea9fe", "0251.0376.0251.0376", "192.0.0.192", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "168.63.129.16", "192.88.99.1", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::7f00:1]", "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::]", "[fe80::1]",
    "[fe80::1%25eth0]", "[fec0::1]", "[fd00:ec2::254]", "[fc00::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]",
    "[5f00::1]", "[::1", "::1", "public.example@127.0.0.1", "public.example:80@127.0.0.1", "127.0.0.1@public.example",
    "public.example#@127.0.0.1", "public.example\\@127.0.0.1", "127.0.0.1\\.public.example", "127.0.0.1 ", "", ".",
    "..", "a..b", "-", "%00", "ex ample", "a" * 64 + ".example", "localhost:22", "127.0.0.1:6379", "[::1]:80", *NAMES,
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTILE)
def test_nothing_is_dialled_at_a_hostile_host(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(HOSTILE) >= 60
    dialled = dials(monkeypatch, {**NAMES, "public.example": ["93.184.216.34"]})
    url = f"http://{host}/"
    if host.startswith("public.example#"):  # a fragment: the host is the public one, and that is dialled
        with pytest.raises(FetchError):
            Fetcher(FetchPolicy()).fetch(url)
        assert {address[0] for address in dialled} == {"93.184.216.34"}
        return
    for scheme in ("http", "https"):
        with pytest.raises(FetchError):
            Fetcher(FetchPolicy()).fetch(url.replace("http", scheme, 1))
    assert dialled == []


def test_the_address_that_was_checked_is_the_one_that_is_dialled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public at the first look and loopback at the second: there is no second look."""
    looks: list[str] = []
    dialled = dials(monkeypatch, {})

    def rebinding(host: str, port: int, *rest: Any, **more: Any) -> Any:
        looks.append(host)
        address = "93.184.216.34" if len(looks) % 2 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with pytest.raises(FetchError):
        Fetcher(FetchPolicy()).fetch("http://rebinding.example/")
    assert dialled == [("93.184.216.34", 80)] and looks == ["rebinding.example"]


def test_the_environment_names_no_proxy(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    site.pages["/a"] = Reply("a")
    assert get(site, "/a").data == b"a"


def test_what_is_allowed_opens_private_networks_but_never_the_clouds_secrets() -> None:
    everything = FetchPolicy(("0.0.0.0/0", "::/0"))
    assert everything.permits("10.0.0.1") and everything.permits("fd12::1") and everything.permits("8.8.8.8")
    for closed in ("169.254.169.254", "fd00:ec2::254", "127.0.0.1", "::1", "0.0.0.0", "224.0.0.1", "::ffff:127.0.0.1",
                   "64:ff9b::a9fe:a9fe", "fe80::1", "100.100.100.200", "not an address", ""):  # fmt: skip
        assert not everything.permits(closed), closed
    narrow = FetchPolicy(("10.1.0.0/16", "127.0.0.1/32"))
    assert narrow.permits("10.1.2.3") and narrow.permits("127.0.0.1") and narrow.permits("64:ff9b::808:808")
    assert not narrow.permits("10.2.0.1") and not narrow.permits("127.0.0.2") and not narrow.permits("::1")
    for bad in (("10.0.0.0/33",), ("10.0.0.1/8",), ("intranet",), ("",)):
        with pytest.raises(InputError, match="allowed_networks"):
            FetchPolicy(bad)
    with pytest.raises(InputError, match="allowed_ports"):
        FetchPolicy(allowed_ports=(0,))


@given(st.integers(0, 2**32 - 1))
def test_an_embedded_address_is_judged_as_itself(number: int) -> None:
    policy = FetchPolicy()
    plain = policy.permits(socket.inet_ntoa(number.to_bytes(4, "big")))
    for prefix in (b"\0" * 10 + b"\xff\xff", b"\0\x64\xff\x9b" + b"\0" * 8):
        assert policy.permits(socket.inet_ntop(socket.AF_INET6, prefix + number.to_bytes(4, "big"))) == plain
    hidden = b"\x20\x02" + number.to_bytes(4, "big") + b"\0" * 10
    assert not policy.permits(socket.inet_ntop(socket.AF_INET6, hidden))


@given(st.text(max_size=60), st.sampled_from(["http://", "https://", "", "//", "http://a.example/", "HTTP://"]))
def test_any_text_is_an_address_in_ascii_or_an_error(text: str, start: str) -> None:
    try:
        target = parse_target(start + text, FetchPolicy())
    except FetchError:
        return
    assert target.url.isascii() and target.url.isprintable() and " " not in target.url
    assert parse_target(target.url, FetchPolicy()) == target


def test_international_names_and_paths() -> None:
    target = parse_target("https://BÜCHER.example./straße?q=ä b".replace(" ", "%20"), FetchPolicy())
    assert target.url == "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4%20b"


def test_many_threads_share_one_reading_of_robots_txt(site: Site) -> None:
    site.pages["/a"] = Reply(page("A", "It rained in Elb on Monday."))
    fetcher = Fetcher(site.policy())
    threads = [threading.Thread(target=fetcher.fetch, args=(f"{site.url}/a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.count("/robots.txt") == 1 and site.count("/a") == 8
