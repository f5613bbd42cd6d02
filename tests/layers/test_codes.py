"""1-of-N inputs as integers: the same as the vectors that they stand for."""

from collections.abc import Sequence

import pytest
import torch
from torch.nn.functional import one_hot

import elman
from elman import _kernels
from elman.layers import FallbackWarning

from .problem import DTYPES, KINDS, Problem

I = 11  # noqa: E741


def codes(problem: Problem, high: int = I) -> torch.Tensor:
    shape = (problem.N, problem.T) if problem.batch_first else (problem.T, problem.N)
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(7))


def results(problem: Problem, x: torch.Tensor, lengths: Sequence[int] | None) -> list[torch.Tensor]:
    """Values, and the gradients of states and parameters for random cotangents."""
    module, state = problem.module(), [s.requires_grad_() for s in problem.state()]
    y, after = module(x, tuple(state) if problem.kind == "lstm" else state[0], lengths)
    values = [y, *(after if isinstance(after, tuple) else (after,))]
    cotangents = [problem.random(*v.shape, seed=20 + i) for i, v in enumerate(values)]
    return [*values, *torch.autograd.grad(values, [*state, *module.parameters()], cotangents)]


@pytest.mark.parametrize("lengths", [None, (6, 13, 0, 1, 12)], ids=["whole", "lengths"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("isa", _kernels.isas())
def test_codes_are_one_hot_vectors(isa, kind, dtype, bidirectional, lengths, close) -> None:
    problem = Problem(kind, I=I, dtype=dtype, bidirectional=bidirectional, L=2)
    before, calls = _kernels.active_isa(), _kernels.calls()
    _kernels.set_isa(isa)
    try:
        x = codes(problem)
        actual, expected = results(problem, x, lengths), results(problem, one_hot(x, I).to(dtype), lengths)
    finally:
        _kernels.set_isa(before)
    assert [after - b for after, b in zip(_kernels.calls(), calls, strict=True)] == [4, 4]  # two layers, twice
    for i, (ours, theirs) in enumerate(zip(actual, expected, strict=True)):
        close(ours, theirs, "value" if i < 3 else "gradient", str(i))


@pytest.mark.parametrize("kind", KINDS)
def test_many_inputs_of_which_few_occur(kind, close) -> None:
    problem = Problem(kind, I=1000, T=4)
    x = codes(problem, 1000)
    for ours, theirs in zip(results(problem, x, None), results(problem, one_hot(x, 1000).float(), None), strict=True):
        close(ours, theirs, "gradient")


@pytest.mark.parametrize("integers", [torch.uint8, torch.int32, torch.int64])
def test_layouts(integers) -> None:
    """Every integer dtype, batch_first, strides, and one sequence give the same bits."""
    problem = Problem("gru", I=I)
    layer, x = problem.module(), codes(problem)
    expected, _ = layer(x)
    assert torch.equal(layer(x.to(integers))[0], expected)
    assert torch.equal(layer(torch.stack([x, x], dim=2)[..., 1])[0], expected)
    assert torch.equal(layer(x[:, 2])[0], expected[:, 2])
    first = Problem("gru", I=I, batch_first=True).module()
    assert torch.equal(first(x.T.contiguous())[0], expected.transpose(0, 1))


def test_what_lies_behind_a_length_is_not_read() -> None:
    problem = Problem("lstm", I=I)
    layer, x = problem.module(), codes(problem)
    expected, _ = layer(x, lengths=[13, 1, 0, 5, 5])
    x[5:, 3] = -100
    assert torch.equal(layer(x, lengths=[13, 1, 0, 5, 5])[0], expected)


@pytest.mark.parametrize("I", [3, 1000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.filterwarnings("ignore::elman.FallbackWarning")
def test_behind_a_length_there_need_be_no_code(I, dtype) -> None:  # noqa: E741
    codes, padded = torch.tensor([[1, 2], [2, 0], [0, 0]]), torch.tensor([[1, 2], [2, -1], [0, I]])
    layer = elman.LSTM(I, 4, dtype=dtype)
    assert torch.equal(layer(padded, lengths=[3, 1])[0], layer(codes, lengths=[3, 1])[0])
    (found,), _ = elman.layers.all_states(layer, padded, lengths=[3, 1])
    (expected,), _ = elman.layers.all_states(layer, codes, lengths=[3, 1])
    assert torch.equal(found.cell, expected.cell)


def test_the_reference_takes_codes_too(close) -> None:
    layer, x = elman.LSTM(I, 7, dtype=torch.bfloat16), codes(Problem())
    with pytest.warns(FallbackWarning, match="bfloat16"):
        y, _ = layer(x)
    close(y, layer(one_hot(x, I).to(torch.bfloat16))[0], "value")


@pytest.mark.filterwarnings("ignore:.* should not be instantiated:DeprecationWarning")
def test_compiled() -> None:
    torch._dynamo.reset()
    problem = Problem("gru", I=I)
    layer, x = problem.module(), codes(problem)
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(x)[0], layer(x)[0])


def test_empty() -> None:
    y, h_n = elman.GRU(I, 7)(torch.zeros(0, 3, dtype=torch.int64))
    assert (y.shape, h_n.tolist()) == ((0, 3, 7), torch.zeros(1, 3, 7).tolist())
