"""Keys at the addresses of OpenAI's API: its client hears who may not, and each key sees its own collections."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.helpers import Server, citespan

FIRE = "Where did the Great Fire of London begin?"
ENCODER = "citespan-retriever-1"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory, sample_library: Path) -> Iterator[tuple[Server, dict[str, str]]]:
    """The samples and a second collection behind keys: one for all, one for that collection."""
    folder = tmp_path_factory.mktemp("keyed")
    shutil.copytree(sample_library, folder / "library")
    keys = {}
    for name, more in (("all", ("--scope", "admin")), ("some", ("--scope", "ask", "--collection", "other"))):
        made = citespan("keys", "add", name, *more, "--library", str(folder / "library"), "--json")
        assert made.returncode == 0, made.stderr
        keys[name] = json.loads(made.stdout)["key"]
    # What refuses here is a key's own limit, however slow the machine is.
    with Server(folder / "library", folder / "log", CITESPAN_WAIT_SECONDS="60") as running:
        article = {"text": "The mill of Tarn was built by Hugo Marsh in 1788.", "collection": "other"}
        headers = {"Authorization": f"Bearer {keys['all']}"}
        assert httpx2.post(f"{running.url}/v1/articles", json=article, headers=headers, timeout=60).status_code == 201
        yield running, keys


def client(keyed: tuple[Server, dict[str, str]], key: str) -> openai.OpenAI:
    server, keys = keyed
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=keys.get(key, key), max_retries=0)


def chat(own: openai.OpenAI, model: str = "citespan", question: str = FIRE) -> Any:
    return own.chat.completions.create(model=model, messages=[{"role": "user", "content": question}])


def test_without_a_good_key_nothing_is_told(keyed: tuple[Server, dict[str, str]]) -> None:
    stranger = client(keyed, "wrong")
    for call in (
        lambda: chat(stranger),
        lambda: stranger.models.list(),
        lambda: stranger.models.retrieve("citespan"),
        lambda: stranger.embeddings.create(model=ENCODER, input="a"),
    ):
        with pytest.raises(openai.AuthenticationError) as refused:
            call()
        assert refused.value.code == "invalid_api_key" and refused.value.type == "authentication_error"
    server, _ = keyed
    body = {"inputs": {"question": "Who?", "context": "Ann."}}
    assert httpx2.post(f"{server.url}/v1/tasks/question-answering", json=body).status_code == 401


def test_a_key_sees_its_own_collections(keyed: tuple[Server, dict[str, str]]) -> None:
    everything, some = client(keyed, "all"), client(keyed, "some")
    assert [model.id for model in everything.models.list()] == ["citespan", "citespan/other"]
    assert [model.id for model in some.models.list()] == ["citespan/other"]
    assert chat(everything).choices[0].message.content.startswith("the bakery")
    assert chat(some, "citespan/other", "Who built the mill?").choices[0].message.content.startswith("Hugo Marsh")
    for model in ("citespan", "citespan/default", "citespan/no-such"):
        with pytest.raises(openai.PermissionDeniedError):
            chat(some, model)
        with pytest.raises(openai.PermissionDeniedError):
            some.models.retrieve(model)
    assert some.embeddings.create(model=ENCODER, input="a").data


def test_too_many_at_a_time_are_a_rate_limit(keyed: tuple[Server, dict[str, str]]) -> None:
    server, keys = keyed
    text = "It rained for most of the day and nobody went out. " * 200
    slow = {"inputs": {"question": "Who went out?", "context": text}}
    headers = {"Authorization": f"Bearer {keys['some']}"}
    patient = client(keyed, "some").with_options(max_retries=60)

    def task(_: int) -> int:
        url = f"{server.url}/v1/tasks/question-answering"
        return httpx2.post(url, json=slow, headers=headers, timeout=120).status_code

    def embed(_: int) -> int:
        return len(patient.embeddings.create(model=ENCODER, input="a").data)

    with ThreadPoolExecutor(24) as pool:
        statuses = list(pool.map(task, range(12)))
        assert set(statuses) == {200, 429}
        assert list(pool.map(embed, range(12))) == [1] * 12
