"""Away from the CPU torch's operators run; here they run on the CPU, which computes the same."""

import copy
import pickle
from contextlib import nullcontext
from itertools import product

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from elman import _kernels
from elman.layers import other_devices, stack
from elman.layers.other_devices import Stack
from layers.problem import KINDS, Problem, compare, run


def elsewhere(module: torch.nn.Module) -> Stack:
    return stack.elsewhere(module, module._cell, module._weights())


class Elsewhere(torch.nn.Module):
    """A layer whose input seems to be on another device."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.module = module

    def named_parameters(self):
        return self.module.named_parameters()

    def forward(self, x, hx, lengths=None):
        module, state = self.module, (hx,) if isinstance(hx, torch.Tensor) else hx
        state = stack.initial_state(module, module._cell, x, state, module.weight_ih_l0, (5,))
        y, *after = elsewhere(module).padded(x, lengths, state)
        return y, after[0] if len(after) == 1 else tuple(after)


@pytest.mark.parametrize(("kind", "bias", "bidirectional"), list(product(KINDS, (True, False), (True, False))))
@pytest.mark.parametrize("with_lengths", [True, False], ids=["lengths", "no lengths"])
def test_equals_the_kernels(kind, bias, bidirectional, with_lengths, close) -> None:
    problem = Problem(kind, L=2, bias=bias, bidirectional=bidirectional)
    module, lengths = problem.module(), problem.lengths() if with_lengths else None
    expected, before = run(module, problem.input(), problem.state(), lengths), _kernels.calls()
    actual = run(Elsewhere(module), problem.input(), problem.state(), lengths)
    assert _kernels.calls() == before
    compare(close, actual, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("T", "N"), [(0, 5), (13, 0)])
def test_no_steps_and_no_rows(kind, T, N) -> None:
    problem = Problem(kind, T=T, N=N, L=2, bidirectional=True)
    module = problem.module()
    y, *after = elsewhere(module).padded(problem.input(), None, problem.state())
    assert y.shape == (T, N, 34)
    assert all(map(torch.equal, after, problem.state()))


@pytest.mark.parametrize("kind", KINDS)
def test_packed_equals_the_kernels(kind, close) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    module, state = problem.module(), problem.state()
    packed = pack_padded_sequence(problem.input(), [3, 13, 1, 7, 7], enforce_sorted=False)
    expected, after_expected = module(packed, state if len(state) == 2 else state[0])
    actual, after = elsewhere(module).packed(packed, state)
    close(actual.data, expected.data, "value")
    close(after[0], after_expected[0] if len(state) == 2 else after_expected, "value")
    assert actual[1:] == packed[1:]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_projection_and_dropout_are_torchs_own() -> None:
    problem = Problem("lstm", L=2)
    ours, theirs = problem.module(proj_size=4, dropout=0.5), problem.module(torch.nn, proj_size=4, dropout=0.5)
    state = (problem.random(2, 5, 4), problem.random(2, 5, 17))
    torch.manual_seed(0)
    y, *_ = elsewhere(ours).padded(problem.input(), None, state)
    torch.manual_seed(0)
    assert torch.equal(y, theirs(problem.input(), state)[0])


def test_some_biases_and_not_others() -> None:
    weights = [torch.zeros(4, 3), torch.zeros(4, 4), torch.zeros(4), None]
    with pytest.raises(ValueError, match="some biases are None; on this device a layer has all of its biases or none"):
        Stack(0, weights, 1, 1).padded(torch.zeros(7, 5, 3), None, (torch.zeros(1, 5, 4),))


@pytest.mark.parametrize(("kind", "bias", "bidirectional"), list(product(KINDS, (True, False), (True, False))))
def test_cudnn_is_handed_what_torch_hands_it(kind, bias, bidirectional, monkeypatch) -> None:
    """Without a GPU, the call is written down; torch.nn's layer says what the weights are, and in which order."""
    problem, written = Problem(kind, L=2, bias=bias, bidirectional=bidirectional), []
    monkeypatch.setattr(other_devices, "_fits_cudnn", lambda weights: True)
    monkeypatch.setattr(torch, "_cudnn_rnn_flatten_weight", lambda *arguments: written.append(arguments))
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.backends.cudnn.rnn, "get_cudnn_mode", lambda mode: f"the number of {mode}")
    module, theirs = problem.module(), problem.module(torch.nn)
    written.clear()
    assert module.double() is module
    ((weights, *rest),) = written
    own = dict(module.named_parameters())
    assert [id(w) for w in weights] == [id(own[name]) for name in theirs._flat_weights_names]
    assert rest == [4 if bias else 2, 3, f"the number of {theirs.mode}", 17, 0, 2, False, bidirectional]


@pytest.mark.parametrize("change", ["deepcopy", "pickle", "assign"])
def test_a_copy_and_what_is_loaded_are_handed_to_cudnn_too(change, monkeypatch) -> None:
    module, written = Problem("gru").module(), []
    monkeypatch.setattr(other_devices, "_fits_cudnn", lambda weights: True)
    monkeypatch.setattr(torch, "_cudnn_rnn_flatten_weight", lambda weights, *_: written.append(weights))
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.backends.cudnn.rnn, "get_cudnn_mode", lambda mode: 3)
    if change == "assign":
        module.load_state_dict({name: p.detach().clone() for name, p in module.state_dict().items()}, assign=True)
    else:
        module = copy.deepcopy(module) if change == "deepcopy" else pickle.loads(pickle.dumps(module))
    assert [id(w) for w in written[-1]] == [id(p) for p in module.parameters()]


def test_a_layer_without_some_bias_is_left_as_it_is(monkeypatch) -> None:
    """torch.nn leaves it, too; cuDNN would be told of weights that are not there."""
    module = Problem("gru").module()
    module.bias_ih_l0 = module.bias_hh_l0 = None
    monkeypatch.setattr(other_devices, "_fits_cudnn", lambda weights: pytest.fail("asked of fewer weights"))
    assert module(Problem("gru").input())[0].shape == (13, 5, 17)
    module.double()


def test_weights_that_are_parametrized_or_on_a_cpu_stay_where_they_are(monkeypatch) -> None:
    module = Problem("gru").module()
    before = [parameter.data_ptr() for parameter in module.parameters()]
    module.flatten_parameters()
    assert [parameter.data_ptr() for parameter in module.parameters()] == before
    monkeypatch.setattr(other_devices, "_fits_cudnn", lambda weights: pytest.fail("asked of computed weights"))
    torch.nn.utils.parametrizations.orthogonal(module, "weight_hh_l0")
    module.flatten_parameters()
