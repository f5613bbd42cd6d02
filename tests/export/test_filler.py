"""A network that fills blanks, in ONNX Runtime."""

import json
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch

import elman
from elman.models import ENCODERS, FillNetwork
from elman.models.filler import SIDES

T, N, V = 8, 4, 13
LENGTHS = torch.tensor([8, 3, 1, 5])


def run(model: object, path: Path, **feeds: torch.Tensor) -> torch.Tensor:
    elman.export_onnx(model, path, lengths="lengths" in feeds)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {name: tensor.numpy() for name, tensor in feeds.items()})
    return torch.from_numpy(logits)


@pytest.mark.parametrize("reads", SIDES)
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_and_side(encoder: str, reads: str, close: Any, tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = FillNetwork(V, encoder=encoder, layers=2, hidden=9, embedding=6, reads=reads, dropout=0.5)
    tokens = torch.randint(V, (T, N))
    with torch.no_grad():
        expected = network(network.framed(tokens, LENGTHS), LENGTHS)
        whole = network(network.framed(tokens))
    found = run(network, tmp_path / "rows.onnx", tokens=tokens, lengths=LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        close(found[:length, row], expected[:length, row], "value", f"row {row}")
    close(run(network, tmp_path / "whole.onnx", tokens=tokens), whole, "value")


def test_what_stands_in_the_blank_is_not_read(tmp_path: Path) -> None:
    network = FillNetwork(V, hidden=9, embedding=6, layers=2)
    tokens = torch.randint(V, (T, 1))
    changed = tokens.clone()
    changed[3] = (tokens[3] + 5) % V
    found = [run(network, tmp_path / "m.onnx", tokens=some)[3] for some in (tokens, changed)]
    assert torch.equal(*found)


def test_a_trained_model_fills_as_it_fills(tmp_path: Path) -> None:
    model = elman.Filler(tokens="chars", hidden=16, embedding=8).fit("天上有云\n地上有水\n" * 100, epochs=2)
    elman.export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    assert (facts["task"], facts["tokens"]) == ("fill", "chars")
    vocabulary = json.loads(facts["vocabulary"])
    tokens = torch.tensor([[vocabulary.index(c)] if c in vocabulary else [0] for c in "天_有云"])
    (logits,) = session.run(None, {"tokens": tokens.numpy()})
    best = model.predict(["天___有云"], top=1)[0]
    said = vocabulary[int(torch.from_numpy(logits)[1, 0].argmax())]
    assert said in str(best), (said, best)
