"""Which windows of the series a forecaster learns from, which it is judged by, and which it is measured on."""

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.series import Dataset, Series
from elman.tasks.forecasting.settings import ForecastSettings
from elman.tasks.forecasting.windows import Scaling, Windows

__all__ = ["ForecastData", "fingerprint", "origins_of", "prepare"]

_VALIDATION_PART = 0.1  # of each series, when there is no other data for that


@dataclass(frozen=True)
class ForecastData:
    """What training needs of its series."""

    parts: list[Series]  # to learn from
    scaling: Scaling  # of these
    windows: Windows
    places: Tensor  # (W, 2): the windows to learn from
    judges: Windows
    judging: Tensor  # (W, 2): the windows of `judges` that progress is judged by


def prepare(data: Dataset, judged: Dataset | None, settings: ForecastSettings) -> ForecastData:
    """Cut series in windows.

    Without data to judge by, the last tenth of each series, at least one horizon, is held out; a series that is
    shorter than two horizons is for training alone.

    Raises
    ------
    ValueError
        If no series is long enough to learn from or to judge by.
    """
    cuts = [len(series) if judged else _held_out(len(series), settings.horizon) for series in data.series]
    parts = [series.part(0, cut) for series, cut in zip(data.series, cuts, strict=True)]
    scaling = Scaling.of(parts, settings.log)
    windows = Windows(data.series, settings, scaling)
    judges = windows if judged is None else Windows(judged.series, settings, scaling)
    places = _training_places(windows, settings, cuts)
    judging = _validation_places(judges, settings, None if judged else cuts)
    return ForecastData(parts, scaling, windows, places, judges, judging)


def origins_of(length: int, settings: ForecastSettings, stride: int, last: int | None) -> NDArray[np.int64]:
    """The origins of a backtest: numbers of values of a series that are known there."""
    first = _first_judged(length, settings) if last is None else max(1, length - last)
    return np.arange(first, length - settings.horizon + 1, stride)


def fingerprint(data: Dataset, judged: Dataset | None) -> str:
    """A number that tells one pair of data from another."""
    digest = hashlib.sha256()
    for part in (data, judged):
        for series in part.series if part else ():
            digest.update(f"\0{series.name}\0{series.start}\0{len(series)}".encode())
            for array in (series.values, series.inputs, series.known):
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _held_out(length: int, horizon: int) -> int:
    """Where the training part of a series ends: before its last tenth, or horizon; at its end if it is short."""
    held = max(int(_VALIDATION_PART * length), horizon)
    return length - held if length >= 2 * horizon + 2 else length


def _first_origin(length: int, look_back: int) -> int:
    """Of training: after the look-back, or after half of a short series."""
    return min(look_back, max(1, length // 2))


def _first_judged(length: int, settings: ForecastSettings) -> int:
    """Of data to measure on: after the look-back, or, of a shorter series, where one horizon is left."""
    return max(1, min(settings.look_back, length - settings.horizon))


def _training_places(windows: Windows, settings: ForecastSettings, cuts: list[int]) -> Tensor:
    """Windows whose values are all before the cuts; of a short series, of which all is learned, one beyond its end."""
    found = []
    for index, cut in enumerate(cuts):
        first, last = _first_origin(cut, settings.look_back), cut - settings.horizon
        if cut < len(windows.series[index]):
            first = min(first, last)  # what is held out is not learned
        last = max(first, last) if cut > 1 else 0  # a single value has nothing after it
        found.append(windows.places(index, np.arange(first, last + 1)))
    places = torch.cat(found)
    if not len(places):
        raise ValueError("no series has two values; there is nothing to learn from")
    return places


def _validation_places(windows: Windows, settings: ForecastSettings, cuts: list[int] | None) -> Tensor:
    """Windows after the cuts; without them all of the data."""
    lengths = [len(series) for series in windows.series]
    firsts = cuts or [_first_judged(length, settings) for length in lengths]
    found = [
        windows.places(index, np.arange(first, length - settings.horizon + 1))
        for index, (first, length) in enumerate(zip(firsts, lengths, strict=True))
    ]
    places = torch.cat(found)
    if not len(places):
        needed = 2 * settings.horizon + 2 if cuts else settings.horizon + 1
        raise ValueError(
            f"nothing is left to judge progress by: the longest series has {max(lengths)} values; expected at least "
            f"{needed} for a horizon of {settings.horizon}"
        )
    return places
