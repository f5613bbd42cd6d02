"""Recurrent dropout in the layers: W is given m ⊙ h, on the kernels, in values and all gradients.

What is the same for `output_mask` is tested here for both.
"""

import pytest
import torch

import elman
from elman import _kernels
from elman.layers import FallbackWarning, functional, locked_mask, operators
from layers.problem import DTYPES, KINDS, Problem, Reference, assert_same_bits, compare, run

all_kinds = pytest.mark.parametrize("kind", KINDS)
both_masks = pytest.mark.parametrize("name", ["recurrent_mask", "output_mask"])


def mask_for(problem: Problem) -> torch.Tensor:
    """(L, 1, N, D·H), of 0 and 2."""
    shape = (problem.L, 1, problem.N, problem.H * (2 if problem.bidirectional else 1))
    return locked_mask(shape, 0.5, generator=torch.Generator().manual_seed(5), dtype=problem.dtype)


def one_mask(problem: Problem) -> torch.Tensor:
    """(1, N, D·H), for a single layer."""
    return mask_for(problem)[0]


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("zoned", [False, True], ids=["alone", "with zoneout"])
@all_kinds
def test_the_kernels_drop_what_the_reference_drops(kind, zoned, dtype, close) -> None:
    """Two layers, two directions, lengths, and H beyond a vector."""
    problem = Problem(kind, L=2, bidirectional=True, dtype=dtype)
    module, mask = problem.module(), mask_for(problem)
    keep = [torch.full((2, problem.T, problem.N, 2 * problem.H), p, dtype=dtype) for p in (0.25, 0.5)]
    keep = keep[: len(problem.state())] if zoned else []
    zoneout = (tuple(keep) if len(keep) == 2 else keep[0]) if zoned else None
    arguments = problem.input(), problem.state(), problem.lengths()
    before = _kernels.calls()
    actual = run(module, *arguments, zoneout, mask)
    assert _kernels.calls() == (before[0] + 2, before[1] + 2)
    compare(close, actual, run(Reference(module), *arguments, keep, mask[:, 0]))


def step_by_torch(cell: torch.nn.Module, x: torch.Tensor, state: tuple, mask: torch.Tensor) -> tuple:
    """One step of torch.nn's cell, which has no mask: h is masked before it; for GRU z ⊙ h is put right after."""
    h, *c = state
    if c:
        return cell(x, (mask * h, *c))
    after = cell(x, mask * h)
    if isinstance(cell, torch.nn.GRUCell):
        H = cell.hidden_size
        net = x @ cell.weight_ih[H : 2 * H].T + cell.bias_ih[H : 2 * H] + cell.bias_hh[H : 2 * H]
        z = torch.sigmoid(net + (mask * h) @ cell.weight_hh[H : 2 * H].T)
        after = after + z * (h - mask * h)
    return (after,)


@all_kinds
def test_it_is_a_loop_over_the_cells_of_torch(kind, close) -> None:
    """An oracle that is not ours: every cell of torch.nn, given m ⊙ h."""
    problem = Problem(kind, dtype=torch.float64)
    module, mask = problem.module(), one_mask(problem)
    options = {"nonlinearity": kind.removeprefix("rnn_")} if kind.startswith("rnn") else {}
    cell = getattr(torch.nn, type(module).__name__ + "Cell")(problem.I, problem.H, dtype=torch.float64, **options)
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            parameter.copy_(getattr(module, name + "_l0"))

    class Loop(torch.nn.Module):
        def forward(self, x, hx):
            state, outputs = (hx,) if isinstance(hx, torch.Tensor) else hx, []
            for x_t in x:
                state = step_by_torch(cell, x_t, tuple(state), mask[0])
                outputs.append(state[0])
            return torch.stack(outputs), tuple(state) if len(state) == 2 else state[0]

        def named_parameters(self, *_, **__):
            return [(name + "_l0", parameter) for name, parameter in cell.named_parameters()]

    # torch's cells have no axis for the layer in their states
    h = [s[0] for s in problem.state()]
    expected = run(Loop(), problem.input(), tuple(h))
    actual = run(module, problem.input(), problem.state(), recurrent_mask=mask)
    compare(close, {name: a.view_as(expected[name]) for name, a in actual.items()}, expected)


@all_kinds
def test_ones_change_nothing(kind, close) -> None:
    """Outputs to the bit; gradients add in another order."""
    problem = Problem(kind, bidirectional=True)
    module, plain = problem.module(), run(problem.module(), problem.input(), problem.state())
    ones = run(module, problem.input(), problem.state(), recurrent_mask=torch.ones(1, 1, 1))
    assert_same_bits(ones, {name: t for name, t in plain.items() if not name.startswith("gradient")})
    compare(close, ones, plain)


def test_zeros_forget_everything_but_what_goes_around_w() -> None:
    """Without W, an RNN is a layer without memory."""
    problem = Problem("rnn_tanh")
    module, x = problem.module(), problem.input()
    output, _ = module(x, problem.state()[0], recurrent_mask=torch.zeros(1, 1, 1))
    alone = torch.cat([module(x[t : t + 1])[0] for t in range(problem.T)])
    assert torch.equal(output, alone)


@both_masks
def test_masks_expand_and_lie_as_the_output(name) -> None:
    """One mask for all layers, batch_first, and a sequence without a batch."""
    problem = Problem("gru", L=2, batch_first=True)
    module, x, (h,), mask = problem.module(), problem.input(), problem.state(), mask_for(problem)[:1]
    first = Problem("gru", L=2).module()
    expected = run(first, x.transpose(0, 1), (h,), **{name: mask})["output"].transpose(0, 1)
    assert torch.equal(module(x, h, **{name: mask[0].transpose(0, 1)})[0], expected)
    assert torch.equal(first(x[0], h[:, 0], **{name: mask[0][:, 0]})[0], expected[0])
    strided = torch.stack([mask[0].transpose(0, 1), torch.full_like(mask[0].transpose(0, 1), torch.nan)], -1)[..., 0]
    assert torch.equal(module(x, h, **{name: strided})[0], expected)


@both_masks
@all_kinds
def test_a_packed_sequence_takes_it_as_the_padded_one_does(kind, name) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    module, mask, lengths = problem.module(), mask_for(problem), torch.tensor([4, 13, 1, 7, 13])
    hx = problem.state() if kind == "lstm" else problem.state()[0]
    padded, after = module(problem.input(), hx, lengths, **{name: mask})
    packed = torch.nn.utils.rnn.pack_padded_sequence(problem.input(), lengths, enforce_sorted=False)
    output, last = module(packed, hx, **{name: mask})
    assert torch.equal(torch.nn.utils.rnn.pad_packed_sequence(output)[0], padded)
    assert all(torch.equal(a, b) for a, b in zip(tuple(last), tuple(after), strict=True))


@all_kinds
def test_chunks_and_rows_alone_have_the_same_bits(kind) -> None:
    problem = Problem(kind)
    module, x, state, mask = problem.module(), problem.input(), problem.state(), one_mask(problem)
    hx = state if len(state) == 2 else state[0]
    whole, after = module(x, hx, recurrent_mask=mask)
    start, between = module(x[:6], hx, recurrent_mask=mask)
    end, last = module(x[6:], between, recurrent_mask=mask)
    assert torch.equal(torch.cat((start, end)), whole)
    assert all(torch.equal(a, b) for a, b in zip(tuple(last), tuple(after), strict=True))
    alone = [s[:, 2:3] for s in state]
    row, _ = module(x[:, 2:3], tuple(alone) if len(alone) == 2 else alone[0], recurrent_mask=mask[:, 2:3])
    assert torch.equal(row, whole[:, 2:3])


@both_masks
@all_kinds
def test_functional_layers_take_it_too(kind, name) -> None:
    call = {"rnn_tanh": functional.rnn, "rnn_relu": functional.rnn, "gru": functional.gru, "lstm": functional.lstm}
    problem = Problem(kind)
    module, mask = problem.module(), one_mask(problem)
    options = {"nonlinearity": "relu"} if kind == "rnn_relu" else {}
    weights = [functional.Weights(*module.all_weights[0])]
    output, _ = call[kind](problem.input(), None, weights, **{name: mask}, **options)
    assert torch.equal(output, module(problem.input(), **{name: mask})[0])


def test_a_projection_drops_what_it_puts_out(monkeypatch, close) -> None:
    """On the reference: the mask has D·P numbers a row."""
    monkeypatch.setattr(elman.layers.fallback, "_said", set())
    lstm, x = elman.LSTM(3, 8, proj_size=2), torch.randn(5, 4, 3)
    mask = locked_mask((1, 4, 2), 0.5)
    with pytest.warns(FallbackWarning, match="proj_size"):
        output, _ = lstm(x, recurrent_mask=mask)
    weights = elman.layers.Weights(*lstm.all_weights[0])
    state = torch.zeros(4, 2), torch.zeros(4, 8)
    for x_t, y_t in zip(x, output, strict=True):
        state = elman.layers.reference.lstm(x_t, (mask[0] * state[0], state[1]), weights)
        close(y_t, state[0], "value", "output")


@all_kinds
def test_the_gradient_of_the_gradient(kind, monkeypatch) -> None:
    monkeypatch.setattr(elman.layers.fallback, "_said", set())
    problem = Problem(kind, T=3, N=2, H=3, dtype=torch.float64)
    module, mask = problem.module().requires_grad_(False), one_mask(problem)
    x = problem.input().requires_grad_()
    with pytest.warns(FallbackWarning, match="gradient of a gradient"):
        assert torch.autograd.gradgradcheck(lambda x: module(x, recurrent_mask=mask)[0], (x,))


def test_a_mask_with_a_gradient_runs_on_the_reference(monkeypatch) -> None:
    monkeypatch.setattr(elman.layers.fallback, "_said", set())
    problem = Problem("gru", dtype=torch.float64, T=3, N=2, H=3)
    module, x, mask = problem.module().requires_grad_(False), problem.input(), one_mask(problem)
    with pytest.warns(FallbackWarning, match="Recurrent dropout by a mask that has a gradient"):
        assert torch.autograd.gradcheck(lambda m: module(x, recurrent_mask=m)[0], (mask.requires_grad_(),))


@pytest.mark.filterwarnings("ignore:.* should not be instantiated:DeprecationWarning")  # see test_compile.py
@all_kinds
def test_it_compiles(kind, close) -> None:
    torch._dynamo.reset()
    problem = Problem(kind)
    module, mask = problem.module(), one_mask(problem)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    compiled.named_parameters = module.named_parameters
    arguments = problem.input(), problem.state(), None, None, mask
    compare(close, run(compiled, *arguments), run(module, *arguments))
    h0, c0 = (*problem.state(), None)[:2]
    weights = [w.detach() for w in module.all_weights[0]]
    call = (module._cell, problem.input(), None, h0, c0, weights, False, True, None, None, mask[0])
    torch.library.opcheck(operators.run_layer, call)


def test_what_does_not_fit_is_said() -> None:
    gru, x = elman.GRU(3, 4), torch.zeros(5, 2, 3)
    with pytest.raises(TypeError, match=r"^recurrent_mask is a float; expected a Tensor \(1, N, D·H\), as elman"):
        gru(x, recurrent_mask=0.5)
    words = r"^recurrent_mask has shape \(5, 2, 4\); expected \(L, 1, N, D·H\) = \(1, 1, 2, 4\), or what .* all steps$"
    with pytest.raises(ValueError, match=words):
        gru(x, recurrent_mask=torch.ones(5, 2, 4))
    first = elman.GRU(3, 4, batch_first=True)
    with pytest.raises(ValueError, match=r"expected \(L, N, 1, D·H\) = \(1, 5, 1, 4\)"):
        first(x, recurrent_mask=torch.ones(1, 5, 4))
    with pytest.raises(ValueError, match=r"expected \(L, 1, D·H\) = \(1, 1, 4\)"):
        gru(x[:, 0], recurrent_mask=torch.ones(2, 4))
    row, h0 = gru.all_weights[0], torch.zeros(1, 2, 4)
    with pytest.raises(ValueError, match=r"recurrent_mask has shape \(1, 2, 4\) .* expected \(N, D·H\) = \(2, 4\)"):
        torch.ops.elman.layer(2, x, None, h0, None, row, False, False, None, None, torch.ones(1, 2, 4))


@both_masks
@pytest.mark.parametrize("kind", ["rnn_tanh", "gru", "lstm"])
def test_a_crew_has_the_bits_of_one_thread(kind, name, threads) -> None:
    """One row of a large layer: two threads share its units, and meet at every step."""
    problem = Problem(kind, T=40, N=1, I=64, H=200)
    module, mask = problem.module(), one_mask(problem)
    arguments = problem.input(), problem.state()
    threads(1)
    one = run(module, *arguments, **{name: mask})
    threads(2)
    for _ in range(20):
        assert_same_bits(run(module, *arguments, **{name: mask}), one)
