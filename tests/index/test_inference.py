"""The fast runtime against the plain one, sequence by sequence."""

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from index import LocalModel, Machine, ModelError, SentenceEncoder, open_spans
from index.embedding.batching import BATCH_TOKENS, LIKE_LENGTH, Batcher, next_batch
from index.embedding.openvino_backend import Bert
from index.embedding.torch_backend import Spans
from qa.reading.reader import MANIFEST, Reader
from tests.helpers import ROOT, clean_environment

EXACT = Machine("openvino", precision="float32")
PLAIN = Machine("torch", device="cpu", precision="float32")
TEXTS = [
    "Only North Korea and Syria recognised the annexations.",
    "The mill of Tarn was built in 1788. " * 60,
    "x",
    "",
    "Ein Häuschen, naïve café, 東京 and 😀.",
    "A middling text of a few sentences. It says little. " * 5,
]


@pytest.fixture(scope="module")
def readers() -> tuple[Reader, Reader]:
    return Reader(machine=EXACT), Reader(machine=PLAIN)


@pytest.mark.parametrize("question", ["Which countries recognised them?", "?", "when " * 200])
def test_the_reader_scores_as_transformers_does(readers: tuple[Reader, Reader], question: str) -> None:
    fast, plain = (reader.read(question, TEXTS) for reader in readers)
    for one, two in zip(fast, plain, strict=True):
        assert len(one) == len(two)
        for window, other in zip(one, two, strict=True):
            np.testing.assert_array_equal(window.offsets, other.offsets)
            np.testing.assert_array_equal(window.words, other.words)
            np.testing.assert_allclose(window.start, other.start, atol=1e-4)
            np.testing.assert_allclose(window.end, other.end, atol=1e-4)
            assert window.no_answer == pytest.approx(other.no_answer, abs=1e-4)


def test_the_encoder_makes_the_vectors_of_sentence_transformers() -> None:
    fast, plain = (SentenceEncoder(machine=machine) for machine in (EXACT, PLAIN))
    assert fast.dimension == plain.dimension and fast.fingerprint == plain.fingerprint
    np.testing.assert_allclose(fast.encode_passages(TEXTS), plain.encode_passages(TEXTS), atol=1e-5)
    np.testing.assert_allclose(fast.encode_queries(TEXTS), plain.encode_queries(TEXTS), atol=1e-5)
    assert fast.encode_passages([]).shape == (0, fast.dimension)


@given(st.lists(st.integers(1, 512), max_size=60))
def test_batches_hold_every_sequence_once_and_pad_little(lengths: list[int]) -> None:
    left = list(range(len(lengths)))
    while left:
        batch = [left[place] for place in next_batch([lengths[one] for one in left])]
        # Whoever has waited longest is always among those that are run.
        assert batch[0] == left[0]
        longest = max(lengths[one] for one in batch)
        assert len(batch) == 1 or len(batch) * longest <= BATCH_TOKENS
        assert all(lengths[one] >= LIKE_LENGTH * longest for one in batch)
        assert len(set(batch)) == len(batch)
        left = [one for one in left if one not in batch]


class Counting:
    """A network whose rows are its tokens, which counts its batches and fails for one of the tokens."""

    tokenizer = None
    longest, size = 512, 1

    def __init__(self, fails: int = -1) -> None:
        self.batches: list[int] = []
        self.first: list[list[int]] = []
        self.open = threading.Event()
        self.began = threading.Event()
        self._fails = fails

    def __call__(self, ids: np.ndarray, mask: np.ndarray, types: np.ndarray) -> np.ndarray:
        self.began.set()
        assert self.open.wait(30)
        self.batches.append(len(ids))
        self.first.append(ids[:, 0].tolist())
        if (ids == self._fails).any():
            raise ValueError("spoilt")
        return ids[:, :, None].astype(np.float32)


class Tokens:
    """Stands for an encoding."""

    def __init__(self, *ids: int) -> None:
        self.ids, self.type_ids = list(ids), [0] * len(ids)


def test_questions_asked_at_a_time_share_batches_and_get_their_own_rows() -> None:
    network = Counting(fails=13)
    batcher = Batcher(network)  # type: ignore[arg-type]
    found: dict[int, object] = {}

    def ask(number: int) -> None:
        try:
            rows = dict(batcher.run([Tokens(number, number), Tokens(number + 100, number + 100)]))  # type: ignore[list-item]
            found[number] = [int(rows[place][0, 0]) for place in (0, 1)]
        except ValueError as error:
            found[number] = str(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(1, 21)]
    threads[0].start()
    assert network.began.wait(30)
    for thread in threads[1:]:
        thread.start()
    end = time.monotonic() + 30
    while len(batcher._waiting) < 38 and time.monotonic() < end:  # all but those of the first
        time.sleep(0.01)
    network.open.set()
    for thread in threads:
        thread.join(30)
    expected = {number: [number, number + 100] for number in range(1, 21)}
    assert found == {**expected, 13: "spoilt"}
    # One for the first, one for all others, which is run again one by one since one of them spoilt it.
    assert network.batches[:2] == [2, 38] and set(network.batches[2:]) == {1}
    assert batcher._waiting == []


def test_what_is_urgent_takes_turns_with_what_waits_already() -> None:
    network = Counting()
    batcher = Batcher(network)  # type: ignore[arg-type]

    def ask(token: int, count: int, urgent: bool) -> None:
        list(batcher.run([Tokens(*[token] * 500)] * count, urgent=urgent))  # type: ignore[list-item]

    many = threading.Thread(target=ask, args=(1, 40, False))
    many.start()
    assert network.began.wait(30)
    urgent = [threading.Thread(target=ask, args=(2, 8, True)) for _ in range(2)]
    for thread in urgent:
        thread.start()
    end = time.monotonic() + 30
    while sum(piece.urgent for piece in batcher._waiting) < 16 and time.monotonic() < end:
        time.sleep(0.01)
    network.open.set()
    for thread in [many, *urgent]:
        thread.join(30)
    assert sum(network.batches) == 56
    # Turn and turn about, so that neither waits for ever.
    assert [row[0] for row in network.first][:6] == [1, 2, 1, 2, 1, 2]


def test_what_nobody_listens_to_any_more_is_not_run() -> None:
    network = Counting()
    network.open.set()
    batcher = Batcher(network)  # type: ignore[arg-type]
    rows = batcher.run([Tokens(*[1] * 300), Tokens(*[2] * 30), Tokens(*[3] * 3)])  # type: ignore[list-item]
    assert next(rows)[0] == 0
    rows.close()  # type: ignore[attr-defined]
    assert network.batches == [1] and batcher._waiting == []


@settings(max_examples=15, deadline=None)
@given(st.permutations(TEXTS), st.integers(1, len(TEXTS)))
def test_scores_do_not_depend_on_company(readers: tuple[Reader, Reader], order: list[str], size: int) -> None:
    question = "When was the mill built?"
    together = readers[0].read(question, order[:size])
    for text, windows in zip(order, together, strict=False):
        for window, alone in zip(windows, readers[0].read(question, [text])[0], strict=True):
            np.testing.assert_allclose(window.start, alone.start, atol=0.02)
            np.testing.assert_allclose(window.end, alone.end, atol=0.02)


def test_the_shipped_models_need_no_heavy_library_and_report_to_nobody(tmp_path: Path) -> None:
    code = """
import sys
from qa import Options, QuestionAnswering
from index import Article
with QuestionAnswering.open(sys.argv[1], options=Options(device="cpu")) as qa:
    qa.add(Article("The north wing reopens on 3 June 2024.", title="Memo"))
    assert qa.ask("When does the north wing reopen?").text == "3 June 2024"
assert "openvino" in sys.modules
print(*sorted({"torch", "transformers", "sentence_transformers", "openvino_telemetry"} & sys.modules.keys()))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "library")]
    (tmp_path / "home").mkdir()
    environment = {**clean_environment(), "HOME": str(tmp_path / "home")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.returncode == 0 and ran.stdout.split() == [], ran.stderr
    # What reports to openvino's maker keeps a number for its user there.
    assert list((tmp_path / "home").iterdir()) == []


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny reader of another architecture, with the shipped tokenizer."""
    from transformers import RobertaConfig, RobertaForQuestionAnswering

    folder = tmp_path_factory.mktemp("roberta")
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=30522,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    RobertaForQuestionAnswering(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(MANIFEST.parent / "reader" / name, folder)
    return folder


def test_what_openvino_cannot_run_torch_does(roberta: Path) -> None:
    model = LocalModel.find(str(roberta), "reader")
    assert isinstance(open_spans(model, Machine(device="cpu")), Spans)
    assert len(Reader(str(roberta), Machine(device="cpu")).read("Who?", ["Somebody."])[0]) == 1
    with pytest.raises(ModelError, match=r"OpenVINO cannot run .*: its model_type is 'roberta'"):
        Reader(str(roberta), Machine("openvino")).load()


def test_openvino_runs_what_it_can_and_says_what_is_wrong_with_the_rest(tmp_path: Path) -> None:
    shipped = LocalModel.shipped(MANIFEST)
    assert isinstance(open_spans(shipped, Machine(device="cpu")), Bert)
    assert isinstance(open_spans(shipped, Machine("torch")), Spans)
    with pytest.raises(ModelError, match="on the processor and not on cuda"):
        open_spans(shipped, Machine("openvino", device="cuda"))

    folder = Path(shutil.copytree(shipped.folder, tmp_path / "other"))
    facts = json.loads((folder / "config.json").read_text())
    for change, words in (
        ({"num_hidden_layers": 7}, r"lacks encoder\.layer\.6"),
        ({"hidden_size": 24}, "shape"),
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
    ):
        (folder / "config.json").write_text(json.dumps({**facts, **change}))
        with pytest.raises(ModelError, match=words):
            open_spans(LocalModel.find(str(folder), "reader"), EXACT)
    (folder / "config.json").write_text(json.dumps(facts))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "do_lower_case": False}))
    with pytest.raises(ModelError, match="do not agree on lower case"):
        open_spans(LocalModel.find(str(folder), "reader"), EXACT)
    assert isinstance(open_spans(LocalModel.find(str(folder), "reader"), Machine(device="cpu")), Spans)


def test_an_older_layout_of_weights_is_read_too(tmp_path: Path) -> None:
    """Norms called gamma and beta, one token type, a buffer of positions."""
    shipped = LocalModel.shipped(MANIFEST)
    folder = Path(shutil.copytree(shipped.folder, tmp_path / "old"))
    tensors = {name: tensor for part in folder.glob("*.safetensors") for name, tensor in load_file(part).items()}
    for part in [*folder.glob("*.safetensors"), folder / "model.safetensors.index.json"]:
        part.unlink()
    types = "bert.embeddings.token_type_embeddings.weight"
    tensors[types] = tensors[types][:1]
    tensors["bert.embeddings.position_ids"] = np.arange(512)[None]
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
    }
    save_file(old, folder / "model.safetensors", metadata={"format": "pt"})
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**facts, "type_vocab_size": 1}))
    fast, plain = (Reader(str(folder), machine).read("Who?", TEXTS[:1])[0][0] for machine in (EXACT, PLAIN))
    np.testing.assert_allclose(fast.start, plain.start, atol=1e-4)


def test_how_long_a_text_is_read_and_how_it_is_pooled_is_as_the_model_says(tmp_path: Path) -> None:
    text = ["The mill of Tarn was built in 1788 and burned down in 1912, as the chronicle of the town tells. " * 4]

    def both(folder: Path) -> list[np.ndarray]:
        return [SentenceEncoder(str(folder), machine).encode_passages(text)[0] for machine in (EXACT, PLAIN)]

    shipped = Path(SentenceEncoder().card.path)
    short = Path(shutil.copytree(shipped, tmp_path / "short"))
    (short / "sentence_bert_config.json").unlink()
    settings = json.loads((short / "tokenizer_config.json").read_text())
    (short / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 16}))
    fast, plain = both(short)
    np.testing.assert_allclose(fast, plain, atol=1e-5)
    assert fast @ SentenceEncoder(machine=EXACT).encode_passages(text)[0] < 0.99

    other = Path(shutil.copytree(shipped, tmp_path / "other"))
    pooling = json.loads((other / "1_Pooling" / "config.json").read_text())
    pooling |= {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    (other / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    with pytest.raises(ModelError, match="not the plain mean"):
        SentenceEncoder(str(other), EXACT).load()
    automatic = SentenceEncoder(str(other), Machine(device="cpu", precision="float32")).encode_passages(text)
    np.testing.assert_allclose(automatic, SentenceEncoder(str(other), PLAIN).encode_passages(text), atol=1e-6)
