"""The lines of a file or of standard input, as they come."""

import codecs
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

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
    # Here, for they bring torch, and --help is to be quick.
    from elman.data.lines import DAMAGED, name_of, unpacked
    from elman.data.text import STDIN, standard_input

    name, count, rest = name_of(path), 0, b""
    with nullcontext(standard_input()) if str(path) == STDIN else path.open("rb") as stream:
        reader = unpacked(stream)
        while True:
            try:
                data = reader.read1(_CHUNK)
            except DAMAGED as error:
                raise ValueError(f"{name}: the gzip file is damaged after line {count:,}") from error
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                yield [_decode(line, name, count + i) for i, line in enumerate(lines, 1)]
                count += len(lines)
    if rest:
        yield [_decode(rest, name, count + 1)]


def _decode(line: bytes, name: str, number: int) -> str:
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return line.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        from elman.data.encodings import encoding_advice

        place = f"byte 0x{line[error.start]:02x} at offset {error.start} of the line"
        raise ValueError(f"{name}:{number}: not UTF-8: {place}{encoding_advice(line, name)}") from error
