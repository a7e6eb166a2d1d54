"""Citations: each style as its manual has it, whatever is missing, and nothing that breaks out of its markup."""

import json
import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import ArticleInfo, QueryError
from qa import STYLES, cite

DAY = date(2026, 11, 26)


def article(**known: Any) -> ArticleInfo:
    facts = {"id": "a1", "title": "", "url": None, "source": None, "published": None, "tags": (), "sha256": "0" * 64}
    return ArticleInfo(**(facts | known))


SNAP = article(
    title="Snap Makes a Bet on the Camera",
    author="Farhad Manjoo",
    source="New York Times",
    published="2017-03-08",
    url="https://www.nytimes.com/2017/03/08/a_b.html",
)
THREE = article(
    title="Is It Safe?",
    author="By Jan van der Berg, Anna-Maria Müller and John Smith Jr.",
    source="Reuters",
    published="2020-09",
    url="https://example.org/a",
)
BARE = article(title="Fire in the harbour", url="https://www.example.org/fire")


@pytest.mark.parametrize(
    ("what", "style", "wanted"),
    [
        (SNAP, "chicago", "Farhad Manjoo, “Snap Makes a Bet on the Camera,” New York Times, March 8, 2017, {url}."),
        (SNAP, "apa", "Manjoo, F. (2017, March 8). Snap Makes a Bet on the Camera. New York Times. {url}"),
        (SNAP, "mla", "Manjoo, Farhad. “Snap Makes a Bet on the Camera.” New York Times, 8 Mar. 2017, {url}."),
        (
            THREE,
            "chicago",
            "Jan van der Berg, Anna-Maria Müller, and John Smith Jr., “Is It Safe?,” Reuters, September 2020, {url}.",
        ),
        (
            THREE,
            "apa",
            "van der Berg, J., Müller, A.-M., & Smith Jr., J. (2020, September). Is It Safe? Reuters. {url}",
        ),
        (THREE, "mla", "van der Berg, Jan, et al. “Is It Safe?” Reuters, Sept. 2020, {url}."),
        (BARE, "chicago", "“Fire in the harbour,” example.org, accessed November 26, 2026, {url}."),
        (BARE, "apa", "Fire in the harbour. (n.d.). example.org. Retrieved November 26, 2026, from {url}"),
        (BARE, "mla", "“Fire in the harbour.” example.org, {url}. Accessed 26 Nov. 2026."),
        (article(title="Food", author="KCNA", source="KCNA", published="2019"), "apa", "KCNA. (2019). Food."),
        (article(title="Food", author="Staff Writer"), "apa", "Staff Writer. (n.d.). Food."),
        (article(), "chicago", "“a1,” accessed November 26, 2026."),
        (article(title="T", author="Berg, Anna; Lund, Bo", published="2019"), "apa", "Berg, A., & Lund, B. (2019). T."),
    ],
)
def test_a_style_is_as_its_manual_has_it(what: ArticleInfo, style: Any, wanted: str) -> None:
    assert cite(what, style, accessed=DAY) == wanted.format(url=what.url)


def test_the_page_of_a_document_is_named() -> None:
    assert ", 2020, 7, https" in cite(article(title="R", published="2020", url="https://e.org"), accessed=DAY, page=7)
    assert "p. 7" in cite(SNAP, "apa", accessed=DAY, page=7) and "p. 7" in cite(SNAP, "mla", accessed=DAY, page=7)


def test_markdown_sets_the_publisher_in_italics_and_nothing_else() -> None:
    shown = cite(
        article(title="A *b* [c](d)", source="The_Paper", url="https://e.org/a_b"), accessed=DAY, markdown=True
    )
    assert shown.startswith(r"“A \*b\* \[c\](d),” *The\_Paper*") and "<https://e.org/a_b>" in shown


def test_bibtex_escapes_what_tex_would_read() -> None:
    made = cite(
        article(title="100 % {of} A&B_c", source="S#1", published="2019-05-02", url="https://e.org/{x}"),
        "bibtex",
        accessed=DAY,
    )
    assert made.startswith("@online{s12019")
    assert r"title = {{100 \% \{of\} A\&B\_c}}," in made
    assert (
        "url = {https://e.org/%7Bx%7D}," in made and "date = {2019-05-02}," in made and "urldate = {2026-11-26}" in made
    )


def test_csl_json_is_what_reference_managers_take() -> None:
    made = json.loads(cite(THREE, "csl-json", accessed=DAY))
    assert made["author"][0] == {"family": "van der Berg", "given": "Jan"}
    assert made["issued"] == {"date-parts": [[2020, 9]]} and made["type"] == "webpage" and made["URL"] == THREE.url


def test_an_unknown_style_is_named() -> None:
    with pytest.raises(QueryError, match="chicago"):
        cite(SNAP, "harvard", accessed=DAY)  # type: ignore[arg-type]


TEXT = st.text(max_size=40)
DATES = st.sampled_from([None, "2019", "2019-05", "2019-05-02", "2019-05-02T10:00:00Z"])


@given(title=TEXT, author=st.none() | TEXT, source=st.none() | TEXT, published=DATES, style=st.sampled_from(STYLES))
def test_whatever_is_known_makes_one_citation(title: str, author: Any, source: Any, published: Any, style: Any) -> None:
    what = article(title=title, author=author, source=source, published=published, url="https://e.org/a")
    made = cite(what, style, accessed=DAY)
    assert "https://e.org/a" in made
    if style == "csl-json":
        json.loads(made)
    elif style == "bibtex":
        bare = re.sub(r"\\textbackslash\{\}|\\textasciitilde\{\}|\\textasciicircum\{\}|\\[{}]", "", made)
        assert bare.count("{") == bare.count("}")
    else:
        assert "\n" not in made
        assert published is None or "2019" in made
