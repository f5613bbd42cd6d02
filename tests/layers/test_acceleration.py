"""accelerate() and restore() change the class of modules and nothing else; the survey says which, and why not."""

import copy
import io
import pickle
import re
import subprocess
import sys
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

import elman
from elman import _kernels
from elman.layers import acceleration, operators
from elman.layers.acceleration import survey
from elman.layers.comparison import compare
from layers.problem import KINDS, Problem

LAYERS = ("RNN", "GRU", "LSTM")
all_layers = pytest.mark.parametrize("name", LAYERS)


class Network(nn.Module):
    """A user's model: layers at several places, one of them at two."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 4), nn.GRU(4, 4))
        self.layers = nn.ModuleList([nn.LSTM(4, 6, num_layers=2), nn.RNN(6, 4, nonlinearity="relu")])
        self.again = self.encoder[1]
        self.cell = nn.GRUCell(4, 2)

    def forward(self, x):
        x, _ = self.encoder(x)
        for layer in (*self.layers, self.again):
            x, _ = layer(x)
        return self.cell(x[-1])


class Wide(nn.LSTM):
    """A user's subclass that inherits `forward`."""

    def __init__(self, size: int) -> None:
        super().__init__(size, 2 * size)
        self.mark = "wide"


class Louder(nn.GRU):
    """A user's subclass with a `forward` that calls torch.nn's."""

    def forward(self, input, hx=None):
        output, hx = super().forward(input, hx)
        return 2 * output, hx


class Silent(nn.GRU):
    """A user's subclass with another `forward`."""

    def forward(self, input, hx=None):
        return torch.zeros(()), hx


class SelfMade(nn.LSTM):
    """A user's subclass that says itself how it is pickled."""

    def __reduce__(self):
        return type(self), (3, 4)


def kernel_calls(layer: nn.Module, x: torch.Tensor) -> int:
    """Calls of the forward kernel by one call of the layer."""
    before = _kernels.calls()[0]
    layer(x)
    return _kernels.calls()[0] - before


# What changes: the class, in place, and back.


def test_every_layer_of_a_model_is_swapped_and_restored() -> None:
    model = Network()
    before = [(name, type(module), vars(module).copy()) for name, module in model.named_modules()]
    assert elman.accelerate(model) is model
    assert kernel_calls(model, torch.randn(5, 2, 3)) == 5
    swapped = [name for name, module in model.named_modules() if "elman" in type(module).__module__]
    assert swapped == ["encoder.1", "layers.0", "layers.1"]
    assert elman.accelerate(model) is model, "twice is once"
    assert [(name, vars(module)) for name, module in model.named_modules()] == [(n, v) for n, _, v in before]
    assert elman.restore(model) is model
    assert [(name, type(module)) for name, module in model.named_modules()] == [(n, c) for n, c, _ in before]
    assert kernel_calls(model, torch.randn(5, 2, 3)) == 0
    assert elman.restore(model) is model


@all_layers
def test_a_layer_by_itself(name) -> None:
    theirs = getattr(nn, name)
    layer = theirs(8, 16, 2, batch_first=True, dropout=0.5)
    text = repr(layer)
    assert elman.accelerate(layer) is layer
    assert isinstance(layer, theirs)
    assert type(layer) is getattr(acceleration, name)
    assert vars(type(layer)).keys() - {"__module__", "__doc__", "__annotations__"} == {"forward"}
    assert repr(layer) == text
    assert type(elman.restore(layer)) is theirs


@pytest.mark.parametrize("model", [nn.LSTM, [nn.LSTM(3, 4)], lambda x: x])
def test_what_is_no_module_is_refused(model) -> None:
    for function in (elman.accelerate, elman.restore, survey):
        with pytest.raises(TypeError, match=r"model is (the class LSTM|a list|a function); expected a torch\.nn\.Mod"):
            function(model)


# What stays: copies, files, hooks.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_accelerated(kind, through) -> None:
    problem = Problem(kind, L=2, bidirectional=True)
    layer = elman.accelerate(problem.module(nn))
    other = through(layer)
    assert type(other) is type(layer)
    assert torch.equal(other(problem.input())[0], layer(problem.input())[0])
    assert kernel_calls(other, problem.input()) == 2
    elman.restore(other)
    assert kernel_calls(layer, problem.input()) == 2


def test_state_dict_goes_both_ways_and_names_nothing_of_ours() -> None:
    ours, theirs, file = elman.accelerate(Network()), Network(), io.BytesIO()
    torch.save(ours.state_dict(), file)
    assert b"elman" not in file.getvalue()
    file.seek(0)
    theirs.load_state_dict(torch.load(file, weights_only=True))
    assert all(map(torch.equal, ours.parameters(), theirs.parameters()))
    nn.init.ones_(theirs.again.weight_hh_l0)
    ours.load_state_dict(theirs.state_dict())
    assert ours.encoder[1].weight_hh_l0.eq(1).all()


def test_a_saved_model_is_accelerated_where_it_is_loaded(tmp_path) -> None:
    """In a process that has imported nothing of ours."""
    x, path = torch.randn(5, 2, 3), tmp_path / "model.pt"
    model = elman.accelerate(nn.ModuleList([nn.GRU(3, 4)]))
    torch.save((model, x, model[0](x)[0]), path)
    code = (
        "import sys, torch; model, x, y = torch.load(sys.argv[1], weights_only=False)\n"
        "from elman import _kernels; before = _kernels.calls()[0]\n"
        "print(torch.equal(model[0](x)[0], y), _kernels.calls()[0] - before)"
    )
    command = [sys.executable, "-c", code, str(path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True 1\n"


@all_layers
def test_hooks_run(name) -> None:
    layer, calls = getattr(nn, name)(3, 4), []
    layer.register_forward_pre_hook(lambda module, inputs: calls.append("before"))
    layer.register_forward_hook(lambda module, inputs, output: calls.append("after"))
    layer.register_full_backward_hook(lambda module, inputs, outputs: calls.append("backward"))
    elman.accelerate(layer)
    assert kernel_calls(layer, torch.randn(5, 2, 3)) == 1
    layer(torch.randn(5, 2, 3, requires_grad=True))[0].sum().backward()
    assert calls == ["before", "after", "before", "after", "backward"]
    layer.register_forward_hook(lambda module, inputs, output: calls.append("later"))
    layer(torch.randn(5, 2, 3))
    assert calls[-1] == "later"


# Parametrized layers: torch makes a class for each.


def parametrized(name: str) -> nn.Module:
    torch.manual_seed(4)
    layer = getattr(nn, name)(3, 4, bidirectional=True)
    parametrizations.weight_norm(layer, "weight_ih_l0")
    parametrizations.orthogonal(layer, "weight_hh_l0_reverse") if name == "RNN" else None
    return layer


@all_layers
@pytest.mark.parametrize("first", ["accelerated", "parametrized"])
def test_parametrized_layers(name, first, close) -> None:
    theirs, x = parametrized(name), torch.randn(5, 2, 3)
    if first == "parametrized":
        ours = elman.accelerate(parametrized(name))
    else:
        ours = elman.accelerate(getattr(nn, name)(3, 4, bidirectional=True))
        parametrizations.weight_norm(ours, "weight_ih_l0")
        parametrizations.orthogonal(ours, "weight_hh_l0_reverse") if name == "RNN" else None
        ours.load_state_dict(theirs.state_dict())
    assert kernel_calls(ours, x) == 1
    assert isinstance(ours, getattr(nn, name))
    assert repr(ours) == repr(theirs)
    for layer in (ours, theirs):
        layer(x)[0].sin().sum().backward()
    for (label, actual), expected in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        close(actual.grad, expected.grad, "gradient", label)
    elman.restore(ours)
    assert kernel_calls(ours, x) == 0
    assert parametrize.type_before_parametrizations(ours) is getattr(nn, name)
    assert torch.equal(ours(x)[0], theirs(x)[0])


def test_a_parametrization_is_removed_as_ever() -> None:
    layer, x = elman.accelerate(parametrized("LSTM")), torch.randn(5, 2, 3)
    expected = layer(x)[0]
    parametrize.remove_parametrizations(layer, "weight_ih_l0")
    assert type(layer) is acceleration.LSTM
    assert torch.equal(layer(x)[0], expected)


def test_a_copy_of_a_parametrized_layer_is_accelerated_alone() -> None:
    """A deep copy has the very class of its original."""
    layer, x = parametrized("GRU"), torch.randn(5, 2, 3)
    other = elman.accelerate(copy.deepcopy(layer))
    assert (kernel_calls(layer, x), kernel_calls(other, x)) == (0, 1)
    third = elman.restore(copy.deepcopy(other))
    assert (kernel_calls(other, x), kernel_calls(third, x)) == (1, 0)


# Subclasses of users.


@pytest.mark.parametrize("make", [lambda: Wide(3), lambda: Louder(3, 4)], ids=["Wide", "Louder"])
def test_subclasses_of_users(make, close) -> None:
    theirs, x = make(), torch.randn(5, 2, 3)
    ours = elman.accelerate(copy.deepcopy(theirs))
    assert isinstance(ours, type(theirs))
    assert repr(ours) == repr(theirs)
    assert type(elman.accelerate(copy.deepcopy(theirs))) is type(ours), "one class, however often"
    close(ours(x)[0], theirs(x)[0], "value")
    for other in (ours, copy.deepcopy(ours), *(pickle.loads(pickle.dumps(ours, version)) for version in range(6))):
        assert type(other) is type(ours)
        assert kernel_calls(other, x) == 1
        assert getattr(other, "mark", None) == getattr(theirs, "mark", None)
        assert torch.equal(other(x)[0], ours(x)[0])
    assert type(elman.restore(ours)) is type(theirs)
    assert torch.equal(ours(x)[0], theirs(x)[0])


def test_parametrized_subclasses_of_users() -> None:
    layer, x = Wide(3), torch.randn(5, 2, 3)
    parametrizations.weight_norm(layer, "weight_ih_l0")
    assert kernel_calls(elman.accelerate(layer), x) == 1
    assert isinstance(layer, Wide)
    assert kernel_calls(elman.restore(layer), x) == 0
    parametrize.remove_parametrizations(layer, "weight_ih_l0")
    assert type(layer) is Wide


# The survey.


def replaced_forward() -> nn.Module:
    layer = nn.LSTM(3, 4)
    layer.forward = lambda *arguments: arguments
    return layer


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(nn.LSTM(3, 4))


def quantised() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(nn.ModuleList([nn.LSTM(3, 4)]), {nn.LSTM})[0]


class Bare(nn.RNNBase):
    """A user's class on the base of torch.nn's layers."""


LEFT = {
    "cell": (lambda: nn.LSTMCell(3, 4), r"LSTMCell\(3, 4\) is left: a cell runs one step a call"),
    "projection": (lambda: nn.LSTM(3, 4, proj_size=2), r"proj_size=2\) is left: .* is faster with a projection"),
    "forward": (lambda: Silent(3, 4), r"Silent\(3, 4\) is left: its class Silent has a forward of its own"),
    "pickle": (lambda: SelfMade(3, 4), r"is left: its class SelfMade has a way of its own to be pickled"),
    "base": (lambda: Bare("GRU", 3, 4), r"is left: its class \S+Bare is not derived from torch.nn's RNN, GRU or LSTM"),
    "instance": (replaced_forward, r"is left: its forward was replaced by another function"),
    "scripted": (scripted, r"LSTM\(\) is left: it is TorchScript"),
    "quantised": (quantised, r"LSTM\(3, 4\) is left: it is quantised"),
    "ours": (lambda: elman.LSTM(3, 4), r"LSTM\(3, 4\) is left: it is Elman's own"),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_is_left_as_it_was_and_told(what) -> None:
    make, words = LEFT[what]
    module = make()
    cls = type(module)
    elman.accelerate(module)
    assert type(module) is cls
    (found,) = survey(module)
    assert not found.replaced
    assert re.fullmatch(f"the model: .*{words}.*", str(found))
    assert type(elman.restore(module)) is cls


def test_the_survey_of_a_model() -> None:
    model = Network()
    before = [str(found) for found in survey(model)]
    assert before[0] == "encoder.1: GRU(4, 4) is torch.nn's; accelerate() would replace it"
    found = survey(elman.accelerate(model))
    assert [one.name for one in found] == ["encoder.1", "layers.0", "layers.1", "cell"], "a shared layer once"
    assert [one.replaced for one in found] == [True, True, True, False]
    assert [bool(one.reason) for one in found] == [False, False, False, True]
    assert str(found[1]) == "layers.0: LSTM(4, 6, num_layers=2) runs on the kernels"
    assert [str(one) for one in survey(elman.restore(model))] == before


def test_the_survey_tells_of_devices_and_dtypes() -> None:
    layer = elman.accelerate(nn.GRU(3, 4))
    assert survey(layer.bfloat16())[0].reason == "it is in bfloat16, where torch's own operator runs"
    assert str(survey(layer.to("meta"))[0]).endswith("is replaced, but it is on meta, where torch's own operator runs")


def test_without_the_compiled_module_nothing_is_swapped_and_that_is_said(monkeypatch) -> None:
    loaded, layer = elman.accelerate(nn.GRU(3, 4)), nn.GRU(3, 4)
    monkeypatch.setattr(operators, "MISSING", "no module")
    with pytest.warns(UserWarning, match=r"nothing is accelerated: .* is missing \(no module\)") as said:
        elman.accelerate(layer)
    assert said[0].filename == __file__
    assert type(layer) is nn.GRU
    assert kernel_calls(loaded, torch.randn(5, 2, 3)) == 0, "a model that was saved elsewhere runs as torch's"


# The example.


@pytest.mark.parametrize("example", ["tensor", "tuple", "dict"])
def test_an_example_is_compared_and_timed(example, capsys) -> None:
    model, x = Network().train(), torch.randn(5, 2, 3)
    model.encoder.eval()
    modes = [module.training for module in model.modules()]
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert elman.accelerate(model, example={"tensor": x, "tuple": (x,), "dict": {"x": x}}[example]) is model
    printed = capsys.readouterr().out
    assert printed.startswith("encoder.1: GRU(4, 4) runs on the kernels\n")
    difference = re.search(r"\nlargest difference of the outputs (\S+), of the gradients (\S+) of the largest", printed)
    assert float(difference[1]) < 1e-5
    assert float(difference[2]) < 1e-5
    assert re.search(r"\nforward +\d+\.\d\d ms +\d+\.\d\d ms +\d+\.\d\dx\nforward and backward +\d", printed)
    assert kernel_calls(model, x) == 5
    assert [module.training for module in model.modules()] == modes
    assert all(map(torch.equal, model.state_dict().values(), before.values()))
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


def test_differences_are_told() -> None:
    layer = nn.Linear(1, 1, bias=False)

    def fill(value: float) -> None:
        layer.weight.data.fill_(value)

    found = compare(layer, torch.ones(3, 1), lambda: fill(2.0), lambda: fill(1.5))
    assert (found.outputs, found.gradients) == (0.25, 0.0)
    assert layer.weight.item() == 1.5
    assert str(found).startswith("largest difference of the outputs 2e-01, of the gradients 0e+00 of the largest value")


def test_an_example_for_a_packed_frozen_layer(capsys) -> None:
    packed = nn.utils.rnn.pack_sequence([torch.randn(4, 3), torch.randn(2, 3)])
    elman.accelerate(nn.GRU(3, 4).requires_grad_(False), example=packed)
    printed = capsys.readouterr().out
    assert "of the gradients" not in printed
    assert "backward" not in printed


def test_an_example_with_nothing_to_compare(capsys) -> None:
    elman.accelerate(nn.GRUCell(3, 4), example=torch.randn(2, 3))
    assert capsys.readouterr().out.endswith("No recurrent module runs on the kernels: there is nothing to compare\n")


def test_a_wrong_example_raises_what_the_model_raises() -> None:
    layer = nn.GRU(3, 4).train()
    with pytest.raises(RuntimeError, match="input_size"):
        elman.accelerate(layer, example=torch.randn(5, 2, 7))
    assert type(layer) is acceleration.GRU
    assert layer.training
