"""The worker pool: threads that call at once, a fork after use, more threads than work."""

import multiprocessing
import os
import threading

import pytest
import torch

import elman


def layer_and_input() -> tuple[torch.nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    return elman.GRU(5, 20), torch.randn(30, 9, 5)


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_python_threads_may_call_at_once() -> None:
    layer, x = layer_and_input()
    expected = layer(x)[0]
    results: list[torch.Tensor] = []

    def work() -> None:
        for _ in range(50):
            results.append(layer(x)[0].detach())

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 200
    assert all(torch.equal(result, expected) for result in results)


def test_gradients_have_the_same_bits_from_any_thread() -> None:
    layer, x = layer_and_input()

    def gradients() -> list[torch.Tensor]:
        return list(torch.autograd.grad(layer(x)[0].square().sum(), list(layer.parameters())))

    expected = gradients()
    results: list[list[torch.Tensor]] = []
    workers = [threading.Thread(target=lambda: results.extend(gradients() for _ in range(20))) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 60
    assert all(torch.equal(a, b) for result in results for a, b in zip(result, expected, strict=True))


def in_child(queue: "multiprocessing.Queue[bool]", expected: torch.Tensor) -> None:
    torch.set_num_threads(2)
    layer, x = layer_and_input()
    queue.put(torch.equal(layer(x)[0].detach(), expected))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_child_made_by_fork_has_a_pool_of_its_own() -> None:
    layer, x = layer_and_input()
    expected = layer(x)[0].detach()  # the pool is running now
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=in_child, args=(queue, expected))
    child.start()
    try:
        assert queue.get(timeout=60)
    finally:
        child.join(timeout=10)
        child.kill()


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_any_number_of_threads_gives_the_same_output(threads: int, rows: int) -> None:
    layer, x = layer_and_input()
    torch.set_num_threads(1)
    expected = layer(x[:, :rows])[0]
    torch.set_num_threads(threads)
    assert torch.equal(layer(x[:, :rows])[0], expected)
