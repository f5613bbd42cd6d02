"""Whoever watches PyTorch's operators, a mode, a profiler, a tracer or a subclass, sees the kernels as such."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import elman

OPERATORS = {"elman::layer", "elman::layer_backward"}


class Names(TorchDispatchMode):
    """Collects the names of the operators that run."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(func.name())
        return func(*args, **(kwargs or {}))


def step(layer: torch.nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    y = layer(x)[0]
    return y, *torch.autograd.grad(y.sum(), list(layer.parameters()))


@pytest.fixture
def layer() -> torch.nn.Module:
    torch.manual_seed(0)
    return elman.LSTM(3, 4)


def test_a_mode_sees_the_operators_once_each(layer: torch.nn.Module) -> None:
    x = torch.randn(5, 2, 3)
    expected = step(layer, x)
    with Names() as names:
        found = step(layer, x)
        with torch.no_grad():
            layer(x)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert [name for name in names.seen if name in OPERATORS] == [
        "elman::layer",
        "elman::layer_backward",
        "elman::layer",
    ]


def test_a_profiler_sees_them(layer: torch.nn.Module) -> None:
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step(layer, torch.randn(5, 2, 3))
    assert {event.key for event in profile.key_averages()} >= OPERATORS


@pytest.mark.filterwarnings("ignore")
def test_a_tracer_sees_them_and_says_that_it_cannot_record_them(layer: torch.nn.Module) -> None:
    with torch.no_grad(), pytest.raises(RuntimeError, match="unsupported input list type"):
        torch.jit.trace(lambda x: layer(x)[0], torch.randn(5, 2, 3))


def test_a_subclass_of_tensor_sees_them(layer: torch.nn.Module) -> None:
    seen: list[str] = []

    class Watching(Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(str(func))
            return super().__torch_function__(func, types, args, kwargs or {})

    with torch.no_grad():
        layer(torch.randn(5, 2, 3).as_subclass(Watching))
    assert any("elman.layer" in name for name in seen)
