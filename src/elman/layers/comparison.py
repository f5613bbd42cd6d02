"""One model run two ways in turn: the largest differences of its results, and its times."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

ROUNDS = 5
SAMPLE = 0.02  # seconds that one sample of a time takes at least


class Comparison(NamedTuple):
    """What `compare` found. Differences are relative to the largest number, times are in seconds: (before, after)."""

    outputs: float | None
    """None for a model whose result holds no floating-point tensors that are found."""
    gradients: float | None
    """None, as `step` is, for a model without anything to differentiate."""
    forward: tuple[float, float]
    step: tuple[float, float] | None

    def __str__(self) -> str:
        gradients = "" if self.gradients is None else f", of the gradients {self.gradients:.0e}"
        if self.outputs is not None:
            lines = [f"largest difference of the outputs {self.outputs:.0e}{gradients} of the largest value"]
        else:
            lines = ["the result holds no floating-point tensors in tuples, lists, dicts or dataclasses to be compared"]
        lines.append(f"{'':22}{'torch.nn':>13}{'elman':>13}")
        for name, times in (("forward", self.forward), ("forward and backward", self.step)):
            if times is not None:
                before, after = times
                lines.append(f"{name:22}{1e3 * before:10.2f} ms{1e3 * after:10.2f} ms{before / after:8.2f}x")
        return "\n".join(lines)


def compare(model: nn.Module, example: Any, before: Callable[[], object], after: Callable[[], object]) -> Comparison:
    """Run `model` as it is after a call of `before`, and as it is after a call of `after`; leave it so.

    It runs in evaluation mode, each time from the same random numbers, for its outputs, its outputs' gradients by all
    parameters (with random cotangents, and not added to their `grad`), and its times: A B A B, of which the smallest
    count.

    Parameters
    ----------
    model : torch.nn.Module
    example : Tensor, tuple of arguments, or dict of keyword arguments
        What it is called with.
    before, after : functions without arguments
    """
    forward = _call(model, example)

    def step() -> list[Tensor]:
        return _gradients(model, _tensors(forward()))

    with _evaluation(model), torch.random.fork_rng(devices=[]):
        try:
            before()
            expected, expected_gradients = _reproducibly(forward), _reproducibly(step)
            after()
            outputs = _difference(_reproducibly(forward), expected) if expected else None
            gradients = _difference(_reproducibly(step), expected_gradients) if expected_gradients else None
            forward_times = _in_turn(torch.no_grad()(forward), before, after)
            step_times = _in_turn(step, before, after) if expected_gradients else None
        finally:
            after()
    return Comparison(outputs, gradients, forward_times, step_times)


def _call(model: nn.Module, example: Any) -> Callable[[], Any]:
    if isinstance(example, dict):
        return lambda: model(**example)
    if isinstance(example, tuple) and not isinstance(example, PackedSequence):
        return lambda: model(*example)
    return lambda: model(example)


@contextmanager
def _evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode; afterwards each module is in its own again."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _reproducibly(function: Callable[[], Any]) -> list[Tensor]:
    torch.manual_seed(0)
    return [tensor.detach().clone() for tensor in _tensors(function())]


def _tensors(value: Any) -> list[Tensor]:
    """The floating-point tensors of a nest of tuples, lists, dicts, packed sequences and dataclasses."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, dict):
        value = list(value.values())
    elif is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in fields(value)]
    return [tensor for part in value for tensor in _tensors(part)] if isinstance(value, tuple | list) else []


def _gradients(model: nn.Module, outputs: list[Tensor]) -> list[Tensor]:
    """Gradients by all parameters for random cotangents; empty if nothing depends on any."""
    outputs = [output for output in outputs if output.requires_grad]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not outputs or not parameters:
        return []
    cotangents = [torch.randn_like(output) for output in outputs]
    return list(torch.autograd.grad(outputs, parameters, cotangents, allow_unused=True, materialize_grads=True))


def _difference(found: list[Tensor], expected: list[Tensor]) -> float:
    """The largest difference relative to the largest finite number of all; the same infinity, or NaN, is none."""
    differences, largest = [0.0], 0.0
    for a, b in zip(found, expected, strict=True):
        if b.numel():
            same = (a == b) | (a.isnan() & b.isnan())
            differences.append(torch.where(same, 0, a - b).abs().max().item())
            largest = max(largest, torch.where(b.isfinite(), b, 0).abs().max().item())
    return math.nan if any(map(math.isnan, differences)) else max(differences) / (largest or 1.0)


def _in_turn(
    function: Callable[[], object], before: Callable[[], object], after: Callable[[], object]
) -> tuple[float, float]:
    best = [math.inf, math.inf]
    for _ in range(ROUNDS):
        for side, prepare in enumerate((before, after)):
            prepare()
            best[side] = min(best[side], _seconds(function))
    return best[0], best[1]


def _seconds(function: Callable[[], object]) -> float:
    """Of one call, on average over as many as fill a sample."""
    began, calls = time.perf_counter(), 0
    while True:
        function()
        calls += 1
        passed = time.perf_counter() - began
        if passed >= SAMPLE:
            return passed / calls
