"""Reading files: what comes out, and what is said when they cannot be read."""

import gzip
import io
import os
import sys
from pathlib import Path

import pytest

from elman.data import read_text


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_text_is_composed_and_otherwise_unchanged(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "\ufeffcafe\u0301\n\n\ttab \v\f\x85\u2028 👩\u200d👧 \x00".encode())
    assert read_text(path) == "café\n\n\ttab \v\f\x85\u2028 👩\u200d👧 \x00"
    assert read_text(str(path)) == read_text([path])


def test_line_ends_are_those_of_pythons_text_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"one\r\ntwo\rthree\r\r\n\nfour\n\r"
    path = write(tmp_path / "a.txt", data)
    assert read_text(path) == path.read_text(encoding="utf-8") == "one\ntwo\nthree\n\n\nfour\n\n"
    assert read_text([path, path]) == 2 * read_text(path), "a carriage return at the end ends the line"
    assert read_text(write(tmp_path / "a.gz", gzip.compress(data))) == read_text(path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert read_text("-") == read_text(path)


def test_files_follow_one_another_with_a_line_end_between(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, data) for name, data in (("a", b"one"), ("b", b"two\n"), ("c", b"three"))]
    assert read_text(paths) == "one\ntwo\nthree"


def test_a_mark_at_the_start_of_the_next_file_is_not_joined_to_the_last(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a", b"e\n"), write(tmp_path / "b", "\u0301".encode())]
    assert read_text(paths) == "e\n\u0301"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("été".encode())))
    assert read_text("-") == "été"
    with pytest.raises(ValueError, match=r"^standard input, -, is given twice; it can be read only once$"):
        read_text(["-", Path("-")])


def test_empty(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a\.txt is empty; expected a text"):
        read_text(write(tmp_path / "a.txt", b""))
    with pytest.raises(ValueError, match="no file was given"):
        read_text([])


def test_not_utf8_says_file_offset_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "latin.txt", "un\ndeux\ntroisième".encode("latin-1"))
    with pytest.raises(ValueError, match=r"latin\.txt is not UTF-8: byte 0xe8 at offset 14 \(line 3\); convert it"):
        read_text(path)
    write(path, b"1\r\n2\r3\n\xe8")
    with pytest.raises(ValueError, match=r"byte 0xe8 at offset 7 \(line 4\)"):
        read_text(path)


def test_compressed(tmp_path: Path) -> None:
    packed = gzip.compress(b"\xef\xbb\xbftext" * 50)
    assert read_text(write(tmp_path / "a.gz", packed)) == ("\ufefftext" * 50).removeprefix("\ufeff")
    for damaged in (packed[:-9], packed[:10] + b"\xff" * 4 + packed[14:]):
        with pytest.raises(ValueError, match=r"b\.gz: the gzip file is damaged"):
            read_text(write(tmp_path / "b.gz", damaged))


def test_unreadable(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot read .*none\.txt: no such file or directory"):
        read_text(tmp_path / "none.txt")
    with pytest.raises(IsADirectoryError, match=r"cannot read .*: is a directory"):
        read_text(tmp_path)
    with pytest.raises(
        OSError, match=r"cannot read to be or not, .{46}….{60} \(1,400 characters\): file name too long"
    ):
        read_text("to be or not, " * 100)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"text")
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"cannot read .*a\.txt: permission denied"):
        read_text(path)
