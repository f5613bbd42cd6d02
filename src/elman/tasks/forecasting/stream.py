"""A series as a stream: the state that a forecast is made from, of constant size."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.calendar import Times, calendar_features, parse_time
from elman.models import ForecastNetwork, Observation, PastWindow
from elman.tasks.forecasting.settings import ForecastSettings
from elman.tasks.forecasting.windows import Scaling, Unit, Windows

__all__ = ["Stream", "step_of", "stream_at", "stream_of_nothing", "tensors_of"]


@dataclass(frozen=True)
class Stream:
    """Where a series stands: a value, passed in and returned."""

    series: str
    unit: Unit
    window: PastWindow  # of one row, in that unit
    count: int  # values seen
    start: np.datetime64 | None  # time of the first one
    future: int  # steps of which known inputs are known

    def check_future(self, settings: ForecastSettings) -> None:
        """Raise ValueError unless known inputs reach as far as the forecast."""
        if self.window.known.shape[2] and self.future < settings.horizon:
            names = ", ".join(settings.known) or "known inputs"
            raise ValueError(
                f"series {self.series}: {names} are known for {self.future} steps "
                f"after its last value; expected {settings.horizon}, the horizon: add rows with the target left empty"
            )

    def past(self) -> NDArray[np.float64]:
        """The last values, in units, at most L; NaN where one is missing."""
        values = np.where(self.window.missing[0] > 0, np.nan, self.window.values[0].double().numpy())
        return values[len(values) - min(self.count, len(values)) :]

    def times(self, settings: ForecastSettings, past: int) -> tuple[Times | None, Times | None]:
        """Of the H steps of the forecast, and of so many values before it; None without dates."""
        if self.start is None or settings.frequency is None:
            return None, None
        frequency = settings.frequency
        return (
            frequency.times(self.start, settings.horizon, self.count),
            frequency.times(self.start, past, self.count - past),
        )

    def facts(self) -> dict[str, Any]:
        """What a model file says beside `tensors_of`."""
        start = None if self.start is None else str(self.start)
        return {"unit": list(self.unit), "count": self.count, "start": start, "future": self.future}

    @classmethod
    def from_facts(cls, series: str, facts: dict[str, Any], tensors: dict[str, Tensor], index: int) -> Self:
        """The inverse of `facts` and `tensors_of`."""
        window = PastWindow(*(tensors[f"end.{name}"][index : index + 1] for name in PastWindow._fields))
        start = None if facts["start"] is None else np.datetime64(facts["start"], "us")
        return cls(series, Unit(*facts["unit"]), window, facts["count"], start, facts["future"])


def tensors_of(streams: list[Stream]) -> dict[str, Tensor]:
    """The windows of streams, one below the other, by the names of model files."""
    return {
        f"end.{name}": torch.cat([getattr(stream.window, name) for stream in streams]) for name in PastWindow._fields
    }


def stream_at(windows: Windows, index: int) -> Stream:
    """Where a series of `windows` ends."""
    series = windows.series[index]
    window = windows.past(windows.places(index, np.array([len(series)])))
    return Stream(series.name, windows.units[index], window, len(series), series.start, series.future)


def stream_of_nothing(
    network: ForecastNetwork, settings: ForecastSettings, scaling: Scaling, like: str, start: Any
) -> Stream:
    """A stream before its first value, in the unit of a training series.

    Raises ValueError if the model knows the calendar, and the time of the first value is not given or none.
    """
    if settings.cycles and start is None:
        raise ValueError("start is missing: the model was trained with the calendar, and needs the first value's time")
    window = network.initial_state(1)
    if network.vectors is not None:
        window = window._replace(series=torch.tensor([scaling.number(like)]))
    time = parse_time(start) if isinstance(start, str) else None if start is None else np.datetime64(start, "us")
    return Stream(like, scaling.units[like], window, 0, time, 0)


def step_of(
    network: ForecastNetwork,
    settings: ForecastSettings,
    scaling: Scaling,
    state: Stream,
    value: float,
    inputs: Any,
    known: Any,
) -> Stream:
    """The stream after one more value; see `elman.Forecaster.step`."""
    H, L = settings.horizon, settings.look_back
    columns = _shaped("inputs", inputs, (network.inputs,))
    ahead = _shaped("known", known, (1 + H, network.known))
    if np.isinf(value):
        raise ValueError(f"value is {value}, expected a finite number, or NaN where it is missing")
    gone = bool(np.isnan(value))
    if gone and state.count == 0:  # a series begins with its first value
        start = state.start
        if start is not None and settings.frequency is not None:
            start = settings.frequency.times(start, 1, 1)[0]
        return replace(state, start=start, future=H)
    if scaling.log and value <= 0:
        raise ValueError(f"value is {value:g}; with log every value must be above 0")
    number = np.log(np.array([value])) if scaling.log else np.array([value])
    scaled = (number - state.unit.centre) / state.unit.spread
    columns = (columns - scaling.inputs[0]) / scaling.inputs[1]
    columns = np.where(np.isnan(columns), state.window.inputs[0, -1].double().numpy(), columns)
    ahead = (ahead - scaling.known[0]) / scaling.known[1]
    before = state.window.known[0, L - 1].double().numpy()
    for row in ahead:  # what is missing stays as it was
        row[:] = before = np.where(np.isnan(row), before, row)
    calendar = np.empty((1 + H, 0), np.float32)
    if settings.cycles:
        assert state.start is not None
        assert settings.frequency is not None
        calendar = calendar_features(settings.frequency.times(state.start, 1 + H, state.count), settings.cycles)
    x = Observation(
        torch.from_numpy(scaled.astype(np.float32)),
        torch.tensor([float(gone)]),
        *(torch.from_numpy(part.astype(np.float32)).unsqueeze(0) for part in (columns, ahead, calendar)),
    )
    return replace(state, window=network.observe(x, state.window), count=state.count + 1, future=H)


def _shaped(name: str, given: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    array = np.array(given, dtype=np.float64)
    if not array.size and not np.prod(shape):
        return np.empty(shape)
    if array.shape != shape and not (array.ndim == 1 and len(shape) == 2 and (array.size, 1) == shape):
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    return array.reshape(shape)
