"""citespan keys, beside a service that runs and without one; and where a service refuses to start."""

import json
import os
import re
import stat
import subprocess
import time
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from api.cli.main import _run
from api.settings import Settings
from tests.helpers import COMMAND, citespan, clean_environment

FORM = re.compile(r"cs_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}\n")


def keys(library: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process; what it prints comes back."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as said:
        code = _run(["keys", *arguments, "--library", str(library)])
    return code, out.getvalue(), said.getvalue()


def listed(library: Path, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in keys(library, "list", "--json", *arguments)[1].splitlines()]


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    library = tmp_path / "new" / "library"
    code, secret, said = keys(library, "add", "alice", "--scope", "admin")
    assert code == 0 and FORM.fullmatch(secret) and secret.strip() not in said
    assert f"made a library at {library}" in said
    more = ["--collection", "news", "--collection", "sport", "--expires", "90d", "--rate", "60/minute"]
    code, out, _ = keys(library, "add", "desk", *more, "--origin", "https://Example.org:443", "--json")
    made = json.loads(out)
    assert code == 0 and FORM.fullmatch(made.pop("key") + "\n")
    assert listed(library)[1] == made
    assert made["collections"] == ["news", "sport"] and made["origins"] == ["https://example.org"]
    ends = datetime.fromisoformat(str(made["expires"]))
    assert abs(ends - datetime.now(UTC) - timedelta(days=90)) < timedelta(minutes=5)
    code, lines, _ = keys(library, "list")
    assert code == 0 and [line.split("\t")[0] for line in lines.splitlines()] == ["alice", "desk"]
    records = library / "records.db"
    assert stat.S_IMODE(records.stat().st_mode) == 0o600
    assert secret.strip()[3:46].encode() not in records.read_bytes() and secret.strip() not in lines


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["add", "alice"], "rotate or revoke it"),
        (["add", "a b"], "name must be"),
        (["add", "key_abcdef12"], "name must be"),
        (["add", "x", "--scope", "root"], "--scope"),
        (["add", "x", "--collection", "../etc"], "collection must be"),
        (["add", "x", "--expires", "soon"], "--expires"),
        (["add", "x", "--expires", "2001-01-01"], "expired already"),
        (["add", "x", "--expires", "999999999d"], "year 9999"),
        (["add", "x", "--expires", "0001-01-01T00:00:00+14:00"], "no time"),
        (["add", "x", "--rate", "many"], "120/minute"),
        (["add", "x", "--rate", "1000001/second"], "120/minute"),
        (["add", "x", "--origin", "example.org"], "scheme, host and port"),
        (["add", "x", "--origin", "https://example.org/page"], "scheme, host and port"),
        (["add", "x", "--origin", "https://example.org", "--scope", "write"], "ask only"),
        (["rotate", "nobody"], "no key named"),
        (["rotate", "alice", "--grace", "a while"], "--grace"),
        (["revoke", "nobody"], "no key"),
        (["revoke", "key_00000000"], "no key"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_in_one_line(one_key: Path, arguments: list[str], hint: str) -> None:
    code, out, said = keys(one_key, *arguments)
    assert (code, out, said.count("\n")) == (2, "", 1) and hint in said
    assert [key["name"] for key in listed(one_key, "--all")] == ["alice"]


@pytest.fixture(scope="module")
def one_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("one") / "library"
    assert keys(library, "add", "alice")[0] == 0
    return library


def test_rotation_leaves_the_old_key_its_time_and_revocation_takes_both(tmp_path: Path) -> None:
    keys(tmp_path, "add", "desk", "--collection", "news", "--expires", "10d", "--origin", "https://example.org")
    (old,) = listed(tmp_path)
    code, secret, said = keys(tmp_path, "rotate", "desk", "--grace", "2h")
    assert code == 0 and FORM.fullmatch(secret) and str(old["id"]) in said
    first, second = listed(tmp_path)
    assert first["id"] == old["id"] != second["id"]
    same = ("name", "scope", "collections", "origins", "rate")
    assert [second[name] for name in same] == [old[name] for name in same]
    now = datetime.now(UTC)
    assert datetime.fromisoformat(str(first["expires"])) - now < timedelta(hours=2.1)
    assert datetime.fromisoformat(str(second["expires"])) - now > timedelta(days=9.9)
    assert keys(tmp_path, "revoke", str(first["id"]))[0] == 0
    assert [key["id"] for key in listed(tmp_path)] == [second["id"]]
    code, _, said = keys(tmp_path, "revoke", "desk")
    assert code == 0 and "no key is left" in said
    assert keys(tmp_path, "list")[:2] == (1, "")
    assert {key["state"] for key in listed(tmp_path, "--all")} == {"revoked"}
    assert ", until " not in said + keys(tmp_path, "list", "--all")[1]  # what is refused already
    assert keys(tmp_path, "add", "desk")[0] == 0  # the name is free again


def test_a_collection_that_is_not_there_yet_is_said(tmp_path: Path) -> None:
    code, _, said = keys(tmp_path, "add", "desk", "--collection", "default", "--collection", "nwes")
    assert code == 0 and "no collection 'nwes' yet" in said and "'default'" not in said


def test_only_the_first_key_makes_a_library(tmp_path: Path) -> None:
    for arguments in (["list"], ["rotate", "desk"], ["revoke", "desk"]):
        code, out, said = keys(tmp_path / "mistyped", *arguments)
        assert (code, out) == (2, "") and "there is no library" in said, said
    assert not (tmp_path / "mistyped").exists()
    assert keys(tmp_path / "new", "add", "desk")[0] == 0
    assert "made a library" not in keys(tmp_path / "new", "add", "more")[2]


def test_of_two_that_add_the_same_name_one_does(tmp_path: Path) -> None:
    keys(tmp_path, "add", "first")
    command = [*COMMAND, "keys", "add", "second", "--library", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": clean_environment()}
    running = [subprocess.Popen(command, **pipes) for _ in range(3)]  # type: ignore[call-overload]
    assert sorted((one.communicate(timeout=60), one.returncode)[1] for one in running) == [0, 2, 2]
    assert [key["name"] for key in listed(tmp_path)] == ["first", "second"]


def test_a_killed_command_leaves_a_key_or_none(tmp_path: Path) -> None:
    keys(tmp_path, "add", "first")
    for at in range(2):
        command = [*COMMAND, "keys", "add", f"k{at}", "--library", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment()) as running:
            while running.poll() is None and not (tmp_path / "records.db-journal").exists():
                time.sleep(0.0005)
            if running.poll() is None:
                os.kill(running.pid, 9)
            assert running.stdout is not None
            shown = running.stdout.read().decode()
        names = [key["name"] for key in listed(tmp_path)]
        assert names[0] == "first" and len(names) == len(set(names))
        assert not shown or f"k{at}" in names  # what was shown is kept
        code, _, said = keys(tmp_path, "add", f"after-{at}")
        assert code == 0, said


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "::ffff:127.0.0.1", "localhost")),
        *((host, False) for host in ("", "0.0.0.0", "::", "10.0.0.1", "127.evil.example", "localhost.evil.example")),
    ],
)
def test_what_only_this_machine_can_reach_is_known_exactly(host: str, loopback: bool) -> None:
    assert Settings(host=host).loopback is loopback


def test_a_library_at_home_is_found_by_every_command_or_its_setting_is_named(tmp_path: Path) -> None:
    for command in (("keys", "add", "a"), ("keys", "list"), ("add", "-")):
        ran = citespan(
            *command, "--library", "~/lib", stdin=b'{"text": "Bread is made of flour."}\n', HOME=str(tmp_path)
        )
        assert ran.returncode == 0 and (tmp_path / "lib" / "library.json").is_file(), ran.stderr
    assert citespan("watches", "add", "What is bread?", "--library", "~/lib", HOME=str(tmp_path)).returncode == 0
    lost = citespan("watches", "list", "--library", "~nobody-has-this-name/lib")
    assert lost.returncode == 2 and b"CITESPAN_LIBRARY" in lost.stderr and lost.stderr.count(b"\n") == 1


@pytest.mark.parametrize(
    ("made", "environment", "hint"),
    [
        ([], {}, "citespan keys add"),
        ([["add", "a"], ["revoke", "a"]], {}, "citespan keys add"),
        ([["add", "a"]], {"CITESPAN_KEYS": "off"}, "CITESPAN_KEYS is off"),
        ([["add", "a"]], {"CITESPAN_KEYS": "perhaps"}, "CITESPAN_KEYS"),
        ([["add", "a"]], {"CITESPAN_RATE": "fast"}, "CITESPAN_RATE"),
        ([["add", "a"]], {"CITESPAN_TRUSTED_PROXIES": '["10.0.0.1/8"]'}, "CITESPAN_TRUSTED_PROXIES"),
        ([["add", "a"]], {"CITESPAN_ALLOWED_ORIGINS": '["*"]'}, "CITESPAN_ALLOWED_ORIGINS"),
        ([["add", "a"]], {"CITESPAN_ALLOWED_ORIGINS": "https://a.b"}, "CITESPAN_ALLOWED_ORIGINS cannot be read"),
    ],
)
def test_nothing_is_served_to_everyone_by_mistake(
    tmp_path: Path, made: list[list[str]], environment: dict[str, str], hint: str
) -> None:
    for arguments in made:
        assert keys(tmp_path / "library", *arguments)[0] == 0
    library = str(tmp_path / "library")
    ran = citespan("serve", "--host", "0.0.0.0", "--port", "0", "--library", library, **environment)
    assert ran.returncode == 2 and ran.stderr.count(b"\n") == 1 and hint in ran.stderr.decode()
