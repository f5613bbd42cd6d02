"""``elman train ngram``: an n-gram language model of a text."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from elman.cli import flags
from elman.cli.display import print_json, quantity
from elman.cli.errors import CommandLineError, note
from elman.cli.flags import DATA, flag, whole
from elman.cli.train.files import check_files

__all__ = ["EXAMPLES", "train_ngram"]

EXAMPLES = """[bold]Examples[/bold]
elman train ngram corpus.txt --order 5 -o ngram.elman
elman train ngram --corpus shakespeare --tokens chars --order 6 -o bard.elman
elman train ngram corpus.txt --order 4 --prune 0,0,1 --validation held-out.txt -o ngram.elman"""

_MODEL = "Model"


def _limits(text: Any) -> Any:
    """Read ``0,0,1`` or ``0 0 1``, and ``1``, which stays a number."""
    if not isinstance(text, str):
        return text
    try:
        limits = tuple(int(part) for part in re.split(r"[,\s]+", text.strip()))
        return limits if len(limits) > 1 else limits[0]
    except ValueError:
        raise typer.BadParameter(f"is {text!r}, expected whole numbers, as in 0,0,1") from None


def train_ngram(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="The text, in UTF-8, one sentence a line; - is standard input."),
    ] = None,
    *,
    output: flags.Output,
    json: flags.Json = False,
    quiet: flags.Quiet = False,
    corpus: Annotated[
        str | None,
        flag(
            metavar="NAME",
            panel=DATA,
            help="Instead of FILE, a text that Elman brings: shakespeare, tatoeba-en or tatoeba-zh.",
        ),
    ] = None,
    validation: Annotated[
        Path | None, flag(metavar="FILE", panel=DATA, help="Measure the model by this. All of FILE is counted.")
    ] = None,
    tokens: Annotated[
        str, flag(metavar="words|chars|segments", panel=DATA, help="What is counted: segments are Chinese words.")
    ] = "words",
    order: Annotated[
        int, flag(metavar="N", panel=_MODEL, parser=whole, help="Predict a token from the N-1 before it.")
    ] = 5,
    smoothing: Annotated[
        str, flag(metavar="kneser-ney|maximum-likelihood", panel=_MODEL, help="How counts become probabilities.")
    ] = "kneser-ney",
    prune: Annotated[
        Any,
        flag(
            metavar="N,N,…",
            panel=_MODEL,
            parser=_limits,
            help="Leave out what was seen at most so often, by order, as in 0,0,1.",
        ),
    ] = "0",
    min_count: Annotated[
        int, flag(metavar="N", panel=_MODEL, parser=whole, help="Tokens seen less often are unknown.")
    ] = 1,
    max_size: Annotated[
        int | None, flag(metavar="N", panel=_MODEL, parser=whole, help="At most so many tokens in the vocabulary.")
    ] = None,
) -> None:
    """Count a text: to measure how probable another one is, to predict the next word, to write.

    Every line is a sentence.
    """
    if bool(files) == bool(corpus):
        raise CommandLineError("expected the text to learn: either FILE… or --corpus NAME")
    check_files([*(files or []), *([validation] if validation else [])], output)

    from elman import corpora
    from elman.tasks import NGram

    model = NGram(
        order=order,
        tokens=tokens,
        smoothing=smoothing,
        prune=prune,
        min_count=min_count,
        max_size=max_size,
    )
    model.fit(corpora.load(corpus) if corpus else files or [], validation=validation)
    model.save(output)
    if json:
        print_json(model.metrics)
    if not quiet:
        note(f"{output}: {_summary(model.metrics, model.table.sizes)}")


def _summary(metrics: dict[str, float], sizes: list[int]) -> str:
    held_out = metrics.get("validation_loss")
    judged = "" if held_out is None else f"validation loss {held_out:.4f}, "
    grams = ", ".join(f"{quantity(size)} {n}-grams" for n, size in enumerate(sizes, 1))
    return f"{judged}{grams} of {quantity(metrics['training_tokens'])} tokens after {metrics['seconds']:.1f} s"
