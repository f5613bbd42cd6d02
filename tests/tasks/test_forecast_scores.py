"""Measures and baselines against explicit loops in Python's own numbers."""

import math
from statistics import fmean

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.tasks.forecasting.baselines import (
    ar_coefficients,
    ar_forecast,
    ar_order,
    filled,
    seasonal_difference,
    seasonal_naive,
)
from elman.tasks.forecasting.learner import pinball
from elman.tasks.forecasting.scores import Scores, level_weights

LEVELS = (0.1, 0.25, 0.5, 0.9)


def case(seed: int, missing: float) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    actual = random.normal(size=(5, 4)) * 10
    actual[random.random(actual.shape) < missing] = np.nan
    actual[0, 0] = 0.0
    return actual, np.sort(random.normal(size=(5, 4, len(LEVELS))) * 10, axis=2)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_scores(missing: float) -> None:
    cases, scores = [case(1, missing), case(2, missing)], Scores(LEVELS)
    scales = [(2.0, 3.0), (0.0, 5.0)]  # the second series has no scale for the MASE
    rows = []
    for (actual, quantiles), (difference, deviation) in zip(cases, scales, strict=True):
        scores.add(actual, quantiles, difference, deviation)
        for w in range(5):
            for h in range(4):
                if not math.isnan(actual[w, h]):
                    rows.append((float(actual[w, h]), quantiles[w, h].tolist(), difference, deviation))
    errors = [abs(y - q[2]) for y, q, _, _ in rows]
    weights = [0.175, 0.2, 0.325, 0.3]  # from 0 to 0.175, to 0.375, to 0.7, to 1
    crps = [
        sum(
            w * 2 * (level if y >= q else 1 - level) * abs(y - q)
            for w, level, q in zip(weights, LEVELS, qs, strict=True)
        )
        for y, qs, _, _ in rows
    ]
    found = scores.result()
    expected = {
        "mae": fmean(errors),
        "rmse": math.sqrt(fmean(e * e for e in errors)),
        "smape": fmean(200 * abs(y - q[2]) / (abs(y) + abs(q[2])) for y, q, _, _ in rows),
        "mase": fmean(abs(y - q[2]) / d for y, q, d, _ in rows if d),
        "crps": fmean(crps),
        "mse_scaled": fmean(((y - q[2]) / s) ** 2 for y, q, _, s in rows),
        "mae_scaled": fmean(abs(y - q[2]) / s for y, q, _, s in rows),
        "coverage": fmean(q[0] <= y <= q[-1] for y, q, _, _ in rows),
        "band": 0.8,
    }
    assert found == pytest.approx(expected, rel=1e-12)
    assert (scores.windows, scores.values) == (10, len(rows))


def test_the_loss_that_is_learned_is_the_crps_that_is_measured() -> None:
    actual, quantiles = case(3, 0.3)
    scores = Scores(LEVELS)
    scores.add(actual, quantiles, 1.0, 1.0)
    gone = torch.from_numpy(np.isnan(actual).astype(float))
    total, count = pinball(torch.from_numpy(quantiles), torch.from_numpy(np.nan_to_num(actual)), gone, LEVELS)
    assert float(total / count) == pytest.approx(scores.result()["crps"], rel=1e-12)


def test_the_crps_of_many_quantiles_is_that_of_the_distribution() -> None:
    """Of a standard normal distribution: y (2 Φ(y) - 1) + 2 φ(y) - 1 / √π (Gneiting and Raftery, 2007)."""
    from statistics import NormalDist

    normal = NormalDist()
    levels = tuple((i + 0.5) / 999 for i in range(999))
    assert levels[499] == 0.5
    quantiles = np.array([normal.inv_cdf(level) for level in levels])
    for y in (-2.0, 0.0, 0.7):
        scores = Scores(levels)
        scores.add(np.array([[y]]), quantiles[None, None], 1.0, 1.0)
        exact = y * (2 * normal.cdf(y) - 1) + 2 * normal.pdf(y) - 1 / math.sqrt(math.pi)
        assert scores.result()["crps"] == pytest.approx(exact, abs=1e-4)


def test_of_one_quantile_the_crps_is_the_absolute_error() -> None:
    actual, quantiles = case(4, 0.0)
    scores = Scores((0.5,))
    scores.add(actual, quantiles[..., :1], 1.0, 1.0)
    found = scores.result()
    assert found["crps"] == pytest.approx(found["mae"], rel=1e-12)
    assert "coverage" not in found


def test_without_a_scale_there_is_no_mase() -> None:
    scores = Scores((0.5,))
    scores.add(np.ones((1, 2)), np.ones((1, 2, 1)), float("nan"), 1.0)
    assert scores.result()["mase"] is None


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=20, unique=True))
def test_weights_share_the_levels_out(levels: list[float]) -> None:
    weights = level_weights(tuple(sorted(levels)))
    assert weights.sum() == pytest.approx(1)
    assert (weights > 0).all()


def series(length: int, seed: int = 0, missing: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    y = np.zeros(length)
    for t in range(2, length):
        y[t] = 1 + 0.6 * y[t - 1] - 0.3 * y[t - 2] + random.normal()
    y[random.random(length) < missing] = np.nan
    return y


@settings(max_examples=50, deadline=None)
@given(length=st.integers(3, 40), season=st.integers(1, 12), horizon=st.integers(1, 30), seed=st.integers(0, 99))
def test_seasonal_naive(length: int, season: int, horizon: int, seed: int) -> None:
    y = series(length, seed)
    origins = np.arange(1, length + 1)
    found = seasonal_naive(y, origins, horizon, season)
    for row, t in enumerate(origins):
        for h in range(horizon):
            step = t + h
            while step >= t:
                step -= season
            assert found[row, h] == (y[step] if t >= season else y[t - season + h % season]
                                     if t - season + h % season >= 0 else y[t - 1])  # fmt: skip


def test_missing_values_are_filled_from_the_season_before() -> None:
    y = np.array([1.0, 2.0, 3.0, np.nan, np.nan, 6.0, np.nan, np.nan, np.nan])
    assert filled(y, 3).tolist() == [1, 2, 3, 1, 2, 6, 1, 2, 6]
    assert filled(y, 1).tolist() == [1, 2, 3, 3, 3, 6, 6, 6, 6]
    assert seasonal_difference(y, 1) == 1.0
    assert math.isnan(seasonal_difference(y[:2], 5))


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_the_autoregression_is_least_squares(missing: float) -> None:
    y, order = series(400, missing=missing), 3
    found = ar_coefficients(y, order)
    rows = [t for t in range(order, 400) if not np.isnan(y[t - order : t + 1]).any()]
    X = np.array([[1.0, *(y[t - k] for k in range(1, order + 1))] for t in rows])
    expected = np.linalg.solve(X.T @ X, X.T @ y[rows])
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_autoregression_feeds_its_forecasts_back() -> None:
    y, coefficients = series(50), np.array([0.5, 0.6, -0.3, 0.1])
    found = ar_forecast(y, coefficients, np.array([10, 50]), 6, 1)
    for row, t in enumerate((10, 50)):
        path = list(y[:t])
        for _ in range(6):
            path.append(0.5 + 0.6 * path[-1] - 0.3 * path[-2] + 0.1 * path[-3])
        np.testing.assert_allclose(found[row], path[t:], rtol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 5, 30, 1000])
@pytest.mark.parametrize("season", [1, 12, 300])
def test_short_series_have_an_autoregression_too(length: int, season: int) -> None:
    y = series(length) + 1
    coefficients = ar_coefficients(y, ar_order(length, season))
    assert len(coefficients) <= max(1, length // 2)
    assert np.isfinite(ar_forecast(y, coefficients, np.array([length]), 5, season)).all()
