"""The worker pool and what may happen around a call: threads at once, fork, exceptions, Ctrl-C, another number."""

import gc
import multiprocessing
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import elman

TASKS = Path("/proc/self/task")  # a folder for each native thread of this process
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
forks = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")


def layer_and_input() -> tuple[torch.nn.Module, Tensor]:
    """So much work that the kernels share it among threads: `test_the_work_of_these_tests_is_shared`."""
    torch.manual_seed(0)
    return elman.GRU(40, 65), torch.randn(30, 9, 40)


def gradients(layer: torch.nn.Module, x: Tensor) -> list[Tensor]:
    return list(torch.autograd.grad(layer(x)[0].square().sum(), list(layer.parameters())))


def same(found: list[Tensor], expected: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


def together(*calls) -> None:
    """Run each call on a thread of its own, all at once."""
    workers = [threading.Thread(target=call) for call in calls]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


@pytest.fixture(autouse=True)
def two_threads(threads) -> None:
    threads(2)


@pytest.mark.skipif(not TASKS.exists(), reason="needs /proc")
def test_the_work_of_these_tests_is_shared() -> None:
    layer, x = layer_and_input()
    layer(x)
    before = len(list(TASKS.iterdir()))
    torch.set_num_threads(4)
    layer(x)
    assert len(list(TASKS.iterdir())) == before + 2, "a pool of three workers takes the place of a pool of one"


def test_python_threads_may_call_at_once() -> None:
    layer, x = layer_and_input()
    expected = layer(x)[0]
    results: list[Tensor] = []
    together(*[lambda: results.extend(layer(x)[0].detach() for _ in range(25))] * 4)
    assert len(results) == 100
    assert all(torch.equal(result, expected) for result in results)


def test_gradients_have_the_same_bits_from_any_thread() -> None:
    layer, x = layer_and_input()
    expected = gradients(layer, x)
    results: list[list[Tensor]] = []
    together(*[lambda: results.extend(gradients(layer, x) for _ in range(10))] * 3)
    assert len(results) == 30
    assert all(same(result, expected) for result in results)


def test_other_python_threads_run_during_a_call() -> None:
    layer, x = elman.LSTM(64, 256), torch.zeros(1500, 4, 64)
    began, ended, ticks = [], [], []

    def call() -> None:
        began.append(time.perf_counter())
        with torch.inference_mode():
            layer(x)
        ended.append(time.perf_counter())

    def tick() -> None:
        while not ended:
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    together(tick, call)
    quarter = (ended[0] - began[0]) / 4
    assert any(began[0] + quarter < tick < ended[0] - quarter for tick in ticks), "the GIL was held"


def in_child(queue: "multiprocessing.Queue[bool]", expected: list[Tensor]) -> None:
    torch.set_num_threads(2)
    layer, x = layer_and_input()
    queue.put(same([layer(x)[0].detach(), *gradients(layer, x)], expected))


@needs_fork
@forks
def test_a_child_made_by_fork_has_a_pool_of_its_own() -> None:
    layer, x = layer_and_input()
    expected = [layer(x)[0].detach(), *gradients(layer, x)]  # the pool is running now
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=in_child, args=(queue, expected))
    child.start()
    try:
        assert queue.get(timeout=60)
    finally:
        child.join(timeout=10)
        child.kill()
    assert same([layer(x)[0].detach(), *gradients(layer, x)], expected), "and the parent keeps its own"


class Encoded(Dataset[Tensor]):
    """What a layer makes of its input, computed where the data are loaded."""

    def __init__(self) -> None:
        self.layer, self.x = layer_and_input()

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Tensor:
        torch.set_num_threads(2)  # a DataLoader's worker begins with one
        with torch.no_grad():
            return self.layer(self.x * index)[0]


@needs_fork
@forks
def test_a_worker_of_a_data_loader_may_call() -> None:
    data = Encoded()
    expected = [data[index] for index in range(len(data))]
    loader = DataLoader(data, batch_size=None, num_workers=1, multiprocessing_context="fork", timeout=60)
    assert same(list(loader), expected)


@pytest.mark.parametrize("number", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [1, 2, 5, 9])
def test_any_number_of_threads_gives_the_same_output(number: int, rows: int) -> None:
    layer, x = layer_and_input()
    torch.set_num_threads(1)
    expected = layer(x[:, :rows])[0]
    torch.set_num_threads(number)
    assert torch.equal(layer(x[:, :rows])[0], expected)


@pytest.mark.parametrize(("forward", "backward"), [(1, 2), (2, 1), (3, 2)])
def test_the_number_of_threads_may_change_before_the_backward_pass(forward: int, backward: int) -> None:
    """The gradients are those of the backward pass's number, to the bit, for the outputs are those of any."""
    layer, x = layer_and_input()
    torch.set_num_threads(backward)
    expected = gradients(layer, x)
    torch.set_num_threads(forward)
    loss = layer(x)[0].square().sum()
    torch.set_num_threads(backward)
    assert same(list(torch.autograd.grad(loss, list(layer.parameters()))), expected)


def test_an_exception_between_the_passes_leaves_nothing_behind() -> None:
    layer, x = layer_and_input()
    expected = gradients(layer, x)

    def fail() -> weakref.ref[Tensor]:
        own = x.clone()
        output = layer(own)[0]
        output.register_hook(lambda gradient: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            output.sum().backward()
        return weakref.ref(own)

    freed = fail()
    assert all(parameter.grad is None for parameter in layer.parameters())
    gc.collect()
    assert freed() is None, "what the forward pass has saved goes with its output"
    assert same(gradients(layer, x), expected)


@pytest.mark.skipif(not TASKS.exists(), reason="needs /proc")
def test_a_thread_takes_its_scratch_memory_along() -> None:
    layer, x = elman.LSTM(256, 512), torch.zeros(1, 1, 256)
    packed = 4 * 512 * (256 + 512) * 4  # bytes that a call needs at least

    def call() -> None:
        with torch.inference_mode():
            layer(x)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def after(calls: int) -> int:
        for _ in range(calls):
            together(call)
        return resident()

    before = after(60)  # malloc has several heaps, which threads take in turn, and may keep a block in each
    assert after(60) - before < 10 * packed


INTERRUPTED = """
import os, signal, threading, torch, elman
from elman import _kernels

torch.set_num_threads(2)
layer, x = elman.LSTM(64, 256), torch.randn(4000, 4, 64)
expected = layer(x[:50])[0]
calls = _kernels.calls()[0]
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    layer(x)
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted,", _kernels.calls()[0] - calls, "call done,", torch.equal(layer(x[:50])[0], expected))
"""


def test_ctrl_c_is_heard_after_the_call() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.returncode) == ("interrupted, 1 call done, True\n", 0), done.stderr
