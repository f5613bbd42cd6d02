"""What holds for every recurrent layer, whatever its numbers are, on every instruction set."""

import pytest
import torch
from torch import Tensor

import elman
from elman import _kernels, bptt
from elman.layers import operators
from layers.problem import DTYPES, KINDS, Problem, Reference, assert_same_bits, compare, run

pytestmark = pytest.mark.usefixtures("isa")
both_dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=str)
all_kinds = pytest.mark.parametrize("kind", KINDS)


def as_tuple(state: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def as_hx(state: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
    return state[0] if len(state) == 1 else state


@both_dtypes
@all_kinds
@pytest.mark.parametrize("H", [1, 7, 17, 64, 129])
def test_in_chunks_is_whole_to_the_bit(kind, H, dtype) -> None:
    problem = Problem(kind, H=H, L=2, dtype=dtype)
    module, x = problem.module(), problem.input()
    hx = as_hx(problem.state())
    whole, after = module(x, hx)
    pieces = []
    for chunk in x.split([1, 7, 5]):
        piece, hx = module(chunk, hx)
        pieces.append(piece)
    assert torch.equal(torch.cat(pieces), whole)
    assert all(map(torch.equal, as_tuple(hx), as_tuple(after)))


@both_dtypes
@all_kinds
@pytest.mark.parametrize("H", [1, 7, 17, 64, 129])
def test_row_alone_is_row_in_batch_to_the_bit(kind, H, dtype) -> None:
    problem = Problem(kind, N=13, H=H, L=2, bidirectional=True, dtype=dtype)
    module, x, state = problem.module(), problem.input(), problem.state()
    together, after = module(x, as_hx(state))
    for row in range(13):
        alone, after_alone = module(x[:, row : row + 1], as_hx(tuple(s[:, row : row + 1] for s in state)))
        assert torch.equal(alone[:, 0], together[:, row])
        for mine, all_rows in zip(as_tuple(after_alone), as_tuple(after), strict=True):
            assert torch.equal(mine[:, 0], all_rows[:, row])


@both_dtypes
@all_kinds
def test_a_row_of_a_length_is_that_row_cut_to_the_bit(kind, dtype) -> None:
    problem = Problem(kind, L=2, bidirectional=True, dtype=dtype)
    module, x, state, lengths = problem.module(), problem.input(), problem.state(), problem.lengths()
    output, after = module(x, as_hx(state), lengths)
    for row, length in enumerate(lengths.tolist()):
        cut, after_cut = module(x[:length, row : row + 1], as_hx(tuple(s[:, row : row + 1] for s in state)))
        assert torch.equal(output[:length, row], cut[:, 0])
        assert torch.equal(output[length:, row], torch.zeros_like(output[length:, row]))
        for mine, all_rows in zip(as_tuple(after_cut), as_tuple(after), strict=True):
            assert torch.equal(mine[:, 0], all_rows[:, row])


@all_kinds
def test_no_state_is_zeros(kind) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    module, zeros = problem.module(), tuple(map(torch.zeros_like, problem.state()))
    with_zeros = run(module, problem.input(), zeros)
    without = run(module, problem.input(), None)
    assert_same_bits(without, {name: with_zeros[name] for name in without})


@all_kinds
@pytest.mark.parametrize("content", [7.0, float("inf"), float("nan")])
def test_padding_is_not_read(kind, content) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    module, x, lengths = problem.module(), problem.input(), problem.lengths()
    padded = torch.where(torch.arange(13)[:, None, None] < lengths[:, None], x, content)
    for layer in (module, Reference(module)):
        expected = run(layer, x, problem.state(), lengths=lengths)
        assert_same_bits(run(layer, padded, problem.state(), lengths=lengths), expected)


@all_kinds
def test_a_row_of_length_zero_passes_its_state_and_gradient_on(kind) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    module, x = problem.module(), problem.input().requires_grad_()
    state = tuple(s.requires_grad_() for s in problem.state())
    output, after = module(x, as_hx(state), lengths=[0] * 5)
    cotangents = [torch.randn_like(s) for s in state]
    parameters = list(module.parameters())
    gradients = torch.autograd.grad(as_tuple(after), [*state, x, *parameters], cotangents)
    assert not output.any()
    assert all(map(torch.equal, as_tuple(after), state))
    assert all(map(torch.equal, gradients, cotangents))
    assert not any(gradient.any() for gradient in gradients[len(state) :])


@all_kinds
@pytest.mark.parametrize(("T", "N"), [(0, 5), (13, 0), (0, 0)])
def test_no_steps_and_no_rows_are_legal(kind, T, N) -> None:
    problem = Problem(kind, T=T, N=N, L=2, bidirectional=True)
    for lengths in (None, [0] * N if T == 0 else []):
        results = run(problem.module(), problem.input(), problem.state(), lengths=lengths)
        assert results["output"].shape == (T, N, 34)
        assert torch.equal(results["h_n"], problem.state()[0])
        assert not any(results[name].any() for name in results if "weight" in name or "bias" in name)


@both_dtypes
@all_kinds
def test_reverse_is_flip(kind, dtype) -> None:
    """The second direction computes what the first computes on each row read from its own end, to the bit."""
    problem = Problem(kind, bidirectional=True, dtype=dtype)
    module, x, lengths = problem.module(), problem.input(), problem.lengths()
    single = Problem(kind, dtype=dtype).module()
    reverse = {n: p for n, p in module.named_parameters() if n.endswith("_reverse")}
    single.load_state_dict({name.removesuffix("_reverse"): p for name, p in reverse.items()})

    def flip(sequence: Tensor) -> Tensor:
        flipped = sequence.clone()
        for row, length in enumerate(lengths.tolist()):
            flipped[:length, row] = sequence[:length, row].flip(0)
        return flipped

    state = problem.state()
    output, after = module(x, as_hx(state), lengths)
    expected, after_expected = single(flip(x), as_hx(tuple(s[1:] for s in state)), lengths)
    assert torch.equal(output[..., 17:], flip(expected))
    for mine, other in zip(as_tuple(after), as_tuple(after_expected), strict=True):
        assert torch.equal(mine[1:], other)


@both_dtypes
@all_kinds
@pytest.mark.parametrize("H", [1, 7, 64, 129])
def test_every_instruction_set_computes_what_the_portable_one_does(kind, isa, H, dtype, close) -> None:
    """They differ in the order of sums (width of a vector) and in fused rounding; the bound is the table's."""
    problem = Problem(kind, H=H, bidirectional=True, dtype=dtype)

    def results(name: str) -> dict[str, Tensor]:
        _kernels.set_isa(name)
        assert _kernels.active_isa() == name
        return run(problem.module(), problem.input(), problem.state(), lengths=problem.lengths())

    expected = results("portable")
    compare(close, results(isa), expected)


@both_dtypes
@all_kinds
@pytest.mark.parametrize(("N", "I", "H"), [(1, 3, 7), (1, 3, 129), (2, 128, 256), (20, 70, 80)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_threads(kind, number, N, I, H, dtype, threads, close) -> None:  # noqa: E741
    """Any number of threads computes the same outputs to the bit, and the same number the same gradients to the bit.

    The last two are work enough for three threads.
    """
    problem = Problem(kind, N=N, I=I, H=H, bidirectional=H < 100, dtype=dtype)

    def results(number: int) -> dict[str, Tensor]:
        threads(number)
        return run(problem.module(), problem.input(), problem.state())

    actual, again, single = results(number), results(number), results(1)
    assert_same_bits(again, actual)
    outputs = {name: tensor for name, tensor in single.items() if not name.startswith("gradient")}
    assert_same_bits(actual, outputs)
    compare(close, actual, single)


@all_kinds
def test_backward_works_in_eval_mode(kind) -> None:
    problem = Problem(kind, L=2)
    module = problem.module()
    expected = run(module, problem.input(), problem.state())
    assert_same_bits(run(module.eval(), problem.input(), problem.state()), expected)


@all_kinds
def test_inference_equals_training_to_the_bit(kind) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    module, x, hx = problem.module(), problem.input(), as_hx(problem.state())
    expected = module(x, hx)[0]
    for mode in (torch.no_grad, torch.inference_mode):
        before = _kernels.calls()
        with mode():
            output = module(x, hx)[0]
        assert torch.equal(output, expected)
        assert not output.requires_grad
        assert _kernels.calls() == (before[0] + 2, before[1])


@all_kinds
@pytest.mark.parametrize(
    "frozen", ["x", "state", "weight_hh", "bias_ih", "weight_ih", "all but bias_hh", "all but state"]
)
def test_only_the_gradients_that_are_needed_are_computed(kind, frozen, monkeypatch) -> None:
    problem = Problem(kind, bidirectional=True)
    module, x, state = problem.module(), problem.input(), problem.state()
    expected = run(module, x, state)
    leaves = {"x": x} | {f"state {i}": s for i, s in enumerate(state)} | dict(module.named_parameters())
    for name, leaf in leaves.items():
        only = frozen.removeprefix("all but ")
        leaf.requires_grad_(name.startswith(only) if only != frozen else not name.startswith(frozen))
    output, after = module(x, as_hx(state))
    outputs = [output, *as_tuple(after)]
    generator = torch.Generator().manual_seed(9)
    cotangents = [torch.randn(o.shape, generator=generator, dtype=torch.float64).float() for o in outputs]
    computed = []
    run_backward = operators.call_layer_backward
    monkeypatch.setattr(operators, "call_layer_backward", lambda *a: computed.extend(run_backward(*a)) or computed)
    torch.autograd.backward(outputs, cotangents)
    assert len(computed) == sum(leaf.requires_grad for leaf in leaves.values())
    for name, leaf in leaves.items():
        assert (leaf.grad is not None) == leaf.requires_grad
        if leaf.requires_grad:
            assert torch.equal(leaf.grad, expected[f"gradient of {name}"]), name


@pytest.mark.parametrize(("kind", "number"), [(kind, n) for kind in KINDS for n in range(3 if kind == "lstm" else 2)])
def test_a_loss_may_read_one_of_the_outputs(kind, number, close) -> None:
    """The cotangents that are missing are zeros."""
    problem = Problem(kind, bidirectional=True)
    gradients = []
    for module in (problem.module(), problem.module(torch.nn)):
        x = problem.input().requires_grad_()
        output, after = module(x, as_hx(problem.state()))
        loss = [output, *as_tuple(after)][number].sin().sum()
        gradients.append(torch.autograd.grad(loss, [x, *module.parameters()]))
    for actual, expected in zip(*gradients, strict=True):
        close(actual, expected, "gradient")


@all_kinds
@pytest.mark.parametrize("lengths", [None, [3, 0]], ids=["no lengths", "lengths"])
def test_gradients_are_those_of_finite_differences(kind, lengths) -> None:
    problem = Problem(kind, T=3, N=2, I=2, H=3, bidirectional=True, dtype=torch.float64)
    module = problem.module()
    names = [name for name, _ in module.named_parameters()]

    def function(x, *others):
        states, weights = others[: len(state)], dict(zip(names, others[len(state) :], strict=True))
        output, after = torch.func.functional_call(module, weights, (x, as_hx(states), lengths))
        return output, *as_tuple(after)

    state = problem.state()
    sources = [problem.input(), *state, *(p.detach() for p in module.parameters())]
    before = _kernels.calls()
    assert torch.autograd.gradcheck(function, [source.requires_grad_() for source in sources])
    assert _kernels.calls()[1] > before[1]


@pytest.mark.parametrize("f", ["tanh", "relu"])
def test_equals_the_lecture(f, close) -> None:
    """The kernels against `elman.bptt`: NumPy, float64, equation by equation, with the output layer and its error."""
    problem = Problem(N=1, dtype=torch.float64)
    network = bptt.Network.random(3, 17, 4, seed=1, bias=True, f=f)
    x, start, targets = problem.input(), problem.random(1, 1, 17, seed=3), torch.arange(13) % 4
    lecture = bptt.forward(network, x[:, 0].numpy(), start=start[0, 0].numpy())
    one_hot = torch.nn.functional.one_hot(targets, 4).double().numpy()
    each, total = (g := bptt.backward(network, lecture, one_hot)), g.sum()

    layer = elman.RNN(3, 17, nonlinearity=f, dtype=torch.float64)
    U, W, V, b, c = (torch.from_numpy(getattr(network, name)) for name in "UWVbc")
    layer.load_state_dict({"weight_ih_l0": U, "weight_hh_l0": W, "bias_ih_l0": b, "bias_hh_l0": torch.zeros(17)})
    x, start = x.requires_grad_(), start.requires_grad_()
    output, _ = layer(x, start)
    E = torch.nn.functional.cross_entropy(output[:, 0] @ V.T + c, targets, reduction="sum")
    E.backward()

    close(output[:, 0], torch.from_numpy(lecture.s), "value")
    close(E, torch.tensor(bptt.errors(network, lecture, one_hot).sum()), "value")
    for tensor, expected in (
        (layer.weight_ih_l0, total.U),
        (layer.weight_hh_l0, total.W),
        (layer.bias_ih_l0, total.b),
        (layer.bias_hh_l0, total.b),
        (x, (each.b @ network.U)[:, None]),
        (start, (each.b[0] @ network.W)[None, None]),
    ):
        close(tensor.grad, torch.from_numpy(expected), "gradient")


def test_the_counter_counts_layers() -> None:
    before = _kernels.calls()
    output, _ = elman.GRU(3, 4, num_layers=3)(torch.randn(5, 2, 3))
    assert _kernels.calls() == (before[0] + 3, before[1])
    output.sum().backward()
    assert _kernels.calls() == (before[0] + 3, before[1] + 3)
