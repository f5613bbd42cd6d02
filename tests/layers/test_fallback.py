"""What the kernels cannot do runs on the reference: right, differentiable, and with one warning for each cause."""

import subprocess
import sys
import warnings

import pytest
import torch
from torch.autograd import forward_ad

import elman
from elman import _kernels
from elman.layers import functional, operators
from layers.problem import KINDS, Problem, Reference, compare, run

all_kinds = pytest.mark.parametrize("kind", KINDS)


def small(kind: str) -> tuple[Problem, torch.nn.Module, torch.Tensor]:
    problem = Problem(kind, T=3, N=2, I=2, H=3, bidirectional=True, dtype=torch.float64)
    return problem, problem.module(), problem.input()


def of_weights(problem: Problem, module: torch.nn.Module, lengths=None):
    """The module as a function of everything, and its arguments."""
    names, state = [name for name, _ in module.named_parameters()], problem.state()

    def function(x, *others):
        states = others[: len(state)]
        weights = dict(zip(names, others[len(state) :], strict=True))
        hx = states[0] if len(states) == 1 else states
        output, after = torch.func.functional_call(module, weights, (x, hx, lengths))
        return (output, after) if isinstance(after, torch.Tensor) else (output, *after)

    sources = [problem.input(), *state, *(p.detach() for p in module.parameters())]
    return function, [source.requires_grad_() for source in sources]


@all_kinds
@pytest.mark.parametrize("lengths", [None, [3, 0]], ids=["no lengths", "lengths"])
def test_gradient_of_the_gradient(kind, lengths) -> None:
    problem, module, _ = small(kind)
    with pytest.warns(
        elman.FallbackWarning, match="The gradient of a gradient of a recurrent layer runs on the slower"
    ):
        assert torch.autograd.gradgradcheck(*of_weights(problem, module, lengths))


@all_kinds
def test_gradient_that_will_be_differentiated_is_the_gradient(kind, close) -> None:
    """Also where one input depends on another, as a state computed from the input does."""
    _, module, x = small(kind)
    x.requires_grad_()

    def gradient(create_graph):
        h = x.sum(0).sum(1).tanh()[:, None].expand(2, 2, 3)
        output, _ = module(x, (h, h) if kind == "lstm" else h)
        return torch.autograd.grad(output.sin().sum(), [x, *module.parameters()], create_graph=create_graph)

    plain = gradient(False)
    with pytest.warns(elman.FallbackWarning):
        again = gradient(True)
    for actual, expected in zip(again, plain, strict=True):
        assert actual.requires_grad
        close(actual.detach(), expected, "gradient")


@all_kinds
@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")  # torch's own forward mode
def test_forward_mode_and_batched_gradients(kind) -> None:
    problem, module, _ = small(kind)
    function, sources = of_weights(problem, module)
    with pytest.warns(elman.FallbackWarning) as said:
        assert torch.autograd.gradcheck(function, sources, check_forward_ad=True, check_batched_grad=True)
    words = [str(warning.message) for warning in said]
    assert any("A recurrent layer in forward-mode differentiation" in text for text in words)
    assert any("The backward pass of a recurrent layer under vmap" in text for text in words)


@all_kinds
def test_dual_numbers(kind, close) -> None:
    _, module, x = small(kind)
    with pytest.warns(elman.FallbackWarning, match="forward-mode"), forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(module(forward_ad.make_dual(x, torch.ones_like(x)))[0]).tangent
    with pytest.warns(elman.FallbackWarning, match=r"torch.func transform"):
        close(
            tangent.detach(), torch.func.jvp(lambda x: module(x)[0], (x,), (torch.ones_like(x),))[1].detach(), "value"
        )


@all_kinds
def test_vmap_over_inputs_and_over_weights(kind, close) -> None:
    problem, module, _ = small(kind)
    inputs = problem.random(4, 3, 2, 2)
    expected = torch.stack([module(x)[0] for x in inputs])
    with pytest.warns(elman.FallbackWarning, match=r"under a torch.func transform \(vmap, grad, jvp, ...\)"):
        close(torch.func.vmap(lambda x: module(x)[0])(inputs), expected, "value")
    ensemble = {name: torch.stack([p * scale for scale in (1, 2, -1)]) for name, p in module.named_parameters()}
    together = torch.func.vmap(lambda w: torch.func.functional_call(module, w, (inputs[0],))[0])(ensemble)
    for member in range(3):
        single = torch.func.functional_call(module, {n: p[member] for n, p in ensemble.items()}, (inputs[0],))[0]
        close(together[member], single, "value")


@all_kinds
def test_per_sample_gradients(kind, close) -> None:
    problem, module, _ = small(kind)
    parameters, inputs = dict(module.named_parameters()), problem.random(4, 3, 1, 2)

    def loss(parameters, x):
        return torch.func.functional_call(module, parameters, (x,))[0].sin().sum()

    with pytest.warns(elman.FallbackWarning, match=r"torch.func"):
        gradients = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0))(parameters, inputs)
    for index, x in enumerate(inputs):
        for name, expected in zip(
            parameters, torch.autograd.grad(loss(parameters, x), parameters.values()), strict=True
        ):
            close(gradients[name][index].detach(), expected, "gradient")


@all_kinds
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_other_dtypes(kind, dtype) -> None:
    problem = Problem(kind, L=2, dtype=dtype)
    module, before = problem.module(), _kernels.calls()
    name = str(dtype).removeprefix("torch.")
    words = rf"A recurrent layer in {name} \(the kernels know float32 and float64\) runs on the slower reference"
    with pytest.warns(elman.FallbackWarning, match=words):
        actual = run(module, problem.input(), problem.state(), lengths=problem.lengths())
    assert _kernels.calls() == before
    assert all(tensor.dtype == dtype for tensor in actual.values())


@all_kinds
def test_bfloat16_equals_torch(kind, close) -> None:
    problem = Problem(kind, dtype=torch.bfloat16)
    with pytest.warns(elman.FallbackWarning):
        actual = run(problem.module(), problem.input(), problem.state())
    compare(close, actual, run(problem.module(torch.nn), problem.input(), problem.state()))


@all_kinds
def test_each_cause_is_said_once_and_points_at_the_caller(kind) -> None:
    _, module, x = small(kind)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(3):
            torch.func.vmap(lambda x: module(x)[0])(x[None])
    assert [w.filename for w in said if w.category is elman.FallbackWarning] == [__file__]


@all_kinds
def test_without_the_compiled_module(kind, monkeypatch, close) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    expected = run(problem.module(), problem.input(), problem.state(), lengths=problem.lengths())
    monkeypatch.setattr(operators, "MISSING", "No module named 'elman._kernels'")
    before = _kernels.calls()
    words = (
        r"Every recurrent layer \(the compiled module is missing: No module named 'elman._kernels'; reinstall elman\)"
    )
    with pytest.warns(elman.FallbackWarning, match=words):
        actual = run(problem.module(), problem.input(), problem.state(), lengths=problem.lengths())
    assert _kernels.calls() == before
    compare(close, actual, expected)


def test_import_without_the_compiled_module() -> None:
    program = """
import sys, warnings
sys.modules["elman._kernels"] = None  # what an import finds where the module was never built
import torch, elman
layer = elman.LSTM(3, 4)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    for _ in range(2):
        output, _ = layer(torch.randn(5, 2, 3))
    output.sum().backward()
print(len(said), said[0].category.__name__, output.shape)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "1 FallbackWarning torch.Size([5, 2, 4])", done.stderr


@all_kinds
def test_autocast_computes_in_the_dtype_of_the_parameters(kind) -> None:
    problem = Problem(kind, bidirectional=True)
    module, half = problem.module(), problem.input().bfloat16()
    states = tuple(s.bfloat16() for s in problem.state())
    hx, full_hx = (s if len(s) == 2 else s[0] for s in (states, tuple(s.float() for s in states)))
    expected, _ = module(half.float(), full_hx)
    before = _kernels.calls()
    with torch.autocast("cpu", torch.bfloat16):
        assert (half.float() @ torch.eye(3)).dtype == torch.bfloat16, "autocast is on"
        for x, h in ((half, hx), (half.float(), full_hx)):
            output, _ = module(x, h)
            assert output.dtype == torch.float32
            assert torch.equal(output, expected)
    assert _kernels.calls() == (before[0] + 2, before[1])


@all_kinds
def test_autocast_does_not_change_the_reference(kind, close) -> None:
    _, module, x = small(kind)
    expected = module(x)[0]
    with torch.autocast("cpu", torch.bfloat16), pytest.warns(elman.FallbackWarning):
        output = torch.func.vmap(lambda x: module(x)[0])(x[None])[0]
    close(output, expected, "value")


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_cells_fall_back_for_transforms_alone(name) -> None:
    """They are torch's operators, which do all else that the reference does; a warning would be an error here."""
    cell, x = getattr(elman, name)(3, 4).double(), torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: cell(x)[0], x)
    assert getattr(elman, name)(3, 4).bfloat16()(x.bfloat16())[0].dtype == torch.bfloat16
    expected = torch.stack([cell(row)[0] for row in x])
    with pytest.warns(elman.FallbackWarning, match=r"A recurrent cell under a torch.func transform"):
        assert torch.allclose(torch.func.vmap(lambda x: cell(x)[0])(x), expected)


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
def test_autocast_of_a_cell(name) -> None:
    cell, x = getattr(elman, name)(3, 4), torch.randn(5, 3).bfloat16()
    expected = cell(x.float())
    with torch.autocast("cpu", torch.bfloat16):
        for input in (x, x.float()):
            assert torch.equal(cell(input)[0], expected[0])


def test_gradient_of_an_input_that_autocast_made_half() -> None:
    layer, x = elman.GRU(3, 4), torch.randn(5, 2, 3)
    half = x.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        layer(half)[0].sum().backward()
    full = x.bfloat16().float().requires_grad_()
    layer(full)[0].sum().backward()
    assert torch.equal(half.grad, full.grad.bfloat16())


def test_functional_runs_the_reference_for_a_projection(close) -> None:
    layer = elman.LSTM(3, 7, proj_size=2, dtype=torch.float64)
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    with pytest.warns(elman.FallbackWarning, match="LSTM with proj_size"):
        output, state = functional.lstm(x, None, [elman.layers.Weights(*layer.all_weights[0])])
    assert (output.shape, state.hidden.shape, state.cell.shape) == ((5, 4, 2), (1, 4, 2), (1, 4, 7))
    close(output, Reference(layer)(x, (torch.zeros(1, 4, 2).double(), torch.zeros(1, 4, 7).double()))[0], "value")
