"""The hyperparameters of a forecaster: checked, completed from the data, compared with a checkpoint's."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Self

import torch

from elman.data.calendar import Frequency, cycles_of
from elman.data.series import Columns, Dataset
from elman.models import CELLS, ForecastNetwork
from elman.tasks.hyperparameters import check_number, check_whole, merged

__all__ = ["QUANTILES", "ForecastHyperparameters", "ForecastSettings", "names_of"]

QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Levels that a forecaster learns: bands of 80 and 90 %, and enough between them for the CRPS."""

_LONGEST_SEGMENT, _FEWEST_SEGMENTS = 24, 15  # of the default: a day of hours, or this part of a long look-back
_SMALLEST_BATCH, _LARGEST_BATCH, _STEPS = 8, 256, 20  # between these, about so many steps are an epoch
_PAST, _SEASONS = 5, 3  # the default look-back holds so many horizons, and so many seasons


@dataclass(frozen=True)
class ForecastSettings:
    """All that a forecaster and its training need: what model files keep as ``config``."""

    target: tuple[str, ...]
    inputs: tuple[str, ...]
    known: tuple[str, ...]
    series: str | None
    date: str | None
    date_format: str | None
    horizon: int  # H, steps that are forecast
    look_back: int  # L, steps that a forecast is made from
    segment: int  # w, steps that are read, or written, at once
    season: int  # steps; 1: none
    seasonal: bool  # whether forecasts are counted from the season before
    log: bool  # whether the logarithm is forecast
    quantiles: tuple[float, ...]
    calendar: bool
    cell: str  # rnn, gru or lstm
    layers: int
    hidden: int  # H of the recurrent layers
    dropout: float
    batch: int  # N, windows of a training step
    learning_rate: float  # of AdamW, the highest of the schedule
    cycles: tuple[str, ...] = ()  # of the calendar, that the network is told
    step: tuple[int, str] | None = None  # of the grid of times: a `Frequency`

    @property
    def frequency(self) -> Frequency | None:
        """Step of the grid of times; None without dates."""
        return None if self.step is None else Frequency(*self.step)

    @property
    def columns(self) -> Columns:
        """Which column of a table is what."""
        return Columns(self.target, self.inputs, self.known, self.series, self.date, self.date_format)

    def new_network(self, inputs: int, known: int, series: int, seed: int) -> ForecastNetwork:
        """A network with first weights drawn from `seed`; torch's own random state stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ForecastNetwork(
                self.look_back,
                self.horizon,
                self.segment,
                inputs=inputs,
                known=known,
                calendar=sum({"day": 4, "week": 4, "year": 2}[cycle] for cycle in self.cycles),
                series=series if series > 1 else 0,
                quantiles=len(self.quantiles),
                season=self.season if self.seasonal else 1,
                cell=self.cell,
                layers=self.layers,
                hidden=self.hidden,
                dropout=self.dropout,
            )

    @classmethod
    def from_json(cls, config: dict[str, Any]) -> Self:
        """The settings that `dataclasses.asdict` and JSON made lists of."""
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in config.items()}
        return cls(**plain)


@dataclass(frozen=True)
class ForecastHyperparameters:
    """What `elman.Forecaster` takes: `ForecastSettings` of which None stands for "choose"."""

    target: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    series: str | None = None
    date: str | None = None
    date_format: str | None = None
    horizon: int = 24
    look_back: int | None = None
    segment: int | None = None
    season: int | None = None
    seasonal: bool = False
    log: bool = False
    quantiles: tuple[float, ...] = QUANTILES
    calendar: bool = True
    cell: str = "gru"
    layers: int = 1
    hidden: int = 128
    dropout: float | None = None
    batch: int | None = None
    learning_rate: float | None = None

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            near = get_close_matches(str(self.cell), CELLS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"cell is {self.cell!r}, expected one of {', '.join(CELLS)}{hint}")
        for name in ("horizon", "look_back", "segment", "season", "layers", "hidden", "batch"):
            check_whole(name, getattr(self, name), 1)
        check_number("dropout", self.dropout, lambda value: 0 <= value < 1, "from 0 up to, not including, 1")
        check_number("learning_rate", self.learning_rate, lambda value: 0 < value < math.inf, "more than 0")
        levels = self.quantiles
        if not levels or any(not 0 < level < 1 for level in levels) or list(levels) != sorted(set(levels)):
            raise ValueError(f"quantiles are {list(levels)}, expected rising numbers between 0 and 1")
        if 0.5 not in levels:
            raise ValueError(f"quantiles are {list(levels)}, expected 0.5 among them: the median is the forecast")

    @property
    def columns(self) -> Columns:
        """Which column of a table is what, as far as it is said."""
        return Columns(self.target, self.inputs, self.known, self.series, self.date, self.date_format)

    def completed(self, data: Dataset) -> ForecastSettings:
        """Choose what is None, from the series of the training data."""
        frequency = next((series.frequency for series in data.series if series.frequency), None)
        longest = max(len(series) for series in data.series)
        season = self.season or (frequency.season if frequency else 1)
        look_back = self.look_back or max(
            min(max(_PAST * self.horizon, _SEASONS * season), longest // 2), season if self.seasonal else 1
        )
        segment = self.segment or min(look_back, _divided(self.horizon, look_back))
        look_back = -(-look_back // segment) * segment
        if self.seasonal and season > look_back:
            raise ValueError(f"season is {season}, expected at most the look-back, {look_back}, with seasonal")
        given = {name: value for name, value in asdict(self).items() if value is not None}
        columns = {f.name: getattr(data.columns, f.name) for f in fields(Columns)}
        chosen = {
            "dropout": 0.3,
            "batch": max(_SMALLEST_BATCH, min(_LARGEST_BATCH, sum(map(len, data.series)) // _STEPS)),
            "learning_rate": 1e-3,
            **given,
            **columns,
            "season": season,
            "segment": segment,
            "look_back": look_back,
            "cycles": cycles_of(frequency, longest) if frequency and self.calendar else (),
            "step": (frequency.count, frequency.unit) if frequency else None,
        }
        return ForecastSettings(**chosen)

    def resumed(self, stored: dict[str, Any]) -> Self:
        """Take what was left at its default from a checkpoint; ValueError if something that was given differs."""
        own = {f.name for f in fields(self)}
        known = asdict(ForecastSettings.from_json(stored))
        return type(self)(**merged(self, {name: value for name, value in known.items() if name in own}))


def names_of(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """Names of columns out of a str, which has commas between them, or a list.

    >>> names_of("load, price"), names_of(["load"]), names_of(None)
    (('load', 'price'), ('load',), ())
    """
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",")]
    return tuple(name for name in names or () if name)


def _divided(horizon: int, look_back: int) -> int:
    """The default segment: the horizon in as few equal parts as there can be."""
    longest = max(_LONGEST_SEGMENT, look_back // _FEWEST_SEGMENTS)
    return math.ceil(horizon / math.ceil(horizon / longest))
