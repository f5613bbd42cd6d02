"""How time is taken: calls take turns, and the smallest of the rounds counts."""

import math
import time
from collections.abc import Callable, Mapping

__all__ = ["best_times", "seconds_of"]


def seconds_of(call: Callable[[], object], repeats: int) -> float:
    """Mean time of one call, in seconds."""
    began = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - began) / repeats


def best_times(calls: Mapping[str, Callable[[], object]], rounds: int = 5, sample: float = 0.05) -> dict[str, float]:
    """Time several calls that do the same.

    They take turns (a, b, a, b, …), so that a slow drift of the machine meets all of them; disturbances only ever add
    time, so the smallest counts.

    Parameters
    ----------
    calls : mapping of name to callable
    rounds : int
        Samples of each.
    sample : float
        Seconds of one sample at least: short calls are repeated.

    Returns
    -------
    dict of str to float : seconds of one call

    Examples
    --------
    >>> times = best_times({"a": lambda: None, "b": lambda: sum(range(1000))}, rounds=2, sample=0.001)
    >>> times["a"] < times["b"]
    True
    """
    repeats = {name: max(1, math.ceil(sample / max(seconds_of(call, 1), 1e-6))) for name, call in calls.items()}
    times = dict.fromkeys(calls, math.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            times[name] = min(times[name], seconds_of(call, repeats[name]))
    return times
