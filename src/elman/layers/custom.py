"""A cell of your own, in Python, in the loop over time that all layers have."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from elman.layers import reference
from elman.layers.cells import GRUCell, RNNCell
from elman.layers.checks import as_lengths, check_lengths
from elman.layers.masks import Mask
from elman.layers.reference import State, Zoneout


def scan(
    cell: Callable[[Tensor, State], State],
    input: Tensor,
    state: State,
    *,
    lengths: Tensor | Sequence[int] | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    zoneout: Sequence[Mask] | Mask = None,
) -> tuple[Tensor, State]:
    """Run a cell over time: lengths, direction and state are treated as in the layers, gradients are autograd's.

    The loop is that of `elman.layers.reference`: several operators of PyTorch a step, tens of times slower in a small
    layer than the kernels.  ``docs/custom_cells.md`` says how to make it faster, and how a cell becomes a kernel.

    Parameters
    ----------
    cell : callable
        ``cell(x, state)`` takes the input of a step, (N, ...), and the state, and returns the next state, a tuple of
        the same number and shapes.  A function, or a module with parameters.  The cells of this package and of
        torch.nn are taken, too, though those of one state put it out by itself.
    input : Tensor (T, N, ...), or (N, T, ...) with `batch_first`
    state : tuple of Tensor (N, ...)
        Before the first step.  The first tensor of a state is the output.
    lengths : Tensor or sequence of int, (N,), each in 0..T, in any order; default None: T everywhere
        From its length on, a row puts out zeros, and its state stands still; its input there is not read.
    reverse : bool, default False
        Walk from each row's last step to its first.
    batch_first : bool, default False
    zoneout : sequence of masks, one for each tensor of the state, or the mask of a state of one; default None
        A mask is 1 where the tensor keeps what it was before the step (`zoneout_mask`): time-major, (T, N, ...), or
        what can be expanded to it; None for a tensor without zoneout.

    Returns
    -------
    output : Tensor (T, N, ...), or (N, T, ...)
        The first tensor of the state after each step.
    state : tuple of Tensor
        After the last step.

    Raises
    ------
    TypeError
        If state, or what the cell returns, is not a tuple of tensors.
    ValueError
        If batch sizes, lengths, or the shapes of what the cell returns do not fit.

    Examples
    --------
    >>> import torch
    >>> from elman.layers import scan
    >>> def leaky_sum(x, state):
    ...     (h,) = state
    ...     return (0.5 * h + x,)
    >>> output, state = scan(leaky_sum, torch.ones(4, 2, 1), (torch.zeros(2, 1),), lengths=[4, 2])
    >>> output.squeeze(-1).T
    tensor([[1.0000, 1.5000, 1.7500, 1.8750],
            [1.0000, 1.5000, 0.0000, 0.0000]])
    """
    x = _checked_input(input, batch_first)
    T, N = x.shape[:2]
    state = _checked_state("state", state, len(state) if isinstance(state, tuple | list) else 1)
    for index, tensor in enumerate(state):
        if tensor.dim() == 0 or tensor.shape[0] != N:
            raise ValueError(
                f"state[{index}] has shape {tuple(tensor.shape)}; expected (N, ...) with N = {N}, as input"
            )
    if lengths is not None:
        lengths = as_lengths(lengths, N)
        if not torch.compiler.is_compiling():
            check_lengths(lengths, N, T)
    masks = () if zoneout is None else _checked_masks(zoneout, T, state)
    step = _of_one_state(cell) if isinstance(cell, _ONE_STATE) else cell

    def checked(x: Tensor, state: State) -> State:
        return _checked_step(step(x, state), state)

    y, *after = reference.scan(checked, x, lengths, state, reverse, masks)
    return (y.transpose(0, 1) if batch_first else y), tuple(after)


_ONE_STATE = (RNNCell, GRUCell, nn.RNNCell, nn.GRUCell)


def _of_one_state(cell: nn.Module) -> reference.Cell:
    def step(x: Tensor, state: State) -> State:
        (h,) = state
        return (cell(x, h),)

    return step


def _checked_input(input: Tensor, batch_first: bool) -> Tensor:
    if not isinstance(input, Tensor):
        raise TypeError(f"input is a {type(input).__name__}; expected a Tensor (T, N, ...)")
    if input.dim() < 2:
        letters = "(N, T, ...), as batch_first is set" if batch_first else "(T, N, ...)"
        raise ValueError(f"input has shape {tuple(input.shape)}; expected {letters}")
    return input.transpose(0, 1) if batch_first else input


def _checked_state(name: str, state: object, number: int) -> State:
    if not isinstance(state, tuple | list) or len(state) != number or not number:
        got = f"a {type(state).__name__}" + (f" of {len(state)}" if isinstance(state, tuple | list) else "")
        raise TypeError(
            f"{name} is {got}; expected a tuple of {max(number, 1)} Tensor{'s'[: number > 1]}, the first the output"
        )
    for index, tensor in enumerate(state):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{name}[{index}] is a {type(tensor).__name__}; expected a Tensor")
    return tuple(state)


def _checked_step(new: object, state: State) -> State:
    new = _checked_state("what the cell returned", new, len(state))
    for index, (after, before) in enumerate(zip(new, state, strict=True)):
        if after.shape != before.shape:
            raise ValueError(
                f"the cell returned state[{index}] of shape {tuple(after.shape)} for one of {tuple(before.shape)}; "
                "expected the same"
            )
    return new


def _checked_masks(zoneout: Sequence[Mask] | Mask, T: int, state: State) -> Zoneout:
    given = zoneout if isinstance(zoneout, tuple | list) else [zoneout]
    if len(given) != len(state):
        raise ValueError(f"zoneout has {len(given)} masks; expected {len(state)}, one for each tensor of the state")
    masks: list[Tensor | None] = []
    for index, (mask, tensor) in enumerate(zip(given, state, strict=True)):
        if mask is None:
            masks.append(None)
            continue
        if not isinstance(mask, Tensor | float | int) or isinstance(mask, bool):
            raise TypeError(f"zoneout[{index}] is a {type(mask).__name__}; expected a Tensor, a number or None")
        try:
            masks.append(torch.as_tensor(mask, dtype=tensor.dtype, device=tensor.device).expand(T, *tensor.shape))
        except RuntimeError:
            raise ValueError(
                f"zoneout[{index}] has shape {tuple(torch.as_tensor(mask).shape)}; expected (T, N, ...) = "
                f"{(T, *tensor.shape)}, by input and state[{index}]"
            ) from None
    return masks
