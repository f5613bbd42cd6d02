"""Orthogonal gates and an open forget gate, and nothing else changed."""

import pytest
import torch
from torch import nn

import elman
from elman.layers import initialise, weight_dropped

LAYERS = {
    "rnn": lambda library: library.RNN(3, 17, num_layers=2),
    "gru": lambda library: library.GRU(3, 17, bidirectional=True),
    "lstm": lambda library: library.LSTM(3, 17, num_layers=2, bidirectional=True),
    "projection": lambda library: library.LSTM(3, 17, proj_size=5),
    "rnn cell": lambda library: library.RNNCell(3, 17),
    "gru cell": lambda library: library.GRUCell(3, 17),
    "lstm cell": lambda library: library.LSTMCell(3, 17),
}


@pytest.mark.parametrize("library", [elman, nn], ids=["elman", "torch.nn"])
@pytest.mark.parametrize("name", LAYERS)
def test_gates_are_orthogonal_and_the_forget_gate_is_open(name, library) -> None:
    layer = LAYERS[name](library)
    before = {key: tensor.clone() for key, tensor in layer.state_dict().items()}
    assert initialise(layer, forget_bias=1.5) is layer
    for key, tensor in layer.state_dict().items():
        if key.startswith("weight_hh"):
            for gate in tensor.split(17):
                torch.testing.assert_close(gate.T @ gate, torch.eye(gate.shape[1]), atol=1e-5, rtol=0)
            assert len({gate[0, 0].item() for gate in tensor.split(17)}) == len(tensor) // 17, "each has its own"
        elif key.startswith("bias") and "lstm" in type(layer).__name__.lower():
            value = 1.5 if key.startswith("bias_ih") else 0.0
            assert torch.equal(tensor[17:34], torch.full((17,), value))
            assert torch.equal(tensor[:17], before[key][:17])
            assert torch.equal(tensor[34:], before[key][34:])
        else:
            assert torch.equal(tensor, before[key]), key


def test_each_part_can_be_left_out() -> None:
    layer = elman.LSTM(3, 17)
    before = {key: tensor.clone() for key, tensor in layer.state_dict().items()}
    initialise(layer, forget_bias=None, orthogonal=False)
    assert all(torch.equal(tensor, before[key]) for key, tensor in layer.state_dict().items())
    initialise(layer, orthogonal=False)
    assert torch.equal(layer.weight_hh_l0, before["weight_hh_l0"])
    assert not torch.equal(layer.bias_ih_l0, before["bias_ih_l0"])


def test_draws_follow_the_generator_and_nothing_is_recorded() -> None:
    first, second = (
        initialise(elman.GRU(3, 17), generator=torch.Generator().manual_seed(1)).weight_hh_l0 for _ in range(2)
    )
    assert torch.equal(first, second)
    assert first.requires_grad
    assert first.is_leaf


def test_of_a_parametrized_layer_the_raw_weights_are_set() -> None:
    layer = initialise(weight_dropped(elman.LSTM(3, 17), 0.5)).eval()
    gate = layer.weight_hh_l0[:17]
    torch.testing.assert_close(gate @ gate.T, torch.eye(17), atol=1e-5, rtol=0)
    assert torch.equal(layer.bias_ih_l0[17:34], torch.ones(17))


def test_what_is_said() -> None:
    with pytest.raises(TypeError, match="layer is a Linear; expected a recurrent layer or cell, with weight_hh"):
        initialise(nn.Linear(3, 4))
    layer = elman.LSTM(3, 4, bias=False)
    with pytest.raises(ValueError, match=r"forget_bias is 1\.0, but the layer has no biases; expected None for it"):
        initialise(layer)
    assert initialise(layer, forget_bias=None) is layer
    assert initialise(elman.GRU(3, 4, bias=False)).bias is False


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision(dtype) -> None:
    layer = initialise(elman.GRU(3, 16, dtype=dtype), generator=torch.Generator().manual_seed(0))
    exact = initialise(elman.GRU(3, 16), generator=torch.Generator().manual_seed(0))
    assert torch.equal(layer.weight_hh_l0, exact.weight_hh_l0.to(dtype))
