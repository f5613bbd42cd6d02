"""``elman train TASK``: one file a task, and one line here."""

import typer

from elman.cli.commands import Tasks, Verb
from elman.cli.train import classify, fill, forecast, lm, ngram, tag

__all__ = ["app"]

app = typer.Typer(
    cls=Tasks,
    help="Train a model: elman train TASK DATA… -o MODEL.",
    epilog="[dim]elman train TASK --help tells more about each task.[/dim]",
    subcommand_metavar="TASK DATA… -o MODEL",
    rich_markup_mode="rich",
)
app.command("lm", cls=Verb, epilog=lm.EXAMPLES)(lm.train_language_model)
app.command("ngram", cls=Verb, epilog=ngram.EXAMPLES)(ngram.train_ngram)
app.command("classify", cls=Verb, epilog=classify.EXAMPLES)(classify.train_classifier)
app.command("fill", cls=Verb, epilog=fill.EXAMPLES)(fill.train_filler)
app.command("forecast", cls=Verb, epilog=forecast.EXAMPLES)(forecast.train_forecaster)
app.command("tag", cls=Verb, epilog=tag.EXAMPLES)(tag.train_tagger)
