"""From series to the windows that a forecaster reads: scaling, filling, padding, the calendar."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.calendar import calendar_features
from elman.data.series import Series
from elman.models import PastWindow
from elman.tasks.forecasting.settings import ForecastSettings

__all__ = ["Scaling", "Unit", "Windows"]

Numbers = NDArray[np.float64]


class Unit(NamedTuple):
    """How a series is measured: its level and spread, of its logarithm if that is forecast, and its deviation."""

    centre: float
    spread: float
    deviation: float  # of the values themselves

    @classmethod
    def of(cls, series: Series, log: bool) -> "Unit":
        """From the values of a series; a constant one is measured in units of 1."""
        values = _log(series) if log else series.values
        spread, deviation = float(np.nanstd(values)), float(np.nanstd(series.values))
        return cls(float(np.nanmean(values)), spread if spread > 0 else 1.0, deviation if deviation > 0 else 1.0)


@dataclass(frozen=True)
class Scaling:
    """The units of the training series, by name, and of the inputs."""

    units: dict[str, Unit]
    inputs: Numbers  # (2, I): mean and standard deviation of each
    known: Numbers  # (2, K)
    log: bool

    @classmethod
    def of(cls, parts: Sequence[Series], log: bool) -> "Scaling":
        """From the series of the training part; ValueError if one has other inputs than the first."""
        for series in parts:
            for name in ("inputs", "known"):
                width, first = (getattr(one, name).shape[1] for one in (series, parts[0]))
                if width != first:
                    raise ValueError(f"series {series.name} has {width} {name}; series {parts[0].name} has {first}")
        inputs, known = (
            _mean_and_deviation(np.concatenate([getattr(series, name) for series in parts]))
            for name in ("inputs", "known")
        )
        return cls({series.name: Unit.of(series, log) for series in parts}, inputs, known, log)

    def number(self, name: str) -> int:
        """Which of the training series it is, from 1; 0 is none of them."""
        return list(self.units).index(name) + 1 if name in self.units else 0

    def unit(self, series: Series) -> Unit:
        """Of a training series what it was then; of another one from its own values."""
        return self.units.get(series.name) or Unit.of(series, self.log)

    def scaled(self, series: Series, unit: Unit) -> Numbers:
        """(T,), with NaN where a value is missing."""
        return ((_log(series) if self.log else series.values) - unit.centre) / unit.spread

    def restored(self, values: Numbers, unit: Unit) -> Numbers:
        """The inverse of `scaled`, of an array of any shape."""
        plain = values * unit.spread + unit.centre
        return np.exp(plain) if self.log else plain


class Windows:
    """All windows of some series, in one stretch of memory.

    A series of T values lies between L steps before its first value, in which nothing is there, and H steps after its
    last.  A window belongs to an origin, the number of values that are known there: 0 … T.

    Parameters
    ----------
    series
        Each by itself.
    settings
        Look-back, horizon and calendar.
    scaling
        Of the training part.

    Raises
    ------
    ValueError
        If a series has other inputs than the model, no dates where it needs them, or another step of time.
    """

    def __init__(self, series: Sequence[Series], settings: ForecastSettings, scaling: Scaling) -> None:
        self.series, self.units = list(series), [scaling.unit(one) for one in series]
        self._L, self._H = settings.look_back, settings.horizon
        blocks = [self._block(one, unit, settings, scaling) for one, unit in zip(series, self.units, strict=True)]
        self._values, self._missing, self._inputs, self._known, self._calendar = (
            torch.from_numpy(np.concatenate(part)) for part in zip(*blocks, strict=True)
        )
        lengths = [self._L + len(one) + self._H for one in series]
        self._starts = np.cumsum([0, *lengths[:-1]])
        names = {name: index for index, name in enumerate(scaling.units, 1)}
        self._numbers = np.array([names.get(one.name, 0) for one in series])

    def places(self, index: int, origins: NDArray[np.int64]) -> Tensor:
        """Where the windows of one series at some origins are: (W, 2), place and number of the series."""
        starts = self._starts[index] + origins
        return torch.from_numpy(np.stack([starts, np.full_like(starts, self._numbers[index])], axis=1))

    def past(self, places: Tensor) -> PastWindow:
        """What a forecast is made from, at `places` (N, 2)."""
        rows, L = places[:, 0], self._L
        whole = L + self._H
        return PastWindow(
            _rows(self._values, rows, whole)[:, :L],
            _rows(self._missing, rows, whole)[:, :L],
            _rows(self._inputs, rows, whole)[:, :L],
            _rows(self._known, rows, whole),
            _rows(self._calendar, rows, whole),
            places[:, 1],
        )

    def future(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """What came then, (N, H), and 1 where it is missing."""
        rows, L = places[:, 0], self._L
        return _rows(self._values[L:], rows, self._H), _rows(self._missing[L:], rows, self._H)

    def _block(
        self, series: Series, unit: Unit, settings: ForecastSettings, scaling: Scaling
    ) -> list[NDArray[np.float32]]:
        _check(series, settings, scaling)
        L, H = self._L, self._H
        values = scaling.scaled(series, unit)
        missing = np.pad(np.isnan(values), (L, H), constant_values=True)
        inputs = (series.inputs - scaling.inputs[0]) / scaling.inputs[1]
        known = (series.known[: len(series) + H] - scaling.known[0]) / scaling.known[1]
        inputs, known = (np.nan_to_num(_carried(columns)) for columns in (inputs, known))
        total = L + len(series) + H
        calendar = np.empty((total, 0), np.float32)
        if settings.cycles:
            assert series.start is not None
            assert series.frequency is not None
            calendar = calendar_features(series.frequency.times(series.start, total - L), settings.cycles)
            calendar = np.pad(calendar, ((L, 0), (0, 0)))
        padded = [np.pad(_carried(values[:, None])[:, 0], (L, H), mode="edge"), missing]
        padded += [_padded(inputs, L, H), _padded(known, L, total - L - len(known)), calendar]
        return [part.astype(np.float32) for part in padded]


def _rows(columns: Tensor, rows: Tensor, length: int) -> Tensor:
    """Copy a stretch from each of `rows` on: (N, length), or (N, length, I) of (T, I)."""
    found = columns.unfold(0, length, 1)[rows]
    return found if found.dim() == 2 else found.transpose(1, 2)


def _carried(columns: Numbers) -> Numbers:
    """Columns (T, I) in which a missing value is the last one before it."""
    last = np.where(np.isnan(columns), 0, np.arange(len(columns))[:, None])
    return np.take_along_axis(columns, np.maximum.accumulate(last, axis=0), axis=0)


def _padded(columns: Numbers, before: int, after: int) -> Numbers:
    """Zeros, the mean, before the first row; after the last one that row again."""
    return np.pad(np.pad(columns, ((0, after), (0, 0)), mode="edge"), ((before, 0), (0, 0)))


def _mean_and_deviation(columns: Numbers) -> Numbers:
    """(2, I); a column that is constant, or not there at all, has deviation 1."""
    columns = np.where(np.isnan(columns).all(axis=0), 0.0, columns)
    deviation = np.nanstd(columns, axis=0)
    return np.stack([np.nanmean(columns, axis=0), np.where(deviation > 0, deviation, 1.0)])


def _log(series: Series) -> Numbers:
    if (series.values <= 0).any():
        place = int(np.argmax(series.values <= 0))
        raise ValueError(
            f"series {series.name} is {series.values[place]:g} at step {place}; with log every value must be above 0"
        )
    logarithm: Numbers = np.log(series.values)
    return logarithm


def _check(series: Series, settings: ForecastSettings, scaling: Scaling) -> None:
    for name, columns, expected in (("inputs", series.inputs, scaling.inputs), ("known", series.known, scaling.known)):
        if columns.shape[1] != expected.shape[1]:
            raise ValueError(
                f"series {series.name} has {columns.shape[1]} {name}; the model was trained with {expected.shape[1]}"
            )
    if settings.cycles and series.start is None:
        raise ValueError(f"series {series.name} has no dates; the model was trained with the calendar of its dates")
    if settings.frequency is not None and series.frequency not in (None, settings.frequency):
        raise ValueError(
            f"series {series.name} has a step of {series.frequency}; the model was trained with {settings.frequency}"
        )
