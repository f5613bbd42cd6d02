"""Dropout for recurrent layers: masks that stay the same over time, and dropped weights.

A mask is drawn once for a whole sequence, or for a window of one, outside of the layers' kernels, which are given it or
see what it leaves; so the layers run at their full speed, and the same random state gives the same masks.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils import parametrize

from elman.layers.cells import RecurrentCell
from elman.layers.operators import draw_mask, draws_natively, drop, is_transformed
from elman.layers.recurrent import RecurrentLayer

Layer = TypeVar("Layer", RecurrentLayer, RecurrentCell)

_VALUES = 1 << 16


def locked_mask(
    shape: Sequence[int],
    p: float,
    *,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw a dropout mask: each number is 0 with probability `p`, else 1 / (1 - p), so that its mean is 1.

    With a 1 for T in its shape it is the same at every step (locked or variational dropout; Gal and Ghahramani, 2016).

    Parameters
    ----------
    shape : sequence of int
        (1, N, H) for an output (T, N, H).
    p : float in [0, 1)
        Rounded to a multiple of 2⁻¹⁶, which makes large draws several times faster; the mean is 1 exactly.
    generator, dtype, device
        As in torch.rand.

    Raises
    ------
    ValueError
        If `p` is not in [0, 1).

    Examples
    --------
    >>> import elman, torch
    >>> output, state = elman.GRU(3, 4)(torch.randn(50, 2, 3))
    >>> mask = elman.layers.locked_mask((1, 2, 4), 0.5, generator=torch.Generator().manual_seed(0))
    >>> dropped = output * mask  # the same units at all 50 steps
    """
    _check_probability(p)
    mask = torch.empty(_as_shape(shape), dtype=dtype, device=device)
    kept = _values_kept(p)
    return mask.fill_(1) if kept == _VALUES else _drawn(mask, kept, _VALUES / kept, generator)


def zoneout_mask(
    shape: Sequence[int],
    p: float,
    *,
    training: bool = True,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw a mask for `scan`: each number is 1 with probability `p`, where the state stays as it was, else 0.

    Outside of training it is the expectation, `p` everywhere (Krueger et al., 2017).

    Parameters
    ----------
    shape : sequence of int
        (T, N, H) of the state at all steps.
    p : float in [0, 1)
        Rounded to a multiple of 2⁻¹⁶.
    training : bool, default True
    generator, dtype, device
        As in torch.rand.

    Raises
    ------
    ValueError
        If `p` is not in [0, 1).

    Examples
    --------
    >>> import elman, torch
    >>> mask = elman.layers.zoneout_mask((50, 3, 16), 0.1)
    >>> mask.unique()
    tensor([0., 1.])
    >>> elman.layers.zoneout_mask((1,), 0.1, training=False)
    tensor([0.1000])
    """
    _check_probability(p)
    mask = torch.empty(_as_shape(shape), dtype=dtype, device=device)
    return _drawn(mask, min(round(p * _VALUES), _VALUES - 1), 1.0, generator) if training else mask.fill_(p)


class LockedDropout(nn.Module):
    """Locked dropout as a module: in training mode every call draws one mask for all of its steps.

    Parameters
    ----------
    p : float in [0, 1)
        The part of the units that is blanked.
    batch_first : bool, default False
        Input is (N, T, ·) instead of (T, N, ·).

    Raises
    ------
    ValueError
        If `p` is not in [0, 1).

    Examples
    --------
    >>> import elman, torch
    >>> dropout = elman.layers.LockedDropout(0.5)
    >>> blanked = dropout(torch.ones(5, 3, 8)) == 0  # (T, N, H)
    >>> bool((blanked == blanked[:1]).all())
    True
    """

    def __init__(self, p: float, batch_first: bool = False) -> None:
        super().__init__()
        _check_probability(p)
        self.p = p
        self.batch_first = batch_first

    def forward(self, input: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Multiply by a mask that is drawn from `generator`, or torch's own; in eval mode return the input.

        Parameters
        ----------
        input : Tensor (T, N, ·), (N, T, ·) with `batch_first`, or (T, ·) for one sequence
        generator : torch.Generator, optional
        """
        if not isinstance(input, Tensor):
            raise TypeError(f"input is a {type(input).__name__}; expected a Tensor (T, N, ·)")
        if not self.training or self.p == 0:
            return input
        shape = list(input.shape)
        shape[1 if self.batch_first and input.dim() > 2 else 0] = 1
        return input * locked_mask(shape, self.p, generator=generator, dtype=input.dtype, device=input.device)

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.p}" + (", batch_first=True" if self.batch_first else "")


def weight_dropped(layer: Layer, p: float, *, generator: torch.Generator | None = None) -> Layer:
    """Drop recurrent weights: DropConnect on every weight_hh (Wan et al., 2013; Merity et al., 2017).

    In training mode each call of the layer draws which weights are zero, for all of its steps and rows; the others are
    scaled by 1 / (1 - p).  In eval mode the weights are whole.  This is a parametrization of PyTorch: the raw weights
    are the parameters that the optimiser sees, now named ``parametrizations.weight_hh_l0.original``, and
    `weight_restored` takes it off again.

    Parameters
    ----------
    layer : RNN, GRU, LSTM or a cell of this package
        Changed in place.  A cell draws at every step.
    p : float in [0, 1)
    generator : torch.Generator, optional
        Where the masks come from; None: torch's own.

    Returns
    -------
    The layer.

    Raises
    ------
    ValueError
        If `p` is not in [0, 1), or weights are dropped already.
    TypeError
        If `layer` is something else: torch.nn's layers keep other references to their weights.

    Examples
    --------
    >>> import elman, torch
    >>> lstm = elman.layers.weight_dropped(elman.LSTM(8, 16), 0.5)
    >>> x = torch.randn(5, 3, 8)
    >>> torch.equal(lstm(x)[0], lstm(x)[0])  # two masks
    False
    >>> lstm = lstm.eval()
    >>> torch.equal(lstm(x)[0], lstm(x)[0])  # none
    True
    """
    _check_probability(p)
    _check_layer(layer)
    if _dropped(layer):
        raise ValueError("the layer's weights are dropped already; take that off first, with weight_restored")
    for name in _recurrent_weights(layer):
        # unsafe: without the check, which would draw a mask.
        parametrize.register_parametrization(layer, name, _WeightDrop(p, generator), unsafe=True)
    return layer


def weight_restored(layer: Layer) -> Layer:
    """Undo `weight_dropped`: the raw weights are parameters under their own names again.

    Examples
    --------
    >>> import elman
    >>> gru = elman.layers.weight_dropped(elman.GRU(8, 16), 0.5)
    >>> sorted(elman.layers.weight_restored(gru).state_dict())
    ['bias_hh_l0', 'bias_ih_l0', 'weight_hh_l0', 'weight_ih_l0']
    """
    _check_layer(layer)
    for name in _dropped(layer):
        parts: Any = layer.parametrizations[name]  # type: ignore[index]
        ours = [index for index, part in enumerate(parts) if isinstance(part, _WeightDrop)]
        if len(ours) == len(parts):
            parametrize.remove_parametrizations(layer, name, leave_parametrized=False)
        else:  # others were put on the same weight, and stay
            del parts[ours[0]]
    _put_in_order(layer._parameters)
    if isinstance(layer, RecurrentLayer):
        layer.flatten_parameters()
    return layer


class _WeightDrop(nn.Module):
    def __init__(self, p: float, generator: torch.Generator | None) -> None:
        super().__init__()
        self.p = p
        self.generator = generator

    def forward(self, weight: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return weight
        kept = _values_kept(self.p)
        if kept < _VALUES and draws_natively(weight) and forward_ad._current_level < 0:
            dropped: Tensor = _Dropped.apply(weight, _seed(self.generator), kept)  # type: ignore[no-untyped-call]
            return dropped
        return weight * locked_mask(
            weight.shape, self.p, generator=self.generator, dtype=weight.dtype, device=weight.device
        )

    def right_inverse(self, weight: Tensor) -> Tensor:  # what is assigned to the weight is the raw one
        return weight

    def extra_repr(self) -> str:
        return f"{self.p}"


class _Dropped(torch.autograd.Function):
    """A weight times its mask, which is drawn again for the gradient and never stands in memory."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, seed: int, kept: int) -> Tensor:
        ctx.mask = seed, kept
        return _times_mask(weight, seed, kept)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        in_turn = torch.is_grad_enabled() and not is_transformed(gradient)  # the gradient may be differentiated, too
        return (_Dropped.apply if in_turn else _times_mask)(gradient, *ctx.mask), None, None


def _times_mask(x: Tensor, seed: int, kept: int) -> Tensor:
    if is_transformed(x):  # transforms know torch's operators only
        mask = torch.empty(x.shape, dtype=x.dtype, device="cpu")
        draw_mask(mask, seed, kept, _VALUES / kept)
        return x * mask
    return drop(x, seed, kept, _VALUES / kept)


def _values_kept(p: float) -> int:
    """How many of the values of 16 bits keep a number."""
    return max(1, round((1 - p) * _VALUES))


def _seed(generator: torch.Generator | None) -> int:
    """One number of torch's generator for a whole mask."""
    return int(torch.empty((), dtype=torch.int64, device="cpu").random_(-(2**63), None, generator=generator))


def _drawn(mask: Tensor, kept: int, value: float, generator: torch.Generator | None) -> Tensor:
    """Fill a mask with `value` where 16 random bits have one of `kept` (below 2¹⁶) values, and with 0 elsewhere.

    Natively from one seed of torch's where that can be, on the CPU: `Tensor.bernoulli_` would take a tenth of a step
    for the weights of a large layer, and each of torch's operators some time even for the mask of a small one.
    """
    if draws_natively(mask):
        draw_mask(mask, _seed(generator), kept, value)
        return mask
    if torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active():  # which know no random_
        return (torch.rand(mask.shape, generator=generator, device=mask.device) < kept / _VALUES).to(mask.dtype) * value
    words = torch.empty(math.ceil(mask.numel() / 4), dtype=torch.int64, device=mask.device)
    bits = words.random_(-(2**63), None, generator=generator).view(torch.int16)[: mask.numel()]
    return torch.lt(bits.view(mask.shape), kept - _VALUES // 2, out=mask).mul_(value)


def _recurrent_weights(layer: nn.Module) -> list[str]:
    """The names of W in all layers and directions, be they parametrized or not."""
    parametrized: Any = layer.parametrizations if parametrize.is_parametrized(layer) else ()
    names = [*layer._parameters, *parametrized]
    return [name for name in names if name.startswith("weight_hh")]


def _dropped(layer: nn.Module) -> list[str]:
    """Names of the weights that `weight_dropped` has parametrized."""
    if not parametrize.is_parametrized(layer):
        return []
    lists = layer.parametrizations.items()  # type: ignore[union-attr, operator]
    return [name for name, parts in lists if any(isinstance(part, _WeightDrop) for part in parts)]


def _put_in_order(parameters: dict[str, nn.Parameter | None]) -> None:
    """Each weight_hh behind its weight_ih again: optimisers and `reset_parameters` go by the order."""
    for name in [name for name in parameters if not name.startswith("weight_hh")]:
        for own in (name, name.replace("weight_ih", "weight_hh")):
            if own in parameters:
                parameters[own] = parameters.pop(own)


def _check_layer(layer: object) -> None:
    if not isinstance(layer, RecurrentLayer | RecurrentCell):
        name = f"{type(layer).__module__.partition('.')[0]}'s {type(layer).__name__}"
        raise TypeError(f"layer is {name}; expected an RNN, GRU, LSTM or a cell of elman")


def _as_shape(shape: Sequence[int]) -> tuple[int, ...]:
    if isinstance(shape, int):
        raise TypeError(f"shape is {shape}; expected a tuple, such as (1, N, H) for an output (T, N, H)")
    return tuple(shape)


def _check_probability(p: float) -> None:
    if not isinstance(p, Real) or not 0 <= p < 1:
        raise ValueError(f"p is {p!r}; expected a probability in [0, 1)")
