"""``elman train fill``: a filler of blanks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli import flags
from elman.cli.display import quantity, value
from elman.cli.errors import CommandLineError
from elman.cli.flags import DATA, NETWORK, TRAINING, flag, number, whole
from elman.cli.train.fitting import Fitting

if TYPE_CHECKING:
    from elman.tasks import Filler

__all__ = ["EXAMPLES", "train_filler"]

EXAMPLES = """[bold]Examples[/bold]
elman train fill --corpus tatoeba-zh -o fill.elman
elman train fill --corpus tatoeba-en --time 90s -o fill.elman
zcat reviews.tsv.gz | cut -f2 | elman train fill - --time 10m -o fill.elman"""


def train_filler(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Sentences, one a line, in UTF-8, gzipped too; - is standard input."),
    ] = None,
    *,
    output: flags.Output,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    log: flags.Log = None,
    corpus: Annotated[
        str | None,
        flag(metavar="NAME", panel=DATA, help="Instead of FILE, a text that Elman brings: tatoeba-zh, tatoeba-en."),
    ] = None,
    validation: Annotated[
        Path | None,
        flag(
            metavar="FILE",
            panel=DATA,
            help="Judge progress by this.",
            show_default="the last tenth of the sentences, at most 2,000",
        ),
    ] = None,
    tokens: Annotated[
        str | None,
        flag(
            metavar="words|chars|segments",
            panel=DATA,
            help="What fills a blank.",
            show_default="segments, which are Chinese words, of Chinese; else words",
        ),
    ] = None,
    min_count: Annotated[
        int | None,
        flag(
            metavar="N",
            panel=DATA,
            parser=whole,
            help="Tokens seen less often are unknown.",
            show_default="2, of chars 1",
        ),
    ] = None,
    max_size: Annotated[
        int, flag(metavar="N", panel=DATA, parser=whole, help="At most so many tokens in the vocabulary.")
    ] = 50_000,
    time: flags.Time = None,
    epochs: flags.Epochs = None,
    seed: flags.Seed = 0,
    threads: flags.Threads = None,
    resume: flags.Resume = False,
    checkpoint_every: flags.CheckpointEvery = "60s",
    batch: Annotated[int, flag(metavar="N", panel=TRAINING, parser=whole, help="Sentences of a step.")] = 32,
    samples: Annotated[
        int,
        flag(metavar="N", panel=TRAINING, parser=whole, help="Tokens that the right one is compared with in a step."),
    ] = 1024,
    learning_rate: Annotated[
        float, flag(metavar="X", panel=TRAINING, parser=number, help="The highest of the schedule.")
    ] = 4e-3,
    encoder: Annotated[
        str,
        flag(metavar="feedforward|tdnn|rnn|gru|lstm", panel=NETWORK, help="What reads each side of a blank."),
    ] = "lstm",
    reads: Annotated[
        str, flag(metavar="both|left|right", panel=NETWORK, help="Which sides of a blank are read.")
    ] = "both",
    layers: Annotated[int, flag(metavar="N", panel=NETWORK, parser=whole, help="Layers of each direction.")] = 1,
    hidden: Annotated[int, flag(metavar="N", panel=NETWORK, parser=whole, help="Width of each.")] = 256,
    embedding: Annotated[int, flag(metavar="N", panel=NETWORK, parser=whole, help="Width of a token's vector.")] = 128,
    dropout: Annotated[
        float, flag(metavar="P", panel=NETWORK, parser=number, help="Part of vectors and states to blank.")
    ] = 0.3,
    word_dropout: Annotated[
        float, flag(metavar="P", panel=NETWORK, parser=number, help="Part of the tokens to read as unknown.")
    ] = 0.1,
) -> None:
    """Learn to fill the blanks of sentences, from what stands before a blank and after it."""
    if bool(files) == bool(corpus):
        raise CommandLineError("expected the sentences to learn: either FILE… or --corpus NAME")
    fitting = Fitting(output, validation, time, epochs, seed, threads, resume, checkpoint_every, log, json, quiet)
    fitting.check_files(files or [])

    from elman import corpora
    from elman.tasks import Filler

    model = Filler(
        tokens=tokens,
        encoder=encoder,
        reads=reads,
        layers=layers,
        hidden=hidden,
        embedding=embedding,
        dropout=dropout,
        word_dropout=word_dropout,
        min_count=min_count,
        max_size=max_size,
        samples=samples,
        batch=batch,
        learning_rate=learning_rate,
    )
    inputs = corpora.load(corpus) if corpus else files
    fitting.fit(model, inputs, lambda: _title(model), "characters" if tokens == "chars" else "words")


def _title(model: "Filler") -> str:
    facts = model.info()
    size, parameters = f"{facts['layers']} × {facts['hidden']}", quantity(facts["parameters"])
    return f"{facts['encoder']} {size}, {parameters} parameters, a vocabulary of {value(facts['vocabulary'])}"
