"""Whatever is drawn, the kernels compute what the reference computes in float64: values and all gradients.

2,000 single layers in a run of the suite, the same ones each time, and an eighth as many modules. For others, and
more of them, with the largest error that was met:

    ELMAN_FUZZ=100000 pytest -s tests/layers/test_fuzz.py
"""

import copy
import os
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from torch import Tensor

from elman import _kernels
from elman.layers import functional, reference
from layers.cases import Case, cases, problems
from layers.problem import DTYPES, KINDS, Problem, Reference, run

ASKED = int(os.environ.get("ELMAN_FUZZ", "0"))
TESTS = len(_kernels.isas()) * len(KINDS) * len(DTYPES)  # of each kind
pytestmark = [
    pytest.mark.usefixtures("isa"),
    pytest.mark.parametrize("dtype", DTYPES, ids=str),
    pytest.mark.parametrize("kind", KINDS),
]


def fuzz(part: int) -> settings:
    """So many cases as one test's share of all is; the same ones unless more were asked for."""
    return settings(
        max_examples=max(1, (ASKED or 2000) // (TESTS * part)),
        derandomize=not ASKED,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def call(case: Case, leaves: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """The layer by `functional`: (y, h_n[, c_n]), y time-major."""
    x = leaves["x"].transpose(0, 1) if case.batch_first else leaves["x"]
    state = tuple(leaves[name] for name in ("h0", "c0") if name in leaves) or None
    masks = {name: leaves[name].unsqueeze(1 if case.batch_first else 0) for name in case.masks}
    options = {"lengths": case.lengths, "batch_first": case.batch_first, **masks}
    weights = case.weights(leaves)
    if case.kind == "lstm":
        y, after = functional.lstm(x, state, weights, **options)
    else:
        hx = state and state[0]
        if case.kind == "gru":
            y, *after = functional.gru(x, hx, weights, **options)
        else:
            y, *after = functional.rnn(x, hx, weights, nonlinearity=case.kind.removeprefix("rnn_"), **options)
    return y.transpose(0, 1) if case.batch_first else y, *after


def by_reference(case: Case, leaves: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """What `call` must return, by the specification."""
    zeros = leaves["x"].new_zeros(case.D, case.N, case.H)
    state = tuple(leaves.get(name, zeros) for name in (("h0", "c0") if case.kind == "lstm" else ("h0",)))
    lengths = None if case.lengths is None else torch.tensor(case.lengths, dtype=torch.int64)
    recurrent = leaves.get("recurrent_mask")
    y, *after = reference.layer(case.cell, leaves["x"], lengths, state, case.weights(leaves), (), recurrent)
    return y * leaves.get("output_mask", 1), *after


def results(case: Case, layer: Callable[..., tuple[Tensor, ...]], leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    """The outputs of `layer` and the wanted gradients, by name."""
    for name, leaf in leaves.items():
        leaf.requires_grad_(name in case.wanted)
    outputs = dict(zip(("y", "h_n", "c_n"), layer(case, leaves), strict=False))
    values = {name: output.detach() for name, output in outputs.items()}
    if not case.wanted:
        return values
    used = [
        (output, case.cotangent(output, number).to(output.dtype))
        for number, (name, output) in enumerate(outputs.items())
        if name in case.used and output.requires_grad  # the reference's y does not without steps
    ]
    wanted = sorted(case.wanted)
    if not used:
        return values | {f"gradient of {name}": torch.zeros_like(leaves[name]) for name in wanted}
    gradients = torch.autograd.grad(
        [output for output, _ in used],
        [leaves[name] for name in wanted],
        [cotangent for _, cotangent in used],
        allow_unused=True,
        materialize_grads=True,
    )
    return values | {f"gradient of {name}": gradient for name, gradient in zip(wanted, gradients, strict=True)}


def at_a_kink(case: Case, leaves: dict[str, Tensor]) -> bool:
    """Whether a sum before a ReLU is so near 0 that rounding may choose its sign, and so the whole gradient."""
    if case.kind != "rnn_relu":
        return False
    with torch.no_grad():
        scale = max([1.0, *(t.abs().max().item() for t in by_reference(case, leaves) if t.numel())])
        near = {torch.float32: 1e-5, torch.float64: 1e-13}[case.dtype] * scale
        active = []
        for shift in (-near, near):
            shifted = dict(leaves)
            shifted.pop("output_mask", None)
            for d in range(case.D):
                shifted[f"b_ih {d}"] = shifted.get(f"b_ih {d}", leaves["x"].new_zeros(case.H)) + shift
            active.append(by_reference(case, shifted)[0] > 0)
    return not torch.equal(*active)


def furthest(close: Callable[..., float], actual: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """Assert that all of `actual` that is expected is close; the largest share of a tolerance that was taken."""
    shares = [0.0]
    for name, tensor in expected.items():
        quantity = "gradient" if name.startswith("gradient") else "value"
        shares.append(close(actual[name], tensor.to(actual[name].dtype), quantity, name))
    return max(shares)


@pytest.fixture(scope="module", autouse=True)
def report() -> Iterator[dict[str, list[float]]]:
    """What each case took of its tolerance, printed at the end where more cases than usual were asked for."""
    shares: dict[str, list[float]] = {}
    yield shares
    for name, found in shares.items() if ASKED else ():
        print(f"\n{name}: {len(found):,} cases, at most {max(found):.2f} of the tolerance", end="")


def test_any_layer_equals_the_reference(kind, dtype, close, threads, isa, report) -> None:
    shares = report.setdefault(f"layer, {isa}, {kind}, {dtype}", [])

    @fuzz(1)
    @given(cases(kind, dtype))
    def check(case: Case) -> None:
        calls = _kernels.calls()[0]
        threads(case.threads)
        leaves = case.leaves()
        actual = results(case, call, leaves)
        assert _kernels.calls()[0] == calls + 1, "the kernels did not run"
        on_meta = call(case, {key: leaf.detach().to("meta") for key, leaf in leaves.items()})
        assert [t.shape for t in on_meta] == [actual[name].shape for name in ("y", "h_n", "c_n")[: len(on_meta)]]
        threads(1)
        exact = {key: leaf.detach().double().contiguous() for key, leaf in leaves.items()}
        expected = results(case, by_reference, exact)
        if at_a_kink(case, exact):
            expected = {name: tensor for name, tensor in expected.items() if not name.startswith("gradient")}
        shares.append(furthest(close, actual, expected))

    check()


def test_any_module_equals_the_reference(kind, dtype, close, isa, report) -> None:
    shares = report.setdefault(f"module, {isa}, {kind}, {dtype}", [])

    @fuzz(8)
    @given(problems(kind, dtype))
    def check(drawn: tuple[Problem, list[int] | None, bool, list[str]]) -> None:
        problem, lengths, given, names = drawn
        module, x, state = problem.module(), problem.input(), problem.state()
        width = problem.H * (2 if problem.bidirectional else 1)
        seeds = {"recurrent_mask": 7, "output_mask": 8}
        masks = {name: problem.random(problem.L, problem.N, width, seed=seeds[name]).clamp(-1, 1) for name in names}
        lying = {name: mask.unsqueeze(2 if problem.batch_first else 1) for name, mask in masks.items()}
        calls = _kernels.calls()[0]
        actual = run(module, x, state if given else None, lengths=lengths, **lying)
        assert _kernels.calls()[0] == calls + problem.L, "the kernels did not run"
        exact = Reference(copy.deepcopy(module).double())
        start = tuple(s.double() if given else torch.zeros_like(s, dtype=torch.float64) for s in state)
        rows = None if lengths is None else torch.tensor(lengths, dtype=torch.int64)
        double = {name: mask.double() for name, mask in masks.items()}
        expected = run(exact, x.double(), start, lengths=rows, **double)
        at_kinks = kind == "rnn_relu" and dtype == torch.float32  # some sum may be
        compared = {name for name in actual if not (at_kinks and name.startswith("gradient"))}
        shares.append(furthest(close, actual, {name: expected[name] for name in compared}))

    check()
