"""What is timed is what is said: the same layers, the operations counted by hand, means of the right rows."""

import itertools
import math

import pytest
import torch

from elman import _kernels
from elman.benchmarking import CELLS, MODES, Case, Measurement, Pair, best_times, conditions, means
from elman.benchmarking.layers import difference

CASES = [
    Case(cell, mode, (6, 5, 3, 7), layers, bidirectional, lengths)
    for cell, mode in itertools.product(CELLS, MODES)
    for layers, bidirectional, lengths in [(1, False, False), (2, True, False), (1, True, True)]
] + [Case(cell, "train", (6, 5, 3, 7), double=True) for cell in CELLS]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_two_compute_the_same(case: Case) -> None:
    pair = Pair(case)
    results = pair.run_elman(), pair.run_torch(), pair.run_exactly()
    parameters = 4 * case.layers * (2 if case.bidirectional else 1)
    assert {len(result) for result in results} == {1 if case.mode == "infer" else 2 + parameters}
    assert difference(results[0], results[2]) < (1e-13 if case.double else 1e-5)
    assert difference(results[1], results[2]) < 1e-5


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (Case("rnn", "infer", (5, 4, 3, 2)), 2 * 5 * 4 * 2 * (3 + 2)),
        (Case("lstm", "train", (5, 4, 3, 2)), 3 * 2 * 5 * 4 * 4 * 2 * (3 + 2)),
        (Case("gru", "infer", (5, 4, 3, 2), layers=2, bidirectional=True), 2 * 5 * 4 * 2 * 3 * 2 * (5 + 6)),
        (Case("rnn", "infer", (5, 2, 3, 2), lengths=True), 2 * (5 + 1) * 2 * (3 + 2)),
    ],
    ids=str,
)
def test_operations(case: Case, expected: int) -> None:
    assert case.operations == expected


def test_calls_take_turns_and_the_smallest_counts() -> None:
    seen: list[str] = []
    times = best_times({"a": lambda: seen.append("a"), "b": lambda: seen.append("b")}, rounds=2, sample=0)
    assert "".join(seen) == "ab" * 3, "once to see how long they take, then two rounds"
    assert all(0 < time < math.inf for time in times.values())


def test_means_with_and_without_single_rows() -> None:
    def measured(mode: str, rows: int, ratio: float) -> Measurement:
        return Measurement(Case("gru", mode, (1, rows, 1, 1)), ratio, 1.0, 0.0, {})

    train, infer = means([measured("train", 1, 8), measured("train", 4, 2), measured("infer", 1, 3)], peak=1.0)
    assert train["mean"] == pytest.approx(4)
    assert train["mean_of_batches"] == pytest.approx(2)
    assert train["least"] == 2
    assert (infer["mean"], infer["mean_of_batches"]) == (pytest.approx(3), None)
    assert train["percent_of_peak"] is None
    assert train["least_percent"] is None


def test_the_share_of_the_peak_is_that_of_wide_rows() -> None:
    def measured(shape: tuple[int, int, int, int], milliseconds: float) -> Measurement:
        return Measurement(Case("rnn", "infer", shape), 1.0, milliseconds, 0.0, {})

    rows = [measured((10, 32, 64, 64), 1.0), measured((10, 32, 64, 64), 4.0)]
    narrow = [measured((10, 31, 64, 64), 1e-9), measured((10, 32, 63, 64), 1e-9)]
    (found,) = means([*rows, *narrow], peak=10.0)
    gflops = 2 * 10 * 32 * 64 * 128 / 1e6  # in a millisecond
    assert found["percent_of_peak"] == pytest.approx(100 * gflops / 2 / 10.0)  # the mean of 1 and 1/4
    assert found["least_percent"] == pytest.approx(100 * gflops / 4 / 10.0)


@pytest.mark.parametrize("isa", _kernels.isas())
def test_the_peak_is_a_number_and_wants_numbers(isa: str) -> None:
    with conditions(1, isa):
        assert all(0 < _kernels.fma_peak(threads, size) < math.inf for threads in (1, 2) for size in (4, 8))
    with pytest.raises(ValueError, match="itemsize"):
        _kernels.fma_peak(1, 2)
    with pytest.raises(ValueError, match="threads"):
        _kernels.fma_peak(0)


def test_conditions_are_put_back() -> None:
    before = torch.get_num_threads(), _kernels.active_isa()
    with conditions(before[0] + 1, "portable"):
        assert (torch.get_num_threads(), _kernels.active_isa()) == (before[0] + 1, "portable")
    assert (torch.get_num_threads(), _kernels.active_isa()) == before
