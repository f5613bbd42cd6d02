"""A TDNN equals an explicit loop and torch's Conv1d; chunks, streams and rows alone give what the whole gives."""

import copy
import itertools
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import elman

DTYPES = (torch.float32, torch.float64)
SHAPES = [  # sizes, delays, dilation
    ([3, 5], 0, 1),
    ([3, 5], 2, 1),
    ([1, 1], 1, 1),
    ([3, 17, 7], 2, [1, 3]),
    ([4, 6, 5, 2], [3, 0, 1], [2, 1, 4]),
]


def module(sizes, delays, dilation, dtype=torch.float64, **options) -> elman.TDNN:
    torch.manual_seed(0)
    return elman.TDNN(sizes, delays, dilation, dtype=dtype, **options)


def random(*shape: int, dtype=torch.float64, seed: int = 1) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def by_hand(tdnn: elman.TDNN, x: Tensor, state: tuple[Tensor, ...]) -> Tensor:
    """h_t = f(W_0 x_t + W_1 x_{t-d} + … + b), term by term."""
    for layer in range(tdnn.num_layers):
        weight, bias = getattr(tdnn, f"weight_l{layer}"), getattr(tdnn, f"bias_l{layer}")
        d, before, rows = tdnn.dilation[layer], state[layer], []
        for t, n in itertools.product(range(x.shape[0]), range(x.shape[1])):
            net = bias if bias is not None else torch.zeros(weight.shape[0], dtype=x.dtype)
            for j in range(weight.shape[1]):
                past = t - j * d
                net = net + weight[:, j] @ (x[past, n] if past >= 0 else before[len(before) + past, n])
            rows.append(torch.tanh(net) if tdnn.nonlinearity == "tanh" else torch.relu(net))
        x = torch.stack(rows).view(x.shape[0], x.shape[1], -1)
    return x


def gradients(output: Tensor, sources: list[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(output, sources, random(*output.shape, dtype=output.dtype, seed=9))


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"nonlinearity": "relu"}], ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_an_explicit_loop(shape, options, close) -> None:
    tdnn, x = module(*shape, **options), random(6, 2, shape[0][0]).requires_grad_()
    state = tuple(random(*zeros.shape, seed=5) for zeros in tdnn.initial_state(2))
    actual, expected = tdnn(x, state)[0], by_hand(tdnn, x, state)
    close(actual, expected, "value")
    sources = [x, *tdnn.parameters()]
    for ours, theirs in zip(gradients(actual, sources), gradients(expected, sources), strict=True):
        close(ours, theirs, "gradient")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_equals_conv1d(shape, dtype, close) -> None:
    tdnn, x = module(*shape, dtype=dtype), random(13, 5, shape[0][0], dtype=dtype).requires_grad_()
    y = x.permute(1, 2, 0)  # (N, I, T)
    for layer, (K, d) in enumerate(zip(tdnn.delays, tdnn.dilation, strict=True)):
        weight = getattr(tdnn, f"weight_l{layer}").permute(0, 2, 1).flip(2)
        padded = nn.functional.pad(y, (K * d, 0))
        y = torch.tanh(nn.functional.conv1d(padded, weight, getattr(tdnn, f"bias_l{layer}"), dilation=d))
    actual, expected = tdnn(x)[0], y.permute(2, 0, 1)
    close(actual, expected, "value")
    sources = [x, *tdnn.parameters()]
    for ours, theirs in zip(gradients(actual, sources), gradients(expected, sources), strict=True):
        close(ours, theirs, "gradient")


def test_first_weights_are_drawn_as_conv1d_draws_its_own() -> None:
    torch.manual_seed(3)
    conv = nn.Conv1d(5, 400, kernel_size=4)
    tdnn = elman.TDNN([5, 400], delays=3)
    for ours, theirs in ((tdnn.weight_l0, conv.weight), (tdnn.bias_l0, conv.bias)):
        bound = (4 * 5) ** -0.5
        assert 0.98 * bound < ours.abs().max() <= bound
        assert 0.98 * bound < theirs.abs().max() <= bound


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_chunks_and_steps_and_rows_equal_the_whole(data) -> None:
    layers = data.draw(st.integers(1, 3))
    each = st.lists(st.integers(0, 3), min_size=layers, max_size=layers)
    tdnn = module([2, *[3] * layers], data.draw(each), [d + 1 for d in data.draw(each)])
    T, N = data.draw(st.integers(0, 9)), data.draw(st.integers(1, 4))
    x, (whole, end) = random(T, N, 2), tdnn(random(T, N, 2))
    cut = data.draw(st.integers(0, T))
    first, between = tdnn(x[:cut])
    second, last = tdnn(x[cut:], between)
    torch.testing.assert_close(torch.cat((first, second)), whole, rtol=1e-12, atol=1e-12)
    state, steps = None, []
    for frame in x:
        y, state = tdnn.step(frame, state)
        steps.append(y)
    if T:
        torch.testing.assert_close(torch.stack(steps), whole, rtol=1e-12, atol=1e-12)
        for kept in (last, state):
            for ours, theirs in zip(kept, end, strict=True):
                torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(tdnn(x[:, :1])[0], whole[:, :1], rtol=1e-12, atol=1e-12)


def test_a_step_leaves_the_state_that_it_was_given(close) -> None:
    tdnn = module([3, 4], 3, 1)
    _, state = tdnn(random(5, 2, 3))
    before = [frames.clone() for frames in state]
    first, _ = tdnn.step(random(2, 3), state)
    again, _ = tdnn.step(random(2, 3), state)
    assert torch.equal(first, again)
    assert all(torch.equal(a, b) for a, b in zip(state, before, strict=True))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_lengths_equal_each_row_alone(shape, close) -> None:
    tdnn, lengths = module(*shape), [4, 7, 0, 1, 6]
    x = random(7, 5, shape[0][0])
    before = tuple(random(*zeros.shape, seed=4) for zeros in tdnn.initial_state(5))
    for n, length in enumerate(lengths):
        x[length:, n] = float("nan")  # what lies behind is not read
    x.requires_grad_()
    output, state = tdnn(x, before, lengths)
    found = gradients(output, [x, *tdnn.parameters()])
    assert all(torch.isfinite(g).all() for g in found)
    for n, length in enumerate(lengths):
        alone, end = tdnn(x[:length, n : n + 1], tuple(s[:, n : n + 1] for s in before))
        close(output[:length, n], alone[:, 0], "value")
        assert (output[length:, n] == 0).all()
        assert (found[0][length:, n] == 0).all()
        for ours, theirs in zip(state, end, strict=True):
            close(ours[:, n], theirs[:, 0], "value")


def test_only_what_is_in_the_window_is_seen() -> None:
    tdnn = module([3, 4, 5], 2, [1, 3])
    assert tdnn.receptive_field == 1 + 2 * 1 + 2 * 3
    x = random(20, 1, 3).requires_grad_()
    (gradient,) = torch.autograd.grad(tdnn(x)[0][15].sum(), x)
    seen = (gradient.abs().sum((1, 2)) > 0).nonzero().flatten().tolist()
    assert (min(seen), max(seen)) == (15 - tdnn.receptive_field + 1, 15)


def test_forms_of_input(close) -> None:
    tdnn = module([3, 5], 2, 1)
    first = copy.deepcopy(tdnn)
    first.batch_first = True
    x = random(6, 4, 3)
    whole, _ = tdnn(x)
    turned, _ = first(x.transpose(0, 1))
    close(turned.transpose(0, 1), whole, "value")
    y, _ = first.step(x[0])
    close(y, whole[0], "value")
    alone, (frames,) = tdnn(x[:, 1])
    close(alone, whole[:, 1], "value")
    assert frames.shape == (2, 3)
    y, (frames,) = tdnn.step(x[0, 1])
    close(y, whole[0, 1], "value")
    assert frames.shape == (2, 3)
    codes = torch.tensor([[0, 2], [1, 1]])
    close(tdnn(codes)[0], tdnn(nn.functional.one_hot(codes, 3).double())[0], "value")


def test_it_is_a_module_like_others() -> None:
    tdnn = module([3, 5, 4], 2, [1, 2], batch_first=True)
    assert str(tdnn) == "TDNN([3, 5, 4], delays=2, dilation=[1, 2], batch_first=True)"
    assert list(dict(tdnn.named_parameters())) == ["weight_l0", "bias_l0", "weight_l1", "bias_l1"]
    x = random(2, 6, 3)
    for other in (copy.deepcopy(tdnn), pickle.loads(pickle.dumps(tdnn))):
        assert torch.equal(other(x)[0], tdnn(x)[0])
    other = elman.TDNN([3, 5, 4], 2, [1, 2], batch_first=True, dtype=torch.float64)
    other.load_state_dict(tdnn.state_dict())
    assert torch.equal(other(x)[0], tdnn(x)[0])
    assert torch.autograd.gradcheck(lambda x: tdnn(x)[0], random(1, 4, 3).requires_grad_())


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([3],), ValueError, "sizes has 1 numbers; expected at least two"),
        (([3, 0],), ValueError, r"sizes\[1\] is 0; expected at least 1"),
        ((3,), TypeError, "sizes is 3 .* expected a list"),
        (([3, 4], -1), ValueError, "delays is -1; expected at least 0"),
        (([3, 4, 5], [1]), ValueError, "delays has 1 numbers; expected one, or one for each of the 2 layers"),
        (([3, 4], 1, 0), ValueError, "dilation is 0; expected at least 1"),
        (([3, 4], 1.5), TypeError, "delays is 1.5 .* expected an int"),
        (([3, 4], 1, 1, "sigmoid"), ValueError, "nonlinearity is 'sigmoid'; expected 'tanh' or 'relu'"),
    ],
)
def test_bad_options(arguments, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        elman.TDNN(*arguments)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: m(torch.zeros(2, 3, 4)), ValueError, r"expected \(T, N, I\) or .* with I = input_size = 3"),
        (lambda m: m(torch.zeros(2, 3, 3).double()), ValueError, "input is float64, the parameters are float32"),
        (lambda m: m([1.0]), TypeError, "input is a list; expected a Tensor"),
        (lambda m: m(torch.tensor([[0, 3]])), ValueError, "input holds the code 3; expected 0 <= code < I = 3"),
        (lambda m: m(torch.zeros(2, 3, 3), torch.zeros(2)), TypeError, "hx is a Tensor; expected a tuple of 1 Tensors"),
        (
            lambda m: m(torch.zeros(2, 3, 3), (torch.zeros(2, 4, 3),)),
            ValueError,
            r"hx\[0\] has shape \(2, 4, 3\); expected \(K·d, N, I\) = \(2, 3, 3\)",
        ),
        (lambda m: m(torch.zeros(2, 3, 3), lengths=[1, 2]), ValueError, r"lengths has shape \(2,\); expected \(N,\)"),
        (lambda m: m(torch.zeros(2, 3, 3), lengths=[1, 2, 3]), ValueError, r"lengths\[2\] is 3; expected 0 <= length"),
    ],
)
def test_bad_calls(call, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(elman.TDNN([3, 4], delays=2))
