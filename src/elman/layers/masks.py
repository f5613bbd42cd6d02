"""The masks of a layer's call: zoneout, and of locked dropout that of the state on its way through W and of the output.

Here are their forms, what may be passed, and what is said when something else is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elman.layers.checks import kind_of, short
from elman.layers.reference import Zoneout

Mask = Tensor | float | None
"""How much of a state stays as it was before a step."""


class Masks(NamedTuple):
    """All masks of one layer; of a stack of layers each has L before its shape."""

    zoneout: Zoneout = ()
    """(T, N, D·H) or None for each state; or empty."""
    recurrent: Tensor | None = None
    """(N, D·H): of h on its way through W."""
    output: Tensor | None = None
    """(N, D·H): of the output alone."""

    def of(self, index: int) -> "Masks":
        """Those of one layer of a stack."""
        if self is NO_MASKS:
            return self

        def mine(mask: Tensor | None) -> Tensor | None:
            return None if mask is None else mask[index]

        return Masks(tuple(map(mine, self.zoneout)), mine(self.recurrent), mine(self.output))

    def flat(self) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """As the operators take them: zoneout of h and of c, the recurrent mask, that of the output."""
        keep_h, keep_c, *_ = *self.zoneout, None, None
        return keep_h, keep_c, self.recurrent, self.output

    def inside(self) -> str:
        """What acts within the recurrence, in words; empty if nothing does."""
        if self.recurrent is not None:
            return "A recurrent mask"
        return "Zoneout" if any(mask is not None for mask in self.zoneout) else ""


NO_MASKS = Masks()


def as_masks(
    zoneout: Sequence[Mask] | None,
    recurrent: Tensor | None,
    output: Tensor | None,
    weight: Tensor,
    layers: int,
    shapes: Sequence[tuple[int, int, int]],
    batch_first: bool = False,
    batched: bool = True,
) -> Masks:
    """The masks of L layers, with L before each, in the dtype of the weight.

    Parameters
    ----------
    zoneout : a mask for each state that lies as the output does, with L before it if it differs between layers
    recurrent, output : masks (1, N, D·H), with L before it if they differ between layers
    shapes : (T, N, D·H) of each state
    """
    form = weight, layers, shapes, batch_first, batched
    masks = Masks(
        _as_zoneout(zoneout, *form),
        _as_locked("recurrent_mask", recurrent, *form),
        _as_locked("output_mask", output, *form),
    )
    return NO_MASKS if all(mask is None for mask in masks.flat()) else masks


def _as_zoneout(
    zoneout: Sequence[Mask] | None,
    weight: Tensor,
    layers: int,
    shapes: Sequence[tuple[int, int, int]],
    batch_first: bool,
    batched: bool,
) -> tuple[Tensor | None, ...]:
    """The masks of zoneout, one for each state, as (L, T, N, D·H)."""
    if zoneout is None:
        return ()
    if not isinstance(zoneout, tuple | list) or len(zoneout) != len(shapes):
        raise TypeError(
            f"zoneout is {kind_of(zoneout)}; expected a pair (hidden, cell) of masks, of which one may be None"
            if len(shapes) == 2
            else f"zoneout is {kind_of(zoneout)}; expected one mask"
        )
    masks: list[Tensor | None] = []
    for name, mask, (T, N, DH) in zip(("hidden", "cell"), zoneout, shapes, strict=False):
        if mask is None:
            masks.append(None)
            continue
        if not isinstance(mask, Tensor | float | int) or isinstance(mask, bool):
            raise TypeError(f"zoneout of the {name} state is {kind_of(mask)}; expected a Tensor, a number or None")
        name = f"zoneout of the {name} state"
        if not isinstance(mask, Tensor) and not 0 <= mask <= 1:
            raise ValueError(f"{name} is {mask}; expected a part of the state that stays, in [0, 1]")
        given = torch.as_tensor(mask, dtype=weight.dtype, device=weight.device)
        masks.append(_as_output(name, given, layers, (T, N, DH), "T", batch_first, batched))
    return tuple(masks)


def _as_output(
    name: str,
    mask: Tensor,
    layers: int,
    shape: tuple[int, int, int],
    steps: str,
    batch_first: bool,
    batched: bool,
    why: str = "",
) -> Tensor:
    """A mask that lies as the output does, as (L, *shape); `steps` is what the first of the shape is called."""
    T, N, DH = shape
    lying = ((N, T, DH) if batch_first else shape) if batched else (T, DH)
    try:
        mask = mask.expand(layers, *lying)
    except RuntimeError:
        rows = (f"N, {steps}" if batch_first else f"{steps}, N") if batched else steps
        raise ValueError(
            f"{name} has shape {tuple(mask.shape)}; expected (L, {rows}, D·H) = {(layers, *lying)}, or what expands to"
            f" it{why}"
        ) from None
    return mask.unsqueeze(2) if not batched else mask.transpose(1, 2) if batch_first else mask


def _as_locked(
    name: str,
    mask: Tensor | None,
    weight: Tensor,
    layers: int,
    shapes: Sequence[tuple[int, int, int]],
    batch_first: bool,
    batched: bool,
) -> Tensor | None:
    """A mask of all steps, as (L, N, D·H)."""
    if mask is None:
        return None
    if not isinstance(mask, Tensor):
        raise TypeError(
            f"{name} is {kind_of(mask)}; expected a Tensor (1, N, D·H), as elman.layers.locked_mask draws it"
        )
    _, N, width = shapes[0]
    given, why = mask.to(device=weight.device, dtype=weight.dtype), ": one mask for all steps"
    if given.shape == (1, N, width) and layers == 1 and batched and not batch_first:
        return given  # without the operators below, which a short sequence feels
    return _as_output(name, given, layers, (1, N, width), "1", batch_first, batched, why)[:, 0]


def check_masks(
    x: Tensor,
    h0: Tensor,
    c0: Tensor | None,
    keep_h: Tensor | None,
    keep_c: Tensor | None,
    recurrent_mask: Tensor | None,
    output_mask: Tensor | None,
) -> None:
    """Check one layer's masks against its other tensors: zoneout (T, N, D·H), the others (N, D·H)."""
    if keep_h is None and keep_c is None and recurrent_mask is None and output_mask is None:
        return
    for name, mask in (("recurrent_mask", recurrent_mask), ("output_mask", output_mask)):
        shape = (x.shape[1], h0.shape[0] * h0.shape[2])
        if mask is not None and (mask.shape != shape or mask.dtype != h0.dtype):
            raise ValueError(
                f"{name} has shape {tuple(mask.shape)} and dtype {short(mask.dtype)}; expected (N, D·H) = {shape} and"
                f" {short(h0.dtype)}"
            )
    for name, mask, state in (("keep_h", keep_h, h0), ("keep_c", keep_c, c0)):
        if mask is None:
            continue
        if state is None:
            raise TypeError("keep_c is given; only an LSTM has a cell state that can be kept")
        expected = (x.shape[0], x.shape[1], state.shape[0] * state.shape[2])
        if mask.shape != expected or mask.dtype != state.dtype:
            raise ValueError(
                f"{name} has shape {tuple(mask.shape)} and dtype {short(mask.dtype)}; expected (T, N, D·H) ="
                f" {expected} and {short(state.dtype)}"
            )
