"""The command, run as a process: what it prints where, its exit codes, and what it does beside a server."""

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from index import Library
from qa import QuestionAnswering, load_examples
from tests.helpers import COMMAND, ROOT, SAMPLES, Server, citespan, clean_environment

PART = ROOT / "tests" / "data" / "squad-part.json.gz"


@pytest.fixture
def mine(tmp_path: Path, sample_library: Path) -> str:
    """A library of the samples to change."""
    shutil.copytree(sample_library, tmp_path / "mine")
    return str(tmp_path / "mine")


def one_line(stderr: bytes) -> str:
    lines = stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("citespan: "), stderr
    return lines[0]


def records(stdout: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def test_an_article_goes_in_answers_and_goes_out(tmp_path: Path) -> None:
    where = ("--library", str(tmp_path / "library"))
    file = tmp_path / "lighthouse.txt"
    file.write_text("The lighthouse at Varn was built in 1893 by the engineer Olga Tamm.\nIt is 41 metres high.\n")

    added = citespan("add", str(file), *where)
    assert added.returncode == 0, added.stderr
    article_id, title, passages, what = added.stdout.decode().rstrip("\n").split("\t")
    assert (passages, what) == ("1", "added") and title
    assert citespan("add", str(file), *where).stdout.decode().rstrip("\n").endswith("unchanged")

    asked = citespan("ask", "Who built the lighthouse at Varn?", *where)
    assert asked.returncode == 0 and asked.stdout.decode().splitlines()[0] == "Olga Tamm"
    assert "built in 1893 by the engineer Olga Tamm." in asked.stdout.decode()

    as_json = citespan("ask", "Who built the lighthouse at Varn?", "--json", *where)
    facts = json.loads(as_json.stdout)
    evidence = facts["answers"][0]["evidence"][0]
    assert facts["answer"] == "Olga Tamm" == evidence["passage"]["text"][evidence["start"] : evidence["end"]]

    assert citespan("list", *where).stdout.decode().split("\t")[0] == article_id
    shown = citespan("show", article_id, *where)
    assert "It is 41 metres high." in shown.stdout.decode()

    removed = citespan("remove", article_id, *where)
    assert removed.returncode == 0 and removed.stdout == b""
    assert citespan("ask", "Who built the lighthouse at Varn?", *where).returncode == 1
    assert citespan("list", *where).returncode == 1


def test_search_and_json_forms(mine: str) -> None:
    found = json.loads(citespan("search", "lighthouse OR ferry", "--limit", "3", "--json", "--library", mine).stdout)
    assert 1 <= len(found["passages"]) <= 3
    assert {"article", "passage", "score", "dense_rank", "lexical_rank"} <= set(found["passages"][0])
    rows = records(citespan("list", "--json", "--library", mine).stdout)
    assert len(rows) == 14 and {"id", "title", "published"} <= set(rows[0])
    whole = json.loads(citespan("show", rows[0]["id"], "--json", "--library", mine).stdout)
    assert whole["text"] and whole["passages"]


def test_masked_furniture_is_shown_with_its_rule(mine: str) -> None:
    for row in records(citespan("list", "--json", "--library", mine).stdout):
        stored = json.loads(citespan("show", row["id"], "--json", "--library", mine).stdout)
        if stored["masked"]:
            first = stored["masked"][0]
            lines = citespan("show", row["id"], "--masked", "--library", mine).stdout.decode()
            assert lines.startswith(f"{first['start']}-{first['end']}\t{first['rule']}\t")
            return
    raise AssertionError("no sample article has masked furniture")


def test_standard_input_takes_ndjson_and_a_bad_line_does_not_stop_the_rest(tmp_path: Path) -> None:
    lines = b'{"id": "a", "text": "The bridge opened in 1921."}\nnot json\n\n{"id": "b", "text": "The mill closed."}\n'
    done = citespan("add", "-", "--json", "--library", str(tmp_path / "l"), stdin=lines)
    assert done.returncode == 2
    assert [row["id"] for row in records(done.stdout)] == ["a", "b"]
    assert "line 2" in done.stderr.decode() and "1 sources could not be used" in done.stderr.decode()


def test_eval_prints_the_measures(mine: str) -> None:
    done = citespan("eval", str(PART), "--limit", "20", "--json")
    facts = json.loads(done.stdout)
    assert facts["task"] == "reading" and facts["questions"] == 20 and 0 < facts["exact_match"] <= facts["f1"] <= 100
    assert "holds none of the questions' paragraphs" in one_line(
        citespan("eval", str(PART), "--open", "--limit", "5", "--library", mine).stderr
    )
    contexts = dict.fromkeys(example.context for example in load_examples(PART)[:5])
    lines = "\n".join(json.dumps({"text": context}) for context in contexts).encode()
    assert citespan("add", "-", "--library", mine, stdin=lines).returncode == 0
    opened = json.loads(citespan("eval", str(PART), "--open", "--limit", "5", "--json", "--library", mine).stdout)
    assert opened["task"] == "open" and opened["questions"] == 5
    assert set(opened["recall"]) == {"1", "5", "10", "20"} and opened["recall"]["20"] > 0


def test_eval_measures_retrieval_and_confidence_and_goes_on(mine: str, tmp_path: Path) -> None:
    titles = {example.context: example.title for example in load_examples(PART)[:5]}
    lines = "\n".join(json.dumps({"text": text, "title": title}) for text, title in titles.items()).encode()
    assert citespan("add", "-", "--library", mine, "--collection", "five", stdin=lines).returncode == 0
    shared = ("--library", mine, "--collection", "five", "--limit", "5")
    found = json.loads(citespan("eval", str(PART), "--retrieval", "--json", *shared).stdout)
    assert (
        found["task"] == "retrieval" and found["recall"]["20"] > 0 and set(found["dense"]) == {*found["recall"], "mrr"}
    )
    kept = tmp_path / "outcomes.jsonl"
    for _ in range(2):
        plain = citespan("eval", str(PART), "--confidence", "--outcomes", str(kept), *shared).stdout.decode()
        figures = dict(line.split(maxsplit=1) for line in plain.splitlines() if not line.startswith("bins"))
        assert figures["task"] == "confidence" and figures["questions"] == "10" and "right" in figures["high"]
    assert len(kept.read_text().splitlines()) == 6
    both = citespan("eval", str(PART), "--open", "--retrieval", *shared)
    assert both.returncode == 2 and "not several" in one_line(both.stderr)


def test_models_are_named_with_licence_and_checksum(mine: str) -> None:
    cards = json.loads(citespan("models", "--json", "--library", mine).stdout)["models"]
    assert {card["role"] for card in cards} == {"reader", "encoder"}
    assert all(len(card["sha256"]) == 64 and card["licence"] and card["origin"] for card in cards)


WRONG = {
    "no such file": (["add", "/nowhere/at/all.txt"], 2, "all.txt"),
    "no such option": (["ask", "a", "--loud"], 2, "--loud"),
    "no such command": (["aks"], 2, "aks"),
    "no question": (["ask"], 2, "question"),
    "empty question": (["ask", "  "], 2, "question"),
    "limit of nothing": (["ask", "who?", "--limit", "0"], 2, "limit"),
    "limit of too many": (["ask", "who?", "--limit", "99"], 2, "limit"),
    "limit that is no number": (["ask", "who?", "--limit", "x"], 2, "limit"),
    "collection of dots": (["ask", "who?", "--collection", "../x"], 2, "collection"),
    "unknown collection": (["ask", "who?", "--collection", "nope"], 2, "nope"),
    "unknown article": (["show", "nope"], 2, "nope"),
    "unknown article to remove": (["remove", "nope"], 2, "nope"),
    "no such questions": (["eval", "/nowhere.json"], 2, "nowhere.json"),
    "open to all without a key": (["serve", "--host", "0.0.0.0"], 2, "--insecure"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_usage_is_one_line_that_says_what_to_change(mine: str, name: str) -> None:
    arguments, code, word = WRONG[name]
    library = [] if name == "no such command" else ["--library", mine]
    done = citespan(*arguments, *library)
    assert done.returncode == code and done.stdout == b"", done
    assert word in one_line(done.stderr)


BAD_FILES: dict[str, tuple[bytes, int]] = {
    "empty.txt": (b"", 2),
    "blank.txt": (b" \n\t\n", 2),
    "binary.txt": (bytes(range(256)) * 40, 2),
    "picture.png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 200, 2),
    "old.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 200, 2),
    "cut.json.gz": (b"\x1f\x8b\x08\0\0\0\0\0", 2),
    "empty.html": (b"<html><body></body></html>", 2),
    "script.html": (b"<script>var a = 1;</script>", 2),
    "broken.ndjson": (b'{"text": \n', 2),
    "number.ndjson": (b"42\n", 2),
    "latin.txt": ("Das Café in Köln wurde 1954 eröffnet. Es schließt früh.\n".encode("latin-1") * 5, 0),
    "utf16.txt": (("The café opened in 1954.\n" * 5).encode("utf-16"), 0),
    "bom.txt": (b"\xef\xbb\xbfThe cafe opened in 1954.\n", 0),
}  # fmt: skip


def test_files_as_people_have_them(tmp_path: Path, qa: QuestionAnswering) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, (content, _) in BAD_FILES.items():
        (folder / name).write_bytes(content)
    done = citespan("add", str(folder), "--json", "--library", str(tmp_path / "l"))
    assert done.returncode == 2
    messages = done.stderr.decode()
    good = {name for name, (_, code) in BAD_FILES.items() if code == 0}
    for name in BAD_FILES:
        assert (f"/{name}" in messages) == (name not in good), (name, messages)
    assert len(messages.splitlines()) == len(BAD_FILES) - len(good) + 1
    with Library.open(tmp_path / "l", encoder=qa.library.encoder, read_only=True) as library:
        infos = library.collection().list(limit=100).articles
        assert {info.id for info in infos} == {row["id"] for row in records(done.stdout)}
        assert len(infos) == len(good)
        for info in infos:
            text = library.collection().get(info.id).text
            assert "\ufffd" not in text and "\ufeff" not in text and "caf" in text.lower()


def test_a_library_in_use_can_be_asked_but_not_written(server: Server) -> None:
    where = ("--library", str(server.library))
    asked = citespan("ask", "What is the capital of nowhere at all?", *where)
    assert asked.returncode in (0, 1), asked.stderr
    assert citespan("list", *where).returncode == 0
    refused = citespan("add", str(SAMPLES), *where)
    assert refused.returncode == 3 and "open for writing" in one_line(refused.stderr)
    assert citespan("remove", "x", *where).returncode == 3


def test_no_library_yet(tmp_path: Path) -> None:
    done = citespan("ask", "Who?", "--library", str(tmp_path / "none"))
    assert done.returncode == 2 and "add articles first" in one_line(done.stderr)
    assert not (tmp_path / "none").exists()


def test_a_folder_that_is_no_library_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = citespan("add", str(SAMPLES), "--library", str(tmp_path))
    assert done.returncode == 2 and [entry.name for entry in tmp_path.iterdir()] == ["notes.txt"]


def test_what_is_printed_cannot_steer_a_terminal(tmp_path: Path) -> None:
    article = json.dumps(
        {"id": "x", "title": "T\u001b]0;gone\u0007\u202e", "text": "It rained in Elb on Monday.\u001b[2J"}
    )
    citespan("add", "-", "--library", str(tmp_path / "l"), stdin=article.encode())
    for arguments in (["list"], ["show", "x"], ["ask", "When did it rain in Elb?"], ["search", "rain Elb"]):
        printed = citespan(*arguments, "--library", str(tmp_path / "l")).stdout
        assert b"\x1b" not in printed and b"\x07" not in printed and "\u202e" not in printed.decode()


def on_a_terminal(*arguments: str) -> tuple[str, bytes]:
    """Run a command to its end with a terminal for its messages; return what that showed, and the results."""
    ours, theirs = pty.openpty()
    environment = clean_environment(TERM="xterm", COLUMNS="120")
    with tempfile.TemporaryFile() as results:
        process = subprocess.Popen([*COMMAND, *arguments], stdout=results, stderr=theirs, env=environment)
        os.close(theirs)
        seen = b""
        # Read while it runs: a terminal that nobody reads from holds a few kilobytes and then blocks.
        with contextlib.suppress(OSError):  # Linux's way of saying that the other side has closed
            while part := os.read(ours, 65_536):
                seen += part
        os.close(ours)
        assert process.wait(60) == 0
        results.seek(0)
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()), results.read()


def test_long_work_shows_how_far_it_is_how_fast_it_goes_and_what_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.txt").write_text(f"House number {number} in Park Lane was sold in {1990 + number}.\n")
    shown, results = on_a_terminal("add", str(folder), "--json", "--library", str(tmp_path / "folder"))
    assert "adding" in shown and "300/300" in shown and re.search(r"\d/s", shown) and "left" in shown
    assert len([json.loads(line)["id"] for line in results.splitlines()]) == 300 and "passages" not in shown
    # How many articles a file of lines holds, nobody knows beforehand.
    lines = tmp_path / "a.ndjson"
    lines.write_text("".join(json.dumps({"text": f"House {number} was sold."}) + "\n" for number in range(300)))
    shown, results = on_a_terminal("add", str(lines), "--library", str(tmp_path / "lines"))
    assert "adding 300" in " ".join(shown.split()) and re.search(r"\d/s", shown) and "left" not in shown
    assert len(results.splitlines()) == 300


@pytest.mark.parametrize("words", [["list"], ["show", "great-fire", "--json"], ["--help"], ["models"]])
def test_a_result_that_nobody_reads_ends_the_command_without_a_word(sample_library: Path, words: list[str]) -> None:
    """As in ``citespan list | head -1``, where shells expect the end by SIGPIPE."""
    where = ["--library", str(sample_library)] if words[0] in ("list", "show") else []
    if words[0] == "show":
        words = ["show", citespan("list", *where).stdout.decode().split("\t")[0], "--json"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, *words, *where], stdout=writing, stderr=subprocess.PIPE, env=clean_environment(), timeout=60
    )
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
    done = subprocess.run(
        [*COMMAND, *words, *where], stdout=subprocess.PIPE, stderr=writing, env=clean_environment(), timeout=60
    )
    os.close(writing)
    assert done.returncode == 0 and done.stdout  # messages that nobody reads stop nothing


def test_a_terminal_sees_a_progress_bar_and_a_pipe_does_not(tmp_path: Path) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.txt").write_text(f"House number {number} in Park Lane was sold in {1990 + number}.\n")
    assert citespan("add", str(folder), "--library", str(tmp_path / "piped")).stderr == b""
    shown, _ = on_a_terminal("add", str(folder), "--library", str(tmp_path / "shown"))
    assert "3/3" in shown and "adding" in shown


def test_help_names_every_command_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, cwd=tmp_path, env=clean_environment(), timeout=60)
    assert done.returncode == 0
    for name in ("serve", "add", "ask", "search", "list", "show", "remove", "eval", "models"):
        assert f" {name} " in done.stdout.decode()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [[], ["keys"], ["watches"]])
def test_without_a_command_the_help_says_which_there_are(words: list[str]) -> None:
    ran = citespan(*words)
    asked = citespan(*words, "--help")
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.decode().splitlines()[0] == " ".join(["Usage: citespan", *words, "[OPTIONS] COMMAND [ARGS]..."])
    assert ran.stderr.split() == asked.stdout.split()


def test_a_wrong_option_names_the_help_of_its_command() -> None:
    ran = citespan("keys", "add", "x", "--scope", "root")
    assert ran.returncode == 2
    assert ran.stderr.decode().strip() == (
        "citespan: Invalid value for '--scope': 'root' is not one of 'ask', 'write', 'admin'. "
        "(see citespan keys add --help)"
    )


def test_a_question_in_another_language_gets_a_hint_beside_the_result(sample_library: Path) -> None:
    ran = citespan("ask", "Wer war 1956 der Präsident von Ägypten?", "--library", str(sample_library))
    assert b"seems to be in German" in ran.stderr and b"CITESPAN_ENCODER" in ran.stderr
    assert b"seems to be" not in ran.stdout
    ran = citespan("ask", "Who was the president of Egypt in 1956?", "--library", str(sample_library))
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_a_misspelt_setting_is_named_and_what_a_platform_sets_is_not(tmp_path: Path) -> None:
    library = str(tmp_path / "library")
    ran = citespan("list", "--library", library, CITESPAN_CONCURENCY="3", CITESPAN_SERVICE_HOST="10.0.0.1")
    assert ran.stderr.decode().splitlines()[:-1] == [
        "citespan: CITESPAN_CONCURENCY does nothing, there is no such setting: did you mean CITESPAN_CONCURRENCY?"
    ]


def test_an_empty_list_says_so(tmp_path: Path) -> None:
    library = ("--library", str(tmp_path / "library"))
    article = tmp_path / "a.txt"
    article.write_text("The ferry crosses the sound.")
    name = citespan("add", str(article), *library).stdout.decode().split("\t")[0]
    assert citespan("remove", name, *library).returncode == 0
    for command in (["list"], ["keys", "list"], ["jobs", "list"], ["watches", "list"], ["follow"], ["search", "ferry"]):
        ran = citespan(*command, *library)
        lines = ran.stderr.decode().splitlines()
        assert ran.returncode == 1 and ran.stdout == b"" and len(lines) == 1, (command, ran)
        assert lines[0].startswith(("citespan: there are no ", "citespan: no", "citespan: nothing ")), lines
