"""NARX as a task: regressors and least squares by explicit loops, training, bad input, files."""

import copy
import math
import time as clock

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import elman
from elman.tasks.autoregression.form import Form, choose, fit_linear, run_linear
from elman.tasks.autoregression.learner import NARXLearner, Segment, windows
from elman.tasks.model_file import ModelFileError, read_file, write_file
from elman.tasks.training import TrainingError

NO_INPUTS = np.empty((0, 0))


def system(length: int = 300, seed: int = 0, noise: float = 0.05) -> tuple[np.ndarray, np.ndarray]:
    """A nonlinear system: y_t = 0.8 y_{t-1} - 0.3 y_{t-2} + tanh(3 x_{t-1}) + ε."""
    random = np.random.default_rng(seed)
    x, y = random.uniform(-2, 2, size=length), np.zeros(length)
    for t in range(2, length):
        y[t] = 0.8 * y[t - 1] - 0.3 * y[t - 2] + np.tanh(3 * x[t - 1]) + noise * random.normal()
    return y, x


def linear_system(length: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two outputs and two inputs, without noise: an ARX model knows it."""
    random = np.random.default_rng(seed)
    A, B = np.array([[0.6, 0.2], [-0.3, 0.5]]), np.array([[1.0, 0.0], [0.5, -1.0]])
    x, y = random.normal(size=(length, 2)), np.zeros((length, 2))
    for t in range(1, length):
        y[t] = 1 + A @ y[t - 1] + B @ x[t]
    return y, x


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_the_regression_is_what_the_form_says(data) -> None:
    Ky, Kx = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
    form = Form(Ky, Kx, data.draw(st.integers(0, Kx)), data.draw(st.booleans()), 3, data.draw(st.booleans()))
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    y, x = np.exp(random.normal(size=(40, 2))), random.normal(size=(45, 2))
    scales = form.scales(y, x[:40])
    u, v = form.inward(y, scales), (x - x[:40].mean(0)) / x[:40].std(0)

    def seen(past: np.ndarray, t: int) -> np.ndarray:
        row = [past[t - k] for k in range(1, Ky + 1)] + [v[t - k] for k in range(form.dead_time, Kx + 1)]
        row += [[float(t % 3 == s) for s in (1, 2)]] if form.seasonal else []
        return np.concatenate([*row, [1.0]])

    rows = range(form.memory, 40)
    expected, *_ = np.linalg.lstsq(np.stack([seen(u, t) for t in rows]), u[form.memory :], rcond=None)
    fit = fit_linear(form, y, x[:40], scales)
    np.testing.assert_allclose(fit.coefficients, expected, atol=1e-9)
    run = np.concatenate((u, np.zeros((5, 2))))
    for t in range(40, 45):
        run[t] = seen(run, t) @ expected
    actual = run_linear(form, fit, y, x[40 - Kx :], scales, 40)
    np.testing.assert_allclose(actual, form.outward(run[40:], scales), rtol=1e-8)
    np.testing.assert_allclose(form.outward(u, scales), y, rtol=1e-12)


def test_a_linear_system_is_found_exactly() -> None:
    y, x = linear_system()
    narx = elman.NARX(1, 0, network="linear").fit(y[:150], x[:150])
    np.testing.assert_allclose(narx.predict(x=x[150:]), y[150:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(narx.one_step(y[150:], x[150:]), y[150:], rtol=1e-9, atol=1e-9)


def test_without_inputs_a_linear_model_is_an_autoregression() -> None:
    y = np.cumsum(np.random.default_rng(0).normal(size=120)) + 50
    narx, ar = elman.NARX(3, network="linear", log=False).fit(y[:100]), elman.AR(3).fit(y[:100])
    np.testing.assert_allclose(narx.predict(20), ar.predict(20), rtol=1e-8)
    np.testing.assert_allclose(narx.one_step(y[100:]), ar.one_step(y[100:]), rtol=1e-8)
    ours, theirs = narx.evaluate(y[100:]), ar.evaluate(y[100:])
    assert ours == pytest.approx(theirs, rel=1e-7)


def test_the_backtest_finds_delays_and_dead_time() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(400, 1)), np.zeros((400, 1))
    for t in range(4, 400):
        y[t] = 0.5 * y[t - 1] + x[t - 2] - 0.7 * x[t - 4] + 0.01 * random.normal()
    free = dict.fromkeys(("output_delays", "input_delays", "dead_time", "log", "season"))
    form, score = choose(y, x, 40, **free)
    assert (form.output_delays, form.input_delays, form.dead_time) == (1, 4, 2)
    assert score < 0.05


def test_the_backtest_finds_logarithm_and_season() -> None:
    t = np.arange(240)
    random = np.random.default_rng(0)
    y = np.exp(0.01 * t + np.tile(random.normal(size=12), 20) / 3 + 0.01 * random.normal(size=240))[:, None]
    free = dict.fromkeys(("output_delays", "input_delays", "dead_time", "log"))
    form, _ = choose(y, np.empty((240, 0)), 48, season=12, **free)
    assert form.log
    assert form.seasonal


def test_a_season_s_levels_beat_lags_where_there_is_nothing_else() -> None:
    random = np.random.default_rng(0)
    y = 10 + np.tile(random.normal(size=12), 20) + 0.1 * random.normal(size=240)
    found, plain = (elman.NARX(network="linear", season=season).fit(y[:180]) for season in (12, None))
    assert found.form.seasonal
    ours, theirs = (model.evaluate(y[180:])["free_run_rmse"] for model in (found, plain))
    assert ours < theirs


def test_the_backtest_does_not_see_what_comes_after() -> None:
    y, x = system()
    for cut in (150, 250):
        changed = y.copy()
        changed[cut:] = 1e6
        first, second = (elman.NARX(2, network="linear").fit(part[:cut], x[:cut]) for part in (y, changed))
        assert first.info() == second.info()


def test_a_network_learns_what_a_linear_model_cannot() -> None:
    y, x = system(300)
    options = {"output_delays": 2, "input_delays": 1, "dead_time": 1}
    linear = elman.NARX(**options, network="linear").fit(y[:240], x[:240])
    narx = elman.NARX(**options, horizon=16).fit(y[:240], x[:240], epochs=6)
    assert narx.metrics["network_used"]
    assert narx.metrics["network_error"] < 0.8
    assert max(narx.metrics["network_errors"]) < 1
    assert narx.metrics["network_error"] == pytest.approx(math.prod(narx.metrics["network_errors"]) ** (1 / 3))
    ours, theirs = (model.evaluate(y[240:], x[240:]) for model in (narx, linear))
    assert ours["free_run_rmse"] < 0.8 * theirs["free_run_rmse"]
    assert ours["one_step_rmse"] < theirs["one_step_rmse"]


def test_a_network_that_does_not_help_is_left_out() -> None:
    y, x = linear_system()
    options = {"output_delays": 1, "input_delays": 0}
    narx = elman.NARX(**options).fit(y[:150, 0], x[:150], epochs=2)
    linear = elman.NARX(**options, network="linear").fit(y[:150, 0], x[:150])
    np.testing.assert_array_equal(narx.predict(x=x[150:]), linear.predict(x=x[150:]))
    assert narx.metrics["network_used"] is False
    forced = elman.NARX(**options, fallback=False).fit(y[:150, 0], x[:150], epochs=2)
    assert forced.metrics["network_used"] is True


@pytest.mark.parametrize("network", ["feedforward", "gru"])
def test_the_same_seed_gives_the_same_bits(network: str) -> None:
    y, x = system(60)
    options = {"output_delays": 1, "input_delays": 1, "dead_time": 0, "network": network, "fallback": False}
    first, again, other = (elman.NARX(**options).fit(y, x, epochs=1, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.predict(x=x), again.predict(x=x))
    assert not np.array_equal(first.predict(x=x), other.predict(x=x))


@pytest.mark.parametrize("network", ["linear", "feedforward", "rnn", "gru", "lstm"])
def test_reading_on_equals_reading_at_once_and_a_file_keeps_it(network: str, tmp_path) -> None:
    y, x = system(160)
    options = {"output_delays": 2, "input_delays": 1, "dead_time": 0, "network": network, "fallback": False}
    narx = elman.NARX(**options, season=4, horizon=8).fit(y[:120], x[:120], epochs=1)
    whole = narx.history(y[:150], x[:150])
    state = narx.state
    for t in range(120, 150):
        state = narx.read(y[t : t + 1], x[t : t + 1], state=state)
    expected = narx.predict(x=x[150:], state=whole)
    np.testing.assert_allclose(narx.predict(x=x[150:], state=state), expected, rtol=1e-10, atol=1e-12)
    by_one = narx.one_step(y[120:150], x[120:150])
    assert narx.predict(1, x[120:121])[0] == pytest.approx(by_one[0], rel=1e-12)
    narx.save(tmp_path / "n.elman")
    loaded = elman.load(tmp_path / "n.elman")
    assert isinstance(loaded, elman.NARX)
    assert loaded.info() == narx.info()
    np.testing.assert_array_equal(loaded.predict(x=x[120:]), narx.predict(x=x[120:]))
    np.testing.assert_array_equal(loaded.one_step(y[120:], x[120:]), narx.one_step(y[120:], x[120:]))


def test_a_file_whose_parts_do_not_fit_is_damaged(tmp_path) -> None:
    y, x = system(100)
    elman.NARX(2, 1, dead_time=0, network="linear").fit(y, x).save(tmp_path / "a.elman")
    stored = read_file(tmp_path / "a.elman", "model")
    facts = {key: value for key, value in stored.description.items() if key not in ("kind", "format", "version")}
    write_file(tmp_path / "b.elman", "model", facts, {**stored.tensors, "outputs": stored.tensors["outputs"][:1]})
    with pytest.raises(ModelFileError, match="the file is damaged: the state has 1 outputs and 1 inputs"):
        elman.load(tmp_path / "b.elman")


def test_windows_are_cut_where_they_should_be() -> None:
    memory, K, warm, length = 4, 2, 3, 5
    segment = Segment(
        torch.arange(34.0).unsqueeze(1), 100 + torch.arange(30.0).unsqueeze(1)
    )  # step t: t + 4 and 100 + t
    outputs, exogenous, targets = windows(segment, K, warm, length, torch.tensor([0, 7]))
    for n, start in enumerate((0, 7)):
        assert outputs[:, n, 0].tolist() == [start + memory + t for t in range(-K, warm)]
        assert exogenous[:, n, 0].tolist() == [100 + start + t for t in range(warm + length)]
        assert targets[:, n, 0].tolist() == [start + memory + warm + t for t in range(length)]


@pytest.mark.parametrize("network", ["feedforward", "gru"])
def test_the_two_losses_are_those_of_the_two_forms(network: str) -> None:
    torch.manual_seed(0)
    net = elman.models.NARXNetwork(1, 2, 1, network=network, hidden=3).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.normal_(std=0.3)
    outputs, exogenous = torch.randn(22, 1, dtype=torch.float64), torch.randn(20, 1, dtype=torch.float64)
    warm = 4 if network == "gru" else 0
    learner = NARXLearner(net, Segment(outputs, exogenous), Segment(outputs, exogenous), 6, 1, warm)
    generator = torch.Generator().manual_seed(0)
    predictions, _ = net(outputs.unsqueeze(1), exogenous.unsqueeze(1))
    own = (predictions[:, 0] - outputs[2:])[warm:].square().mean()
    torch.testing.assert_close(learner.loss(generator), own)
    found = []
    for start in range(20 - warm - 6 + 1):
        begin = start + warm
        state = net(outputs[start : begin + 2].unsqueeze(1), exogenous[start:begin].unsqueeze(1))[1] if warm else None
        run, _ = net.free_run(outputs[begin : begin + 2].unsqueeze(1), exogenous[begin : begin + 6].unsqueeze(1), state)
        found.append((run[:, 0] - outputs[begin + 2 : begin + 8]).square().mean())
    torch.testing.assert_close(learner.loss(generator), torch.stack(found).mean())
    position, other = learner.position(), copy.deepcopy(learner)
    other.seek(position)
    assert torch.equal(other.loss(generator), learner.loss(generator))


@pytest.mark.parametrize("network", ["linear", "feedforward"])
@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_series_is_its_own_forecast(network: str, value: float) -> None:
    narx = elman.NARX(network=network, season=4).fit([value] * 60, epochs=1)
    np.testing.assert_allclose(narx.predict(9), value, rtol=1e-9, atol=1e-12)


def test_a_constant_input_has_no_effect() -> None:
    y, _ = system(120)
    narx = elman.NARX(2, 1, network="linear").fit(y, np.full(120, 5.0))
    plain = elman.NARX(2, network="linear").fit(y)
    np.testing.assert_allclose(narx.predict(x=np.full(9, 5.0)), plain.predict(9), atol=1e-9)


def test_a_short_series_is_learnt_without_a_network() -> None:
    narx = elman.NARX(1).fit([1.0, 2.0, 4.0, 8.0, 16.0])
    assert narx.metrics["network_used"] is False
    np.testing.assert_allclose(narx.predict(2), [32, 64], rtol=1e-9)


def test_a_run_that_runs_away_ends_in_infinity_without_a_warning() -> None:
    narx = elman.NARX(1, log=True, network="linear").fit(np.exp(1.2 ** np.arange(30.0)))
    assert narx.predict(200)[-1] == math.inf


def test_a_network_that_runs_away_gives_way_to_the_linear_model() -> None:
    y, x = system(100)
    options = {"output_delays": 1, "input_delays": 1, "dead_time": 0}
    wild = elman.NARX(**options, learning_rate=1e30).fit(y, x, epochs=2)
    linear = elman.NARX(**options, network="linear").fit(y, x)
    assert wild.metrics["network_used"] is False
    np.testing.assert_array_equal(wild.predict(x=x), linear.predict(x=x))
    with pytest.raises(TrainingError, match="try a lower learning rate"):
        elman.NARX(**options, learning_rate=1e30, fallback=False).fit(y, x, epochs=2)


def test_time_is_kept() -> None:
    y, x = system(120)
    began = clock.perf_counter()
    narx = elman.NARX(1, 1, dead_time=0, log=False).fit(y, x, time=2)
    assert "network_error" in narx.metrics
    assert clock.perf_counter() - began < 20, "two seconds, on however busy a machine"


@pytest.mark.parametrize(
    ("y", "x", "error", "words"),
    [
        ([1.0, math.nan] * 20, None, ValueError, r"y\[1\] is nan \(and 19 more\); fill or cut"),
        (range(40), [0.0] * 39 + [math.inf], ValueError, r"x\[39\] is inf; fill or cut"),
        (range(40), range(39), ValueError, "y has 40 steps and x 39; expected as many of both"),
        ([1.0], None, ValueError, r"y has 1 steps; a model with the delays \d+ of outputs"),
        ([[[1.0]]], None, ValueError, r"y has shape \(1, 1, 1\); expected \(T,\) or \(T, columns\)"),
        (["a"], None, TypeError, "y is not a series of numbers"),
    ],
)
def test_bad_series(y, x, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        elman.NARX().fit(y, x)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"output_delays": -1}, ValueError, "output_delays is -1, expected at least 0"),
        ({"network": "tcn"}, ValueError, "network is 'tcn', expected one of linear, feedforward, rnn, gru, lstm"),
        ({"season": 1}, ValueError, "season is 1, expected at least 2"),
        ({"hidden": 2.5}, TypeError, "hidden is 2.5, expected a whole number"),
        ({"input_delays": 1, "dead_time": 2}, ValueError, "dead_time is 2, expected at most input_delays = 1"),
        ({"log": 1}, TypeError, "log is 1, expected True, False, or None"),
        ({"learning_rate": 0}, ValueError, "learning_rate is 0, expected more than 0"),
    ],
)
def test_bad_hyperparameters(options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        elman.NARX(**options)


def test_bad_calls() -> None:
    y, x = system(80)
    with pytest.raises(ValueError, match="the model is not trained: call fit"):
        elman.NARX().predict(3)
    with pytest.raises(ValueError, match=r"y\[0\] is 0\.0; log takes values above 0 only"):
        elman.NARX(log=True).fit(y)
    narx = elman.NARX(1, 1, network="linear").fit(y, x)
    with pytest.raises(ValueError, match="the model has 1 inputs, of which the future must be known: give x"):
        narx.predict(3)
    with pytest.raises(ValueError, match="x has 2 steps; expected steps = 3"):
        narx.predict(3, x[:2])
    with pytest.raises(ValueError, match="x has 2 columns; the model was trained with 1"):
        narx.predict(x=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="data has no values"):
        narx.evaluate([], [])
    with pytest.raises(ValueError, match="y has 0 values; expected at least the delays, 1"):
        narx.history([], [])
    alone = elman.NARX(1, network="linear", log=True).fit(np.exp(y))
    with pytest.raises(ValueError, match="the model has no inputs: give steps"):
        alone.predict()
    with pytest.raises(ValueError, match=r"y\[1\] is -2.0; the model takes logarithms: all values must be above 0"):
        alone.one_step([1.0, -2.0])
