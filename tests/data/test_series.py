"""Tables of series: layouts, dates, gaps, and each bad input by its words."""

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.data import Columns, Frequency, Series, read_series
from elman.data.series import series_of

NAN = float("nan")


def table(tmp_path: Path, text: str, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_wide(tmp_path: Path) -> None:
    path = table(tmp_path, "day,a,b,label\n2024-01-01,1,10,x\n2024-01-02,NA,20,y\n2024-01-04,4,,z\n")
    (a, b), columns = read_series(path)
    assert (columns.date, columns.target) == ("day", ("a", "b"))
    np.testing.assert_array_equal(a.values, [1, NAN, NAN, 4])
    np.testing.assert_array_equal(b.values, [10, 20])  # the forecast of b begins after its last value
    assert (a.name, b.name, str(a.frequency)) == ("a", "b", "1d")
    assert a.start == b.start == np.datetime64("2024-01-01")


def test_long_with_rows_in_any_order(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "shop,month,sold,price\nB,2024-02,20,2\nA,2024-03,3,1\nA,2024-01,1,1\nB,2024-03,30,2\nA,2024-02,2,1\n",
    )
    (b, a), columns = read_series(path, Columns(target=("sold",), inputs=("price",), series="shop"))
    assert (b.name, a.name, columns.date) == ("B", "A", "month")
    assert (b.values.tolist(), a.values.tolist()) == ([20, 30], [1, 2, 3])
    assert (b.inputs.tolist(), a.inputs.tolist()) == ([[2], [2]], [[1], [1], [1]])
    assert (str(b.start)[:10], str(a.start)[:10]) == ("2024-02-01", "2024-01-01")


def test_several_targets_of_a_long_table_have_both_names(tmp_path: Path) -> None:
    path = table(tmp_path, "id,x,y\n1,1,2\n1,3,4\n2,5,6\n")
    found = read_series(path, Columns(series="id")).series
    assert {s.name: s.values.tolist() for s in found} == {"1.x": [1, 3], "1.y": [2, 4], "2.x": [5], "2.y": [6]}


def test_known_inputs_reach_into_the_future(tmp_path: Path) -> None:
    path = table(tmp_path, "y,x,p\n,0,1\n1,5,2\n2,6,3\n,,4\n,,5\n")
    (series,), _ = read_series(path, Columns(target=("y",), inputs=("x",), known=("p",)))
    assert series.values.tolist() == [1, 2]
    assert series.inputs.tolist() == [[5], [6]]
    assert series.known.tolist() == [[2], [3], [4], [5]]
    assert series.future == 2


@pytest.mark.parametrize("form", ["csv", "semicolon", "tab", "bom", "gzip", "parquet", "polars", "pandas like"])
def test_every_form_gives_the_same(form: str, tmp_path: Path) -> None:
    text = "time,y\n2024-01-01 00:00,1.5\n2024-01-01 01:00,\n2024-01-01 02:00,-3e2\n"
    frame = pl.read_csv(io.StringIO(text), try_parse_dates=True)
    source: Any = tmp_path / "data"
    if form == "gzip":
        source.write_bytes(gzip.compress(text.encode()))
    elif form == "parquet":
        frame.write_parquet(source)
    elif form in ("polars", "pandas like"):
        source = frame if form == "polars" else Pandas(frame)
    else:
        mark = {"semicolon": ";", "tab": "\t"}.get(form, ",")
        source.write_text(("\ufeff" if form == "bom" else "") + text.replace(",", mark), encoding="utf-8")
    (series,), columns = read_series(source)
    np.testing.assert_array_equal(series.values, [1.5, NAN, -300])
    assert (columns.date, str(series.frequency)) == ("time", "1h")


class Pandas:
    """What of a pandas data frame is asked for."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame, self.columns = frame, frame.columns

    def __getitem__(self, name: str) -> Any:
        return self._frame[name]


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("y,day\n2,02.01.2024\n1,01.01.2024\n", "%d.%m.%Y", ("day", ("y",), "2024-01-01")),
        ("code,day\n20240102,2.1.24\n20240188,1.1.24\n", "%d.%m.%y", ("day", ("code",), "2024-01-01")),
    ],
)
def test_a_form_finds_the_column_of_dates(
    text: str, form: str, expected: tuple[str, tuple[str, ...], str], tmp_path: Path
) -> None:
    (series,), columns = read_series(table(tmp_path, text), Columns(date_format=form))
    assert (columns.date, columns.target, str(series.start)[:10]) == expected
    assert series.values[0] < series.values[1] or columns.target == ("code",)


def test_the_first_cell_may_be_missing(tmp_path: Path) -> None:
    path = table(tmp_path, "y,day,z\n1,02.01.2024,1\n2,03.01.2024,NA\n")
    assert read_series(path, Columns(date_format="%d.%m.%Y")).columns.date == "day"
    path = table(tmp_path, "y,day\n1,\n2,03.01.2024\n")
    with pytest.raises(ValueError, match=r"data\.csv:2: column 'day'"):  # it is the column, and the cell is missing
        read_series(path, Columns(date_format="%d.%m.%Y"))


def test_numbers_are_no_dates_by_chance(tmp_path: Path) -> None:
    path = table(tmp_path, "sales,year\n1500,2001\n1507,2002\n")
    with pytest.raises(ValueError, match=r"no column of text begins with a date in %Y; name the column \(--date"):
        read_series(path, Columns(date_format="%Y"))
    assert read_series(path, Columns(date_format="%Y", date="year")).columns.target == ("sales",)


def test_ids_of_which_some_are_numbers_are_no_numbers(tmp_path: Path) -> None:
    path = table(tmp_path, "date,room,temp\n2024-01-01,101,20\n2024-01-02,102,21\n2024-01-03,103B,22\n")
    assert read_series(path).columns.target == ("temp",)


@pytest.mark.parametrize("cell", ["31.01.2024", "2024/1/31", "31.1.2024 12:00"])
def test_a_column_that_looks_like_dates_and_is_not_used_is_told_of(cell: str, tmp_path: Path) -> None:
    path = table(tmp_path, f"y,day\n1,\n2,{cell}\n3,{cell}\n")
    with pytest.warns(UserWarning, match=f"column 'day' looks like dates .'{cell}'.* --date 'day' .*--date-format"):
        (series,), columns = read_series(path)
    assert (series.values.tolist(), columns.date) == ([1, 2, 3], None)


@pytest.mark.parametrize("cells", [
    ("3-1", "2-2"), ("31.01.2024", "soon"), ("1.234.567", "2.345.678"), ("", "NA"), ("1.2.10", "1.3.10"),
    ("12-2024", "1-2024"),
])  # fmt: skip
def test_other_columns_do_not_look_like_dates(cells: tuple[str, str], tmp_path: Path) -> None:
    assert read_series(table(tmp_path, f"y,x\n1,{cells[0]}\n2,{cells[1]}\n")).columns.target == ("y",)


def test_what_is_missing_leaves_a_column_of_numbers(tmp_path: Path) -> None:
    path = table(tmp_path, "y,z,few\n1,NA,a\n2,5,b\n3,-,9\n")
    assert read_series(path).columns.target == ("y", "z"), "of a column with more words than numbers nothing is said"


BAD = {
    "is empty": ("", Columns(), "data.csv is empty; expected a header and rows of data"),
    "has no rows": ("a,b\n", Columns(), "data.csv has no rows; expected a header and rows"),
    "ragged": ("a,b\n1,2\n1,2,3\n", Columns(), "data.csv:3: 3 columns, expected 2 as in the header"),
    "two names": ("a,a\n1,2\n", Columns(), "data.csv:1: two columns are called 'a'"),
    "no such column": ("load\n1\n", Columns(target=("lod",)), "data.csv has no column 'lod'; did you mean 'load'?"),
    "two parts": ("a,b\n1,2\n", Columns(target=("a",), inputs=("a",)), "the column 'a' is given two parts"),
    "no numbers": ("a\nx\n", Columns(), "data.csv has no column of numbers to forecast; it has a"),
    "one bad cell": (
        "t,y,z\n2024-01-01,1,NA\n" + "".join(f"2024-01-{n:02},3,7\n" for n in range(2, 11)) + "2024-01-11,4,oops\n",
        Columns(),
        "data.csv:12: column 'z' is 'oops', expected a number, or nothing .*; to leave the column out, .*--target",
    ),
    "decimal commas": (
        "t;name;y\n31.01.2024;A1;\n01.02.2024;A2;01,5\n",
        Columns(),
        "data.csv:3: column 'y' is '01,5', expected a number as in 1001.5; data.csv has no column of numbers",
    ),
    "thousands": ('a\n7\n"1,001"\n"2,001"\n', Columns(), "data.csv:3: column 'a' is '1,001', expected a number as in"),
    "no such form": (
        "t,a\n1/31/2024,1\n2/1/2024,2\n",
        Columns(date_format="%d.%m.%Y"),
        "data.csv:2: no column of text begins with a date in %d.%m.%Y; name the column [(]--date, in Python date=[)]",
    ),
    "a word": ("a\n1\ntwo\n", Columns(target=("a",)), "data.csv:3: column 'a' is 'two', expected a number"),
    "infinite": ("a\n1\ninf\n", Columns(target=("a",)), "data.csv:3: column 'a' is 'inf', expected a number"),
    "a bad date": (
        "t,a\n2024-01-01,1\n2024-13-01,2\n",
        Columns(),
        "data.csv:3: column 't': '2024-13-01' is no date in ISO 8601.*--date-format",
    ),
    "no date": ("t,a\n2024-01-01,1\n,2\n", Columns(), "data.csv:3: column 't' is empty; expected a date"),
    "another form": (
        "t,a\n1.2.2024,1\n2/3/2024,2\n",
        Columns(date="t", date_format="%d.%m.%Y"),
        "data.csv:3: column 't': '2/3/2024' is no date in %d.%m.%Y$",
    ),
    "twice": (
        "t,a\n2024-01-02,1\n2024-01-01,1\n2024-01-02,1\n",
        Columns(),
        "data.csv:4: the time 2024-01-02 is there twice, first at line 2; with several series in one table, name",
    ),
    "off the grid": (
        "t,a\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n2024-01-01 02:00,2\n2024-01-01 03:30,2\n",
        Columns(),
        "data.csv:5: the time 2024-01-01 03:30:00 is not a whole number of steps of 1h after 2024-01-01, the first",
    ),
    "far away": (
        "t,a\n2024-01-01,1\n2024-01-02,2\n2042-01-03,3\n",
        Columns(),
        "data.csv:4: the time 2042-01-03 is 6,576 steps of 1d after the one before it; is the date right",
    ),
    "one row": ("t,a\n2024-01-01,1\n", Columns(), "data.csv: no series has two times, so that the step"),
    "no value": ("a,b\n1,\n2,NA\n", Columns(target=("a", "b")), "data.csv: series b has no value"),
    "no series": ("s,a\nx,1\n,2\n", Columns(series="s"), "data.csv:3: column 's', which names the series, is empty"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.filterwarnings("ignore:.* looks like dates")
def test_what_is_wrong_is_said(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, columns, words = BAD[case]
    Path("data.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        read_series("data.csv", columns)


def test_rows_of_parquet_are_counted_from_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"t": ["2024-01-01", "soon"], "y": [1.0, 2.0]}).write_parquet(path)
    with pytest.raises(ValueError, match=r"a\.parquet, row 2: column 't': 'soon' is no date"):
        read_series(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b"a\n1\n" * 99, mtime=0)[:20], "is a damaged gzip file"),
        (b"PAR1 and nothing more", "is a damaged Parquet file"),
        (b"a,b\n1,\xff\n", r":2: not a CSV file in UTF-8: byte 0xff"),
    ],
    ids=["gzip", "parquet", "latin"],
)
def test_damaged_files(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=words):
        read_series(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot read .*none\.csv: no such file"):
        read_series(tmp_path / "none.csv")


def test_without_polars_the_command_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(ImportError, match=r"needs polars, which is not installed: pip install 'elman\[series\]'$"):
        read_series("data.csv")


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=2, max_size=30),
    gaps=st.sets(st.integers(0, 29)),
)
def test_a_written_series_is_read_again(values: list[float | None], gaps: set[int]) -> None:
    """Rows may be missing anywhere: the grid brings them back as missing values."""
    times = np.datetime64("2024-02-27", "us") + np.arange(len(values)) * np.timedelta64(6, "h")
    kept = [i for i in range(len(values)) if i not in gaps]
    there = [i for i in kept if values[i] is not None]
    if len(kept) < 2 or not there:
        return
    frame = pl.DataFrame({"t": times[kept], "y": [values[i] for i in kept]}, schema={"t": pl.Datetime, "y": pl.Float64})
    (series,), _ = read_series(frame, frequency=Frequency(6 * 3_600_000_000))
    expected = [values[i] if i in there else None for i in range(there[0], there[-1] + 1)]
    np.testing.assert_array_equal(series.values, np.array(expected, dtype=np.float64))
    assert series.start == times[there[0]]
    assert series.times()[-1] == times[there[-1]]


def test_series_of_arrays() -> None:
    assert [s.name for s in series_of(np.arange(3.0)).series] == ["y"]
    assert [s.values.tolist() for s in series_of(np.array([[1, 2], [3, 4]])).series] == [[1, 3], [2, 4]]
    np.testing.assert_array_equal(series_of([NAN, 1, NAN, 2, NAN]).series[0].values, [1, NAN, 2])
    assert {s.name: len(s) for s in series_of({"a": [1, 2], "b": [3.0]}).series} == {"a": 2, "b": 1}
    assert [len(s) for s in series_of([np.ones(4), Series(np.ones(2), "z")]).series] == [4, 2]


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (np.ones((2, 2, 2)), ValueError, "the array has shape (2, 2, 2); expected (T,), or (T, C)"),
        (5, TypeError, "data is a int; expected a path, a data frame, an array"),
        ([], TypeError, "data is a list"),
        ([Series([1.0], "a"), Series([1.0], "a")], ValueError, "two series are called 'a'"),
        ({"a": [NAN, NAN]}, ValueError, "series a has no value"),
        ({"a": [1.0, np.inf]}, ValueError, "series a is infinite at step 1"),
    ],
)
def test_what_is_no_data(data: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as caught:
        series_of(data)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inputs": np.ones((2, 1))}, "inputs of series y have shape (2, 1); expected (3, I), a row for each value"),
        ({"known": np.ones((2, 1))}, "known of series y have shape (2, 1); expected (3 or more, K)"),
        ({"known": np.full((4, 1), np.inf)}, "known of series y are infinite at step 0"),
        ({"start": np.datetime64("2024-01-01")}, "series y has a start but no frequency"),
    ],
)
def test_parts_of_a_series_must_fit(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Series([1.0, 2.0, 3.0], **given)
    assert words in str(caught.value)


def test_a_part_keeps_its_times_and_what_is_known_later() -> None:
    series = Series(
        np.arange(5.0), known=np.arange(8.0), start=np.datetime64("2024-01-31"), frequency=Frequency(1, "month end")
    )
    part = series.part(2, 4)
    assert part.values.tolist() == [2, 3]
    assert part.known[:, 0].tolist() == [2, 3, 4, 5, 6, 7]
    assert (part.times() == series.times()[2:4]).all()
    assert (part.times(steps=1) == series.times()[4:]).all()
