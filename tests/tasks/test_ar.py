"""Autoregression equals statsmodels' AutoReg; forecasts, simulation and streams equal explicit recursions."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman.tasks.autoregression.ar import ARState

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    statsmodels = pytest.importorskip("statsmodels.tsa.ar_model")
    from statsmodels.tsa.ar_model import AutoReg, ar_select_order

CLOSE = 1e-8  # the promise of docs/autoregression.md, relative to the larger of 1 and the number


def series(length: int = 150, seed: int = 0) -> np.ndarray:
    """An AR(3) with a level, a slope and a season of 4."""
    random = np.random.default_rng(seed)
    y = list(random.normal(size=3))
    for t in range(3, length):
        y.append(2 + 0.01 * t + (t % 4) + 0.4 * y[-1] - 0.3 * y[-2] + 0.2 * y[-3] + random.normal())
    return np.array(y)


def peer(y: np.ndarray, K: int, trend: str, season: int | None):
    return AutoReg(y, K, trend=trend, seasonal=season is not None, period=season).fit()


def assert_close(actual, expected) -> None:
    np.testing.assert_allclose(actual, expected, rtol=CLOSE, atol=CLOSE)


CASES = [(K, trend, season) for K in (0, 1, 3, 12) for trend in ("n", "c", "t", "ct") for season in (None, 4)]
CASES.remove((0, "n", None))  # statsmodels has no model without any coefficient


@pytest.mark.parametrize(("K", "trend", "season"), CASES)
def test_equals_statsmodels(K: int, trend: str, season: int | None) -> None:
    y = series()
    ours, theirs = elman.AR(K, trend=trend, season=season).fit(y), peer(y, K, trend, season)
    level = [ours.intercept] * ("c" in trend) + [ours.slope] * ("t" in trend)
    seasonal = ours.seasonal[1:] if "c" in trend else ours.seasonal
    assert_close([*level, *seasonal, *ours.coefficients], theirs.params)
    assert_close(ours.sigma2, theirs.sigma2)
    assert_close(
        [ours.log_likelihood, ours.aic, ours.bic, ours.hqic], [theirs.llf, theirs.aic, theirs.bic, theirs.hqic]
    )
    assert_close(ours.predict(30), theirs.forecast(30))
    forecast, prediction = ours.forecast(30, level=0.9), theirs.get_prediction(len(y), len(y) + 29)
    assert_close(forecast.mean, prediction.predicted_mean)
    assert_close(forecast.deviation, prediction.se_mean)
    assert_close(np.stack(forecast[2:], 1), prediction.conf_int(alpha=0.1))
    if K:
        roots = np.roots(np.r_[1, -np.asarray(theirs.params)[-K:]][::-1])
        assert_close(np.sort_complex(ours.roots), np.sort_complex(roots))
        assert ours.stable == bool((np.abs(theirs.roots) > 1).all())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 6), st.sampled_from(["c", "ct"]), st.integers(0, 1000), st.sampled_from([1e-3, 1.0, 1e4]))
def test_equals_statsmodels_on_any_series(K: int, trend: str, seed: int, size: float) -> None:
    y = series(60, seed) * size
    ours, theirs = elman.AR(K, trend=trend).fit(y), peer(y, K, trend, None)
    assert_close(ours.coefficients, theirs.params[len(trend) :])
    assert_close(ours.sigma2 / size**2, theirs.sigma2 / size**2)
    assert_close(ours.predict(5) / size, theirs.forecast(5) / size)


@pytest.mark.parametrize("criterion", ["aic", "bic", "hqic"])
@pytest.mark.parametrize(("trend", "season"), [("c", None), ("ct", 4), ("n", None)])
def test_selects_the_order_that_statsmodels_selects(criterion: str, trend: str, season: int | None) -> None:
    for seed in range(3):
        y = series(seed=seed)
        ours = elman.AR(trend=trend, season=season, criterion=criterion, max_order=10).fit(y)
        options = {"ic": criterion, "trend": trend, "seasonal": season is not None, "period": season}
        theirs = ar_select_order(y, 10, **options)
        assert ours.order == len(theirs.ar_lags or ())
        known = {len(lags or ()): float(np.squeeze(v)) for lags, v in getattr(theirs, criterion).items()}
        # In a search, though not in a fit, statsmodels does not count the intercept as a parameter.
        beyond = np.array([ours.selection[k] for k in known]) - list(known.values())
        price = {"aic": 2, "bic": math.log(140), "hqic": 2 * math.log(math.log(140))}[criterion]
        assert_close(beyond, np.full(11, price * ("c" in trend)))


def test_a_free_run_equals_an_explicit_loop() -> None:
    y = series()
    ar = elman.AR(3, trend="ct", season=4).fit(y)
    run = list(y)
    for t in range(len(y), len(y) + 9):
        past = sum(a * run[-k] for k, a in enumerate(ar.coefficients, 1))
        run.append(ar.intercept + ar.slope * (t + 1) + ar.seasonal[t % 4] + past)
    np.testing.assert_allclose(ar.predict(9), run[-9:], rtol=1e-12)


@pytest.mark.parametrize("K", [0, 1, 3])
def test_streaming_equals_one_step_prediction(K: int) -> None:
    y, future = series(), series(seed=5)[:20]
    ar = elman.AR(K, trend="ct", season=4).fit(y)
    state, predictions = ar.state, [ar.predict(1)[0]]
    for value in future:
        prediction, after = ar.step(value, state)
        again, _ = ar.step(value, state)
        assert prediction == again, "the state that was passed in has changed"
        predictions.append(prediction)
        state = after
    np.testing.assert_allclose(predictions[:-1], ar.one_step(future), rtol=1e-12)
    np.testing.assert_allclose(ar.predict(4, state)[0], predictions[-1], rtol=1e-12)


def test_streams_side_by_side_equal_each_alone() -> None:
    ar = elman.AR(2).fit(series())
    values = np.random.default_rng(0).normal(size=(5, 3))
    state, alone = None, [None] * 3
    for row in values:
        together, state = ar.step(row, state)
        for n in range(3):
            prediction, alone[n] = ar.step(row[n], alone[n])
            assert together[n] == pytest.approx(prediction, rel=1e-12)


def test_history_starts_anew_where_it_is_told() -> None:
    y = series()
    ar = elman.AR(3, trend="ct", season=4).fit(y)
    np.testing.assert_array_equal(ar.predict(5, ar.history(y)), ar.predict(5))
    np.testing.assert_array_equal(ar.predict(5, ar.history(y[50:], start=50)), ar.predict(5))
    with pytest.raises(ValueError, match="y has 2 values; expected at least the order, 3"):
        ar.history(y[:2])


def test_simulated_paths_have_the_mean_and_the_spread_of_the_forecast() -> None:
    ar = elman.AR(3).fit(series())
    paths, forecast = ar.simulate(6, 40_000, seed=3), ar.forecast(6)
    error = forecast.deviation / math.sqrt(40_000)
    assert (np.abs(paths.mean(1) - forecast.mean) < 5 * error).all()
    assert (np.abs(paths.std(1) / forecast.deviation - 1) < 5 / math.sqrt(2 * 40_000)).all()
    np.testing.assert_array_equal(paths, ar.simulate(6, 40_000, seed=3))
    assert not np.array_equal(paths, ar.simulate(6, 40_000, seed=4))


def test_an_interval_holds_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        y = [0.0, 0.0]
        for _ in range(310):
            y.append(1 + 0.6 * y[-1] - 0.3 * y[-2] + random.normal())
        forecast = elman.AR(2).fit(y[:-3]).forecast(3, level=0.8)
        inside += forecast.lower[2] <= y[-1] <= forecast.upper[2]
    assert abs(inside / 400 - 0.8) < 4 * math.sqrt(0.8 * 0.2 / 400)


@pytest.mark.parametrize("order", [0, 1, 4, None])
@pytest.mark.parametrize("value", [0.0, 5.0, 1e-8])
def test_a_constant_series_is_its_own_forecast(order: int | None, value: float) -> None:
    ar = elman.AR(order).fit([value] * 40)
    np.testing.assert_allclose(ar.predict(10), value, rtol=1e-9)
    assert (ar.sigma2, ar.log_likelihood) == (0.0, math.inf)
    assert ar.order == (order or 0)


def test_a_sine_without_noise_is_continued() -> None:
    t = np.arange(80)
    ar = elman.AR(6).fit(np.sin(t[:60] / 3))  # two lags are enough: the columns depend on one another
    np.testing.assert_allclose(ar.predict(20), np.sin(t[60:] / 3), atol=1e-8)


def test_an_unstable_model_says_so() -> None:
    assert not elman.AR(1, trend="n").fit(1.1 ** np.arange(30)).stable
    assert elman.AR(1, trend="n").fit(0.9 ** np.arange(30)).stable
    assert elman.AR(0).fit([1.0, 2.0]).stable


def test_evaluate_measures_both_ways_to_predict() -> None:
    y = series()
    ar = elman.AR(3).fit(y[:100])
    found = ar.evaluate(y[100:])
    one = peer(y[:100], 3, "c", None)
    assert found["steps"] == 50
    assert found["free_run_rmse"] == pytest.approx(np.sqrt(np.mean((one.forecast(50) - y[100:]) ** 2)))
    explicit = [
        ar.intercept + sum(a * y[t - k] for k, a in enumerate(ar.coefficients, 1)) - y[t] for t in range(100, 150)
    ]
    assert found["one_step_mae"] == pytest.approx(np.mean(np.abs(explicit)))


def test_a_saved_model_is_the_same(tmp_path) -> None:
    ar = elman.AR(trend="ct", season=4).fit(series())
    ar.save(tmp_path / "a.elman")
    loaded = elman.load(tmp_path / "a.elman")
    assert isinstance(loaded, elman.AR)
    assert loaded.info() == ar.info()
    assert loaded.selection == ar.selection
    for ours, theirs in zip(loaded.forecast(9), ar.forecast(9), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_file_whose_parts_do_not_fit_is_damaged(tmp_path) -> None:
    from elman.tasks.model_file import ModelFileError, read_file, write_file

    elman.AR(2).fit(series()).save(tmp_path / "a.elman")
    stored = read_file(tmp_path / "a.elman", "model")
    description = {key: value for key, value in stored.description.items() if key not in ("kind", "format", "version")}
    write_file(tmp_path / "b.elman", "model", description, {**stored.tensors, "values": stored.tensors["values"][:1]})
    with pytest.raises(ModelFileError, match=r"b\.elman: the file is damaged: parameters has shape \(3,\)"):
        elman.load(tmp_path / "b.elman")


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        ([1.0, math.nan, 2.0, math.nan], ValueError, r"y\[1\] is nan \(and 1 more\); fill or cut what is missing"),
        ([1.0, 2.0, math.inf], ValueError, r"y\[2\] is inf; fill or cut"),
        ([[1.0], [2.0]], ValueError, r"y has shape \(2, 1\); expected \(T,\): one value a time step"),
        (["a", "b"], TypeError, "y is not a series of numbers"),
        ([1.0, 2.0, 3.0, 4.0], ValueError, r"y has 4 values; an AR\(2\) .* needs at least 5: 2 to begin with, and one"),
        ([], ValueError, "y has 0 values"),
    ],
)
def test_bad_series(y, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        elman.AR(2).fit(y)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"order": -1}, ValueError, "order is -1, expected at least 0"),
        ({"order": 1.5}, TypeError, "order is 1.5, expected a whole number"),
        ({"trend": "x"}, ValueError, "trend is 'x', expected one of n, c, t, ct"),
        ({"criterion": "aicc"}, ValueError, "criterion is 'aicc', expected one of aic, bic, hqic"),
        ({"season": 1}, ValueError, "season is 1, expected at least 2"),
    ],
)
def test_bad_hyperparameters(options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        elman.AR(**options)


def test_bad_calls() -> None:
    ar = elman.AR(2)
    with pytest.raises(ValueError, match="the model is not trained: call fit"):
        ar.predict(3)
    with pytest.raises(ValueError, match="y has 10 values; comparing orders up to max_order = 9 needs at least 21"):
        elman.AR(max_order=9).fit(range(10))
    ar.fit(series())
    with pytest.raises(ValueError, match="steps is -1, expected at least 0"):
        ar.predict(-1)
    with pytest.raises(ValueError, match="level is 95, expected a probability between 0 and 1"):
        ar.forecast(3, level=95)
    with pytest.raises(ValueError, match="y is nan; expected a number"):
        ar.step(math.nan)
    with pytest.raises(ValueError, match=r"state has values of shape \(3,\); expected \(K,\) = \(2,\): one series"):
        ar.predict(3, ARState(np.zeros(3), 0))
    with pytest.raises(ValueError, match="data has no values"):
        ar.evaluate([])
    assert ar.predict(0).shape == (0,)
