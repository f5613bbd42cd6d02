"""A cell in Python in `scan` is what the layer of the same cell is; zoneout is what its equation says."""

import re

import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear

import elman
from elman.layers import scan, zoneout_mask
from layers.problem import DTYPES, Problem, compare, run

both_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def gru(weights):
    """A GRU written anew, gate by gate."""
    (w_ir, w_iz, w_in), (w_hr, w_hz, w_hn) = (w.chunk(3) for w in weights[:2])
    (b_ir, b_iz, b_in), (b_hr, b_hz, b_hn) = (b.chunk(3) for b in weights[2:])

    def cell(x, state):
        (h,) = state
        r = torch.sigmoid(x @ w_ir.T + b_ir + h @ w_hr.T + b_hr)
        z = torch.sigmoid(x @ w_iz.T + b_iz + h @ w_hz.T + b_hz)
        n = torch.tanh(x @ w_in.T + b_in + r * (h @ w_hn.T + b_hn))
        return (n + z * (h - n),)

    return cell


class Scanned(torch.nn.Module):
    """A one-layer GRU of two directions by two scans, with the parameters of `module`."""

    def __init__(self, module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x, hx, lengths=None):
        ways = [
            scan(gru(row), x, (h,), lengths=lengths, reverse=way == 1, batch_first=self.module.batch_first)
            for way, (row, h) in enumerate(zip(self.module.all_weights, hx, strict=True))
        ]
        return torch.cat([y for y, _ in ways], -1), torch.stack([state[0] for _, state in ways])

    def named_parameters(self):
        return self.module.named_parameters()


@both_dtypes
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("with_lengths", [False, True])
def test_a_gru_of_ones_own_is_the_gru(dtype, batch_first, with_lengths, close) -> None:
    """In values and all gradients, both directions; one of the lengths is zero."""
    problem = Problem("gru", bidirectional=True, batch_first=batch_first, dtype=dtype)
    module, lengths = problem.module(), problem.lengths() if with_lengths else None
    expected = run(module, problem.input(), problem.state(), lengths)
    compare(close, run(Scanned(module), problem.input(), problem.state(), lengths), expected)


def test_a_module_with_two_states_is_a_cell(close) -> None:
    problem = Problem("lstm")
    layer, cell = problem.module(), elman.LSTMCell(3, 17)
    cell.load_state_dict({name.removesuffix("_l0"): tensor for name, tensor in layer.state_dict().items()})
    state = problem.state()
    expected, after = layer(problem.input(), state)
    output, (h, c) = scan(cell, problem.input(), tuple(s[0] for s in state))
    close(output, expected, "value")
    close(h, after.hidden[0], "value")
    close(c, after.cell[0], "value")


def leaky(x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    h, count = state
    return 0.5 * h + x, count + 1


@pytest.mark.parametrize("reverse", [False, True])
def test_states_of_any_shape_stand_still_behind_the_end(reverse) -> None:
    """Images for states, as in a convolutional LSTM, and one number a row; what is behind the end is not read."""
    x, lengths = torch.randn(7, 3, 2, 4, 4), torch.tensor([7, 0, 3])
    x[3:, 2] = float("nan")
    start = torch.randn(3, 2, 4, 4), torch.tensor([10.0, 20.0, 30.0])
    output, (h, count) = scan(leaky, x, start, lengths=lengths, reverse=reverse)
    assert count.tolist() == [17, 20, 33]
    assert torch.equal(h[1], start[0][1])
    for row, length in enumerate(lengths.tolist()):
        expected, steps = start[0][row], range(length)
        for t in reversed(steps) if reverse else steps:
            expected = 0.5 * expected + x[t, row]
            assert torch.equal(output[t, row], expected)
        assert not output[length:, row].any()
        assert torch.equal(h[row], expected)


def test_input_may_be_indices_and_there_may_be_no_step() -> None:
    embedding = torch.randn(5, 4)

    def cell(token, state):
        return (torch.tanh(embedding[token] + state[0]),)

    start = torch.randn(2, 4)
    tokens = torch.randint(5, (3, 2))
    output, (h,) = scan(cell, tokens, (start,), lengths=[3, 1])
    assert torch.equal(h[1], torch.tanh(embedding[tokens[0, 1]] + start[1]))
    output, (h,) = scan(cell, tokens[:0], (start,))
    assert output.shape == (0, 2, 4)
    assert output.dtype == torch.float32
    assert h is start


def test_gradients_are_those_of_finite_differences_twice() -> None:
    generator = torch.Generator().manual_seed(1)
    random = [torch.randn(s, generator=generator, dtype=torch.float64) for s in ((3, 2, 2), (2, 3), (3, 2), (3, 3))]
    mask = (torch.rand(3, 2, 3, generator=generator) < 0.5).double()

    def function(x, h, u, w):
        def cell(x, state):
            return (torch.tanh(linear(x, u) + linear(state[0], w)),)

        output, state = scan(cell, x, (h,), lengths=[3, 2], zoneout=(mask,))
        return output, *state

    sources = [tensor.requires_grad_() for tensor in random]
    assert torch.autograd.gradcheck(function, sources)
    assert torch.autograd.gradgradcheck(function, sources)


def zoned_by_hand(cell, x, state, masks):
    """Zoneout written out: each unit of each row at each step either takes the new value or keeps the old one."""
    output = []
    for t in range(len(x)):
        new = cell(x[t], state)
        state = tuple(torch.where(m[t] == 1, old, after) for m, old, after in zip(masks, state, new, strict=True))
        output.append(state[0])
    return torch.stack(output), state


def test_zoneout_keeps_the_state_where_the_mask_is_one(close) -> None:
    problem, cell = Problem("lstm"), elman.LSTMCell(3, 17)
    start = tuple(s[0] for s in problem.state())
    generator = torch.Generator().manual_seed(4)
    masks = tuple(zoneout_mask((13, 5, 17), p, generator=generator) for p in (0.1, 0.5))
    assert not torch.equal(masks[0][0], masks[0][1]), "every step has its own"

    results = []
    for way in (lambda x, s: scan(cell, x, s, zoneout=masks), lambda x, s: zoned_by_hand(cell, x, s, masks)):
        x, state = problem.input().requires_grad_(), tuple(s.clone().requires_grad_() for s in start)
        output, after = way(x, state)
        loss = output.sin().sum() + sum(s.cos().sum() for s in after)
        results.append((output, *after, torch.autograd.grad(loss, [x, *state, *cell.parameters()])))
    for actual, expected in zip(results[0][:3], results[1][:3], strict=True):
        close(actual, expected, "value")
    for actual, expected in zip(results[0][3], results[1][3], strict=True):
        close(actual, expected, "gradient")


def test_zoneout_in_evaluation_is_the_expectation() -> None:
    """Of a cell that is linear in its state, the mean over masks is what the expected mask gives."""
    x, start = torch.ones(6, 1, 1), (torch.zeros(1, 1), torch.zeros(1))
    wide = tuple(s.expand(20_000, *s.shape[1:]) for s in start)
    generator = torch.Generator().manual_seed(1)
    masks = zoneout_mask((6, 20_000, 1), 0.3, generator=generator), 0.0
    drawn, _ = scan(leaky, x.expand(6, 20_000, 1), wide, zoneout=masks)
    expected, _ = scan(leaky, x, start, zoneout=(zoneout_mask((6, 1, 1), 0.3, training=False), 0.0))
    assert (drawn.mean(1, keepdim=True) - expected).abs().max() < 5 * drawn.std() / 20_000**0.5
    assert torch.equal(scan(leaky, x, start, zoneout=(0.0, 0.0))[0], scan(leaky, x, start)[0])


def test_zoneout_and_lengths_and_one_number_for_all() -> None:
    x, start = torch.randn(5, 2, 3), (torch.randn(2, 3), torch.zeros(2))
    output, (h, count) = scan(leaky, x, start, lengths=[5, 2], zoneout=(0.25, 1.0))
    alone, (h_alone, _) = scan(leaky, x[:2, 1:], (start[0][1:], start[1][1:]), zoneout=(0.25, 1.0))
    assert torch.equal(output[:2, 1:], alone)
    assert torch.equal(h[1:], h_alone)
    assert count.tolist() == [0, 0]


def test_masks_for_zoneout_have_their_part_of_ones() -> None:
    mask = zoneout_mask((100_000,), 0.3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert mask.unique().tolist() == [0, 1]
    assert abs(mask.mean().item() - 0.3) < 5 * (0.21 / 100_000) ** 0.5
    assert zoneout_mask((3,), 0.0).tolist() == [0, 0, 0]
    assert zoneout_mask((2,), 0.25, training=False).tolist() == [0.25, 0.25]
    with pytest.raises(ValueError, match=r"p is 1\.0; expected a probability in \[0, 1\)"):
        zoneout_mask((3,), 1.0)


x, h = torch.zeros(7, 5, 3), torch.zeros(5, 4)

CASES = {
    "a list for input": (lambda: scan(leaky, [x], (h,)), "input is a list; expected a Tensor (T, N, ...)", TypeError),
    "no batch": (lambda: scan(leaky, x[:, 0, 0], (h,)), "input has shape (7,); expected (T, N, ...)", ValueError),
    "a tensor for the state": (
        lambda: scan(leaky, x, h),
        "state is a Tensor; expected a tuple of 1 Tensor, the first the output",
        TypeError,
    ),
    "None in the state": (lambda: scan(leaky, x, (h, None)), "state[1] is a NoneType; expected a Tensor", TypeError),
    "another batch": (
        lambda: scan(leaky, x, (h, h[:2])),
        "state[1] has shape (2, 4); expected (N, ...) with N = 5, as input",
        ValueError,
    ),
    "a cell that returns a tensor": (
        lambda: scan(lambda x, state: state[0], x, (h,)),
        "what the cell returned is a Tensor; expected a tuple of 1 Tensor, the first the output",
        TypeError,
    ),
    "a cell that forgets a state": (
        lambda: scan(lambda x, state: state[:1], x, (h, h)),
        "what the cell returned is a tuple of 1; expected a tuple of 2 Tensors, the first the output",
        TypeError,
    ),
    "a cell that changes a shape": (
        lambda: scan(lambda x, state: (x,), x, (h,)),
        "the cell returned state[0] of shape (5, 3) for one of (5, 4); expected the same",
        ValueError,
    ),
    "a length too large": (lambda: scan(leaky, x, (h,), lengths=[7, 8, 0, 0, 0]), "lengths[1] is 8; exp", ValueError),
    "a mask too few": (
        lambda: scan(leaky, x, (h, h), zoneout=(0.5,)),
        "zoneout has 1 masks; expected 2, one for each tensor of the state",
        ValueError,
    ),
    "a mask of another shape": (
        lambda: scan(leaky, x, (h, h), zoneout=(0, torch.zeros(6, 5, 4))),
        "zoneout[1] has shape (6, 5, 4); expected (T, N, ...) = (7, 5, 4), by input and state[1]",
        ValueError,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name) -> None:
    call, message, error = CASES[name]
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        call()


@pytest.mark.parametrize("package", [elman, torch.nn], ids=["elman", "torch"])
@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_cells_of_the_packages_are_cells(name, package, close) -> None:
    cell, layer, x = getattr(package, f"{name}Cell")(3, 4), getattr(elman, name)(3, 4), torch.randn(5, 2, 3)
    layer.load_state_dict({f"{key}_l0": value for key, value in cell.state_dict().items()})
    state = (torch.randn(2, 4),) * (2 if name == "LSTM" else 1)
    output, after = scan(cell, x, state)
    hx = tuple(s[None] for s in state)
    expected, h_n = layer(x, hx if name == "LSTM" else hx[0])
    close(output, expected, "value")
    for ours, theirs in zip(after, h_n if name == "LSTM" else (h_n,), strict=True):
        close(ours, theirs[0], "value")


def test_one_mask_for_a_state_of_one_and_none_for_a_part() -> None:
    cell, x, h = elman.GRUCell(3, 4), torch.randn(5, 2, 3), torch.zeros(2, 4)
    assert torch.equal(scan(cell, x, (h,), zoneout=0.25)[0], scan(cell, x, (h,), zoneout=[0.25])[0])
    cell = elman.LSTMCell(3, 4)
    assert torch.equal(scan(cell, x, (h, h), zoneout=(0.25, None))[0], scan(cell, x, (h, h), zoneout=(0.25, 0.0))[0])
    with pytest.raises(ValueError, match="zoneout has 1 masks; expected 2"):
        scan(cell, x, (h, h), zoneout=0.25)
    with pytest.raises(TypeError, match=r"zoneout\[1\] is a str; expected a Tensor, a number or None"):
        scan(cell, x, (h, h), zoneout=(0.25, "much"))
