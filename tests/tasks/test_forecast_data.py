"""Windows against slices of the series: what is read, what is to come, and that nothing held out is learned."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import Frequency, Series
from elman.data.calendar import calendar_features
from elman.data.series import Dataset
from elman.tasks.forecasting.data import ForecastData, origins_of, prepare
from elman.tasks.forecasting.settings import ForecastHyperparameters, ForecastSettings

HOUR = Frequency(3_600_000_000)


def made(lengths: list[int], L: int, H: int, seed: int = 0) -> tuple[list[Series], ForecastSettings, ForecastData]:
    random, found = np.random.default_rng(seed), []
    for index, T in enumerate(lengths):
        values = random.normal(size=T) + 10 * index
        values[1 : T - 1][random.random(max(0, T - 2)) < 0.2] = np.nan
        inputs, known = random.normal(size=(T, 1)), random.normal(size=(T + H, 2))
        found.append(Series(values, str(index), inputs, known, np.datetime64("2024-03-09T05"), HOUR))
    data = Dataset(found, ForecastHyperparameters().columns)
    chosen = ForecastHyperparameters(horizon=H, look_back=L, segment=1).completed(data)
    return found, chosen, prepare(data, None, chosen)


def start_of(data: ForecastData, place: int) -> tuple[int, int]:
    """Which series and origin a place is of."""
    starts = data.windows._starts
    index = int(np.searchsorted(starts, place, side="right")) - 1
    return index, place - int(starts[index])


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4), L=st.integers(1, 12), H=st.integers(1, 8),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_windows_are_slices_and_nothing_held_out_is_learned(lengths: list[int], L: int, H: int, seed: int) -> None:
    longest = max(lengths)
    if longest < 2 * H + 2:
        return
    found, _, data = made(lengths, L, H, seed)
    for places, learning in ((data.places, True), (data.judging, False)):
        past, (future, gone) = data.windows.past(places), data.windows.future(places)
        for row, (place, number) in enumerate(places.tolist()):
            index, t = start_of(data, place)
            series, cut = found[index], len(data.parts[index])
            assert number == index + 1
            assert 0 < t <= cut if learning else cut <= t <= len(series) - H
            if learning and cut < len(series):
                assert t + H <= cut, "the targets end before what is held out"
            mean, spread = np.nanmean(series.values[:cut]), np.nanstd(series.values[:cut]) or 1.0
            for step in range(L):
                i = t - L + step
                there = i >= 0 and not np.isnan(series.values[i])
                assert past.missing[row, step] == (not there)
                if there:
                    assert past.values[row, step] == pytest.approx((series.values[i] - mean) / spread, abs=1e-4)
            for h in range(H):
                there = t + h < len(series) and not np.isnan(series.values[t + h])
                assert gone[row, h] == (not there)
                if there:
                    assert future[row, h] == pytest.approx((series.values[t + h] - mean) / spread, abs=1e-4)


def test_inputs_and_calendar_stand_beside_their_values() -> None:
    found, chosen, data = made([60, 50], L=8, H=4)
    assert chosen.cycles == ("day",)
    series, t = found[1], 30
    past = data.windows.past(data.windows.places(1, np.array([t])))
    known = np.concatenate([s.known[: len(part)] for s, part in zip(found, data.parts, strict=True)])
    inputs = np.concatenate([s.inputs[: len(part)] for s, part in zip(found, data.parts, strict=True)])
    # known inputs are scaled by all that is known of the training part
    parts = np.concatenate([part.known for part in data.parts])
    assert len(parts) >= len(known)
    expected = (series.known[t - 8 : t + 4] - parts.mean(axis=0)) / parts.std(axis=0)
    torch.testing.assert_close(past.known[0], torch.from_numpy(expected).float())
    expected = (series.inputs[t - 8 : t] - inputs.mean(axis=0)) / inputs.std(axis=0)
    torch.testing.assert_close(past.inputs[0], torch.from_numpy(expected).float())
    times = np.datetime64("2024-03-09T05", "us") + np.arange(t - 8, t + 4) * np.timedelta64(1, "h")
    torch.testing.assert_close(past.calendar[0], torch.from_numpy(calendar_features(times, ("day",))))


@pytest.mark.parametrize(
    ("length", "stride", "last", "expected"),
    [
        (30, 1, None, range(10, 27)),  # after the look-back of 10, with a horizon of 4 left
        (30, 5, None, range(10, 27, 5)),
        (30, 1, 8, range(22, 27)),
        (30, 1, 99, range(1, 27)),
        (12, 1, None, range(8, 9)),  # of a series shorter than look-back and horizon, the last window
        (5, 1, None, range(1, 2)),
        (4, 1, None, range(0)),
    ],
)
def test_origins(length: int, stride: int, last: int | None, expected: range) -> None:
    chosen = ForecastHyperparameters(horizon=4, look_back=10, segment=1).completed(
        Dataset([Series(np.ones(50))], ForecastHyperparameters().columns)
    )
    assert origins_of(length, chosen, stride, last).tolist() == list(expected)
