"""The fast runtime against the plain one, sequence by sequence."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from index import LocalModel, Machine, ModelError, SentenceEncoder, open_spans
from index.inference import BATCH_TOKENS, LIKE_LENGTH, like_batches, uses_openvino
from qa.reader import MANIFEST, Reader
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
            np.testing.assert_allclose(window.start, other.start, atol=1e-3)
            np.testing.assert_allclose(window.end, other.end, atol=1e-3)
            assert window.no_answer == pytest.approx(other.no_answer, abs=1e-3)


def test_the_encoder_makes_the_vectors_of_sentence_transformers() -> None:
    fast, plain = (SentenceEncoder(machine=machine) for machine in (EXACT, PLAIN))
    assert fast.dimension == plain.dimension and fast.fingerprint == plain.fingerprint
    np.testing.assert_allclose(fast.encode_passages(TEXTS), plain.encode_passages(TEXTS), atol=1e-5)
    np.testing.assert_allclose(fast.encode_queries(TEXTS), plain.encode_queries(TEXTS), atol=1e-5)
    assert fast.encode_passages([]).shape == (0, fast.dimension)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_batches_hold_every_sequence_once_and_pad_little(lengths: list[int]) -> None:
    batches = like_batches(lengths)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[place] for place in batch)
        assert lengths[batch[0]] == longest
        assert len(batch) == 1 or len(batch) * longest <= BATCH_TOKENS
        assert all(lengths[place] >= LIKE_LENGTH * longest for place in batch)


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
    assert not uses_openvino(model, Machine(device="cpu"))
    assert len(Reader(str(roberta), Machine(device="cpu")).read("Who?", ["Somebody."])[0]) == 1
    with pytest.raises(ModelError, match=r"cannot be run by OpenVINO: its model_type is 'roberta'"):
        Reader(str(roberta), Machine("openvino")).load()


def test_openvino_says_what_is_wrong_with_a_model(tmp_path: Path) -> None:
    shipped = LocalModel.shipped(MANIFEST)
    assert uses_openvino(shipped, Machine(device="cpu"))
    assert not uses_openvino(shipped, Machine("torch"))
    with pytest.raises(ModelError, match="on the processor and not on cuda"):
        uses_openvino(shipped, Machine("openvino", device="cuda"))

    folder = Path(shutil.copytree(shipped.folder, tmp_path / "other"))
    facts = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**facts, "num_hidden_layers": 7}))
    with pytest.raises(ModelError, match=r"lacks encoder\.layer\.6"):
        open_spans(LocalModel.find(str(folder), "reader"), EXACT)
    (folder / "config.json").write_text(json.dumps({**facts, "hidden_size": 24}))
    with pytest.raises(ModelError, match="shape"):
        open_spans(LocalModel.find(str(folder), "reader"), EXACT)
    (folder / "config.json").write_text(json.dumps({**facts, "hidden_act": "relu"}))
    with pytest.raises(ModelError, match="hidden_act is 'relu'"):
        open_spans(LocalModel.find(str(folder), "reader"), EXACT)
