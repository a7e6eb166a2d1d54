"""Page furniture on marked pages, and what rules must never take."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.furniture import FURNITURE, REAL, SETS, Page, Result, read_pages, result
from index import Repetition, find_furniture, read_html

BODY = "\nThe river rose by two metres on Monday. Nobody was hurt.\n"


def measured(pages: list[Page], *, repeats: bool) -> list[Result]:
    texts = {page.name: read_html(page.text).text if page.kind == "html" else page.text for page in pages}
    known = {site: Repetition.of(texts[p.name] for p in pages if p.site == site) for site in {p.site for p in pages}}
    return [
        result(page, texts[page.name], find_furniture(texts[page.name], known[page.site] if repeats else None))
        for page in pages
    ]


def size(results: list[Result], part: str, mark: str) -> int:
    return sum(len(word) for one in results for word, its in getattr(one, part) if its == mark)


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("kind", ["txt", "html"])
@pytest.mark.parametrize("name", SETS)
def test_of_marked_pages_furniture_goes_and_text_stays(name: str, kind: str, repeats: bool) -> None:
    results = measured([page for page in read_pages(name) if page.kind == kind], repeats=repeats)
    assert len(results) == 15
    taken = size(results, "masked", FURNITURE) + size(results, "left_out", FURNITURE)
    lost = size(results, "masked", REAL) + size(results, "left_out", REAL)
    assert taken / (taken + lost) >= 0.98
    assert taken / (taken + size(results, "kept", FURNITURE)) >= 0.9


def test_marked_pages_are_read_whole() -> None:
    for page in (page for name in SETS for page in read_pages(name) if page.kind == "txt"):
        untouched = result(page, page.text, ())
        assert untouched.kept == page.words and not untouched.masked and not untouched.left_out


@pytest.mark.parametrize(
    "line",
    [
        "Startseite › Lokales › Fähre fährt wieder",
        "Von Katrin Mühlen",
        "Stand: 14.03.2024, 16:30 Uhr",
        "Lesen Sie auch: Was die Brücke kosten würde",
        "Teilen Merken Drucken",
        "Impressum   Datenschutz   AGB   Kontakt",
        "Lire aussi : Le pont attendra 2030",
        "Publié le 12/04/2024 à 10h15 - Mis à jour le 12/04/2024",
        "Réservé aux abonnés",
        "Te puede interesar: Así queda la clasificación",
        "Compartir en Facebook Compartir en Twitter",
        "Todos los derechos reservados",
        "November 5, 2022 / 14 Comments / by Marek",
        "14 thoughts on “Reading a 1984 floppy”",
        "Story continues below advertisement",
        "Subscribe for £1",
        "Asked 2 years, 3 months ago",
        "★★★★★ 4.9 from 118 votes",
    ],
)
def test_furniture_in_four_languages_is_masked(line: str) -> None:
    text = BODY + line + BODY
    assert [text[m.start : m.end] for m in find_furniture(text)] == [line.strip()]


@pytest.mark.parametrize(
    "line",
    [
        "Teilen müssen sich die Betriebe die Erntehelfer.",
        "Kommentare zur Farbe kommen vor allem von Touristen.",
        "Lire aussi vite le dossier est impossible.",
        "Partager la mer avec lui demande de la prudence.",
        "Compartir el mérito es fácil cuando se gana.",
        "Abonnez-vous à l'espoir, a plaisanté l'entraîneur.",
        "“Next!” is what he says under his breath for each one.",
        "PARIS (AP) — The last piece of the dam was lifted out on Thursday.",
        "Written by two brothers, the play was first shown in Leeds.",
        "Reactions were mixed.",
        "It is currently edited by Rich Lowry.",
        "4 May 1951",
        "Country\tFrance",
        "Culture",
        "250 g rye flour",
        "See also how the willow bends,",
        "Search all the ledgers for my name.",
        "Alan Crewe",
    ],
)
def test_what_only_looks_like_furniture_stays(line: str) -> None:
    assert find_furniture(BODY + line + BODY) == ()


def test_a_policy_on_cookies_is_no_cookie_note() -> None:
    text = "\n".join(f"We use cookies to count visitors of page {n}." for n in range(1, 6)) + BODY
    assert find_furniture(text) == ()


def article(n: int) -> str:
    return (
        f"The Larch Observer\nAll the news that floats\nA bridge over stream number {n}\n"
        f"Engineers have built bridge {n} over the stream, which took them {n + 3} months in all.\n"
        f"Background\nThe stream was once {n} metres wide, the oldest people of the village remember.\n"
        "The Observer Building, Larch\nPrinted on a press from the last century\n"
    )


def masked(text: str, known: Repetition) -> list[tuple[str, str]]:
    return [(text[m.start : m.end], m.rule) for m in find_furniture(text, known)]


def test_what_several_articles_have_around_their_text_is_masked() -> None:
    texts = [article(n) for n in range(4)]
    assert find_furniture(texts[0]) == () and masked(texts[0], Repetition.of(texts[:2])) == []
    assert masked(texts[0], Repetition.of(texts)) == [
        (line, "repeated")
        for line in (
            "The Larch Observer",
            "All the news that floats",
            "The Observer Building, Larch",
            "Printed on a press from the last century",
        )
    ]


def test_copies_of_an_article_are_not_masked_as_repeating_themselves() -> None:
    assert masked(article(1), Repetition.of([article(1)] * 5)) == []


def test_a_sentence_that_every_story_tells_again_stays() -> None:
    told = "The dam, which was the first of its kind, was the work of Ada Prowse.\n"
    texts = [
        f"The inquiry heard witness number {n} on the matter of the dam today.\n"
        f"The witness spoke for {n} hours and will come again tomorrow morning.\n{told}" for n in range(8)
    ]  # fmt: skip
    assert masked(texts[0], Repetition.of(texts)) == []


LINE = st.sampled_from(
    ["Home » News", "Related", "Share", "News", "Ada", "4 May 1951", "Read more: X", "A line that says a thing.", ""]
) | st.text(st.characters(exclude_categories=("Cs",)), max_size=40)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(LINE, max_size=12).map("\n".join), min_size=1, max_size=6))
def test_ranges_are_in_order_with_what_repeats_too(texts: list[str]) -> None:
    known = Repetition.of(texts)
    for text in texts:
        position = 0
        for one in find_furniture(text, known):
            assert position <= one.start < one.end <= len(text) and one.rule
            assert text[one.start : one.end].strip() == text[one.start : one.end]
            position = one.end
