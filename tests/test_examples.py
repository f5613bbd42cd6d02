"""Every example runs as it stands, is short, and reaches what it promises."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"

# What the output of each example must show.
PROMISES = {
    "accelerate": r"^memory: GRU\(32, 64\) runs on the kernels\n[\s\S]*step 300 .* (99|100)%\n.*: (99\.\d|100\.0)%",
    "classification": r"bag of words [1-5]\d%\ngru +(9\d|100)%\n.*-> won .*\n.*-> lost .*\n.*"
    r" lost \((won|lost)\).* friday \(drew\)\n$",
    "drop_in": r"difference from torch\.nn: (0e\+00|\de-0[6-9])\n[\s\S]*step 200 +mean error 0\.0[0-5]",
    "finite_memory": r"sees 5\n.*\n +0 +10 +0\.000 +0\.[5-9]\d+ +0\.[5-9].*\n[\s\S]* 22( +-?0\.000){2} +0\.[5-9]",
    "forecast": r"elman +MASE 0\.[4-7]\d .*\n +seasonal naive +MASE 1\.\d\d [\s\S]*of 90%[\s\S]* 01:00\n$",
    "fill_blank": r"both sides +(1[4-9]|2\d)\.\d%[\s\S]*left +(\d|1[0-3])\.\d%[\s\S]*don't know you\.",
    "flight_slots": r"alone : [1-4]\d\.\d%.*\nboth directions: [5-9]\d\.\d%.*\n"
    r"我想八月二号到达台北\n  到达时间: 2020\.08\.02\n"
    r"  目的地: 台北\n我想八月二号离开台北\n  出发时间: 2020\.08\.02\n  出发地: 台北\n$",
    "language_model": r"seen: [23]\.\d\d bits .*\n.* bit: True\n.*nam: .*'e' .*\n\nIt writes.*:\n[\s\S]{201}$",
    "learned_start": r"step 800 +mean squared error 0\.0[01]",
    "lengths": r"step 200 .* right (9\d|100)%[\s\S]*packed and padded agree to the bit: True",
    "narx": r"^AR\(\d+\) is stable[\s\S]*NARX one step +0\.\d\d +free run +0\.\d\d degrees\nnext.*: 2\d\.\d degrees",
    "ngram": r"3 +\d+\.\d +[\d,]+ .*\n[\s\S]*KenLM[\s\S]*the same to the bit: True\n[\s\S]*mixed +[\d.]+\n$",
    "streaming": r"outputs equal to the bit: True\nlast states equal to the bit: True\n[\s\S]*sweep 3 .* 0\.00",
    "tagging": r"forwards alone: slot F1 [67]\d.*\nboth directions: slot F1 [78]\d.*\n"
    r"\nI would .* on August 2  \[arrival\]\n  destination: Taipei\n  arrival_time: 2020\.08\.02\n"
    r"[\s\S]*Taipei +B-destination",
    "xor_in_time": r"right on 1000 new steps: 100%\nsize of the error term at t, t-1, ...: 1\.0000 0\.[0-5]",
}


def test_every_example_is_listed() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_example(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = EXAMPLES / f"{name}.py"
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    assert re.search(PROMISES[name], capsys.readouterr().out)
