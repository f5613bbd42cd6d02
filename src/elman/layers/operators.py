"""The kernels as PyTorch operators, and the autograd Function around those of a layer.

``torch.ops.elman.layer`` runs one recurrent layer of one or two directions, ``torch.ops.elman.layer_backward`` its
gradients, ``torch.ops.elman.drop`` multiplies by a mask that a seed stands for; all are opaque to torch.compile and
torch.export, which see their shapes through `register_fake`.
Autograd sits outside, in `Recurrence`: compiled graphs differentiate it as they do every autograd.Function.

Letters: T time, N batch, I input, H hidden, D directions, G gates.  x is (T, N, I), or int64 (T, N): the codes of
1-of-N inputs, which have no gradient.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from elman.layers import fallback
from elman.layers.checks import check_lengths, check_weights
from elman.layers.masks import Masks, check_masks

if TYPE_CHECKING:
    from elman import _kernels
try:
    from elman import _kernels

    MISSING = ""
except ImportError as error:
    MISSING = str(error)
"""Why the compiled module cannot be imported; empty when it is there."""

DTYPES = (torch.float32, torch.float64)
"""What the kernels compute in."""

_library: Any = torch.library.Library("elman", "DEF")  # type: ignore[no-untyped-call]
_library.define(
    "layer(int cell, Tensor x, Tensor? lengths, Tensor h0, Tensor? c0, Tensor?[] weights, bool batch_first,"
    " bool save, Tensor? keep_h=None, Tensor? keep_c=None, Tensor? recurrent_mask=None,"
    " Tensor? output_mask=None) -> Tensor[]",
    tags=(torch.Tag.pt2_compliant_tag,),
)
_library.define(
    "layer_backward(int cell, Tensor x, Tensor? lengths, Tensor h0, Tensor? c0, Tensor?[] weights, Tensor y,"
    " Tensor saved, Tensor? dy, Tensor? dh_n, Tensor? dc_n, bool[] wanted, Tensor? keep_h=None,"
    " Tensor? keep_c=None, Tensor? recurrent_mask=None, Tensor? output_mask=None) -> Tensor[]",
    tags=(torch.Tag.pt2_compliant_tag,),
)
_library.define(
    "drop(Tensor x, int seed, int kept, float value) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)


def _layer(
    cell: int,
    x: Tensor,
    lengths: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor | None],
    batch_first: bool,
    save: bool,
    keep_h: Tensor | None = None,
    keep_c: Tensor | None = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> list[Tensor]:
    """Forward on the CPU. `batch_first` says how y lies in memory; x and the masks may lie in any way."""
    check_weights(cell, x, h0, c0, weights)
    check_masks(x, h0, c0, keep_h, keep_c, recurrent_mask, output_mask)
    T, N, I = _sizes(x, weights)  # noqa: E741
    D, _, H = h0.shape
    if lengths is not None:
        check_lengths(lengths, N, T)
        lengths = lengths.contiguous()
    x, h0, c0, *weights = _regular(x, h0, c0, weights)
    keep_h, keep_c, recurrent, output_mask = map(_rows_or_none, (keep_h, keep_c, recurrent_mask, output_mask))
    outputs = _outputs(h0, c0, x, batch_first)
    output, h_n, *c_n = outputs
    y = output if output_mask is None else torch.empty_like(output)
    saved = _room_to_save(cell, h0, x) if save else None
    _kernels.forward(
        cell, h0.dtype.itemsize, torch.get_num_threads(), T, N, I, H, D,
        *_placed(x), x.dim() == 2, _address(lengths), h0.data_ptr(), _address(c0),
        [_placed(keep_h), _placed(keep_c)], [_row_placed(recurrent), _row_placed(output_mask)],
        [_address(w) for w in weights],
        *_placed(y), *_placed(None if output_mask is None else output), h_n.data_ptr(), _address(*c_n), _address(saved),
    )  # fmt: skip
    return _with_saved(outputs, y, saved)


def _fake_layer(
    cell: int,
    x: Tensor,
    lengths: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor | None],
    batch_first: bool,
    save: bool,
    keep_h: Tensor | None = None,
    keep_c: Tensor | None = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> list[Tensor]:
    check_weights(cell, x, h0, c0, weights)
    check_masks(x, h0, c0, keep_h, keep_c, recurrent_mask, output_mask)
    x, h0, c0, *_ = _regular(x, h0, c0, ())
    outputs = _outputs(h0, c0, x, batch_first)
    y = outputs[0] if output_mask is None else torch.empty_like(outputs[0])
    return _with_saved(outputs, y, _room_to_save(cell, h0, x) if save else None)


def _layer_backward(
    cell: int,
    x: Tensor,
    lengths: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor | None],
    y: Tensor,
    saved: Tensor,
    dy: Tensor | None,
    dh_n: Tensor | None,
    dc_n: Tensor | None,
    wanted: Sequence[bool],
    keep_h: Tensor | None = None,
    keep_c: Tensor | None = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> list[Tensor]:
    """Backward on the CPU: the wanted gradients among those of x, h0, c0 and the weights, in this order.

    The other arguments are what `layer` was given and returned; they are not checked again.
    """
    T, N, I = _sizes(x, weights)  # noqa: E741
    D, _, H = h0.shape
    x, h0, c0, *weights = inputs = _regular(x, h0, c0, weights)
    gradients = [_like(t) if t is not None and want else None for t, want in zip(inputs, wanted, strict=True)]
    dx, dh0, dc0, *dweights = gradients
    y, dy, saved, lengths = _rows(y), _rows_or_none(dy), saved.contiguous(), _contiguous(lengths)
    keep_h, keep_c, recurrent, output_mask = map(_rows_or_none, (keep_h, keep_c, recurrent_mask, output_mask))
    dh_n, dc_n = _contiguous(dh_n), _contiguous(dc_n)
    _kernels.backward(
        cell, h0.dtype.itemsize, torch.get_num_threads(), T, N, I, H, D,
        *_placed(x), x.dim() == 2, _address(lengths), h0.data_ptr(), _address(c0),
        [_placed(keep_h), _placed(keep_c)], [_row_placed(recurrent), _row_placed(output_mask)],
        [_address(w) for w in weights],
        *_placed(y), saved.data_ptr(), *_placed(dy), _address(dh_n), _address(dc_n),
        *_placed(dx), _address(dh0), _address(dc0), [_address(g) for g in dweights],
    )  # fmt: skip
    return [g for g in gradients if g is not None]


def _fake_layer_backward(
    cell: int,
    x: Tensor,
    lengths: Tensor | None,
    h0: Tensor,
    c0: Tensor | None,
    weights: Sequence[Tensor | None],
    y: Tensor,
    saved: Tensor,
    dy: Tensor | None,
    dh_n: Tensor | None,
    dc_n: Tensor | None,
    wanted: Sequence[bool],
    keep_h: Tensor | None = None,
    keep_c: Tensor | None = None,
    recurrent_mask: Tensor | None = None,
    output_mask: Tensor | None = None,
) -> list[Tensor]:
    inputs = _regular(x, h0, c0, weights)
    return [_like(t) for t, want in zip(inputs, wanted, strict=True) if t is not None and want]


def _regular(
    x: Tensor, h0: Tensor, c0: Tensor | None, weights: Sequence[Tensor | None]
) -> tuple[Tensor, Tensor, Tensor | None, *tuple[Tensor | None, ...]]:
    """The inputs in the layouts that the kernels read; copies of those that have others."""
    return _rows(x), whole(h0), _contiguous(c0), *[_contiguous(w) for w in weights]


def _outputs(h0: Tensor, c0: Tensor | None, x: Tensor, batch_first: bool) -> list[Tensor]:
    """Room for what a layer returns: the output (T, N, D·H), h_n and for LSTM c_n (D, N, H)."""
    T, N = x.shape[:2]
    D, _, H = h0.shape
    y = h0.new_empty((N, T, D * H)).transpose(0, 1) if batch_first else h0.new_empty((T, N, D * H))
    return [y, torch.empty_like(h0)] if c0 is None else [y, torch.empty_like(h0), torch.empty_like(c0)]


def _room_to_save(cell: int, h0: Tensor, x: Tensor) -> Tensor:
    """Room for what a training step keeps for its backward pass, besides h of all steps."""
    D, N, H = h0.shape
    return h0.new_empty((D, x.shape[0], N, _kernels.saved_size(cell, h0.dtype.itemsize, 1, 1, int(H), 1)))


def _with_saved(outputs: list[Tensor], y: Tensor, saved: Tensor | None) -> list[Tensor]:
    """What `layer` returns; in training also `saved`, and h of all steps (T, N, D·H) where the output is not that."""
    if saved is None:
        return outputs
    return [*outputs, saved] if y is outputs[0] else [*outputs, y, saved]


def _like(x: Tensor) -> Tensor:
    """Room for the gradient of x: laid out as x is, unless rows of x that overlap would be spread over the rest."""
    like = torch.empty_like(x)
    return like if like.dim() < 3 or like.stride(-1) == 1 else x.new_empty(x.shape)


def _sizes(x: Tensor, weights: Sequence[Tensor | None]) -> tuple[int, int, int]:
    """T, N and I of x (T, N, I), or of codes (T, N), which leave I to the first weight."""
    w_ih = weights[0]
    assert w_ih is not None  # check_weights has seen to it
    return x.shape[0], x.shape[1], w_ih.shape[1]


def _rows(x: Tensor) -> Tensor:
    """x with a contiguous last dimension; the others may have any strides, as all dimensions of codes may."""
    x = x.resolve_neg() if x.is_neg() else x  # the sign of a view may stand in a flag beside its numbers
    return x if not x.is_floating_point() or x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous()


def _rows_or_none(x: Tensor | None) -> Tensor | None:
    if x is None:
        return None
    return _rows(x.clone() if x._is_zerotensor() else x)  # zeros that torch has not written have no address


def _contiguous(x: Tensor | None) -> Tensor | None:
    return None if x is None else whole(x)


def whole(x: Tensor) -> Tensor:
    """x with its numbers one after the other, and with the signs that it stands for."""
    return x if x.is_contiguous() and not x.is_neg() else x.resolve_neg().contiguous()  # asking is cheaper


def _address(x: Tensor | None = None) -> int:
    return 0 if x is None else x.data_ptr()


def _row_placed(mask: Tensor | None) -> tuple[int, int]:
    """Address and row stride of a mask (N, ·)."""
    return (0, 0) if mask is None else (mask.data_ptr(), mask.stride(0))


def _placed(x: Tensor | None) -> tuple[int, int, int]:
    """Address, time stride and row stride of a (T, N, ·) tensor, or of codes (T, N)."""
    return (0, 0, 0) if x is None else (x.data_ptr(), x.stride(0), x.stride(1))


_library.impl("layer", _layer, "CPU")
_library.impl("layer_backward", _layer_backward, "CPU")
torch.library.register_fake("elman::layer", _fake_layer, lib=_library)
torch.library.register_fake("elman::layer_backward", _fake_layer_backward, lib=_library)
run_layer: Callable[..., list[Tensor]] = torch.ops.elman.layer.default
run_layer_backward: Callable[..., list[Tensor]] = torch.ops.elman.layer_backward.default


def call_layer(*arguments: Any) -> list[Tensor]:
    """`run_layer`, without PyTorch's dispatcher where nobody watches: that costs some microseconds a call."""
    _, x, _, h0, c0, weights, _, _, *masks = arguments
    return (_layer if _unwatched(x, h0, c0, *weights, *masks) else run_layer)(*arguments)


def call_layer_backward(*arguments: Any) -> list[Tensor]:
    """`run_layer_backward`, in the same way."""
    _, x, _, h0, c0, weights, _, _, *cotangents, _, keep_h, keep_c, recurrent, output = arguments
    seen = x, h0, c0, *weights, *cotangents, keep_h, keep_c, recurrent, output
    return (_layer_backward if _unwatched(*seen) else run_layer_backward)(*arguments)


PLAIN = (Tensor, torch.nn.Parameter)
"""What the kernels see as it is: subclasses of Tensor may have a say in what an operator does."""


def _unwatched(*tensors: Tensor | None) -> bool:
    """Whether nothing but the kernels would see the operator: no compiler, tracer, mode or profiler, plain tensors."""
    for t in tensors:  # not all() of a generator: a short sequence feels it
        if t is not None and not (type(t) in PLAIN and t.is_cpu):
            return False
    return not (
        torch.compiler.is_compiling()
        or torch._C._len_torch_dispatch_stack()
        or torch._C._get_tracing_state()
        or torch._C._autograd._profiler_enabled()
    )


class Recurrence(torch.autograd.Function):
    """One layer with its gradients; returns (y, h_n[, c_n]).

    Arguments: cell, batch_first, lengths, the masks as `Masks.flat` has them (no gradient), x, h0, c0, *weights.

    Only the gradients that are needed are computed. The backward pass reads y, so y must not be changed in place;
    with an output mask it is not what the caller gets.
    """

    @staticmethod
    def forward(
        ctx: Any,
        cell: int,
        batch_first: bool,
        lengths: Tensor | None,
        keep_h: Tensor | None,
        keep_c: Tensor | None,
        recurrent_mask: Tensor | None,
        output_mask: Tensor | None,
        x: Tensor,
        h0: Tensor,
        c0: Tensor | None,
        *weights: Tensor | None,
    ) -> tuple[Tensor, ...]:
        masks = keep_h, keep_c, recurrent_mask, output_mask
        *outputs, saved = call_layer(cell, x, lengths, h0, c0, weights, batch_first, True, *masks)
        y = outputs[0] if output_mask is None else outputs.pop()
        ctx.cell = cell
        ctx.save_for_backward(lengths, *masks, y, saved, x, h0, c0, *weights)
        ctx.set_materialize_grads(False)
        return tuple(outputs)

    @staticmethod
    def backward(
        ctx: Any, dy: Tensor | None, dh_n: Tensor | None, dc_n: Tensor | None = None
    ) -> tuple[Tensor | None, ...]:
        lengths, keep_h, keep_c, recurrent, output, y, saved, x, h0, c0, *weights = ctx.saved_tensors
        wanted, fixed = ctx.needs_input_grad[7:], (None,) * 7
        if dy is None and dh_n is None and dc_n is None:
            return fixed + (None,) * len(wanted)
        inputs, cotangents = (x, h0, c0, *weights), (dy, dh_n, dc_n)
        masks = Masks((keep_h,) if c0 is None else (keep_h, keep_c), recurrent, output)
        gradients = iter(
            fallback.gradients(ctx.cell, lengths, inputs, wanted, cotangents, masks)
            if _to_be_transformed(*cotangents)
            else call_layer_backward(
                ctx.cell, x, lengths, h0, c0, weights, y, saved, *cotangents, wanted, *masks.flat()
            )
        )
        return *fixed, *(next(gradients) if want else None for want in wanted)


def differentiable_layer(
    cell: int,
    batch_first: bool,
    lengths: Tensor | None,
    masks: Masks,
    *inputs: Tensor | None,
) -> tuple[Tensor, ...]:
    """`Recurrence` applied; inputs are x, h0, c0 and the weights."""
    if torch.compiler.is_compiling():
        # torch.compile refuses a Function that is given one tensor twice: tied weights, or zeros for both states.
        inputs = tuple(
            t.view_as(t) if t is not None and any(t is u for u in inputs[:i]) else t for i, t in enumerate(inputs)
        )
    outputs: tuple[Tensor, ...] = Recurrence.apply(  # type: ignore[no-untyped-call]
        cell, batch_first, lengths, *masks.flat(), *inputs
    )
    return outputs


def _to_be_transformed(*cotangents: Tensor | None) -> bool:
    """Whether the gradient itself will be differentiated (create_graph=True) or is batched (is_grads_batched=True)."""
    if torch.compiler.is_compiling():
        return False  # compiled graphs are differentiated once
    if torch.is_grad_enabled():
        fallback.say("The gradient of a gradient of a recurrent layer")
        return True
    if torch._C._are_functorch_transforms_active() or any(map(_is_batched, cotangents)):
        fallback.say("The backward pass of a recurrent layer under vmap")
        return True
    return False


def _is_batched(cotangent: Tensor | None) -> bool:
    return cotangent is not None and bool(torch._C._functorch.is_legacy_batchedtensor(cotangent))


def draws_natively(x: Tensor) -> bool:
    """Whether `drop` and `draw_mask` may read and write the memory of x: on the CPU, and nobody must see it done."""
    watched = (
        torch.compiler.is_compiling()
        or is_transformed(x)
        or torch._C._len_torch_dispatch_stack()
        or torch._C._get_tracing_state()
    )
    return not (MISSING or watched) and type(x) in PLAIN and x.dtype in DTYPES and x.is_cpu and _is_plain_memory(x)


def is_transformed(x: Tensor) -> bool:
    """Whether a transform of torch.func is at work, or x stands for a batch of gradients (is_grads_batched=True)."""
    return torch._C._are_functorch_transforms_active() or _is_batched(x)


def draw_mask(mask: Tensor, seed: int, kept: int, value: float) -> None:
    """Fill a mask with `value`, each number with probability kept / 65536, and with 0 elsewhere."""
    threads = torch.get_num_threads()
    _kernels.drop(mask.itemsize, threads, mask.numel(), seed, kept, value, 0, mask.data_ptr())


def drop(x: Tensor, seed: int, kept: int, value: float) -> Tensor:
    """x times the mask that `draw_mask` would draw, which is not kept: nothing but the seed is needed to repeat it."""
    return (_drop if draws_natively(x) else run_drop)(x, seed, kept, value)


def _drop(x: Tensor, seed: int, kept: int, value: float) -> Tensor:
    if not _is_plain_memory(x):
        x = x.resolve_neg().clone(memory_format=torch.contiguous_format)
    y = torch.empty_like(x)
    threads = torch.get_num_threads()
    _kernels.drop(x.itemsize, threads, x.numel(), seed, kept, value, x.data_ptr(), y.data_ptr())
    return y


def _fake_drop(x: Tensor, seed: int, kept: int, value: float) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _is_plain_memory(x: Tensor) -> bool:
    """Whether the numbers of x lie one after the other, and are what they seem: no negative view, no lazy zeros."""
    return x.is_contiguous() and not (x.is_neg() or x._is_zerotensor())


_library.impl("drop", _drop, "CPU")
torch.library.register_fake("elman::drop", _fake_drop, lib=_library)
run_drop: Callable[..., Tensor] = torch.ops.elman.drop.default
