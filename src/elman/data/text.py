"""Reading text files, with errors that say which file and where in it."""

import gzip
import os
import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from elman.data.encodings import encoding_advice
from elman.data.tokens import normalise

__all__ = ["STDIN", "read_text", "shortened", "standard_input"]

STDIN = "-"  # as a path: standard input

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = "\ufeff"
_LONGEST_NAME = 200  # characters of a file's name that an error shows: a text may have been taken for one


def read_text(paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> str:
    """Read one text file, or several as one text.

    Parameters
    ----------
    paths
        A path, several paths, or ``-`` for standard input; plain or compressed with gzip.  Several texts follow one
        another in this order, with a line end between them where the earlier one does not end in one.

    Returns
    -------
    str
        The text in normal form NFC, without a byte order mark at the start of a file.  Every line end is ``"\\n"``, as
        in Python's text mode, also where the file has a carriage return, alone or before a line feed.

    Raises
    ------
    OSError
        If a path cannot be read; the subclass says why (FileNotFoundError, PermissionError, …).
    ValueError
        If a file is empty, damaged or not UTF-8; the message names the file and the byte offset, and says how to
        convert it.  If standard input is given twice.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "note.txt")
    >>> _ = path.write_text("cafe\\u0301", encoding="utf-8")
    >>> read_text(path)
    'café'
    """
    listed = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not listed:
        raise ValueError("no file was given; expected at least one path, or - for standard input")
    if [os.fspath(path) for path in listed].count(STDIN) > 1:
        raise ValueError("standard input, -, is given twice; it can be read only once")
    parts: list[str] = []
    for path in listed:
        if parts and not parts[-1].endswith("\n"):
            parts.append("\n")
        parts.append(_read_one(path))
    return normalise("".join(parts))


def standard_input() -> BinaryIO:
    """Its bytes; ValueError if the program was started with it closed."""
    if sys.stdin is None:
        raise ValueError("standard input is closed; give a file")
    return sys.stdin.buffer


def shortened(name: str) -> str:
    """The name of a file as an error shows it: in one line, of a long one both ends.

    >>> shortened("to be\\nor not")
    'to be or not'
    """
    line = name.replace("\n", " ")
    return line if len(line) <= _LONGEST_NAME else f"{line[:60]}…{line[-60:]} ({len(line):,} characters)"


def _read_one(path: str | os.PathLike[str]) -> str:
    name = "standard input" if os.fspath(path) == STDIN else os.fspath(path)
    try:
        data = standard_input().read() if os.fspath(path) == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise type(error)(f"cannot read {shortened(name)}: {_reason(error)}") from error
    if data.startswith(_GZIP):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{name}: the gzip file is damaged") from error
    try:
        text = data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise ValueError(_not_utf8(name, data, error) + encoding_advice(data, name)) from error
    if not text:
        raise ValueError(f"{name} is empty; expected a text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()


def _not_utf8(name: str, data: bytes, error: UnicodeDecodeError) -> str:
    line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
    return f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start} (line {line})"
