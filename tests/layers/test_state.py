"""Helpers on states and outputs."""

import pytest
import torch

import elman
from elman.layers import by_layer
from layers.problem import Problem


def test_last_output_is_the_last_state() -> None:
    problem = Problem("gru", L=2)
    for batch_first in (False, True):
        layer = Problem("gru", L=2, batch_first=batch_first).module()
        x = problem.input().transpose(0, 1) if batch_first else problem.input()
        output, h_n = layer(x)
        assert torch.equal(elman.last_output(output, batch_first=batch_first), h_n[-1])
        output, h_n = layer(x, lengths=problem.lengths())
        expected = torch.where(problem.lengths()[:, None] > 0, h_n[-1], 0)
        for lengths in (problem.lengths(), problem.lengths().tolist()):
            assert torch.equal(elman.last_output(output, lengths, batch_first), expected)


def test_gradient_of_last_output() -> None:
    output = torch.randn(4, 3, 2, requires_grad=True)
    elman.last_output(output, [2, 0, 4]).sum().backward()
    expected = torch.zeros(4, 3, 2)
    expected[1, 0] = expected[3, 2] = 1
    assert torch.equal(output.grad, expected)


def test_last_output_of_no_steps() -> None:
    assert torch.equal(elman.last_output(torch.randn(0, 3, 2), [0, 0, 0]), torch.zeros(3, 2))


@pytest.mark.parametrize("make", [torch.stack, elman.LSTMState._make, tuple])
def test_detach_keeps_the_kind_and_shares_the_values(make) -> None:
    parts = [torch.randn(1, 2, 3, requires_grad=True) for _ in range(2)]
    state = make(parts)
    result = elman.detach(state)
    assert type(result) is type(state)
    for after, before in zip(result, state, strict=True):
        assert not after.requires_grad
        assert after.data_ptr() == before.data_ptr()


def test_a_saved_state_loads_by_default(tmp_path) -> None:
    _, state = elman.LSTM(3, 4)(torch.randn(5, 2, 3))
    torch.save({"state": elman.detach(state)}, tmp_path / "state.pt")
    loaded = torch.load(tmp_path / "state.pt")["state"]
    assert isinstance(loaded, elman.LSTMState)
    assert all(map(torch.equal, loaded, state))


def test_detach_of_no_state() -> None:
    assert elman.detach(None) is None


@pytest.mark.parametrize("bidirectional", [False, True])
def test_by_layer(bidirectional) -> None:
    problem = Problem("lstm", L=3, bidirectional=bidirectional)
    output, state = problem.module()(problem.input())
    hidden = by_layer(state.hidden, 3)
    D = 2 if bidirectional else 1
    assert hidden.shape == (3, D, 5, 17)
    assert torch.equal(hidden[-1, 0], output[-1, :, :17]), "the top layer forwards ends at the last step"
    if bidirectional:
        assert torch.equal(hidden[-1, 1], output[0, :, 17:]), "and backwards at the first"
    both = by_layer(state, 3)
    assert isinstance(both, elman.LSTMState)
    assert torch.equal(both.cell.flatten(0, 1), state.cell)


def test_a_packed_sequence_is_told_where_its_last_output_is() -> None:
    with pytest.raises(TypeError, match="output is a PackedSequence; expected a Tensor"):
        elman.last_output(torch.nn.utils.rnn.pack_sequence([torch.zeros(2, 3)]), [2], batch_first=True)
