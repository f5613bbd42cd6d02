"""A forecaster, and the time-delay layer, in ONNX Runtime."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

import elman
from elman.models import ForecastNetwork, PastWindow

N, L, H = 3, 12, 7


def run(model: object, path: Path, feeds: dict[str, Tensor], lengths: bool = False) -> dict[str, Tensor]:
    elman.export_onnx(model, path, lengths=lengths)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = {value.name for value in session.get_inputs()}
    found = session.run(None, {name: tensor.numpy() for name, tensor in feeds.items() if name in wanted})
    return {value.name: torch.from_numpy(part) for value, part in zip(session.get_outputs(), found, strict=True)}


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "lstm": {"cell": "lstm", "layers": 2, "season": 4},
    "rnn": {"cell": "rnn", "segment": 4, "quantiles": 3},
    "inputs": {"inputs": 2},
    "known": {"known": 2, "segment": 4},
    "everything": {"inputs": 1, "known": 2, "calendar": 3, "series": 4, "season": 12, "layers": 2, "quantiles": 3},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_part_of_a_window(kind: str, close: Any, tmp_path: Path) -> None:
    torch.manual_seed(6)
    how = {"segment": 3, "hidden": 9, "dropout": 0.5, **KINDS[kind]}
    network = ForecastNetwork(L, H, **how)
    if network.vectors is not None:
        torch.nn.init.normal_(network.vectors)
    torch.nn.init.normal_(network.read.weight)
    sizes = {name: how.get(name, 0) for name in ("inputs", "known", "calendar")}
    window = PastWindow(
        torch.randn(N, L),
        torch.randint(2, (N, L)).float(),
        torch.randn(N, L, sizes["inputs"]),
        torch.randn(N, L + H, sizes["known"]),
        torch.randn(N, L + H, sizes["calendar"]),
        torch.tensor([0, 1, 4]) if how.get("series") else torch.zeros(N, dtype=torch.int64),
    )
    with torch.no_grad():
        expected = network(window)
    found = run(network, tmp_path / "m.onnx", window._asdict())
    close(found["forecast"], expected, "value")


def test_a_trained_forecaster_says_what_it_says(tmp_path: Path) -> None:
    values = np.sin(np.arange(400) / 6) * 5 + 20
    model = elman.Forecaster(look_back=24, horizon=6, hidden=16).fit(values, epochs=1)
    elman.export_onnx(model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    ((centre, spread),) = json.loads(facts["units"]).values()
    past = (values[-24:] - centre) / spread
    feeds = {"values": past[None].astype(np.float32), "missing": np.zeros((1, 24), np.float32)}
    feeds |= {"series": np.ones(1, np.int64)} if any(i.name == "series" for i in session.get_inputs()) else {}
    (found,) = session.run(None, feeds)
    (expected,) = model.predict(values)
    assert (facts["task"], json.loads(facts["quantiles"])) == ("forecast", list(expected.levels))
    np.testing.assert_allclose(np.sort(found[0]) * spread + centre, expected.quantiles, rtol=1e-4)


def test_a_forecaster_has_no_lengths(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lengths is True, but a forecaster takes none"):
        elman.export_onnx(ForecastNetwork(L, H, 3), tmp_path / "m.onnx", lengths=True)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("lengths", [False, True])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_time_delay_layers(nonlinearity: str, lengths: bool, batch_first: bool, close: Any, tmp_path: Path) -> None:
    how: dict[str, Any] = {"nonlinearity": nonlinearity, "batch_first": batch_first, "bias": lengths}
    layer = elman.TDNN([4, 5, 6, 3], delays=[2, 0, 1], dilation=[1, 1, 3], **how)
    x, ends = torch.randn(9, N, 4), torch.tensor([9, 0, 2])
    state = tuple(torch.randn_like(frames) for frames in layer.initial_state(N))
    x = x.transpose(0, 1).contiguous() if batch_first else x
    with torch.no_grad():
        output, after = layer(x, state, ends if lengths else None)
    feeds = {"input": x, "lengths": ends, "frames_0": state[0], "frames_2": state[2]}
    found = run(layer, tmp_path / "tdnn.onnx", feeds, lengths)
    close(found["output"], output, "value")
    close(found["frames_0_n"], after[0], "value")
    close(found["frames_2_n"], after[2], "value")
