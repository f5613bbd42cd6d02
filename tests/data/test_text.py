"""Reading files: what comes out, and what is said when they cannot be read."""

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elman.data import read_text
from elman.data.text import encoding_advice

ICONV = "; convert it, for instance: iconv -f"
LATIN = "; convert it, for instance, if it is Latin-1: iconv -f LATIN1 -t UTF-8 a.txt"
UNCLEAR = "; convert it, with the name of its ENCODING: iconv -f ENCODING -t UTF-8 a.txt"


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


@pytest.mark.parametrize(
    ("text", "encodings", "advice"),
    [
        ("我想八月二号到达台北。", ["gbk", "gb18030"], f"{ICONV} GB18030 -t UTF-8 a.txt"),
        ("手机屏幕清晰，物流快！\n", ["gbk"], f"{ICONV} GB18030 -t UTF-8 a.txt"),
        ("我今天早上去學校，天氣很好。", ["gbk"], f"{ICONV} GB18030 -t UTF-8 a.txt"),
        ("He said 你好 to me, 她也是。", ["utf-16"], f"{ICONV} UTF-16 -t UTF-8 a.txt"),
        ("Straße", ["utf-32"], f"{ICONV} UTF-32 -t UTF-8 a.txt"),
        ("Où est-il allé ? À l'école, près de la forêt.", ["latin-1"], LATIN),
        ("größe Straße Müßiggang ist aller Laster Anfang", ["latin-1"], LATIN),
        ("Я встретил друга сегодня утром", ["cp1251", "koi8-r"], UNCLEAR),
        ("今日は天気がいいので、学校まで歩いた。", ["euc-jp", "shift-jis"], UNCLEAR),
        ("나는 오늘 아침에 학교에 갔습니다.", ["euc-kr"], UNCLEAR),
        ("我今天早上去學校，天氣很好。", ["big5"], UNCLEAR),
        ("\x89PNG\r\n\x00\x00\x00\rIHDR", ["latin-1"], "; it has NUL bytes and seems to be no text"),
    ],
)
def test_the_advice_names_the_encoding_that_the_bytes_have(text: str, encodings: list[str], advice: str) -> None:
    for encoding in encodings:
        assert encoding_advice(text.encode(encoding), "a.txt") == advice


def test_the_advice_is_a_command_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = "他买了一部新手机。\n".encode("gbk")
    path = write(tmp_path / "my text.txt", data)
    with pytest.raises(ValueError, match=rf"{ICONV} GB18030 -t UTF-8 '{path}'$") as caught:
        read_text(path)
    command = str(caught.value).rpartition(": ")[2]
    assert (
        subprocess.run(command, shell=True, capture_output=True, check=True).stdout.decode() == "他买了一部新手机。\n"
    )
    packed = write(tmp_path / "a.gz", gzip.compress(data))
    with pytest.raises(ValueError, match=rf": gzip -dc {packed} \| iconv -f GB18030 -t UTF-8$"):
        read_text(packed)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(ValueError, match=rf"^standard input is not UTF-8: .*{ICONV} GB18030 -t UTF-8 FILE \| elman …$"):
        read_text("-")
    assert encoding_advice(data[:-2], "a.txt") == f"{ICONV} GB18030 -t UTF-8 a.txt", "cut inside a character"


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
