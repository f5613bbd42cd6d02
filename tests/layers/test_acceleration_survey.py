"""What the survey says of classes, weights and results that are out of the ordinary is what happens."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

import elman
from elman import _kernels
from elman.layers.acceleration import survey
from elman.layers.comparison import compare

registered: set[str] = set()


class Registered(nn.GRU):
    """A user's base class, which wants every name once."""

    def __init_subclass__(cls) -> None:
        if cls.__name__ in registered:
            raise ValueError(f"{cls.__name__} is registered already")
        registered.add(cls.__name__)


class Encoder(Registered):
    """One of the registered classes."""


class Flattening(nn.LSTM):
    """It calls super(), but not for forward."""

    def forward(self, input, hx=None):
        super().flatten_parameters()
        return nn.LSTM.forward(self, input, hx)


class Explicit(nn.LSTM):
    """It calls super() in the old way."""

    def forward(self, input, hx=None):
        super().flatten_parameters()
        return super(Explicit, self).forward(input, hx)  # noqa: UP008


class OwnParameter(nn.Parameter):
    """A user's class of parameters."""


def with_weight(change) -> nn.GRU:
    layer = nn.GRU(3, 3, num_layers=2)
    layer.weight_ih_l1 = change(layer.weight_ih_l1.detach())
    return layer


MODULES = {
    "a class that refuses": (
        lambda: Encoder(3, 3),
        "no class can be derived from its class Encoder (ValueError: Encoder is registered already)",
    ),
    "super for something else": (
        lambda: Flattening(3, 3),
        "its class Flattening has a forward of its own, which does not call super().forward",
    ),
    "super in the old way": (lambda: Explicit(3, 3), ""),
    "an own parameter": (lambda: with_weight(OwnParameter), "a parameter of it is a OwnParameter tensor"),
    "a sparse weight": (
        lambda: with_weight(lambda w: nn.Parameter(w.to_sparse())),
        "a parameter of it is a sparse_coo tensor",
    ),
    "two dtypes": (lambda: with_weight(lambda w: nn.Parameter(w.double())), "its parameters are of two dtypes"),
    "bfloat16 above": (lambda: with_weight(lambda w: nn.Parameter(w.bfloat16())), "it is in bfloat16"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", MODULES)
def test_the_survey_says_what_happens(case) -> None:
    make, words = MODULES[case]
    model = nn.Sequential(nn.GRU(3, 3), make(), nn.LSTM(3, 3))
    elman.accelerate(model)
    found = survey(model)
    assert [one.reason for one in (found[0], found[2])] == ["", ""], "the others are replaced all the same"
    assert words in found[1].reason
    assert bool(words) == bool(found[1].reason)
    if case in ("two dtypes", "bfloat16 above"):
        with pytest.raises(RuntimeError, match="same dtype"):
            model[1](torch.randn(4, 2, 3))
        return
    before = _kernels.calls()[0]
    model[1](torch.randn(4, 2, 3))
    assert (_kernels.calls()[0] > before) == (not words)


@dataclass
class Result:
    """What a model may return."""

    output: Tensor
    label: str = ""


class Model(nn.Module):
    """A layer whose result is put into something."""

    def __init__(self, put) -> None:
        super().__init__()
        self.layer = nn.GRU(3, 4)
        self.put = put

    def forward(self, x):
        return self.put(self.layer(x)[0])


def test_dataclasses_are_compared(capsys) -> None:
    elman.accelerate(Model(Result), example=torch.randn(5, 2, 3))
    assert "of the gradients" in capsys.readouterr().out


def test_a_result_in_which_nothing_is_found_is_said_to_be_one(capsys) -> None:
    elman.accelerate(Model(lambda y: {y}), example=torch.randn(5, 2, 3))
    printed = capsys.readouterr().out
    assert "the result holds no floating-point tensors" in printed
    assert "difference" not in printed


def test_a_number_that_one_side_has_and_the_other_has_not_is_no_small_difference() -> None:
    layer, value = Model(lambda y: (torch.zeros(2), y * layer.factor)), {"theirs": 1.0, "ours": float("nan")}
    layer.factor = 1.0

    def use(side: str):
        return lambda: setattr(layer, "factor", value[side])

    assert torch.tensor(compare(layer, torch.randn(5, 2, 3), use("theirs"), use("ours")).outputs).isnan()
    value["theirs"] = float("nan")
    assert compare(layer, torch.randn(5, 2, 3), use("theirs"), use("ours")).outputs == 0
