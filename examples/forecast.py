"""Forecasts of two series with their uncertainty in a few seconds: learn a table, measure, step through a stream.

The table is made here: the load of two towns by the hour, which follows the time of day, the day of the week, and a
temperature that is forecast by someone else, so that it is known for the future too.
"""

import csv
import random
from datetime import datetime, timedelta
from math import cos, pi

import elman

HOURS, AHEAD = 24 * 7 * 8, 24


def write_table(path: str) -> None:
    random.seed(0)
    start, warmth = datetime(2024, 1, 1), 0.0
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["time", "north", "south", "temperature"])
        for hour in range(HOURS + AHEAD):
            time = start + timedelta(hours=hour)
            warmth = 0.97 * warmth + random.gauss(0, 0.5)
            day = -cos(2 * pi * (hour - 3) / 24) - (0.8 if time.weekday() >= 5 else 0.0)
            loads = [50 + 10 * day - 3 * warmth + random.gauss(0, 1), 20 + 5 * day - warmth + random.gauss(0, 0.5)]
            table.writerow([time, *(f"{load:.2f}" if hour < HOURS else "" for load in loads), f"{warmth:.3f}"])


def main() -> None:
    write_table("load.csv")
    network = {"look_back": 72, "hidden": 32, "dropout": 0.0, "batch": 32, "learning_rate": 3e-3}
    model = elman.Forecaster(target="north,south", known="temperature", horizon=AHEAD, **network)
    model.fit("load.csv", epochs=3, seed=0)

    figures = model.evaluate("load.csv", last=24 * 7)
    print("the last week, beside the day before and an autoregression:")
    for name, found in (("elman", figures), ("seasonal naive", figures["seasonal_naive"]), ("ar", figures["ar"])):
        print(f"  {name:15} MASE {found['mase']:.2f}  CRPS {found['crps']:.2f}")
    print(f"of the values {figures['coverage']:.0%} were in the band of {figures['band']:.0%}")

    north, _ = model.predict("load.csv")
    low, high = north.band(0.8)
    for step in (0, 8, 16):
        time, value = north.steps()[step], north.values[step]
        print(f"{north.series}, {time}: {value:.1f}, likely {low[step]:.1f} to {high[step]:.1f}")

    model.save("load.elman")
    again, state = elman.load("load.elman"), model.initial_state("north")
    forecast, state = again.step(52.0, state, known=[[0.0]] * (1 + AHEAD))
    print(f"after one more value: {forecast.values[0]:.1f} at {forecast.steps()[0]}")


if __name__ == "__main__":
    main()
