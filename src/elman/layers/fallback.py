"""What runs where the kernels cannot: the reference, with one warning for each cause.

A fallback costs time (tens of times in a small layer) and nothing else; it is never silent.
"""

import sys
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from elman.layers import reference
from elman.layers.masks import NO_MASKS, Masks


class FallbackWarning(UserWarning):
    """A layer runs on the slower reference in PyTorch instead of the compiled kernels; said once for each cause.

    Results are the same. Turn it into an error to be sure that the kernels run:

    >>> import warnings, elman
    >>> warnings.simplefilter("error", elman.FallbackWarning)
    """


_said: set[str] = set()


def say(what: str) -> None:
    """Warn that `what` falls back; the first time only."""
    if what not in _said:
        _said.add(what)
        warnings.warn(f"{what} runs on the slower reference in PyTorch", FallbackWarning, stacklevel=_user_level())


# torch.compile calls `say` while it traces and keeps no trace of it. This is all that
# torch.compiler.assume_constant_result does, besides importing torch._dynamo, which takes seconds.
say._dynamo_marked_constant = True  # type: ignore[attr-defined]


def _user_level() -> int:
    """How many frames above `say` the first one lies that is neither ours nor torch's."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in ("elman", "torch"):
        level, frame = level + 1, frame.f_back
    return level


def forward(
    cell: int,
    x: Tensor,
    lengths: Tensor | None,
    state: Sequence[Tensor],
    weights: Sequence[Tensor | None],
    masks: Masks = NO_MASKS,
) -> reference.State:
    """One layer by the reference: the arguments of the operator `layer`, and (y, h_n[, c_n]) as it returns them."""
    D = state[0].shape[0]
    each = len(weights) // D
    rows = [reference.Weights(*weights[d * each : (d + 1) * each]) for d in range(D)]  # type: ignore[arg-type]
    device = "cpu" if x.is_meta else x.device.type
    with torch.autocast(device, enabled=False):  # all in the dtype of the parameters
        y, *after = reference.layer(cell, x, lengths, tuple(state), rows, masks.zoneout, masks.recurrent)
    return (y if masks.output is None else y * masks.output, *after)


def gradients(
    cell: int,
    lengths: Tensor | None,
    inputs: Sequence[Tensor | None],
    wanted: Sequence[bool],
    cotangents: Sequence[Tensor | None],
    masks: Masks,
) -> tuple[Tensor, ...]:
    """Gradients by autograd through the reference; differentiable again where grad mode is on.

    Parameters
    ----------
    inputs : x, h0, c0 and the weights
    wanted : which of them
    cotangents : of y, h_n and c_n; None for zeros
    masks : those of this layer

    Returns
    -------
    tuple of Tensor : one for each wanted input
    """
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views, because one input may depend on another: each gradient is a partial one.
        x, h0, c0, *weights = [t if t is None else t.view_as(t) for t in inputs]
        assert x is not None
        assert h0 is not None
        state = (h0,) if c0 is None else (h0, c0)
        outputs = forward(cell, x, lengths, state, weights, masks)
        given = [(o, c) for o, c in zip(outputs, cotangents, strict=False) if c is not None and o.requires_grad]
        sources = [t for t, want in zip((x, h0, c0, *weights), wanted, strict=True) if want and t is not None]
        return torch.autograd.grad(
            [o for o, _ in given],
            sources,
            [c for _, c in given],
            create_graph=again,
            allow_unused=True,
            materialize_grads=True,
        )
