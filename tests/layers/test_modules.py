"""The modules are torch.nn's but for the class: options, parameters, names, copies."""

import copy
import inspect
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.utils import checkpoint

import elman
from elman.layers import functional
from layers.problem import KINDS, Problem

LAYERS = ("RNN", "GRU", "LSTM")
CELLS = ("RNNCell", "GRUCell", "LSTMCell")
OPTIONS = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False, "batch_first": True},
    {"num_layers": 3, "dropout": 0.25},
]


def pair(name: str, *arguments, **options) -> tuple[nn.Module, nn.Module]:
    """Ours and torch's, each made from the same random state."""
    made = []
    for library in (elman, nn):
        torch.manual_seed(3)
        made.append(getattr(library, name)(*arguments, **options))
    return made[0], made[1]


CASES = [(name, options) for name in LAYERS for options in OPTIONS]
CASES += [("LSTM", {"proj_size": 3, "num_layers": 2, "bidirectional": True}), ("RNN", {"nonlinearity": "relu"})]
CASES += [(name, options) for name in CELLS for options in ({}, {"bias": False})]
CASES += [("RNNCell", {"nonlinearity": "relu"})]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_same_module_as_torch(name, options) -> None:
    ours, theirs = pair(name, 5, 7, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert all(map(torch.equal, ours.parameters(), theirs.parameters())), "the same seed draws the same values"
    assert repr(ours) == repr(theirs)
    for attribute, value in vars(theirs).items():
        if not attribute.startswith("_") and attribute not in ("training",):
            assert getattr(ours, attribute) == value, attribute
    if name in LAYERS:
        assert [[w.shape for w in row] for row in ours.all_weights] == [
            [w.shape for w in row] for row in theirs.all_weights
        ]
        assert ours.flatten_parameters() is None


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_state_dict_goes_both_ways(name) -> None:
    ours, theirs = getattr(elman, name)(5, 7), getattr(nn, name)(5, 7)
    theirs.load_state_dict(ours.state_dict())
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
    nn.init.ones_(theirs.weight_ih_l0 if name in LAYERS else theirs.weight_ih)
    ours.load_state_dict(theirs.state_dict())
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))


@pytest.mark.parametrize("name", [*LAYERS, *CELLS])
def test_the_constructor_takes_torchs_arguments_in_torchs_order(name) -> None:
    signature = list(inspect.signature(getattr(elman, name)).parameters)
    if name in LAYERS:
        documented = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"]
        documented += {"LSTM": ["proj_size"]}.get(name, [])
        documented[3:3] = {"RNN": ["nonlinearity"]}.get(name, [])
    else:
        documented = ["input_size", "hidden_size", "bias", *(["nonlinearity"] if name == "RNNCell" else [])]
    assert signature == [*documented, "device", "dtype"]


def test_positional_arguments() -> None:
    for name, arguments in (
        ("RNN", (5, 7, 2, "relu", False, True, 0.5, True)),
        ("GRU", (5, 7, 2, False, True, 0.5, True)),
    ):
        ours, theirs = pair(name, *arguments)
        assert repr(ours) == repr(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_compute_the_same(kind, through) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    module = problem.module()
    assert torch.equal(through(module)(problem.input())[0], module(problem.input())[0])


def test_a_deep_copy_has_its_own_parameters() -> None:
    layer = elman.GRU(3, 4)
    other = copy.deepcopy(layer)
    nn.init.zeros_(other.weight_hh_l0)
    assert layer.weight_hh_l0.any()


@pytest.mark.parametrize("kind", KINDS)
def test_dtype_follows_to(kind) -> None:
    problem = Problem(kind)
    module, x = problem.module().double(), problem.input().double()
    assert module(x)[0].dtype == torch.float64
    assert module.float()(x.float())[0].dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_meta_device(kind) -> None:
    """Shapes without values, as model builders use them; then real values."""
    problem = Problem(kind, L=2, bidirectional=True)
    module = problem.module()
    shapes = module.to("meta")
    output, after = shapes(problem.input().to("meta"))
    assert output.is_meta
    assert output.shape == (13, 5, 34)
    assert (after if isinstance(after, torch.Tensor) else after.cell).shape == (4, 5, 17)
    filled = shapes.to_empty(device="cpu")
    filled.load_state_dict(problem.module().state_dict())
    assert torch.equal(filled(problem.input())[0], problem.module()(problem.input())[0])


def test_meta_device_in_bfloat16() -> None:
    layer = elman.LSTM(3, 4, dtype=torch.bfloat16, device="meta")
    with pytest.warns(elman.FallbackWarning):
        assert layer(torch.empty(5, 2, 3, dtype=torch.bfloat16, device="meta"))[0].shape == (5, 2, 4)


@pytest.mark.parametrize("kind", KINDS)
def test_checkpointing_recomputes_the_same(kind) -> None:
    problem = Problem(kind)
    module, x = problem.module(), problem.input().requires_grad_()
    output = checkpoint.checkpoint(lambda x: module(x)[0], x, use_reentrant=False)
    (recomputed,) = torch.autograd.grad(output.sin().sum(), x)
    assert torch.equal(recomputed, torch.autograd.grad(module(x)[0].sin().sum(), x)[0])


class Halved(nn.Module):
    def forward(self, weight):
        return weight / 2


@pytest.mark.parametrize("kind", KINDS)
def test_parametrized_weights_train(kind) -> None:
    """They are computed anew at each call, once, and their gradient reaches the original."""
    problem = Problem(kind)
    module, halved = problem.module(), problem.module()
    with torch.no_grad():
        halved.weight_hh_l0.mul_(0.5)
    parametrize.register_parametrization(module, "weight_hh_l0", Halved())
    output, expected = module(problem.input())[0], halved(problem.input())[0]
    assert torch.equal(output, expected)
    output.sin().sum().backward()
    expected.sin().sum().backward()
    assert torch.equal(module.parametrizations.weight_hh_l0.original.grad, halved.weight_hh_l0.grad / 2)


def test_a_parametrization_is_computed_once_a_call() -> None:
    calls = []

    class Counted(nn.Module):
        def forward(self, weight):
            calls.append(1)
            return weight

    layer = elman.LSTM(3, 4)
    parametrize.register_parametrization(layer, "weight_ih_l0", Counted())
    calls.clear()
    layer(torch.randn(5, 2, 3))
    assert len(calls) == 1


def test_tied_weights_add_their_gradients() -> None:
    layer = elman.RNN(4, 4, bidirectional=True)
    layer.weight_hh_l0_reverse = layer.weight_hh_l0
    x = torch.randn(5, 2, 4)
    layer(x)[0].sin().sum().backward()
    loose = elman.RNN(4, 4, bidirectional=True)
    loose.load_state_dict(layer.state_dict())
    loose(x)[0].sin().sum().backward()
    assert torch.equal(layer.weight_hh_l0.grad, loose.weight_hh_l0.grad + loose.weight_hh_l0_reverse.grad)


def test_swapped_weights_are_used() -> None:
    layer, x = elman.GRU(3, 4), torch.randn(5, 2, 3)
    zeros = {name: torch.zeros_like(p) for name, p in layer.named_parameters()}
    assert not torch.func.functional_call(layer, zeros, (x,))[0].any()
    assert layer(x)[0].any()
    layer.weight_ih_l0.data.zero_()
    layer.bias_ih_l0 = nn.Parameter(torch.zeros(12))
    layer.bias_hh_l0.data.zero_()
    assert not layer(x)[0].any()


def test_lstm_state_unpacks_as_torchs_pair() -> None:
    _, state = elman.LSTM(3, 4)(torch.randn(5, 2, 3))
    h, c = state
    assert isinstance(state, tuple)
    assert isinstance(state, elman.LSTMState)
    assert h is state.hidden
    assert c is state.cell


@pytest.mark.parametrize("kind", KINDS)
def test_hx_by_keyword_and_lengths_by_position(kind) -> None:
    problem = Problem(kind)
    module, x = problem.module(), problem.input()
    hx = problem.state() if kind == "lstm" else problem.state()[0]
    assert torch.equal(module(x, hx=hx)[0], module(x, hx)[0])
    assert torch.equal(module(x, hx, problem.lengths())[0], module(x, hx, lengths=problem.lengths().tolist())[0])
    for same in (problem.lengths().to(torch.int32), problem.lengths().numpy(), tuple(problem.lengths().tolist())):
        assert torch.equal(module(x, lengths=same)[0], module(x, lengths=problem.lengths())[0])


@pytest.mark.parametrize("kind", KINDS)
def test_functional_is_the_layer(kind) -> None:
    problem = Problem(kind, bidirectional=True, batch_first=True)
    module, x, state = problem.module(), problem.input(), problem.state()
    weights = [elman.layers.Weights(*row) for row in module.all_weights]
    options = {"lengths": problem.lengths(), "batch_first": True}
    hx = state if kind == "lstm" else state[0]
    if kind.startswith("rnn"):
        options["nonlinearity"] = kind[4:]
    output, after = getattr(functional, kind[:3] if kind.startswith("rnn") else kind)(x, hx, weights, **options)
    expected, after_expected = module(x, hx, problem.lengths())
    assert torch.equal(output, expected)
    assert torch.equal(after[0], after_expected[0])


def test_dropout_between_layers_warns_with_one_layer() -> None:
    with pytest.warns(UserWarning, match="dropout=0.5 does nothing with num_layers=1") as said:
        elman.GRU(3, 4, dropout=0.5)
    assert said[0].filename == __file__
