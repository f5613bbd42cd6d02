"""The kernels compute what torch.nn and the reference compute: values and all gradients, states included.

On every instruction set.
"""

import itertools

import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import elman
from elman import _kernels
from layers.problem import DTYPES, KINDS, Problem, Reference, compare, run

pytestmark = pytest.mark.usefixtures("isa")
GRID = list(itertools.product((1, 7, 17, 64, 129), (1, 5), (1, 13)))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("H", "N", "T"), GRID)
def test_equals_torch_and_reference(kind, H, N, T, dtype, close) -> None:
    problem = Problem(kind, T=T, N=N, H=H, bidirectional=(H + N + T) % 2 == 0, dtype=dtype)
    ours, theirs = problem.module(), problem.module(torch.nn)
    before = _kernels.calls()
    actual = run(ours, problem.input(), problem.state())
    assert _kernels.calls() == (before[0] + 1, before[1] + 1), "the kernels did not run"
    compare(close, actual, run(theirs, problem.input(), problem.state()))
    compare(close, actual, {k.replace("module.", ""): v for k, v in _by_reference(problem, ours).items()})


def _by_reference(problem: Problem, module, **options) -> dict[str, torch.Tensor]:
    return run(Reference(module), problem.input(), problem.state(), **options)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["NTI", "TNI"])
def test_stack_equals_torch(kind, bias, batch_first, dtype, close) -> None:
    problem = Problem(kind, L=3, bidirectional=True, bias=bias, batch_first=batch_first, dtype=dtype)
    actual = run(problem.module(), problem.input(), problem.state())
    compare(close, actual, run(problem.module(torch.nn), problem.input(), problem.state()))


@pytest.mark.parametrize("batch_first", [True, False], ids=["NTI", "TNI"])
def test_batch_first_costs_no_copy(batch_first) -> None:
    problem = Problem(batch_first=batch_first)
    output, _ = problem.module()(problem.input())
    assert output.is_contiguous()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bidirectional", [True, False], ids=["both ways", "one way"])
@pytest.mark.parametrize("batch_first", [True, False], ids=["NTI", "TNI"])
def test_lengths_equal_reference(kind, bidirectional, batch_first, dtype, close) -> None:
    problem = Problem(kind, L=2, bidirectional=bidirectional, batch_first=batch_first, dtype=dtype)
    module, lengths = problem.module(), problem.lengths()
    actual = run(module, problem.input(), problem.state(), lengths=lengths)
    compare(close, actual, _by_reference(problem, module, lengths=lengths))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sort", [True, False], ids=["sorted", "any order"])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
def test_packed_equals_torch(kind, sort, given, close) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    lengths = torch.tensor([13, 7, 7, 2, 1] if sort else [7, 1, 13, 2, 7])

    def packed(module):
        def call(x, hx):
            output, after = module(pack_padded_sequence(x, lengths, enforce_sorted=sort), hx)
            assert isinstance(output, torch.nn.utils.rnn.PackedSequence)
            results.append(output)
            return pad_packed_sequence(output)[0], after

        return call

    state, results = problem.state() if given else None, []
    actual, expected = (
        run(packed(module), problem.input(), state) for module in (problem.module(), problem.module(torch.nn))
    )
    compare(close, actual, expected)
    for ours, theirs in zip(results[0][1:], results[1][1:], strict=True):
        assert torch.equal(ours, theirs) if theirs is not None else ours is None, "batch sizes and indices are kept"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [True, False], ids=["NTI", "TNI"])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
def test_one_sequence_without_a_batch_equals_torch(kind, batch_first, given, close) -> None:
    problem = Problem(kind, N=1, L=2, bidirectional=True, batch_first=batch_first)
    x = problem.input().view(problem.T, problem.I)
    state = tuple(s.squeeze(1) for s in problem.state()) if given else None
    compare(close, run(problem.module(), x, state), run(problem.module(torch.nn), x, state))


@pytest.mark.parametrize("kind", KINDS)
def test_one_sequence_may_have_a_length(kind) -> None:
    problem = Problem(kind, N=1)
    module, x = problem.module(), problem.input().squeeze(1)
    assert torch.equal(module(x, lengths=[4])[1][0], module(x[:4])[1][0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batch_first", [True, False], ids=["NTI", "TNI"])
def test_dropout_draws_what_torch_draws(kind, batch_first, close) -> None:
    problem = Problem(kind, L=3, bidirectional=True, batch_first=batch_first)
    results = []
    for library in (elman, torch.nn):
        module = problem.module(library, dropout=0.4)
        torch.manual_seed(5)
        results.append(run(module, problem.input(), problem.state()))
        module.eval()
        results.append(run(module, problem.input(), problem.state()))
    compare(close, results[0], results[2])
    compare(close, results[1], results[3])
    assert not torch.equal(results[0]["output"], results[1]["output"])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
def test_cell_equals_torch(kind, batched, given, bias, dtype, close) -> None:
    problem = Problem(kind, N=5 if batched else 1, dtype=dtype)
    name = kind.partition("_")[0].upper() + "Cell"
    extra = {"nonlinearity": kind[4:]} if name == "RNNCell" else {}
    lead = (5,) if batched else ()
    x = problem.random(*lead, 3)
    state = tuple(problem.random(*lead, 17, seed=3 + i) for i in range(2 if kind == "lstm" else 1)) if given else None
    torch.manual_seed(0)
    ours = getattr(elman, name)(3, 17, bias, **extra, dtype=dtype)
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(3, 17, bias, **extra, dtype=dtype)

    def step(cell):
        class Step(torch.nn.Module):
            def forward(self, x, hx):
                after = cell(x, hx)
                return (after, after * 1) if isinstance(after, torch.Tensor) else (after[0] * 1, after)

            def named_parameters(self):
                return cell.named_parameters()

        return Step()

    compare(close, run(step(ours), x, state), run(step(theirs), x, state))


@pytest.mark.parametrize("kind", KINDS)
def test_cell_is_a_step_of_the_layer(kind, close) -> None:
    problem = Problem(kind)
    layer, name = problem.module(), kind.partition("_")[0].upper() + "Cell"
    cell = getattr(elman, name)(3, 17, **({"nonlinearity": kind[4:]} if name == "RNNCell" else {}))
    cell.load_state_dict({key.removesuffix("_l0"): value for key, value in layer.state_dict().items()})
    state = problem.state()
    _, after = layer(problem.input()[:1], state if len(state) == 2 else state[0])
    stepped = cell(problem.input()[0], tuple(s[0] for s in state) if len(state) == 2 else state[0][0])
    pairs = zip(stepped, after, strict=True) if len(state) == 2 else [(stepped, after)]
    for ours, theirs in pairs:
        close(ours, theirs[0], "value")


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("given", [True, False], ids=["state", "no state"])
def test_projection_equals_torch(bias, given, close) -> None:
    problem = Problem("lstm", L=2, bidirectional=True, bias=bias, dtype=torch.float64)
    state = (problem.random(4, 5, 6), problem.random(4, 5, 17)) if given else None
    module = problem.module(proj_size=6)
    with pytest.warns(elman.FallbackWarning, match="LSTM with proj_size"):
        actual = run(module, problem.input(), state)
    compare(close, actual, run(problem.module(torch.nn, proj_size=6), problem.input(), state))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "lay",
    [
        lambda x: x.transpose(0, 2).contiguous().transpose(0, 2),
        lambda x: torch.stack([x, x], dim=-1)[..., 0],
        lambda x: torch.cat([x, x])[: len(x)].flip(0),
        lambda x: x[:1].expand_as(x),
        lambda x: x[:, :1].expand_as(x),
        lambda x: x[:1, :1].expand_as(x),
        lambda x: x[..., :1].expand_as(x),
    ],
    ids=["ITN", "every second", "flipped", "one step", "one row", "one vector", "one number"],
)
def test_any_memory_layout(kind, lay) -> None:
    """Of inputs, states, weights and cotangents."""
    problem = Problem(kind, L=1, I=17, bidirectional=True)
    module, x, dy = problem.module(), problem.input(), problem.random(13, 5, 34)
    state = problem.state()

    def results(regular):
        sources = [lay(x), *map(lay, state), *(lay(p.detach()[None])[0] for p in module.parameters() if p.dim() == 2)]
        sources = [(s.contiguous() if regular else s).detach().requires_grad_() for s in sources]
        weights = iter(sources[1 + len(state) :])
        swapped = {name: next(weights) for name, p in module.named_parameters() if p.dim() == 2}
        hx = sources[1] if len(state) == 1 else tuple(sources[1:3])
        output, _ = torch.func.functional_call(module, swapped, (sources[0], hx))
        return output, *torch.autograd.grad(output, sources, lay(dy).contiguous() if regular else lay(dy))

    for irregular, regular in zip(results(False), results(True), strict=True):
        assert torch.equal(irregular, regular)
