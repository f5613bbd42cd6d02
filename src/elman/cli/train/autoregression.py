"""``elman train forecast --model ar|narx``: an autoregression of one series."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.display import print_json
from elman.cli.errors import CommandLineError, hint, note
from elman.cli.train.fitting import Fitting

if TYPE_CHECKING:
    from elman.data import Columns

__all__ = ["train_autoregression"]


def train_autoregression(
    kind: str,
    fitting: Fitting,
    file: Path,
    columns: "Columns",
    *,
    horizon: int,
    order: int | None,
    season: int | None,
    logarithm: bool,
    refused: dict[str, Any],
) -> None:
    """Fit, and write the model.

    Raises
    ------
    CommandLineError
        If there is no such kind, or a flag was given that it does not take: one of `refused`, or of those of `fitting`
        that are for runs of many steps.
    """
    from elman.tasks.forecasting.autoregressive import KINDS, OnTable

    if kind not in KINDS:
        raise CommandLineError(f"--model is {kind!r}; {hint(kind, ['recurrent', *KINDS])}")
    training = {"time": fitting.time, "epochs": fitting.epochs}
    refused |= {"validation": fitting.validation, "log": fitting.log, "resume": fitting.resume or None}
    if kind == "ar":
        refused |= {**training, "known": columns.known or None}
    for name, value in refused.items():
        if value is not None:
            raise CommandLineError(f"--{name} is not for --model {kind}; leave it out")
    how = {**training, "seed": fitting.seed, "threads": fitting.threads} if kind == "narx" else {}
    model = OnTable.of_kind(kind, order=order, season=season, log=logarithm)
    model.fit(file, columns, horizon, **how).save(fitting.output)
    if fitting.json:
        print_json(model.info()["metrics"])
    if not fitting.quiet:
        note(f"{fitting.output}: {kind} of {model.model.metrics['table']['name']}, {horizon} steps")
