"""``elman train tag``: a tagger of sentences."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elman.cli import flags
from elman.cli.display import quantity, value
from elman.cli.errors import CommandLineError
from elman.cli.flags import DATA, NETWORK, TRAINING, flag, number, whole
from elman.cli.train.fitting import Fitting

if TYPE_CHECKING:
    from elman.tasks import Tagger

__all__ = ["EXAMPLES", "train_tagger"]

EXAMPLES = """[bold]Examples[/bold]
elman train tag flights.conll -o slots.elman
elman train tag train.jsonl.gz --validation dev.jsonl.gz --time 5m -o slots.elman
elman train tag --corpus flights --epochs 5 -o flights.elman
elman train tag train.conll --encoder gru --one-direction -o stream.elman"""

_AUTO = "auto"  # chosen by elman.tasks, where the defaults are written


def train_tagger(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE", help="CoNLL columns or JSON lines (tokens, tags, intent), gzip too; - is standard input."
        ),
    ] = None,
    *,
    output: flags.Output,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    log: flags.Log = None,
    corpus: Annotated[
        str | None, flag(metavar="NAME", panel=DATA, help="Instead of FILE, sentences that Elman brings: flights.")
    ] = None,
    validation: Annotated[
        Path | None,
        flag(metavar="FILE", panel=DATA, help="Judge progress by this.", show_default="a tenth of the sentences"),
    ] = None,
    tokens: Annotated[
        str | None,
        flag(
            metavar="chars|words|segments|mixed", panel=DATA, help="How predict cuts text.", show_default="as FILE is"
        ),
    ] = None,
    slot: Annotated[
        list[str] | None,
        flag(metavar="NAME=KIND", panel=DATA, help="What a slot holds: date, number, city or text. May be repeated."),
    ] = None,
    vectors: Annotated[
        Path | None, flag(metavar="FILE", panel=DATA, help="Word vectors: text of word2vec, GloVe or fastText.")
    ] = None,
    time: flags.Time = None,
    epochs: flags.Epochs = None,
    seed: flags.Seed = 0,
    threads: flags.Threads = None,
    resume: flags.Resume = False,
    checkpoint_every: flags.CheckpointEvery = "60s",
    batch: Annotated[
        int | None, flag(metavar="N", panel=TRAINING, parser=whole, help="Sentences of a step.", show_default=_AUTO)
    ] = None,
    learning_rate: Annotated[
        float | None,
        flag(metavar="X", panel=TRAINING, parser=number, help="The highest of the schedule.", show_default=_AUTO),
    ] = None,
    encoder: Annotated[
        str, flag(metavar="feedforward|tdnn|rnn|gru|lstm", panel=NETWORK, help="What reads the sentence.")
    ] = "gru",
    bidirectional: Annotated[
        bool | None,
        flag(
            "--bidirectional/--one-direction",
            panel=NETWORK,
            help="Read from the end, too.",
            show_default="bidirectional",
        ),
    ] = None,
    layers: Annotated[int, flag(metavar="N", panel=NETWORK, parser=whole, help="On top of one another.")] = 1,
    hidden: Annotated[
        int | None, flag(metavar="N", panel=NETWORK, parser=whole, help="Width of each.", show_default=_AUTO)
    ] = None,
    delays: Annotated[
        int, flag(metavar="K", panel=NETWORK, parser=whole, help="Of a tdnn: steps back, of each layer.")
    ] = 2,
    embedding: Annotated[
        int | None,
        flag(metavar="N", panel=NETWORK, parser=whole, help="Width of a word's vector.", show_default=_AUTO),
    ] = None,
    spelling: Annotated[
        int | None,
        flag(metavar="N", panel=NETWORK, parser=whole, help="Features of a word's letters.", show_default=_AUTO),
    ] = None,
    pairs: Annotated[
        int | None,
        flag(metavar="N", panel=NETWORK, parser=whole, help="Width of a pair of tokens.", show_default=_AUTO),
    ] = None,
    crf: Annotated[
        bool | None,
        flag("--crf/--no-crf", panel=NETWORK, help="Score the tags of a sentence together.", show_default=_AUTO),
    ] = None,
    dropout: Annotated[
        float | None,
        flag(metavar="P", panel=NETWORK, parser=number, help="Part of the outputs to blank.", show_default=_AUTO),
    ] = None,
    word_dropout: Annotated[
        float | None,
        flag(metavar="P", panel=NETWORK, parser=number, help="Part of the words to hide.", show_default=_AUTO),
    ] = None,
    slot_dropout: Annotated[
        float | None,
        flag(metavar="P", panel=NETWORK, parser=number, help="Part of the slots to hide whole.", show_default=_AUTO),
    ] = None,
) -> None:
    """Learn a label for each token of a sentence, and what the sentence is for: slots, names, parts of speech."""
    if bool(files) == bool(corpus):
        raise CommandLineError("expected the sentences to learn: either FILE… or --corpus NAME")
    fitting = Fitting(output, validation, time, epochs, seed, threads, resume, checkpoint_every, log, json, quiet)
    fitting.check_files([*(files or []), *([vectors] if vectors else [])])

    from elman import corpora
    from elman.tasks import Tagger

    model = Tagger(
        encoder=encoder,
        bidirectional=bidirectional,
        layers=layers,
        hidden=hidden,
        delays=delays,
        embedding=embedding,
        spelling=spelling,
        pairs=pairs,
        crf=crf,
        dropout=dropout,
        word_dropout=word_dropout,
        slot_dropout=slot_dropout,
        batch=batch,
        learning_rate=learning_rate,
        tokens=tokens,
        slots={**(corpora.FLIGHT_SLOTS if corpus else {}), **dict(map(_slot, slot or ()))},
        vectors=vectors,
    )
    inputs = corpora.tagged(corpus) if corpus else files
    fitting.fit(model, inputs, lambda: _title(model), "tokens")


def _slot(text: str) -> tuple[str, str]:
    name, equals, kind = text.rpartition("=")
    if not equals:
        raise CommandLineError(f"--slot {text}: expected NAME=KIND, as in --slot arrival_time=date")
    return name, kind


def _title(model: "Tagger") -> str:
    facts = model.info()
    ways = "both directions" if facts["bidirectional"] else "one direction"
    size = f"{facts['layers']} × {facts['hidden']}, {ways}{', CRF' if facts['crf'] else ''}"
    known = f"{value(facts['vocabulary'])} words, {value(facts['tags'])} tags"
    return f"{facts['encoder']} {size}, {quantity(facts['parameters'])} parameters, {known}"
