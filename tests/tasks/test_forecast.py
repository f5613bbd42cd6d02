"""The forecaster: what it learns, saves, steps through, and says of each kind of series and bad input."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elman
from elman import Forecaster
from elman.data import Frequency, Series
from elman.tasks import ModelFileError, Progress
from elman.tasks.forecasting.picture import draw
from elman.tasks.forecasting.result import Forecast
from elman.tasks.model_file import read_file

HOUR = Frequency(3_600_000_000)
SMALL = {"horizon": 6, "look_back": 18, "segment": 3, "hidden": 8, "batch": 16}
NAN = float("nan")


def wave(length: int = 300, seed: int = 0, noise: float = 0.1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.sin(np.arange(length) * 2 * np.pi / 12) + noise * random.normal(size=length)


def rich(length: int = 200, future: int = 6, seed: int = 0, name: str = "y") -> Series:
    """A series with everything: missing values, inputs, known inputs, dates."""
    random = np.random.default_rng(seed)
    values, inputs, known = (
        5 + wave(length, seed),
        *(random.normal(size=s) for s in ((length, 2), (length + future, 1))),
    )
    values[random.random(length) < 0.1] = NAN
    values[[0, -1]] = 5.0
    inputs[random.random((length, 2)) < 0.1] = NAN
    known[random.random((length + future, 1)) < 0.05] = NAN
    return Series(values, name, inputs, known, np.datetime64("2024-02-28T03:00"), HOUR)


@pytest.fixture(scope="module", params=["gru", "lstm"])
def trained(request: pytest.FixtureRequest) -> Forecaster:
    """A model of two series with everything."""
    return Forecaster(cell=request.param, **SMALL).fit([rich(seed=0, name="a"), rich(seed=1, name="b")], epochs=2)


def test_it_learns_a_season_and_its_uncertainty() -> None:
    """Beside what can be reached: the noise itself has a mean size of 0.08 and a CRPS of 0.056."""
    model = Forecaster(horizon=12, look_back=36, hidden=16, season=12, learning_rate=0.003, dropout=0.0, batch=32)
    model.fit(wave(900), epochs=12)
    figures = model.evaluate(wave(500, seed=5), last=200)
    assert figures["mae"] < 0.10 < figures["seasonal_naive"]["mae"]
    assert figures["crps"] < 0.08
    assert 0.85 < figures["coverage"] < 0.97
    assert figures["band"] == pytest.approx(0.9)
    assert (figures["windows"], figures["values"]) == (189, 189 * 12)
    (forecast,) = model.predict(wave(500, seed=5))
    assert np.abs(forecast.values - wave(512, noise=0)[500:]).mean() < 0.08


def test_known_inputs_are_used() -> None:
    random = np.random.default_rng(0)
    known = random.normal(size=(700, 1))
    y = Series(3 * known[:, 0] + 0.1 * random.normal(size=700), known=known)
    options = {"horizon": 4, "look_back": 16, "segment": 4, "hidden": 16, "learning_rate": 0.01, "dropout": 0.0}
    figures = Forecaster(**options).fit(y, epochs=8).evaluate(y, last=60)
    assert figures["mae"] < 0.9 < 2 < figures["ar"]["mae"]


def test_the_calendar_is_used() -> None:
    """A series that is 1 in the second half of the day, of which half a day is seen."""
    hours = np.arange(24 * 40)
    y = Series((hours % 24 >= 12).astype(float), start=np.datetime64("2024-01-01"), frequency=HOUR)
    options = {"horizon": 12, "look_back": 6, "segment": 6, "hidden": 16, "learning_rate": 0.01, "dropout": 0.0}
    knows, does_not = (Forecaster(calendar=calendar, **options).fit(y, epochs=12) for calendar in (True, False))
    assert (knows.settings.cycles, does_not.settings.cycles) == (("day", "week"), ())
    one, two = (model.evaluate(y, last=200)["mae"] for model in (knows, does_not))
    assert one < 0.1 < 0.2 < two


def test_saved_and_loaded_it_is_the_same(trained: Forecaster, tmp_path: Path) -> None:
    path = tmp_path / "m.elman"
    trained.save(path)
    again, data = elman.load(path), [rich(seed=3, name="b"), rich(seed=4, name="new")]
    assert again.settings == trained.settings
    assert again.evaluate(data) == trained.evaluate(data)
    for inputs in (None, data):
        for one, two in zip(again.predict(inputs), trained.predict(inputs), strict=True):
            assert json.dumps(one.to_dict()) == json.dumps(two.to_dict())
            np.testing.assert_array_equal(one.past, two.past)
    assert json.loads(json.dumps(again.info())) == json.loads(json.dumps(trained.info()))
    damaged = read_file(path, "model")
    del damaged.tensors["network.write.bias"]
    with pytest.raises(ModelFileError, match="the file is damaged"):
        Forecaster.from_stored(damaged)


def test_without_data_it_goes_on_from_the_training_series(trained: Forecaster) -> None:
    for one, two in zip(
        trained.predict(), trained.predict([rich(seed=0, name="a"), rich(seed=1, name="b")]), strict=True
    ):
        np.testing.assert_array_equal(one.quantiles, two.quantiles)
    assert (trained.predict()[0].times == rich().times(6)).all()


@pytest.mark.parametrize("length", [1, 7, 40])
def test_steps_give_the_bits_of_the_whole(trained: Forecaster, length: int) -> None:
    series = rich(length=200, seed=9, name="b")
    state = trained.initial_state(like="b", start="2024-02-28 03:00")
    size = sum(part.numel() for part in state.window)
    _, state = trained.step(NAN, state, inputs=[NAN, NAN], known=np.zeros((7, 1)))  # a series begins with a value
    state = trained.initial_state(like="b", start="2024-02-28 03:00")
    for t in range(length):
        known = series.known[t : t + 7]
        forecast, state = trained.step(series.values[t], state, inputs=series.inputs[t], known=known)
    assert sum(part.numel() for part in state.window) == size, "constant memory"
    part = Series(series.values[:length], "b", series.inputs[:length], series.known[: length + 6], series.start, HOUR)
    assert not np.isnan(part.values[-1]), "a series ends with a value, too"
    (whole,) = trained.predict(part)
    np.testing.assert_array_equal(forecast.quantiles, whole.quantiles)
    assert (forecast.times == whole.times).all()


def test_a_stream_goes_on_where_training_ended(trained: Forecaster) -> None:
    series = rich(seed=0, name="a")
    state = trained.initial_state("a")
    known = np.concatenate([series.known[200:], np.ones((1, 1))])
    forecast, after = trained.step(4.5, state, inputs=[0.1, 0.2], known=known)
    longer = Series(
        np.append(series.values, 4.5), "a", np.vstack([series.inputs, [0.1, 0.2]]),
        np.vstack([series.known, [[1.0]]]), series.start, HOUR,
    )  # fmt: skip
    np.testing.assert_array_equal(forecast.quantiles, trained.predict(longer)[0].quantiles)
    assert (state.count, after.count) == (200, 201), "the state is a value: the first one is as it was"


def test_quantiles_rise_and_have_their_bands(trained: Forecaster) -> None:
    for forecast in trained.predict():
        assert (np.diff(forecast.quantiles, axis=1) >= 0).all()
        assert forecast.bands == (0.9, 0.8, 0.6, 0.4, 0.2)
        low, high = forecast.band(0.8)
        assert (low <= forecast.values).all()
        assert (forecast.values <= high).all()
        with pytest.raises(ValueError, match=r"part is 0.5, expected one of 0.9, 0.8, 0.6, 0.4, 0.2"):
            forecast.band(0.5)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (None, [1, 2]),
        (("2024-01-31", "2024-02-29"), ["2024-01-31", "2024-02-29"]),
        (("2024-01-31T00:00", "2024-01-31T00:15"), ["2024-01-31 00:00", "2024-01-31 00:15"]),
        (("2024-01-31T00:00:05", "2024-01-31T00:01"), ["2024-01-31 00:00:05", "2024-01-31 00:01:00"]),
        (
            ("2024-01-31T00:00:00.5", "2024-01-31T00:00:01"),
            ["2024-01-31 00:00:00.500000", "2024-01-31 00:00:01.000000"],
        ),
    ],
)
def test_times_are_as_short_as_they_can_be(times: tuple[str, str] | None, expected: list[str | int]) -> None:
    stamps = None if times is None else np.array(times, dtype="datetime64[us]")
    assert Forecast("y", (0.5,), np.zeros((2, 1)), stamps).steps() == expected


def same(one: Forecaster, two: Forecaster) -> bool:
    ours, theirs = one.network.state_dict(), two.network.state_dict()
    losses = [[(step, loss) for step, _, loss in model.history] for model in (one, two)]
    return all(torch.equal(ours[name], theirs[name]) for name in ours) and losses[0] == losses[1]


@pytest.mark.parametrize("stop", [1, 12, 20])
def test_ctrl_c_and_resume_end_in_the_same_bits(stop: int, tmp_path: Path) -> None:
    def interrupt(report: Progress) -> None:
        if report.step == stop:
            os.kill(os.getpid(), signal.SIGINT)

    data, path = wave(220), tmp_path / "m.checkpoint"
    unbroken = Forecaster(**SMALL).fit(data, epochs=3, seed=7)
    assert unbroken.metrics["steps"] > 20
    with pytest.raises(KeyboardInterrupt):
        Forecaster(**SMALL).fit(data, epochs=3, seed=7, checkpoint=path, progress=interrupt)
    torch.manual_seed(stop)
    resumed = Forecaster().fit(data, resume=path)
    assert resumed.settings == unbroken.settings
    assert same(resumed, unbroken)
    assert not same(Forecaster(**SMALL).fit(data, epochs=3, seed=8), unbroken)
    with pytest.raises(ValueError, match=r"the series are not those that .* was made with; resume with the same"):
        Forecaster().fit(wave(221), resume=path)
    with pytest.raises(ValueError, match="horizon is 7 here and 6 in the checkpoint"):
        Forecaster(horizon=7).fit(data, resume=path)


def test_a_budget_of_time_is_kept() -> None:
    model = Forecaster(**SMALL).fit(wave(), time="1s")
    assert 0.5 < model.metrics["seconds"] < 1.5
    assert model.metrics["validation_loss"] == min(loss for *_, loss in model.history)


def test_a_validation_shows_what_was_forecast_and_what_came() -> None:
    shown: list[str] = []
    Forecaster(**SMALL).fit(wave(), epochs=1, progress=lambda report: shown.append(report.sample or ""))
    forecast, actual = shown[-1].splitlines()
    assert (forecast[:10], actual[:10]) == ("forecast  ", "actual    ")
    assert len(forecast) == len(actual) == 10 + 6
    assert "▁" in forecast + actual
    assert "█" in forecast + actual


def test_what_is_chosen_from_the_data() -> None:
    hourly = Series(wave(400), start=np.datetime64("2024-01-01"), frequency=HOUR)
    settings = Forecaster(horizon=48, hidden=4).fit(hourly, epochs=1).settings
    assert (settings.season, settings.segment, settings.look_back, settings.cycles) == (24, 24, 216, ("day", "week"))
    plain = Forecaster(horizon=7, look_back=20, hidden=4).fit(wave(100), epochs=1).settings
    assert (plain.season, plain.segment, plain.look_back, plain.cycles) == (1, 7, 21, ())


# Unequal, short, constant, gappy series: what becomes of each.


def test_a_constant_series_stays_constant() -> None:
    model = Forecaster(**SMALL).fit({"flat": np.full(100, 7.0), "wave": wave()}, epochs=1)
    flat = model.predict()[0]
    assert np.abs(flat.values - 7).max() < 1.5
    figures = model.evaluate({"flat": np.full(100, 7.0)})
    assert figures["mase"] is None
    assert figures["seasonal_naive"]["mae"] == 0
    json.dumps(figures)


@pytest.mark.parametrize("short", [1, 2, 5, 13])
def test_short_series_learn_along_and_are_forecast(short: int) -> None:
    model = Forecaster(**SMALL).fit({"short": wave(short), "long": wave(200)}, epochs=1)
    forecast = model.predict()[0]
    assert (forecast.series, len(forecast.past)) == ("short", short)
    assert np.isfinite(forecast.quantiles).all()
    new = model.predict({"new": wave(short)})[0]
    assert np.isfinite(new.quantiles).all()


def test_gaps_do_not_count() -> None:
    """What stands in for a missing value makes no difference to what is measured, and none to the loss."""
    y = wave(200)
    y[150:155] = NAN
    model = Forecaster(**SMALL).fit(y, epochs=1)
    assert np.isfinite(model.metrics["validation_loss"])
    figures = model.evaluate(y, last=60)
    assert figures["values"] == figures["windows"] * 6 - 5 * 6
    gappy = Forecaster(**SMALL).fit(np.where(np.arange(200) % 3 == 1, NAN, wave(200)), epochs=1)
    assert np.isfinite(gappy.predict()[0].quantiles).all()


def test_series_that_training_did_not_meet_have_their_own_units() -> None:
    model = Forecaster(**SMALL).fit([Series(wave(200), "a"), Series(wave(200, 1), "b")], epochs=2)
    one, two = (model.predict({"new": 1000 + 50 * wave(100, 3) * scale})[0].values for scale in (1, 2))
    np.testing.assert_allclose(2 * (one - 1000), two - 1000, rtol=1e-3, atol=1e-2)


def test_the_logarithm() -> None:
    grown = np.exp(wave(300) + np.arange(300) / 100)
    model = Forecaster(log=True, seasonal=True, season=12, **SMALL).fit(grown, epochs=3)
    (forecast,) = model.predict()
    assert (forecast.quantiles > 0).all()
    assert model.evaluate(grown, last=50)["mae"] < grown[-50:].mean()
    with pytest.raises(ValueError, match="series y is 0 at step 4; with log every value must be above 0"):
        Forecaster(log=True, **SMALL).fit([*grown[:4], 0.0, *grown[5:]], epochs=1)


BAD_FIT: dict[str, tuple[dict[str, Any], Any, str]] = {
    "quantiles": ({"quantiles": (0.1, 0.9)}, None, r"quantiles are \[0.1, 0.9\], expected 0.5 among them"),
    "falling": ({"quantiles": (0.5, 0.1)}, None, "expected rising numbers between 0 and 1"),
    "cell": ({"cell": "gruu"}, None, "cell is 'gruu', expected one of rnn, gru, lstm; did you mean 'gru'"),
    "horizon": ({"horizon": 0}, None, "horizon is 0, expected at least 1"),
    "season": ({"seasonal": True, "season": 50, **SMALL}, wave(), "season is 50, expected at most the look-back, 18"),
    "one value": (SMALL, [1.0], "no series has two values; there is nothing to learn from"),
    "nothing to judge": (SMALL, wave(13), r"the longest series has 13 values; expected at least 14 for a horizon of 6"),
    "inputs": (SMALL, [Series(wave(50), "a", inputs=np.ones(50)), Series(wave(50), "b")], "series b has 0 inputs"),
}


@pytest.mark.parametrize("case", BAD_FIT)
def test_what_cannot_be_learned(case: str) -> None:
    options, data, words = BAD_FIT[case]
    with pytest.raises(ValueError, match=words):
        Forecaster(**options).fit(data, epochs=1)


def test_what_a_trained_model_refuses(trained: Forecaster) -> None:
    with pytest.raises(ValueError, match="series b: known inputs are known for 2 steps after its last value; expec"):
        trained.predict(rich(future=2, name="b"))
    with pytest.raises(ValueError, match="series y has no dates; the model was trained with the calendar"):
        trained.predict(Series(wave(50), inputs=np.ones((50, 2)), known=np.ones(60)))
    daily = Series(
        wave(50),
        inputs=np.ones((50, 2)),
        known=np.ones(60),
        start=np.datetime64("2024"),
        frequency=Frequency(24 * HOUR.count),
    )
    with pytest.raises(ValueError, match="series y has a step of 1d; the model was trained with 1h"):
        trained.predict(daily)
    with pytest.raises(ValueError, match="no series is long enough: the longest has 5 values; expected more than"):
        trained.evaluate(rich(length=5))
    with pytest.raises(ValueError, match="stride is 0, expected at least 1"):
        trained.evaluate(rich(), stride=0)
    with pytest.raises(ValueError, match="series is 'c', expected one of those of the training: a, b"):
        trained.initial_state("c")
    with pytest.raises(ValueError, match="like is missing"):
        trained.initial_state()
    with pytest.raises(ValueError, match="start is missing: the model was trained with the calendar"):
        trained.initial_state(like="a")
    state = trained.initial_state("a")
    with pytest.raises(ValueError, match=r"known has shape \(3, 1\); expected \(7, 1\)"):
        trained.step(1.0, state, inputs=[1, 2], known=np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"inputs has shape \(0,\); expected \(2,\)"):
        trained.step(1.0, state)


def test_pictures_need_matplotlib_and_something_to_draw(trained: Forecaster, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="there is no forecast to draw"):
        draw([], "a.svg")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"needs matplotlib, which is not installed: pip install 'elman\[series\]'$"):
        draw(trained.predict(), "a.svg")


def test_before_fit() -> None:
    for use in (lambda m: m.predict(), lambda m: m.evaluate(wave()), lambda m: m.info(), lambda m: m.network):
        with pytest.raises(ValueError, match="the model is not trained"):
            use(Forecaster())
    with pytest.raises(TypeError, match="a forecaster takes no targets"):
        Forecaster().fit(wave(), wave())  # type: ignore[arg-type]
