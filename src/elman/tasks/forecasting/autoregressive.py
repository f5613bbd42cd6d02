"""`elman.AR` and `elman.NARX` of a series in a table: what the command line trains and uses as forecasters."""

import os
from dataclasses import asdict
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from elman.data.calendar import Frequency
from elman.data.series import Columns, Series, read_series
from elman.tasks.autoregression import AR, NARX
from elman.tasks.forecasting.result import Forecast
from elman.tasks.forecasting.settings import QUANTILES

__all__ = ["KINDS", "OnTable", "on_table"]

KINDS: dict[str, Any] = {"ar": AR, "narx": NARX}
"""The models by the names of their tasks."""

_ORDERS = {"ar": "order", "narx": "output_delays"}


class OnTable:
    """An autoregression that reads its series from a table.

    Parameters
    ----------
    model
        An `elman.AR` or `elman.NARX`.  What was read for its training is kept in its ``metrics["table"]``.
    """

    predicts = "series"
    """What `predict` takes and gives: series."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.task: str = model.task

    @classmethod
    def of_kind(cls, kind: str, *, order: int | None = None, season: int | None = None, log: bool = False) -> Self:
        """A new model, ``ar`` or ``narx``; an order of None is chosen from the series.

        Raises ValueError if the kind is another one, or the logarithm is asked of an ``ar``.
        """
        if kind not in KINDS:
            raise ValueError(f"model is {kind!r}, expected one of recurrent, {', '.join(KINDS)}")
        if log and kind == "ar":
            raise ValueError("log is for models recurrent and narx; forecast a column of logarithms instead")
        options: dict[str, Any] = {_ORDERS[kind]: order, "season": season, **({"log": True} if log else {})}
        return cls(KINDS[kind](**options))

    def fit(self, source: Any, columns: Columns, horizon: int, **training: Any) -> Self:
        """Learn the one series of a table.

        Parameters
        ----------
        source, columns
            As of `elman.data.read_series`; what NARX takes for inputs are ``known`` columns.
        horizon
            Steps that `predict` forecasts if it is not told.
        training
            Of NARX's `fit`: time, epochs, seed, threads.

        Raises
        ------
        ValueError
            If there are several series, or a value is missing.
        """
        data = read_series(source, columns)
        series, frequency = _the_one(data.series), data.series[0].frequency
        self.model.fit(*self._arrays(series), **training)
        after = series.times(1)
        self.model.metrics["table"] = {
            "columns": asdict(data.columns),
            "name": series.name,
            "step": None if frequency is None else [frequency.count, frequency.unit],
            "next": None if after is None else str(after[0]),
            "horizon": horizon,
        }
        return self

    def predict(self, inputs: Any = None, *, steps: int | None = None) -> list[Forecast]:
        """Forecast from the end of the training series, or of that in another table; AR with its Gaussian quantiles.

        Raises ValueError if the table has several series, or what is known does not reach as far as the forecast.
        """
        table = self.model.metrics["table"]
        number = table["horizon"] if steps is None else steps
        if number < 1:
            raise ValueError(f"steps is {number}, expected at least 1")
        if inputs is None:
            return [self._forecast(table["name"], number, None, np.empty((0, 0)), self._times(number), None)]
        series = self._read(inputs)
        state = self.model.history(*self._arrays(series))
        ahead = series.known[len(series) :][:number]
        return [self._forecast(series.name, number, state, ahead, series.times(number), series)]

    def evaluate(self, data: Any) -> dict[str, Any]:
        """Measure on a table of what comes after the training series: one step ahead, and running freely."""
        found: dict[str, Any] = self.model.evaluate(*self._arrays(self._read(data)))
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file; `elman.load` reads it."""
        self.model.save(path)

    def info(self) -> dict[str, Any]:
        """What the model is and how it was trained, ready for JSON."""
        found: dict[str, Any] = self.model.info()
        return found

    def _read(self, source: Any) -> Series:
        table = self.model.metrics["table"]
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in table["columns"].items()}
        columns = Columns(**plain)
        frequency = None if table["step"] is None else Frequency(*table["step"])
        return _the_one(read_series(source, columns, frequency=frequency).series)

    def _arrays(self, series: Series) -> list[Any]:
        if self.task == "ar" or not series.known.shape[1]:
            return [series.values]
        return [series.values, series.known[: len(series)]]

    def _times(self, steps: int) -> Any:
        table = self.model.metrics["table"]
        if table["next"] is None:
            return None
        return Frequency(*table["step"]).times(np.datetime64(table["next"], "us"), steps)

    def _forecast(self, name: str, steps: int, state: Any, ahead: Any, times: Any, series: Series | None) -> Forecast:
        past: dict[str, Any] = {} if series is None else {"past": series.values, "past_times": series.times()}
        if self.task == "ar":
            found = self.model.forecast(steps, state=state)
            widths = [NormalDist().inv_cdf(level) for level in QUANTILES]
            quantiles = np.asarray(found.mean)[:, None] + np.asarray(found.deviation)[:, None] * np.array(widths)
            return Forecast(name, QUANTILES, quantiles, times, **past)
        needed = len(self.model.metrics["table"]["columns"]["known"])
        if needed and len(ahead) < steps:
            raise ValueError(
                f"what is known reaches {len(ahead)} steps beyond the last value; expected {steps}: give a table with "
                "rows for them, the target left empty"
            )
        found = self.model.predict(steps, ahead if needed else None, state=state)
        return Forecast(name, (0.5,), np.asarray(found).reshape(steps, 1), times, **past)


def on_table(model: Any) -> Any:
    """A model as the command line uses it: an AR or NARX that was trained on a table reads tables; others stay.

    Raises ValueError if an AR or NARX was trained on arrays, from Python.
    """
    if model.task not in KINDS:
        return model
    if "table" not in model.metrics:
        raise ValueError(
            f"the model of the task {model.task} was trained on arrays, so that the columns of its table are unknown; "
            "use it from Python"
        )
    return OnTable(model)


def _the_one(series: list[Series]) -> Series:
    if len(series) > 1:
        names = ", ".join(one.name for one in series[:5])
        raise ValueError(f"there are {len(series)} series, {names}; an autoregression is of one: name it as target")
    return series[0]
