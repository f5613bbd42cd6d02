"""Resident memory of training, of generating and of a stepper, over time (Linux).

    python benchmarks/memory.py                        # 60 s of training, 100,000 characters written
    python benchmarks/memory.py --seconds 20 --length 20000
    python benchmarks/memory.py --steps 10000000       # steps of an LSTM of 64 units over 8 streams, nothing else

It trains the default model of --time, then writes from it, and prints the resident memory at ten moments of each.
"""

import argparse
import os
import time
from itertools import islice
from pathlib import Path

import torch

import elman
from elman import corpora
from elman.tasks.defaults import defaults_for
from elman.tasks.duration import parse_duration

MIB = 2**20
MOMENTS = 10


def resident() -> float:
    """Resident memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def print_row(moment: str, before: float) -> None:
    """The memory at a moment, and how much of it came since."""
    print(f"  {moment:>16} {resident():9.1f} MiB {resident() - before:+9.1f}", flush=True)


def train(budget: str, seconds: float) -> elman.LanguageModel:
    """Trains the default model of a budget for some seconds."""
    text = corpora.shakespeare()
    choice = defaults_for(parse_duration(budget), len(text) * 9 // 10, "lstm")
    sizes = {name: getattr(choice, name) for name in ("layers", "hidden", "embedding", "dropout", "batch", "window")}
    before, due = resident(), [0.0]
    print(f"training, {choice.layers} x {choice.hidden}, {choice.batch} streams, windows of {choice.window}")

    def show(progress: elman.tasks.Progress) -> None:
        if progress.seconds >= due[0]:
            due[0] += seconds / MOMENTS
            print_row(f"{progress.seconds:.0f} s", before)

    return elman.LanguageModel(**sizes).fit(text, time=seconds, progress=show)


def generate(model: elman.LanguageModel, length: int) -> None:
    """Writes a long text and throws it away."""
    print("generating")
    pieces = model.generate("ROMEO:", length=length, seed=0)
    before, began = resident(), time.perf_counter()
    for part in range(MOMENTS):
        written = sum(len(piece) for piece in islice(pieces, length // MOMENTS))
        print_row(f"{(part + 1) * written:,} chars", before)
    print(f"  {length / (time.perf_counter() - began):,.0f} characters a second")


def step(number: int) -> None:
    """Takes many steps of a stream, each from the state that the last one left."""
    print("stepping")
    stepper, x, state = elman.LSTM(16, 64).stepper(), torch.randn(8, 16), None
    for _ in range(1000):
        _, state = stepper(x, state)
    before, began = resident(), time.perf_counter()
    for part in range(MOMENTS):
        for _ in range(number // MOMENTS):
            _, state = stepper(x, state)
        print_row(f"{(part + 1) * (number // MOMENTS):,} steps", before)
    print(f"  {number / (time.perf_counter() - began):,.0f} steps a second")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time", default="3m", help="the budget whose default model is taken (default: 3m)")
    parser.add_argument("--seconds", type=float, default=60, help="of training (default: 60)")
    parser.add_argument("--length", type=int, default=100_000, help="characters to write (default: 100,000)")
    parser.add_argument("--steps", type=int, help="of a stepper, instead of a model")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"with the library imported: {resident():.1f} MiB")
    if options.steps:
        step(options.steps)
        return
    generate(train(options.time, options.seconds), options.length)


if __name__ == "__main__":
    main()
