"""What regressions on the past share: series checked, lagged columns, least squares, information criteria."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Fit",
    "as_series",
    "check_whole",
    "criteria",
    "errors",
    "lagged",
    "least_squares",
    "levels",
    "nested_squares",
    "rounding",
]

Array = NDArray[np.float64]


class Fit(NamedTuple):
    """A linear regression by least squares."""

    coefficients: Array
    """(p,) or, for M targets, (p, M)."""
    sigma2: Array
    """Mean square of the residuals, the estimate of maximum likelihood: a number, or (M,)."""


def as_series(values: ArrayLike, name: str, *, columns: bool = False) -> Array:
    """Check a series: float64, (T,), or with `columns` (T, M), where (T,) is one column.

    Raises
    ------
    TypeError
        If it is not of numbers.
    ValueError
        If it has another shape, or a value is missing or infinite; the message says which.
    """
    try:
        series = np.array(values, dtype=np.float64)  # a copy: what the caller does later to it is no concern of ours
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} is not a series of numbers: {error}") from error
    if columns and series.ndim == 1:
        series = series[:, None]
    if series.ndim != (2 if columns else 1) or (columns and series.shape[1] == 0):
        letters = "(T,) or (T, columns)" if columns else "(T,)"
        raise ValueError(f"{name} has shape {series.shape}; expected {letters}: one value a time step")
    if not np.isfinite(series).all():
        where = np.argwhere(~np.isfinite(series))
        place = ", ".join(str(i) for i in (where[0][:1] if series.shape[-1] == 1 else where[0]))
        more = f" (and {len(where) - 1} more)" if len(where) > 1 else ""
        raise ValueError(
            f"{name}[{place}] is {series[tuple(where[0])]}{more}; fill or cut what is missing or infinite first"
        )
    return series


def lagged(series: Array, lags: range, rows: range) -> Array:
    """The values of `series`, (T, M), at t - lag for each t of `rows` and each of `lags`: (rows, lags·M)."""
    parts = [series[rows.start - lag : rows.stop - lag] for lag in lags]
    return np.concatenate(parts, axis=1) if parts else np.empty((len(rows), 0))


def least_squares(design: Array, targets: Array) -> Fit:
    """Fit targets, (rows,) or (rows, M), by the columns of `design`, (rows, p).

    Columns that depend on one another, as those of a constant series do, get the shortest of the coefficients that fit.
    Each column is measured in units of its own length, so that one of large numbers does not make others look empty.
    """
    lengths = np.linalg.norm(design, axis=0)
    lengths[lengths == 0] = 1.0
    scaled, *_ = np.linalg.lstsq(design / lengths, targets, rcond=None)
    coefficients = (scaled.T / lengths).T
    residuals = targets - design @ coefficients
    sigma2 = np.mean(residuals**2, axis=0)
    return Fit(coefficients, np.where(sigma2 <= rounding(targets), 0.0, sigma2))


def rounding(targets: Array) -> Array:
    """The mean square that rounding alone can leave of targets, (rows,) or (rows, M), that are fitted exactly."""
    square: Array = (np.finfo(np.float64).eps * len(targets)) ** 2 * np.mean(targets**2, axis=0)
    return square


def criteria(sigma2: float, rows: int, parameters: int) -> dict[str, float]:
    """The log-likelihood of a Gaussian regression, and Akaike's, Schwarz's and Hannan and Quinn's criteria.

    llf = -rows/2 (log 2πσ² + 1); each criterion is -2 llf + c·(parameters + 1), c = 2, log rows and 2 log log rows; the
    one parameter more is σ².  A fit without residuals has an infinite likelihood.
    """
    log_likelihood = -rows / 2 * (math.log(2 * math.pi * sigma2) + 1) if sigma2 > 0 else math.inf
    prices = {"aic": 2.0, "bic": math.log(rows), "hqic": 2 * math.log(math.log(rows)) if rows > 1 else 0.0}
    return {
        "log_likelihood": log_likelihood,
        **{name: -2 * log_likelihood + price * (parameters + 1) for name, price in prices.items()},
    }


def errors(predicted: Array, actual: Array, prefix: str) -> dict[str, float]:
    """Root of the mean square and mean size of the errors, all columns together."""
    difference = predicted - actual
    return {
        f"{prefix}_rmse": float(np.sqrt(np.mean(difference**2))),
        f"{prefix}_mae": float(np.mean(np.abs(difference))),
    }


def levels(trend: str, season: int | None, start: int, steps: int) -> Array:
    """The columns of a regression that depend on time alone, for steps from `start` on: (steps, ·).

    In `trend`, c stands for a column of ones and t for 1, 2, …; a season has a column for each of its steps, but with c
    none for the first.
    """
    t = np.arange(start, start + steps, dtype=np.float64)
    columns: list[Array] = [np.ones_like(t)] if "c" in trend else []
    columns += [t + 1.0] if "t" in trend else []
    for number in range(1 if "c" in trend else 0, season or 0):
        columns.append((t % (season or 1) == number).astype(np.float64))
    return np.stack(columns, axis=1) if columns else np.empty((steps, 0))


def nested_squares(design: Array, targets: Array, fixed: int) -> Array:
    """The sums of squared residuals with the first `fixed`, `fixed` + 1, … and all columns of a regression.

    One QR decomposition knows them all: of the largest, and what each column explains beyond those before it.
    """
    basis, _ = np.linalg.qr(design)
    gains = basis.T @ targets
    rest = targets - basis @ gains
    squares: Array = rest @ rest + np.concatenate((np.cumsum(gains[fixed:][::-1] ** 2)[::-1], [0.0]))
    squares[squares <= len(targets) * rounding(targets)] = 0.0
    return squares


def check_whole(name: str, value: object, least: int) -> None:
    """Check an optional whole number; None passes."""
    if value is None:
        return
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected a whole number, at least {least}")
    if value < least:
        raise ValueError(f"{name} is {value}, expected at least {least}")
