"""Rolling-origin backtest: forecasts from many origins of held-out series, beside the baselines from the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.series import Series
from elman.models import ForecastNetwork
from elman.tasks.forecasting.baselines import (
    ar_coefficients,
    ar_forecast,
    ar_order,
    seasonal_difference,
    seasonal_naive,
)
from elman.tasks.forecasting.scores import Scores
from elman.tasks.forecasting.settings import ForecastSettings
from elman.tasks.forecasting.windows import Scaling, Windows

__all__ = ["Baselines", "backtest"]

_BATCH = 1024  # windows

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Baselines:
    """The autoregressions of the training series, and the scales of their MASE."""

    season: int
    coefficients: dict[str, Numbers]  # by name: (1 + order,)
    differences: dict[str, float]

    @classmethod
    def of(cls, parts: Sequence[Series], season: int) -> Self:
        """From the series of the training part."""
        return cls(
            season,
            {one.name: ar_coefficients(one.values, ar_order(len(one), season)) for one in parts},
            {one.name: seasonal_difference(one.values, season) for one in parts},
        )

    def for_series(self, series: Series, known: int) -> tuple[Numbers, float]:
        """Coefficients and scale of a series; of one that training did not meet from its first `known` values."""
        if series.name in self.coefficients:
            return self.coefficients[series.name], self.differences[series.name]
        own = Baselines.of([series.part(0, known)], self.season)
        return own.coefficients[series.name], own.differences[series.name]

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {
            "season": self.season,
            "coefficients": {name: numbers.tolist() for name, numbers in self.coefficients.items()},
            "differences": {name: None if np.isnan(d) else d for name, d in self.differences.items()},
        }

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(
            facts["season"],
            {name: np.array(numbers) for name, numbers in facts["coefficients"].items()},
            {name: float("nan") if d is None else d for name, d in facts["differences"].items()},
        )


def backtest(
    network: ForecastNetwork,
    windows: Windows,
    origins: Sequence[NDArray[np.int64]],
    scaling: Scaling,
    baselines: Baselines,
    settings: ForecastSettings,
) -> dict[str, Any]:
    """Measure a network and the baselines on the same windows; see `elman.Forecaster.evaluate`."""
    ours, naive, ar = Scores(settings.quantiles), Scores((0.5,)), Scores((0.5,))
    H, season, used = settings.horizon, settings.season, 0
    for index, (series, own) in enumerate(zip(windows.series, origins, strict=True)):
        if not len(own):
            continue
        used += 1
        unit = windows.units[index]
        coefficients, difference = baselines.for_series(series, int(own[0]))
        scales = (difference, unit.deviation)
        for batch in np.array_split(own, -(-len(own) // _BATCH)):
            actual = series.values[batch[:, None] + np.arange(H)]
            with torch.no_grad():
                scaled = network(windows.past(windows.places(index, batch))).sort(dim=2).values
            ours.add(actual, scaling.restored(scaled.double().numpy(), unit), *scales)
            naive.add(actual, seasonal_naive(series.values, batch, H, season)[..., None], *scales)
            ar.add(actual, ar_forecast(series.values, coefficients, batch, H, season)[..., None], *scales)
    return {
        **ours.result(),
        "seasonal_naive": naive.result(),
        "ar": ar.result(),
        "windows": ours.windows,
        "values": ours.values,
        "series": used,
        "horizon": H,
        "season": season,
    }
