"""ELMAN_ISA chooses the instruction set, and says so where it cannot."""

import os
import subprocess
import sys

import pytest

from elman import _kernels


def active(wanted: str | None) -> subprocess.CompletedProcess[str]:
    """What a process of its own says is active."""
    environment = {name: value for name, value in os.environ.items() if name != "ELMAN_ISA"}
    environment |= {} if wanted is None else {"ELMAN_ISA": wanted}
    program = "from elman import _kernels; print(_kernels.active_isa())"
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)


def test_this_run_is_on_the_instruction_set_that_it_was_asked_for() -> None:
    assert _kernels.active_isa() == (os.environ.get("ELMAN_ISA") or _kernels.isas()[0])


@pytest.mark.parametrize("isa", _kernels.isas())
def test_the_environment_chooses(isa: str) -> None:
    assert active(isa).stdout == f"{isa}\n"


@pytest.mark.parametrize("nothing", [None, ""])
def test_the_best_is_the_default(nothing: str | None) -> None:
    assert active(nothing).stdout == f"{_kernels.isas()[0]}\n"


def test_an_unknown_name_is_an_error_that_lists_the_valid_ones() -> None:
    done = active("sse9")
    assert done.returncode == 1
    assert "ELMAN_ISA: instruction set 'sse9' is unknown or cannot run on this processor" in done.stderr
    assert ", ".join(_kernels.isas()) in done.stderr
