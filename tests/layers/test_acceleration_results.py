"""What an accelerated layer of torch.nn computes: torch.nn's outputs and gradients, by the kernels."""

import copy
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import elman
from elman import _kernels
from layers.problem import DTYPES, KINDS, Problem, compare, run

all_kinds = pytest.mark.parametrize("kind", KINDS)


def pair(problem: Problem, **options) -> tuple[nn.Module, nn.Module]:
    """The same layer of torch.nn accelerated, and as it was."""
    theirs = problem.module(nn, **options)
    return elman.accelerate(copy.deepcopy(theirs)), theirs


def hx(problem: Problem):
    return problem.state() if problem.kind == "lstm" else problem.state()[0]


def kernel_calls(since: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """Calls of the forward and the backward kernel."""
    return _kernels.calls()[0] - since[0], _kernels.calls()[1] - since[1]


FORMS = [
    {},
    {"batch_first": True, "N": 1},
    {"L": 2, "bidirectional": True},
    {"L": 3, "bias": False, "batch_first": True},
    {"bias": False, "bidirectional": True, "T": 1, "H": 7},
]


@pytest.mark.parametrize(("kind", "dtype", "form"), list(product(KINDS, DTYPES, FORMS)))
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
def test_equals_torch(kind, dtype, form, given, close) -> None:
    problem = Problem(kind, dtype=dtype, **form)
    ours, theirs = pair(problem)
    x, state = problem.input(), problem.state() if given else None
    expected, before = run(theirs, x, state), kernel_calls()
    actual = run(ours, x, state)
    assert kernel_calls(before) == (problem.L, problem.L)
    compare(close, actual, expected)


@all_kinds
def test_one_sequence_without_a_batch(kind, close) -> None:
    problem = Problem(kind, L=2, bidirectional=True, batch_first=True)
    ours, theirs = pair(problem)
    x, state = problem.input()[0], tuple(s[:, 0] for s in problem.state())
    for given in (state, None):
        before = kernel_calls()
        actual = run(ours, x, given)
        assert kernel_calls(before) == (2, 2)
        compare(close, actual, run(theirs, x, given))


class Packed(nn.Module):
    """A layer that is given its input packed."""

    def __init__(self, layer: nn.Module, sort: bool) -> None:
        super().__init__()
        self.layer, self.sort = layer, sort

    def forward(self, x, hx):
        lengths = [13, 9, 9, 4, 1] if self.sort else [4, 13, 1, 9, 9]
        output, after = self.layer(pack_padded_sequence(x, lengths, enforce_sorted=self.sort), hx)
        assert type(output) is PackedSequence
        return output.data, after


@all_kinds
@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
def test_packed_sequences(kind, in_order, given, close) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    ours, theirs = (Packed(layer, in_order) for layer in pair(problem))
    x, state = problem.input(), problem.state() if given else None
    expected, before = run(theirs, x, state), kernel_calls()
    actual = run(ours, x, state)
    assert kernel_calls(before) == (2, 2)
    compare(close, actual, expected)


@all_kinds
def test_dropout_drops_what_torch_drops(kind, close) -> None:
    problem = Problem(kind, L=3)
    ours, theirs = pair(problem, dropout=0.5)
    results = []
    for layer in (ours, theirs):
        torch.manual_seed(5)
        results.append(run(layer, problem.input(), problem.state()))
    compare(close, *results)
    assert not torch.equal(ours(problem.input())[0], ours(problem.input())[0])
    assert torch.equal(ours.eval()(problem.input())[0], ours(problem.input())[0])


@all_kinds
def test_the_types_of_the_results_are_torchs(kind) -> None:
    ours, theirs = pair(Problem(kind))
    for x in (torch.randn(4, 2, 3), torch.randn(4, 3), pack_padded_sequence(torch.randn(4, 2, 3), [4, 2])):
        for one, other in ((ours(x), theirs(x)), (ours(x)[1], theirs(x)[1])):
            assert type(one) is type(other)


@all_kinds
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_inference(kind, mode, close) -> None:
    problem = Problem(kind)
    ours, theirs = pair(problem)
    with mode():
        before = kernel_calls()
        output, after = ours(problem.input(), hx(problem))
        assert kernel_calls(before) == (1, 0)
        expected, after_expected = theirs(problem.input(), hx(problem))
    close(output, expected, "value")
    close(after[0], after_expected[0], "value")
    assert output.is_inference() == expected.is_inference()


@all_kinds
def test_gradients_in_evaluation_mode(kind, close) -> None:
    problem = Problem(kind, L=2)
    ours, theirs = (layer.eval() for layer in pair(problem))
    compare(close, run(ours, problem.input(), None), run(theirs, problem.input(), None))


def second_gradient(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    (first,) = torch.autograd.grad(layer(x)[0].sin().sum(), x, create_graph=True)
    return torch.autograd.grad(first.square().sum(), x)[0]


def test_the_gradient_of_a_gradient(close) -> None:
    problem = Problem("gru", dtype=torch.float64)
    ours, theirs = pair(problem)
    with pytest.warns(elman.FallbackWarning, match="gradient of a gradient"):
        actual = second_gradient(ours, problem.input())
    close(actual, second_gradient(theirs, problem.input()), "gradient")


@all_kinds
def test_weights_are_read_when_the_layer_is_called(kind, close) -> None:
    problem = Problem(kind, bidirectional=True)
    ours, theirs = pair(problem)
    for layer in (ours, theirs):
        layer.weight_hh_l0_reverse = layer.weight_hh_l0  # tied
        layer.bias_ih_l0 = nn.Parameter(torch.zeros_like(layer.bias_ih_l0))
        layer.weight_ih_l0.data = layer.weight_ih_l0.data * 0.5
    compare(close, run(ours, problem.input(), None), run(theirs, problem.input(), None))
    halved = {name: parameter.detach() / 2 for name, parameter in theirs.named_parameters()}
    results = [torch.func.functional_call(layer, halved, (problem.input(),))[0] for layer in (ours, theirs)]
    close(*results, "value")


# Where torch's own operators run: the same bits as before, and no kernel.


def assert_runs_torch(ours: nn.Module, theirs: nn.Module, *arguments) -> None:
    before = kernel_calls()
    output, expected = ours(*arguments)[0], theirs(*arguments)[0]
    assert kernel_calls(before) == (0, 0)
    assert output.dtype == expected.dtype
    assert torch.equal(output, expected)


@all_kinds
def test_bfloat16_is_torchs(kind) -> None:
    problem = Problem(kind, dtype=torch.bfloat16)
    assert_runs_torch(*pair(problem), problem.input(), hx(problem))


@pytest.mark.parametrize("kind", ["rnn_tanh", "rnn_relu", "gru"])
def test_autocast_is_torchs(kind) -> None:
    problem = Problem(kind)
    ours, theirs = pair(problem)
    with torch.autocast("cpu", torch.bfloat16):
        assert_runs_torch(ours, theirs, problem.input())
    before = kernel_calls()
    ours(problem.input())
    assert kernel_calls(before) == (1, 0)


@all_kinds
def test_the_meta_device_is_torchs(kind) -> None:
    layer = pair(Problem(kind, L=2, bidirectional=True))[0].to("meta")
    output, after = layer(torch.empty(13, 5, 3, device="meta"))
    assert output.is_meta
    assert output.shape == (13, 5, 34)
    assert (after[0] if kind == "lstm" else after).shape == (4, 5, 17)


@all_kinds
def test_functional_transforms_are_torchs(kind) -> None:
    problem = Problem(kind)
    gradients, before = [], kernel_calls()
    for layer in pair(problem):
        parameters = {name: parameter.detach() for name, parameter in layer.named_parameters()}

        def loss(parameters, layer=layer):
            return torch.func.functional_call(layer, parameters, (problem.input(),))[0].sin().sum()

        gradients.append(torch.func.grad(loss)(parameters))
    assert kernel_calls(before) == (0, 0)
    for name, expected in gradients[1].items():
        assert torch.equal(gradients[0][name], expected), name


class Marked(torch.Tensor):
    """A tensor of a class of somebody else's."""


def test_subclasses_of_tensor_are_torchs() -> None:
    problem = Problem("gru")
    ours, theirs = pair(problem)
    x = problem.input().as_subclass(Marked)
    assert type(ours(x)[0]) is type(theirs(x)[0]) is Marked
    for layer in (ours, theirs):
        layer.weight_hh_l0 = nn.Parameter(layer.weight_hh_l0.detach().as_subclass(Marked))
    assert_runs_torch(ours, theirs, problem.input())


@all_kinds
def test_errors_are_torchs(kind) -> None:
    problem = Problem(kind)
    ours, theirs = pair(problem)
    x, small = problem.input(), Problem(kind, N=2)
    for arguments in ((x[..., :2],), (x[None],), (x.double(),), (x, hx(small)), (x[:, 0], hx(problem)), (None,)):
        said = []
        for layer in (ours, theirs):
            with pytest.raises((RuntimeError, ValueError, AttributeError)) as error:
                layer(*arguments)
            said.append((error.type, str(error.value)))
        assert said[0] == said[1]


def test_an_output_changed_in_place_is_an_error_of_autograd() -> None:
    """torch.nn.LSTM says the same; its RNN and GRU save a copy of what they put out, the kernels do not."""
    output, _ = elman.accelerate(nn.GRU(3, 4))(torch.randn(5, 2, 3))
    output.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()
