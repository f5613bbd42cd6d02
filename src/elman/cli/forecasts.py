"""Forecasts as people and programs read them: a table, JSON, CSV, a picture."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.display import print_json
from elman.cli.errors import CommandLineError

if TYPE_CHECKING:
    from elman.tasks.forecasting.result import Forecast

__all__ = ["show_forecasts"]

_MIDDLES = (0.8, 0.9)  # the bands of the table: these, where the model has them


def show_forecasts(
    answer: Callable[..., "list[Forecast]"], file: Path | None, *, json: bool, csv: bool, plot: Path | None
) -> None:
    """Ask for the forecasts of the series in a file, or of the training series, and show them.

    Raises
    ------
    CommandLineError
        If two forms are asked for at once, or the picture would replace the data.
    OSError
        If the picture cannot be written.
    """
    from elman.tasks import check_writable
    from elman.tasks.forecasting.result import as_csv

    if json and csv:
        raise CommandLineError("--json and --csv are both given; give one of them")
    if plot is not None:
        if file is not None and plot.resolve() == file.resolve():
            raise CommandLineError(f"{plot} would be used twice and overwritten; give the picture another name")
        from elman.tasks.forecasting.picture import check_format, draw

        check_format(plot)
        check_writable(plot)
    forecasts = answer() if file is None else answer(file)
    if plot is not None:
        draw(forecasts, plot)
    if json:
        for forecast in forecasts:
            print_json(forecast.to_dict())
    elif csv:
        print(as_csv(forecasts), end="")
    else:
        for number, forecast in enumerate(forecasts):
            _print_table(forecast, first=number == 0)


def _print_table(forecast: "Forecast", first: bool) -> None:
    """Step, forecast, and the bounds of the bands."""
    bands = [part for part in _MIDDLES if part in forecast.bands] or list(forecast.bands[:1])
    head = ["step" if forecast.times is None else "time", "forecast"]
    columns: list[list[Any]] = [[str(step) for step in forecast.steps()], _numbers(forecast.values)]
    for part in bands:
        low, high = forecast.band(part)
        head.append(f"{part:.0%} between")
        columns.append([f"{a} {b}" for a, b in zip(_numbers(low), _numbers(high), strict=True)])
    widths = [max(len(name), *map(len, column)) for name, column in zip(head, columns, strict=True)]
    print(("" if first else "\n") + forecast.series)
    for row in [head, *zip(*columns, strict=True)]:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def _numbers(values: Any) -> list[str]:
    """Numbers with as many decimals as four digits of the largest need; of one width."""
    largest = max(abs(float(value)) for value in values)
    decimals = max(0, 4 - len(f"{largest:.0f}")) if largest >= 1 else 4
    texts = [f"{float(value):,.{decimals}f}" for value in values]
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]
