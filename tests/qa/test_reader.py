import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from index import LocalModel, Machine, ModelError, SentenceEncoder
from qa import QuestionAnswering
from qa.reading.reader import MANIFEST, WINDOW, Reader
from qa.reading.span_decoding import decode

WEIGHTS = MANIFEST.parent / "reader"
PASSAGE = (
    "In July 2022 the two republics were recognised. Only North Korea and Syria recognize the Russian annexations."
)


def test_scores_are_those_of_the_plain_model_run_by_hand(qa: QuestionAnswering) -> None:
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    question = "Which countries recognize the annexations?"
    tokenizer = AutoTokenizer.from_pretrained(str(WEIGHTS))
    network = AutoModelForQuestionAnswering.from_pretrained(str(WEIGHTS), dtype=torch.float32).eval()
    inputs = tokenizer(question, PASSAGE, return_tensors="pt")
    with torch.inference_mode():
        output = network(**inputs)
    start, end = output.start_logits[0].numpy(), output.end_logits[0].numpy()
    (window,) = Reader(machine=Machine(precision="float32")).read(question, [PASSAGE])[0]
    inside = [place for place, sequence in enumerate(inputs.sequence_ids(0)) if sequence == 1]
    np.testing.assert_allclose(window.start, start[inside], atol=1e-4)
    np.testing.assert_allclose(window.end, end[inside], atol=1e-4)
    assert window.no_answer == pytest.approx(float(start[0] + end[0]), abs=1e-4)


def test_an_answer_does_not_depend_on_its_company(qa: QuestionAnswering) -> None:
    company = [PASSAGE, "Rain is likely. " * 30, "A short one.", PASSAGE + " It was so. " * 40]
    question = "Which countries recognize the annexations?"
    together = qa.reader.read(question, company)
    for text, windows in zip(company, together, strict=True):
        alone = decode(text, qa.reader.read(question, [text])[0])
        among = decode(text, windows)
        assert (alone[0].start, alone[0].end) == (among[0].start, among[0].end)
        assert alone[0].score == pytest.approx(among[0].score, abs=0.02)


def test_long_passages_are_read_in_overlapping_windows(qa: QuestionAnswering) -> None:
    text = "The weather was fine all day long. " * 120 + PASSAGE + " The weather was fine all day long." * 60
    question = "Which countries recognize the annexations?"
    windows = qa.reader.read(question, [text])[0]
    assert len(windows) > 3 and all(len(window.offsets) < WINDOW for window in windows)
    covered = {place for window in windows for start, end in window.offsets for place in range(start, end)}
    assert all(place in covered for place, character in enumerate(text) if character.isalpha())
    best = decode(text, windows)[0]
    assert text[best.start : best.end] == "North Korea and Syria"


@pytest.mark.parametrize("text", ["", " ", "\x00", "\u200b", "😀", "e\u0301" * 50, "א ב ג"])
def test_odd_passages_and_questions_raise_nothing(qa: QuestionAnswering, text: str) -> None:
    for question in ("Who?", "x " * 490, "\u0301" * 400, "?"):
        windows = qa.reader.read(question, [text, PASSAGE])
        assert all(0 <= s.start < s.end <= len(text) for s in decode(text, windows[0]))


def test_a_model_that_is_unsafe_or_changed_is_refused(tmp_path: Path) -> None:
    def folder(name: str) -> Path:
        return Path(shutil.copytree(WEIGHTS, tmp_path / name))

    pickled = folder("pickled")
    for part in pickled.glob("*.safetensors"):
        part.rename(part.with_suffix(".bin"))
    with pytest.raises(ModelError, match="pickle"):
        LocalModel.find(str(pickled), "reader")
    coded = folder("coded")
    facts = json.loads((coded / "config.json").read_text())
    (coded / "config.json").write_text(json.dumps({**facts, "auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(ModelError, match="code of its own"):
        LocalModel.find(str(coded), "reader")
    modules = folder("modules")
    (modules / "modules.json").write_text('[{"type": "os.system", "path": ""}]')
    with pytest.raises(ModelError, match=r"os\.system"):
        LocalModel.find(str(modules), "encoder")
    with pytest.raises(ModelError, match="no model folder"):
        LocalModel.find(str(tmp_path / "nowhere"), "reader")
    changed = tmp_path / "weights"
    shutil.copytree(MANIFEST.parent, changed)
    with max((changed / "reader").glob("*.safetensors")).open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(ModelError, match="not the file the manifest lists"):
        LocalModel.shipped(changed / "manifest.json")
    encoder_as_reader = SentenceEncoder().card.path
    with pytest.raises(ModelError, match="not an extractive reader"):
        Reader(encoder_as_reader).load()


def test_a_local_folder_takes_the_place_of_the_shipped_reader(tmp_path: Path) -> None:
    own = Reader(str(shutil.copytree(WEIGHTS, tmp_path / "own")))
    assert own.card.licence == "unknown" and own.card.name == "own"
    assert len(own.read("Who?", [PASSAGE])[0]) == 1
