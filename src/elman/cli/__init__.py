"""The command line: ``elman train lm shakespeare.txt -o bard.elman`` and its sister verbs.

Answers go to standard output, talk to standard error.  Exit codes: 0 done; 2 the command or its data are at fault,
and one line says how; 130 after Ctrl-C; 141 when the reader of the output went away; 1 a defect in Elman.
"""

import codecs
import os
import sys
import warnings
from collections.abc import Sequence
from io import TextIOWrapper

__all__ = ["main", "run"]


def main() -> None:
    """The console script ``elman``: run the command in ``sys.argv`` and exit with its code."""
    if isinstance(sys.stdout, TextIOWrapper):  # text is UTF-8 in any locale
        codecs.register_error("elman.cli", _written)
        sys.stdout.reconfigure(encoding="utf-8", errors="elman.cli")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        The words after ``elman``; none of them shows the help.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> run(["--version"])
    elman 0.1.0
    0
    """
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader has seen enough, as in: elman generate … | head
        _discard_output()
        return 141  # what a shell reports of a process that SIGPIPE has ended
    except KeyboardInterrupt:
        return 130


def _run(arguments: Sequence[str]) -> int:
    from elman.cli import errors

    with warnings.catch_warnings():
        warnings.showwarning = errors.show_warning
        try:
            code = _dispatch(arguments)
            if sys.stdout is not None:  # None: the program was started with it closed
                sys.stdout.flush()
        except BrokenPipeError:
            raise
        except Exception as error:
            code = errors.report(error)
        return code


def _dispatch(arguments: Sequence[str]) -> int:
    """Let typer parse the arguments and call the verb, but neither print errors nor exit."""
    import typer

    from elman.cli.app import app

    if "_ELMAN_COMPLETE" in os.environ:  # the shell asks for completions
        app(prog_name="elman")
    command = typer.main.get_command(app)
    try:
        with command.make_context("elman", list(arguments) or ["--help"]) as context:
            command.invoke(context)
    except typer.Exit as exit_:
        return exit_.exit_code
    return 0


def _written(error: UnicodeError) -> tuple[bytes, int]:
    """What UTF-8 cannot write: bytes of an argument pass as they came, half a surrogate pair shows as an escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    shown = (bytes([ord(c) & 0xFF]) if "\udc80" <= c <= "\udcff" else f"\\u{ord(c):04x}".encode() for c in characters)
    return b"".join(shown), error.end


def _discard_output() -> None:
    """Let the interpreter's last flush of standard output and error go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
