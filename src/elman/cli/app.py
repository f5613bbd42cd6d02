"""The application: which verbs there are, and how the help groups them."""

from typing import Annotated

import typer

from elman import __version__
from elman.cli import bench, evaluate, export, generate, info, predict, train
from elman.cli.commands import Verb, Verbs
from elman.cli.flags import flag

__all__ = ["app"]

_HELP = "Recurrent neural networks that are fast on an ordinary computer."
_EXAMPLES = """[bold]Examples[/bold]
elman train lm book.txt --time 3m -o book.elman
elman train lm --corpus shakespeare -o bard.elman
elman generate bard.elman --prompt "ROMEO:" --length 1000
elman evaluate bard.elman held-out.txt --json
echo "To be or not to b" | elman predict bard.elman
elman train forecast load.csv --target y --horizon 24 -o load.elman
elman predict load.elman --plot load.svg

[dim]elman VERB --help tells more about each verb.[/dim]"""
_USE, _LOOK = "Use a model", "Look inside"

app = typer.Typer(
    cls=Verbs,
    help=_HELP,
    epilog=_EXAMPLES,
    subcommand_metavar="VERB …",
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train.app, name="train", rich_help_panel="Train a model")
app.command(cls=Verb, epilog=generate.EXAMPLES, rich_help_panel=_USE)(generate.generate)
app.command(cls=Verb, epilog=predict.EXAMPLES, rich_help_panel=_USE)(predict.predict)
app.command(cls=Verb, epilog=evaluate.EXAMPLES, rich_help_panel=_USE)(evaluate.evaluate)
app.command(cls=Verb, epilog=export.EXAMPLES, rich_help_panel=_USE)(export.export)
app.command(cls=Verb, epilog=info.EXAMPLES, rich_help_panel=_LOOK)(info.info)
app.add_typer(bench.app, name="bench", rich_help_panel=_LOOK)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"elman {__version__}")
        raise typer.Exit


@app.callback()
def _global_flags(
    version: Annotated[
        bool, flag("--version", callback=_show_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass
