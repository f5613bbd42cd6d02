"""Forecasts of every window of a table's test part: MSE and MAE, z-scored by the training part, as papers print them.

    python benchmarks/forecast.py --data ETTh1.csv.gz --look-back 720 --horizon 96            # 3 minutes, seed 0
    python benchmarks/forecast.py --data ETTh1.csv.gz --look-back 720 --horizon 96 --json
    python benchmarks/forecast.py --data ETTh1.csv.gz --seeds 0,1,2 --time 90s
    pip install neuralforecast                                                                 # optional
    python benchmarks/forecast.py --data ETTh1.csv.gz --peer                 # its GRU for the same time, same windows

The table has a column of dates and columns of numbers, each of which is forecast.  The rows are split in order:
training, validation, test; 8640, 2880, 2880 of them, as is usual for ETTh1, where there are so many, else 60, 20 and
20 %.  The look-back of the first validation and test windows reaches into the part before.  Every window counts, the
last ones of a batch too.  Public figures for ETTh1, look-back 720, horizon 96, MSE: SegRNN 0.351, PatchTST 0.375,
DLinear 0.381, a plain GRU 1.135 (SegRNN's table II).
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

import elman
from elman.data import Series, read_series
from elman.tasks.duration import parse_duration

USUAL = (8640, 2880, 2880)


def split(rows: int, given: str | None) -> tuple[int, int, int]:
    """Where the training, validation and test parts end."""
    parts = [int(part) for part in given.split(",")] if given else list(USUAL)
    if not given and rows < sum(USUAL):
        parts = [int(0.6 * rows), int(0.2 * rows), rows - int(0.6 * rows) - int(0.2 * rows)]
    if len(parts) != 3 or sum(parts) > rows:
        sys.exit(f"the split is {parts}, expected three numbers of rows that are {rows} at most together")
    return parts[0], parts[0] + parts[1], sum(parts)


def run(series: list[Series], ends: tuple[int, int, int], arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Train on the first part, choose the weights on the second, measure on the third."""
    L, H, (first, second, third) = arguments.look_back, arguments.horizon, ends
    model = elman.Forecaster(horizon=H, look_back=L, calendar=arguments.calendar, **arguments.options)
    budget = {"epochs": arguments.epochs} if arguments.epochs else {"time": arguments.time}
    began = time.perf_counter()
    model.fit(
        [one.part(0, first) for one in series],
        validation=[one.part(first - L, second) for one in series],
        seed=seed,
        **budget,
    )
    trained = time.perf_counter()
    figures = model.evaluate([one.part(second - L, third) for one in series])
    return {
        "mse": figures["mse_scaled"],
        "mae": figures["mae_scaled"],
        "coverage": figures["coverage"],
        "windows": figures["windows"],
        "train_seconds": trained - began,
        "test_seconds": time.perf_counter() - trained,
        "epochs": model.metrics["epochs"],
        "parameters": model.info()["parameters"],
        "seasonal_naive": {
            "mse": figures["seasonal_naive"]["mse_scaled"],
            "mae": figures["seasonal_naive"]["mae_scaled"],
        },
        "ar": {"mse": figures["ar"]["mse_scaled"], "mae": figures["ar"]["mae_scaled"]},
    }


def peer(series: list[Series], ends: tuple[int, int, int], arguments: argparse.Namespace) -> dict[str, Any]:
    """neuralforecast's GRU with its own defaults, the same look-back, for the same time, on the same windows."""
    import pandas
    from neuralforecast import NeuralForecast
    from neuralforecast.models import GRU
    from pytorch_lightning.callbacks import Callback

    steps: list[int] = []

    class Count(Callback):  # type: ignore[misc]
        """Of the training steps."""

        def on_train_batch_end(self, *_: Any) -> None:
            steps.append(1)

    first, second, third = ends
    frames = []
    for one in series:
        part = one.values[:first]
        times = pandas.DatetimeIndex(one.times()[:third])
        scaled = (one.values[:third] - part.mean()) / part.std()
        frames.append(pandas.DataFrame({"unique_id": one.name, "ds": times, "y": scaled}))
    seconds = parse_duration(arguments.time)
    model = GRU(
        h=arguments.horizon,
        input_size=arguments.look_back,
        max_steps=1_000_000,
        max_time={"seconds": seconds},
        val_check_steps=100_000,
        accelerator="cpu",
        enable_progress_bar=False,
        logger=False,
        enable_checkpointing=False,
        callbacks=[Count()],
    )
    began = time.perf_counter()
    table = NeuralForecast([model], freq=pandas.infer_freq(times)).cross_validation(
        pandas.concat(frames), n_windows=None, step_size=1, val_size=second - first, test_size=third - second
    )
    error = (table["GRU"] - table["y"]).to_numpy()
    return {
        "mse": float(np.mean(error**2)),
        "mae": float(np.mean(np.abs(error))),
        "windows": len(error) // arguments.horizon,
        "train_seconds": seconds,
        "seconds": time.perf_counter() - began,
        "steps": len(steps),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="default: timeseries/ETTh1.csv.gz in ELMAN_DATA")
    parser.add_argument("--look-back", type=int, default=720)
    parser.add_argument("--horizon", type=int, default=96)
    parser.add_argument("--split", help="rows of the three parts, as in 8640,2880,2880")
    parser.add_argument("--time", default="3m")
    parser.add_argument("--epochs", type=int, help="instead of --time")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--calendar", action="store_true", help="tell the network the time of day and week")
    parser.add_argument("--options", type=json.loads, default={}, help="of elman.Forecaster, as JSON")
    parser.add_argument("--peer", action="store_true", help="neuralforecast's GRU beside it, for the same time")
    parser.add_argument("--json", action="store_true", help="print one JSON object: mse, mae and more")
    arguments = parser.parse_args()
    if arguments.data is None and "ELMAN_DATA" not in os.environ:
        parser.error("expected --data FILE, or the environment variable ELMAN_DATA")
    path = arguments.data or Path(os.environ["ELMAN_DATA"], "timeseries", "ETTh1.csv.gz")
    torch.set_num_threads(arguments.threads)
    series = read_series(path).series
    ends = split(len(series[0]), arguments.split)
    runs = [run(series, ends, arguments, seed) for seed in map(int, arguments.seeds.split(","))]
    found = {**runs[0], **{key: statistics.median(r[key] for r in runs) for key in ("mse", "mae", "coverage")}}
    found["seeds"] = {seed: one["mse"] for seed, one in zip(arguments.seeds.split(","), runs, strict=True)}
    if arguments.peer:
        try:
            found["neuralforecast"] = peer(series, ends, arguments)
        except ImportError as error:
            print(f"no peer: {error}; pip install neuralforecast", file=sys.stderr)
    if arguments.json:
        print(json.dumps({"data": path.name, "look_back": arguments.look_back, "horizon": arguments.horizon, **found}))
        return
    print(f"# {path.name}: {found['windows']} windows of {len(series)} series, {arguments.look_back} steps back,")
    print(f"# {arguments.horizon} ahead, {arguments.threads} threads, torch {torch.__version__}")
    print(f"{'':24} {'MSE':>7} {'MAE':>7} {'training':>9}")
    for seed, one in zip(arguments.seeds.split(","), runs, strict=True):
        print(f"{f'elman, seed {seed}':24} {one['mse']:7.4f} {one['mae']:7.4f} {one['train_seconds']:8.1f}s"
              f"  {one['epochs']:.1f} epochs")  # fmt: skip
    if "neuralforecast" in found:
        one = found["neuralforecast"]
        print(f"{'neuralforecast, GRU':24} {one['mse']:7.4f} {one['mae']:7.4f} {one['train_seconds']:8.1f}s"
              f"  {one['steps']} steps")  # fmt: skip
    for name in ("ar", "seasonal_naive"):
        print(f"{name.replace('_', ' '):24} {found[name]['mse']:7.4f} {found[name]['mae']:7.4f}")


if __name__ == "__main__":
    main()
