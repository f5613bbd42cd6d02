"""Layers one upon the other over any form of input: padded, batch first, unbatched or packed.

It runs whatever has the attributes of torch.nn's layers: `RNN`, `GRU` and `LSTM` of this package, and torch.nn's own
once they are accelerated.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from elman.layers import reference
from elman.layers.checks import as_lengths, check_input, check_packed, check_states
from elman.layers.compilation import leave_to_python
from elman.layers.functional import as_vectors, layer
from elman.layers.masks import NO_MASKS, Mask, Masks, as_masks
from elman.layers.other_devices import Stack
from elman.layers.reference import State

Lengths = Tensor | Sequence[int] | None


class Form(Protocol):
    """What is read of a module when it is called: the attributes that torch.nn gives its recurrent layers."""

    input_size: int
    hidden_size: int
    num_layers: int
    batch_first: bool
    dropout: float
    bidirectional: bool
    proj_size: int
    training: bool


def run(
    form: Form,
    cell: int,
    weights: list[list[Any]],
    input: Tensor | PackedSequence,
    hx: Sequence[Tensor] | None,
    lengths: Lengths = None,
    zoneout: Sequence[Mask] | None = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> tuple[Tensor | PackedSequence, State]:
    """Check the arguments of a layer's call, and run it.

    Parameters
    ----------
    form : a module with the attributes of `Form`
    cell : int
        `reference.RNN_TANH`, `RNN_RELU`, `GRU` or `LSTM`.
    weights : of each layer, direction after direction: 4 tensors or None for no bias, 5 with a projection
    input, lengths : as in `RNN.forward`
    hx : sequence of Tensor, one or for an LSTM two, or None for zeros
    zoneout : sequence of masks, one or for an LSTM two, or None
    recurrent_mask, output_mask : Tensor (1, N, D·H), with L before it where layers differ, or None

    Returns
    -------
    (output, state) : the output in the form of the input; the states (L·D, N, ·), (L·D, ·) if it is unbatched
    """
    first = weights[0][0]
    if isinstance(input, PackedSequence):
        if lengths is not None:
            raise ValueError("lengths came with a PackedSequence, which carries its own; give one of them")
        if zoneout is not None:
            raise ValueError("zoneout came with a PackedSequence; give a padded input (T, N, I) and lengths with it")
        data = check_packed(input, form.input_size, first)
        return _run_packed(form, cell, weights, input, data, hx, recurrent_mask, output_mask)
    x = check_input(input, form.input_size, first, form.batch_first)
    batched = x.dim() == (3 if x.is_floating_point() else 2)
    if not batched:
        x = x.unsqueeze(1)
    elif form.batch_first:
        x = x.transpose(0, 1)
    N = x.shape[1]
    state = initial_state(form, cell, x if x.is_floating_point() else first, hx, first, (N,) if batched else ())
    masks = NO_MASKS
    if zoneout is not None or recurrent_mask is not None or output_mask is not None:
        shapes = [(x.shape[0], N, (2 if form.bidirectional else 1) * s.shape[2]) for s in state]
        options = (first, form.num_layers, shapes, form.batch_first, batched)
        masks = as_masks(zoneout, recurrent_mask, output_mask, *options)
    rows = None if lengths is None else as_lengths(lengths, N)
    y, *after = _run_layers(form, cell, weights, x, rows, state, masks)
    if not batched:
        return y.squeeze(1), tuple(s.squeeze(1) for s in after)
    return (y.transpose(0, 1) if form.batch_first else y), tuple(after)


def _run_packed(
    form: Form,
    cell: int,
    weights: list[list[Any]],
    packed: PackedSequence,
    data: Tensor,
    hx: Sequence[Tensor] | None,
    recurrent_mask: Tensor | None,
    output_mask: Tensor | None,
) -> tuple[PackedSequence, State]:
    sizes, order, back = packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices
    N, first = int(sizes[0]), weights[0][0]
    state = initial_state(form, cell, data, hx, first, (N,))
    shapes = [(1, N, (2 if form.bidirectional else 1) * state[0].shape[2])]
    masks = as_masks(None, recurrent_mask, output_mask, first, form.num_layers, shapes, form.batch_first)
    if not data.is_cpu and masks is NO_MASKS:
        return elsewhere(form, cell, weights).packed(packed._replace(data=data), state)
    x, lengths = pad_packed_sequence(PackedSequence(data, sizes))  # rows longest first, as they are packed
    if order is not None:
        state = tuple(s.index_select(1, order) for s in state)
        recurrent, output = (m if m is None else m.index_select(1, order) for m in (masks.recurrent, masks.output))
        masks = Masks((), recurrent, output)
    y, *after = _run_layers(form, cell, weights, x, lengths, state, masks)
    if back is not None:
        after = [s.index_select(1, back) for s in after]
    return PackedSequence(pack_padded_sequence(y, lengths).data, sizes, order, back), tuple(after)


leave_to_python(_run_packed)  # torch.compile could not put a PackedSequence into its graph


def initial_state(
    form: Form, cell: int, x: Tensor, hx: Sequence[Tensor] | None, first: Tensor, batch: tuple[int, ...]
) -> State:
    """The states as (L·D, N, ·) tensors: zeros, or the caller's, who has no N if the input is unbatched."""
    H, P = form.hidden_size, form.proj_size or form.hidden_size
    LD = form.num_layers * (2 if form.bidirectional else 1)
    sizes = (P, H) if cell == reference.LSTM else (P,)
    if hx is not None:
        letters = ("L·D", "N", "H") if batch else ("L·D", "H")
        state = check_states(hx, first, [(LD, *batch, size) for size in sizes], letters)
        return state if batch else tuple(s.unsqueeze(1) for s in state)
    N = batch[0] if batch else 1
    hidden = x.new_zeros((LD, N, P))
    return (hidden,) if len(sizes) == 1 else (hidden, hidden if P == H else x.new_zeros((LD, N, H)))


def _run_layers(
    form: Form,
    cell: int,
    weights: list[list[Any]],
    x: Tensor,
    lengths: Tensor | None,
    state: State,
    masks: Masks = NO_MASKS,
) -> State:
    """Run all layers: x (T, N, I), states (L·D, N, ·), zoneout (L, T, N, ·), other masks (L, N, ·) -> (y, *states)."""
    if masks is NO_MASKS and not (x.is_cpu or x.is_meta):
        x = as_vectors(x, form.input_size, state[0].dtype, lengths)
        return elsewhere(form, cell, weights).padded(x, lengths, state)
    if form.num_layers == 1:
        return layer(cell, x, lengths, state, weights[0], form.batch_first, masks.of(0))
    finals = []
    parts = zip(*(torch.split(s, 2 if form.bidirectional else 1) for s in state), strict=True)
    for index, (mine, given) in enumerate(zip(weights, parts, strict=True)):
        top = index == form.num_layers - 1
        x, *after = layer(cell, x, lengths, given, mine, form.batch_first and top, masks.of(index))
        if form.dropout and form.training and not top:
            x = dropout(x, form.dropout)
        finals.append(after)
    return (x, *(torch.cat(s) for s in zip(*finals, strict=True)))


def elsewhere(form: Form, cell: int, weights: list[list[Any]]) -> Stack:
    """What runs all layers on other devices than the CPU."""
    flat = [weight for mine in weights for weight in mine]
    return Stack(cell, flat, form.num_layers, 2 if form.bidirectional else 1, form.dropout, form.training)
