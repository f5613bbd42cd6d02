"""``elman train lm``: a language model of a text."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli import flags
from elman.cli.display import quantity, value
from elman.cli.errors import CommandLineError
from elman.cli.flags import DATA, NETWORK, TRAINING, flag, number, whole
from elman.cli.train.fitting import Fitting

if TYPE_CHECKING:
    from elman.tasks import LanguageModel

__all__ = ["EXAMPLES", "train_language_model"]

EXAMPLES = """[bold]Examples[/bold]
elman train lm shakespeare.txt -o bard.elman
elman train lm --corpus shakespeare --time 90s --cell gru -o bard.elman
elman train lm part1.txt part2.txt --validation part3.txt --epochs 10 --seed 1 -o book.elman
elman train lm shakespeare.txt -o bard.elman --resume"""

_AUTO = "auto"  # chosen by elman.tasks, where the defaults are written
_UNITS = {"bytes": "bytes", "words": "words", "segments": "words"}


def _width(text: str | int) -> int | str:
    try:
        return "none" if text == "none" else whole(text)
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{error.message} or none") from None


def train_language_model(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="The text, in UTF-8. Several are read as one; - is standard input."),
    ] = None,
    *,
    output: flags.Output,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    log: flags.Log = None,
    corpus: Annotated[
        str | None,
        flag(
            metavar="NAME",
            panel=DATA,
            help="Instead of FILE, a text that Elman brings: shakespeare, tatoeba-en or tatoeba-zh.",
        ),
    ] = None,
    validation: flags.Validation = None,
    tokens: Annotated[
        str, flag(metavar="chars|bytes|words|segments", panel=DATA, help="What is read and written one by one.")
    ] = "chars",
    time: flags.Time = None,
    epochs: flags.Epochs = None,
    seed: flags.Seed = 0,
    threads: flags.Threads = None,
    resume: flags.Resume = False,
    checkpoint_every: flags.CheckpointEvery = "60s",
    batch: Annotated[
        int | None,
        flag(metavar="N", panel=TRAINING, parser=whole, help="Places that are read side by side.", show_default=_AUTO),
    ] = None,
    window: Annotated[
        int | None,
        flag(
            metavar="N",
            panel=TRAINING,
            parser=whole,
            help="Steps that gradients go back.",
            show_default=_AUTO,
        ),
    ] = None,
    learning_rate: Annotated[
        float | None,
        flag(metavar="X", panel=TRAINING, parser=number, help="The highest of the schedule.", show_default=_AUTO),
    ] = None,
    cell: Annotated[str, flag(metavar="rnn|gru|lstm", panel=NETWORK, help="Kind of recurrent layer.")] = "lstm",
    layers: Annotated[
        int | None, flag(metavar="N", panel=NETWORK, parser=whole, help="Recurrent layers.", show_default=_AUTO)
    ] = None,
    hidden: Annotated[
        int | None, flag(metavar="N", panel=NETWORK, parser=whole, help="Width of each.", show_default=_AUTO)
    ] = None,
    embedding: Annotated[
        str | None,
        flag(
            metavar="N|none",
            panel=NETWORK,
            parser=_width,
            help="Width of a token's vector; none: 1-of-N.",
            show_default=_AUTO,
        ),
    ] = None,
    tied: Annotated[bool, flag("--tied", panel=NETWORK, help="Let output layer and embedding share weights.")] = False,
    dropout: Annotated[
        float | None,
        flag(metavar="P", panel=NETWORK, parser=number, help="Part of the outputs to blank.", show_default=_AUTO),
    ] = None,
) -> None:
    """Learn a text: to write more like it, to measure how probable another one is.

    What is auto follows from the time and the size of the text.
    """
    if bool(files) == bool(corpus):
        raise CommandLineError("expected the text to learn: either FILE… or --corpus NAME")
    fitting = Fitting(output, validation, time, epochs, seed, threads, resume, checkpoint_every, log, json, quiet)
    fitting.check_files(files or [])

    from elman import corpora
    from elman.tasks import LanguageModel

    model = LanguageModel(
        cell=cell,
        layers=layers,
        hidden=hidden,
        embedding=embedding,
        tokens=tokens,
        tied=tied,
        dropout=dropout,
        batch=batch,
        window=window,
        learning_rate=learning_rate,
    )
    inputs = corpora.load(corpus) if corpus else files
    fitting.fit(model, inputs, lambda: _title(model), _UNITS.get(tokens, "characters"))


def _title(model: "LanguageModel") -> str:
    facts = model.info()
    size, parameters = f"{facts['layers']} × {facts['hidden']}", quantity(facts["parameters"])
    return f"{facts['cell']} {size}, {parameters} parameters, a vocabulary of {value(facts['vocabulary'])}"
