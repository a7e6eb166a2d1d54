"""Answers as files: Markdown, CSV and JSON with citations, over HTTP and from the command line."""

import csv
import io
import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schemas.responses import AskOut
from api.service.answer_text import within_sentence
from api.service.csv_cells import guard, unguard
from api.service.export import Entry, exported
from index import Article, Library
from qa import QuestionAnswering
from tests.helpers import assert_problem, citespan

QUESTION = "Where did the Great Fire of London begin?"
DAY = date(2026, 11, 26)


@pytest.fixture(scope="module")
def reply(qa: QuestionAnswering) -> AskOut:
    return AskOut.from_answer(qa.ask(QUESTION))


def test_markdown_holds_the_answer_in_its_sentence_and_where_it_stands(client: httpx2.Client, reply: AskOut) -> None:
    sent = client.post("/v1/ask", json={"question": QUESTION}, headers={"Accept": "text/markdown"})
    assert sent.status_code == 200 and sent.headers["content-type"] == "text/markdown; charset=utf-8"
    best = reply.answers[0]
    assert f"## {QUESTION}\n\n**{best.text}** (confidence" in sent.text
    quoted = [line for line in sent.text.splitlines() if line.startswith("> ")]
    assert f"**{best.text}**" in quoted[0] and quoted[0].replace("**", "")[2:] == best.evidence[0].sentence
    assert f"“{best.evidence[0].article.title},”" in sent.text


@pytest.mark.parametrize("style", ["chicago", "apa", "mla", "bibtex", "csl-json"])
def test_each_style_is_had_by_name(client: httpx2.Client, style: str) -> None:
    get = client.get("/v1/ask", params={"question": QUESTION, "style": style}, headers={"Accept": "text/markdown"})
    post = client.post(f"/v1/ask?style={style}", json={"question": QUESTION}, headers={"Accept": "text/markdown"})
    assert get.status_code == post.status_code == 200 and get.text == post.text
    sign = {"chicago": ",” ", "apa": "). ", "mla": ".” ", "bibtex": "@online{", "csl-json": '"container-title"'}[style]
    assert sign in post.text


def test_csv_has_a_row_for_each_place(client: httpx2.Client, reply: AskOut) -> None:
    sent = client.post("/v1/ask", json={"question": QUESTION}, headers={"Accept": "text/csv"})
    assert sent.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(sent.text)))
    assert len(rows) == sum(len(answer.evidence) for answer in reply.answers)
    first, piece = rows[0], reply.answers[0].evidence[0]
    assert (first["question"], first["answer"], first["rank"]) == (QUESTION, reply.answer, "1")
    article = client.get(f"/v1/articles/{first['article_id']}").json()
    assert article["text"][int(first["article_start"]) : int(first["article_end"])] == reply.answer
    assert (first["sentence"], first["sha256"], first["title"]) == (piece.sentence, article["sha256"], article["title"])


def test_no_answer_is_said_in_each_form(client: httpx2.Client) -> None:
    body = {"question": "Who won the chess championship on Mars in 2190?"}
    asked = client.post("/v1/ask", json=body).json()
    assert not asked["answered"]
    shown = client.post("/v1/ask", json=body, headers={"Accept": "text/markdown"}).text
    assert "No answer: " in shown and "**" not in shown
    rows = list(csv.DictReader(io.StringIO(client.post("/v1/ask", json=body, headers={"Accept": "text/csv"}).text)))
    assert [(row["answered"], row["answer"]) for row in rows] == [("no", "")]


def test_json_stays_json_and_errors_stay_problems(client: httpx2.Client) -> None:
    plain = client.post("/v1/ask", json={"question": QUESTION}, headers={"Accept": "*/*"})
    assert plain.headers["content-type"] == "application/json"
    refused = client.post("/v1/ask?style=harvard", json={"question": QUESTION}, headers={"Accept": "text/csv"})
    assert_problem(refused, 422)
    assert_problem(client.post("/v1/ask", json={}, headers={"Accept": "text/markdown"}), 422)


def test_an_article_is_cited(client: httpx2.Client) -> None:
    article = client.get("/v1/articles?limit=1").json()["articles"][0]
    cited = client.get(f"/v1/articles/{article['id']}/citation", params={"style": "apa", "page": 3}).json()
    assert cited["style"] == "apa" and article["title"] in cited["citation"] and "p. 3" in cited["citation"]
    assert_problem(client.get("/v1/articles/none/citation"), 404)
    assert_problem(client.get(f"/v1/articles/{article['id']}/citation?style=x"), 422)
    assert_problem(client.get(f"/v1/articles/{article['id']}/citation?page=0"), 422)


@pytest.mark.parametrize("field", ["text", "html"])
def test_whoever_adds_an_article_can_say_who_wrote_it(client: httpx2.Client, field: str) -> None:
    body = "<p>The mill of Tarn was built by Hugo Marsh in 1788.</p>"
    article = {"id": "tarn", "title": "The mill", field: body, "author": "Ida Quist", "language": "en-GB"}
    assert client.post("/v1/articles", json=article).status_code == 201
    kept = client.get("/v1/articles/tarn").json()
    assert (kept["author"], kept["language"]) == ("Ida Quist", "en")
    assert "Quist, I." in client.get("/v1/articles/tarn/citation?style=apa").json()["citation"]
    for wrong in ({"author": 5}, {"language": "no language"}):
        problem = assert_problem(client.post("/v1/articles", json={**article, **wrong}), 422)
        assert problem["errors"][0]["loc"] == ["body", *wrong]
    assert client.delete("/v1/articles/tarn").status_code == 204


@pytest.mark.parametrize("form", ["markdown", "csv", "json"])
def test_the_command_prints_what_can_be_taken_along(sample_library: Path, tmp_path: Path, form: str) -> None:
    shutil.copytree(sample_library, tmp_path / "library")
    ran = citespan("ask", QUESTION, "--format", form, "--style", "mla", "--library", str(tmp_path / "library"))
    assert ran.returncode == 0, ran.stderr
    printed = ran.stdout.decode()
    if form == "json":
        facts = json.loads(printed)
        assert facts["style"] == "mla" and facts["accessed"] == datetime.now(UTC).date().isoformat()
        best = facts["entries"][0]["reply"]["answers"][0]
        assert best["text"] in best["evidence"][0]["sentence"] and best["evidence"][0]["citation"].startswith("“")
    elif form == "csv":
        assert next(csv.DictReader(io.StringIO(printed)))["citation"].startswith("“")
    else:
        assert printed.startswith(f"## {QUESTION}")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (["--format", "pdf"], b"--format"),
        (["--format", "csv", "--style", "x"], b"--style"),
        (["--format", "csv", "--json"], b"--json"),
        (["--style", "apa"], b"--format"),
    ],
)
def test_a_wrong_choice_is_named_before_anything_is_loaded(wrong: list[str], named: bytes, tmp_path: Path) -> None:
    ran = citespan("ask", QUESTION, *wrong, "--library", str(tmp_path / "none"))
    assert ran.returncode == 2 and named in ran.stderr and not (tmp_path / "none").exists()
    assert len(ran.stderr.splitlines()) == 1


def test_an_answer_whose_article_has_gone_is_withdrawn(reply: AskOut) -> None:
    entries = [Entry("And why?", None, asked="2026-11-26T10:00:00Z", standalone_question="Why did it begin?")]
    entries.append(Entry(QUESTION, reply, standalone_question=QUESTION))
    shown = exported(entries, "markdown", today=DAY, title="A *talk*")
    assert shown.startswith("# A \\*talk\\*\n\n## And why?\n\nUnderstood as: Why did it begin?\n\nWithdrawn: ")
    assert shown.count("Understood as") == 1
    rows = list(csv.DictReader(io.StringIO(exported(entries, "csv", today=DAY))))
    assert (rows[0]["answered"], rows[0]["standalone_question"]) == ("withdrawn", "Why did it begin?")
    facts = json.loads(exported(entries, "json", today=DAY))
    assert facts["entries"][0]["withdrawn"] and facts["entries"][0]["reply"] is None
    assert exported(entries, "csv", today=DAY, for_spreadsheets=True).startswith("\ufeffasked,")


def test_no_cell_is_taken_for_a_formula_and_every_text_comes_back(reply: AskOut) -> None:
    @given(text=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
    def comes_back(text: str) -> None:
        made = exported([Entry(text, reply)], "csv", today=DAY)
        cell = next(iter(csv.DictReader(io.StringIO(made, newline=""))))["question"]
        assert cell in (text, f"'{text}") and unguard(cell) == text
        assert not cell.startswith(("=", "@", "\t", "\r")) and (
            cell[0] not in "+-" or cell.strip("+-0123456789.,") == ""
        )

    comes_back()


HIDDEN = ["", " ", "\u00a0", "\u3000", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\u034f"]
HIDDEN += ["\ufe0f", "\u3164", "\x00", "\x0b", "'", "\uff07", "\u2019", '"']
FORMULAS = [
    "=",
    "+",
    "-",
    "@",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
    "\ufe66",
    "\ufe62",
    "\ufe63",
    "\ufe6b",
    "\u2212",
]


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_formula_is_found_behind_what_cannot_be_seen(reply: AskOut, hidden: str, formula: str) -> None:
    for text in (f"{hidden}{formula}1+1", f"{hidden}\u200b{hidden}{formula}HYPERLINK(0)", f"{hidden}\tcmd"):
        made = exported([Entry(text, reply)], "csv", today=DAY)
        cell = next(iter(csv.DictReader(io.StringIO(made, newline=""))))["question"]
        assert cell == f"'{text}" and unguard(cell) == text


@given(st.text(st.sampled_from("'=+-@5.,a \t\u200b\uff1d\uff07\u2212"), max_size=6))
def test_every_guarded_text_comes_back(text: str) -> None:
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", ["-5", "+1,000.5", " -5", "a=b", "\u2013 a dash", "it's", "'tis", "1-2", "\u200b", ""])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert guard(text) == unguard(text) == text


def test_markup_in_an_article_stays_text(library: Library, qa: QuestionAnswering) -> None:
    text = "The mayor of Zorvik is *Anna* <b>Berg</b> [x](javascript:y), elected on Monday."
    library.collection(create=True).add_one(
        Article(id="z", title="# Zorvik | `mayor`", text=text, published="2024-05-02")
    )
    answer = QuestionAnswering(library, qa.reader, threshold=0.0).ask("Who is the mayor of Zorvik?")
    shown = exported([Entry(answer.question, AskOut.from_answer(answer))], "markdown", today=DAY)
    assert answer.text and "<b>" not in shown.replace("\\<b\\>", "") and "](" not in shown.replace("\\](", "")
    assert r"\# Zorvik \| \`mayor\`" in shown


def test_a_conversation_is_taken_along(client: httpx2.Client) -> None:
    talk = client.post("/v1/conversations").json()["id"]
    for question in (QUESTION, "When?", "What is the capital of Atlantis on Mars?"):
        assert client.post(f"/v1/conversations/{talk}/messages", json={"question": question}).status_code == 200
    export = f"/v1/conversations/{talk}/export"
    shown = client.get(export, params={"style": "apa"})
    assert shown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert shown.headers["content-disposition"].endswith('.md"')
    assert shown.text.startswith(f"# {QUESTION}") and "Understood as: " in shown.text and "No answer: " in shown.text
    table = client.get(export, params={"format": "csv"})
    assert table.content.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff"))))
    assert {row["question"] for row in rows} == {QUESTION, "When?", "What is the capital of Atlantis on Mars?"}
    assert all(row["asked"] for row in rows)
    facts = client.get(export, params={"format": "json"}).json()
    assert [entry["withdrawn"] for entry in facts["entries"]] == [False] * 3
    assert_problem(client.get(export, params={"format": "pdf"}), 422)
    assert_problem(client.get("/v1/conversations/none/export"), 404)
    client.delete(f"/v1/conversations/{talk}")
    assert_problem(client.get(export), 404)


@given(st.text("ab. ", max_size=30), st.text("ab.", min_size=1, max_size=8), st.text("ab. ", max_size=30), st.data())
def test_a_span_is_found_in_its_sentence_wherever_that_stands(
    before: str, sentence: str, after: str, data: Any
) -> None:
    start = data.draw(st.integers(0, len(sentence) - 1))
    end = data.draw(st.integers(start + 1, len(sentence)))
    passage = before + sentence + after
    found = within_sentence(passage, sentence, len(before) + start, len(before) + end)
    assert found is not None and sentence[found[0] : found[1]] == sentence[start:end]
    assert within_sentence(passage, "c" + sentence, len(before) + start, len(before) + end) is None
