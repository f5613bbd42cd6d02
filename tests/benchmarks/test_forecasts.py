"""The benchmarks of forecasts: their measures are those of the papers, on series that are made here."""

import gzip
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_the_long_horizon_table(
    threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The seasonal naive forecast by explicit loops: z-scored by the training part, over every window."""
    random = np.random.default_rng(0)
    hours = np.datetime64("2024-01-01T00") + np.arange(500)
    table = np.sin(np.arange(500)[:, None] * 2 * np.pi / 24 + [0, 1]) * [1, 30] + random.normal(size=(500, 2))
    rows = [f"{hour},{a},{b}" for hour, (a, b) in zip(hours, table, strict=True)]
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("\n".join(["date,a,b", *rows]) + "\n")
    words = ["--data", str(tmp_path / "a.csv.gz"), "--look-back", "48", "--horizon", "6", "--epochs", "1", "--json"]
    monkeypatch.setattr(sys, "argv", ["forecast.py", *words, "--threads", "1", "--options", '{"hidden": 4}'])
    runpy.run_path(str(BENCHMARKS / "forecast.py"), run_name="__main__")
    found = json.loads(capsys.readouterr().out)
    scaled = (table - table[:300].mean(axis=0)) / table[:300].std(axis=0)
    errors = [
        scaled[t + h, c] - scaled[t + h - 24, c] for t in range(400, 495) for h in range(6) for c in range(2)
    ]  # 60, 20, 20 % of 500 rows
    assert found["windows"] == 2 * 95
    assert found["seasonal_naive"]["mse"] == pytest.approx(np.mean(np.square(errors)), rel=1e-9)
    assert found["seasonal_naive"]["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=1e-9)
    assert 0 < found["mse"] < 2
    assert 0 < found["mae"] < 2


@pytest.fixture
def m4() -> dict:
    return runpy.run_path(str(BENCHMARKS / "m4.py"))


def test_naive2_is_exact_where_there_is_nothing_but_a_season(m4: dict) -> None:
    season = np.arange(1.0, 25.0)
    y = np.tile(season, 8)[:-5]
    assert m4["is_seasonal"](y, 24)
    np.testing.assert_allclose(m4["seasonal_indices"](y, 24), season / season.mean(), rtol=1e-9)
    expected = np.tile(season, 3)[24 - 5 :][:48]
    np.testing.assert_allclose(m4["naive2"](y, 48, 24), expected, rtol=1e-9)


def test_naive2_is_naive_where_there_is_no_season(m4: dict) -> None:
    """The test is at 90 %: of short series of noise, a tenth at most passes for seasonal."""
    noise = 100 + np.random.default_rng(0).normal(size=(300, 300))
    found = [m4["is_seasonal"](y, 24) for y in noise]
    assert 0.02 < np.mean(found) < 0.15
    for y in noise[~np.array(found)][:5]:
        assert m4["naive2"](y, 3, 24).tolist() == [y[-1]] * 3


def test_the_measures_of_m4(m4: dict) -> None:
    from elman.data import Series

    history, future, forecast = np.arange(50.0) ** 1.5, np.array([3.0, 4.0]), np.array([2.0, 6.0])
    smape, mase = m4["measures"]([Series(history)], [future], [forecast])
    scale = sum(abs(history[t] - history[t - 24]) for t in range(24, 50)) / 26
    assert smape == pytest.approx((200 * 1 / 5 + 200 * 2 / 10) / 2)
    assert mase == pytest.approx(1.5 / scale)
