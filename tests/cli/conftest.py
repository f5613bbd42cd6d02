"""Run commands in this process, as a user would type them, and keep what they print."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from elman import LanguageModel
from elman.cli import run

TEXT = "the quick brown fox jumps over the lazy dog\n" * 60


class Result(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def elman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run ``elman WORDS…`` in an empty folder; ``stdin`` is what it may read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("ELMAN_DEBUG", raising=False)

    def command(*words: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        code = run(words)
        return Result(code, *capfd.readouterr())

    return command


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model file."""
    path = tmp_path_factory.mktemp("model") / "fox.elman"
    LanguageModel(hidden=16, learning_rate=0.02).fit(TEXT, epochs=8, threads=1).save(path)
    return path


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text to learn, ``fox.txt``."""
    path = tmp_path / "fox.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start ``elman WORDS…`` as a process of its own, in an empty folder; it is ended with the test."""
    processes = []

    def begin(*words: str, **how: object) -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen([sys.executable, "-m", "elman", *words], cwd=tmp_path, **{**pipes, **how})
        processes.append(process)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """These models are too small to share."""
    torch.set_num_threads(1)
