"""The recurrent layers as functions of their weights, and the choice of what runs them.

`rnn`, `gru` and `lstm` run one layer of one or two directions. On a CPU in float32 and float64 they run on the compiled
kernels; what the kernels cannot do runs on `reference`, with one warning for each cause; other devices run torch's own
operators.
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.functional import one_hot

from elman.layers import fallback, operators
from elman.layers.checks import as_lengths, check_input, check_lengths, check_states, check_weights, kind_of
from elman.layers.masks import NO_MASKS, Mask, Masks, as_masks
from elman.layers.other_devices import Stack
from elman.layers.reference import GRU, LSTM, RNN_RELU, RNN_TANH, State, Weights
from elman.layers.state import LSTMState


def rnn(
    input: Tensor,
    hx: Tensor | None,
    weights: Sequence[Weights],
    *,
    lengths: Tensor | Sequence[int] | None = None,
    nonlinearity: str = "tanh",
    batch_first: bool = False,
    zoneout: Mask = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run one simple recurrent layer: h_t = f(U x_t + b_ih + W h_{t-1} + b_hh).

    Parameters
    ----------
    input : Tensor (T, N, I), or (N, T, I) with `batch_first`
        float32 or float64 for the kernels; any other floating dtype runs on the reference.
    hx : Tensor (D, N, H), or None for zeros
        The state before the first step.
    weights : sequence of Weights
        One a direction: w_ih (H, I), w_hh (H, H), b_ih and b_hh (H) or None. The second direction walks backwards.
    lengths : Tensor or sequence of int, (N,), in 0..T; default None: T everywhere
        Rows in any order. From its length on, a row puts out zeros, and its state stands still.
    nonlinearity : "tanh" or "relu"
    batch_first : bool
        Default False: time-major is how the kernels walk.
    zoneout : Tensor (T, N, D·H), or (N, T, D·H) with `batch_first`, or what expands to it; default None
        How much of each unit's state stays as it was before the step (`elman.layers.zoneout_mask`).
    recurrent_mask : Tensor (1, N, D·H), or (N, 1, D·H) with `batch_first`, or what expands to it; default None
        What each h_{t-1} is multiplied by on its way through W, at every step the same (`elman.layers.locked_mask`).
    output_mask : like `recurrent_mask`; default None
        What the output alone is multiplied by, at every step the same.

    Returns
    -------
    output : Tensor (T, N, D·H), or (N, T, D·H)
    h_n : Tensor (D, N, H)

    Raises
    ------
    ValueError, TypeError
        If shapes, dtypes, devices or lengths do not fit together; the message says which.

    Examples
    --------
    >>> import torch
    >>> from elman.layers.functional import Weights, rnn
    >>> U, W = torch.eye(2), torch.zeros(2, 2)
    >>> output, h_n = rnn(torch.ones(3, 1, 2), None, [Weights(U, W)], nonlinearity="relu")
    >>> output.squeeze(1)
    tensor([[1., 1.],
            [1., 1.],
            [1., 1.]])
    """
    if nonlinearity not in NONLINEARITIES:
        raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'")
    state = None if hx is None else (hx,)
    cell, masks = NONLINEARITIES[nonlinearity], None if zoneout is None else (zoneout,)
    output, h_n = _one_layer(cell, input, state, weights, lengths, batch_first, masks, recurrent_mask, output_mask)
    return output, h_n


def gru(
    input: Tensor,
    hx: Tensor | None,
    weights: Sequence[Weights],
    *,
    lengths: Tensor | Sequence[int] | None = None,
    batch_first: bool = False,
    zoneout: Mask = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Run one GRU layer; `reference.gru` has its equations.

    Parameters, results and errors are those of `rnn`, with weights of 3·H rows in the order r, z, n.

    Examples
    --------
    >>> import torch, elman
    >>> layer = elman.GRU(3, 4)
    >>> row = elman.layers.Weights(*layer.all_weights[0])
    >>> x = torch.randn(5, 2, 3)
    >>> torch.equal(elman.layers.functional.gru(x, None, [row])[0], layer(x)[0])
    True
    """
    state, masks = None if hx is None else (hx,), None if zoneout is None else (zoneout,)
    output, h_n = _one_layer(GRU, input, state, weights, lengths, batch_first, masks, recurrent_mask, output_mask)
    return output, h_n


def lstm(
    input: Tensor,
    hx: LSTMState | tuple[Tensor, Tensor] | None,
    weights: Sequence[Weights],
    *,
    lengths: Tensor | Sequence[int] | None = None,
    batch_first: bool = False,
    zoneout: tuple[Mask, Mask] | None = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> tuple[Tensor, LSTMState]:
    """Run one LSTM layer; `reference.lstm` has its equations.

    Parameters, results and errors are those of `rnn`, with a pair of states and weights of 4·H rows in the order
    i, f, g, o, and a pair for `zoneout`, of h and of c, of which one may be None. With w_hr (P, H) the output and the
    hidden state have P units; this runs on the reference.

    Examples
    --------
    >>> import torch, elman
    >>> layer = elman.LSTM(3, 4)
    >>> row = elman.layers.Weights(*layer.all_weights[0])
    >>> x = torch.randn(5, 2, 3)
    >>> torch.equal(elman.layers.functional.lstm(x, None, [row])[0], layer(x)[0])
    True
    """
    output, h_n, c_n = _one_layer(LSTM, input, hx, weights, lengths, batch_first, zoneout, recurrent_mask, output_mask)
    return output, LSTMState(h_n, c_n)


NONLINEARITIES = {"tanh": RNN_TANH, "relu": RNN_RELU}


def _one_layer(
    cell: int,
    input: Tensor,
    state: Sequence[Tensor] | None,
    weights: Sequence[Weights],
    lengths: Tensor | Sequence[int] | None,
    batch_first: bool,
    zoneout: Sequence[Mask] | None,
    recurrent_mask: Tensor | None,
    output_mask: Tensor | None,
) -> State:
    """Check the arguments of `rnn`, `gru` and `lstm`, and run the layer."""
    if len(weights) not in (1, 2):
        raise ValueError(f"{len(weights)} weights; expected one Weights for each of 1 or 2 directions")
    first = weights[0]
    if not isinstance(first, Weights):
        raise TypeError(
            f"weights[0] is {kind_of(first)}; expected elman.layers.Weights: of a layer Weights(*layer.all_weights[0])"
        )
    input = check_input(input, first.w_ih.shape[1], first.w_ih, batch_first)
    if input.dim() != (3 if input.is_floating_point() else 2):
        raise ValueError(f"input has shape {tuple(input.shape)}; expected three dimensions, or two of codes")
    x = input.transpose(0, 1) if batch_first else input
    D, N, P = len(weights), x.shape[1], first.w_hh.shape[1]
    H = P if first.w_hr is None else first.w_hr.shape[1]
    shapes = ((D, N, P), (D, N, H)) if cell == LSTM else ((D, N, P),)
    state = (
        tuple(first.w_hh.new_zeros(s) for s in shapes)
        if state is None
        else check_states(state, first.w_ih, shapes, ("D", "N", "H"))
    )
    flat = [w for row in weights for w in (row[:4] if first.w_hr is None else row)]
    outputs = [(x.shape[0], N, D * s.shape[2]) for s in state]
    masks = as_masks(zoneout, recurrent_mask, output_mask, first.w_ih, 1, outputs, batch_first).of(0)
    rows = None if lengths is None else as_lengths(lengths, N)
    y, *after = layer(cell, x, rows, state, flat, batch_first, masks)
    return (y.transpose(0, 1) if batch_first else y, *after)


def layer(
    cell: int,
    x: Tensor,
    lengths: Tensor | None,
    state: State,
    weights: Sequence[Tensor | None],
    batch_first: bool = False,
    masks: Masks = NO_MASKS,
) -> State:
    """Run one layer by whatever can: the kernels, torch's operators on other devices, or the reference.

    Parameters
    ----------
    cell : int
        `reference.RNN_TANH`, `RNN_RELU`, `GRU` or `LSTM`.
    x : Tensor (T, N, I), in any memory layout, or int64 (T, N): the codes of 1-of-N inputs
    lengths : Tensor (N,), int64 on the CPU, or None
    state : tuple of Tensor (D, N, H)
    weights : 4 a direction, one after the other; 5 with a projection
    batch_first : bool
        How y shall lie in memory; all shapes here are time-major.
    masks : those of this layer

    Returns
    -------
    (y, *state) : y is (T, N, D·H), the states (D, N, H)
    """
    if masks.output is not None and (masks.output.requires_grad or not (x.is_cpu or x.is_meta)):
        y, *after = layer(cell, x, lengths, state, weights, batch_first, masks._replace(output=None))
        return (y * masks.output.to(y.dtype), *after)  # autocast may have chosen another for cuDNN's
    h0, c0 = state if cell == LSTM else (state[0], None)
    if not (x.is_cpu or x.is_meta):
        x = as_vectors(x, _input_size(weights), h0.dtype, lengths)
        if what := masks.inside():
            fallback.say(f"{what} on {x.device.type}")
            return fallback.forward(cell, x, lengths, state, weights, masks)
        with warnings.catch_warnings():  # cuDNN copies the weights of one layer of many, and flattening would not help
            warnings.filterwarnings("ignore", message="RNN module weights are not part")
            return Stack(cell, weights, 1, h0.shape[0]).padded(x, lengths, state)
    if not (x.is_floating_point() or torch.compiler.is_compiling()) and 0 < x.numel() < _input_size(weights):
        x, weights = _only_what_occurs(x, lengths, weights)
    dtype = x.dtype if x.is_floating_point() else h0.dtype
    what = beyond_the_kernels(dtype, projection=len(weights) != 4 * h0.shape[0])
    if any(mask is not None and mask.requires_grad for mask in masks.zoneout):
        what = what or "Zoneout by a mask that has a gradient"
    if masks.recurrent is not None and masks.recurrent.requires_grad:
        what = what or "Recurrent dropout by a mask that has a gradient"
    if what:
        x = as_vectors(x, _input_size(weights), h0.dtype, lengths)
        fallback.say(what)
        if len(weights) == 4 * h0.shape[0]:
            check_weights(cell, x, h0, c0, weights)
        if lengths is not None and not torch.compiler.is_compiling():
            check_lengths(lengths, x.shape[1], x.shape[0])
        return fallback.forward(cell, x, lengths, state, weights, masks)
    if torch.is_grad_enabled() and _needs_gradients(x, state, weights):
        return operators.differentiable_layer(cell, batch_first, lengths, masks, x, h0, c0, *weights)
    return tuple(operators.call_layer(cell, x, lengths, h0, c0, weights, batch_first, False, *masks.flat()))


def as_vectors(x: Tensor, input_size: int, dtype: torch.dtype, lengths: Tensor | None = None) -> Tensor:
    """1-of-N vectors (T, N, I) for codes (T, N); any other x as it is."""
    return x if x.is_floating_point() else one_hot(only_codes(x, lengths), input_size).to(dtype)


def only_codes(codes: Tensor, lengths: Tensor | None) -> Tensor:
    """The codes with 0 behind the end of a row, where they may be anything."""
    if lengths is None:
        return codes
    return torch.where(torch.arange(len(codes), device=codes.device).unsqueeze(1) < lengths.to(codes.device), codes, 0)


def _only_what_occurs(
    codes: Tensor, lengths: Tensor | None, weights: Sequence[Tensor | None]
) -> tuple[Tensor, list[Tensor | None]]:
    """The same layer for the inputs that occur, where they are few of many: the kernels make a table of all."""
    used, codes = torch.unique(only_codes(codes, lengths), return_inverse=True)
    if not 0 <= int(used[0]) <= int(used[-1]) < _input_size(weights):
        outside = int(used[0]) if int(used[0]) < 0 else int(used[-1])
        raise ValueError(f"input holds the code {outside}; expected 0 <= code < I = {_input_size(weights)}")
    each = len(weights) // (2 if len(weights) in (8, 10) else 1)
    return codes, [w if w is None or i % each else w.index_select(1, used) for i, w in enumerate(weights)]


def _input_size(weights: Sequence[Tensor | None]) -> int:
    w_ih = weights[0]
    if w_ih is None:
        raise TypeError("weight_ih is None; only the biases may be absent")
    return w_ih.shape[1]


def beyond_the_kernels(dtype: torch.dtype, projection: bool) -> str:
    """What about a layer on the CPU, or the moment of its call, the kernels cannot do; empty when they can do all."""
    if dtype not in operators.DTYPES:
        return f"A recurrent layer in {str(dtype).removeprefix('torch.')} (the kernels know float32 and float64)"
    if projection:
        return "An LSTM with proj_size"
    if operators.MISSING:
        return f"Every recurrent layer (the compiled module is missing: {operators.MISSING}; reinstall elman)"
    if torch._C._are_functorch_transforms_active():
        return "A recurrent layer under a torch.func transform (vmap, grad, jvp, ...)"
    if forward_ad._current_level >= 0:
        return "A recurrent layer in forward-mode differentiation"
    return ""


def _needs_gradients(x: Tensor, state: State, weights: Sequence[Tensor | None]) -> bool:
    return (
        x.requires_grad
        or any(w is not None and w.requires_grad for w in weights)
        or any(s.requires_grad for s in state)
    )
