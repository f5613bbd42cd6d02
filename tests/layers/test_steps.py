"""The states at all steps are those that the reference walks through."""

import pytest
import torch

import elman
from elman import _kernels
from elman.layers import Weights, all_states, reference, scan
from layers.problem import DTYPES, KINDS, Problem

both_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)


def by_reference(module, x, state, lengths):
    """(h,) or (h, c) of each layer at all steps: the reference with all states as its output."""
    D, number, layers = 2 if module.bidirectional else 1, len(state), []
    rows = [Weights(*row) for row in module.all_weights]
    for start in range(0, len(rows), D):
        ways = []
        for d, row in enumerate(rows[start : start + D]):
            cell = reference.with_weights(module._cell, row)

            def all_out(x, carried, cell=cell):
                after = cell(x, carried[1:])
                return torch.cat(after, -1), *after

            given = tuple(s[start + d] for s in state)
            y, _ = scan(all_out, x, (torch.cat(given, -1), *given), lengths=lengths, reverse=d == 1)
            ways.append(y.split([s.shape[-1] for s in given], -1))
        layers.append(tuple(torch.cat([way[part] for way in ways], -1) for part in range(number)))
        x = layers[-1][0]
    return layers


@both_dtypes
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("with_lengths", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_layer_at_every_step(kind, dtype, with_lengths, bidirectional, close) -> None:
    problem = Problem(kind, L=3, bidirectional=bidirectional, dtype=dtype)
    module, x, state = problem.module(), problem.input(), problem.state()
    lengths = problem.lengths() if with_lengths else None
    hx = state if kind == "lstm" else state[0]
    before = _kernels.calls()
    steps, after = all_states(module, x, hx, lengths)
    assert _kernels.calls()[0] == before[0] + 3
    output, expected_after = module(x, hx, lengths)
    for name, mine, theirs in zip(
        ("h_n", "c_n"),
        after if kind == "lstm" else [after],
        [*expected_after] if kind == "lstm" else [expected_after],
        strict=False,
    ):
        assert torch.equal(mine, theirs), name
    assert torch.equal(steps[-1].hidden if kind == "lstm" else steps[-1], output)
    for mine, theirs in zip(steps, by_reference(module, x, state, lengths), strict=True):
        for actual, expected in zip(mine if kind == "lstm" else [mine], theirs, strict=True):
            close(actual, expected, "value")


@pytest.mark.parametrize("with_lengths", [False, True])
def test_gradients_of_cell_states(with_lengths, close) -> None:
    problem = Problem("lstm", L=2, bidirectional=True)
    module, lengths = problem.module(), problem.lengths() if with_lengths else None
    results = []
    for way in ("all_states", "reference"):
        x = problem.input().requires_grad_()
        state = tuple(s.requires_grad_() for s in problem.state())
        if way == "reference":
            steps = by_reference(module, x, state, lengths)
        else:
            steps, _ = all_states(module, x, state, lengths)
        loss = sum((0.5 * h).sin().sum() + c.tanh().sum() for h, c in steps)
        results.append(torch.autograd.grad(loss, [x, *state, *module.parameters()]))
    for actual, expected in zip(*results, strict=True):
        close(actual, expected, "gradient")


def test_the_cell_state_at_the_end_is_the_one_returned(close) -> None:
    problem = Problem("lstm")
    (states,), after = all_states(problem.module(), problem.input(), problem.state(), problem.lengths())
    last = elman.last_output(states.cell, problem.lengths())
    close(last[[0, 1, 3, 4]], after.cell[0, [0, 1, 3, 4]], "value")  # row 2 has no step
    assert torch.equal(after.cell[0, 2], problem.state()[1][0, 2])


def test_forms_of_input(close) -> None:
    problem = Problem("lstm", L=2, bidirectional=True)
    module, x, state = problem.module(), problem.input(), problem.state()
    expected, after = all_states(module, x, state)

    module.batch_first = True
    found, _ = all_states(module, x.transpose(0, 1), state)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.equal(mine.cell, theirs.cell.transpose(0, 1))
    module.batch_first = False

    found, single = all_states(module, x[:, 1], tuple(s[:, 1] for s in state))
    for mine, theirs in zip(found, expected, strict=True):
        close(mine.hidden, theirs.hidden[:, 1], "value")
        close(mine.cell, theirs.cell[:, 1], "value")
    close(single.cell, after.cell[:, 1], "value")

    zeros = tuple(map(torch.zeros_like, state))
    assert torch.equal(all_states(module, x)[0][0].cell, all_states(module, x, zeros)[0][0].cell)
    empty, _ = all_states(module, x[:0], state)
    assert empty[0].cell.shape == (0, 5, 34)


@pytest.mark.parametrize("bias", [True, False])
def test_codes_and_projections(bias, close) -> None:
    codes = torch.randint(11, (13, 5), generator=torch.Generator().manual_seed(1))
    layer = elman.LSTM(11, 17, bias=bias)
    one_hot = torch.nn.functional.one_hot(codes, 11).float()
    close(all_states(layer, codes)[0][0].cell, all_states(layer, one_hot)[0][0].cell, "value")

    layer = elman.LSTM(3, 17, num_layers=2, proj_size=5, bias=bias)
    x = torch.randn(7, 2, 3)
    with pytest.warns(elman.FallbackWarning, match="proj_size"):
        steps, after = all_states(layer, x)
    assert steps[0].hidden.shape == (7, 2, 5)
    assert steps[0].cell.shape == (7, 2, 17)
    for index, (_, c) in enumerate(steps):
        close(c[-1], after.cell[index], "value")


def test_padding_is_not_read_and_has_no_gradient() -> None:
    problem = Problem("lstm", L=2, bidirectional=True)
    module, lengths, gradients = problem.module(), problem.lengths(), []
    exists = torch.arange(13)[:, None, None] < lengths[:, None]
    for content in (0.0, float("nan")):
        x = torch.where(exists, problem.input(), content).requires_grad_()
        steps, _ = all_states(module, x, problem.state(), lengths)
        gradients.append(torch.autograd.grad(sum(c.sum() for _, c in steps), [x, *module.parameters()]))
    assert all(map(torch.equal, *gradients))


def test_dropout_acts_between_the_layers() -> None:
    problem = Problem("lstm", L=2)
    module, x = problem.module(dropout=0.5), problem.input()
    torch.manual_seed(1)
    expected = module(x)[0]
    torch.manual_seed(1)
    (low, top), _ = all_states(module, x)
    assert torch.equal(top.hidden, expected)
    assert (low.hidden != 0).all(), "returned whole"


def test_what_is_said() -> None:
    packed = torch.nn.utils.rnn.pack_sequence([torch.zeros(2, 3)])
    with pytest.raises(TypeError, match="input is a PackedSequence; expected a Tensor"):
        all_states(elman.GRU(3, 4), packed)
    with pytest.raises(TypeError, match="layer is a GRU; expected an RNN, GRU or LSTM of elman"):
        all_states(torch.nn.GRU(3, 4), torch.zeros(2, 1, 3))
    with pytest.raises(ValueError, match=r"hx has shape \(1, 64, 4\); .*it comes from a batch of 64, the input has 5"):
        all_states(elman.GRU(3, 4), torch.zeros(2, 5, 3), torch.zeros(1, 64, 4))
    with pytest.raises(ValueError, match=r"lengths\[0\] is 3; expected 0 <= length <= T = 2"):
        all_states(elman.GRU(3, 4), torch.zeros(2, 1, 3), None, [3])
