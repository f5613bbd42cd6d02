"""``elman train classify``: labels for texts or series."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli import flags
from elman.cli.display import quantity, value
from elman.cli.flags import DATA, NETWORK, TRAINING, flag, number, whole
from elman.cli.train.fitting import Fitting

if TYPE_CHECKING:
    from elman.tasks import Classifier

__all__ = ["EXAMPLES", "train_classifier"]

EXAMPLES = """[bold]Examples[/bold]
elman train classify reviews.tsv -o reviews.elman
elman train classify news.csv --text title,description --label topic --validation dev.csv -o news.elman
elman train classify names.tsv --text name --label nationality --class-weights balanced -o names.elman
elman train classify walks.jsonl --series rss --label label -o walks.elman
elman train classify letters/ --tokens words --time 5m -o letters.elman"""

_AUTO = "auto"  # chosen by elman.tasks, where the defaults are written
_WEIGHTS = "balanced"


def _weights(text: str | dict[str, float]) -> str | dict[str, float]:
    """``balanced``, or ``spam=2,ham=1``."""
    if isinstance(text, dict) or text == _WEIGHTS:
        return text
    found = {}
    for part in text.split(","):
        label, equals, weight = part.rpartition("=")
        if not equals:
            raise typer.BadParameter(f"is {text!r}, expected balanced, or LABEL=WEIGHT with commas between them")
        found[label.strip()] = number(weight)
    return found


def train_classifier(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Rows with labels: CSV, TSV, JSON lines, fastText's format, or a folder; - is stdin."
        ),
    ],
    *,
    output: flags.Output,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    log: flags.Log = None,
    text: Annotated[
        str | None,
        flag(metavar="COLUMNS", panel=DATA, help="The text: column, key or number.", show_default="text, or the first"),
    ] = None,
    label: Annotated[
        str | None, flag(metavar="COLUMN", panel=DATA, help="The label.", show_default="label, or the second")
    ] = None,
    series: Annotated[
        str | None, flag(metavar="KEY", panel=DATA, help="Instead of text: the series of a JSON line.")
    ] = None,
    validation: Annotated[
        Path | None,
        flag(metavar="FILE", panel=DATA, help="Judge progress by this.", show_default="a tenth of the rows"),
    ] = None,
    several: Annotated[
        bool, flag("--several", panel=DATA, help="A row may have several labels, or none.", show_default="if one has")
    ] = False,
    tokens: Annotated[
        str | None,
        flag(
            metavar="chars|bytes|words|segments|subwords",
            panel=DATA,
            help="What a text is cut into.",
            show_default=_AUTO,
        ),
    ] = None,
    vocabulary: Annotated[
        int | None, flag(metavar="N", panel=DATA, parser=whole, help="Different tokens at most.", show_default=_AUTO)
    ] = None,
    class_weights: Annotated[
        str | None,
        flag(
            metavar="balanced|LABEL=X,…", panel=TRAINING, parser=_weights, help="Let rare labels count more, or these."
        ),
    ] = None,
    time: flags.Time = None,
    epochs: flags.Epochs = None,
    seed: flags.Seed = 0,
    threads: flags.Threads = None,
    resume: flags.Resume = False,
    checkpoint_every: flags.CheckpointEvery = "60s",
    passes: Annotated[
        int | None,
        flag(
            metavar="N",
            panel=TRAINING,
            parser=whole,
            help="Passes over the data that --time has at most.",
            show_default=_AUTO,
        ),
    ] = None,
    batch: Annotated[
        int | None, flag(metavar="N", panel=TRAINING, parser=whole, help="Rows of a step.", show_default=_AUTO)
    ] = None,
    longest: Annotated[
        int | None,
        flag(metavar="N", panel=TRAINING, parser=whole, help="Steps of a row that are learnt.", show_default=_AUTO),
    ] = None,
    learning_rate: Annotated[
        float | None,
        flag(metavar="X", panel=TRAINING, parser=number, help="The highest of the schedule.", show_default=_AUTO),
    ] = None,
    encoder: Annotated[
        str, flag(metavar="feedforward|tdnn|rnn|gru|lstm", panel=NETWORK, help="What reads the row.")
    ] = "gru",
    bidirectional: Annotated[
        bool | None,
        flag(
            "--bidirectional/--one-direction",
            panel=NETWORK,
            help="Read from both ends, or so that streams can be followed.",
            show_default="both",
        ),
    ] = None,
    layers: Annotated[int, flag(metavar="N", panel=NETWORK, parser=whole, help="Layers of the encoder.")] = 1,
    hidden: Annotated[
        int | None, flag(metavar="N", panel=NETWORK, parser=whole, help="Width of each.", show_default=_AUTO)
    ] = None,
    embedding: Annotated[
        int | None,
        flag(metavar="N", panel=NETWORK, parser=whole, help="Width of a token's vector.", show_default=_AUTO),
    ] = None,
    pooling: Annotated[
        str | None, flag(metavar="last|mean|max", panel=NETWORK, help="Over the steps of a row.", show_default="max")
    ] = None,
    ngrams: Annotated[
        int | None,
        flag(
            metavar="N",
            panel=NETWORK,
            parser=whole,
            help="Longest n-grams of the bag beside the encoder; 0: no bag.",
            show_default=_AUTO,
        ),
    ] = None,
    letters: Annotated[
        int | None,
        flag(
            metavar="N",
            panel=NETWORK,
            parser=whole,
            help="Longest n-grams of letters inside a word for the bag; 0: none.",
            show_default=_AUTO,
        ),
    ] = None,
    dropout: Annotated[
        float | None,
        flag(metavar="P", panel=NETWORK, parser=number, help="Part of the numbers to blank.", show_default=_AUTO),
    ] = None,
    word_dropout: Annotated[
        float | None,
        flag(metavar="P", panel=NETWORK, parser=number, help="Part of the tokens to blank.", show_default=_AUTO),
    ] = None,
) -> None:
    """Learn rows with labels: to say the label of others.

    COLUMNS have commas between them. What is auto follows from the data.
    """
    fitting = Fitting(output, validation, time, epochs, seed, threads, resume, checkpoint_every, log, json, quiet)
    fitting.check_files([file])

    from elman.tasks import Classifier

    model = Classifier(
        text=text,
        label=label,
        series=series,
        several=True if several else None,
        tokens=tokens,
        encoder=encoder,
        bidirectional=bidirectional,
        layers=layers,
        hidden=hidden,
        embedding=embedding,
        pooling=pooling,
        ngrams=ngrams,
        letters=letters,
        vocabulary=vocabulary,
        class_weights=class_weights,
        dropout=dropout,
        word_dropout=word_dropout,
        batch=batch,
        longest=longest,
        passes=passes,
        learning_rate=learning_rate,
    )
    fitting.fit(model, file, lambda: _title(model), "steps" if series else "tokens")


def _title(model: "Classifier") -> str:
    facts = model.info()
    ends = "two directions of " if facts["bidirectional"] else ""
    size, parameters = f"{facts['layers']} × {facts['hidden']}", quantity(facts["parameters"])
    return f"{ends}{facts['encoder']} {size}, {parameters} parameters, {value(len(model.labels))} labels"
