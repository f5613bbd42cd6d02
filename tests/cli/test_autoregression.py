"""Autoregressions from the command line: the answers of `elman.AR` and `elman.NARX` on the columns of a table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import load, tasks

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
needs_ar = pytest.mark.skipif(not hasattr(tasks, "AR"), reason="elman.AR is not there")
needs_narx = pytest.mark.skipif(not hasattr(tasks, "NARX"), reason="elman.NARX is not there")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A series by month that an input drives, which is known for six months more."""
    random = np.random.default_rng(0)
    x = random.normal(size=106)
    y = np.zeros(106)
    for t in range(1, 106):
        y[t] = 0.7 * y[t - 1] + 2 * x[t]
    months = np.datetime64("2010-01") + np.arange(106)
    rows = [
        f"{m},{f'{v:.6f}' if t < 100 else ''},{u:.6f}" for t, (m, v, u) in enumerate(zip(months, y, x, strict=True))
    ]
    path = tmp_path / "plant.csv"
    path.write_text("\n".join(["month,y,x", *rows]) + "\n", encoding="utf-8")
    return path


@needs_ar
def test_ar(elman: Command, table: Path) -> None:
    words = ["--model", "ar", "--target", "y", "--order", "2", "--horizon", "4"]
    assert elman("train", "forecast", "plant.csv", "-o", "m", *words)[:2] == (0, "")
    values = np.loadtxt(table, delimiter=",", skiprows=1, usecols=1, max_rows=100)
    expected = tasks.AR(2).fit(values)
    assert load("m").coefficients.tolist() == expected.coefficients.tolist()
    found = json.loads(elman("predict", "m", "--json").out)
    assert found["forecast"] == pytest.approx(expected.predict(4).tolist())
    assert found["time"] == ["2018-05-01", "2018-06-01", "2018-07-01", "2018-08-01"]
    again = json.loads(elman("predict", "m", "plant.csv", "--json", "--steps", "9").out)
    bounds = expected.forecast(9, level=0.9)
    assert again["quantiles"]["0.05"] == pytest.approx(bounds.lower.tolist())
    assert again["quantiles"]["0.95"] == pytest.approx(bounds.upper.tolist())
    assert elman("predict", "m", "plant.csv", "--plot", "a.svg").code == 0
    assert json.loads(elman("evaluate", "m", "plant.csv", "--json").out) == expected.evaluate(values)


@needs_narx
def test_narx_with_known_inputs(elman: Command, table: Path) -> None:
    words = ["--model", "narx", "--target", "y", "--known", "x", "--order", "1", "--epochs", "2", "--horizon", "6"]
    assert elman("train", "forecast", "plant.csv", "-o", "m", *words).code == 0
    found = json.loads(elman("predict", "m", "plant.csv", "--json").out)
    x = np.loadtxt(table, delimiter=",", skiprows=1, usecols=2)
    y = np.loadtxt(table, delimiter=",", skiprows=1, usecols=1, max_rows=100)
    model = tasks.NARX(output_delays=1).fit(y, x[:100, None], epochs=2)
    assert found["forecast"] == pytest.approx(model.predict(6, x[100:, None]).tolist())
    code, _, err = elman("predict", "m", "plant.csv", "--steps", "7")
    assert code == 2
    assert err.startswith("elman: error: what is known reaches 6 steps beyond the last value; expected 7")


WRONG = {
    "train forecast plant.csv -o m --model arr": "--model is 'arr'; did you mean 'ar'?",
    "train forecast plant.csv -o m --model ar --inputs x": "--inputs is not for --model ar; leave it out",
    "train forecast plant.csv -o m --model ar --epochs 3": "--epochs is not for --model ar; leave it out",
    "train forecast plant.csv -o m --model narx --hidden 9": "--hidden is not for --model narx; leave it out",
    "train forecast plant.csv -o m --order 3": (
        "--order is for --model ar and narx; of a recurrent model see --look-back"
    ),
}


@pytest.mark.parametrize("command", WRONG)
def test_one_line_says_what_is_wrong(command: str, elman: Command, table: Path) -> None:
    assert elman(*command.split()) == (2, "", f"elman: error: {WRONG[command]}\n")
    assert not Path("m").exists()


@needs_ar
def test_several_series(elman: Command, table: Path) -> None:
    code, _, err = elman("train", "forecast", "plant.csv", "-o", "m", "--model", "ar")
    assert code == 2
    assert err == "elman: error: there are 2 series, y, x; an autoregression is of one: name it as target\n"


@needs_ar
def test_a_model_of_arrays_has_no_table(elman: Command) -> None:
    tasks.AR(1).fit(np.sin(np.arange(50.0))).save("m")
    code, _, err = elman("predict", "m")
    assert code == 2
    assert err.startswith("elman: error: the model of the task ar was trained on arrays")
