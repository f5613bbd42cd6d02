"""The house is one line: kernels -> layers -> models -> tasks -> export -> cli and serving. Nothing imports upward."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "elman"

# A part may import itself and the parts of a smaller number; parts of one number stand beside each other.
FLOOR = {"bptt": 0, "corpora": 0, "_kernels": 0, "layers": 1, "models": 2, "data": 2, "tasks": 3, "inspection": 3}
FLOOR |= {"bptt_bidirectional": 1, "benchmarking": 2, "export": 4, "cli": 5, "serving": 5, "__main__": 6}
ALONE = {"bptt", "corpora"}  # these import no other part at all


def imported_parts(source: str, package: list[str]) -> set[str]:
    """The parts of elman that `source` imports, wherever in the file; `package` is the dotted name of its folder."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) + 1 - node.level] if node.level else []
            names += [".".join([*start, *filter(None, [node.module]), alias.name]) for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("elman.")} - {"__version__"}


FILES = [str(path.relative_to(SOURCE)) for path in sorted(SOURCE.rglob("*.py")) if path != SOURCE / "__init__.py"]


@pytest.mark.parametrize("path", FILES)
def test_nothing_imports_upward(path: str) -> None:
    package = ["elman", *Path(path).parts[:-1]]
    part = Path(path).parts[0].removesuffix(".py")
    assert part in FLOOR, f"{part} is new: give it a place in FLOOR"
    for other in imported_parts((SOURCE / path).read_text(encoding="utf-8"), package) - {part}:
        assert other in FLOOR, f"{path} imports {other} from elman itself; import it from where it is defined"
        assert FLOOR[other] < FLOOR[part], f"{path}: {part} stands below or beside {other} and may not import it"
        assert part not in ALONE, f"{path}: {part} stands alone and may not import {other}"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import elman.cli.train", {"cli"}),
        ("def f():\n    from elman.models import language", {"models"}),
        ("from elman import LSTM, __version__", {"LSTM"}),
        ("from . import recurrent", {"layers"}),
        ("from ..tasks import training", {"tasks"}),
        ("from .. import tasks", {"tasks"}),
        ("import torch, numpy", set()),
    ],
)
def test_every_form_of_import_is_seen(source: str, expected: set[str]) -> None:
    assert imported_parts(source, ["elman", "layers"]) == expected
