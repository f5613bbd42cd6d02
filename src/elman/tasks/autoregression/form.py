"""What a NARX model sees: which delays, on which scale, with which season; and how to choose that by backtests."""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.tasks.autoregression.regression import Fit, lagged, least_squares

__all__ = ["Form", "Scales", "choose", "fit_linear", "run_linear"]

Array = NDArray[np.float64]

_ORIGINS = 12  # of a backtest
_PARTS = (4, 2, 1)  # a free run counts after a quarter, a half, and all of the horizon
_DELAYS = (1, 2, 3, 4, 6, 8, 12)
_LONG_DELAYS = (18, 24, 36)  # where no season is given
_INPUT_DELAYS = (0, 1, 2, 4, 6)
_DEAD_TIMES = (0, 1, 2, 3)
_AS_GOOD = 1.01  # errors that differ by less are taken for equal
_ROWS_FOR_EACH = 1.5  # rows that a coefficient needs at least in each fit of a backtest


class Scales(NamedTuple):
    """Mean and spread of outputs, (M,) each, in logarithms where the form takes them, and of inputs, (I,) each."""

    output_mean: Array
    output_spread: Array
    input_mean: Array
    input_spread: Array


@dataclass(frozen=True)
class Form:
    """The regressors of a NARX model."""

    output_delays: int  # Ky: y_{t-1} … y_{t-Ky}
    input_delays: int  # Kx: x_{t-dead_time} … x_{t-Kx}
    dead_time: int  # steps before an input shows
    log: bool  # whether outputs are taken in logarithms
    season: int | None  # steps of a season
    seasonal: bool  # whether each step of a season has a level of its own

    @property
    def memory(self) -> int:
        """How many steps of the past a prediction needs."""
        return max(self.output_delays, self.input_delays)

    def scales(self, y: Array, x: Array) -> Scales:
        """The scales of a training series, y (T, M) and x (T, I).  A constant has spread 1."""
        u = np.log(y) if self.log else y
        return Scales(*_mean_and_spread(u), *_mean_and_spread(x))

    def inward(self, y: Array, scales: Scales) -> Array:
        """Outputs as the network sees them."""
        return ((np.log(y) if self.log else y) - scales.output_mean) / scales.output_spread

    def outward(self, u: Array, scales: Scales) -> Array:
        """Outputs of the network in the units of the series; what has run away to beyond all numbers is infinite."""
        y = u * scales.output_spread + scales.output_mean
        with np.errstate(over="ignore"):
            return np.exp(y) if self.log else y

    def exogenous(self, x: Array, scales: Scales, start: int) -> Array:
        """What is known besides: (T, E), E = (Kx + 1 - dead_time)·I + season - 1.

        x, (Kx + T, I), begins Kx steps before the first; that one comes `start` steps after the training series' first.
        """
        T = len(x) - self.input_delays
        v = (x - scales.input_mean) / scales.input_spread
        seen = lagged(v, range(self.dead_time, self.input_delays + 1), range(self.input_delays, self.input_delays + T))
        if not (self.seasonal and self.season):
            return seen
        steps = np.arange(start, start + T)[:, None] % self.season
        return np.concatenate((seen, (steps == np.arange(1, self.season)).astype(np.float64)), axis=1)


def fit_linear(form: Form, y: Array, x: Array, scales: Scales) -> Fit:
    """Least squares of the scaled outputs on what the form sees and 1: coefficients (Ky·M + E + 1, M), the 1 last."""
    design, targets = _regression(form, y, x, scales)
    return least_squares(design, targets)


def run_linear(form: Form, fit: Fit, y: Array, x: Array, scales: Scales, start: int) -> Array:
    """Let a linear model run freely after y, (at least Ky, M), with inputs x, (Kx + steps, I): (steps, M)."""
    exogenous = form.exogenous(x, scales, start)
    Ky, M = form.output_delays, y.shape[1]
    level = exogenous @ fit.coefficients[Ky * M : -1] + fit.coefficients[-1]
    run = np.empty((Ky + len(level), M))
    run[:Ky] = form.inward(y[len(y) - Ky :], scales)
    weight = fit.coefficients[: Ky * M]
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(len(level)):
            run[Ky + t] = level[t] + run[t : Ky + t][::-1].reshape(-1) @ weight
    return form.outward(run[Ky:], scales)


def choose(
    y: Array,
    x: Array,
    horizon: int,
    *,
    output_delays: int | None,
    input_delays: int | None,
    dead_time: int | None,
    log: bool | None,
    season: int | None,
) -> tuple[Form, float | None]:
    """Choose what is None by backtests of the linear model: free runs of `horizon` steps from places all over the data.

    Of each candidate the geometric mean of its errors after a quarter, a half and all of the horizon counts, so that no
    single place decides; of those within a hundredth of the best, the one with the fewest coefficients is taken.

    Returns
    -------
    Form
    float or None
        This mean, of root mean square errors in units of the outputs' spread; None if there was nothing to choose or no
        room to try.
    """
    pairs = _input_delays(x.shape[1] > 0, input_delays, dead_time)
    candidates = _candidates(y, pairs, output_delays, log, season)
    origins = _origins(len(y), horizon)
    scored = [
        (score, form)
        for form in candidates
        if (score := _score(form, y, x, horizon, origins)) is not None and np.isfinite(score)
    ]
    if not scored:
        return candidates[0], None
    best = min(score for score, _ in scored)
    close = [(score, form) for score, form in scored if score <= _AS_GOOD * best]
    score, form = min(close, key=lambda pair: _coefficients(pair[1], y, x))
    return form, score


def _input_delays(inputs: bool, most: int | None, dead_time: int | None) -> list[tuple[int, int]]:
    """Pairs of dead time and last delay to try."""
    if not inputs:
        return [(0, 0)]
    last = _INPUT_DELAYS if most is None else (most,)
    first = _DEAD_TIMES if dead_time is None else (dead_time,)
    return [(dead, Kx) for dead in first for Kx in last if dead <= Kx] or [(first[0], first[0])]


def _candidates(
    y: Array, inputs: list[tuple[int, int]], output_delays: int | None, log: bool | None, season: int | None
) -> list[Form]:
    long = (season, season + 1) if season else _LONG_DELAYS
    of_output = (output_delays,) if output_delays is not None else sorted({*_DELAYS, *long})
    logs = (log,) if log is not None else ((False, True) if (y > 0).all() else (False,))
    seasonal = (False, True) if season else (False,)
    forms = itertools.product(seasonal, logs, inputs, of_output)
    return [Form(Ky, Kx, dead, in_log, season, own) for own, in_log, (dead, Kx), Ky in forms]


def _origins(T: int, horizon: int) -> list[int]:
    """Where free runs of a backtest begin: evenly from the middle of the data to as late as `horizon` allows."""
    last = T - horizon
    first = min(T // 2, last)
    return sorted({int(o) for o in np.linspace(first, last, _ORIGINS)}) if last > 1 else []


def _score(form: Form, y: Array, x: Array, horizon: int, origins: list[int]) -> float | None:
    """The geometric mean of the errors of a form; None if there are too few rows to fit it."""
    if not origins or origins[0] - form.memory < _ROWS_FOR_EACH * _coefficients(form, y, x):
        return None
    logs: list[float] = []
    for o in origins:
        scales = form.scales(y[:o], x[:o])
        fit = fit_linear(form, y[:o], x[:o], scales)
        run = run_linear(form, fit, y[:o], x[o - form.input_delays : o + horizon], scales, o)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = ((run - y[o : o + horizon]) / np.maximum(y[:o].std(axis=0), 1e-300)) ** 2
            logs += [0.5 * np.log(np.mean(squares[: max(1, horizon // part)]) + 1e-24) for part in _PARTS]
    return float(np.exp(np.mean(logs)))


def _coefficients(form: Form, y: Array, x: Array) -> int:
    """The coefficients of a linear model, for one output."""
    of_inputs: int = (form.input_delays + 1 - form.dead_time) * x.shape[1]
    return int(form.output_delays * y.shape[1]) + of_inputs + ((form.season or 1) - 1 if form.seasonal else 0) + 1


def _regression(form: Form, y: Array, x: Array, scales: Scales) -> tuple[Array, Array]:
    first, T = form.memory, len(y)
    u = form.inward(y, scales)
    exogenous = form.exogenous(x[first - form.input_delays :], scales, first)
    past = lagged(u, range(1, form.output_delays + 1), range(first, T))
    return np.concatenate((past, exogenous, np.ones((T - first, 1))), axis=1), u[first:]


def _mean_and_spread(values: Array) -> tuple[Array, Array]:
    mean, spread = values.mean(axis=0), values.std(axis=0)
    flat = spread <= 1e-12 * np.abs(mean)
    return mean, np.where(flat | (spread == 0), 1.0, spread)
