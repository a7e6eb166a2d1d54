import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import find_furniture, metadata_from_text

BODY = "\nThe river rose by two metres on Monday. Nobody was hurt.\n"


@pytest.mark.parametrize(
    "line",
    [
        " date 2023-06-23 Home » A headline about something big – Some Site",
        "Home » World » Asia",
        "Home > Science > Space",
        "Home | World | Sport | Contact",
        "Share on Facebook Tweet WhatsApp Email",
        "Share this: Facebook Twitter LinkedIn",
        "See also  Nawaz's salt - Some Site",
        "See also: Tea rooms worth a detour",
        "READ MORE: Why Pluto is not coming back",
        "Related: Five things to know",
        "Related links: Tide tables for July",
        "Advertisement",
        "We use cookies to give you the best experience.",
        "Sign up for our newsletter",
        "Leave a comment",
        "© 2023 Some Site. All rights reserved.",
        "Photo: Jane Doe / Agency",
        "By Jane Doe, Some Agency",
        "Published: 14 March 2024",
        "20 min read",
        "Skip to content",
        "Follow us on Instagram",
    ],
)
def test_furniture_is_masked(line: str) -> None:
    text = BODY + line + BODY
    assert [text[m.start : m.end] for m in find_furniture(text)] == [line.strip()]


@pytest.mark.parametrize(
    "line",
    [
        "Share prices fell sharply on Monday.",
        "Home prices rose by a tenth.",
        "Related costs rose by 5 per cent.",
        "Read more slowly, he said.",
        "See also the annex for the details of the treaty.",
        "Watch the video carefully, she told the court.",
        "By the time the flames died down, 13,200 houses had burned.",
        "By Monday Night the city had fallen to the rebels.",
        "Tags were found on the birds near the coast.",
        "Sign up sheets were handed out in the hall at noon.",
        "The cookies were baked in Delft, and 400 were sold.",
        "Comments by the minister were not welcome in the capital.",
        "On 14 March 2024 the bridge was opened.",
        "Photographs of the ship were published in May.",
        "Facebook said on Monday that it would leave the market.",
        "Related by blood, the two kings were still enemies.",
        "Most read newspapers in the country belong to one family.",
    ],
)
def test_sentences_that_begin_like_furniture_stay(line: str) -> None:
    assert find_furniture(BODY + line + BODY) == ()


def test_headlines_under_related_posts_go_with_their_heading() -> None:
    text = BODY * 3 + "Related posts\nDog bites man\nMan bites dog\n"
    assert {m.rule for m in find_furniture(text)} <= {"related_list", "read_more"}
    assert sum(m.end - m.start for m in find_furniture(text)) == len("Related postsDog bites manMan bites dog")


def test_a_text_of_nothing_but_furniture_keeps_it() -> None:
    assert find_furniture("Advertisement\nSkip to content\n") == ()


def test_reads_title_date_and_site_from_a_scraped_first_line() -> None:
    found = metadata_from_text(
        " date 2023-06-23 Home » Kim backs Putin in his war – EntornoInteligente\nKim has vowed."
    )
    assert (found.title, found.published, found.source) == (
        "Kim backs Putin in his war",
        "2023-06-23",
        "EntornoInteligente",
    )


def test_invents_nothing() -> None:
    found = metadata_from_text("The river rose on 3 May 2021, officials said.\nNobody was hurt.")
    assert (found.title, found.published, found.source) == (None, None, None)


@settings(max_examples=500)
@given(
    st.lists(
        st.sampled_from(["Home » ", "See also ", "Share ", "a", ".", "\n", " ", "©", "By ", "|", "Read more: X", "é"]),
        max_size=60,
    )
)
def test_ranges_are_in_order_inside_the_text_and_repeatable(parts: list[str]) -> None:
    text = "".join(parts)
    found = find_furniture(text)
    position = 0
    for one in found:
        assert position <= one.start < one.end <= len(text) and one.rule
        position = one.end
    assert found == find_furniture(text)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        " ",
        "\n",
        "Home » ",
        "Share ",
        "| a ",
        "By A ",
        "cookies ",
        "See also ",
        "Related\nNews of today here\n",
        "Line {} is short\n",
    ],
)
def test_time_grows_no_faster_than_the_text(unit: str) -> None:
    def seconds(size: int) -> float:
        # Braces take a number, so that no two lines are alike.
        lines = (unit.format(n) if "{" in unit else unit for n in range(size // max(len(unit), 20 * ("{" in unit))))
        text = "".join(lines)
        begun = time.process_time()
        find_furniture(text)
        return time.process_time() - begun

    seconds(10_000)
    assert seconds(1_000_000) < 30 * max(seconds(100_000), 0.005)
