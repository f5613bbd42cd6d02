"""`elman.bptt_bidirectional` against autograd, central differences, and the bidirectional layers."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import elman
from elman import bptt
from elman import bptt_bidirectional as both
from elman.bptt import Array
from elman.bptt_bidirectional import Network, Run

EXACT = {"rtol": 1e-10, "atol": 1e-10}  # float64, the same sums in another order
PARAMETERS = [(way, name) for way in ("forwards", "backwards") for name in "UWVbc" if (way, name) != ("backwards", "c")]
HIDDEN = ("identity", "relu", "sigmoid", "tanh")
LOSSES = [("softmax", "cross_entropy"), ("sigmoid", "cross_entropy"), *((g, "squared") for g in (*HIDDEN, "softmax"))]
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda net: net,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda z: torch.softmax(z, dim=0),
}


class Case(NamedTuple):
    """A network and a sequence for it."""

    network: Network
    inputs: list[Array | None]
    targets: list[Array | None]
    start: Array
    start_: Array

    def run(self) -> Run:
        return both.forward(self.network, self.inputs, self.start, self.start_)

    def error(self) -> float:
        return float(both.errors(self.network, self.run(), self.targets).sum())


def build(
    form: tuple[str, str], sizes: tuple[int, int, int, int] = (3, 4, 5, 3), seed: int = 0, **options: Any
) -> Case:
    """Random parameters, inputs and targets of sizes (I, H, H', O), far from where f is linear."""
    (n_inputs, H, H_, n_outputs), rng = sizes, np.random.default_rng(seed)
    fs = options.pop("fs", ("tanh", "tanh"))
    ways = [
        bptt.Network.random(n_inputs, h, n_outputs, **{"bias": True, "seed": seed + n, "f": f} | options)
        for n, (h, f) in enumerate(zip((H, H_), fs, strict=True))
    ]
    forwards, backwards = (replace(way, U=2 * way.U, W=2 * way.W, V=3 * way.V) for way in ways)
    inputs = [rng.normal(size=n_inputs) if mark == "x" else None for mark in form[0]]
    targets = [rng.uniform(size=n_outputs) if mark == "y" else None for mark in form[1]]
    network = Network(forwards, replace(backwards, c=None))
    return Case(network, inputs, targets, rng.normal(size=H), rng.normal(size=H_))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any size, any functions, inputs and targets at any subset of the steps."""
    T = draw(st.integers(1, 6))
    x, y = ("".join(draw(st.lists(st.sampled_from(marks), min_size=T, max_size=T))) for marks in ("-x", "-y"))
    sizes = draw(st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 4)))
    (g, E), fs = draw(st.sampled_from(LOSSES)), draw(st.tuples(*[st.sampled_from(HIDDEN)] * 2))
    return build((x, y), sizes, draw(st.integers(0, 999)), fs=fs, g=g, E=E, bias=draw(st.booleans()))


def torch_error(network: bptt.Network, z: Tensor, y: Array) -> Tensor:
    target = torch.tensor(y)
    if network.E == "squared":
        return 0.5 * ((FUNCTIONS[network.g](z) - target) ** 2).sum()
    if network.g == "softmax":
        return -(target * torch.log_softmax(z, dim=0)).sum()
    return torch.nn.functional.binary_cross_entropy_with_logits(z, target, reduction="sum")


def leaf(value: Array) -> Tensor:
    return torch.tensor(value, requires_grad=True)


class Graph(NamedTuple):
    """The same network in torch, with its own copy of every parameter for every step."""

    o: Tensor  # (T, O)
    errors: Tensor  # (T,)
    leaves: dict[Any, Tensor]  # (direction, name): (T, …), "x": (T, I), "start": (H,), "start_": (H',)

    def gradients(self, E: Tensor) -> dict[Any, Array]:
        reached = E + 0 * sum(each.sum() for each in self.leaves.values())
        found = torch.autograd.grad(reached, [*self.leaves.values()], retain_graph=True)
        return {name: each.numpy() for name, each in zip(self.leaves, found, strict=True)}


def unroll(case: Case) -> Graph:
    T, network = len(case.inputs), case.network
    leaves: dict[Any, Tensor] = {}
    for way, name in PARAMETERS:
        direction = getattr(network, way)
        value = getattr(direction, name)
        absent = np.zeros(len(direction.W if name == "b" else direction.V))
        leaves[way, name] = leaf(np.stack([absent if value is None else value] * T))
    leaves["x"] = leaf(np.array([np.zeros(network.forwards.U.shape[1]) if x is None else x for x in case.inputs]))
    leaves["start"], leaves["start_"] = leaf(case.start), leaf(case.start_)
    states: dict[str, dict[int, Tensor]] = {"forwards": {}, "backwards": {}}
    for way, s, steps in (
        ("forwards", leaves["start"], range(T)),
        ("backwards", leaves["start_"], reversed(range(T))),
    ):
        for t in steps:
            U, W, b = (leaves[way, name][t] for name in "UWb")
            s = states[way][t] = FUNCTIONS[getattr(network, way).f](U @ leaves["x"][t] + W @ s + b)
    outputs, errors = [], []
    for t in range(T):
        z = leaves["forwards", "c"][t] + sum(leaves[way, "V"][t] @ states[way][t] for way in states)
        outputs.append(FUNCTIONS[network.forwards.g](z))
        y = case.targets[t]
        errors.append(torch.zeros((), dtype=torch.float64) if y is None else torch_error(network.forwards, z, y))
    return Graph(torch.stack(outputs), torch.stack(errors), leaves)


@given(case=cases())
@settings(deadline=None, max_examples=100)
def test_outputs_errors_and_gradients_at_every_step_are_those_of_autograd(case: Case) -> None:
    run, graph = case.run(), unroll(case)
    np.testing.assert_allclose(run.o, graph.o.detach().numpy(), **EXACT)
    np.testing.assert_allclose(both.errors(case.network, run, case.targets), graph.errors.detach().numpy(), **EXACT)
    ours, expected = both.backward(case.network, run, case.targets), graph.gradients(graph.errors.sum())
    for way, name in PARAMETERS:
        np.testing.assert_allclose(
            getattr(getattr(ours, way), name), expected[way, name], **EXACT, err_msg=f"{way} {name}"
        )
    forwards, backwards = case.network.forwards, case.network.backwards
    np.testing.assert_allclose(ours.forwards.b @ forwards.U + ours.backwards.b @ backwards.U, expected["x"], **EXACT)
    np.testing.assert_allclose(ours.forwards.b[0] @ forwards.W, expected["start"], **EXACT)
    np.testing.assert_allclose(ours.backwards.b[-1] @ backwards.W, expected["start_"], **EXACT)


@pytest.mark.parametrize("form", [("xxxxx", "yyyyy"), ("xxxxx", "--y--"), ("x-xx-", "y---y")], ids=lambda f: f[1])
@pytest.mark.parametrize(("g", "E"), LOSSES)
def test_gradients_are_central_differences(form: tuple[str, str], g: str, E: str) -> None:
    case = build(form, g=g, E=E, fs=("tanh", "sigmoid"))
    gradients = both.backward(case.network, case.run(), case.targets).sum()
    for way, name in PARAMETERS:
        direction = getattr(case.network, way)
        value = getattr(direction, name)
        slopes = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[index] = 1e-5
            moved = [replace(direction, **{name: value + d}) for d in (step, -step)]
            above, below = (case._replace(network=replace(case.network, **{way: each})) for each in moved)
            slopes[index] = (above.error() - below.error()) / 2e-5
        # Truncation is about 1e-10 of the gradient, rounding 1e-16 / 1e-5 of E.
        found = getattr(getattr(gradients, way), name)
        np.testing.assert_allclose(found, slopes, rtol=1e-6, atol=1e-8, err_msg=f"{way} {name}")


@given(case=cases())
@settings(deadline=None, max_examples=50)
def test_the_sum_is_one_linear_layer_over_the_joined_states(case: Case) -> None:
    run, c = case.run(), case.network.forwards.c
    z = both.joined_states(run) @ both.joined_weights(case.network).T + (0 if c is None else c)
    np.testing.assert_allclose(run.z, z, **EXACT)


def layer_and_linear(network: Network, f: str) -> tuple[elman.RNN, torch.nn.Linear]:
    """`elman.RNN(bidirectional=True)` and the linear layer above it, with the weights of `network`."""
    H, n_inputs = network.forwards.U.shape
    rnn = elman.RNN(n_inputs, H, nonlinearity=f, bidirectional=True, dtype=torch.float64)
    linear = torch.nn.Linear(2 * H, len(network.forwards.V), dtype=torch.float64)
    with torch.no_grad():
        for suffix, direction in (("_l0", network.forwards), ("_l0_reverse", network.backwards)):
            for name, value in (("weight_ih", direction.U), ("weight_hh", direction.W), ("bias_ih", direction.b)):
                getattr(rnn, name + suffix).copy_(torch.tensor(value))
            getattr(rnn, f"bias_hh{suffix}").zero_()
        linear.weight.copy_(torch.tensor(both.joined_weights(network)))
        linear.bias.copy_(torch.tensor(network.forwards.c))
    return rnn, linear


@pytest.mark.parametrize("f", ["tanh", "relu"])
@pytest.mark.parametrize("H", [1, 7, 17])
@pytest.mark.parametrize("T", [1, 13])
def test_the_bidirectional_layer_with_an_output_layer_is_this_network(f: str, H: int, T: int) -> None:
    """Values and all gradients, those of inputs and start states too."""
    case = build(("x" * T, "y" * T), (3, H, H, 4), seed=H, fs=(f, f))
    rnn, linear = layer_and_linear(case.network, f)
    x = torch.tensor(np.array(case.inputs), requires_grad=True)
    starts = torch.tensor(np.stack([case.start, case.start_]), requires_grad=True)  # (D, H)
    states, _ = rnn(x, starts)
    z = linear(states)
    target = torch.tensor(np.array(case.targets))
    E = -(target * torch.log_softmax(z, dim=1)).sum()
    E.backward()

    run = case.run()
    np.testing.assert_allclose(both.joined_states(run), states.detach(), **EXACT)
    np.testing.assert_allclose(run.z, z.detach(), **EXACT)
    np.testing.assert_allclose(case.error(), E.item(), **EXACT)
    per_step = both.backward(case.network, run, case.targets)
    total = per_step.sum()
    for suffix, part in (("_l0", total.forwards), ("_l0_reverse", total.backwards)):
        for name, ours in (("weight_ih", part.U), ("weight_hh", part.W), ("bias_ih", part.b), ("bias_hh", part.b)):
            np.testing.assert_allclose(ours, getattr(rnn, name + suffix).grad, **EXACT, err_msg=name + suffix)
    joined = np.concatenate([total.forwards.V, total.backwards.V], axis=1)
    np.testing.assert_allclose(joined, linear.weight.grad, **EXACT)
    np.testing.assert_allclose(total.forwards.c, linear.bias.grad, **EXACT)
    ours, theirs = case.network.forwards, case.network.backwards
    np.testing.assert_allclose(per_step.forwards.b @ ours.U + per_step.backwards.b @ theirs.U, x.grad, **EXACT)
    ends = np.stack([per_step.forwards.b[0] @ ours.W, per_step.backwards.b[-1] @ theirs.W])
    np.testing.assert_allclose(ends, starts.grad, **EXACT)


def test_a_reversed_sequence_with_the_directions_exchanged_gives_the_reversed_outputs() -> None:
    case = build(("xxxxx", "yyyyy"))
    c = case.network.forwards.c
    exchanged = Network(replace(case.network.backwards, c=c), replace(case.network.forwards, c=None))
    mirrored = both.forward(exchanged, case.inputs[::-1], case.start_, case.start)
    np.testing.assert_allclose(mirrored.o[::-1], case.run().o, **EXACT)


@pytest.mark.parametrize("t", range(4))
def test_every_output_sees_every_input_as_autograd_says(t: int) -> None:
    case = build(("xxxx", "yyyy"))
    run, graph = case.run(), unroll(case)
    for k in range(4):
        ours = both.influence(case.network, run, t, k)
        for i in range(3):
            np.testing.assert_allclose(ours[i], graph.gradients(graph.o[t, i])["x"][k], **EXACT)
        assert np.abs(ours).max() > 0
    alone = bptt.forward(case.network.forwards, case.inputs)
    with pytest.raises(ValueError, match="expected 0 <= k <= t"):
        bptt.influence(case.network.forwards, alone, t, t + 1)


@pytest.mark.parametrize(("t", "T"), [(0, 1), (0, 3), (1, 3), (2, 3)])
def test_expansion_is_the_output(t: int, T: int) -> None:
    case = build(("x" * T, "y" * T), bias=False)
    ours, theirs = case.network.forwards, case.network.backwards
    names = {"U": ours.U, "W": ours.W, "V": ours.V, "U_": theirs.U, "W_": theirs.W, "V_": theirs.V}
    names |= {"f": np.tanh, "g": lambda z: bptt.activation("softmax", z), "x": case.inputs}
    names |= {"start": case.start, "start_": case.start_}
    text = both.expansion(t, T)
    assert all(f"x[{k}]" in text for k in range(T))
    np.testing.assert_allclose(eval(text, names), case.run().o[t], **EXACT)


def test_output_is_one_step_of_the_run() -> None:
    case = build(("xxx", "yyy"))
    run = case.run()
    for t in range(3):
        z, o = both.output(case.network, run.forwards.s[t], run.backwards.s[t])
        np.testing.assert_allclose(z, run.z[t], **EXACT)
        np.testing.assert_allclose(o, run.o[t], **EXACT)


def test_sgd_is_torch_sgd_with_clipping_over_both_directions() -> None:
    case, clip, rate = build(("xxxxx", "yyyyy")), 0.5, 0.3
    gradients = both.backward(case.network, case.run(), case.targets).sum()
    values = {key: leaf(getattr(getattr(case.network, key[0]), key[1])) for key in PARAMETERS}
    for (way, name), value in values.items():
        value.grad = torch.tensor(getattr(getattr(gradients, way), name))
    assert torch.nn.utils.clip_grad_norm_(values.values(), clip).item() > clip
    torch.optim.SGD(values.values(), lr=rate).step()
    moved = both.sgd(case.network, gradients, rate, clip)
    for (way, name), value in values.items():
        # clip_grad_norm_ adds 1e-6 to the norm that it divides by
        np.testing.assert_allclose(getattr(getattr(moved, way), name), value.detach(), rtol=1e-5, atol=1e-6)


WORDS = list(product((0, 1), repeat=4))


def test_it_learns_what_one_direction_cannot_know() -> None:
    """The letter that comes next, in all words of four: to a network that reads forwards it is a coin."""
    examples = [([np.eye(2)[n] for n in word], [np.eye(2)[m] for m in (*word[1:], 0)]) for word in WORDS]
    _, history = both.train(Network.random(2, 6, 2, bias=True), examples, rate=0.2, epochs=60, clip=1.0)
    alone, _ = bptt.train(bptt.Network.random(2, 6, 2, bias=True), examples, rate=0.2, epochs=60, clip=1.0)
    assert history[-1] < 0.02 * history[0]
    left = sum(bptt.errors(alone, bptt.forward(alone, x), y).sum() for x, y in examples)
    assert left >= 3 * np.log(2) * len(WORDS)  # a coin at three of four steps: nothing that reads forwards is below


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"U": np.zeros((4, 5))}, r"backwards has I = 5 \(of U'\); expected 3, as forwards has"),
        ({"V": np.zeros((1, 4))}, r"backwards has O = 1 \(of V'\); expected 2, as forwards has"),
        ({"g": "sigmoid"}, "backwards has g = 'sigmoid'; expected 'softmax', as forwards has: the output is one"),
        ({"E": "squared"}, "backwards has E = 'squared'; expected 'cross_entropy'"),
        ({"c": np.zeros(2)}, "backwards has a bias c; expected None: the output is one"),
    ],
)
def test_directions_that_do_not_meet(changes: dict[str, Any], message: str) -> None:
    forwards = bptt.Network.random(3, 4, 2)
    with pytest.raises(ValueError, match=message):
        Network(forwards, replace(forwards, **changes))


def test_bad_sequences_are_named() -> None:
    network = Network.random(3, 4, 2)
    with pytest.raises(ValueError, match=r"inputs\[0\] has shape \(2,\); expected \(I,\) = \(3,\)"):
        both.forward(network, [np.zeros(2)])
    with pytest.raises(ValueError, match=r"start has shape \(5,\); expected \(H,\) = \(4,\)"):
        both.forward(network, np.zeros((2, 3)), start_backwards=np.zeros(5))
    run = both.forward(network, np.zeros((2, 3)))
    with pytest.raises(ValueError, match="targets has 1 steps; expected T = 2"):
        both.backward(network, run, [None])
    with pytest.raises(ValueError, match="t = 0 and k = 2; expected 0 <= t < T and 0 <= k < T, T = 2"):
        both.influence(network, run, 0, 2)
    with pytest.raises(ValueError, match="t = 3; expected 0 <= t < T = 3"):
        both.expansion(3, 3)


def test_another_networks_run_and_a_clip_that_stops_everything_are_refused() -> None:
    network = Network.random(3, 4, 2)
    run = both.forward(network, np.zeros((2, 3)))
    other = Network(network.forwards, bptt.Network.random(3, 5, 2))
    with pytest.raises(ValueError, match="run is another network's: its H' = 4; expected 5"):
        both.backward(other, run, [None] * 2)
    with pytest.raises(ValueError, match=r"run is another network's: its \(I, H, O\) = \(3, 4, 2\)"):
        both.backward(Network.random(3, 5, 2), run, [None] * 2)
    gradients = both.backward(network, run, [None] * 2).sum()
    with pytest.raises(ValueError, match="clip = 0; expected clip > 0, a norm, or None"):
        both.sgd(network, gradients, 0.1, clip=0)


def test_random_directions_differ_and_repeat() -> None:
    one, again, other = (Network.random(3, 4, 2, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(one.forwards.W, again.forwards.W)
    assert np.array_equal(one.backwards.W, again.backwards.W)
    assert not np.array_equal(one.forwards.W, other.forwards.W)
    assert not np.array_equal(one.forwards.W, one.backwards.W)


@pytest.mark.parametrize("T", [0, 1])
def test_short_sequences(T: int) -> None:
    network = Network.random(3, 4, 2, bias=True)
    run = both.forward(network, np.zeros((T, 3)))
    gradients = both.backward(network, run, [None] * T).sum()
    assert run.o.shape == (T, 2)
    assert not np.any(gradients.forwards.W)
    assert not np.any(gradients.backwards.W)
