"""Near-copies: told, grouped, and counted once."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import Article, Library
from index.text.near_duplicates import BANDS, are_copies, bands, shingles
from qa import QuestionAnswering
from tests.helpers import ROOT

REPORT = (
    "The ferry Aurelia ran aground off the island of Menga on Tuesday night with 214 people on board. "
    "Coast guard boats took all passengers to the port of Lissa before dawn, and nobody was seriously hurt. "
    "Captain Ivo Marten told investigators that the steering had failed a few minutes before the ship struck the reef. "
    "The operator, Menga Lines, has withdrawn the ship's sister vessel until its own steering has been inspected. "
    "Divers found a tear of nine metres below the waterline, and a salvage company from Trieste is expected on Friday."
)
OTHER = (
    "The council of Lissa voted on Monday to close the old fish market and to build a library in its place. "
    "Work is to begin in the spring, after the stalls have moved to the quay, and to cost eleven million crowns. "
    "Opponents say that the quay floods every winter and have collected four thousand signatures for a referendum. "
    "Mayor Ada Brunn said that the tide gates planned for next year would keep the quay dry in all but the worst storm."
)


def test_a_syndicated_report_is_told_from_another_and_from_one_on_the_same_matter() -> None:
    report = shingles(REPORT)
    syndicated = shingles(f"LISSA, Wednesday (MPA) - {REPORT} Reporting by A. Writer; editing by B. Editor.")
    cut = shingles(" ".join(REPORT.split(". ")[:3]))
    same_matter = shingles(
        "A ferry with more than two hundred people aboard hit a reef near Menga late on Tuesday. All of them reached "
        "Lissa safely on boats of the coast guard. Its captain spoke of a failure of the steering, investigators said."
    )
    assert are_copies(report, syndicated) and are_copies(syndicated, report) and are_copies(report, cut)
    assert not are_copies(report, same_matter) and not are_copies(report, shingles(OTHER))
    assert len(bands(report)) == BANDS
    assert any(one == other for one, other in zip(bands(report), bands(syndicated), strict=True))
    assert bands(shingles("Too short to tell.")) == () and not are_copies(shingles("Short."), shingles("Short."))


def test_text_without_spaces_has_shingles_too() -> None:
    one = "渡船奥雷莉亚号周二晚间在门加岛附近触礁，船上有二百一十四人。海岸警卫队的船只在黎明前把所有乘客送到利萨港。"
    assert are_copies(shingles(one), shingles(one.replace("周二", "星期二")))
    assert not are_copies(
        shingles(one), shingles("市议会周一投票决定关闭旧鱼市，并在原址兴建一座图书馆，工程将于明年春天开始。" * 2)
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 12))
def test_texts_that_differ_in_a_few_words_meet_in_a_band(seed: int, changed: int) -> None:
    chance = random.Random(seed)
    words = [f"word{chance.randrange(5_000)}" for _ in range(400)]
    other = list(words)
    for place in chance.sample(range(400), changed):
        other[place] = "changed"
    one, two = shingles(" ".join(words)), shingles(" ".join(other))
    # With up to twelve words of 400 changed, 70 to 100 of 100 shingles are in both.
    assert are_copies(one, two)
    assert sum(a == b for a, b in zip(bands(one), bands(two), strict=True)) >= 1


def family(library: Library, article_id: str) -> int | None:
    return library.collection().get(article_id).info.family


def test_families_come_and_go_with_their_articles(library: Library) -> None:
    collection = library.collection()
    first = REPORT
    second = REPORT.replace("Divers found", "On Wednesday divers found")
    list(
        collection.add(
            [
                Article(first, id="one", title="Ferry aground"),
                Article(OTHER, id="market", title="Market to close"),
                Article(second, id="two", title="Ferry hits reef"),
                Article(f"{REPORT} A third paper added a sentence of its own.", id="three", title="Ferry rescue"),
            ]
        )
    )
    assert family(library, "one") == family(library, "two") == family(library, "three") is not None
    assert family(library, "market") is None
    assert collection.info().copies == 2
    collection.remove("one")
    assert family(library, "two") == family(library, "three") is not None
    collection.add_one(Article(OTHER.replace("library", "museum"), id="three", title="Now on something else"))
    assert family(library, "two") is None
    assert family(library, "three") == family(library, "market") is not None
    assert collection.info().copies == 1 and collection.check() == []


def test_copies_are_all_shown_as_evidence_and_count_once(qa: QuestionAnswering, library: Library) -> None:
    asking = QuestionAnswering(library, qa.reader)
    asking.add(
        [
            Article(REPORT, id="north", title="Ferry aground", source="north.example"),
            Article(
                REPORT.replace("a salvage company", "experts from a salvage company"),
                id="south",
                title="Ferry on reef",
                source="south.example",
            ),
        ]
    )
    answer = asking.ask("How many people were on board the ferry Aurelia?")
    assert answer.text is not None and "214" in answer.text
    support = answer.answers[0].support
    assert (support.articles, support.independent) == (2, 1)
    own = "Menga Lines confirmed to this newspaper that 214 people were on board the ferry Aurelia when it struck."
    asking.add(Article(own, id="west", title="Operator speaks"))
    support = asking.ask("How many people were on board the ferry Aurelia?").answers[0].support
    assert (support.articles, support.independent) == (3, 2)


@pytest.mark.parametrize("count", [60])
def test_many_copies_are_one_family(library: Library, count: int) -> None:
    collection = library.collection()
    list(
        collection.add(Article(f"{REPORT} Edition number {n}.", id=f"e{n}", title=f"Edition {n}") for n in range(count))
    )
    assert len({family(library, f"e{n}") for n in range(count)}) == 1
    assert collection.info().copies == count - 1


QUESTIONS = [
    "Who is the director of the museum of Eldheim?",
    "How many visitors did the museum of Eldheim count in 2019?",
    # Hard for models that read English: what else the passages hold is nearly as likely.
    "Wer leitet das Museum von Eldheim?",
    "Who composed the opera?",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_confidence_does_not_rise_with_copies(qa: QuestionAnswering, library: Library, question: str) -> None:
    asking = QuestionAnswering(library, qa.reader)
    asking.add(ROOT / "tests" / "data" / "formats" / "museum-report.pdf")
    collection = library.collection()
    text = collection.get(collection.list().articles[0].id).text
    alone = asking.ask(question)
    asking.add([Article(text, id=f"copy{n}", title=f"News of the day, edition {n}") for n in range(2)])
    again = asking.ask(question)
    assert again.text == alone.text
    # A copy has another title, so what retrieval says of it differs a little.
    assert again.confidence <= alone.confidence + 0.05


def test_a_large_family_stays_together_when_one_goes(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from index.storage.tables import duplicate_groups

    monkeypatch.setattr(duplicate_groups, "_REGROUPED", 5)
    collection = library.collection()
    list(collection.add(Article(f"{REPORT} Edition number {n}.", id=f"e{n}", title=f"Edition {n}") for n in range(12)))
    collection.remove("e0")
    assert {family(library, f"e{n}") for n in range(1, 12)} != {None}
    assert len({family(library, f"e{n}") for n in range(1, 12)}) == 1
    assert collection.info().copies == 10
