"""What may be passed to a recurrent layer, and what is said when something else is.

Each check costs well under a microsecond when it passes; the words are put together only when it fails.
"""

import warnings
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from elman.layers.reference import GATES, LSTM

WEIGHT_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_size(name: str, value: int, least: int) -> None:
    """Check a size that a layer is built with."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r} ({type(value).__name__}); expected an int")
    if value < least:
        raise ValueError(f"{name} is {value}; expected at least {least}")


def check_sizes(input_size: int, hidden_size: int, num_layers: int, proj_size: int) -> None:
    """Check the sizes that a stack of layers is built with."""
    sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
    for name, value in sizes.items():
        check_size(name, value, least=1)
    check_size("proj_size", proj_size, least=0)
    if proj_size >= hidden_size:
        raise ValueError(f"proj_size is {proj_size}; expected less than hidden_size = {hidden_size}, or 0 for none")


def check_options(bias: bool, batch_first: bool, dropout: float, num_layers: int) -> None:
    """Check the options that a stack of layers is built with."""
    for name, value in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} is {value!r} ({type(value).__name__}); expected a bool")
    if isinstance(dropout, bool) or not isinstance(dropout, Real) or not 0 <= dropout <= 1:
        raise ValueError(f"dropout is {dropout!r}; expected a probability in [0, 1]")
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            f"dropout={dropout} does nothing with num_layers=1: it acts between layers, after all but the last",
            stacklevel=4,
        )


def check_input(input: Tensor, input_size: int, weight: Tensor, batch_first: bool) -> Tensor:
    """Check a padded input, (T, N, I) or unbatched (T, I), against the layer's input size and first weight.

    Returns the input, converted to the weight's dtype where autocast asks for it: on a CPU a recurrent layer computes
    in the dtype of its parameters, whatever dtype autocast gave to the operators before it.  An input of integers is
    (T, N) or (T), the codes of 1-of-N inputs, and is returned as int64.
    """
    if not isinstance(input, Tensor):
        raise TypeError(f"input is a {type(input).__name__}; expected a Tensor (T, N, I) or a PackedSequence")
    if input.layout is not torch.strided:
        raise TypeError(
            f"input is {str(input.layout).removeprefix('torch.')}; expected a dense Tensor (T, N, I): for rows of"
            " unequal lengths, padded and with lengths"
        )
    if input.dtype in INTEGERS:
        return _check_codes(input, weight, batch_first)
    if input.dim() not in (2, 3) or input.shape[-1] != input_size:
        letters = "(N, T, I), as batch_first is set," if batch_first else "(T, N, I)"
        raise ValueError(_wrong_input("input", input, f"{letters} or (T, I) for one sequence,", input_size))
    return check_dtype("input", input, weight)


def _check_codes(input: Tensor, weight: Tensor, batch_first: bool) -> Tensor:
    if input.dim() not in (1, 2):
        letters = "(N, T), as batch_first is set," if batch_first else "(T, N)"
        raise ValueError(
            f"input holds integers, so it is read as codes of 1-of-N inputs, and has shape {tuple(input.shape)};"
            f" expected {letters} or (T,) for one sequence; numbers that are no codes go in as {short(weight.dtype)}"
        )
    if input.device != weight.device:
        raise ValueError(
            f"input is on {input.device}, the parameters are on {weight.device}: move one of them with .to(device)"
        )
    return input.to(torch.int64)


def check_packed(packed: PackedSequence, input_size: int, weight: Tensor) -> Tensor:
    """`check_input` for the data of a packed sequence."""
    data = packed.data
    if data.dtype in INTEGERS:
        raise ValueError(
            "input is a PackedSequence of integers; codes of 1-of-N inputs go in padded, (T, N), and with lengths"
        )
    if data.dim() != 2 or data.shape[1] != input_size:
        raise ValueError(_wrong_input("input.data", data, "(all steps, I)", input_size))
    return check_dtype("input.data", data, weight)


def check_cell_input(input: Tensor, input_size: int, weight: Tensor) -> Tensor:
    """`check_input` for one step."""
    if not isinstance(input, Tensor):
        raise TypeError(f"input is a {type(input).__name__}; expected a Tensor (N, I)")
    if input.dtype in INTEGERS:
        raise ValueError(
            f"input holds integers, and a cell takes vectors (N, I) in {short(weight.dtype)}; 1-of-N vectors of codes"
            f" are torch.nn.functional.one_hot(codes, {input_size}).to({weight.dtype})"
        )
    if input.dim() not in (1, 2) or input.shape[-1] != input_size:
        raise ValueError(_wrong_input("input", input, "(N, I) or (I,)", input_size))
    return check_dtype("input", input, weight)


def check_dtype(name: str, tensor: Tensor, weight: Tensor) -> Tensor:
    """Return `tensor` in the dtype of `weight`, which it has already unless autocast is on, and on its device."""
    if tensor.dtype != weight.dtype:
        if tensor.is_meta or not (torch.is_autocast_enabled(tensor.device.type) and tensor.is_floating_point()):
            raise ValueError(
                f"{name} is {short(tensor.dtype)}, the parameters are {short(weight.dtype)}: convert it with"
                f" .to({weight.dtype}), or the layer with .to({tensor.dtype})"
            )
        if tensor.is_cpu:
            tensor = tensor.to(weight.dtype)
    if tensor.is_cpu != weight.is_cpu:
        raise ValueError(
            f"{name} is on {tensor.device}, the parameters are on {weight.device}: move one of them with .to(device)"
        )
    return tensor


def check_states(
    state: Sequence[Tensor], weight: Tensor, shapes: Sequence[tuple[int, ...]], letters: tuple[str, ...]
) -> tuple[Tensor, ...]:
    """Check initial states against their expected shapes; return them, converted as `check_input` does.

    One state is called hx, as the argument is; the two of an LSTM are hx[0] and hx[1].
    """
    names = ("hx",) if len(shapes) == 1 else ("hx[0] (hidden)", "hx[1] (cell)")
    if not isinstance(state, tuple | list) or len(state) != len(shapes):
        raise TypeError(_wrong_kind_of_state(state, len(shapes), letters))
    checked = []
    for name, tensor, shape in zip(names, state, shapes, strict=True):
        if not isinstance(tensor, Tensor):
            raise TypeError(_wrong_kind_of_state(tensor, len(shapes), letters))
        if tensor.shape != shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}; expected {_shown(letters)} = {tuple(shape)}: "
                + _cause(tuple(tensor.shape), tuple(shape), letters)
            )
        checked.append(check_dtype(name, tensor, weight))
    return tuple(checked)


def as_lengths(lengths: Tensor | Sequence[int], N: int) -> Tensor:
    """Lengths as the kernels take them: int64, (N,), contiguous, on the CPU."""
    try:
        tensor = torch.as_tensor(lengths)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"lengths is {lengths!r}; expected integers, one for each row of the batch") from None
    if tensor.dtype not in INTEGERS and (tensor.numel() or isinstance(lengths, Tensor)):  # [] becomes a float tensor
        raise TypeError(f"lengths is {short(tensor.dtype)}; expected integers, one for each row of the batch")
    if tensor.shape != (N,):
        raise ValueError(
            f"lengths has shape {tuple(tensor.shape)}; expected (N,) = ({N},): one length for each row of the batch"
        )
    own = tensor.to(device="cpu", dtype=torch.int64).contiguous()
    return own if isinstance(lengths, Tensor) else own.clone()  # an array's memory may be filled anew before backward


def check_lengths(lengths: Tensor, N: int, T: int) -> None:
    """Check what `as_lengths` returned, and that every length lies in 0..T.

    It reads the values, so it is not called while a graph is traced.
    """
    if lengths.shape != (N,) or lengths.dtype != torch.int64:
        raise ValueError(f"lengths is {short(lengths.dtype)} {tuple(lengths.shape)}; expected int64 (N,) = ({N},)")
    for row, length in enumerate(lengths.tolist()):
        if not 0 <= length <= T:
            raise ValueError(
                f"lengths[{row}] is {length}; expected 0 <= length <= T = {T}, the number of time steps of the input"
            )


def check_weights(cell: int, x: Tensor, h0: Tensor, c0: Tensor | None, weights: Sequence[Tensor | None]) -> None:
    """Check one layer's tensors against each other: x (T, N, I), h0 and c0 (D, N, H), 4 weights a direction.

    x may be codes instead, int64 (T, N); I is then what the first weight has.
    """
    coded = x.dtype == torch.int64 and x.dim() == 2
    w_ih = weights[0] if weights else None
    I = (w_ih.shape[-1] if w_ih is not None else 0) if coded else x.shape[2]  # noqa: E741
    D, H = h0.shape[0], h0.shape[2]
    rows, dtype = GATES[cell] * H, h0.dtype if coded else x.dtype
    expected = ((rows, I), (rows, H), (rows,), (rows,))
    if len(weights) != 4 * D:
        raise ValueError(f"{len(weights)} weights; expected 4 for each of the {D} directions of h0")
    for index, weight in enumerate(weights):
        shape = expected[index & 3]
        if weight is None:
            if len(shape) == 2:
                raise TypeError(f"{WEIGHT_NAMES[index & 3]} is None; only the biases may be absent")
        elif weight.shape != shape or weight.dtype != dtype:
            raise ValueError(
                f"{WEIGHT_NAMES[index & 3]} has shape {tuple(weight.shape)} and dtype {short(weight.dtype)}; expected"
                f" {shape} and {short(dtype)}, by input {tuple(x.shape)} and state {tuple(h0.shape)}"
            )
    if (c0 is None) == (cell == LSTM):
        raise TypeError(
            f"c0 is {'None' if c0 is None else 'given'}; an LSTM carries a cell state, and no other cell does"
        )
    for name, state in (("h0", h0), ("c0", c0)):
        if state is not None and (state.shape != (D, x.shape[1], H) or state.dtype != dtype):
            raise ValueError(
                f"{name} has shape {tuple(state.shape)} and dtype {short(state.dtype)}; expected (D, N, H) ="
                f" {(D, x.shape[1], H)} and {short(dtype)}"
            )


def kind_of(value: object) -> str:
    """What a value is, for a message: "a tuple of 3"."""
    return f"a {type(value).__name__}" + (f" of {len(value)}" if isinstance(value, tuple | list) else "")


def short(dtype: torch.dtype) -> str:
    """The name of a dtype without "torch."."""
    return str(dtype).removeprefix("torch.")


def _wrong_input(name: str, tensor: Tensor, letters: str, input_size: int) -> str:
    return f"{name} has shape {tuple(tensor.shape)}; expected {letters} with I = input_size = {input_size}"


def _wrong_kind_of_state(state: object, number: int, letters: tuple[str, ...]) -> str:
    got = kind_of(state)
    if number == 1:
        return f"hx is {got}; expected one Tensor {_shown(letters)}: only an LSTM carries a pair of states"
    return f"hx is or holds {got}; expected a pair (hidden, cell) of Tensors {_shown(letters)}"


def _shown(letters: tuple[str, ...]) -> str:
    return f"({', '.join(letters)})"


def _cause(got: tuple[int, ...], expected: tuple[int, ...], letters: tuple[str, ...]) -> str:
    """The usual cause of a state's wrong shape."""
    if len(got) != len(expected):
        return "one sequence without a batch has states without one, and a batch has states with one"
    if len(got) == 3 and got == (expected[1], expected[0], expected[2]):
        return "states keep this layout also with batch_first=True"
    causes = {
        "D": "it comes from {} directions, the weights are of {}",
        "L·D": "it comes from {} layers times directions, this layer has {}",
        "N": "it comes from a batch of {}, the input has {}",
        "H": "it comes from a layer of {} units, this one has {}",
    }
    wrong = [(letter, g, e) for letter, g, e in zip(letters, got, expected, strict=True) if g != e]
    letter, g, e = wrong[0]
    return causes[letter].format(g, e)
