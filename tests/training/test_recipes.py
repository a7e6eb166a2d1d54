"""Both recipes on a handful of examples: they learn, and a run that is stopped ends where it would have ended."""

import gzip
import json
import random
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoTokenizer

from index import SentenceEncoder
from qa import QuestionAnswering, load_examples
from qa.options import Options
from tests.helpers import ROOT
from training import average, train_reader, train_retriever
from training.leaks import Known
from training.reading_data import opposed, repeated, swapped, tokenize
from training.run import Trainer, base_folder
from training.train_reader import marginal_loss, overlap, taught_loss
from training.windows import Epoch, Windows

PART = ROOT / "tests" / "data" / "squad-part.json.gz"
TOKENS = 10_000


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some questions in the layout of the training data, under one of its names."""
    folder = tmp_path_factory.mktemp("data")
    with gzip.open(folder / "squad11_train_part.jsonl.gz", "wt") as file:
        for example in load_examples(PART):
            answers = [{"text": text, "start": example.context.index(text)} for text in example.answers[:1]]
            row = {"title": example.title, "context": example.context, "question": example.question}
            file.write(json.dumps({**row, "answers": answers, "impossible": False}) + "\n")
    return folder


def config(recipe: str, folder: Path) -> Path:
    """The recipe's own settings, made small."""
    text = (ROOT / "training" / recipe).read_text()
    small = {
        "checkpoint_every": 2_000,
        "batch_tokens": 1_000,
        "batch": 8,
        "group": 4,
        "warmup_steps": 1,
        "learning_rate": 6e-4,
    }
    lines = []
    for line in text.partition("[mixture]")[0].splitlines():
        name = line.partition(" = ")[0].strip()
        lines.append(f"{name} = {small[name]}" if name in small else line)
    path = folder / recipe
    path.write_text("\n".join([*lines, "[mixture]", "squad11_train_part = 300"]))
    assert tomllib.loads(path.read_text())["checkpoint_every"] == 2_000
    return path


def weights(folder: Path) -> dict[str, np.ndarray]:
    """All tensors of a model; its index names each."""
    found = {name: tensor for part in folder.glob("*.safetensors") for name, tensor in load_file(part).items()}
    assert found.keys() == json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"].keys()
    return found


def test_nothing_is_learnt_that_is_measured_on(tmp_path: Path) -> None:
    shutil.copy(PART, tmp_path)
    (one, *_) = load_examples(PART)
    words = one.context.split()
    rows = [
        {"question": one.question.upper(), "context": "Something else altogether."},
        {"question": "A new one?", "context": "Quoted: " + " ".join(words[3:23]) + ", and so on."},
        {"question": "A new one?", "context": "Quoted: " + " ".join(words[3:10]) + ", and so on."},
    ]
    assert Known(tmp_path).without(rows) == rows[2:]
    assert Known(None).without(rows) == rows


def test_a_list_is_learnt_whole_and_references_are_not() -> None:
    gold = torch.tensor([[False, True, True, False]])
    allowed = torch.ones_like(gold)
    one, both = torch.tensor([[0.0, 20.0, 0.0, 0.0]]), torch.tensor([[0.0, 20.0, 20.0, 0.0]])
    anything, everything = torch.tensor([False]), torch.tensor([True])
    assert marginal_loss(one, gold, allowed, anything).item() == pytest.approx(0.0, abs=1e-6)
    assert marginal_loss(one, gold, allowed, everything).item() == pytest.approx(10.0, abs=1e-6)
    assert marginal_loss(both, gold, allowed, everything).item() == pytest.approx(np.log(2), abs=1e-6)

    context = "The band was Ann on drums, Bob on bass, and Cy and Di."
    answers = [{"text": name, "start": context.index(name)} for name in ("Ann", "Bob")]
    rows = [{"question": "Who?", "context": context, "answers": answers, "multi": multi} for multi in (True, False)]
    assert repeated(rows, 2) == [rows[0]] * 2
    windows = tokenize(rows, AutoTokenizer.from_pretrained(str(base_folder())), 64)
    assert windows.lists.tolist() == [True, False] and len(windows.spans) == 4


def test_teachers_are_learnt_from_where_they_agree_and_where_not() -> None:
    allowed = torch.tensor([[True, True, True, False]])
    one, two = torch.tensor([[30.0, 0.0, 0.0, 90.0]]), torch.tensor([[0.0, 30.0, 0.0, 90.0]])
    # The least cross entropy with a distribution is its own entropy.
    assert taught_loss(one, [one, one], allowed).item() == pytest.approx(0.0, abs=1e-6)
    both = torch.tensor([[30.0, 30.0, 0.0, -90.0]])
    assert taught_loss(both, [one, two], allowed).item() == pytest.approx(np.log(2), abs=1e-6)
    assert taught_loss(one, [one, two], allowed).item() == pytest.approx(15.0, abs=1e-3)
    assert overlap((3, 6), (5, 8)) == 0.5 and overlap((3, 6), (7, 8)) == 0.0 and overlap((3, 6), (3, 6)) == 1.0


def test_every_epoch_shows_other_parts_and_all_of_them_hold_the_answer(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(400)]
    rows = []
    for number in range(60):
        context = " ".join([*words[:200], f"Ann Lee {number}", *words[200:]])
        answer = {"text": f"Ann Lee {number}", "start": context.index("Ann")}
        rows.append(
            {"question": f"Who was it {number}?", "context": context, "answers": [answer] if number % 3 else []}
        )
    tokenizer = AutoTokenizer.from_pretrained(str(base_folder()))
    tokenize(rows, tokenizer, 448).save(tmp_path / "windows.npz")
    windows = Windows.load(tmp_path / "windows.npz")
    config = {"seed": 1, "window": 200, "batch_tokens": 1_000, "crop": {"share": 0.5, "shortest": 48, "longest": 128}}
    one, again, two = (Epoch(windows, config, number) for number in (0, 0, 1))
    assert (one.cuts == again.cuts).all() and not (one.cuts == two.cuts).all()
    seen = []
    for batch in one.batches:
        made = one.collate(batch)
        assert made["ids"].numel() <= 1_000 and made["ids"].shape[1] <= 200
        for row, number in enumerate(batch):
            first, last = (int(made[name][row].nonzero()[0]) for name in ("starts", "ends"))
            text = tokenizer.decode(made["ids"][row, first : last + 1])
            asked = tokenizer.decode(made["ids"][row], skip_special_tokens=True)
            gold = asked.partition("?")[0].removeprefix("who was it ")
            assert text == (f"ann lee {gold}" if int(gold) % 3 else "[CLS]")
            assert made["allowed"][row, first] and made["allowed"][row, last]
            seen.append(int(number))
    assert sorted(seen) == list(range(60))


def test_every_crop_keeps_what_a_near_miss_turns_on_where_there_is_room() -> None:
    words = [f"w{number}" for number in range(300)]
    context = " ".join([*words[:150], "Ann Lee of Low Barrow", *words[150:]])
    start = context.index("Ann")
    near = {"question": "Who was it?", "context": context, "answers": [], "keep": (start, start + 21)}
    gold = {**near, "answers": [{"text": "Low Barrow", "start": context.index("Low")}]}
    far = {**near, "keep": (0, len(context))}
    tokenizer = AutoTokenizer.from_pretrained(str(base_folder()))
    windows = tokenize([near, gold, far, {**near, "keep": None}], tokenizer, 448)
    config = {"seed": 1, "window": 120, "batch_tokens": 1_000, "crop": {"share": 0.5, "shortest": 12, "longest": 40}}
    texts: dict[int, list[str]] = {number: [] for number in range(4)}
    for number in range(20):
        epoch = Epoch(windows, config, number)
        for batch in epoch.batches:
            made = epoch.collate(batch)
            assert made["ids"].shape[1] <= 120
            for row, example in enumerate(batch):
                texts[int(example)].append(tokenizer.decode(made["ids"][row], skip_special_tokens=True))
    assert all("ann lee of low barrow" in text for example in (0, 1) for text in texts[example])
    assert len(set(texts[0])) > 10, "other words beside it each time"
    for example in (2, 3):  # longer than the window, and nothing to keep: any part
        assert 0 < sum("low barrow" in text for text in texts[example]) < 20


def test_the_mean_of_models_is_the_mean_of_their_weights(tmp_path: Path) -> None:
    for name, value in (("one", 1.0), ("two", 2.0)):
        (tmp_path / name / "model").mkdir(parents=True)
        save_file({"a": np.full(3, value, np.float16)}, tmp_path / name / "model" / "part.safetensors")
        (tmp_path / name / "recipe.json").write_text('{"config": {}}')
    average.main([str(tmp_path / "one"), str(tmp_path / "two"), "--out", str(tmp_path / "mean")])
    assert load_file(tmp_path / "mean" / "model" / "part.safetensors")["a"].tolist() == [1.5] * 3


def test_questions_turned_unanswerable_ask_what_their_passage_does_not_say() -> None:
    context = "In 1912 the largest mill of Tarn was bought by Hugo Marsh, and in 1930 by Ida Holm."
    row = {"src": "a", "context": context, "answers": [{"text": "Hugo Marsh", "start": context.index("Hugo")}]}
    who = {**row, "question": "Who bought the largest mill in 1912?"}
    plain = {**row, "question": "Who bought it?"}
    settings = {"share": 1.0, "from": ["a"]}
    (turned,) = opposed([who, plain, {**who, "src": "b"}, {**who, "answers": []}], settings, random.Random(1))
    assert turned["question"] == "Who bought the smallest mill in 1912?"
    assert turned["answers"] == [] and turned["impossible"] and turned["context"] == context
    # Where the passage speaks of the contrary too, it may well answer.
    both = {**who, "context": f"{context} The smallest mill was sold."}
    assert opposed([both], settings, random.Random(1)) == []

    (other,) = swapped([who, plain], settings, random.Random(1))
    assert other["question"] == "Who bought the largest mill in 1930?" and other["answers"] == []


class Stopped(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize(
    ("train", "recipe"),
    [
        (train_reader.main, "reader.toml"),
        (train_reader.main, "reader-12.toml"),
        (train_retriever.main, "retriever.toml"),
    ],
)
def test_a_run_that_is_stopped_ends_where_it_would_have_ended(
    train: object, recipe: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(train)
    # Also where the processor is slow at it: what is computed is the same.
    monkeypatch.setattr(train_reader, "choose_device", lambda: ("cpu", recipe == "reader-12.toml"))
    shared = ["--data", str(data), "--config", str(config(recipe, tmp_path)), "--tokens", str(TOKENS)]
    train([*shared, "--out", str(tmp_path / "whole")])
    log = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    assert len(log) >= 3 and log[-1]["tokens"] >= TOKENS
    if recipe.startswith("reader"):  # the retriever is good at these before it begins
        assert log[-1]["loss"] < log[0]["loss"]

    step, done = Trainer.step, []

    def stops(self: Trainer, *arguments: object) -> bool:
        if len(done) == 4 and not (tmp_path / "again").exists():
            (tmp_path / "again").touch()
            raise Stopped
        done.append(arguments)
        return step(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "step", stops)
    with pytest.raises(Stopped):
        train([*shared, "--out", str(tmp_path / "parts")])
    train([*shared, "--out", str(tmp_path / "parts")])
    whole, parts = (weights(tmp_path / name / "model") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    for name, tensor in whole.items():
        np.testing.assert_allclose(tensor.astype(np.float32), parts[name].astype(np.float32), atol=1e-5, err_msg=name)
    again = [json.loads(line) for line in (tmp_path / "parts" / "log.jsonl").read_text().splitlines()]
    assert [row["tokens"] for row in again] == [row["tokens"] for row in log]
    with pytest.raises(SystemExit, match="another recipe"):
        train([*shared, "--out", str(tmp_path / "whole"), "--start", str(tmp_path / "whole" / "model")])

    # What comes out is a model as the product takes it.
    folder = str(tmp_path / "whole" / "model")
    if recipe.startswith("reader"):
        train([*shared, "--out", str(tmp_path / "whole"), "--snapshot", str(tmp_path / "last")])
        for name, tensor in weights(tmp_path / "last").items():
            np.testing.assert_array_equal(tensor, whole[name], err_msg=name)
        with pytest.raises(SystemExit, match="no checkpoint"):
            train([*shared, "--out", str(tmp_path / "none"), "--snapshot", str(tmp_path / "last")])
    if recipe == "retriever.toml":
        near, far = SentenceEncoder(folder).encode_passages(["a red fox", "the price of coal"])
        (asked,) = SentenceEncoder(folder).encode_queries(["what colour is the fox?"])
        assert asked @ near > asked @ far
    else:
        with QuestionAnswering.open(tmp_path / "library", options=Options(reader=folder)) as qa:
            assert qa.read_text("Who was it?", "It was Ann Lee.") is not None
