"""Each wrong command is answered by one line on standard error that says how to go on, and exit code 2."""

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from elman import __version__, corpora
from elman.cli.app import app

Command = Callable[..., Any]  # the fixture `elman`: words to (code, out, err)
MANUAL = Path(__file__).parents[2] / "docs" / "cli.md"
COMMAND: Any = typer.main.get_command(app)

USAGE = {
    "trian": "there is no verb 'trian'; did you mean 'train'?",
    "xyz": "there is no verb 'xyz'; expected one of train, bench, generate, predict, evaluate, export, info",
    "--vresion": "there is no flag --vresion; did you mean --version?",
    "train": "TASK is missing; expected one of lm, ngram, classify, fill, forecast, tag",
    "train lmm": "there is no task 'lmm'; did you mean 'lm'?",
    "train poem words.txt": "there is no task 'poem'; expected one of lm, ngram, classify, fill, forecast, tag",
    "train --fast": "there is no flag --fast; see elman train --help",
    "train lm fox.txt": "-o MODEL is missing; see elman train lm --help",
    "train lm -o m": "expected the text to learn: either FILE… or --corpus NAME",
    "train lm fox.txt --corpus shakespeare -o m": "expected the text to learn: either FILE… or --corpus NAME",
    "train lm --corpus shakespear -o m": "no corpus is called 'shakespear'; did you mean 'shakespeare'?",
    "train lm fox.txt -o m --hiden 3": "there is no flag --hiden; did you mean --hidden?",
    "train lm fox.txt -o m --tiem 3s": "there is no flag --tiem; did you mean --time?",
    "train ngram fox.txt -o m --time 3s": "there is no flag --time; see elman train ngram --help",
    "train ngram fox.txt -o m --smooth x": "there is no flag --smooth; did you mean --smoothing?",
    "generate fox.elman --temp 1": "there is no flag --temp; did you mean --temperature?",
    "train lm - -o m --validation -": (
        "standard input, -, is given for the text and for the validation text; it can be read only once: "
        "give a file for one of them"
    ),
    "train lm fox.txt -o m --hidden wide": "--hidden is 'wide', expected a whole number",
    "train lm fox.txt -o m --hidden 0": "hidden is 0, expected at least 1",
    "train lm fox.txt -o m --embedding some": "--embedding is 'some', expected a whole number or none",
    "train lm fox.txt -o m --dropout half": "--dropout is 'half', expected a number",
    "train lm fox.txt -o m --cell lstmm": "cell is 'lstmm', expected one of rnn, gru, lstm; did you mean 'lstm'?",
    "train lm fox.txt -o m --tokens char": (
        "tokens is 'char', expected one of chars, bytes, words, segments; did you mean 'chars'?"
    ),
    "train lm fox.txt -o m --time 3x": (
        "time is '3x', which is not a duration: write it like 90s, 3m, 1h30m, or as a number of seconds"
    ),
    "train lm fox.txt -o m --time": "option '--time' requires an argument",
    "train lm fox.txt -o m --time 3s --epochs 3": "time is '3s' and epochs 3; give one of them",
    "train lm fox.txt -o m --epochs 0": "epochs is 0, expected at least 1",
    "train lm fox.txt -o m --resume": "there is no m.checkpoint to resume; leave --resume out to start anew",
    "train lm fox.txt -o .": "cannot write .: it is a folder; give the name of a file",
    "train lm fox.txt -o pipe": "pipe is not a regular file; it will not be overwritten: give another name",
    "train lm fox.txt -o fox.txt": "fox.txt would be used twice and overwritten; give the output another name",
    "train lm fox.txt -o m --validation m": "m would be used twice and overwritten; give the output another name",
    "train lm fox.txt -o m --log m": "m would be used twice and overwritten; give the output another name",
    "train lm nothing.txt -o m": "cannot read nothing.txt: no such file or directory",
    "train lm fox.txt -o m --validation nothing.txt": "cannot read nothing.txt: no such file or directory",
    "train lm empty.txt -o m": "empty.txt is empty; expected a text",
    "train lm - -o m": "standard input is empty; expected a text",
    "train lm fox.txt -o other.txt": (
        "other.txt is not an Elman model: it is not in the safetensors format; "
        "it will not be overwritten: remove it or give another name"
    ),
    "train lm latin.txt -o m": (
        "latin.txt is not UTF-8: byte 0xe9 at offset 6 (line 2); "
        "convert it, for instance, if it is Latin-1: iconv -f LATIN1 -t UTF-8 latin.txt"
    ),
    "info": "MODEL is missing; see elman info --help",
    "info nothing.elman": "cannot read nothing.elman: no such file or directory",
    "info fox.txt": "fox.txt is not an Elman model: it is not in the safetensors format",
    "info half.elman": "half.elman is truncated: it has {half:,} of {whole:,} bytes",
    "generate half.elman": "half.elman is truncated: it has {half:,} of {whole:,} bytes",
    "train lm fox.txt -o no/m": "cannot write no/m: there is no folder {folder}/no; make it first",
    "info fox.elman --jsn": "there is no flag --jsn; did you mean --json?",
    "evaluate fox.elman": "FILE is missing; see elman evaluate --help",
    "evaluate fox.elman nothing.txt": "cannot read nothing.txt: no such file or directory",
    "evaluate fox.elman fox.txt --block 8": ("--block is for --protocol blocks; carried, the default, cuts no blocks"),
    "evaluate fox.elman fox.txt --block 8 --protocol carried": (
        "--block is for --protocol blocks; carried, the default, cuts no blocks"
    ),
    "evaluate fox.elman fox.txt --block 8 --protocol block": "protocol is 'block', expected carried or blocks",
    "evaluate fox.elman fox.txt --protocol block": "protocol is 'block', expected carried or blocks",
    "predict fox.elman nothing.txt": "nothing.txt: no such file or directory",
    "predict fox.elman fox.txt --top 0": "top is 0, expected at least 1",
    "predict fox.elman latin.txt": (
        "latin.txt:2: not UTF-8: byte 0xe9 at offset 3 of the line; "
        "convert it, for instance, if it is Latin-1: iconv -f LATIN1 -t UTF-8 latin.txt"
    ),
    "generate fox.elman --length 5x": "--length is '5x', expected a whole number",
    "generate fox.elman --length -1": "length is -1, expected 0 or more",
    "generate fox.elman --temperature -1": "temperature is -1.0, expected 0 (always the most probable token) or more",
    "export fox.elman": "OUT.onnx|.arpa|.arpa.gz is missing; see elman export --help",
    "export nothing.elman fox.onnx": "cannot read nothing.elman: no such file or directory",
    "export fox.txt fox.onnx": "fox.txt is not an Elman model: it is not in the safetensors format",
    "export fox.elman fox.pt": "fox.pt does not end in .onnx, .arpa or .arpa.gz, the formats that export writes",
    "export fox.elman no/fox.onnx": "cannot write no/fox.onnx: there is no folder {folder}/no; make it first",
    "export fox.onnx fox.onnx": "fox.onnx would be used twice and overwritten; give the output another name",
    "export fox.elman pipe.onnx": "pipe.onnx is not a regular file; it will not be overwritten: give another name",
    "export fox.elman folder.onnx": "cannot write folder.onnx: it is a folder; give the name of a file",
    "generate fox.elman --prompt -": "standard input is empty; expected a text",
}


@pytest.fixture
def files(text: Path, trained: Path) -> dict[str, object]:
    """What the commands of `USAGE` find in their folder; returns the numbers that the errors name."""
    folder, model = text.parent, trained.read_bytes()
    (folder / "fox.elman").write_bytes(model)
    (folder / "half.elman").write_bytes(model[: len(model) // 2])
    (folder / "empty.txt").touch()
    (folder / "latin.txt").write_bytes(b"ok\ncaf\xe9\n")
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.onnx")
    (folder / "folder.onnx").mkdir()
    (folder / "other.txt").write_text("keep me", encoding="utf-8")
    return {"half": len(model) // 2, "whole": len(model), "folder": folder.resolve()}


def contents(folder: Path) -> dict[Path, bytes]:
    """The files of a folder."""
    return {path: path.read_bytes() if path.is_file() else b"" for path in folder.iterdir()}


@pytest.mark.parametrize("command", USAGE)
def test_one_line_says_what_is_wrong(command: str, elman: Command, files: dict[str, object]) -> None:
    before = contents(Path.cwd())
    result = elman(*shlex.split(command))
    assert result == (2, "", f"elman: error: {USAGE[command].format(**files)}\n")
    assert contents(Path.cwd()) == before, "nothing is written, nothing is lost"


def test_too_many_arguments(elman: Command) -> None:
    code, out, err = elman("info", "fox.elman", "more")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"elman: error: got unexpected extra arguments?(\(s\))? \(more\); see elman info --help\n", err)


def test_an_empty_stop(elman: Command, trained: Path) -> None:
    result = elman("generate", str(trained), "--stop", "")
    assert result.code == 2
    assert result.err.startswith("elman: error: stop is an empty text; expected what shall end the writing")


def test_a_text_shorter_than_a_window(elman: Command, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("hello", encoding="utf-8")
    result = elman("train", "lm", "short.txt", "-o", "m")
    assert (result.code, result.out) == (2, "")
    assert re.fullmatch(r"elman: error: the training text has 4 tokens; expected at least .* = 65 .*\n", result.err)


@pytest.mark.parametrize(
    "verb",
    [
        [],
        ["train"],
        ["train", "lm"],
        ["train", "ngram"],
        ["train", "forecast"],
        ["evaluate"],
        ["predict"],
        ["generate"],
        ["export"],
        ["info"],
        ["bench"],
        ["bench", "layers"],
    ],
)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_goes_to_standard_output_and_has_an_example(verb: list[str], flag: str, elman: Command) -> None:
    code, out, err = elman(*verb, flag)
    assert (code, err) == (0, "")
    assert f"Usage: {' '.join(['elman', *verb])} " in out
    assert "elman " in out[out.rindex("╯") :], "the help ends with an example"


@pytest.mark.parametrize("task", ["lm", "ngram"])
def test_help_names_every_corpus(task: str) -> None:
    (help_,) = (flag.help for flag in COMMAND.commands["train"].commands[task].params if flag.name == "corpus")
    found = re.fullmatch(r"Instead of FILE, a text that Elman brings: (.*) or (.*)\.", help_)
    assert found
    assert [*found[1].split(", "), found[2]] == corpora.names()


def test_no_words_show_the_help(elman: Command) -> None:
    assert elman() == elman("--help")


def test_version(elman: Command) -> None:
    assert elman("--version") == (0, f"elman {__version__}\n", "")


def commands_in(text: str) -> list[str]:
    """Every ``elman verb …`` in lines of shell."""
    lines = re.sub(r"\[/?[a-z]+\]", "", text).replace("\\\n", " ").splitlines()
    pieces = [piece.strip() for line in lines for piece in re.split("[|&;]", line.split(" #")[0])]
    return [piece for piece in pieces if re.match(r"elman (?!VERB|train TASK)", piece)]


def help_texts(command: Any) -> list[str]:
    """What ends the help of a command and of those under it."""
    return [
        command.epilog,
        *(text for under in getattr(command, "commands", {}).values() for text in help_texts(under)),
    ]


def shell_blocks(page: Path) -> list[str]:
    """The fenced blocks of shell commands in a page."""
    return re.findall(r"^```bash\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


SHOWN = [line for text in [*help_texts(COMMAND), *shell_blocks(MANUAL)] for line in commands_in(text)]


@pytest.mark.parametrize("line", sorted(set(SHOWN)))
def test_every_command_that_we_show_is_valid(line: str) -> None:
    words, command = shlex.split(line)[1:], COMMAND
    while words and hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context("elman", words)  # reads the flags and their values; raises for a wrong one


def test_the_manual_names_every_flag_of_every_command() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    assert len(SHOWN) > 20
    groups = [COMMAND, COMMAND.commands["train"], COMMAND.commands["bench"]]
    for name, verb in {name: verb for group in groups for name, verb in group.commands.items()}.items():
        flags = {flag for parameter in verb.params for flag in parameter.opts if flag.startswith("--")}
        assert {flag for flag in flags if f"`{flag}" not in manual} == set(), f"docs/cli.md leaves out flags of {name}"
