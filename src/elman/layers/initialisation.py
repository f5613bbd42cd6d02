"""Initial weights of recurrent layers that are often better than torch.nn's."""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Layer = TypeVar("Layer", bound=nn.Module)


@torch.no_grad()
def initialise(
    layer: Layer,
    *,
    forget_bias: float | None = 1.0,
    orthogonal: bool = True,
    generator: torch.Generator | None = None,
) -> Layer:
    """Set the forget gates' bias of an LSTM, and make recurrent weights orthogonal, gate by gate.

    A forget gate that starts open lets errors flow back from the first step of training (Gers et al., 2000; Jozefowicz
    et al., 2015), and so does an orthogonal W, which neither stretches nor shrinks them (Saxe et al., 2014).  All else
    keeps its values: U and the other biases start as torch.nn's do.

    Parameters
    ----------
    layer : RNN, GRU, LSTM or a cell, of this package or of torch.nn
        Changed in place: all of its layers and directions.
    forget_bias : float, default 1; None leaves it
        The sum of the two biases b_ih + b_hh of an LSTM's forget gate.  The other cells have none.
    orthogonal : bool, default True
        Draw each gate's part of every weight_hh from the orthogonal matrices, (H, H); with a projection, (H, P), its
        columns or rows are orthonormal.
    generator : torch.Generator, optional
        For the draws; None: torch's own.

    Returns
    -------
    The layer.

    Raises
    ------
    TypeError
        If `layer` has no recurrent weights.
    ValueError
        If it is an LSTM without biases and `forget_bias` is not None.

    Examples
    --------
    >>> import torch, elman
    >>> lstm = elman.layers.initialise(elman.LSTM(8, 16, num_layers=2), forget_bias=1.0)
    >>> forget = lstm.weight_hh_l1[16:32]  # gates in the order i, f, g, o
    >>> torch.allclose(forget @ forget.T, torch.eye(16), atol=1e-5)
    True
    """
    names = [name for name, _ in layer.named_parameters(recurse=False)]
    if parametrize.is_parametrized(layer):
        names += list(layer.parametrizations)  # type: ignore[arg-type]
    recurrent = [name for name in names if name.startswith("weight_hh")]
    if not recurrent:
        raise TypeError(f"layer is a {type(layer).__name__}; expected a recurrent layer or cell, with weight_hh")
    H = int(layer.hidden_size)  # type: ignore[arg-type]
    for name in recurrent:
        own = getattr(layer, name)
        # LAPACK has no half precision.
        weight = torch.empty_like(own, dtype=torch.promote_types(own.dtype, torch.float32))
        if orthogonal:
            for gate in torch.split(weight, H):
                nn.init.orthogonal_(gate, generator=generator)
            _set(layer, name, weight.to(own.dtype))
        if forget_bias is not None and weight.shape[0] == 4 * H:
            _set_forget_bias(layer, name.removeprefix("weight_hh"), H, forget_bias)
    return layer


def _set_forget_bias(layer: nn.Module, suffix: str, H: int, value: float) -> None:
    if getattr(layer, f"bias_ih{suffix}", None) is None:
        raise ValueError(f"forget_bias is {value}, but the layer has no biases; expected None for it")
    for name, part in ((f"bias_ih{suffix}", value), (f"bias_hh{suffix}", 0.0)):
        bias = getattr(layer, name).clone()
        bias[H : 2 * H] = part  # gates in the order i, f, g, o
        _set(layer, name, bias)


def _set(layer: nn.Module, name: str, value: Tensor) -> None:
    """Set a parameter's values; those of a parametrized one by way of its parametrization."""
    if parametrize.is_parametrized(layer, name):
        setattr(layer, name, value)
    else:
        getattr(layer, name).copy_(value)
