"""One global network on hourly series of the M4 competition: sMAPE, MASE and OWA beside the competition's baselines.

    ELMAN_DATA=… python benchmarks/m4.py                     # 3 minutes, seed 0
    ELMAN_DATA=… python benchmarks/m4.py --time 90s --seeds 0,1,2 --json m4.json

The file has one series a line: id, history, future (48 steps, which are only used to measure).  The measures are the
competition's (Makridakis, Spiliotis and Assimakopoulos, 2020): sMAPE in percent; MASE with the seasonal difference of
24 steps; OWA, the mean of both as a part of Naive2's, which is the naive forecast of the seasonally adjusted series.
The public figures (OWA) are of all 414 series: the winner 0.440, esrnn_torch 0.615.
"""

import argparse
import gzip
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import elman
from elman.data import Series

HORIZON, DAY, WEEK = 48, 24, 168
OPTIONS = {"seasonal": True, "season": WEEK, "log": True, "dropout": 0.1, "learning_rate": 0.002}
Numbers = NDArray[np.float64]


def read(path: Path) -> tuple[list[Series], list[Numbers]]:
    """Histories and futures."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [Series(row["history"], row["id"]) for row in rows], [np.array(row["future"]) for row in rows]


def seasonal_indices(y: Numbers, m: int) -> Numbers:
    """Multiplicative seasonal indices by classical decomposition, the first for step 0: (m,)."""
    weights = np.r_[0.5, np.ones(m - 1), 0.5] / m if m % 2 == 0 else np.ones(m) / m
    trend = np.convolve(y, weights, mode="valid")
    half = len(weights) // 2
    ratio = y[half : half + len(trend)] / trend
    phase = (np.arange(len(ratio)) + half) % m
    means = np.array([ratio[phase == step].mean() for step in range(m)])
    return means / means.mean()


def is_seasonal(y: Numbers, m: int) -> bool:
    """The competition's test of the autocorrelation at one season, at 90 %."""
    centred = y - y.mean()
    correlation = (
        np.array([(centred[lag:] * centred[: len(y) - lag]).sum() for lag in range(m + 1)]) / (centred**2).sum()
    )
    limit = 1.645 * np.sqrt((1 + 2 * (correlation[1:m] ** 2).sum()) / len(y))
    return bool(abs(correlation[m]) > limit)


def naive2(y: Numbers, horizon: int, m: int) -> Numbers:
    """The last value of the seasonally adjusted series, with the season put back."""
    if len(y) < 3 * m or not is_seasonal(y, m):
        return np.full(horizon, y[-1])
    indices = seasonal_indices(y, m)
    steps = (len(y) + np.arange(horizon)) % m
    return y[-1] / indices[(len(y) - 1) % m] * indices[steps]


def measures(histories: list[Series], futures: list[Numbers], forecasts: list[Numbers]) -> tuple[float, float]:
    """sMAPE and MASE, means over the series."""
    smape, mase = [], []
    for history, y, f in zip(histories, futures, forecasts, strict=True):
        smape.append(200 * np.mean(np.abs(y - f) / (np.abs(y) + np.abs(f))))
        mase.append(np.mean(np.abs(y - f)) / np.mean(np.abs(history.values[DAY:] - history.values[:-DAY])))
    return float(np.mean(smape)), float(np.mean(mase))


def train(histories: list[Series], budget: dict[str, object], seed: int, options: dict[str, object]) -> list[Numbers]:
    """Forecasts of one network that learned all histories to their ends.

    Progress is judged by the last window of each history, which is learned too: there is no early stopping, and no
    step is held out of a competition's training data.
    """
    model = elman.Forecaster(**{"horizon": HORIZON, "look_back": 336, "segment": 24, **options})
    ends = [series.part(len(series) - 336 - HORIZON, len(series)) for series in histories]
    model.fit(histories, validation=ends, seed=seed, **budget)
    return [forecast.values for forecast in model.predict()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="default: timeseries/m4_hourly.jsonl.gz in ELMAN_DATA")
    parser.add_argument("--time", default="3m")
    parser.add_argument("--epochs", type=int, help="instead of --time")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--options", type=json.loads, default=OPTIONS, help="of elman.Forecaster, as JSON")
    parser.add_argument("--json", type=Path, help="keep the table")
    arguments = parser.parse_args()
    if arguments.data is None and "ELMAN_DATA" not in os.environ:
        parser.error("expected --data FILE, or the environment variable ELMAN_DATA")
    path = arguments.data or Path(os.environ["ELMAN_DATA"], "timeseries", "m4_hourly.jsonl.gz")
    torch.set_num_threads(arguments.threads)
    histories, futures = read(path)
    rows: dict[str, list[Numbers]] = {"naive2": [naive2(h.values, HORIZON, DAY) for h in histories]}
    for name, m in (("seasonal naive, a day", DAY), ("seasonal naive, a week", WEEK)):
        rows[name] = [np.resize(h.values[-m:], HORIZON) for h in histories]
    budget = {"epochs": arguments.epochs} if arguments.epochs else {"time": arguments.time}
    seconds = {}
    for seed in map(int, arguments.seeds.split(",")):
        began = time.perf_counter()
        rows[f"elman, seed {seed}"] = train(histories, budget, seed, arguments.options)
        seconds[f"elman, seed {seed}"] = time.perf_counter() - began
    runs = [rows[name] for name in seconds]
    if len(runs) > 1:
        rows["elman, median of the seeds"] = [np.median(one, axis=0) for one in zip(*runs, strict=True)]
    base = measures(histories, futures, rows["naive2"])
    print(f"# {len(histories)} series, {HORIZON} steps, {arguments.threads} threads, elman {elman.__version__}")
    print(f"{'':28} {'sMAPE':>7} {'MASE':>7} {'OWA':>7} {'seconds':>8}")
    table = []
    for name, forecasts in rows.items():
        smape, mase = measures(histories, futures, forecasts)
        owa = (smape / base[0] + mase / base[1]) / 2
        table.append({"model": name, "smape": smape, "mase": mase, "owa": owa, "seconds": seconds.get(name)})
        took = f"{seconds[name]:8.1f}" if name in seconds else ""
        print(f"{name:28} {smape:7.3f} {mase:7.3f} {owa:7.3f} {took}")
    if len(runs) > 1:
        each = [row["owa"] for row in table if row["model"] in seconds]
        print(f"{'elman, mean of the seeds':28} {'':7} {'':7} {statistics.mean(each):7.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
