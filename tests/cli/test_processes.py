"""What only a process of its own can show: signals, pipes, terminals, and how light the start is."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman import load

Start = Callable[..., "subprocess.Popen[bytes]"]  # the fixture `start`: words to a process
Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
LONG = ["--hidden", "32", "--batch", "4", "--window", "16", "--epochs", "25", "--threads", "1"]
PATIENCE = 60.0  # seconds, for a busy machine


def wait_for_checkpoint(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a checkpoint has been written for the second time: the first one is of the first step."""
    end, first = time.monotonic() + PATIENCE, None
    while time.monotonic() < end and process.poll() is None:
        if path.exists():
            now = path.stat().st_ino, path.stat().st_mtime_ns
            first = first or now
            if now != first:
                return
        time.sleep(0.005)
    raise AssertionError(f"no second checkpoint; the process returned {process.poll()}: {process.stderr.read()!r}")


@pytest.mark.parametrize(("stop", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_goes_on_to_the_same_model(
    stop: signal.Signals, code: int, start: Start, elman: Command, text: Path, tmp_path: Path
) -> None:
    command = ["train", "lm", "fox.txt", *LONG, "-o"]
    process = start(*command, "stopped", "--checkpoint-every", "0.05")
    wait_for_checkpoint(tmp_path / "stopped.checkpoint", process)
    process.send_signal(stop)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (code, b"")
    if stop == signal.SIGINT:
        assert err == b"elman: stopped; stopped.checkpoint holds the run: the same command with --resume goes on\n"
    assert not (tmp_path / "stopped").exists()

    assert elman(*command, "stopped", "--resume").code == 0
    assert elman(*command, "whole").code == 0
    stopped, whole = load("stopped"), load("whole")
    assert stopped.metrics["steps"] == whole.metrics["steps"]
    assert stopped.evaluate(text) == whole.evaluate(text), "to the last bit"
    assert not (tmp_path / "stopped.checkpoint").exists()


def test_a_reader_that_leaves_is_no_error(start: Start, trained: Path) -> None:
    process = start("generate", str(trained), "--length", "1000000")
    assert process.stdout is not None
    assert process.stdout.read(10)
    process.stdout.close()
    assert process.wait(PATIENCE) == 141
    assert process.stderr is not None
    assert process.stderr.read() == b""


def test_output_is_utf8_and_arguments_come_through_whatever_the_locale(start: Start, trained: Path) -> None:
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    prompt = "狐狸".encode() + b"\xe9"
    command = ["generate", str(trained), "--length", "0", "--prompt", prompt]
    out, err = start(*command, env={**os.environ, **locale}).communicate(timeout=PATIENCE)
    assert out == prompt + b"\n"
    assert err.startswith(b"elman: warning: ")
    assert err.count(b"\n") == 1


def test_a_terminal_shows_progress_and_a_pipe_does_not(start: Start, text: Path) -> None:
    ours, theirs = pty.openpty()
    command = ["train", "lm", "fox.txt", "-o", "m", "--hidden", "8", "--epochs", "2"]
    process = start(*command, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"})
    os.close(theirs)
    seen = b""
    while process.poll() is None or seen[-1:] != b"\n":
        try:
            seen += os.read(ours, 1 << 16)
        except OSError:  # Linux says so at the end
            break
    os.close(ours)
    assert process.wait(PATIENCE) == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert "lstm 1 × 8, " in shown
    assert re.search(r"loss \d\.\d{3} .* characters/s   \d:\d\d left", shown)
    assert re.search(r"\d:\d\d  validation loss \d\.\d{3}\r\n", shown)
    assert shown.splitlines()[-1].startswith("elman: m: validation loss ")

    _, err = start(*command).communicate(timeout=PATIENCE)
    assert err.startswith(b"elman: m: validation loss ")
    assert err.count(b"\n") == 1


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["train", "lm", "--help"], ["info", "--jsn"], ["trian"]])
def test_the_start_is_light(words: list[str]) -> None:
    heavy = "sorted({'torch', 'numpy', 'safetensors'} & set(sys.modules))"
    program = f"import sys; from elman.cli import run; run({words}); print({heavy}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("[]\n")


def test_the_shell_is_told_how_to_complete(start: Start) -> None:
    words = {"_ELMAN_COMPLETE": "complete_bash", "COMP_WORDS": "elman tr", "COMP_CWORD": "1"}
    out, _ = start(env={**os.environ, **words}).communicate(timeout=PATIENCE)
    assert out.split() == [b"train"]


def test_typed_lines_are_answered_one_by_one(start: Start, trained: Path) -> None:
    process = start("predict", str(trained), "--top", "1", stdin=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    for line, first in ((b"the quic\n", b"k"), (b"the la\n", b"z")):
        process.stdin.write(line)
        process.stdin.flush()
        assert process.stdout.readline().startswith(first), "an answer comes while standard input is still open"
