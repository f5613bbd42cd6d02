"""Every public name is listed in `__all__` and says what it is; files stay short; no file is called "utils"."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import elman

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "kernels", "tests", "benchmarks", "examples")


FOUND = [module for module in pkgutil.walk_packages(elman.__path__, "elman.") if "._" not in module.name]
MODULES = ["elman", *(module.name for module in FOUND)]
# What users import from: the packages, and the modules that stand beside them.
OPEN = ["elman", *(module.name for module in FOUND if module.ispkg or module.name.count(".") == 1)]


def public_names(module: ModuleType) -> set[str]:
    """The public names that a module binds by def, class or assignment; of unused imports the linter tells."""
    names: list[str] = []
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names += [target.id for target in targets if isinstance(target, ast.Name)]
    return {name for name in names if not name.startswith("_")}


def undocumented(name: str, item: object) -> list[str]:
    """`name` if the class or function `item` has no docstring, and so for the public methods of a class."""
    missing = [] if inspect.getdoc(item) else [name]
    if inspect.isclass(item):
        methods = {key: getattr(item, key) for key in vars(item) if not key.startswith("_")}
        missing += [f"{name}.{key}" for key, value in methods.items() if callable(value) and not inspect.getdoc(value)]
    return missing


@pytest.mark.parametrize("name", OPEN)
def test_public_names_are_listed(name: str) -> None:
    module = importlib.import_module(name)
    assert len(set(module.__all__)) == len(module.__all__), f"{name}.__all__ names something twice"
    assert sorted(public_names(module) - set(module.__all__)) == [], f"public in {name} but not in its __all__"
    for key in module.__all__:
        assert hasattr(module, key), f"{name}.__all__ lists {key}, which is not there"


@pytest.mark.parametrize("name", MODULES)
def test_names_are_documented(name: str) -> None:
    module = importlib.import_module(name)
    names = public_names(module) | set(getattr(module, "__all__", ()))
    items = {f"{name}.{key}": getattr(module, key) for key in sorted(names)}
    own = {key: item for key, item in items.items() if inspect.isclass(item) or inspect.isroutine(item)}
    assert module.__doc__, f"{name} has no docstring"
    assert [missing for key, item in own.items() for missing in undocumented(key, item)] == []


def test_import_elman_is_light() -> None:
    heavy = "print(sorted({'torch', 'numpy', 'rich', 'typer'} & set(__import__('sys').modules)))"
    command = [sys.executable, "-c", f"import elman; elman.__version__; dir(elman); {heavy}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


def test_lazy_names_are_the_ones_type_checkers_see() -> None:
    tree = ast.parse(inspect.getsource(elman))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in guard.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert seen == {name: elman._HOMES.get(name, "elman") for name in elman.__all__}


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'elman' has no attribute 'LTSM'"):
        _ = elman.LTSM


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_are_short_and_named_for_what_they_hold(folder: str) -> None:
    files = [file for kind in ("py", "pyi", "h", "cc") for file in (ROOT / folder).rglob(f"*.{kind}")]
    assert files
    lengths = {str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {file: length for file, length in lengths.items() if length > 450} == {}
    vague = {"utils", "util", "core", "helpers", "common", "base", "misc"}
    assert [str(file) for file in files if file.stem in vague] == []
