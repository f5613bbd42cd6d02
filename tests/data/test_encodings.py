"""What is said of a file that is not UTF-8: the encoding that it has, and a command that works."""

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elman.data import read_text
from elman.data.encodings import encoding_advice

ICONV = "; convert it, for instance: iconv -f"
LATIN = "; convert it, for instance, if it is Latin-1: iconv -f LATIN1 -t UTF-8 a.txt"
UNCLEAR = "; convert it, with the name of its ENCODING: iconv -f ENCODING -t UTF-8 a.txt"


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
    (path := tmp_path / "my text.txt").write_bytes(data)
    with pytest.raises(ValueError, match=rf"{ICONV} GB18030 -t UTF-8 '{path}'$") as caught:
        read_text(path)
    command = str(caught.value).rpartition(": ")[2]
    assert (
        subprocess.run(command, shell=True, capture_output=True, check=True).stdout.decode() == "他买了一部新手机。\n"
    )
    (packed := tmp_path / "a.gz").write_bytes(gzip.compress(data))
    with pytest.raises(ValueError, match=rf": gzip -dc {packed} \| iconv -f GB18030 -t UTF-8$"):
        read_text(packed)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(ValueError, match=rf"^standard input is not UTF-8: .*{ICONV} GB18030 -t UTF-8 FILE \| elman …$"):
        read_text("-")
    assert encoding_advice(data[:-2], "a.txt") == f"{ICONV} GB18030 -t UTF-8 a.txt", "cut inside a character"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert encoding_advice("手机".encode("gbk"), f"{tmp_path}/pipe").endswith("/pipe")
