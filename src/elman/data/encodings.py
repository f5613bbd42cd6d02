"""What encoding a file has that is not UTF-8, and the command that converts it."""

import codecs
import os
import re
import shlex

__all__ = ["encoding_advice"]

_GZIP = b"\x1f\x8b"
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


def encoding_advice(data: bytes, name: str) -> str:
    """How to turn what is not UTF-8 into it, as the end of an error: ``; convert it, …``.

    Parameters
    ----------
    data
        A file, or the line of it in question.
    name
        Of the file, or ``standard input``.

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
    encoding = _encoding(data)
    if encoding is None:
        return "; it has NUL bytes and seems to be no text"
    file = shlex.quote(name)
    command = f"iconv -f {encoding} -t UTF-8"
    if name == "standard input":
        command += " FILE | elman …"
    else:
        command = f"gzip -dc {file} | {command}" if _is_packed(name) else f"{command} {file}"
    known = {"ENCODING": ", with the name of its ENCODING", "LATIN1": ", for instance, if it is Latin-1"}
    return f"; convert it{known.get(encoding, ', for instance')}: {command}"


def _is_packed(name: str) -> bool:
    """Whether a file is compressed with gzip; a pipe, which would have to be waited for, is not asked."""
    if not os.path.isfile(name):
        return False
    with open(name, "rb") as file:
        return file.read(len(_GZIP)) == _GZIP


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
