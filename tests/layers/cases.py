"""Random layers for test_fuzz.py: sizes, options, memory layouts, and which gradients are asked for.

Hypothesis draws what a person would want to read in a report; the numbers follow from the seed that it draws.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import Tensor

from elman.layers.reference import GATES, Weights
from layers.problem import KINDS, Problem

LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "whole": lambda t: t,
    "shifted": lambda t: t.new_empty(t.numel() + 1)[1:].view(t.shape).copy_(t),
    "reversed": lambda t: t.permute(*reversed(range(t.dim()))).contiguous().permute(*reversed(range(t.dim()))),
    "rows first": lambda t: t.transpose(0, 1).contiguous().transpose(0, 1) if t.dim() > 1 else t,
    "every second": lambda t: torch.stack([t, torch.full_like(t, torch.nan)], dim=-1)[..., 0],
    "negative": lambda t: torch._neg_view(-t),  # the sign stands in a flag of the view
    "apart": lambda t: torch.cat([t, torch.full_like(t, torch.nan)], dim=-1)[..., : t.shape[-1]],
}
"""How a tensor may lie in memory; NaN stands in the places between its numbers."""


def _windows(t: Tensor) -> Tensor:
    """Rows of the same numbers, each one number further on, as `Tensor.unfold` gives them."""
    if t.dim() < 2 or not t.numel():
        return t
    strides = list(t.new_empty((*t.shape[:-1], 1)).stride())
    return t.flatten().clone().as_strided(t.shape, strides)


REPEATS: dict[str, Callable[[Tensor], Tensor]] = {
    "one step": lambda t: t[:1].expand_as(t),
    "one row": lambda t: t[:, :1].expand_as(t),
    "one number": lambda t: t[..., :1].expand_as(t),
    "windows": _windows,
}
"""Not of weights: sums over equal weights grow with the width, and so would the error of rounding."""


def lay(t: Tensor, how: str) -> Tensor:
    """A copy or a view of `t` in a layout."""
    return (LAYOUTS | REPEATS)[how](t)


MASKS = ("recurrent_mask", "output_mask")
# Sizes around the lengths of vectors (2, 4, 8, 16 numbers) and of panels (4 vectors).
EDGES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 36)


@dataclass(frozen=True)
class Case:
    """One layer, how it is called, and what is asked of it."""

    kind: str
    dtype: torch.dtype
    T: int
    N: int
    I: int  # noqa: E741
    H: int
    D: int
    threads: int
    batch_first: bool
    biases: tuple[bool, bool]  # b_ih and b_hh
    state: bool  # given, or None
    lengths: tuple[int, ...] | None
    masks: frozenset[str]  # of recurrent_mask and output_mask, those that are given
    layouts: dict[str, str]  # of x, the states, the weights, the masks, the cotangents
    wanted: frozenset[str]  # leaves whose gradients are asked for
    used: frozenset[str]  # outputs that have a cotangent
    seed: int

    @property
    def cell(self) -> int:
        """The number of its cell."""
        return KINDS.index(self.kind)

    def leaves(self) -> dict[str, Tensor]:
        """x, states, weights and masks by name, laid out as the case says. Products keep to size 1 over time."""
        generator = torch.Generator().manual_seed(self.seed)

        def random(what: str, *shape: int, bound: float = 0.0) -> Tensor:
            numbers = torch.randn(shape, generator=generator, dtype=torch.float64)
            numbers = numbers.clamp(-1, 1) * bound if bound else numbers
            return lay(numbers.to(self.dtype), self.layouts[what])

        rows = GATES[self.cell] * self.H
        leaves = {"x": random("x", self.T, self.N, self.I)}
        if self.state:
            names = ("h0", "c0") if self.kind == "lstm" else ("h0",)
            leaves |= {name: random("state", self.D, self.N, self.H) for name in names}
        for name in sorted(self.masks):
            halves = torch.randint(0, 3, (self.N, self.D * self.H), generator=generator) / 2
            leaves[name] = lay(halves.to(self.dtype), self.layouts["mask"])
        for d in range(self.D):
            leaves[f"w_ih {d}"] = random("weight", rows, self.I, bound=self.I**-0.5)
            leaves[f"w_hh {d}"] = random("weight", rows, self.H, bound=1.5 * self.H**-0.5)
            for name, there in zip(("b_ih", "b_hh"), self.biases, strict=True):
                if there:
                    leaves[f"{name} {d}"] = random("weight", rows)
        return leaves

    def weights(self, leaves: dict[str, Tensor]) -> list[Weights]:
        """The weights among `leaves`, a direction each."""
        names = ("w_ih", "w_hh", "b_ih", "b_hh")
        return [Weights(*(leaves.get(f"{name} {d}") for name in names)) for d in range(self.D)]  # type: ignore[arg-type]

    def cotangent(self, like: Tensor, number: int) -> Tensor:
        """What flows back into output `number`."""
        generator = torch.Generator().manual_seed(self.seed + 1 + number)
        numbers = torch.randn(like.shape, generator=generator, dtype=torch.float64)
        return lay(numbers.to(self.dtype), self.layouts["cotangent"])


@st.composite
def cases(draw: st.DrawFn, kind: str, dtype: torch.dtype) -> Case:
    """Any layer of a kind: mostly small ones; with more threads than one, some that are large enough to be shared."""
    threads = draw(st.sampled_from((1, 1, 1, 1, 1, 2, 3)))
    if threads == 1:
        T, N = draw(st.integers(0, 8)), draw(st.integers(0, 6))
        I, H = draw(st.sampled_from(EDGES)), draw(st.sampled_from(EDGES))  # noqa: E741
    else:
        T, N = draw(st.integers(8, 14)), draw(st.integers(7, 20))
        I, H = draw(st.integers(40, 70)), draw(st.sampled_from((48, 65, 80)))  # noqa: E741
    D, biases, state = draw(st.integers(1, 2)), draw(st.tuples(st.booleans(), st.booleans())), draw(st.booleans())
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=N, max_size=N).map(tuple))
    leaves = ["x", *(["h0"] if state else []), *(["c0"] if state and kind == "lstm" else [])]
    for d in range(D):
        leaves += [
            f"w_ih {d}",
            f"w_hh {d}",
            *([f"b_ih {d}"] if biases[0] else []),
            *([f"b_hh {d}"] if biases[1] else []),
        ]
    outputs = ("y", "h_n", "c_n") if kind == "lstm" else ("y", "h_n")
    any_layout = st.sampled_from((*LAYOUTS, *REPEATS))
    layouts = {part: draw(any_layout) for part in ("x", "state", "mask", "cotangent")}
    layouts["weight"] = draw(st.sampled_from(tuple(LAYOUTS)))
    return Case(
        kind, dtype, T, N, I, H, D, threads, draw(st.booleans()), biases, state, lengths,
        draw(st.frozensets(st.sampled_from(MASKS))), layouts,
        wanted=draw(st.just(frozenset(leaves)) | st.frozensets(st.sampled_from(leaves))),
        used=draw(st.just(frozenset(outputs)) | st.frozensets(st.sampled_from(outputs), min_size=1)),
        seed=draw(st.integers(0, 2**32)),
    )  # fmt: skip


@st.composite
def problems(draw: st.DrawFn, kind: str, dtype: torch.dtype) -> tuple[Problem, list[int] | None, bool, list[str]]:
    """Any module of a kind, the lengths of its rows, whether it is given a state, and which masks."""
    T, N, L = draw(st.integers(1, 8)), draw(st.integers(0, 6)), draw(st.integers(1, 3))
    I, H = draw(st.sampled_from(EDGES)), draw(st.sampled_from(EDGES))  # noqa: E741
    options = [draw(st.booleans()) for _ in range(3)]
    lengths = draw(st.none() | st.lists(st.integers(0, T), min_size=N, max_size=N))
    masks = sorted(draw(st.frozensets(st.sampled_from(MASKS))))
    return Problem(kind, T, N, I, H, L, *options, dtype=dtype), lengths, draw(st.booleans()), masks
