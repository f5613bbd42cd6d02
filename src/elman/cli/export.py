"""``elman export MODEL OUT``: a model for other programs; the ending of OUT says in which format."""

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.errors import CommandLineError
from elman.cli.flags import Model

__all__ = ["EXAMPLES", "export"]

EXAMPLES = """[bold]Examples[/bold]
elman export bard.elman bard.onnx
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
) -> None:
    """Write a network as ONNX, state in and state out, for ONNX Runtime; an n-gram model as ARPA, for KenLM."""
    _check(model, output)

    from elman.tasks import LanguageModel, NGram, load

    exported, arpa = load(model), output.name.lower().endswith(_ARPA)
    if arpa and isinstance(exported, NGram):
        exported.save_arpa(output)
    elif not arpa and isinstance(exported, LanguageModel):
        from elman.export import export_onnx

        export_onnx(exported, output)
    else:
        formats = {
            "lm": f"is written as .onnx, not {output}",
            "ngram": f"is written as .arpa or .arpa.gz, not {output}",
        }
        how = formats.get(exported.task, "cannot be exported: models of lm (.onnx) and ngram (.arpa) can")
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
