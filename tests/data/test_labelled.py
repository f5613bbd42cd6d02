"""Labelled rows out of every format, and the words of each bad one."""

import csv
import gzip
import io
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elman.data.labelled import RowFormat, read_labelled


def rows(path: Path, **form: str) -> list[tuple[str | None, tuple[str, ...]]]:
    return [(row.text, row.labels) for row in read_labelled(path, RowFormat(**form))]


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


AGAIN = '{"label": "bad", "text": "never \\"again\\", no"}'
TWO = [("I love it", ("good",)), ('never "again", no', ("bad",))]


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("a.csv", 'I love it,good\n"never ""again"", no",bad\n', {}),
        ("a.csv", 'label,text\ngood,I love it\nbad,"never ""again"", no"\n', {}),
        ("a.csv", 'id,Label,Text\n7,good,I love it\n8,bad,"never ""again"", no"\n', {}),
        ("a.csv.gz", 'stars,words\ngood,I love it\nbad,"never ""again"", no"\n', {"text": "words", "label": "stars"}),
        ("a.csv", '7,good,I love it\n8,bad,"never ""again"", no"\n', {"text": "3", "label": "2"}),
        ("a.tsv", 'I love it\tgood\r\nnever "again", no\tbad', {}),
        ("a.data", 'I love it\tgood\n\nnever "again", no\t bad \n', {}),
        ("a.data", 'I love it,good\n"never ""again"", no",bad\n', {}),
        ("a.tsv.gz", 'y\tx\ngood\tI love it\nbad\tnever "again", no\n', {"text": "x", "label": "y"}),
        ("a.txt", '__label__good I love it\n__label__bad never "again", no\n', {}),
        ("a.jsonl", '{"text": "I love it", "label": "good"}\n\n' + AGAIN.replace('"bad"', '["bad"]'), {}),
        ("a.data", '{"text": "I love it", "label": "good"}\n' + AGAIN, {"text": "text", "label": "label"}),
    ],
)  # fmt: skip
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, text: str, form: dict[str, str]) -> None:
    assert rows(write(tmp_path, name, text), **form) == TWO


def test_a_folder_has_a_folder_for_each_label(tmp_path: Path) -> None:
    for label, name, text in (("b", "2", "two\nlines\n"), ("b", "1", "one"), ("a", "x", ""), (".git", "x", "no")):
        (tmp_path / label).mkdir(exist_ok=True)
        write(tmp_path / label, name, text)
    assert rows(tmp_path) == [("", ("a",)), ("one", ("b",)), ("two\nlines", ("b",))]


def test_several_columns_are_one_text(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "y,title,more\n1,Oil,up again\n")
    assert rows(path, text="title, more", label="y") == [("Oil up again", ("1",))]
    path = write(tmp_path, "a.jsonl", '{"a": "Oil", "b": "up", "label": 1}\n')
    assert rows(path, text="a,b") == [("Oil up", ("1",))]


def test_labels_of_every_kind(tmp_path: Path) -> None:
    values = ["x", " x ", 1, 1.0, 1.5, True, ["a", 2, "a"], []]
    path = write(tmp_path, "a.jsonl", "".join(json.dumps({"text": "", "label": v}) + "\n" for v in values))
    found = [labels for _, labels in rows(path)]
    assert found == [("x",), ("x",), ("1",), ("1",), ("1.5",), ("true",), ("a", "2"), ()]
    path = write(tmp_path, "b.txt", "__label__a __label__b both\nnone of them\n")
    assert rows(path) == [("both", ("a", "b")), ("none of them", ())]


def test_series_out_of_json(tmp_path: Path) -> None:
    path = write(tmp_path, "a.jsonl", '{"x": [[1, 2], [3, 4]], "label": 1}\n{"x": [5, 6, 7], "label": -1}\n')
    first, second = read_labelled(path, RowFormat(series="x"))
    assert (first.text, first.labels, second.labels) == (None, ("1",), ("-1",))
    assert first.series is not None
    assert second.series is not None
    np.testing.assert_array_equal(first.series, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(second.series, [[5], [6], [7]])


def test_unusual_text_is_kept(tmp_path: Path) -> None:
    text = "👩‍👩‍👧 e\u0301 \u202bab\u202c \x0b\x0c \u2028 𠮷"
    assert rows(write(tmp_path, "a.tsv", f"{text}\tx\n")) == [(text.replace("e\u0301", "é"), ("x",))]
    path = write(tmp_path, "a.jsonl", '{"text": "half \\ud83d of a pair", "label": "x"}\n')
    assert rows(path) == [("half \ud83d of a pair", ("x",))]


@pytest.mark.parametrize(
    ("name", "text", "form", "message"),
    [
        ("a.csv", "", {}, r"a\.csv is empty"),
        ("a.csv", "a,b,c\n", {}, r"a\.csv:1: 3 columns, of which none are called text and label; say which they are"),
        ("a.tsv", "a\tb\n\na\tb\tc\n", {}, r"a\.tsv:3: 3 columns, expected 2 \(as in the first line\)"),
        ("a.csv", "text,label\na,b\nc\n", {}, r"a\.csv:3: 1 column, expected 2 \(text, label\)"),
        ("a.csv", 'a,b\n"x\ny",z\n"open,c\nd,e\n', {}, r"a\.csv:4: a quoted field does not end"),
        ("a.csv", "name,y\na,b\n", {"text": "nam", "label": "y"}, r"a\.csv:1: there is no column 'nam'; .* 'name'"),
        ("a.csv", "name,y\na,b\n", {"text": "1", "label": "3"}, r"a\.csv:1: there is no column 3; expected 1 … 2"),
        ("a.jsonl", '{"text": "a"}\n', {}, r"a\.jsonl:1: there is no key 'label'; there are 'text'"),
        ("a.jsonl", '{"text": "a", "label": null}\n', {}, r"a\.jsonl:1: label is None, expected a label"),
        ("a.jsonl", '{"text": [1], "label": 1}\n', {}, r"a\.jsonl:1: text is a JSON list, expected a string"),
        ("a.jsonl", '{"text": "a", "label": 1}\n{"text"\n', {}, r"a\.jsonl:2: not JSON"),
        (
            "a.jsonl",
            '{"x": [[1], [2, 3]], "label": 1}\n',
            {"series": "x"},
            r"a\.jsonl:1: x: expected a list of numbers",
        ),
        ("a.jsonl", '{"x": [1, NaN], "label": 1}\n', {"series": "x"}, r"not finite, at step 1"),
        (
            "a.json",
            '[{"text": "a", "label": 1}]',
            {},
            r"a\.json:1: a JSON array, expected JSON lines, an object in each",
        ),
        ("a.json", '["a", "b"]', {}, r"a\.json:1: a JSON array"),
        ("a.txt", '[\n{"text": "a", "label": 1}\n]', {}, r"a\.txt:1: a JSON array"),
        ("a.jsonl", '[ {"text": "a",\n "label": 1}]', {}, r"a\.jsonl:1: a JSON array, .*; jq -c '\.\[\]' writes them"),
        ("a.csv", "a,b\n", {"series": "x"}, r"series='x' is a key of JSON lines, and this is a CSV table"),
        ("a.txt", "__label__ x\n", {}, r"a\.txt:1: __label__ without a label"),
        ("a.tsv", "a\tb\n\udcff\tc\n", {}, r"a\.tsv:2: not UTF-8: byte 0xff at offset 0"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, name: str, text: str, form: dict[str, str], message: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=message):
        rows(path, **form)


def test_an_empty_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no folders in it; expected one for each label"):
        rows(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"cannot read .*none\.csv"):
        rows(tmp_path / "none.csv")


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff"), max_size=20)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(CELL, CELL.map(str.strip).filter(bool)), min_size=1, max_size=6))
def test_csv_is_what_the_csv_module_writes(tmp_path: Path, cells: list[tuple[str, str]]) -> None:
    import unicodedata

    stream = io.StringIO()
    csv.writer(stream).writerows([("text", "label"), *cells])
    path = write(tmp_path, "a.csv", stream.getvalue())
    nfc = lambda s: unicodedata.normalize("NFC", s)  # noqa: E731
    assert rows(path) == [(nfc(text), (nfc(label).strip(),)) for text, label in cells if nfc(label).strip()]


def test_a_long_field_and_constant_memory(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "long.csv", f'"{"a, " * 100_000}",x\n'))[0][0] == "a, " * 100_000
    path = write(tmp_path, "many.csv", "some words of a text,label\n" * 200_000)
    tracemalloc.start()
    assert sum(1 for _ in read_labelled(path)) == 200_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000, "a file of 5 MB is not held"


def test_a_text_may_begin_with_a_bracket(tmp_path: Path) -> None:
    assert rows(write(tmp_path, "a.tsv", "[\ta\n[{\tb\n")) == [("[", ("a",)), ("[{", ("b",))]
    assert rows(write(tmp_path, "a.txt", "[music] plays,a\n")) == [("[music] plays", ("a",))]
    assert rows(write(tmp_path, "a.txt", "[{name}] hello\tgreet\nbye\tbye\n"))[0] == ("[{name}] hello", ("greet",))


def test_swapped_columns_are_asked_about(tmp_path: Path) -> None:
    lines = [f"{label}\ta film, number {number}\n" for number, label in enumerate(["good", "bad"] * 10)]
    path = write(tmp_path, "a.tsv", "".join(lines))
    words = (
        r"a\.tsv: the columns look swapped: .* has 20 different values in 20 rows, .* text, 2; .* --text 2 --label 1$"
    )
    with pytest.warns(UserWarning, match=words):
        swapped = rows(path)
    assert rows(path, text="2", label="1") == [(labels[0], (text,)) for text, labels in swapped]


def test_tables_that_are_not_swapped_are_not_asked_about(tmp_path: Path) -> None:
    """The same text with few labels, all labels different as all texts, one row, translations."""
    words = [f"{n}\t{n} auf Deutsch\n{n}\t{n} en français\n" for n in ("yes", "no", "good morning")]
    for text in (
        "".join(words),
        "t\ta\n" * 9 + "t\tb\nt\tc\n",
        "".join(f"t{n}\tl{n}\n" for n in range(30)),
        "good\ta film\n",
    ):
        assert rows(write(tmp_path, "a.tsv", text))
