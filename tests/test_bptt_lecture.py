"""`elman.bptt` as a textbook: what is read where, what an output sees, that networks learn, and the words of errors."""

import itertools
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from elman import bptt
from elman.bptt import Gradients, Network

A, B, C = np.eye(3)


def network(**options: Any) -> Network:
    return Network.random(3, 4, 3, bias=True, **options)


def test_it_runs_without_torch() -> None:
    code = "import sys, elman.bptt; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


# --- forward
def test_a_step_without_an_input_reads_the_output_before_it() -> None:
    run = bptt.forward(network(), [None, A, None, None, B, None], feedback=True)
    np.testing.assert_array_equal(run.x, [np.zeros(3), A, run.o[1], run.o[2], B, run.o[4]])
    assert run.fed_back.tolist() == [False, False, True, True, False, True]


def test_a_step_without_an_input_reads_zeros_when_nothing_is_fed_back() -> None:
    run = bptt.forward(network(), [A, None, B])
    np.testing.assert_array_equal(run.x, [A, np.zeros(3), B])
    assert not run.fed_back.any()


def test_a_sequence_read_in_pieces_is_the_whole_to_the_bit() -> None:
    x = np.random.default_rng(0).normal(size=(7, 3))
    whole, first = bptt.forward(network(), x), bptt.forward(network(), x[:3])
    second = bptt.forward(network(), x[3:], start=first.s[-1])
    np.testing.assert_array_equal(whole.o, np.vstack([first.o, second.o]))


def test_no_steps_at_all() -> None:
    run = bptt.forward(network(), [])
    gradients = bptt.backward(network(), run, [])
    assert run.s.shape == (0, 4)
    assert bptt.errors(network(), run, []).sum() == 0
    assert gradients.W.shape == (0, 4, 4)
    assert not gradients.sum().W.any()
    assert bptt.truncated_backward(network(), run, [], 1, 2).V.shape == (0, 3, 4)


def test_the_expansion_is_the_forward_pass() -> None:
    net = Network.random(3, 4, 2)
    x, start = np.random.default_rng(0).normal(size=(4, 3)), np.full(4, 0.5)
    run = bptt.forward(net, x, start)
    names = {"U": net.U, "V": net.V, "W": net.W, "x": x, "start": start, "f": np.tanh}
    names["g"] = lambda z: bptt.activation("softmax", z)
    for t in range(4):
        np.testing.assert_allclose(eval(bptt.expansion(t), names), run.o[t], rtol=1e-14)


@pytest.mark.parametrize("inputs", [[A, B, C, A], [A, B, None, None]], ids=["given", "fed back"])
def test_an_output_sees_every_earlier_input_and_no_later_one(inputs: list[Any]) -> None:
    net, eye = network(seed=4), 1e-5 * np.eye(3)
    run = bptt.forward(net, inputs, feedback=True)
    for k in range(sum(x is not None for x in inputs)):
        moved = [[*inputs[:k], inputs[k] + d, *inputs[k + 1 :]] for d in (*eye, *-eye)]
        above, below = np.split(np.array([bptt.forward(net, x, feedback=True).o for x in moved]), 2)
        slopes = (above - below) / 2e-5  # (I, T, O)
        assert not slopes[:, :k].any()
        for t in range(k, 4):
            assert np.abs(slopes[:, t]).max() > 1e-6
            np.testing.assert_allclose(bptt.influence(net, run, t, k), slopes[:, t].T, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("g", ["softmax", "sigmoid"])
def test_a_sure_and_wrong_output_has_a_finite_error(g: str) -> None:
    net = Network(np.zeros((1, 1)), np.zeros((1, 1)), np.zeros((2, 1)), c=np.array([-900.0, 900.0]), g=g)
    run = bptt.forward(net, [[1.0]])
    assert bptt.errors(net, run, [[1.0, 0.0]]).tolist() == [1800]
    np.testing.assert_allclose(bptt.backward(net, run, [[1.0, 0.0]]).c, [[-1, 1]])


def test_the_derivatives_are_those_of_the_functions() -> None:
    net = np.array([-30.0, -2.0, -0.1, 0.1, 2.0, 30.0])
    for f in ("identity", "relu", "sigmoid", "tanh"):
        slopes = (bptt.activation(f, net + 1e-6) - bptt.activation(f, net - 1e-6)) / 2e-6
        np.testing.assert_allclose(bptt.derivative(f, net), slopes, atol=1e-9)
        np.testing.assert_array_equal(bptt.jacobian(f, net), np.diag(bptt.derivative(f, net)))
    assert bptt.derivative("relu", np.zeros(1)) == 0


# --- learning
def recall(middles: list[tuple[int, ...]]) -> list[tuple[Any, Any]]:
    """Read a or b, then four distracting letters, then say what the first letter was."""
    letters = np.eye(3)
    return [
        ([letters[first], *letters[list(middle)]], [None] * 4 + [letters[first]])
        for first in (0, 1)
        for middle in middles
    ]


def test_a_network_learns_to_remember() -> None:
    middles = list(itertools.product((0, 1), repeat=4))
    net, history = bptt.train(network(), recall(middles[::2]), rate=0.3, epochs=60, clip=1.0)
    assert history[-1] < 0.01 * history[0]
    for inputs, targets in recall(middles[1::2]):  # never seen in training
        assert bptt.forward(net, inputs).o[-1] @ targets[-1] > 0.95


def test_a_network_learns_to_write_from_its_own_outputs() -> None:
    """One to many: given one letter, go on through the alphabet, reading nothing but what it has written."""
    letters = np.eye(5)
    cycle = [([letters[k], None, None, None], letters[(np.arange(4) + k + 1) % 5]) for k in range(5)]
    net, _ = bptt.train(Network.random(5, 8, 5), cycle, rate=0.3, epochs=150, clip=1.0, feedback=True)
    for inputs, targets in cycle:
        written = bptt.forward(net, inputs, feedback=True).o
        assert written.argmax(axis=1).tolist() == targets.argmax(axis=1).tolist()


def test_train_reports_the_error_before_each_epoch_s_steps() -> None:
    net, example = network(), ([A, B], [B, C])
    once, history = bptt.train(net, [example], rate=0.1, epochs=2)
    run = bptt.forward(net, example[0])
    first = bptt.sgd(net, bptt.backward(net, run, example[1]).sum(), 0.1)
    second = bptt.sgd(first, bptt.backward(first, bptt.forward(first, example[0]), example[1]).sum(), 0.1)
    np.testing.assert_array_equal(once.W, second.W)
    assert history[0] == bptt.errors(net, run, example[1]).sum()
    assert history[1] < history[0]


@pytest.mark.parametrize(("clip", "length"), [(None, 0.1 * 13), (20.0, 0.1 * 13), (2.6, 0.1 * 2.6)])
def test_clipping_shortens_the_step_and_keeps_its_direction(clip: float | None, length: float) -> None:
    net = Network.random(3, 4, 2)
    zeros = {"b": np.full(4, np.nan), "c": np.full(2, np.nan)}  # a network without biases does not look at them
    gradients = Gradients(U=np.zeros((4, 3)), W=np.zeros((4, 4)), V=np.zeros((2, 4)), **zeros)
    gradients.U[1, 2], gradients.W[0, 3], gradients.V[1, 0] = 3, 4, 12  # of norm 13
    moved = bptt.sgd(net, gradients, rate=0.1, clip=clip)
    step = [net.U[1, 2] - moved.U[1, 2], net.W[0, 3] - moved.W[0, 3], net.V[1, 0] - moved.V[1, 0]]
    np.testing.assert_allclose(step, np.array([3, 4, 12]) * length / 13)
    assert moved.b is None


def test_a_network_keeps_its_own_copy_of_what_it_is_given() -> None:
    U = np.ones((1, 1))
    net = Network(U, [[1]], [[1]])
    U[0, 0] = 5
    assert net.U[0, 0] == 1
    assert net.W.dtype == np.float64


# --- the words of errors
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"f": "tahn"}, "f is 'tahn'; expected one of identity, relu, sigmoid, tanh; did you mean 'tanh'?"),
        ({"f": "softmax"}, "f is 'softmax'; expected one of identity, relu, sigmoid, tanh"),
        (
            {"g": "Softmax"},
            "g is 'Softmax'; expected one of identity, relu, sigmoid, tanh, softmax; did you mean 'softm",
        ),
        ({"E": "mse"}, "E is 'mse'; expected one of squared, cross_entropy"),
        ({"g": "tanh"}, "E is 'cross_entropy'; expected g = 'softmax' or 'sigmoid' with it, got 'tanh'"),
        ({"U": np.ones(3)}, "U and V have shapes (3,) and (3, 4); expected (H, I) and (O, H)"),
        ({"W": np.ones((4, 3))}, "W has shape (4, 3); expected (H, H) = (4, 4)"),
        ({"V": np.ones((3, 5))}, "V has shape (3, 5); expected (O, H) = (3, 4)"),
        ({"b": np.ones(3)}, "b has shape (3,); expected (H,) = (4,)"),
        ({"c": np.ones((3, 1))}, "c has shape (3, 1); expected (O,) = (3,)"),
    ],
)
def test_a_network_that_does_not_fit_together(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        replace(network(), **changes)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(("value", "kind"), [(1j * np.ones((4, 4)), "complex128"), (np.full((4, 4), "a"), "<U1")])
def test_parameters_that_are_no_numbers(value: Any, kind: str) -> None:
    with pytest.raises(TypeError, match=f"^W holds {kind}; expected real numbers$"):
        replace(network(), W=value)


RUN = bptt.forward(network(), [A, B, C])
SUM = bptt.backward(network(), RUN, [A] * 3).sum()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda net: bptt.forward(net, [A, A[:2]]), "inputs[1] has shape (2,); expected (I,) = (3,)"),
        (
            lambda net: bptt.forward(net, [0, 1]),
            "inputs[0] has shape (); expected (I,) = (3,); class number k as a 1-of-N vector is np.eye(3)[k]",
        ),
        (lambda net: bptt.forward(net, [A], start=A), "start has shape (3,); expected (H,) = (4,)"),
        (lambda net: bptt.errors(net, RUN, [A]), "targets has 1 steps; expected T = 3, with None for a step"),
        (lambda net: bptt.backward(net, RUN, [A] * 4), "targets has 4 steps; expected T = 3, with None for a step"),
        (
            lambda net: bptt.backward(net, RUN, [None, 1, A]),
            "targets[1] has shape (); expected (O,) = (3,); class number k as a 1-of-N vector is np.eye(3)[k]",
        ),
        (
            lambda net: bptt.backward(bptt.Network.random(3, 5, 3), RUN, [A] * 3),
            "run is another network's: its (I, H, O) = (3, 4, 3); expected (3, 5, 3), as network has",
        ),
        (
            lambda net: bptt.errors(bptt.Network.random(3, 4, 2), RUN, [A] * 3),
            "run is another network's: its (I, H, O) = (3, 4, 3); expected (3, 4, 2), as network has",
        ),
        (
            lambda net: bptt.truncated_backward(bptt.Network.random(2, 4, 3), RUN, [A] * 3, 1, 1),
            "run is another network's: its (I, H, O) = (3, 4, 3); expected (2, 4, 3), as network has",
        ),
        (lambda net: bptt.expansion(-1), "t = -1; expected t >= 0: steps count from 0"),
        (lambda net: bptt.truncated_backward(net, RUN, [A] * 2, 1, 1), "targets has 2 steps; expected T = 3"),
        (lambda net: bptt.truncated_backward(net, RUN, [A] * 3, 2, 1), "k1 = 2 and k2 = 1; expected 1 <= k1 <= k2"),
        (lambda net: bptt.truncated_backward(net, RUN, [A] * 3, 0, 1), "k1 = 0 and k2 = 1; expected 1 <= k1 <= k2"),
        (lambda net: bptt.through_time(net, RUN, 1, 2), "t = 1 and k = 2; expected 0 <= k <= t < T = 3"),
        (lambda net: bptt.influence(net, RUN, 3, 0), "t = 3 and k = 0; expected 0 <= k <= t < T = 3"),
        (lambda net: bptt.influence(net, RUN, 2, -1), "t = 2 and k = -1; expected 0 <= k <= t < T = 3"),
        (lambda net: bptt.transition(net, RUN, 0), "t = 0; expected 1 <= t < T = 3: a transition leads from t-1 to t"),
        (lambda net: bptt.identity_tensor(64), "∂W/∂W has n⁴ numbers, 134,217,728 bytes for n = 64; expected n <= 32"),
        (lambda net: bptt.activation("elu", A), "g is 'elu'; expected one of identity, relu"),
        (lambda net: bptt.derivative("softmax", A), "f is 'softmax'; expected one of identity, relu, sigmoid, tanh"),
        (
            lambda net: bptt.sgd(net, bptt.backward(net, RUN, [A] * 3), 0.1),
            "gradients.U has shape (3, 4, 3); expected (H, I), the sum over time: use .sum()",
        ),
        (lambda net: bptt.sgd(net, SUM, 0.1, clip=0), "clip = 0; expected clip > 0, a norm, or None"),
        (lambda net: bptt.sgd(net, SUM, 0.1, clip=-1.0), "clip = -1.0; expected clip > 0, a norm, or None"),
        (lambda net: bptt.sgd(net, SUM, 0.1, clip=float("nan")), "clip = nan; expected clip > 0, a norm, or None"),
        (
            lambda net: bptt.forward(replace(net, V=np.ones((2, 4)), c=None), [A], feedback=True),
            "feedback makes outputs inputs; expected O = I, got O = 2 and I = 3",
        ),
    ],
)
def test_wrong_arguments(call: Any, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the words are compared below
        call(network())
    assert str(caught.value).startswith(words)
