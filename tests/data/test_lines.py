"""Lines of files: the same packed and plain, from standard input; what is wrong is named with its place."""

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from elman.data.lines import json_lines, numbered_lines

TEXT = "\ufeffeins\r\nzwei\x0cdrei\u2028vier\n\n台北 cafe\u0301 🙂"
LINES = [(1, "eins"), (2, "zwei\x0cdrei\u2028vier"), (3, ""), (4, "台北 café 🙂")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_plain_packed_and_standard_input(pack: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pack(TEXT.encode())  # type: ignore[operator]
    (tmp_path / "t").write_bytes(data)
    assert list(numbered_lines(tmp_path / "t")) == LINES
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert list(numbered_lines("-")) == LINES


def test_a_big_file_is_read_as_it_comes(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"a\n" * 100_000 + b"\xff\n")
    lines = numbered_lines(tmp_path / "t")
    for number in range(1, 100_001):  # the fault at the end is met at the end
        assert next(lines) == (number, "a")
    with pytest.raises(ValueError, match=r"t:100001: not UTF-8: byte 0xff at offset 0"):
        next(lines)


def test_a_line_in_another_encoding_comes_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "gbk.txt").write_bytes("我想买一部新手机。\n".encode("gbk"))
    with pytest.raises(
        ValueError, match=r"gbk\.txt:1: not UTF-8: .* for instance: iconv -f GB18030 -t UTF-8 .*gbk\.txt$"
    ):
        list(numbered_lines(tmp_path / "gbk.txt"))


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot read .*nothing: no such file"):
        next(numbered_lines(tmp_path / "nothing"))
    (tmp_path / "half.gz").write_bytes(gzip.compress(b"abc\n" * 1000)[:-12])
    with pytest.raises(ValueError, match=r"half.gz: the gzip file is damaged"):
        list(numbered_lines(tmp_path / "half.gz"))
    for line, message in [
        ('{"a": 1', "r:3: not JSON: .* at character 8"),
        ("[1]", "r:3: a JSON list, expected an object"),
        ("[" * 100_000, "r:3: not JSON"),
    ]:
        (tmp_path / "r").write_text('{"a": "\\ud800"}\n\n' + line + "\n")
        rows = json_lines(tmp_path / "r")
        assert next(rows) == (1, {"a": "\ud800"})
        with pytest.raises(ValueError, match=message):
            next(rows)


def test_a_packed_file_whose_inside_is_damaged(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"some text\n" * 100))
    packed[10:14] = b"\xff" * 4
    (tmp_path / "a.gz").write_bytes(packed)
    with pytest.raises(ValueError, match=r"a.gz: the gzip file is damaged after line 0"):
        list(numbered_lines(tmp_path / "a.gz"))
