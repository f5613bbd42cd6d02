"""The table of ``elman bench layers``: its lines, its means, and under which conditions it was measured."""

import datetime
import os
import platform
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import elman
from elman import _kernels
from elman.benchmarking.cases import Case, Pair
from elman.benchmarking.timing import best_times

__all__ = ["LARGEST_ERROR", "Measurement", "conditions", "difference", "facts", "means", "measure"]

LARGEST_ERROR = 1e-4
"""Relative to float64; a layer that is further off has not computed what was to be timed."""


@dataclass(frozen=True)
class Measurement:
    """The times of one case, and the largest error of ours."""

    case: Case
    torch_ms: float
    elman_ms: float
    error: float
    others_ms: Mapping[str, float]
    """Of further peers, by their names."""

    @property
    def ratio(self) -> float:
        """How many times faster than torch.nn."""
        return self.torch_ms / self.elman_ms

    @property
    def gflops(self) -> float:
        """Operations of ours, 10⁹ a second."""
        return self.case.operations / self.elman_ms / 1e6

    def as_row(self, peak: float) -> dict[str, Any]:
        """The measurement as it is kept in JSON; `peak` in GFLOP/s."""
        case = self.case
        unusual = {name: getattr(case, name) for name in ("layers", "bidirectional", "lengths")}
        return {
            "cell": case.cell,
            "mode": case.mode,
            "shape": list(case.shape),
            **{name: given for name, given in unusual.items() if given != getattr(Case, name)},
            "torch_ms": self.torch_ms,
            "elman_ms": self.elman_ms,
            **{f"{name}_ms": time for name, time in self.others_ms.items()},
            "ratio": self.ratio,
            "gflops": self.gflops,
            "percent_of_peak": 100 * self.gflops / peak,
            "error": self.error,
        }


def measure(
    case: Case,
    rounds: int = 5,
    sample: float = 0.05,
    peers: Mapping[str, Callable[[Pair], Callable[[], object]]] | None = None,
) -> Measurement:
    """Time our layer beside torch.nn's.

    Parameters
    ----------
    case : Case
    rounds, sample
        As `best_times` takes them.
    peers : mapping of name to callable
        Further libraries: each makes of a `Pair` the call that is timed.

    Raises
    ------
    ArithmeticError
        If ours is further from float64 than `LARGEST_ERROR`.

    Examples
    --------
    >>> measured = measure(Case("rnn", "train", (20, 1, 8, 8)), rounds=1, sample=0.001)
    >>> measured.elman_ms > 0, measured.error < 1e-5
    (True, True)
    """
    pair = Pair(case)
    error = difference(pair.run_elman(), pair.run_exactly())
    if not error <= LARGEST_ERROR:
        raise ArithmeticError(f"{case} is off by {error:.1g}; at most {LARGEST_ERROR:.0g} is rounding")
    calls: dict[str, Callable[[], object]] = {"torch": pair.run_torch, "elman": pair.run_elman}
    calls |= {name: build(pair) for name, build in (peers or {}).items()}
    milliseconds = {name: 1e3 * time for name, time in best_times(calls, rounds, sample).items()}
    return Measurement(case, milliseconds.pop("torch"), milliseconds.pop("elman"), error, milliseconds)


def difference(found: Iterable[Tensor], exact: Iterable[Tensor]) -> float:
    """The largest error, relative to the largest number of each tensor."""
    return max(float((a.double() - b).abs().max() / b.abs().max()) for a, b in zip(found, exact, strict=True))


def means(measurements: Iterable[Measurement], peak: float) -> list[dict[str, Any]]:
    """Geometric means of the ratios of each cell and mode, with and without single rows (N = 1), and the least ratio.

    ``percent_of_peak`` is the geometric mean over the wide rows, N of at least 32 and I of at least 64, where products
    are nearly all there is to do; ``least_percent`` the least of them.  What there is nothing to take of is None.

    Parameters
    ----------
    measurements : iterable of Measurement
    peak : float
        GFLOP/s.
    """
    groups: dict[tuple[str, str], list[Measurement]] = {}
    for one in measurements:
        groups.setdefault((one.case.cell, one.case.mode), []).append(one)
    rows: list[dict[str, Any]] = []
    for (cell, mode), group in groups.items():
        batched = [one.ratio for one in group if one.case.shape[1] > 1]
        wide = [100 * one.gflops / peak for one in group if one.case.shape[1] >= 32 and one.case.shape[2] >= 64]
        rows.append(
            {
                "cell": cell,
                "mode": mode,
                "mean": statistics.geometric_mean(one.ratio for one in group),
                "mean_of_batches": statistics.geometric_mean(batched) if batched else None,
                "least": min(one.ratio for one in group),
                "percent_of_peak": statistics.geometric_mean(wide) if wide else None,
                "least_percent": min(wide, default=None),
            }
        )
    return rows


@contextmanager
def conditions(threads: int | None = None, isa: str | None = None) -> Iterator[None]:
    """Use a number of threads and an instruction set, and put back what was in use.

    Raises
    ------
    ValueError
        If there is no such instruction set here, or threads is less than 1.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"threads is {threads}, expected at least 1")
    if isa is not None and isa not in _kernels.isas():
        raise ValueError(f"isa is {isa!r}, expected one that can run here: {', '.join(_kernels.isas())}")
    before = torch.get_num_threads(), _kernels.active_isa()
    torch.set_num_threads(threads or before[0])
    _kernels.set_isa(isa or before[1])
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        _kernels.set_isa(before[1])


_PEAKS = 100  # measurements of 5 ms: on a shared machine others may be in the way of some


def facts(machine: str | None = None, double: bool = False) -> dict[str, Any]:
    """What a table must say of where it comes from, under the conditions of now.

    ``peak_gflops`` is what fused multiply-adds in registers reach on these threads, of float64 if `double`.
    """
    threads = torch.get_num_threads()
    return {
        "machine": machine or _machine(),
        "isa": _kernels.active_isa(),
        "threads": threads,
        "elman": elman.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": datetime.date.today().isoformat(),
        "peak_gflops": max(_kernels.fma_peak(threads, 8 if double else 4) for _ in range(_PEAKS)),
    }


def _machine() -> str:
    """Cores and the name of the processor, as Linux tells it."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    return f"{os.cpu_count()} cores of {name}"
