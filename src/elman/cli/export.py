"""``elman export MODEL OUT``: a model for other programs; the ending of OUT says in which format."""

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.errors import CommandLineError
from elman.cli.flags import Model

__all__ = ["EXAMPLES", "export"]

EXAMPLES = """[bold]Examples[/bold]
elman export bard.elman bard.onnx
elman export flights.elman flights.onnx
elman export ngram.elman ngram.arpa.gz"""

_ARPA = (".arpa", ".arpa.gz")


def export(
    model: Model,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUT.onnx|.arpa|.arpa.gz", help="Where to write it; the ending says the format.", show_default=False
        ),
    ],
    lengths: Annotated[
        bool, typer.Option("--lengths", help="Read whole rows of unequal lengths, which the graph takes as an input.")
    ] = False,
) -> None:
    """Write a network as ONNX, state in and state out, for ONNX Runtime; an n-gram model as ARPA, for KenLM."""
    _check(model, output)

    from elman.tasks import NGram, load

    exported, arpa = load(model), output.name.lower().endswith(_ARPA)
    if arpa and isinstance(exported, NGram):
        if lengths:
            raise CommandLineError("--lengths is for .onnx: an n-gram model has no batches")
        exported.save_arpa(output)
        return

    from elman.export import export_onnx
    from elman.export.onnx_file import EXPORTED

    if not arpa and isinstance(exported, EXPORTED):
        export_onnx(exported, output, lengths=lengths)
        return
    names = ", ".join(task.task for task in EXPORTED)
    how = f"cannot be exported: models of {names} (.onnx) and ngram (.arpa) can"
    if isinstance(exported, (NGram, *EXPORTED)):
        how = f"is written as {'.arpa or .arpa.gz' if isinstance(exported, NGram) else '.onnx'}, not {output}"
    raise CommandLineError(f"{model} is of the task {exported.task}, which {how}")


def _check(model: Path, output: Path) -> None:
    if not output.name.lower().endswith((".onnx", *_ARPA)):
        raise CommandLineError(f"{output} does not end in .onnx, .arpa or .arpa.gz, the formats that export writes")
    if output.resolve() == model.resolve():
        raise CommandLineError(f"{output} would be used twice and overwritten; give the output another name")
    if output.exists() and not (output.is_file() or output.is_dir()):
        raise CommandLineError(f"{output} is not a regular file; it will not be overwritten: give another name")

    from elman.tasks import check_writable

    check_writable(output)
