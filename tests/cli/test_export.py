"""``elman export``: the same file as from Python, and one line when something is missing."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from elman import export_onnx, load

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)


def test_export_writes_the_file(elman: Command, trained: Path, tmp_path: Path) -> None:
    assert elman("export", str(trained), "fox.onnx") == (0, "", "")
    export_onnx(load(trained), tmp_path / "same.onnx")
    assert (tmp_path / "fox.onnx").read_bytes() == (tmp_path / "same.onnx").read_bytes()
    inputs = onnxruntime.InferenceSession(tmp_path / "fox.onnx").get_inputs()
    assert [value.name for value in inputs] == ["tokens", "h_0", "c_0"]


def test_export_replaces_an_older_one(elman: Command, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "fox.onnx").write_bytes(b"older")
    assert elman("export", str(trained), "fox.onnx").code == 0
    assert (tmp_path / "fox.onnx").stat().st_size > 5


def test_without_the_package_one_line_says_how_to_install_it(
    elman: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    words = "an export to ONNX needs the package onnx, which is not installed: pip install 'elman[onnx]'"
    assert elman("export", str(trained), "fox.onnx") == (2, "", f"elman: error: {words}\n")
    assert list(Path.cwd().iterdir()) == []
