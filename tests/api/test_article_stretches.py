"""An article by stretches: GET /v1/articles/{id}?start=&end=, and through the Python client."""

from collections.abc import Iterator

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.client import Citespan
from tests.helpers import Server, assert_problem

TEXT = "Home » Mills\n" + "The mill of Tarn 🎉 was built by Hugo Marsh in 1788. שלום e\u0301. " * 300
PATH = "/v1/articles/stretched"


@pytest.fixture(scope="module")
def stored(server: Server) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=server.url, timeout=60) as client:
        assert client.post("/v1/articles", json={"id": "stretched", "text": TEXT}).status_code == 201
        yield client
        assert client.delete(PATH).status_code == 204


@given(start=st.integers(0, len(TEXT)), length=st.integers(1, len(TEXT) + 10))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stretch_is_the_text_from_start_to_end_with_what_reaches_into_it(
    stored: httpx2.Client, start: int, length: int
) -> None:
    whole = stored.get(PATH).json()
    assert (whole["text"], whole["start"], whole["end"]) == (TEXT, 0, len(TEXT) == whole["characters"] and len(TEXT))
    part = stored.get(PATH, params={"start": start, "end": start + length}).json()
    end = min(start + length, len(TEXT))
    assert (part["text"], part["start"], part["end"]) == (TEXT[start:end], start, end)
    for name in ("masked", "passages"):
        assert part[name] == [range_ for range_ in whole[name] if range_["start"] < end and range_["end"] > start]
    same = set(whole) - {"text", "start", "end", "masked", "passages"}
    assert {name: part[name] for name in same} == {name: whole[name] for name in same}


def test_stretches_follow_each_other_to_the_end(server: Server, stored: httpx2.Client) -> None:
    read = ""
    with Citespan(server.url) as client:
        while True:
            part = client.article("stretched", start=len(read), end=len(read) + 4_000)
            read += part.text
            if part.end == part.characters:
                break
        assert read == TEXT == client.article("stretched").text
    past = stored.get(PATH, params={"start": len(TEXT)}).json()
    assert (past["text"], past["start"], past["end"], past["passages"]) == ("", len(TEXT), len(TEXT), [])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"start={len(TEXT) + 1}", "start"),
        ("start=-1", "start"),
        ("start=x", "start"),
        ("end=0", "end"),
        ("start=9&end=9", "query"),
        ("start=9&end=3", "query"),
    ],
)
def test_a_stretch_that_cannot_be_says_which_end_is_wrong(stored: httpx2.Client, query: str, field: str) -> None:
    problem = assert_problem(stored.get(f"{PATH}?{query}"), 422)
    assert problem["errors"][0]["loc"][-1] == field and problem["detail"]
