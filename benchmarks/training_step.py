"""Where a training step of the default language model spends its time, part by part.

    python benchmarks/training_step.py
    python benchmarks/training_step.py --cell gru --time 3m      # defaults of that cell and budget

The real training loop runs for --seconds with a stop-watch around each of its parts.  `kernels` are the native calls
alone; what Python, autograd and torch's operators cost around them stands under the other names.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest import mock

import torch

import elman
from elman import corpora
from elman.data import Windows
from elman.layers import operators
from elman.models.language_model import LanguageNetwork
from elman.tasks import text_learner, training
from elman.tasks.defaults import defaults_for
from elman.tasks.duration import parse_duration
from elman.tasks.optimisers import Muon


class Watch:
    """Seconds spent in the functions that are wrapped, by name; validation is left out."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.left_out = 0.0
        self.stopped = False

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                if not self.stopped:
                    self.seconds[name] += time.perf_counter() - began

        return timed

    def leave_out(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Stops the watch while `function` runs, and adds its time to `left_out`."""

        def untimed(*args: Any, **kwargs: Any) -> Any:
            began, self.stopped = time.perf_counter(), True
            try:
                return function(*args, **kwargs)
            finally:
                self.left_out += time.perf_counter() - began
                self.stopped = False

        return untimed


class Kernels:
    """The native module with a stop-watch."""

    def __init__(self, watch: Watch) -> None:
        self.forward = watch.wrap("kernels, forward", operators._kernels.forward)
        self.backward = watch.wrap("kernels, backward", operators._kernels.backward)

    def __getattr__(self, name: str) -> Any:
        return getattr(NATIVE, name)


NATIVE = operators._kernels


def measure(cell: str, budget: float, seconds: float) -> tuple[dict[str, float], float, int]:
    """Runs the loop; returns seconds by part, all seconds, and the number of steps."""
    text = corpora.shakespeare()
    choice = defaults_for(budget, len(text) * 9 // 10, cell)
    sizes = {name: getattr(choice, name) for name in ("layers", "hidden", "embedding", "dropout", "batch", "window")}
    watch, steps, first = Watch(), 0, [0.0]

    def count(progress: training.Progress) -> None:
        nonlocal steps
        steps += 1
        if steps == 20:  # warm: from here on it counts
            watch.seconds.clear()
            watch.left_out = 0.0
            first[0] = time.perf_counter()

    wrapped = [
        (Windows, "__getitem__", "data"),
        (LanguageNetwork, "masks", "dropout masks"),
        (LanguageNetwork, "forward", "forward"),
        (text_learner.F, "cross_entropy", "loss"),
        (torch.Tensor, "backward", "backward"),
        (training.nn.utils, "clip_grad_norm_", "clip"),
        (torch.optim.AdamW, "step", "AdamW"),
        (Muon, "step", "Muon"),
    ]
    with ExitStack() as stack:
        for owner, attribute, name in wrapped:
            stack.enter_context(mock.patch.object(owner, attribute, watch.wrap(name, getattr(owner, attribute))))
        stack.enter_context(mock.patch.object(training, "_validate", watch.leave_out(training._validate)))
        stack.enter_context(mock.patch.object(operators, "_kernels", Kernels(watch)))
        elman.LanguageModel(cell=cell, **sizes).fit(text, time=seconds, progress=count)
    return dict(watch.seconds), time.perf_counter() - first[0] - watch.left_out, steps - 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cell", default="lstm")
    parser.add_argument("--time", default="3m", help="the budget whose defaults are measured (default: 3m)")
    parser.add_argument("--seconds", type=float, default=20, help="how long to measure (default: 20)")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    parts, total, steps = measure(options.cell, parse_duration(options.time), options.seconds)
    forward, backward = parts.pop("kernels, forward"), parts.pop("kernels, backward")
    parts["forward, around the kernels"] = parts.pop("forward") - forward
    parts["backward, around the kernels"] = parts.pop("backward") - backward
    parts = {"kernels, forward": forward, "kernels, backward": backward, **parts}
    parts["the loop"] = total - sum(parts.values())
    print(f"{options.cell}, defaults of {options.time}: {1e3 * total / steps:.2f} ms a step, {options.threads} threads")
    for name, seconds in parts.items():
        print(f"  {name:30} {1e3 * seconds / steps:8.3f} ms {100 * seconds / total:6.1f} %")
    print(f"  {'not kernels':30} {1e3 * (total - forward - backward) / steps:8.3f} ms "
          f"{100 * (1 - (forward + backward) / total):6.1f} %")  # fmt: skip


if __name__ == "__main__":
    main()
