"""Reading text files, with errors that say which file and where in it."""

import codecs
import gzip
import os
import re
import shlex
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from elman.data.tokens import normalise

__all__ = ["STDIN", "encoding_advice", "read_text", "shortened", "standard_input"]

STDIN = "-"  # as a path: standard input

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = "\ufeff"
_LONGEST_NAME = 200  # characters of a file's name that an error shows: a text may have been taken for one

# A mark at the start of a file -> its encoding.  That of UTF-32 begins with that of UTF-16.
_MARKS = {codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32", codecs.BOM_UTF16_LE: "UTF-16"}
_MARKS |= {codecs.BOM_UTF16_BE: "UTF-16"}
# What Chinese is in GB18030 and texts in other encodings, decoded so, are not: its characters are nearly all of the
# first level of GB 2312, sorted by their sound, a third of them from S on, where those that stand for Korean syllables
# end; there are no kana.
_HAN, _KANA = re.compile("[\u4e00-\u9fff]"), re.compile("[\u3040-\u30ff]")
_FIRST_LEVEL, _FROM_S = range(0xB0A1, 0xD7FA), range(0xC9A1, 0xD7FA)
_FIRST_LEVEL_PART, _FROM_S_PART = 0.7, 0.1
_ENOUGH = 1 << 16  # bytes that are looked at, from the first one that is not ASCII on
_LATIN_PART = 0.25  # of the bytes: so many at most are above 127 in the languages that are written in Latin-1


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


def encoding_advice(data: bytes, name: str, packed: bool | None = None) -> str:
    """How to turn what is not UTF-8 into it, as the end of an error: ``; convert it, …``.

    Parameters
    ----------
    data
        A file, or the line of it in question.
    name
        Of the file, or ``standard input``.
    packed
        Whether the file is compressed with gzip; None: look.

    Returns
    -------
    str
        A command with the encoding that the bytes have by the looks of them, GB18030, UTF-16, UTF-32 or Latin-1;
        with a place for it where they tell nothing; no command for what is no text.

    Examples
    --------
    >>> encoding_advice("他买了一部新手机。".encode("gbk"), "a.txt")
    '; convert it, for instance: iconv -f GB18030 -t UTF-8 a.txt'
    """
    if packed is None:
        packed = _is_packed(name)
    encoding = _encoding(data)
    if encoding is None:
        return "; it has NUL bytes and seems to be no text"
    file = shlex.quote(name)
    command = f"iconv -f {encoding} -t UTF-8"
    if name == "standard input":
        command += " FILE | elman …"
    else:
        command = f"gzip -dc {file} | {command}" if packed else f"{command} {file}"
    known = {"ENCODING": ", with the name of its ENCODING", "LATIN1": ", for instance, if it is Latin-1"}
    return f"; convert it{known.get(encoding, ', for instance')}: {command}"


def _is_packed(name: str) -> bool:
    try:
        with open(name, "rb") as file:
            return file.read(len(_GZIP)) == _GZIP
    except OSError:
        return False


def _encoding(data: bytes) -> str | None:
    """What encoding bytes that are not UTF-8 seem to be in, as iconv calls it; None: no text at all."""
    for mark, encoding in _MARKS.items():
        if data.startswith(mark) and _decoded(data[:_ENOUGH], encoding) is not None:
            return encoding
    if b"\0" in data[:_ENOUGH]:
        return None
    found = re.search(rb"[\x80-\xff]", data)
    first = found.start() if found else 0
    if _is_chinese(_decoded(data[first : first + _ENOUGH], "gb18030") or ""):
        return "GB18030"
    around = data[max(0, first - _ENOUGH) : first + _ENOUGH]
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", around)]
    odd = any(run % 2 for run in runs)  # mostly a single letter here and there, not characters of two bytes
    return "LATIN1" if odd and sum(runs) <= _LATIN_PART * len(around) else "ENCODING"


def _decoded(data: bytes, encoding: str) -> str | None:
    """The text, or None if it is in another encoding; the end may be cut in the middle of a character."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _is_chinese(text: str) -> bool:
    codes = [int.from_bytes(character.encode("gb18030")) for character in _HAN.findall(text)]
    first_level, from_s = (sum(code in part for code in codes) for part in (_FIRST_LEVEL, _FROM_S))
    enough = first_level >= _FIRST_LEVEL_PART * len(codes) and from_s >= _FROM_S_PART * len(codes)
    return bool(codes) and enough and not _KANA.search(text)


def _read_one(path: str | os.PathLike[str]) -> str:
    name = "standard input" if os.fspath(path) == STDIN else os.fspath(path)
    try:
        data = standard_input().read() if os.fspath(path) == STDIN else Path(path).read_bytes()
    except OSError as error:
        raise type(error)(f"cannot read {shortened(name)}: {_reason(error)}") from error
    packed = data.startswith(_GZIP)
    if packed:
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{name}: the gzip file is damaged") from error
    try:
        text = data.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise ValueError(_not_utf8(name, data, error) + encoding_advice(data, name, packed)) from error
    if not text:
        raise ValueError(f"{name} is empty; expected a text")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()


def _not_utf8(name: str, data: bytes, error: UnicodeDecodeError) -> str:
    line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
    return f"{name} is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start} (line {line})"
