"""``elman train forecast``: a forecaster of one or many series."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli import flags
from elman.cli.display import quantity, value
from elman.cli.errors import CommandLineError
from elman.cli.flags import DATA, NETWORK, TRAINING, flag, number, whole
from elman.cli.train.autoregression import train_autoregression
from elman.cli.train.fitting import Fitting

if TYPE_CHECKING:
    from elman.tasks import Forecaster

__all__ = ["EXAMPLES", "train_forecaster"]

EXAMPLES = """[bold]Examples[/bold]
elman train forecast load.csv --horizon 24 -o load.elman
elman train forecast load.csv --target y --inputs wind,clouds --known price --horizon 48 -o load.elman
elman train forecast sales.parquet --series shop --target sold --date day --season 7 -o sales.elman
elman train forecast load.csv --horizon 96 --look-back 720 --time 5m -o load.elman"""

_AUTO = "auto"  # chosen by elman.tasks, where the defaults are written


def _levels(text: str) -> str:
    for part in text.split(","):
        number(part)
    return text


def train_forecaster(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A table: CSV, also gzipped, or Parquet; - is CSV from standard input."),
    ],
    *,
    output: flags.Output,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    log: flags.Log = None,
    target: Annotated[
        str | None,
        flag(metavar="COLUMNS", panel=DATA, help="What to forecast.", show_default="every column of numbers"),
    ] = None,
    inputs: Annotated[
        str | None, flag(metavar="COLUMNS", panel=DATA, help="Columns that are observed along with it.")
    ] = None,
    known: Annotated[
        str | None, flag(metavar="COLUMNS", panel=DATA, help="Columns that are known of the future too.")
    ] = None,
    series: Annotated[
        str | None, flag(metavar="COLUMN", panel=DATA, help="Which series a row belongs to: a long table.")
    ] = None,
    date: Annotated[
        str | None,
        flag(metavar="COLUMN", panel=DATA, help="The time of a row.", show_default="the first column of dates"),
    ] = None,
    date_format: Annotated[
        str | None, flag(metavar="FORMAT", panel=DATA, help="As in %d.%m.%Y.", show_default="ISO 8601")
    ] = None,
    validation: flags.Validation = None,
    horizon: Annotated[int, flag(metavar="N", panel=DATA, parser=whole, help="Steps to forecast.")] = 24,
    look_back: Annotated[
        int | None,
        flag(metavar="N", panel=DATA, parser=whole, help="Steps that a forecast is made from.", show_default=_AUTO),
    ] = None,
    season: Annotated[
        int | None,
        flag(metavar="N", panel=DATA, parser=whole, help="Steps of a season.", show_default="from the dates"),
    ] = None,
    seasonal: Annotated[
        bool, flag("--seasonal", panel=DATA, help="Count forecasts from the season before, not from the last value.")
    ] = False,
    logarithm: Annotated[
        bool, flag("--logarithm", panel=DATA, help="Forecast the logarithm: of series above 0 that swing as they grow.")
    ] = False,
    no_calendar: Annotated[
        bool, flag("--no-calendar", panel=DATA, help="Do not tell the network where in day, week and year it is.")
    ] = False,
    quantiles: Annotated[
        str | None,
        flag(metavar="LEVELS", panel=DATA, parser=_levels, help="As in 0.1,0.5,0.9.", show_default="11 of them"),
    ] = None,
    time: flags.Time = None,
    epochs: flags.Epochs = None,
    seed: flags.Seed = 0,
    threads: flags.Threads = None,
    resume: flags.Resume = False,
    checkpoint_every: flags.CheckpointEvery = "60s",
    batch: Annotated[
        int | None, flag(metavar="N", panel=TRAINING, parser=whole, help="Windows of a step.", show_default=_AUTO)
    ] = None,
    learning_rate: Annotated[
        float | None,
        flag(metavar="X", panel=TRAINING, parser=number, help="The highest of the schedule.", show_default=_AUTO),
    ] = None,
    model: Annotated[
        str,
        flag(metavar="recurrent|ar|narx", panel=NETWORK, help="A network, or an autoregression of one series."),
    ] = "recurrent",
    order: Annotated[
        int | None,
        flag(metavar="N", panel=NETWORK, parser=whole, help="Past values that ar and narx see.", show_default=_AUTO),
    ] = None,
    cell: Annotated[str, flag(metavar="rnn|gru|lstm", panel=NETWORK, help="Kind of recurrent layer.")] = "gru",
    layers: Annotated[int, flag(metavar="N", panel=NETWORK, parser=whole, help="Recurrent layers.")] = 1,
    hidden: Annotated[int, flag(metavar="N", panel=NETWORK, parser=whole, help="Width of each.")] = 128,
    segment: Annotated[
        int | None,
        flag(
            metavar="N",
            panel=NETWORK,
            parser=whole,
            help="Steps that are read, or written, at once.",
            show_default=_AUTO,
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        flag(metavar="P", panel=NETWORK, parser=number, help="Part of the outputs to blank.", show_default=_AUTO),
    ] = None,
) -> None:
    """Learn series: to forecast what comes next, and between which bounds.

    COLUMNS have commas between them. What is auto follows from the data.
    """
    fitting = Fitting(output, validation, time, epochs, seed, threads, resume, checkpoint_every, log, json, quiet)
    fitting.check_files([file])

    from elman.data import Columns
    from elman.tasks import Forecaster
    from elman.tasks.forecasting.settings import QUANTILES, names_of

    if model != "recurrent":
        refused: dict[str, object] = {
            "inputs": inputs,
            "series": series,
            "look-back": look_back,
            "quantiles": quantiles,
        }
        refused |= {"segment": segment, "dropout": dropout, "batch": batch, "learning-rate": learning_rate}
        refused |= {"seasonal": seasonal or None, "no-calendar": no_calendar or None}
        for name, given, usual in (("cell", cell, "gru"), ("layers", layers, 1), ("hidden", hidden, 128)):
            refused[name] = None if given == usual else given
        train_autoregression(
            model,
            fitting,
            file,
            Columns(names_of(target), (), names_of(known), None, date, date_format),
            horizon=horizon,
            order=order,
            season=season,
            logarithm=logarithm,
            refused=refused,
        )
        return
    if order is not None:
        raise CommandLineError("--order is for --model ar and narx; of a recurrent model see --look-back")

    forecaster = Forecaster(
        target=target,
        inputs=inputs,
        known=known,
        series=series,
        date=date,
        date_format=date_format,
        horizon=horizon,
        look_back=look_back,
        segment=segment,
        season=season,
        seasonal=seasonal,
        log=logarithm,
        quantiles=[float(level) for level in quantiles.split(",")] if quantiles else QUANTILES,
        calendar=not no_calendar,
        cell=cell,
        layers=layers,
        hidden=hidden,
        dropout=dropout,
        batch=batch,
        learning_rate=learning_rate,
    )
    fitting.fit(forecaster, file, lambda: _title(forecaster), "values")


def _title(model: "Forecaster") -> str:
    facts = model.info()
    return (
        f"{facts['cell']} {facts['layers']} × {facts['hidden']}, {quantity(facts['parameters'])} parameters, "
        f"{value(facts['look_back'])} steps back, {value(facts['horizon'])} ahead"
    )
