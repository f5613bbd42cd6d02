"""Layers in ONNX Runtime: what the module computes, for all cells, directions, layers, lengths and layouts."""

import copy
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

import elman
from layers.problem import KINDS, Problem

all_kinds = pytest.mark.parametrize("kind", KINDS)


def session(layer: torch.nn.Module, folder: Path, **options) -> onnxruntime.InferenceSession:
    path = folder / "layer.onnx"
    elman.export_onnx(layer, path, **options)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def call(runtime: onnxruntime.InferenceSession, x: Tensor, state, lengths: Tensor | None = None) -> list[Tensor]:
    """Output and final states."""
    feeds = {"input": x} | dict(zip(("h_0", "c_0"), state, strict=False))
    feeds |= {} if lengths is None else {"lengths": lengths}
    return [torch.from_numpy(array) for array in runtime.run(None, {name: t.numpy() for name, t in feeds.items()})]


def expected(layer, x: Tensor, state, lengths: Tensor | None = None) -> list[Tensor]:
    with torch.no_grad():
        output, after = layer(x, state[0] if len(state) == 1 else state, lengths)
    return [output, after] if isinstance(after, Tensor) else [output, *after]


def compare(close, actual: list[Tensor], wanted: list[Tensor]) -> None:
    for name, mine, theirs in zip(("output", "h_n", "c_n"), actual, wanted, strict=False):
        close(mine, theirs, "value", name)
    assert len(actual) == len(wanted)


@all_kinds
@pytest.mark.parametrize("H", [1, 17, 64])
@pytest.mark.parametrize("L", [1, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_values_are_those_of_the_module(kind, H, L, bidirectional, close, tmp_path) -> None:
    problem = Problem(kind, H=H, L=L, bidirectional=bidirectional)
    layer, x, state = problem.module(), problem.input(), problem.state()
    compare(close, call(session(layer, tmp_path), x, state), expected(layer, x, state))


@all_kinds
@pytest.mark.parametrize("options", [{"batch_first": True}, {"bias": False}, {"L": 2, "bidirectional": True}], ids=str)
def test_lengths_in_any_order_and_of_zero(kind, options, close, tmp_path) -> None:
    problem = Problem(kind, **options)
    layer, x, state, lengths = problem.module(), problem.input(), problem.state(), problem.lengths()
    actual = call(session(layer, tmp_path, lengths=True), x, state, lengths)
    compare(close, actual, expected(layer, x, state, lengths))
    rows = actual[0] if problem.batch_first else actual[0].transpose(0, 1)
    for row, length in zip(rows, lengths, strict=True):
        assert not row[length:].any()
    for before, after in zip(state, actual[1:], strict=True):
        assert torch.equal(after[:, 2], before[:, 2])  # of the row of length zero


@all_kinds
def test_padding_is_not_read(kind, tmp_path) -> None:
    problem = Problem(kind, bidirectional=True)
    x, state, lengths = problem.input(), problem.state(), problem.lengths()
    runtime = session(problem.module(), tmp_path, lengths=True)
    padded = torch.where(torch.arange(13)[:, None, None] < lengths[:, None], x, float("nan"))
    assert all(map(torch.equal, call(runtime, padded, state, lengths), call(runtime, x, state, lengths)))


@all_kinds
def test_time_and_batch_are_free_and_the_state_goes_on(kind, close, tmp_path) -> None:
    problem = Problem(kind, L=2)
    layer, x, state = problem.module(), problem.input(), problem.state()
    runtime, pieces = session(layer, tmp_path), []
    whole, *after = expected(layer, x, state)
    for piece in x.split([1, 7, 5]):
        output, *state = call(runtime, piece, state)
        pieces.append(output)
    compare(close, [torch.cat(pieces), *state], [whole, *after])
    other = Problem(kind, T=1, N=2, L=2)
    compare(close, call(runtime, other.input(), other.state()), expected(layer, other.input(), other.state()))


def test_inputs_and_outputs_are_named_and_shaped_as_the_module_has_them(tmp_path) -> None:
    runtime = session(elman.LSTM(3, 4, 2, bidirectional=True, batch_first=True), tmp_path, lengths=True)
    assert {value.name: value.shape for value in runtime.get_inputs()} == {
        "input": ["N", "T", 3],
        "lengths": ["N"],
        "h_0": [4, "N", 4],
        "c_0": [4, "N", 4],
    }
    assert {value.name: value.shape for value in runtime.get_outputs()} == {
        "output": ["N", "T", 8],
        "h_n": [4, "N", 4],
        "c_n": [4, "N", 4],
    }


def test_one_operator_a_layer(tmp_path) -> None:
    session(elman.GRU(3, 4, num_layers=3, bidirectional=True), tmp_path)
    operators = [node.op_type for node in onnx.load(tmp_path / "layer.onnx").graph.node]
    assert operators.count("GRU") == 3
    assert "Loop" not in operators
    assert "Scan" not in operators


def test_dropout_is_left_out_and_the_module_stays_as_it_was(close, tmp_path) -> None:
    problem = Problem(L=2)
    layer, x, state = problem.module(dropout=0.5), problem.input(), problem.state()
    torch.nn.utils.parametrize.register_parametrization(layer, "weight_hh_l0", torch.nn.Dropout(0.5))
    layer.parametrizations.weight_hh_l0[0].eval()
    modes = [part.training for part in layer.modules()]
    actual = call(session(layer, tmp_path), x, state)
    assert [part.training for part in layer.modules()] == modes
    compare(close, actual, expected(copy.deepcopy(layer).eval(), x, state))


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path) -> None:
    with pytest.raises(OSError, match="no such file or directory"):
        elman.export_onnx(elman.GRU(3, 4), tmp_path / "no" / "gru.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (elman.LSTM(3, 4, proj_size=2), ValueError, "the LSTM has proj_size=2; ONNX has no operator for an LSTM with"),
        (elman.GRU(3, 4).double(), ValueError, "the parameters are float64; expected float32, which is what ONNX Run"),
        (torch.nn.GRU(3, 4), TypeError, "model is a GRU of torch.nn; expected an elman.RNN, GRU, LSTM or TDNN, or a"),
        (None, TypeError, "model is a NoneType; expected an elman.RNN, GRU, LSTM or TDNN, or a language model, cl"),
    ],
    ids=["projection", "float64", "torch.nn", "nothing"],
)
def test_what_cannot_be_exported_is_refused_in_words(layer, error, message, tmp_path) -> None:
    with pytest.raises(error, match=f"^{message}"):
        elman.export_onnx(layer, tmp_path / "layer.onnx")
    assert list(tmp_path.iterdir()) == []
