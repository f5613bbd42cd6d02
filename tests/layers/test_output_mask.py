"""Locked dropout in the layers: what they put out is masked, and their states are not; in values and all gradients."""

import pytest
import torch
from torch.testing._internal.two_tensor import TwoTensor

import elman
from elman import _kernels
from elman.layers import FallbackWarning, LockedDropout, locked_mask, operators
from elman.layers.masks import NO_MASKS, as_masks
from layers.problem import DTYPES, KINDS, Problem, Reference, assert_same_bits, compare, run

all_kinds = pytest.mark.parametrize("kind", KINDS)


def mask_for(problem: Problem, seed: int = 5) -> torch.Tensor:
    """(L, 1, N, D·H), of 0 and 2."""
    shape = (problem.L, 1, problem.N, problem.H * (2 if problem.bidirectional else 1))
    return locked_mask(shape, 0.5, generator=torch.Generator().manual_seed(seed), dtype=problem.dtype)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("others", [False, True], ids=["alone", "with zoneout and a recurrent mask"])
@all_kinds
def test_the_kernels_mask_what_the_reference_masks(kind, others, dtype, close) -> None:
    """Two layers, two directions, lengths, and H beyond a vector."""
    problem = Problem(kind, L=2, bidirectional=True, dtype=dtype)
    module, mask = problem.module(), mask_for(problem)
    keep = [torch.full((2, problem.T, problem.N, 2 * problem.H), p, dtype=dtype) for p in (0.25, 0.5)]
    keep = keep[: len(problem.state())] if others else []
    zoneout = (tuple(keep) if len(keep) == 2 else keep[0]) if others else None
    recurrent = mask_for(problem, 6) if others else None
    arguments = problem.input(), problem.state(), problem.lengths()
    before = _kernels.calls()
    actual = run(module, *arguments, zoneout, recurrent, mask)
    assert _kernels.calls() == (before[0] + 2, before[1] + 2)
    rows = None if recurrent is None else recurrent[:, 0]
    compare(close, actual, run(Reference(module), *arguments, keep, rows, mask[:, 0]))


@all_kinds
def test_of_one_layer_it_is_locked_dropout_behind_it(kind) -> None:
    """To the bit, forward and backward: the oracle is a product of torch's."""
    problem = Problem(kind, bidirectional=True)
    module, mask = problem.module(), mask_for(problem)[0]

    class Behind(torch.nn.Module):
        def forward(self, x, hx):
            output, after = module(x, hx)
            return output * mask, after

        def named_parameters(self, *_, **__):
            return module.named_parameters()

    arguments = problem.input(), problem.state()
    assert_same_bits(run(module, *arguments, output_mask=mask), run(Behind(), *arguments))


def test_it_drops_what_the_module_drops() -> None:
    """The same generator, the same units."""
    gru, x = elman.GRU(3, 8), torch.randn(5, 2, 3)
    behind = LockedDropout(0.5)(gru(x)[0], torch.Generator().manual_seed(1))
    mask = locked_mask((1, 2, 8), 0.5, generator=torch.Generator().manual_seed(1))
    assert torch.equal(gru(x, output_mask=mask)[0], behind)


@all_kinds
def test_states_stay_whole_so_windows_are_the_sequence(kind) -> None:
    problem = Problem(kind)
    module, x, state, mask = problem.module(), problem.input(), problem.state(), mask_for(problem)[0]
    hx = state if len(state) == 2 else state[0]
    whole, after = module(x, hx, output_mask=mask)
    start, between = module(x[:6], hx, output_mask=mask)
    end, last = module(x[6:], between, output_mask=mask)
    assert torch.equal(torch.cat((start, end)), whole)
    plain, unmasked = module(x, hx)
    for a, b, c in zip(tuple(last), tuple(after), tuple(unmasked), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
    assert torch.equal(whole, plain * mask)


def test_the_output_may_be_changed_in_place() -> None:
    """What the backward pass reads is the state, which is another tensor."""
    gru, x, mask = elman.GRU(3, 8), torch.randn(5, 2, 3), locked_mask((1, 2, 8), 0.5)
    expected = torch.autograd.grad((2 * gru(x, output_mask=mask)[0]).sum(), list(gru.parameters()))
    output = gru(x, output_mask=mask)[0]
    output.mul_(2)
    assert_same_bits(
        dict(enumerate(torch.autograd.grad(output.sum(), list(gru.parameters())))), dict(enumerate(expected))
    )


def test_on_the_reference(monkeypatch, close) -> None:
    """In a dtype that the kernels do not know, and with a projection: the mask has D·P numbers a row."""
    monkeypatch.setattr(elman.layers.fallback, "_said", set())
    lstm, x, mask = elman.LSTM(3, 8, proj_size=2), torch.randn(5, 4, 3), locked_mask((1, 4, 2), 0.5)
    with pytest.warns(FallbackWarning, match="proj_size"):
        assert torch.equal(lstm(x, output_mask=mask)[0], lstm(x)[0] * mask)
    gru, mask = elman.GRU(3, 8).bfloat16(), locked_mask((1, 4, 8), 0.5)
    with pytest.warns(FallbackWarning, match="bfloat16"):
        assert torch.equal(gru(x.bfloat16(), output_mask=mask)[0], gru(x.bfloat16())[0] * mask.bfloat16())


@all_kinds
def test_the_gradient_of_the_gradient(kind, monkeypatch) -> None:
    monkeypatch.setattr(elman.layers.fallback, "_said", set())
    problem = Problem(kind, T=3, N=2, H=3, dtype=torch.float64)
    module, mask = problem.module().requires_grad_(False), mask_for(problem)[0]
    x = problem.input().requires_grad_()
    with pytest.warns(FallbackWarning, match="gradient of a gradient"):
        assert torch.autograd.gradgradcheck(lambda x: module(x, output_mask=mask)[0], (x,))


def test_a_mask_with_a_gradient_is_an_operator_behind_the_kernels() -> None:
    problem = Problem("gru", dtype=torch.float64, T=3, N=2, H=3)
    module, x, mask = problem.module().requires_grad_(False), problem.input(), mask_for(problem)[0]
    calls = _kernels.calls()[0]
    module(x, output_mask=mask.requires_grad_())
    assert _kernels.calls()[0] == calls + 1
    assert torch.autograd.gradcheck(lambda m: module(x, output_mask=m)[0], (mask,))


@pytest.mark.filterwarnings("ignore:.* should not be instantiated:DeprecationWarning")  # see test_compile.py
@all_kinds
def test_it_compiles(kind, close) -> None:
    torch._dynamo.reset()
    problem = Problem(kind)
    module, mask = problem.module(), mask_for(problem)[0]
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    compiled.named_parameters = module.named_parameters
    arguments = problem.input(), problem.state(), None, None, None, mask
    compare(close, run(compiled, *arguments), run(module, *arguments))
    h0, c0 = (*problem.state(), None)[:2]
    weights = [w.detach() for w in module.all_weights[0]]
    for save in (False, True):
        call = (module._cell, problem.input(), None, h0, c0, weights, False, save, None, None, None, mask[0])
        torch.library.opcheck(operators.run_layer, call)


def test_masks_that_are_more_than_their_numbers_are_not_passed_over() -> None:
    """A wrapper of tensors has no memory of its own, nor have lazy zeros."""
    gru, x, mask = elman.GRU(3, 8).requires_grad_(False), torch.randn(5, 2, 3), locked_mask((1, 2, 8), 0.5)
    plain = gru(x)[0]
    wrapped = TwoTensor(mask, mask.clone())
    assert torch.equal(gru(x, output_mask=wrapped)[0].a, plain * mask)
    assert torch.equal(gru(x, recurrent_mask=wrapped)[0].a, gru(x, recurrent_mask=mask)[0])
    zeros = torch._efficientzerotensor(1, 2, 8)
    assert torch.equal(gru(x, output_mask=zeros)[0], torch.zeros(5, 2, 8))
    assert torch.equal(gru(x, recurrent_mask=zeros)[0], gru(x, recurrent_mask=torch.zeros(1, 2, 8))[0])


def test_no_masks_are_no_masks() -> None:
    """A pair of None, as a program passes it that has a choice."""
    lstm, x = elman.LSTM(3, 8), torch.randn(5, 2, 3)
    assert torch.equal(lstm(x, zoneout=(None, None))[0], lstm(x)[0])
    assert as_masks((None, None), None, None, lstm.weight_ih_l0, 1, [(5, 2, 8)] * 2) is NO_MASKS


def test_without_numbers_there_is_an_output_all_the_same() -> None:
    gru, mask = elman.GRU(3, 8, device="meta"), torch.ones(1, 2, 8, device="meta")
    assert gru(torch.zeros(5, 2, 3, device="meta"), output_mask=mask)[0].shape == (5, 2, 8)
    assert elman.GRU(3, 8)(torch.zeros(0, 2, 3), output_mask=torch.ones(1, 2, 8))[0].shape == (0, 2, 8)


def test_what_does_not_fit_is_said() -> None:
    gru, x = elman.GRU(3, 4), torch.zeros(5, 2, 3)
    with pytest.raises(TypeError, match=r"^output_mask is a float; expected a Tensor \(1, N, D·H\), as elman"):
        gru(x, output_mask=0.5)
    words = r"^output_mask has shape \(5, 2, 4\); expected \(L, 1, N, D·H\) = \(1, 1, 2, 4\), or what .* all steps$"
    with pytest.raises(ValueError, match=words):
        gru(x, output_mask=torch.ones(5, 2, 4))
    row, h0 = gru.all_weights[0], torch.zeros(1, 2, 4)
    with pytest.raises(ValueError, match=r"output_mask has shape \(1, 2, 4\) .* expected \(N, D·H\) = \(2, 4\)"):
        torch.ops.elman.layer(2, x, None, h0, None, row, False, False, None, None, None, torch.ones(1, 2, 4))
