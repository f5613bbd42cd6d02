"""``elman export MODEL OUT.onnx``: a model for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.errors import CommandLineError
from elman.cli.flags import Model

__all__ = ["EXAMPLES", "export"]

EXAMPLES = """[bold]Example[/bold]
elman export bard.elman bard.onnx"""


def export(
    model: Model,
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT.onnx", help="Where to write it; the ending says the format.", show_default=False),
    ],
) -> None:
    """Write a model in the ONNX format, state in and state out, for ONNX Runtime and other programs."""
    _check(model, output)

    from elman.export import export_onnx
    from elman.tasks import load

    export_onnx(load(model), output)


def _check(model: Path, output: Path) -> None:
    if output.suffix.lower() != ".onnx":
        raise CommandLineError(f"{output} does not end in .onnx, which is the one format that export writes")
    if output.resolve() == model.resolve():
        raise CommandLineError(f"{output} would be used twice and overwritten; give the output another name")
    if output.exists() and not (output.is_file() or output.is_dir()):
        raise CommandLineError(f"{output} is not a regular file; it will not be overwritten: give another name")

    from elman.tasks import check_writable

    check_writable(output)
