"""``elman info MODEL``: what a model file holds."""

from elman.cli.display import print_json, print_table
from elman.cli.flags import Json, Model

__all__ = ["EXAMPLES", "info"]

EXAMPLES = """[bold]Example[/bold]
elman info bard.elman"""


def info(model: Model, json: Json = False) -> None:
    """Show what a model file holds: task, sizes, vocabulary, metrics, how it was trained."""
    from elman.tasks import load

    (print_json if json else print_table)(load(model).info())
