"""Zoneout in the layers: on the kernels, what the reference's equation says, in values and all gradients."""

import pytest
import torch

import elman
from elman import _kernels
from elman.layers import FallbackWarning, functional, operators, zoneout_mask
from layers.problem import DTYPES, KINDS, Problem, Reference, assert_same_bits, compare, run

all_kinds = pytest.mark.parametrize("kind", KINDS)


def masks_for(problem: Problem, p: float | None = 0.3) -> list[torch.Tensor]:
    """A mask (L, T, N, D·H) for each state, of 0 and 1; p None: of numbers between."""
    width = problem.H * (2 if problem.bidirectional else 1)
    generator = torch.Generator().manual_seed(5)
    shape = (problem.L, problem.T, problem.N, width)
    return [
        torch.rand(shape, generator=generator, dtype=problem.dtype)
        if p is None
        else zoneout_mask(shape, p, generator=generator, dtype=problem.dtype)
        for _ in problem.state()
    ]


def as_argument(masks: list[torch.Tensor]) -> torch.Tensor | tuple[torch.Tensor, ...]:
    return tuple(masks) if len(masks) == 2 else masks[0]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("p", [0.3, None], ids=["drawn", "expected"])
@all_kinds
def test_the_kernels_keep_what_the_reference_keeps(kind, p, dtype, close) -> None:
    """Two layers, two directions, lengths, and H beyond a vector."""
    problem = Problem(kind, L=2, bidirectional=True, dtype=dtype)
    module, masks = problem.module(), masks_for(problem, p)
    arguments = problem.input(), problem.state(), problem.lengths()
    before = _kernels.calls()
    actual = run(module, *arguments, as_argument(masks))
    assert _kernels.calls() == (before[0] + 2, before[1] + 2)
    compare(close, actual, run(Reference(module), *arguments, masks))


@pytest.mark.parametrize("state", [0, 1], ids=["hidden", "cell"])
def test_one_of_two_states_may_be_left_alone(state, close) -> None:
    problem = Problem("lstm")
    module, masks = problem.module(), masks_for(problem)
    masks[1 - state] = None
    compare(
        close,
        run(module, problem.input(), problem.state(), None, tuple(masks)),
        run(Reference(module), problem.input(), problem.state(), None, masks),
    )


@all_kinds
def test_kept_states_do_not_move_and_pass_their_gradient(kind) -> None:
    """With a mask of ones everything stays as it was: y_t = h_0, dE/dh_0 is the sum of what arrives."""
    problem = Problem(kind)
    (h, *c), x = problem.state(), problem.input()
    h.requires_grad_()
    output, _ = problem.module()(x, (h, *c) if c else h, zoneout=(1.0, 1.0) if c else 1.0)
    assert torch.equal(output, h.expand_as(output))
    output.sum().backward()
    assert torch.equal(h.grad, torch.full_like(h, problem.T))


@all_kinds
def test_no_zoneout_is_a_mask_of_zeros(kind, close) -> None:
    problem = Problem(kind)
    module, masks = problem.module(), [torch.zeros_like(m) for m in masks_for(problem)]
    whole = run(module, problem.input(), problem.state(), None, as_argument(masks))
    compare(close, whole, run(module, problem.input(), problem.state()))


def test_masks_expand_and_lie_as_the_output() -> None:
    """One number, one mask for all layers, batch_first, and a sequence without a batch."""
    problem = Problem("gru", L=2, batch_first=True)
    module, x, (h,) = problem.module(), problem.input(), problem.state()
    (mask,) = masks_for(problem)
    first = Problem("gru", L=2)
    expected = run(first.module(), x.transpose(0, 1), (h,), None, mask[:1])["output"].transpose(0, 1)
    assert torch.equal(module(x, h, zoneout=mask[0].transpose(0, 1))[0], expected)
    one = first.module()(x[0], h[:, 0], zoneout=mask[0][:, 0])[0]
    assert torch.equal(one, expected[0])
    everywhere = module(x, h, zoneout=torch.full_like(expected, 0.25))[0]
    assert torch.equal(module(x, h, zoneout=0.25)[0], everywhere)


@all_kinds
def test_chunks_and_rows_alone_have_the_same_bits(kind) -> None:
    problem = Problem(kind)
    module, x, state, masks = problem.module(), problem.input(), problem.state(), masks_for(problem)
    hx = state if len(state) == 2 else state[0]
    whole, after = module(x, hx, zoneout=as_argument(masks))
    start, between = module(x[:6], hx, zoneout=as_argument([m[:, :6] for m in masks]))
    end, last = module(x[6:], between, zoneout=as_argument([m[:, 6:] for m in masks]))
    assert torch.equal(torch.cat((start, end)), whole)
    assert all(torch.equal(a, b) for a, b in zip(tuple(last), tuple(after), strict=True))
    alone = [s[:, 2:3] for s in state]
    row, _ = module(
        x[:, 2:3], tuple(alone) if len(alone) == 2 else alone[0], zoneout=as_argument([m[:, :, 2:3] for m in masks])
    )
    assert torch.equal(row, whole[:, 2:3])


def test_functional_layers_take_it_too() -> None:
    for kind, call in (("rnn_tanh", functional.rnn), ("gru", functional.gru), ("lstm", functional.lstm)):
        problem = Problem(kind)
        module, masks = problem.module(), masks_for(problem)
        weights = [functional.Weights(*module.all_weights[0])]
        output, _ = call(problem.input(), None, weights, zoneout=as_argument([m[0] for m in masks]))
        assert torch.equal(output, module(problem.input(), zoneout=as_argument(masks))[0])


@all_kinds
def test_the_gradient_of_the_gradient(kind) -> None:
    problem = Problem(kind, T=3, N=2, H=3, dtype=torch.float64)
    module, masks = problem.module(), as_argument(masks_for(problem, None))
    module.requires_grad_(False)
    x = problem.input().requires_grad_()
    with pytest.warns(FallbackWarning) if _unsaid() else _nothing():
        assert torch.autograd.gradgradcheck(lambda x: module(x, zoneout=masks)[0], (x,))


def _unsaid() -> bool:
    return "The gradient of a gradient of a recurrent layer" not in elman.layers.fallback._said


class _nothing:  # noqa: N801
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_a_mask_with_a_gradient_runs_on_the_reference(monkeypatch) -> None:
    monkeypatch.setattr(elman.layers.fallback, "_said", set())
    problem = Problem("gru", dtype=torch.float64, T=3, N=2, H=3)
    module, x = problem.module().requires_grad_(False), problem.input()
    (mask,) = masks_for(problem, None)
    with pytest.warns(FallbackWarning, match="Zoneout by a mask that has a gradient"):
        assert torch.autograd.gradcheck(lambda m: module(x, zoneout=m)[0], (mask.requires_grad_(),))


@pytest.mark.filterwarnings("ignore:.* should not be instantiated:DeprecationWarning")  # see test_compile.py
@all_kinds
def test_it_compiles(kind, close) -> None:
    torch._dynamo.reset()
    problem = Problem(kind)
    module, masks = problem.module(), as_argument(masks_for(problem))
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    compiled.named_parameters = module.named_parameters
    expected = run(module, problem.input(), problem.state(), None, masks)
    x = problem.input().requires_grad_()
    hx = problem.state() if kind == "lstm" else problem.state()[0]
    output, _ = compiled(x, hx, None, masks)
    assert torch.equal(output, expected["output"])
    torch.library.opcheck(operators.run_layer, _operator_arguments(problem, module, masks))


def _operator_arguments(problem: Problem, module, masks) -> tuple:
    h0, c0 = (*problem.state(), None)[:2]
    weights = [w.detach() for w in module.all_weights[0]]
    keep = [m[0] for m in (masks if isinstance(masks, tuple) else (masks,))]
    return (module._cell, problem.input(), None, h0, c0, weights, False, True, *keep)


def test_what_does_not_fit_is_said() -> None:
    lstm, gru, x = elman.LSTM(3, 4), elman.GRU(3, 4), torch.zeros(5, 2, 3)
    with pytest.raises(
        TypeError, match=r"^zoneout is a float; expected a pair \(hidden, cell\) of masks, of which one"
    ):
        lstm(x, zoneout=0.1)
    with pytest.raises(TypeError, match=r"^zoneout of the hidden state is a str; expected a Tensor, a number or None$"):
        gru(x, zoneout="0.1")
    words = (
        r"zoneout of the cell state has shape \(5, 3, 4\); expected \(L, T, N, D·H\) = \(1, 5, 2, 4\), or what expands"
    )
    with pytest.raises(ValueError, match=words):
        lstm(x, zoneout=(None, torch.zeros(5, 3, 4)))
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor([5, 2]))
    with pytest.raises(ValueError, match=r"^zoneout came with a PackedSequence; give a padded input"):
        gru(packed, zoneout=0.1)
    row = gru.all_weights[0]
    with pytest.raises(ValueError, match=r"keep_h has shape \(5, 2, 3\) .* expected \(T, N, D·H\) = \(5, 2, 4\)"):
        torch.ops.elman.layer(2, x, None, torch.zeros(1, 2, 4), None, row, False, False, torch.zeros(5, 2, 3))
    with pytest.raises(TypeError, match="only an LSTM has a cell state"):
        torch.ops.elman.layer(2, x, None, torch.zeros(1, 2, 4), None, row, False, False, None, torch.zeros(5, 2, 4))


def test_the_same_threads_give_the_same_bits_and_a_crew_those_of_one() -> None:
    """One row of a large layer: two threads share its units, and meet at every step."""
    problem = Problem("lstm", T=40, N=1, I=64, H=160)
    module = problem.module()
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = run(module, problem.input(), problem.state(), None, (0.1, 0.5))
        torch.set_num_threads(2)
        assert_same_bits(run(module, problem.input(), problem.state(), None, (0.1, 0.5)), one)
        for _ in range(20):
            assert_same_bits(
                run(module, problem.input(), problem.state()), run(module, problem.input(), problem.state())
            )
    finally:
        torch.set_num_threads(before)
