"""``elman bench layers``: the layers beside torch.nn's on this machine."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elman.cli.commands import Benchmarks, Verb
from elman.cli.display import print_json
from elman.cli.errors import CommandLineError, hint
from elman.cli.flags import Json, flag, whole
from elman.cli.progress import on_terminal

if TYPE_CHECKING:
    from elman.benchmarking import Case, Measurement

__all__ = ["EXAMPLES", "app", "bench_layers"]

EXAMPLES = """[bold]Examples[/bold]
elman bench layers
elman bench layers --threads 2 --cells gru,lstm --chart speed.svg -o results.json
elman bench layers --isa portable --modes infer --rows 0,1 --json"""

_ROW = "{:5} {:5} {:>18} {:>9} {:>9} {:>7} {:>8}"
_MEAN = "{:5} {:5} geometric mean {:.2f}x, without single rows {}, least {:.2f}x"
_WIDE = "; wide rows {:.0f} % of the peak, least {:.0f} %"

app = typer.Typer(
    cls=Benchmarks,
    help="Measure Elman on this machine: elman bench BENCHMARK.",
    epilog="[bold]Example[/bold]\nelman bench layers --threads 2",
    subcommand_metavar="BENCHMARK",
    rich_markup_mode="rich",
)


@app.command("layers", cls=Verb, epilog=EXAMPLES)
def bench_layers(
    threads: Annotated[
        int | None, flag(metavar="N", parser=whole, help="Processor cores to use.", show_default="all")
    ] = None,
    cells: Annotated[str, flag(metavar="NAMES", help="Which of rnn, gru, lstm.")] = "rnn,gru,lstm",
    modes: Annotated[str, flag(metavar="NAMES", help="Which of train, infer.")] = "train,infer",
    rows: Annotated[
        str | None, flag(metavar="NUMBERS", help="Shapes of the grid, as in 0,3.", show_default="all 8")
    ] = None,
    rounds: Annotated[int, flag(metavar="N", parser=whole, help="Samples of each time; the smallest counts.")] = 5,
    isa: Annotated[
        str | None,
        flag(metavar="NAME", help="The instruction set, as in portable, avx2.", show_default="the best"),
    ] = None,
    chart: Annotated[Path | None, flag(metavar="FILE.svg", help="Draw the ratios; needs matplotlib.")] = None,
    output: Annotated[Path | None, flag("-o", "--output", metavar="FILE.json", help="Keep the table.")] = None,
    json: Json = False,
) -> None:
    """Time the recurrent layers beside torch.nn's, in turns, after a comparison with float64. Takes a few minutes."""
    from elman.benchmarking import CELLS, GRID, MODES, Case, conditions

    numbers = [str(number) for number in range(len(GRID))]
    cases = [
        Case(cell, mode, GRID[int(row)])
        for mode in _words("--modes", modes, MODES)
        for cell in _words("--cells", cells, CELLS)
        for row in _words("--rows", rows or ",".join(numbers), numbers)
    ]
    if rounds < 1:
        raise CommandLineError(f"rounds is {rounds}, expected at least 1")
    _check_files(chart, output)
    with conditions(threads, isa):
        table = _measure(cases, rounds, json)
    if chart:
        from elman.benchmarking.chart import draw

        draw(table, chart)
    if output:
        import json as format_

        output.write_text(format_.dumps(table, indent=1) + "\n", encoding="utf-8")
    if json:
        print_json(table)


def _words(name: str, text: str, known: Any) -> list[str]:
    """The words between commas, each of which must be known."""
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in known:
            raise CommandLineError(f"{name} has {word!r}; {hint(word, known)}")
    return words


def _check_files(chart: Path | None, output: Path | None) -> None:
    """Raise for what would otherwise be found after minutes."""
    from elman.tasks import check_writable

    if chart:
        import elman.benchmarking.chart  # noqa: F401
    for path in filter(None, (chart, output)):
        check_writable(path)


def _measure(cases: list["Case"], rounds: int, json: bool) -> dict[str, Any]:
    """Measure case by case and show each at once: on standard output, or with --json on a terminal beside it."""
    from elman.benchmarking import facts, means, measure

    stream = sys.stderr if json else sys.stdout
    quiet = json and not on_terminal()

    def say(line: str) -> None:
        if not quiet:
            print(line.rstrip(), file=stream, flush=True)

    table = facts()
    peak = table["peak_gflops"]
    say("{threads} threads, {isa}, {machine}; elman {elman}, torch {torch}, {date}".format(**table))
    say(f"peak: {peak:.0f} GFLOP/s of multiply-adds in registers")
    say(_ROW.format("cell", "mode", "T, N, I, H", "torch ms", "elman ms", "ratio", "GFLOP/s") + "   peak")
    measured = []
    for case in cases:
        measured.append(measure(case, rounds))
        say(_line(measured[-1], peak))
    table["command"] = " ".join(["elman", *sys.argv[1:]])
    table["rows"] = [one.as_row(peak) for one in measured]
    table["means"] = means(measured, peak)
    for mean in table["means"]:
        line = _MEAN.format(mean["cell"], mean["mode"], mean["mean"], _ratio(mean["mean_of_batches"]), mean["least"])
        share = mean["percent_of_peak"]
        say(line if share is None else line + _WIDE.format(share, mean["least_percent"]))
    return table


def _line(one: "Measurement", peak: float) -> str:
    case = one.case
    shape = ", ".join(map(str, case.shape))
    numbers = (f"{one.torch_ms:.3f}", f"{one.elman_ms:.3f}", _ratio(one.ratio), f"{one.gflops:.1f}")
    return _ROW.format(case.cell, case.mode, shape, *numbers) + f" {100 * one.gflops / peak:5.0f}%"


def _ratio(ratio: float | None) -> str:
    return "none" if ratio is None else f"{ratio:.2f}x"
