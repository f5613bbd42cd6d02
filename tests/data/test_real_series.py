"""Published series, where there are some: ELMAN_DATA names the folder."""

import os
from pathlib import Path

import numpy as np
import pytest

from elman.data import Columns, read_series

FOLDER = Path(os.environ.get("ELMAN_DATA", "nowhere"), "timeseries")
FILES = {  # rows, first time, step, season
    "ETTh1.csv.gz": (Columns(), 7, 17420, "2016-07-01T00", "1h", 24),
    "airline_passengers.csv": (Columns(), 1, 120, "1949-01-01", "1M", 12),
    "monthly_sunspots.csv": (Columns(), 1, 2340, "1749-01-01", "1M", 12),
    "daily_min_temperatures.csv": (Columns(), 1, None, "1981-01-01", "1d", 7),
    "mauna_loa_co2_monthly.csv": (Columns(target=("co2_ppm_average",)), 1, 694, "1958-03-01", "1M", 12),
    "gas_furnace.csv": (Columns(target=("CO2",), inputs=("InputGasRate",)), 1, 236, None, None, None),
}


@pytest.mark.parametrize("name", FILES)
def test_published_series_are_read(name: str) -> None:
    if not (FOLDER / name).exists():
        pytest.skip("ELMAN_DATA names no folder with these series")
    columns, number, length, start, step, season = FILES[name]
    found = read_series(FOLDER / name, columns).series
    assert len(found) == number
    for series in found:
        assert length in (None, len(series))
        assert series.missing == 0 if length else series.missing < 5
        assert series.start == (None if start is None else np.datetime64(start))
        assert (str(series.frequency), series.frequency.season) == (step, season) if step else series.frequency is None


def test_missing_values_of_beijing() -> None:
    path = FOLDER / "beijing_pm25_hourly.csv.gz"
    if not path.exists():
        pytest.skip("ELMAN_DATA names no folder with these series")
    (series,), _ = read_series(path, Columns(target=("pm2.5",), inputs=("TEMP", "PRES")))
    assert len(series) == 35064 - 24, "the first day is missing, the series begins after it"
    assert series.values[:3].tolist() == [129, 148, 159]
    assert series.missing > 1000
    assert not np.isnan(series.inputs).any()
