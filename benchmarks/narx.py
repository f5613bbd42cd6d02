"""How well a series is continued: AR, ARX and NARX beside SysIdentPy, each trained on the first four fifths.

    ELMAN_DATA=… python benchmarks/narx.py                      # four series; SysIdentPy where it is installed
    ELMAN_DATA=… python benchmarks/narx.py --series gas_furnace --seeds 1 --json

For each model the root mean square error over the last fifth: one step ahead, and in a free run, which sees nothing of
it but the inputs.  Nothing is chosen by the last fifth.  Networks are the median of their seeds' errors.

With --origins 7 each is trained on the first 56 % … 80 % and judged by a quarter as many rows that follow; the
table has geometric means.

The models.  AR: order by BIC.  AR log, only when it is named: order 1, slope and season, of the logarithms.  ARX:
elman.NARX(network="linear"), delays, logarithm and season by backtest.  NARX: elman.NARX(), the same with a network
where that helps.  NARX*: the network in any case (fallback=False).  SysIdentPy: FROLS with polynomials of degree 1 and
2, up to 20 terms, as many as AIC asks for; AOLS with polynomials of degree 1, 5 terms; NARXNN with 32 and 16 tanh units
on z-scored data, Adam, 200 epochs.  SysIdentPy's see the same lags: a season and one, or 13 where there is none; for
the gas furnace 6 of both series.
"""

import argparse
import csv
import json
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

import elman


class Series(NamedTuple):
    """Outputs, inputs or None, and the season."""

    y: np.ndarray
    x: np.ndarray | None
    season: int | None
    lags: int  # that SysIdentPy sees


Errors = dict[str, float]
_FIRST_ORIGIN = 0.56  # of the rows
SOURCES = {  # file, column of y, column of x, season, lags
    "gas_furnace": ("gas_furnace.csv", 1, 0, None, 6),
    "airline_passengers": ("airline_passengers.csv", 1, None, 12, 13),
    "monthly_sunspots": ("monthly_sunspots.csv", 1, None, None, 13),
    "mauna_loa_co2_monthly": ("mauna_loa_co2_monthly.csv", 2, None, 12, 13),
}


def read(folder: Path, name: str) -> Series:
    """One of SOURCES, as its authors give it."""
    file, of_y, of_x, season, lags = SOURCES[name]
    with (folder / "timeseries" / file).open(encoding="utf-8") as lines:
        rows = list(csv.reader(lines))[1:]
    column = lambda index: np.array([float(row[index]) for row in rows])  # noqa: E731
    return Series(column(of_y), None if of_x is None else column(of_x), season, lags)


def rmse(predicted: np.ndarray, actual: np.ndarray) -> float:
    """Root of the mean squared error; infinite or NaN where a free run has left all bounds."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.mean((predicted - actual) ** 2)))


def ar(series: Series, cut: int, seed: int) -> Errors:
    """Ours, of the order that it selects."""
    return elman.AR(max_order=series.lags).fit(series.y[:cut]).evaluate(series.y[cut:])


def ar_log(series: Series, cut: int, seed: int) -> Errors:
    """What one would choose who knows that the series grows in proportion and has a season."""
    model = elman.AR(1, trend="ct", season=series.season).fit(np.log(series.y[:cut]))
    after = series.y[cut:]
    one, free = np.exp(model.one_step(np.log(after))), np.exp(model.predict(len(after)))
    return {"one_step_rmse": rmse(one, after), "free_run_rmse": rmse(free, after)}


def narx(series: Series, cut: int, seed: int, **options: object) -> Errors:
    """Ours, with these options and the season of the series."""
    before, after = (None, None) if series.x is None else (series.x[:cut], series.x[cut:])
    model = elman.NARX(season=series.season, **options).fit(series.y[:cut], before, seed=seed)
    return {**model.evaluate(series.y[cut:], after), "network_used": model.metrics["network_used"]}


def polynomial(series: Series, cut: int, seed: int, degree: int, sparse: bool = False) -> Errors:
    """SysIdentPy's polynomial NARX; `sparse` by AOLS, else by FROLS."""
    from sysidentpy.basis_function import Polynomial
    from sysidentpy.model_structure_selection import AOLS, FROLS
    from sysidentpy.parameter_estimation import LeastSquares

    lags, basis = list(range(1, series.lags + 1)), Polynomial(degree=degree)
    options = {"model_type": "NAR"} if series.x is None else {"model_type": "NARMAX", "xlag": lags}
    if sparse:
        return peer(AOLS(k=5, L=2, ylag=lags, basis_function=basis, **options), series, cut)
    choice = {"order_selection": True, "n_info_values": 20, "info_criteria": "aic", "estimator": LeastSquares()}
    return peer(FROLS(ylag=lags, basis_function=basis, **choice, **options), series, cut)


def neural(series: Series, cut: int, seed: int) -> Errors:
    """SysIdentPy's neural NARX."""
    from sysidentpy.basis_function import Polynomial
    from sysidentpy.neural_network import NARXNN

    lags = list(range(1, series.lags + 1))
    options = {"model_type": "NAR"} if series.x is None else {"model_type": "NARMAX", "xlag": lags}
    seen = series.lags * (1 if series.x is None else 2)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(seen, 32), nn.Tanh(), nn.Linear(32, 16), nn.Tanh(), nn.Linear(16, 1))
    common = {"ylag": lags, "basis_function": Polynomial(degree=1), "optimizer": "Adam", "epochs": 200, "net": net}
    mean, spread = series.y[:cut].mean(), series.y[:cut].std()
    x = None if series.x is None else (series.x - series.x[:cut].mean()) / series.x[:cut].std()
    scaled = series._replace(y=(series.y - mean) / spread, x=x)
    return {name: error * spread for name, error in peer(NARXNN(**common, **options), scaled, cut).items()}


def peer(model: object, series: Series, cut: int) -> Errors:
    """Fit a model of SysIdentPy, and let it predict."""
    y, x = series.y[:, None], None if series.x is None else series.x[:, None]
    model.fit(X=None if x is None else x[:cut], y=y[:cut])
    lag, steps = model.max_lag, len(y) - cut
    inputs = None if x is None else x[cut - lag :]
    free = model.predict(X=inputs, y=y[cut - lag : cut], forecast_horizon=steps)
    one = model.predict(X=inputs, y=y[cut - lag :], steps_ahead=1)
    free, one = (np.asarray(run).ravel()[lag : lag + steps] for run in (free, one))
    return {"one_step_rmse": rmse(one, series.y[cut:]), "free_run_rmse": rmse(free, series.y[cut:])}


def models() -> dict[str, tuple[Callable[..., Errors], bool]]:
    """For each model what runs it, and whether chance plays a part."""
    found: dict[str, tuple[Callable[..., Errors], bool]] = {
        "AR": (ar, False),
        "AR log": (ar_log, False),
        "ARX": (lambda *a: narx(*a, network="linear"), False),
        "NARX": (narx, True),
        "NARX*": (lambda *a: narx(*a, fallback=False), True),
    }
    try:
        import sysidentpy  # noqa: F401
    except ImportError:
        print("SysIdentPy is not installed (pip install sysidentpy): ours alone", file=sys.stderr)
        return found
    found |= {f"FROLS {d}": (lambda *a, d=d: polynomial(*a, degree=d), False) for d in (1, 2)}
    found["AOLS 1"] = (lambda *a: polynomial(*a, degree=1, sparse=True), False)
    return found | {"NARXNN": (neural, True)}


def measure(series: Series, run: Callable[..., Errors], seeds: int, origins: int) -> Errors:
    """The median over the seeds, the geometric mean over the places where the training ends."""
    rows, began, found = len(series.y), time.perf_counter(), []
    places = np.linspace(_FIRST_ORIGIN, 0.8, origins) if origins > 1 else [0.8]
    for cut in (int(place * rows + 1e-9) for place in places):
        end = rows if origins == 1 else min(rows, cut + cut // 4)
        part = series._replace(y=series.y[:end], x=None if series.x is None else series.x[:end])
        found.append([run(part, cut, seed) for seed in range(seeds)])
    names = ("one_step_rmse", "free_run_rmse")
    errors = {n: statistics.geometric_mean(statistics.median(e[n] for e in es) for es in found) for n in names}
    used = sum(bool(e.get("network_used")) for es in found for e in es)
    return {**errors, "seconds": (time.perf_counter() - began) / seeds / origins, "network_used": used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", default=",".join(SOURCES), help="names, with commas")
    parser.add_argument("--models", default="", help="names, with commas; all")
    parser.add_argument("--seeds", type=int, default=3, help="of models in which chance plays a part")
    parser.add_argument("--origins", type=int, default=1, help="judge from so many places, from 0.56 of the rows on")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    folder = os.environ.get("ELMAN_DATA")
    if not folder:
        sys.exit("set ELMAN_DATA to the folder that has timeseries/")
    warnings.filterwarnings("ignore", category=RuntimeWarning)  # of SysIdentPy's runs that run away: nan in the table
    warnings.filterwarnings("ignore", module="sysidentpy")
    wanted = options.models.split(",") if options.models else [name for name in models() if name != "AR log"]
    chosen = {name: run for name, run in models().items() if name in wanted}
    for name in options.series.split(","):
        series = read(Path(folder), name)
        if not options.json:
            print(
                f"\n{name}: {len(series.y)} rows\n{'':9} {'one step':>9} {'free run':>9} {'seconds':>8}  network used"
            )
        for model, (run, chance) in chosen.items():
            found = measure(series, run, options.seeds if chance else 1, options.origins)
            if options.json:
                print(json.dumps({"series": name, "model": model, **found}), flush=True)
                continue
            used = f"{found['network_used']:.0f} of {options.seeds * options.origins}" if model == "NARX" else ""
            one, free = (f"{found[key]:9.3f}" for key in ("one_step_rmse", "free_run_rmse"))
            print(f"{model:9} {one} {free} {found['seconds']:8.1f}  {used}", flush=True)


if __name__ == "__main__":
    main()
