"""The type stub of the compiled module says what the module has."""

import ast
from pathlib import Path

import pytest

import elman
from elman import _kernels

STUB = ast.parse((Path(elman.__file__).parent / "_kernels.pyi").read_text(encoding="utf-8"))
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
CLASSES = {node.name: node for node in STUB.body if isinstance(node, ast.ClassDef)}


def test_the_same_functions() -> None:
    assert {*FUNCTIONS, *CLASSES} == {name for name in vars(_kernels) if not name.startswith("_")}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_same_arguments(name) -> None:
    signature = getattr(_kernels, name).__nb_signature__[0][0]
    native = ast.parse(signature.replace("\\", "") + ": ...").body[0]
    assert [a.arg for a in native.args.args] == [a.arg for a in FUNCTIONS[name].args.args]


@pytest.mark.parametrize("name", CLASSES)
def test_the_same_members(name) -> None:
    own = {node.name for node in CLASSES[name].body if isinstance(node, ast.FunctionDef)}
    assert own == {member for member in vars(getattr(_kernels, name)) if member == "__init__" or member[0] != "_"}
