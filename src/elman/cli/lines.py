"""The lines of a file or of standard input, as they come."""

import codecs
import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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
        Of a file in UTF-8, plain or compressed with gzip; ``-`` is standard input.

    Yields
    ------
    list of str
        One or more lines without their ends.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If a line is not UTF-8, or the file is damaged; the message says where.
    """
    name = "standard input" if str(path) == "-" else str(path)
    with _open(path) as stream:
        count, rest = 0, b""
        while data := _next(stream, name, count):
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                yield [_decode(line, name, count + i) for i, line in enumerate(lines, 1)]
                count += len(lines)
        if rest:
            yield [_decode(rest, name, count + 1)]


@contextmanager
def _open(path: Path) -> Iterator[BufferedReader]:
    """The bytes of a file, unpacked if they are packed with gzip."""
    if str(path) == "-":
        if sys.stdin is None:
            raise ValueError("standard input is closed; give a file")
        yield _unpacked(cast(BufferedReader, sys.stdin.buffer))
        return
    with path.open("rb") as stream:
        yield _unpacked(stream)


def _unpacked(stream: BufferedReader) -> BufferedReader:
    buffered = stream if hasattr(stream, "peek") else cast(BufferedReader, BufferedReader(stream))
    packed = buffered.peek(2)[:2] == b"\x1f\x8b"
    return cast(BufferedReader, gzip.GzipFile(fileobj=buffered)) if packed else buffered


def _next(stream: BufferedReader, name: str, count: int) -> bytes:
    try:
        return stream.read1(_CHUNK)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name}: the gzip file is damaged after line {count:,}") from error


def _decode(line: bytes, name: str, number: int) -> str:
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name}:{number}: not UTF-8: byte 0x{line[error.start]:02x} at offset {error.start} of the line"
        ) from error
