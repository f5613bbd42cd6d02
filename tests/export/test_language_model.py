"""A language model in ONNX Runtime: token by token, with the state carried by the caller, it says what ours says."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

import elman
from elman.models import LanguageNetwork
from elman.models.language_model import state_tensors

NETWORKS = {
    "lstm": {"cell": "lstm", "layers": 2},
    "gru": {"cell": "gru", "layers": 1},
    "rnn": {"cell": "rnn", "layers": 3},
    "tied": {"cell": "gru", "embedding": 17, "tied": True},
    "1-of-N": {"cell": "lstm", "embedding": 0},
}


def session(model: object, path: Path) -> onnxruntime.InferenceSession:
    elman.export_onnx(model, path)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def zeros(runtime: onnxruntime.InferenceSession, N: int) -> dict[str, np.ndarray]:
    """The state before the first token, by what the file says of its shapes."""
    states = [value for value in runtime.get_inputs() if value.name != "tokens"]
    return {value.name: np.zeros((value.shape[0], N, value.shape[2]), np.float32) for value in states}


def read(runtime: onnxruntime.InferenceSession, tokens: Tensor, state) -> tuple[Tensor, dict[str, np.ndarray]]:
    logits, *after = runtime.run(None, {"tokens": tokens.numpy()} | state)
    return torch.from_numpy(logits), dict(zip(state, after, strict=True))


def in_order(state) -> list[Tensor]:
    """h of all layers, and c of all layers: what the exported states hold."""
    parts, number = state_tensors(state), len(state_tensors(state)) // len(state)
    return [torch.cat(parts[start::number]) for start in range(number)]


@pytest.mark.parametrize("name", NETWORKS)
def test_step_by_step_is_forward(name, close, tmp_path) -> None:
    torch.manual_seed(1)
    network = LanguageNetwork(11, **{"hidden": 17, "embedding": 5, "dropout": 0.5} | NETWORKS[name])
    tokens = torch.randint(11, (13, 3))
    with torch.no_grad():
        logits, after = network(tokens, network.initial_state(3))
    runtime = session(network, tmp_path / "network.onnx")
    state, steps = zeros(runtime, 3), []
    for token in tokens:
        step, state = read(runtime, token.unsqueeze(0), state)
        steps.append(step)
    close(torch.cat(steps), logits, "value", "step by step")
    for mine, theirs in zip(state.values(), in_order(after), strict=True):
        close(torch.from_numpy(mine), theirs, "value", "state")
    close(read(runtime, tokens, zeros(runtime, 3))[0], logits, "value", "at once")


@pytest.fixture
def model() -> elman.LanguageModel:
    return elman.LanguageModel(cell="gru", hidden=16).fit("Zeit für «Öl» 北京\n" * 200, epochs=1, threads=1)


def test_the_file_says_what_a_program_needs(model, tmp_path) -> None:
    facts = session(model, tmp_path / "model.onnx").get_modelmeta().custom_metadata_map
    assert facts["task"] == "lm"
    assert facts["tokens"] == "chars"
    assert json.loads(facts["vocabulary"]) == list(model.lexicon)
    assert facts["other"] == str(model.lexicon.other) == "0"
    saved = onnx.load(tmp_path / "model.onnx")
    assert (saved.producer_name, saved.producer_version) == ("elman", elman.__version__)


def test_it_predicts_what_the_model_predicts(model, tmp_path) -> None:
    """From the file alone, with NumPy."""
    runtime = session(model, tmp_path / "model.onnx")
    vocabulary = json.loads(runtime.get_modelmeta().custom_metadata_map["vocabulary"])
    tokens = torch.tensor([[vocabulary.index(character)] for character in "\nZeit f"])
    logits, _ = read(runtime, tokens, zeros(runtime, 1))
    found = logits[-1, 0].softmax(0).topk(3)
    expected = model.predict(["Zeit f"], top=3)[0]
    assert [vocabulary[index] for index in found.indices] == [token for token, _ in expected]
    assert found.values.tolist() == pytest.approx([p for _, p in expected], rel=1e-4)


def test_an_untrained_model_and_lengths_are_refused(model, tmp_path) -> None:
    with pytest.raises(ValueError, match="the model is not trained"):
        elman.export_onnx(elman.LanguageModel(), tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="lengths is True, but a language model takes none"):
        elman.export_onnx(model, tmp_path / "model.onnx", lengths=True)


def test_without_the_package_there_is_the_command_to_install_it(monkeypatch, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModuleNotFoundError, match=r"which is not installed: pip install 'elman\[onnx\]'$"):
        elman.export_onnx(elman.GRU(3, 4), tmp_path / "gru.onnx")
