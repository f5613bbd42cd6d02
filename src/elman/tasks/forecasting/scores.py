"""How good forecasts were: MAE, RMSE, sMAPE, MASE, CRPS, coverage; added up batch by batch."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Scores", "level_weights"]

Numbers = NDArray[np.float64]


def level_weights(levels: tuple[float, ...]) -> Numbers:
    """The part of (0, 1) that is nearest to each quantile's level; they add up to 1.

    The CRPS is the integral over all levels of twice the pinball loss (Laio and Tamea, 2007); with these weights the
    quantiles at hand give its midpoint rule.  Of one level, 0.5, it is the absolute error.

    >>> level_weights((0.1, 0.5, 0.9)).round(3).tolist()
    [0.3, 0.4, 0.3]
    """
    middles = [(one + two) / 2 for one, two in pairwise(levels)]
    return np.diff([0.0, *middles, 1.0])


class Scores:
    """Sums of errors over windows.

    Parameters
    ----------
    levels
        Of the quantiles that are scored, rising, 0.5 among them.
    """

    def __init__(self, levels: tuple[float, ...]) -> None:
        self._levels, self._weights = np.array(levels), level_weights(levels)
        self._median = levels.index(0.5)
        self._count = self._windows = self._scaled_count = 0
        self._sums = dict.fromkeys(("absolute", "square", "smape", "mase", "crps", "z_absolute", "z_square"), 0.0)
        self._inside = 0

    def add(self, actual: Numbers, quantiles: Numbers, difference: float, deviation: float) -> None:
        """Take in windows of one series.

        Parameters
        ----------
        actual
            (W, H), NaN where nothing is to be compared.
        quantiles
            (W, H, Q)
        difference
            Scale of the MASE (`elman.tasks.forecasting.baselines.seasonal_difference`); 0 or NaN: it has none.
        deviation
            Standard deviation of the series, for the errors in units of it.
        """
        there = ~np.isnan(actual)
        y, forecast = actual[there], quantiles[there]
        point = forecast[:, self._median]
        error = np.abs(y - point)
        size = np.abs(y) + np.abs(point)
        self._count += len(y)
        self._windows += len(actual)
        sums = self._sums
        sums["absolute"] += error.sum()
        sums["square"] += (error**2).sum()
        sums["smape"] += 200 * np.divide(error, size, out=np.zeros_like(error), where=size > 0).sum()
        over = y[:, None] - forecast
        sums["crps"] += (2 * np.maximum(self._levels * over, (self._levels - 1) * over) @ self._weights).sum()
        sums["z_absolute"] += (error / deviation).sum()
        sums["z_square"] += ((error / deviation) ** 2).sum()
        if difference > 0:
            sums["mase"] += (error / difference).sum()
            self._scaled_count += len(y)
        self._inside += int(((y >= forecast[:, 0]) & (y <= forecast[:, -1])).sum())

    def result(self) -> dict[str, Any]:
        """The figures, each a mean over all values; `mase` is None where every series is its own naive forecast.

        ``mae`` and ``rmse`` are in the unit of the series, ``mse_scaled`` and ``mae_scaled`` in standard deviations
        of each series; ``smape`` in percent, of \\|y\\| + \\|ŷ\\| halved; ``coverage`` is the part of the values
        between the lowest and the highest quantile, and its width by their levels ``band``.
        """
        mean = {name: total / self._count for name, total in self._sums.items()}
        figures = {
            "mae": mean["absolute"],
            "rmse": mean["square"] ** 0.5,
            "smape": mean["smape"],
            "mase": self._sums["mase"] / self._scaled_count if self._scaled_count else None,
            "crps": mean["crps"],
            "mse_scaled": mean["z_square"],
            "mae_scaled": mean["z_absolute"],
        }
        if len(self._levels) > 1:
            figures |= {"coverage": self._inside / self._count, "band": float(self._levels[-1] - self._levels[0])}
        return {name: None if value is None else float(value) for name, value in figures.items()}

    @property
    def windows(self) -> int:
        """How many windows there were."""
        return self._windows

    @property
    def values(self) -> int:
        """How many values were compared."""
        return self._count
