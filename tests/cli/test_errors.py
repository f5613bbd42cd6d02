"""An error that Elman raises on purpose is the user's to mend; any other is a defect, and asks to be reported."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elman import LanguageModel, tasks
from elman.cli.errors import hint, report

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)


def caught(call: Callable[[], object]) -> Exception:
    """The error that a call raises, with its traceback."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("no error")


def test_an_error_of_elman_is_the_message_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(caught(lambda: LanguageModel(hidden=0))) == 2
    assert capsys.readouterr().err == "elman: error: hidden is 0, expected at least 1\n"


def test_an_error_of_the_system_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(caught(lambda: Path("nothing.txt").read_text(encoding="utf-8"))) == 2
    assert capsys.readouterr().err == "elman: error: nothing.txt: no such file or directory\n"


def test_an_error_has_one_line_however_many_it_came_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(OSError("first\nsecond")) == 2
    assert capsys.readouterr().err == "elman: error: first second\n"


@pytest.mark.parametrize("slip", [lambda: [] + 1, lambda: int("x"), lambda: {}["key"], lambda: 1 / 0])  # type: ignore[operator]
def test_any_other_is_a_defect(slip: Callable[[], object], elman: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    error = caught(slip)
    monkeypatch.setattr(tasks, "load", lambda path: slip())
    code, out, err = elman("info", "m")
    assert (code, out) == (1, "")
    assert err.startswith(f"elman: error: unexpected {type(error).__name__}: {error} (this is a defect of Elman; ")
    assert "please report it" in err
    assert err.count("\n") == 1


def test_a_slip_inside_elman_is_a_defect_though_it_is_a_type_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = caught(lambda: hint(None, ["a"]))  # type: ignore[arg-type]
    assert isinstance(error, AttributeError)
    assert report(error) == 1
    error = caught(lambda: hint("word", 5))  # type: ignore[arg-type]
    assert isinstance(error, TypeError)
    assert report(error) == 1


def test_the_traceback_comes_with_elman_debug(elman: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMAN_DEBUG", "1")
    code, out, err = elman("info", "nothing.elman")
    assert (code, out) == (2, "")
    assert err.startswith("Traceback (most recent call last)")
    assert err.endswith("\nelman: error: cannot read nothing.elman: no such file or directory\n")


def test_ctrl_c_is_130_without_a_word(elman: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks, "load", interrupted)
    assert elman("info", "m") == (130, "", "")


def test_warnings_are_shown_the_old_way_afterwards(elman: Command) -> None:
    before = warnings.showwarning
    elman("--version")
    assert warnings.showwarning is before
