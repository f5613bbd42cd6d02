"""How the time of our layers grows with T, N and H, and how their memory compares with the formula of kernels/scan.h.

    python benchmarks/scaling.py                      # training steps, 2 threads
    python benchmarks/scaling.py --cells gru --modes infer --longest 1000
    python benchmarks/scaling.py --plot docs/img/scaling.svg      # with matplotlib

Time should be a constant for each step, row and H (I + H): the last column, which is 1 for the middle of each series.
Memory is what a first forward and backward pass adds to a process (Linux), on one thread, beside what the formula says.
"""

import argparse
import os
from pathlib import Path

import torch

import elman
from elman import _kernels
from elman.benchmarking import CELLS, Case, Pair, best_times, conditions

MIB = 2**20
FIXED = (100, 16, 64, 128)
SERIES = {
    "T": [(T, *FIXED[1:]) for T in (10, 100, 1000, 10_000)],
    "N": [(FIXED[0], N, *FIXED[2:]) for N in (1, 4, 16, 64, 256)],
    "H": [(FIXED[0], FIXED[1], H, H) for H in (16, 64, 128, 256, 512, 1024)],
}
MEMORY = [(100, 16, 64, 128), (1000, 1, 128, 128), (100, 32, 256, 512), (784, 128, 1, 128), (35, 64, 512, 1024)]
SAVED = {"rnn": 0, "gru": 4, "lstm": 5}  # numbers that a unit keeps for the backward pass
FLOAT = 4  # bytes
VECTOR = {"avx512": 16, "avx2": 8}  # numbers; others 4


Curves = dict[str, dict[str, tuple[list[int], list[float]]]]  # by series and cell: work of a step, milliseconds


def print_series(name: str, cell: str, mode: str, longest: int, rounds: int) -> tuple[list[int], list[float]]:
    """Times along one size; returns what grows, T, N or H (I + H), and the milliseconds."""
    cases = [Case(cell, mode, shape) for shape in SERIES[name] if shape[0] <= longest]
    times = [best_times({"elman": Pair(case).run_elman}, rounds)["elman"] for case in cases]
    each = [time / case.operations for time, case in zip(times, cases, strict=True)]
    for case, time, one in zip(cases, times, each, strict=True):
        shape = ", ".join(map(str, case.shape))
        relative = one / each[len(each) // 2]
        print(f"{cell:5} {mode:6} {name} {shape:>20} {1e3 * time:11.3f} ms {1e-9 / one:8.1f} GFLOP/s {relative:6.2f}")
    grown = {"T": lambda s: s[0], "N": lambda s: s[1], "H": lambda s: s[3] * (s[2] + s[3])}[name]
    return [grown(case.shape) for case in cases], [1e3 * time for time in times]


def plot(curves: Curves, file: Path) -> None:
    """Draws times against T, N and H (I + H) on logarithmic scales, beside a line of slope 1."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": "elman", "font.size": 9}):
        figure = Figure((9, 3), layout="constrained")
        panels = figure.subplots(1, len(curves), sharey=True)
        for panel, (name, cells) in zip(panels, curves.items(), strict=True):
            for cell, (work, milliseconds) in cells.items():
                panel.loglog(work, milliseconds, "o-", markersize=3, label=cell.upper())
            work, milliseconds = cells["lstm" if "lstm" in cells else next(iter(cells))]
            line = [milliseconds[-1] * one / work[-1] for one in work]
            panel.loglog(work, line, color="grey", linestyle=":", label="proportional")
            panel.set_xlabel({"T": "T, steps", "N": "N, rows", "H": "H (I + H), I = H"}[name])
            panel.set_title(f"T, N, I, H = {', '.join(map(str, shown(name)))}", fontsize=9)
        panels[0].set_ylabel("ms a training step")
        panels[0].legend(frameon=False, fontsize=8)
        figure.savefig(file, metadata={"Date": None})


def shown(name: str) -> tuple[int | str, ...]:
    """The shape of a series, with the letter of what grows in its place."""
    T, N, I, H = FIXED  # noqa: E741
    return {"T": ("T", N, I, H), "N": (T, "N", I, H), "H": (T, N, "H", "H")}[name]


def scratch(cell: str, shape: tuple[int, int, int, int]) -> int:
    """Bytes of the working memory of a training step on one thread, by the formula at the head of kernels/scan.h."""
    (T, N, I, H), G, a = shape, CELLS[cell], 2 if cell == "gru" else 1  # noqa: E741
    lanes = VECTOR.get(_kernels.active_isa(), 4)
    Hp, Ip = (-(-size // lanes) * lanes for size in (H, I))
    most = 512 if H >= 512 else 256
    R = min(N * T, max(N, most))
    ahead = min(N * T, max(N, rows_forward(G, I, H, most)))
    packed = G * Hp * (I + H)
    forward = packed + ahead * G * Hp + N * Hp
    share = G * Hp * (Hp + Ip + a)
    backward = packed + ((a + 1) * R + N) * G * Hp + 2 * N * Hp + 4 * R * lanes + share
    return FLOAT * max(forward, backward)


def rows_forward(G: int, I: int, H: int, most: int) -> int:  # noqa: E741
    """The rows of a chunk of a forward pass: see kernels/scan.h."""
    row = FLOAT * G * H
    rows = max((256 << 10) // row, I)
    return most if rows * row > 512 << 10 else min(rows, most)


def results(cell: str, shape: tuple[int, int, int, int]) -> int:
    """Bytes of what a training step returns and keeps: output, saved numbers, gradients."""
    T, N, I, H = shape  # noqa: E741
    weights = CELLS[cell] * H * (I + H + 2)
    saved = T * N * SAVED[cell] * (-(-H // 16) * 16)
    return FLOAT * (T * N * H + saved + T * N * I + weights)


def added(cell: str, shape: tuple[int, int, int, int]) -> int:
    """Bytes that a first training step adds to a process; in a child, for the working memory is kept."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        T, N, I, H = shape  # noqa: E741
        one = torch.ones(1, 1, 1)
        elman.RNN(1, 1)(one)[0].backward(one)  # torch imports much at the first cotangent
        layer = getattr(elman, cell.upper())(I, H)
        x, dy = torch.ones(T, N, I, requires_grad=True), torch.ones(T, N, H)
        before = resident()
        y = layer(x)[0]
        gradients = torch.autograd.grad(y, [x, *layer.parameters()], dy, retain_graph=True)
        os.write(theirs, str(resident() - before).encode("ascii"))
        del y, gradients  # all were alive until here
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        grown = int(answer.read())
    os.waitpid(child, 0)
    return grown


def resident() -> int:
    """Resident memory of this process without that of files, in bytes: a child has to map its libraries anew."""
    _, all_pages, of_files, *_ = map(int, Path("/proc/self/statm").read_text(encoding="ascii").split())
    return (all_pages - of_files) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", default=",".join(CELLS))
    parser.add_argument("--modes", default="train")
    parser.add_argument("--longest", type=int, default=10_000, help="largest T (default: 10,000)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the times of the first mode")
    options = parser.parse_args()
    with conditions(1):
        print(f"{'memory':6} {'T, N, I, H':>20} {'formula':>12} {'results':>12} {'together':>12} {'measured':>12}")
        for cell in options.cells.split(","):
            for shape in MEMORY:
                parts = scratch(cell, shape), results(cell, shape)
                sizes = "".join(f" {size / MIB:8.2f} MiB" for size in (*parts, sum(parts), added(cell, shape)))
                print(f"{cell:6} {', '.join(map(str, shape)):>20}{sizes}", flush=True)
    curves: Curves = {name: {} for name in SERIES}
    with conditions(options.threads):
        for name in SERIES:
            for mode in options.modes.split(","):
                for cell in options.cells.split(","):
                    found = print_series(name, cell, mode, options.longest, options.rounds)
                    curves[name].setdefault(cell, found)
    if options.plot:
        plot(curves, options.plot)


if __name__ == "__main__":
    main()
