"""The lines of a file or of standard input, as they come."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import BufferedReader
from pathlib import Path
from typing import cast

__all__ = ["read_lines"]

_CHUNK = 1 << 16  # bytes


def read_lines(path: Path) -> Iterator[list[str]]:
    """Yield the lines that are there without waiting for more, list by list: one while a person types, many of a file.

    Parameters
    ----------
    path
        Of a file; ``-`` is standard input.

    Yields
    ------
    list of str
        One or more lines without their ends.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If a line is not UTF-8; the message says where.
    """
    name = "standard input" if str(path) == "-" else str(path)
    with _open(path) as stream:
        count, rest = 0, b""
        while data := stream.read1(_CHUNK):
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                yield [_decode(line, name, count + i) for i, line in enumerate(lines, 1)]
                count += len(lines)
        if rest:
            yield [_decode(rest, name, count + 1)]


def _open(path: Path) -> AbstractContextManager[BufferedReader]:
    if str(path) == "-":
        return nullcontext(cast(BufferedReader, sys.stdin.buffer))
    return path.open("rb")


def _decode(line: bytes, name: str, number: int) -> str:
    try:
        return line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name}:{number}: not UTF-8: byte 0x{line[error.start]:02x} at offset {error.start} of the line"
        ) from error
