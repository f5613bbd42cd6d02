"""Forecasts from the command line: train, predict, evaluate, info; the same answers as from Python."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman import Forecaster, load

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
SMALL = ["--horizon", "4", "--look-back", "8", "--hidden", "8", "--epochs", "1"]


def write_table(path: Path, rows: int = 120) -> None:
    """Two series by day, an input, a known input that is there for four days more."""
    days = np.datetime64("2024-01-01") + np.arange(rows + 4)
    lines = ["day,load,wind,price,plan"]
    for t, day in enumerate(days):
        seen = f"{np.sin(t):.4f},{np.cos(t):.4f},{t % 5}" if t < rows else ",,"
        lines.append(f"{day},{seen},{t % 7}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "load.csv"
    write_table(path)
    return path


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file of two series."""
    folder = tmp_path_factory.mktemp("forecaster")
    write_table(folder / "load.csv")
    model = Forecaster(target="load,wind", horizon=4, look_back=8, hidden=8, quantiles=(0.1, 0.5, 0.9))
    model.fit(folder / "load.csv", epochs=1, threads=1).save(folder / "load.elman")
    return folder / "load.elman"


def test_every_flag_reaches_the_model(elman: Command, table: Path) -> None:
    named = {"target": "load", "inputs": "wind,price", "known": "plan", "date": "day", "date_format": "%Y-%m-%d"}
    numbers = {"horizon": 3, "look_back": 10, "season": 5, "batch": 9, "learning_rate": 0.002, "layers": 2, "hidden": 6}
    numbers |= {"segment": 2, "dropout": 0.25}
    words = [w for name, value in {**named, **numbers}.items() for w in (f"--{name.replace('_', '-')}", str(value))]
    words += [
        "--cell",
        "lstm",
        "--seasonal",
        "--no-calendar",
        "--quantiles",
        "0.2,0.5,0.8",
        "--epochs",
        "1",
        "--seed",
        "3",
    ]
    assert elman("train", "forecast", "load.csv", "-o", "m", *words).code == 0
    options = {**named, **numbers, "cell": "lstm", "seasonal": True, "calendar": False, "quantiles": (0.2, 0.5, 0.8)}
    expected = Forecaster(**options).fit(table, epochs=1, seed=3, threads=1)
    assert load("m").settings == expected.settings
    assert json.dumps(load("m").predict()[0].to_dict()) == json.dumps(expected.predict()[0].to_dict())


def test_the_logarithm_and_a_long_table(elman: Command, tmp_path: Path) -> None:
    lines = [f"{shop},{day},{2 + day % 3}" for day in range(40) for shop in "ab"]
    (tmp_path / "long.csv").write_text("\n".join(["shop,day,sold", *lines]) + "\n", encoding="utf-8")
    words = ["--series", "shop", "--target", "sold", "--logarithm", "--time", "1s", "--horizon", "4"]
    code, out, err = elman("train", "forecast", "long.csv", "-o", "m", *words, "--json", "--quiet")
    assert (code, err) == (0, "")
    assert json.loads(out) == load("m").metrics
    assert load("m").settings.log
    assert [forecast.series for forecast in load("m").predict()] == ["a", "b"]


@pytest.mark.filterwarnings("always::UserWarning")
def test_a_form_of_dates_alone_is_enough(elman: Command, tmp_path: Path) -> None:
    rows = "".join(f"{day:02}.01.2020,{day}\n" for day in range(31, 0, -1))
    (tmp_path / "d.csv").write_text(f"date,y\n{rows}", encoding="utf-8")
    words = ["train", "forecast", "d.csv", "--model", "ar", "--order", "1", "--horizon", "3", "-o", "f"]
    assert elman(*words, "--date-format", "%d.%m.%Y").code == 0
    lines = elman("predict", "f", "--csv").out.splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == ["2020-02-01", "2020-02-02", "2020-02-03"]
    assert [float(line.split(",")[2]) for line in lines[1:]] == pytest.approx([32, 33, 34])
    result = elman(*words)
    assert result.code == 0
    assert result.err.startswith("elman: warning: d.csv: column 'date' looks like dates ('31.01.2020'), ")


def test_predict_prints_a_table_for_each_series(elman: Command, forecaster: Path, table: Path) -> None:
    code, out, err = elman("predict", str(forecaster))
    assert (code, err) == (0, "")
    assert out == elman("predict", str(forecaster), "load.csv").out, "the training series and the file are the same"
    first, second = (block.splitlines() for block in out.split("\n\n"))
    assert [first[0], second[0]] == ["load", "wind"]
    assert first[1].split() == ["time", "forecast", "80%", "between"]
    assert [line.split()[0] for line in first[2:]] == ["2024-04-30", "2024-05-01", "2024-05-02", "2024-05-03"]
    values = load(forecaster).predict()[0]
    assert [float(line.split()[1]) for line in first[2:]] == pytest.approx(values.values.tolist(), abs=1e-3)


def test_predict_prints_json_and_csv(elman: Command, forecaster: Path, table: Path) -> None:
    expected = load(forecaster).predict(table)
    out = elman("predict", str(forecaster), "-", "--json", stdin=table.read_bytes()).out
    assert [json.loads(line) for line in out.splitlines()] == [forecast.to_dict() for forecast in expected]
    rows = list(csv.DictReader(io.StringIO(elman("predict", str(forecaster), "load.csv", "--csv").out)))
    assert list(rows[0]) == ["series", "time", "forecast", "q0.1", "q0.5", "q0.9"]
    assert [float(row["q0.9"]) for row in rows[4:]] == expected[1].quantiles[:, 2].tolist()


@pytest.mark.parametrize(("name", "start"), [("a.svg", b"<?xml"), ("a.png", b"\x89PNG"), ("a.pdf", b"%PDF")])
def test_predict_draws(name: str, start: bytes, elman: Command, forecaster: Path) -> None:
    assert elman("predict", str(forecaster), "--plot", name).code == 0
    before = Path(name).read_bytes()
    assert before.startswith(start)
    if name.endswith("svg"):
        assert all(word in before.decode() for word in ("load", "wind", "observed", "80% of the values"))
    assert elman("predict", str(forecaster), "--plot", name).code == 0
    assert Path(name).read_bytes() == before, "the same forecasts, the same bytes"


def test_evaluate(elman: Command, forecaster: Path, table: Path) -> None:
    code, out, err = elman("evaluate", str(forecaster), "load.csv", "--last", "20", "--stride", "3", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == load(forecaster).evaluate(table, last=20, stride=3)
    shown = elman("evaluate", str(forecaster), "load.csv").out
    assert {"mae", "crps", "seasonal naive", "ar"} <= {line[:16].strip() for line in shown.splitlines()}


def test_info(elman: Command, forecaster: Path) -> None:
    assert json.loads(elman("info", str(forecaster), "--json").out) == load(forecaster).info()


WRONG = {
    "predict MODEL --top 3": "--top is not for predict with a model of the task forecast; leave it out",
    "predict MODEL --json --csv": "--json and --csv are both given; give one of them",
    "predict MODEL --plot a.gif": "a.gif does not end in .svg, .png, .pdf, which say the format of a picture",
    "predict MODEL --plot no/a.svg": "cannot write no/a.svg: there is no folder {folder}/no; make it first",
    "predict MODEL a.svg --plot a.svg": "a.svg would be used twice and overwritten; give the picture another name",
    "predict MODEL none.csv": "cannot read none.csv: no such file or directory",
    "predict MODEL bad.csv": "bad.csv has no column 'load'; it has day, x",
    "evaluate MODEL load.csv --block 3": (
        "--block is not for evaluate with a model of the task forecast; it takes --last, --stride"
    ),
    "generate MODEL": "a model of the task forecast does not generate; it can predict, evaluate, info, export",
    "export MODEL a.arpa": "MODEL is of the task forecast, which is written as .onnx, not a.arpa",
    "export MODEL a.onnx --lengths": (
        "lengths is True, but a forecaster takes none: every series has a window of the past"
    ),
    "predict FOX --plot a.svg": "--csv and --plot are for forecasts; FOX is of the task lm",
    "evaluate FOX load.csv --stride 2": (
        "--stride is not for evaluate with a model of the task lm; it takes --protocol, --block"
    ),
    "train forecast bad.csv -o m": (
        "bad.csv:3: column 'day': '1.2.2024' is no date in ISO 8601, as in 2024-02-01 or 2024-02-01 12:00; "
        "for another form name it, for instance: --date-format %d.%m.%Y"
    ),
    "train forecast load.csv -o m --target laod": "load.csv has no column 'laod'; did you mean 'load'?",
    "train forecast load.csv -o m --cell gruu": "cell is 'gruu', expected one of rnn, gru, lstm; did you mean 'gru'?",
    "train forecast load.csv -o m --quantiles 0.5,x": "--quantiles is 'x', expected a number",
    "train forecast load.csv -o load.csv": (
        "load.csv would be used twice and overwritten; give the output another name"
    ),
    "train forecast -o m": "FILE is missing; see elman train forecast --help",
}


@pytest.mark.parametrize("command", WRONG)
def test_one_line_says_what_is_wrong(
    command: str, elman: Command, forecaster: Path, trained: Path, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.csv").write_text("day,x\n2024-02-01,1\n1.2.2024,2\n", encoding="utf-8")
    before = sorted(tmp_path.iterdir())
    models = {"MODEL": str(forecaster), "FOX": str(trained)}
    result = elman(*(models.get(word, word) for word in command.split()))
    words = (
        WRONG[command].format(folder=tmp_path.resolve()).replace("FOX", str(trained)).replace("MODEL", str(forecaster))
    )
    assert result == (2, "", f"elman: error: {words}\n")
    assert sorted(tmp_path.iterdir()) == before, "nothing is written"
