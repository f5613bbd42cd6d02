"""What goes wrong, in one line on standard error: ``elman: error: …``."""

import dis
import importlib
import os
import sys
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from types import TracebackType
from typing import Any, TextIO

import typer

__all__ = ["CommandLineError", "hint", "note", "report", "show_warning"]

# Typer's exceptions are click's; its newer versions bring their own copy of click.  This is the one in use.
_click: Any = importlib.import_module(typer.BadParameter.__module__)

_DELIBERATE = (ValueError, TypeError, ImportError)


class CommandLineError(ValueError):
    """A command that cannot be meant; the message is for the person who typed it."""


def hint(word: str, known: Iterable[str]) -> str:
    """How to go on after an unknown `word`: ``did you mean 'train'?``, or all the words there are.

    >>> hint("trian", ["train", "info"]), hint("xyz", ["train", "info"])
    ("did you mean 'train'?", 'expected one of train, info')
    """
    known = list(known)
    near = get_close_matches(word.lower(), known, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"expected {'one of ' if len(known) > 1 else ''}{', '.join(known)}"


def note(message: str, kind: str = "") -> None:
    """Say something on standard error, in one line."""
    print(f"elman: {kind}{': ' if kind else ''}{' '.join(message.splitlines())}", file=sys.stderr, flush=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Take the place of `warnings.showwarning`: the message alone, without file and source line."""
    note(str(message), "warning")


def report(error: Exception) -> int:
    """Print an error as one line and return the exit code that belongs to it.

    An error that Elman raises on purpose is about the command or its data: 2.  Any other is a defect: 1.
    With ELMAN_DEBUG=1 the traceback comes first.
    """
    if os.environ.get("ELMAN_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    if isinstance(error, _click.UsageError):
        note(_usage(error), "error")
    elif isinstance(error, OSError) or (isinstance(error, _DELIBERATE) and _raised_by_elman(error.__traceback__)):
        note(_of_the_system(error) if isinstance(error, OSError) else str(error), "error")
    else:
        advice = "this is a defect of Elman; please report it with the output of the same command after ELMAN_DEBUG=1"
        note(f"unexpected {type(error).__name__}: {error} ({advice})", "error")
        return 1
    return 2


def _of_the_system(error: OSError) -> str:
    """Without the number in ``[Errno 2] No such file or directory: 'x'``."""
    return f"{error.filename}: {error.strerror.lower()}" if error.strerror and error.filename else str(error)


def _raised_by_elman(trace: TracebackType | None) -> bool:
    """Whether a raise statement of ours is where the error began, and not a slip of ours or another library."""
    if trace is None:
        return False
    while trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "")
    instruction = trace.tb_frame.f_code.co_code[trace.tb_lasti]
    return module.partition(".")[0] == "elman" and instruction == dis.opmap["RAISE_VARARGS"]


def _usage(error: Any) -> str:
    """Our words for what typer's parser found wrong."""
    see = f"; see {error.ctx.command_path} --help" if error.ctx else ""
    if isinstance(error, _click.NoSuchOption):
        flags = [flag for parameter in error.ctx.command.get_params(error.ctx) for flag in parameter.opts]
        near = _nearest(error.option_name, flags)
        return f"there is no flag {error.option_name}{f'; did you mean {near}?' if near else see}"
    if isinstance(error, _click.MissingParameter):
        flag = f"{error.param.opts[0]} " if error.param.param_type_name == "option" else ""
        return f"{flag}{error.param.metavar} is missing{see}"
    if isinstance(error, _click.BadParameter) and error.param is not None:
        return f"{max(error.param.opts, key=len)} {error.message}"
    message = str(error.message).rstrip(".")
    return message[:1].lower() + message[1:] + see


def _nearest(flag: str, known: Iterable[str]) -> str | None:
    """The flag that was meant: one with this beginning, or nearly of this name; dashes make no two flags alike."""
    names = {other.lstrip("-"): other for other in known}
    word = flag.lstrip("-").lower()
    near = get_close_matches(word, names, n=1) or [name for name in names if len(word) > 1 and name.startswith(word)]
    return names[near[0]] if near else None
