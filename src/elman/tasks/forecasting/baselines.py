"""What a forecaster has to beat: the seasonal naive forecast and an autoregression; and the scale of the MASE."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["ar_coefficients", "ar_forecast", "ar_order", "filled", "seasonal_difference", "seasonal_naive"]

Numbers = NDArray[np.float64]
Origins = NDArray[np.int64]


def filled(values: Numbers, season: int = 1) -> Numbers:
    """A series, (T,), in which a missing value is the one a season before, or, at the start, the one before it.

    >>> filled(np.array([1.0, np.nan, 3.0, np.nan, 5.0]), season=2)
    array([1., 1., 3., 1., 5.])
    """
    whole = values.copy()
    for place in np.flatnonzero(np.isnan(values)).tolist():
        whole[place] = whole[place - season] if place >= season else whole[max(place - 1, 0)]
    return whole


def seasonal_difference(values: Numbers, season: int) -> float:
    """The scale of the MASE: the mean of \\|y_t - y_{t-m}\\| where both are there; NaN if there is no such pair."""
    differences = np.abs(values[season:] - values[:-season])
    there = differences[~np.isnan(differences)]
    return float(there.mean()) if len(there) else float("nan")


def seasonal_naive(values: Numbers, origins: Origins, horizon: int, season: int) -> Numbers:
    """The last season again and again, (W, H): of W origins, each the number of values that are known there.

    >>> seasonal_naive(np.array([1.0, 2.0, 3.0, 4.0]), np.array([3, 4]), horizon=3, season=2)
    array([[2., 3., 2.],
           [3., 4., 3.]])
    """
    steps = origins[:, None] - season + np.arange(horizon) % season
    last = origins[:, None] - 1
    whole: Numbers = filled(values, season)[np.where(steps >= 0, steps, last)]
    return whole


def ar_order(length: int, season: int) -> int:
    """The order of the autoregression beside a forecaster: Schwert's rule, or a season and a step if there is enough.

    >>> ar_order(8640, season=24), ar_order(600, season=24), ar_order(96, season=12)
    (36, 25, 11)
    """
    schwert = int(12 * (length / 100) ** 0.25)
    wanted = max(schwert, season + 1) if 8 * (season + 1) <= length else schwert
    return max(0, min(wanted, length // 3 - 1))


def ar_coefficients(values: Numbers, order: int) -> Numbers:
    """Intercept and coefficients of an autoregression by least squares, (1 + order,), the newest value's first.

    Rows in which a value is missing are left out; with fewer than two rows for each number the order falls.
    """
    while True:
        rows = np.lib.stride_tricks.sliding_window_view(values, order + 1) if len(values) > order else values[:0, None]
        rows = rows[~np.isnan(rows).any(axis=1)]
        if order == 0 or len(rows) >= 2 * (order + 1):
            break
        order //= 2
    if order == 0:
        return np.array([np.nanmean(values)])
    past = np.concatenate([np.ones((len(rows), 1)), rows[:, :-1][:, ::-1]], axis=1)
    solution: Numbers = np.linalg.lstsq(past, rows[:, -1], rcond=None)[0]
    return solution


def ar_forecast(values: Numbers, coefficients: Numbers, origins: Origins, horizon: int, season: int) -> Numbers:
    """Forecasts of an autoregression, its own fed back: (W, H) of W origins."""
    order = len(coefficients) - 1
    padded = np.concatenate([np.full(order, values[0]), filled(values, season)])
    path = np.empty((len(origins), order + horizon))
    for lag in range(order):
        path[:, lag] = padded[origins + lag]  # the `order` values before each origin, oldest first
    for step in range(horizon):
        path[:, order + step] = coefficients[0] + path[:, step : order + step] @ coefficients[:0:-1]
    return path[:, order:]
