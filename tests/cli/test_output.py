"""What is printed can be read: as JSON by any parser, as UTF-8 by any terminal."""

import json
import subprocess
import sys

import pytest

from elman.cli.display import print_json


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        (
            {"a": float("inf"), "b": [float("nan"), 1.5], "c": (-float("inf"),)},
            '{"a": null, "b": [null, 1.5], "c": [null]}',
        ),
        ({"text": "台北 🙂"}, '{"text": "台北 🙂"}'),
        ({"text": "\ud83d é"}, '{"text": "\\ud83d \\u00e9"}'),
    ],
)
def test_json_is_json(facts: dict[str, object], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_json(facts)
    assert capsys.readouterr().out == line + "\n"

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    json.loads(line, parse_constant=refuse)


def test_characters_that_utf8_does_not_have_come_out_somehow() -> None:
    """Bytes of an argument that are not UTF-8 as they came, half a surrogate pair as an escape."""
    command = "import sys, elman.cli as c; sys.argv = ['elman', '--version']\ntry: c.main()\nexcept SystemExit: pass\n"
    command += "print('\\udcff\\ud83d\\ud83d é')"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
    assert done.stdout.splitlines()[1] == b"\xff\\ud83d\\ud83d " + "é".encode()
