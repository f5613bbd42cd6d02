"""A forecast, and how it is written: rows, JSON, CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.data.calendar import Times

__all__ = ["Forecast", "as_csv"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Forecast:
    """What comes next in one series.

    Parameters
    ----------
    series
        Its name.
    levels
        Of the quantiles, rising, 0.5 among them.
    quantiles
        (H, Q), rising along Q.
    times
        (H,), of the steps; None: they are counted.
    past
        (P,): the last values before, NaN where one is missing, for a picture.
    past_times
        (P,)
    """

    series: str
    levels: tuple[float, ...]
    quantiles: Numbers
    times: Times | None = None
    past: Numbers = field(default_factory=lambda: np.empty(0))
    past_times: Times | None = None

    def __len__(self) -> int:
        return len(self.quantiles)

    @property
    def values(self) -> Numbers:
        """The forecast itself, the median: (H,)."""
        return self.quantiles[:, self.levels.index(0.5)]

    def band(self, part: float = 0.8) -> tuple[Numbers, Numbers]:
        """The bounds between which `part` of the values is expected: lower (H,), upper (H,).

        Raises
        ------
        ValueError
            If no two levels have that distance from 0.5.
        """
        low, high = (round(0.5 - part / 2, 9), round(0.5 + part / 2, 9))
        if low not in self.levels or high not in self.levels:
            widths = ", ".join(f"{width:g}" for width in self.bands)
            raise ValueError(f"part is {part:g}, expected one of {widths or 'none: the model has no such quantiles'}")
        return self.quantiles[:, self.levels.index(low)], self.quantiles[:, self.levels.index(high)]

    @property
    def bands(self) -> tuple[float, ...]:
        """The parts that `band` knows, widest first."""
        pairs = ((level, round(1 - level, 9)) for level in self.levels if level < 0.5)
        return tuple(round(high - low, 9) for low, high in pairs if high in self.levels)

    def steps(self) -> list[str | int]:
        """The times as text, or the numbers of the steps from 1."""
        if self.times is None:
            return list(range(1, len(self) + 1))
        texts = [str(time).replace("T", " ") for time in self.times.astype("datetime64[us]")]
        for ending in (".000000", ":00", " 00:00"):  # what all of them end with says nothing
            if not all(text.endswith(ending) for text in texts):
                break
            texts = [text.removesuffix(ending) for text in texts]
        return list(texts)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: series, time, forecast, quantiles by level."""
        return {
            "series": self.series,
            "time": self.steps(),
            "forecast": self.values.tolist(),
            "quantiles": {f"{level:g}": self.quantiles[:, i].tolist() for i, level in enumerate(self.levels)},
        }


def as_csv(forecasts: Iterable[Forecast]) -> str:
    """A table with a row for each step of each series: series, time, forecast, and a column for each quantile.

    >>> print(as_csv([Forecast("y", (0.1, 0.5), np.array([[1.0, 2.0], [1.5, 3.0]]))]), end="")
    series,time,forecast,q0.1,q0.5
    y,1,2.0,1.0,2.0
    y,2,3.0,1.5,3.0
    """
    text, writer = io.StringIO(), None
    for forecast in forecasts:
        if writer is None:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["series", "time", "forecast", *(f"q{level:g}" for level in forecast.levels)])
        for step, value, row in zip(forecast.steps(), forecast.values, forecast.quantiles, strict=True):
            writer.writerow([forecast.series, step, *_shown([value, *row])])
    return text.getvalue()


def _shown(numbers: Sequence[float]) -> list[str]:
    return [repr(float(number)) for number in numbers]
