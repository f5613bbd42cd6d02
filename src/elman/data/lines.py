"""The lines of text files, one by one in constant memory, with errors that name file and line."""

import gzip
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elman.data.encodings import encoding_advice
from elman.data.text import STDIN, standard_input
from elman.data.tokens import normalise

__all__ = ["DAMAGED", "called", "json_lines", "json_objects", "name_of", "numbered_lines", "unpacked"]

DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a damaged gzip file raises."""

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = "\ufeff"

Path_ = str | os.PathLike[str]


def name_of(path: Path_) -> str:
    """How errors call a file: ``-`` is standard input."""
    return "standard input" if os.fspath(path) == STDIN else os.fspath(path)


def called(data: Any, argument: str) -> str:
    """What an error calls data: its files, where it is files, else the argument."""
    files = data if isinstance(data, list | tuple) else [data]
    return ", ".join(name_of(one) for one in files if isinstance(one, os.PathLike)) or argument


def numbered_lines(path: Path_) -> Iterator[tuple[int, str]]:
    """Read a text file line by line.

    Parameters
    ----------
    path
        Of a file in UTF-8, plain or compressed with gzip; ``-`` is standard input.

    Yields
    ------
    number : int
        Of the line, from 1.
    line : str
        In normal form NFC, without its end (a line feed, with or without a carriage return before it).  Other
        characters at which Python's str.splitlines would cut, a form feed say, stay in it.

    Raises
    ------
    ValueError
        If a line is not UTF-8, or the file is damaged; the message names file and line.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "two.txt")
    >>> _ = path.write_bytes("cafe\\u0301\\r\\n\\nend".encode())
    >>> list(numbered_lines(path))
    [(1, 'café'), (2, ''), (3, 'end')]
    """
    name, number = name_of(path), 0
    with _opened(path, name) as stream:
        try:
            for number, data in enumerate(stream, 1):
                line = data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8")
                yield number, normalise(line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line)
        except UnicodeDecodeError as error:
            place = f"byte 0x{error.object[error.start]:02x} at offset {error.start} of the line"
            advice = encoding_advice(error.object, name)
            raise ValueError(f"{name}:{number}: not UTF-8: {place}{advice}") from error
        except DAMAGED as error:
            raise ValueError(f"{name}: the gzip file is damaged after line {number:,}") from error


def json_lines(path: Path_) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read a file with a JSON object in each line; empty lines are passed over.

    Yields
    ------
    number : int
        Of the line, from 1.
    values : dict
        The object.

    Raises
    ------
    ValueError
        If a line is no JSON object; the message names file and line.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "rows.jsonl")
    >>> _ = path.write_text('{"text": "it rains", "label": 1}\\n')
    >>> list(json_lines(path))
    [(1, {'text': 'it rains', 'label': 1})]
    """
    yield from json_objects(numbered_lines(path), name_of(path))


def json_objects(lines: Iterable[tuple[int, str]], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `json_lines`, from numbered lines that have been read; `name` is what errors call their file."""
    for number, line in lines:
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else error
            raise ValueError(f"{name}:{number}: not JSON: {reason}") from error
        if not isinstance(values, dict):
            raise ValueError(f"{name}:{number}: a JSON {type(values).__name__}, expected an object: {{…}}")
        yield number, values


def unpacked(stream: Any) -> io.BufferedReader:
    """The bytes of a stream, unpacked if they are packed with gzip; then reading may raise `DAMAGED`."""
    buffered: Any = stream if hasattr(stream, "peek") else io.BufferedReader(stream)
    packed = buffered.peek(2)[:2] == _GZIP
    found: io.BufferedReader = gzip.GzipFile(fileobj=buffered) if packed else buffered  # type: ignore[assignment]
    return found


@contextmanager
def _opened(path: Path_, name: str) -> Iterator[io.BufferedReader]:
    if os.fspath(path) == STDIN:
        yield unpacked(standard_input())
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115  # only what opening raises is caught here
    except OSError as error:
        raise type(error)(f"cannot read {name}: {(error.strerror or str(error)).lower()}") from error
    with stream:
        yield unpacked(stream)
