"""Steppers: the layer step by step, to the bit; snapshots; threads; what is said."""

import copy
import pickle
import threading

import numpy as np
import pytest
import torch
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx

import elman
from elman import _kernels
from elman.layers import FallbackWarning, weight_dropped

from .problem import DTYPES, KINDS, Problem


def stepped(stepper, x, state):
    """The outputs of all steps, and the last state."""
    outputs = []
    for x_t in x:
        y, state = stepper(x_t, state)
        outputs.append(y)
    return torch.stack(outputs), state


def parts(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("H", [1, 7, 17, 64, 129])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("isa", _kernels.isas())
def test_steps_are_the_layer_to_the_bit(isa, kind, dtype, H) -> None:
    problem = Problem(kind, H=H, L=2, dtype=dtype)
    before, layer = _kernels.active_isa(), problem.module()
    state = problem.state() if kind == "lstm" else problem.state()[0]
    copies = [part.clone() for part in parts(state)]
    _kernels.set_isa(isa)
    try:
        with torch.no_grad():
            expected, after = layer(problem.input(), state)
        actual, last = stepped(layer.stepper(), problem.input(), state)
    finally:
        _kernels.set_isa(before)
    assert torch.equal(actual, expected)
    for ours, theirs in zip(parts(last), parts(after), strict=True):
        assert torch.equal(ours, theirs)
    for given, copied in zip(parts(state), copies, strict=True):
        assert torch.equal(given, copied)  # what was passed in is not changed


@pytest.mark.parametrize("kind", KINDS)
def test_codes_and_no_state(kind) -> None:
    problem = Problem(kind, I=11)
    layer, codes = problem.module(), torch.randint(11, (13, 5), generator=torch.Generator().manual_seed(0))
    expected, _ = layer(codes)
    assert torch.equal(stepped(layer.stepper(codes=True), codes, None)[0], expected)
    assert torch.equal(stepped(layer.stepper(codes=True), codes.to(torch.uint8), None)[0], expected)


def test_any_number_of_streams(threads) -> None:
    """More than are taken at once, on one thread and on more; none; and each alone."""
    problem = Problem("gru", N=301, H=70)
    layer, x = problem.module(), problem.input()
    with torch.no_grad():
        expected, _ = layer(x)
    for number in (1, 2, 3):
        threads(number)
        assert torch.equal(stepped(layer.stepper(), x, None)[0], expected)
    assert torch.equal(stepped(layer.stepper(), x[:, 7:8], None)[0], expected[:, 7:8])
    assert layer.stepper()(x[0, :0])[0].shape == (0, 70)


def test_a_stepper_is_a_snapshot() -> None:
    layer, x = elman.LSTM(3, 4), torch.randn(2, 3)
    stepper = layer.stepper()
    expected, _ = stepper(x)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
    assert torch.equal(stepper(x)[0], expected)
    assert not torch.equal(layer.stepper()(x)[0], expected)
    assert not expected.requires_grad


def test_many_threads_at_once() -> None:
    problem = Problem("lstm", N=9, H=64)
    layer = problem.module()
    stepper, x = layer.stepper(), problem.input()
    expected, _ = stepped(stepper, x, None)
    wrong = []

    def work() -> None:
        for _ in range(20):
            if not torch.equal(stepped(stepper, x, None)[0], expected):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize("options", [{"dtype": torch.bfloat16}, {"proj_size": 2}])
def test_the_reference_steps_too(options, close) -> None:
    layer = elman.LSTM(3, 4, batch_first=True, **options)
    x = torch.randn(5, 2, 3).to(layer.weight_ih_l0.dtype)
    with pytest.warns(FallbackWarning, match="A stepper"):
        stepper = layer.stepper()
    with torch.no_grad():
        with pytest.warns(FallbackWarning):
            actual, _ = stepped(stepper, x, None)
        close(actual, layer(x.transpose(0, 1))[0].transpose(0, 1), "value")


GRU, LSTM = elman.GRU(3, 4).stepper(), elman.LSTM(3, 4).stepper()
CASES = {
    "two directions": (lambda: elman.GRU(3, 4, bidirectional=True).stepper(), "a bidirectional layer has no stepper"),
    "wrong size": (
        lambda: GRU(torch.zeros(2, 5)),
        "x is float32 (2, 5) on cpu; expected a Tensor (N, I) = (N, 3) of float32",
    ),
    "no batch": (lambda: GRU(torch.zeros(3)), "x is float32 (3,) on cpu; expected a Tensor (N, I) = (N, 3) of float32"),
    "state of another batch": (
        lambda: GRU(torch.zeros(2, 3), torch.zeros(1, 5, 4)),
        "state is float32 (1, 5, 4) on cpu; expected (L, N, H) = (1, 2, 4) of float32 on the CPU",
    ),
    "cell of another size": (
        lambda: LSTM(torch.zeros(2, 3), (torch.zeros(1, 2, 4), torch.zeros(1, 2, 5))),
        "state[1] (cell) is float32 (1, 2, 5) on cpu; expected (L, N, H) = (1, 2, 4) of float32 on the CPU",
    ),
    "a code that is too large": (
        lambda: elman.GRU(3, 4).stepper(codes=True)(torch.tensor([0, 3])),
        "input holds the code 3 at step 0 of row 1; expected 0 <= code < I = 3",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_words(case) -> None:
    call, words = CASES[case]
    with pytest.raises(ValueError) as error:  # noqa: PT011
        call()
    assert words in str(error.value)


def test_words_for_types() -> None:
    with pytest.raises(
        TypeError, match=r"x is float64 \(2, 3\) on cpu; expected a Tensor \(N, I\) = \(N, 3\) of float32"
    ):
        GRU(torch.zeros(2, 3).double())
    with pytest.raises(TypeError, match=r"expected a Tensor of integers \(N,\) on the CPU, codes of 1-of-N inputs"):
        elman.GRU(3, 4).stepper(codes=True)(torch.zeros(2))


def with_weight(name: str, weight: torch.Tensor) -> elman.LSTM:
    layer = elman.LSTM(8, 16, num_layers=2)
    setattr(layer, name, nn.Parameter(weight))
    return layer


WRONG_WEIGHTS = {
    "wide": (
        "weight_hh_l0",
        torch.zeros(64, 500),
        r"weight_hh has shape \(64, 500\) and dtype float32; expected \(64, 16\)",
    ),
    "narrow": (
        "weight_hh_l1",
        torch.zeros(64, 15),
        r"weight_hh has shape \(64, 15\) and dtype float32; expected \(64, 16\)",
    ),
    "dtype": (
        "weight_hh_l1",
        torch.zeros(64, 16).double(),
        r"weight_hh has shape \(64, 16\) and dtype float64; expected",
    ),
    "device": ("bias_hh_l1", torch.zeros(64, device="meta"), "a weight is on meta, the first is on the CPU"),
}


@pytest.mark.parametrize("case", WRONG_WEIGHTS)
def test_all_weights_are_checked(case) -> None:
    name, weight, words = WRONG_WEIGHTS[case]
    with pytest.raises(ValueError, match=words):
        with_weight(name, weight).stepper()


def test_y_is_not_the_state() -> None:
    y, state = GRU(torch.ones(2, 3))
    assert torch.equal(y, state[-1])
    y.zero_()
    assert state.abs().min() > 0


def test_dropped_weights_are_whole() -> None:
    layer, x = weight_dropped(elman.LSTM(8, 16), 0.5), torch.randn(2, 8)
    y, _ = layer.stepper()(x)
    assert layer.training
    assert all(part.training for part in layer.parametrizations.modules())
    assert torch.equal(y, layer.eval()(x[None])[0][0])


def test_negative_views() -> None:
    x, h = torch.randn(2, 3), torch.randn(1, 2, 4)
    assert torch.equal(GRU(torch._neg_view(x), torch._neg_view(h))[0], GRU(-x, -h)[0])


def traced_by_fake_tensors() -> None:
    with FakeTensorMode():
        GRU(torch.zeros(2, 3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "trace",
    [
        traced_by_fake_tensors,
        lambda: torch.jit.trace(lambda x: GRU(x)[0], torch.zeros(2, 3)),
        lambda: make_fx(lambda x: GRU(x)[0])(torch.zeros(2, 3)),
    ],
    ids=["fake tensors", "jit", "fx"],
)
def test_what_cannot_be_traced_says_so(trace) -> None:
    with pytest.raises((TypeError, RuntimeError), match=r"cannot be traced|expected a Tensor"):
        trace()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_program_breaks_at_a_step() -> None:
    torch._dynamo.reset()
    x = torch.randn(2, 3)
    assert torch.equal(torch.compile(lambda x: 2 * GRU(2 * x)[0], backend="aot_eager")(x), 2 * GRU(2 * x)[0])
    torch._dynamo.reset()


def test_a_stepper_does_not_change() -> None:
    assert copy.deepcopy({"stepper": GRU})["stepper"] is GRU
    with pytest.raises(AttributeError, match="a snapshot that does not change"):
        GRU.hidden_size = 5
    with pytest.raises(TypeError, match="pickle the layer"):
        pickle.dumps(GRU)


def test_the_default_device_is_not_asked() -> None:
    with torch.device("meta"):
        y, state = GRU(torch.zeros(2, 3, device="cpu"))
    assert y.is_cpu
    assert state.is_cpu


WRONG_TYPES = {
    "array": (lambda: GRU(np.zeros((2, 3), "float32")), r"x is a numpy.ndarray; expected a Tensor \(N, I\) = \(N, 3\)"),
    "list": (lambda: GRU([[1.0, 2.0, 3.0]]), "x is a builtins.list; expected a Tensor"),
    "one state of two": (lambda: LSTM(torch.zeros(2, 3), torch.zeros(3, 2, 4)), "state is a Tensor; expected a pair"),
    "no state": (lambda: LSTM(torch.zeros(2, 3), 5), r"state is a int; expected a pair \(hidden, cell\)"),
    "half a pair": (
        lambda: LSTM(torch.zeros(2, 3), (torch.zeros(1, 2, 4), None)),
        r"state\[1\] \(cell\) is a NoneType",
    ),
    "a pair": (lambda: GRU(torch.zeros(2, 3), (torch.zeros(1, 2, 4),)), "state is a tuple of 1; expected a Tensor"),
}


@pytest.mark.parametrize("case", WRONG_TYPES)
def test_words_for_other_types(case) -> None:
    call, words = WRONG_TYPES[case]
    with pytest.raises(TypeError, match=words):
        call()


@pytest.mark.filterwarnings("ignore::elman.FallbackWarning")
def test_the_slower_stepper_has_the_same_face() -> None:
    stepper = elman.LSTM(3, 4, proj_size=2).stepper()
    hidden, cell = stepper.initial_state(5)
    assert (hidden.shape, cell.shape) == ((1, 5, 2), (1, 5, 4))
    assert (stepper.input_size, stepper.hidden_size, stepper.num_layers, stepper.codes) == (3, 4, 1, False)
    assert stepper.nbytes == 4 * sum(p.numel() for p in elman.LSTM(3, 4, proj_size=2).parameters())
    with pytest.raises(TypeError, match=r"x is int64 \(5,\) on cpu; expected numbers \(N, I\)"):
        stepper(torch.zeros(5, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"x is float32 \(3,\) on cpu; expected \(N, I\)"):
        stepper(torch.zeros(3))
