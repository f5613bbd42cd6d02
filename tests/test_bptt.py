"""`elman.bptt` against autograd, central differences, torch.nn.RNN, and its own other ways to the same number."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman import bptt
from elman.bptt import Array, Gradients, Network, Run

EXACT = {"rtol": 1e-10, "atol": 1e-10}  # float64, the same sums in another order
PARAMETERS = ("U", "W", "V", "b", "c")
HIDDEN = ("identity", "relu", "sigmoid", "tanh")
LOSSES = [("softmax", "cross_entropy"), ("sigmoid", "cross_entropy"), *((g, "squared") for g in (*HIDDEN, "softmax"))]
FORMS = {  # which steps have an input x, which a target y
    "one to many": ("x----", "yyyyy"),
    "many to one": ("xxxxx", "----y"),
    "many to many": ("xxxxx", "yyyyy"),
    "encoder-decoder": ("xxx---", "--yyyy"),
    "gaps": ("-x--xx-", "y-y---y"),
}


@dataclass(frozen=True)
class Case:
    """A network and a sequence for it."""

    network: Network
    inputs: list[Array | None]
    targets: list[Array | None]
    start: Array
    feedback: bool

    def run(self) -> Run:
        return bptt.forward(self.network, self.inputs, self.start, self.feedback)

    def error(self) -> float:
        return float(bptt.errors(self.network, self.run(), self.targets).sum())


def build(form: tuple[str, str], sizes: tuple[int, int, int] = (3, 4, 3), seed: int = 0, **options: Any) -> Case:
    """Random parameters, inputs and targets of sizes (I, H, O)."""
    (n_inputs, H, n_outputs), rng = sizes, np.random.default_rng(seed)
    feedback = options.pop("feedback", True)
    network = Network.random(n_inputs, H, n_outputs, **{"bias": True, "seed": seed} | options)
    network = replace(network, U=2 * network.U, W=2 * network.W, V=3 * network.V)  # away from where f is linear
    inputs = [rng.normal(size=n_inputs) if mark == "x" else None for mark in form[0]]
    targets = [rng.uniform(size=n_outputs) if mark == "y" else None for mark in form[1]]
    return Case(network, inputs, targets, rng.normal(size=H), feedback)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any size, any functions, inputs and targets at any subset of the steps."""
    T = draw(st.integers(1, 6))
    x, y = ("".join(draw(st.lists(st.sampled_from(marks), min_size=T, max_size=T))) for marks in ("-x", "-y"))
    n_inputs, H, n_outputs = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(1, 4))
    (g, E), f, feedback = draw(st.sampled_from(LOSSES)), draw(st.sampled_from(HIDDEN)), draw(st.booleans())
    options = {"f": f, "g": g, "E": E, "bias": draw(st.booleans()), "feedback": feedback}
    sizes = (n_inputs, H, n_inputs if feedback else n_outputs)
    return build((x, y), sizes, draw(st.integers(0, 999)), **options)


# The same network in torch, with its own copy of every parameter for every step.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda net: net,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda z: torch.softmax(z, dim=0),
}


class Graph(NamedTuple):
    """What an unrolled network computed, and from what."""

    leaves: list[Tensor]  # U, W, V, b, c (T, …), a variable for every step; x (T, I), start (H,)
    net: Tensor  # (T, H)
    o: Tensor  # (T, O)
    errors: Tensor  # (T,)

    def gradients(self, E: Tensor) -> list[Array]:
        reached = E + 0 * sum(leaf.sum() for leaf in self.leaves)  # an E that no leaf reaches has gradient 0
        return [each.numpy() for each in torch.autograd.grad(reached, self.leaves, retain_graph=True)]


def leaf(value: Array, T: int | None = None) -> Tensor:
    return torch.tensor(value if T is None else np.stack([value] * T), requires_grad=True)


def torch_error(network: Network, z: Tensor, y: Array) -> Tensor:
    target = torch.tensor(y)
    if network.E == "squared":
        return 0.5 * ((FUNCTIONS[network.g](z) - target) ** 2).sum()
    if network.g == "softmax":
        return -(target * torch.log_softmax(z, dim=0)).sum()
    return torch.nn.functional.binary_cross_entropy_with_logits(z, target, reduction="sum")


def unroll(case: Case, cut: int = 0) -> Graph:
    """Run `case` in torch; what comes before step `cut` is a constant to the steps from there on."""
    network, T = case.network, len(case.inputs)
    absent = {"b": np.zeros(len(network.W)), "c": np.zeros(len(network.V))}
    U, W, V, b, c = (leaf(absent[n] if (v := getattr(network, n)) is None else v, T) for n in PARAMETERS)
    x = leaf(np.array([np.zeros(network.U.shape[1]) if x is None else x for x in case.inputs]))
    start, o = leaf(case.start), torch.zeros(len(network.V), dtype=torch.float64)
    s, nets, outputs, errors = start, [], [], []
    for t in range(T):
        if t == cut > 0:
            s, o = s.detach(), o.detach()
        net = U[t] @ (o if case.feedback and case.inputs[t] is None and t > 0 else x[t]) + W[t] @ s + b[t]
        s = FUNCTIONS[network.f](net)
        z = V[t] @ s + c[t]
        o, y = FUNCTIONS[network.g](z), case.targets[t]
        nets, outputs = [*nets, net], [*outputs, o]
        errors.append(torch.zeros((), dtype=torch.float64) if y is None else torch_error(network, z, y))
    return Graph([U, W, V, b, c, x, start], torch.stack(nets), torch.stack(outputs), torch.stack(errors))


def assert_equal(ours: Gradients, expected: list[Array]) -> None:
    for name, theirs in zip(PARAMETERS, expected, strict=False):
        np.testing.assert_allclose(getattr(ours, name), theirs, **EXACT, err_msg=name)


@given(case=cases())
@settings(deadline=None, max_examples=150)
def test_outputs_errors_and_gradients_at_every_step_are_those_of_autograd(case: Case) -> None:
    run, graph = case.run(), unroll(case)
    np.testing.assert_allclose(run.o, graph.o.detach().numpy(), **EXACT)
    np.testing.assert_allclose(bptt.errors(case.network, run, case.targets), graph.errors.detach().numpy(), **EXACT)
    ours, expected = bptt.backward(case.network, run, case.targets), graph.gradients(graph.errors.sum())
    assert_equal(ours, expected)
    x, start = expected[5:]
    np.testing.assert_allclose(np.where(run.fed_back[:, None], 0, ours.b @ case.network.U), x, **EXACT)
    np.testing.assert_allclose(ours.b[0] @ case.network.W, start, **EXACT)


@pytest.mark.parametrize("T", [1, 2, 5, 13, 40])
def test_the_gradient_is_the_sum_of_the_gradients_at_each_step(T: int) -> None:
    """Autograd of one shared W, of which the network knows nothing but that it is used T times."""
    case = build(("x" * T, "y" * T), feedback=False, bias=False)
    U, W, V = (leaf(getattr(case.network, name)) for name in "UWV")
    s, E = torch.tensor(case.start), torch.zeros((), dtype=torch.float64)
    for x, y in zip(case.inputs, case.targets, strict=True):
        s = torch.tanh(U @ torch.tensor(x) + W @ s)
        E = E + torch_error(case.network, V @ s, y)
    expected = [gradient.numpy() for gradient in torch.autograd.grad(E, [U, W, V])]
    per_step = bptt.backward(case.network, case.run(), case.targets)
    assert per_step.W.shape == (T, 4, 4)
    assert_equal(per_step.sum(), expected)
    assert_equal(Gradients(*(sum(getattr(per_step, name)) for name in PARAMETERS)), expected)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(("g", "E"), LOSSES)
@pytest.mark.parametrize("f", ["sigmoid", "tanh"])
def test_gradients_are_central_differences(form: tuple[str, str], f: str, g: str, E: str) -> None:
    case = build(form, f=f, g=g, E=E)
    gradients = bptt.backward(case.network, case.run(), case.targets).sum()
    for name in PARAMETERS:
        value = getattr(case.network, name)
        slopes = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[index] = 1e-5
            above, below = (replace(case, network=replace(case.network, **{name: value + d})) for d in (step, -step))
            slopes[index] = (above.error() - below.error()) / 2e-5
        # Truncation is about 1e-10 of the gradient, rounding 1e-16 / 1e-5 of E.
        np.testing.assert_allclose(getattr(gradients, name), slopes, rtol=1e-6, atol=1e-8, err_msg=name)


@given(case=cases())
@settings(deadline=None, max_examples=50)
def test_error_terms_are_the_products_of_equation_3(case: Case) -> None:
    """δ_k gathers what every later step sends it, each by its own product of transitions."""
    network, run = case.network, case.run()
    T = len(run.net)
    local = bptt.layer_below(bptt.output_error_terms(network, run, case.targets), network.V, network.f, run.net)
    delta = bptt.error_terms(network, run, local)
    for k in range(T):
        products = [bptt.error_term(network, run, local[t], t, k) for t in range(k, T)]
        np.testing.assert_allclose(delta[k], sum(products), **EXACT)
    np.testing.assert_allclose(delta, bptt.backward(network, run, case.targets).b, **EXACT)


def test_the_factors_of_equation_3_do_not_commute() -> None:
    case = build(FORMS["many to many"])
    run = case.run()
    factors = [bptt.transition(case.network, run, t) for t in (4, 3, 2)]
    product = bptt.through_time(case.network, run, 4, 1)
    np.testing.assert_allclose(product, factors[0] @ factors[1] @ factors[2], **EXACT)
    assert np.abs(product - factors[2] @ factors[1] @ factors[0]).max() > 0.01


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_equation_7_leads_to_the_same_gradient(form: tuple[str, str]) -> None:
    """Forwards in time: E's gradient is Σ_t local_tᵀ ∂net_t/∂W, where backwards it is Σ_t δ_t s_{t-1}ᵀ."""
    case = build(form)
    network, run = case.network, case.run()
    tensor, graph = bptt.product_rule(network, run), unroll(case)
    for t, i in np.ndindex(run.net.shape):
        np.testing.assert_allclose(tensor[t, i], graph.gradients(graph.net[t, i])[1].sum(axis=0), **EXACT)
    local = bptt.layer_below(bptt.output_error_terms(network, run, case.targets), network.V, network.f, run.net)
    gradients = bptt.backward(network, run, case.targets)
    np.testing.assert_allclose(np.einsum("ti,tikl->kl", local, tensor), gradients.sum().W, **EXACT)
    for t in range(len(run.net)):
        np.testing.assert_allclose(bptt.left_term(gradients.b[t], run.before[t]), gradients.W[t], **EXACT)


def test_identity_tensor_is_the_derivative_of_a_matrix_by_itself() -> None:
    W = torch.randn(3, 3, dtype=torch.float64)
    expected = torch.autograd.functional.jacobian(lambda W: W.clone(), W)
    np.testing.assert_array_equal(bptt.identity_tensor(3), expected)


@given(case=cases(), k1=st.integers(1, 7), more=st.integers(0, 3))
@settings(deadline=None, max_examples=100)
def test_truncated_gradients_are_those_of_a_detached_graph(case: Case, k1: int, more: int) -> None:
    T, k2 = len(case.inputs), k1 + more
    expected: list[Any] = [0] * 7
    for first in range(0, T, k1):
        stop = min(first + k1, T)
        graph = unroll(case, cut=max(0, stop - k2))
        parts = graph.gradients(graph.errors[first:stop].sum())
        expected = [total + part for total, part in zip(expected, parts, strict=True)]
    assert_equal(bptt.truncated_backward(case.network, case.run(), case.targets, k1, k2), expected)


@pytest.mark.parametrize("k1", [1, 3, 6])
def test_truncation_longer_than_the_sequence_is_exact(k1: int) -> None:
    case = build(FORMS["encoder-decoder"])
    exact = bptt.backward(case.network, case.run(), case.targets)
    truncated = bptt.truncated_backward(case.network, case.run(), case.targets, k1, 6)
    assert_equal(truncated, [getattr(exact, name) for name in PARAMETERS])


def test_truncation_sees_no_further_than_its_window() -> None:
    case = build(FORMS["many to one"])
    truncated = bptt.truncated_backward(case.network, case.run(), case.targets, k1=1, k2=2)
    assert [bool(np.any(truncated.W[t])) for t in range(5)] == [False, False, False, True, True]


def test_two_layers_by_equation_4() -> None:
    """The states of the lower layer are the inputs of the upper one; errors descend at each step."""
    T, rng = 5, np.random.default_rng(3)
    lower = replace(Network.random(3, 4, 1, f="sigmoid"), V=np.zeros((0, 4)))
    upper = Network.random(4, 5, 2, seed=1)
    x, y = rng.normal(size=(T, 3)), rng.dirichlet([1, 1], size=T)
    below = bptt.forward(lower, x)
    above = bptt.forward(upper, below.s)
    top = bptt.backward(upper, above, y)
    delta = bptt.error_terms(lower, below, bptt.layer_below(top.b, upper.U, lower.f, below.net))

    parameters = [leaf(value, T) for value in (lower.U, lower.W, upper.U, upper.W, upper.V)]
    U1, W1, U2, W2, V2 = parameters
    s1, s2, E = torch.zeros(4).double(), torch.zeros(5).double(), torch.zeros(()).double()
    for t in range(T):
        s1 = torch.sigmoid(U1[t] @ torch.tensor(x[t]) + W1[t] @ s1)
        s2 = torch.tanh(U2[t] @ s1 + W2[t] @ s2)
        E = E + torch_error(upper, V2[t] @ s2, y[t])
    ours = (bptt.gradients_of_U(delta, below.x), bptt.gradients_of_W(delta, below.before), top.U, top.W, top.V)
    for value, expected in zip(ours, torch.autograd.grad(E, parameters), strict=True):
        np.testing.assert_allclose(value, expected.numpy(), **EXACT)


def test_an_encoder_and_a_decoder_of_their_own() -> None:
    """The decoder starts from the encoder's last state, so its errors go on through W to the encoder's last step."""
    case = build(("---", "yyy"), seed=5)
    decoder, (x, rng) = case.network, (np.eye(3)[[0, 2]], np.random.default_rng(6))
    encoder = replace(Network.random(3, 4, 1, seed=7), V=np.zeros((0, 4)))
    read = bptt.forward(encoder, x)
    write = bptt.forward(decoder, [rng.normal(size=3), None, None], start=read.s[-1], feedback=True)
    back = bptt.backward(decoder, write, case.targets)
    local = np.zeros((2, 4))
    local[-1] = bptt.layer_below(back.b[0], decoder.W, encoder.f, read.net[-1])
    delta = bptt.error_terms(encoder, read, local)

    U, W = (leaf(value) for value in (encoder.U, encoder.W))
    s = torch.tanh(U @ torch.tensor(x[1]) + W @ torch.tanh(U @ torch.tensor(x[0])))
    graph = unroll(replace(case, inputs=[write.x[0], None, None], start=s.detach().numpy()))
    s.backward(torch.tensor(graph.gradients(graph.errors.sum())[6]))
    np.testing.assert_allclose(bptt.gradients_of_U(delta, read.x).sum(axis=0), U.grad, **EXACT)
    np.testing.assert_allclose(bptt.gradients_of_W(delta, read.before).sum(axis=0), W.grad, **EXACT)


@pytest.mark.parametrize("f", ["tanh", "relu"])
def test_it_is_torch_nn_rnn(f: str) -> None:
    torch.manual_seed(0)
    rnn = torch.nn.RNN(3, 7, nonlinearity=f, dtype=torch.float64)
    x, v = torch.randn(13, 3, dtype=torch.float64, requires_grad=True), torch.randn(2, 7, dtype=torch.float64)
    U, W, b = (each.detach().numpy() for each in (rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0 + rnn.bias_hh_l0))
    network = Network(U, W, v.numpy(), b=b, f=f, g="identity", E="squared")
    run, y = bptt.forward(network, x.detach().numpy()), np.random.default_rng(0).normal(size=(13, 2))
    s, _ = rnn(x)
    (0.5 * ((s @ v.T - torch.tensor(y)) ** 2).sum()).backward()
    gradients = bptt.backward(network, run, y)
    np.testing.assert_allclose(run.s, s.detach(), **EXACT)
    np.testing.assert_allclose(gradients.sum().U, rnn.weight_ih_l0.grad, **EXACT)
    np.testing.assert_allclose(gradients.sum().W, rnn.weight_hh_l0.grad, **EXACT)
    np.testing.assert_allclose(gradients.sum().b, rnn.bias_hh_l0.grad, **EXACT)
    np.testing.assert_allclose(gradients.b @ U, x.grad, **EXACT)
