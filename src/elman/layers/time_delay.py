"""TDNN: feed-forward layers that see a fixed number of steps back, run over time in chunks or step by step."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.types import Device

from elman.layers.checks import as_lengths, check_cell_input, check_dtype, check_input, check_lengths, check_size
from elman.layers.functional import NONLINEARITIES, as_vectors
from elman.layers.stack import Lengths

Frames = tuple[Tensor, ...]


class TDNN(nn.Module):
    """Time-delay neural network (Waibel et al., 1989): each layer sees the last K steps of the one below.

    h_t = f(W_0 x_t + W_1 x_{t-d} + … + W_K x_{t-K·d} + b), with f tanh or max(0, ·), for each layer.  It is causal:
    what comes after t does not change h_t.  With ``delays=0`` it is a feed-forward network, which sees step t alone.

    Parameters
    ----------
    sizes : sequence of int
        I, then the size H of each layer: at least two numbers, each at least 1.
    delays : int or sequence of int, one for each layer, default 1
        K, how many steps before its own a layer sees; 0 for none.
    dilation : int or sequence of int, one for each layer, default 1
        d, the distance of the steps that are seen.
    nonlinearity : "tanh" (default, as in `RNN`) or "relu"
        Of every layer, the last one too: what predicts is put on top.
    bias : bool, default True
    batch_first : bool, default False
        Input and output are (N, T, ·) instead of (T, N, ·).  States keep their layout.
    device, dtype : of the parameters; defaults as in torch

    Attributes
    ----------
    weight_l{k} : Parameter (H, K + 1, I)
        ``weight_l{k}[:, j]`` is W_j of layer k, which reads step t - j·d.
    bias_l{k} : Parameter (H,)
        Both are drawn from U(-1/√((K + 1)·I), 1/√((K + 1)·I)), as `torch.nn.Conv1d` draws its own.
    receptive_field : int
        The number of steps, t included, on which the output at t depends: 1 + Σ K·d over the layers.

    Raises
    ------
    ValueError, TypeError
        If an option or a size is impossible; on a call, if input, state or lengths do not fit.

    Notes
    -----
    The layer equals `torch.nn.Conv1d` of kernel size K + 1 and the same dilation over an input that is padded with K·d
    zeros in front, with the order of the steps reversed: ``conv.weight == layer.weight_l0.permute(0, 2, 1).flip(2)``.

    The state is a ring of frames, as a value: for each layer its last K·d inputs, of which the oldest drops out.
    Products are torch's, whose last bits depend on the number of rows: a chunked sequence equals the whole one within
    rounding, not to the bit.

    Examples
    --------
    >>> import torch, elman
    >>> tdnn = elman.TDNN([8, 16, 16], delays=2, dilation=[1, 3])
    >>> tdnn.receptive_field  # 1 + 2·1 + 2·3
    9
    >>> output, state = tdnn(torch.zeros(5, 3, 8), lengths=[5, 2, 0])
    >>> output.shape, [frames.shape for frames in state]
    (torch.Size([5, 3, 16]), [torch.Size([2, 3, 8]), torch.Size([6, 3, 16])])
    >>> y, state = tdnn.step(torch.zeros(3, 8), state)  # a stream goes on
    >>> y.shape
    torch.Size([3, 16])
    """

    def __init__(
        self,
        sizes: Sequence[int],
        delays: int | Sequence[int] = 1,
        dilation: int | Sequence[int] = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        device: Device = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if nonlinearity not in NONLINEARITIES:
            raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'tanh' or 'relu'")
        super().__init__()
        self.sizes = _checked_sizes(sizes)
        self.num_layers = len(self.sizes) - 1
        self.delays = _for_each_layer("delays", delays, self.num_layers, least=0)
        self.dilation = _for_each_layer("dilation", dilation, self.num_layers, least=1)
        self.nonlinearity, self.bias, self.batch_first = nonlinearity, bool(bias), bool(batch_first)
        for index, (I, H, K) in enumerate(zip(self.sizes, self.sizes[1:], self.delays, strict=False)):  # noqa: E741
            weight = nn.Parameter(torch.empty(H, K + 1, I, device=device, dtype=dtype))
            self.register_parameter(f"weight_l{index}", weight)
            row = nn.Parameter(torch.empty(H, device=device, dtype=dtype)) if bias else None
            self.register_parameter(f"bias_l{index}", row)
        self.reset_parameters()

    @property
    def input_size(self) -> int:
        """I, the size of an input."""
        return self.sizes[0]

    @property
    def hidden_size(self) -> int:
        """H of the last layer, the size of an output."""
        return self.sizes[-1]

    @property
    def receptive_field(self) -> int:
        """The number of steps, t included, on which the output at t depends."""
        return 1 + sum(self._memories())

    def reset_parameters(self) -> None:
        """Draw all parameters from U(-1/√((K + 1)·I), 1/√((K + 1)·I)), as torch.nn.Conv1d does."""
        for index in range(self.num_layers):
            weight, bias = self._weights(index)
            bound = 1.0 / math.sqrt(weight[0].numel())
            nn.init.uniform_(weight, -bound, bound)
            if bias is not None:
                nn.init.uniform_(bias, -bound, bound)

    def initial_state(self, batch: int) -> Frames:
        """Zeros for N = `batch` rows: for each layer (K·d, N, I)."""
        weight = self._weights(0)[0]
        sizes = zip(self._memories(), self.sizes, strict=False)
        return tuple(weight.new_zeros(kept, batch, size) for kept, size in sizes)

    def forward(self, input: Tensor, hx: Frames | None = None, lengths: Lengths = None) -> tuple[Tensor, Frames]:
        """Run the layers over a batch of sequences.

        Parameters
        ----------
        input : Tensor (T, N, I), (N, T, I) with `batch_first`, or (T, I) for one sequence
            In the dtype and on the device of the parameters.  Integers, (T, N), (N, T) or (T,), are codes of 1-of-N
            inputs, each in 0..I-1.
        hx : tuple of Tensor, one (K·d, N, I) for each layer, without N for one sequence; default None: zeros
            The last inputs of each layer before this one, oldest first: what the last call returned.
        lengths : Tensor or sequence of int, (N,), each in 0..T, in any order; default None: T everywhere
            What lies behind a row's length is not read; outputs there are zero, and the state is that of its end.

        Returns
        -------
        output : like `input`, with the last H in place of I
        h_n : like `hx`
        """
        x, batched = self._time_major(input)
        T, N = x.shape[:2]
        state = self._checked_state(hx, N, batched)
        rows = None if lengths is None else as_lengths(lengths, N)
        exists = None
        if rows is not None:
            if not torch.compiler.is_compiling():
                check_lengths(rows, N, T)
            rows = rows.to(x.device)
            exists = (torch.arange(T, device=x.device).unsqueeze(1) < rows).unsqueeze(2)  # (T, N, 1)
            x = torch.where(exists, x, 0)  # what is there may be no number, and must not reach a gradient
        after = []
        for index, before in enumerate(state):
            frames = torch.cat((before, x)) if before.shape[0] else x  # (K·d + T, N, I)
            after.append(_last_frames(frames, before.shape[0], rows))
            x = self._activated(net(frames, *self._weights(index), self.dilation[index]))
        output = x if exists is None else torch.where(exists, x, 0)
        if not batched:
            return output.squeeze(1), tuple(frames.squeeze(1) for frames in after)
        return (output.transpose(0, 1) if self.batch_first else output), tuple(after)

    def step(self, x: Tensor, state: Frames | None = None) -> tuple[Tensor, Frames]:
        """Read one step of N streams.

        Parameters
        ----------
        x : Tensor (N, I), or (I,) for one stream
        state : as the last call returned it; None before the first step

        Returns
        -------
        y : Tensor (N, H), or (H,)
        state : the frames that the next step needs, a new value; the one that was passed in is as it was
        """
        x = check_cell_input(x, self.input_size, self._weights(0)[0]).unsqueeze(0)
        if self.batch_first and x.dim() == 3:
            x = x.transpose(0, 1)
        output, state = self(x, state)
        return output.squeeze(1 if self.batch_first and output.dim() == 3 else 0), state

    def extra_repr(self) -> str:
        """Sizes, and the options that differ from their defaults."""
        text = f"{list(self.sizes)}, delays={_shown(self.delays)}"
        text += "" if set(self.dilation) == {1} else f", dilation={_shown(self.dilation)}"
        for name, default in (("nonlinearity", "tanh"), ("bias", True), ("batch_first", False)):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text

    def _weights(self, index: int) -> tuple[Tensor, Tensor | None]:
        return getattr(self, f"weight_l{index}"), getattr(self, f"bias_l{index}")

    def _memories(self) -> list[int]:
        """K·d of each layer: how many of its inputs it needs to have kept."""
        return [K * d for K, d in zip(self.delays, self.dilation, strict=True)]

    def _activated(self, net: Tensor) -> Tensor:
        return torch.tanh(net) if self.nonlinearity == "tanh" else torch.relu(net)

    def _time_major(self, input: Tensor) -> tuple[Tensor, bool]:
        """Any form of input as (T, N, I), and whether it has an N of its own."""
        if not isinstance(input, Tensor):
            raise TypeError(f"input is a {type(input).__name__}; expected a Tensor (T, N, I), with lengths if rows end")
        weight = self._weights(0)[0]
        x = check_input(input, self.input_size, weight, self.batch_first)
        if not x.is_floating_point() and x.numel() and not 0 <= int(x.min()) <= int(x.max()) < self.input_size:
            outside = int(x.min()) if x.min() < 0 else int(x.max())
            raise ValueError(f"input holds the code {outside}; expected 0 <= code < I = {self.input_size}")
        x = as_vectors(x, self.input_size, weight.dtype)
        if x.dim() == 2:
            return x.unsqueeze(1), False
        return (x.transpose(0, 1) if self.batch_first else x), True

    def _checked_state(self, hx: Frames | None, N: int, batched: bool) -> Frames:
        if hx is None:
            return self.initial_state(N)
        if not isinstance(hx, tuple | list) or len(hx) != self.num_layers:
            kind = f"a {type(hx).__name__}" + (f" of {len(hx)}" if isinstance(hx, tuple | list) else "")
            raise TypeError(f"hx is {kind}; expected a tuple of {self.num_layers} Tensors (K·d, N, I), one a layer")
        checked = []
        for index, (frames, P, I) in enumerate(zip(hx, self._memories(), self.sizes, strict=False)):  # noqa: E741
            shape = (P, N, I) if batched else (P, I)
            got = tuple(frames.shape) if isinstance(frames, Tensor) else type(frames).__name__
            if got != shape:
                letters = "(K·d, N, I)" if batched else "(K·d, I)"
                raise ValueError(
                    f"hx[{index}] has shape {got}; expected {letters} = {shape}: the last inputs of layer {index}"
                )
            checked.append(check_dtype(f"hx[{index}]", frames, self._weights(0)[0]))
        return tuple(checked) if batched else tuple(frames.unsqueeze(1) for frames in checked)


def net(frames: Tensor, weight: Tensor, bias: Tensor | None, dilation: int) -> Tensor:
    """What one layer computes before its nonlinearity.

    Parameters
    ----------
    frames : Tensor (K·d + T, N, I)
        The K·d inputs before the first step, then those of the T steps.
    weight : Tensor (H, K + 1, I)
    bias : Tensor (H,) or None
    dilation : int, d

    Returns
    -------
    Tensor (T, N, H)
    """
    H, taps, I = weight.shape  # noqa: E741
    T = frames.shape[0] - (taps - 1) * dilation
    delayed = [frames[(taps - 1 - k) * dilation :][:T] for k in range(taps)]
    return linear(torch.cat(delayed, dim=2), weight.reshape(H, taps * I), bias)


def _last_frames(frames: Tensor, P: int, lengths: Tensor | None) -> Tensor:
    """The last P of (P + T, N, I) frames, in each row those before its own end."""
    if lengths is None:
        return frames[frames.shape[0] - P :]
    steps = lengths + torch.arange(P, device=frames.device).unsqueeze(1)  # (P, N)
    return frames[steps, torch.arange(frames.shape[1], device=frames.device)]


def _checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    if not isinstance(sizes, list | tuple | torch.Size):
        raise TypeError(f"sizes is {sizes!r} ({type(sizes).__name__}); expected a list: I, then H of each layer")
    if len(sizes) < 2:
        raise ValueError(f"sizes has {len(sizes)} numbers; expected at least two: I, then H of each layer")
    for index, size in enumerate(sizes):
        check_size(f"sizes[{index}]", size, least=1)
    return tuple(sizes)


def _for_each_layer(name: str, value: int | Sequence[int], layers: int, least: int) -> tuple[int, ...]:
    values = tuple(value) if isinstance(value, list | tuple) else (value,) * layers
    if len(values) != layers:
        raise ValueError(f"{name} has {len(values)} numbers; expected one, or one for each of the {layers} layers")
    for index, number in enumerate(values):
        check_size(f"{name}[{index}]" if isinstance(value, list | tuple) else name, number, least)  # type: ignore[arg-type]
    return values  # type: ignore[return-value]


def _shown(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else str(list(values))
