"""Encoders: one interface for the networks that turn a sequence of vectors into one of hidden vectors.

::

    feedforward   sees step t alone               h_t = f(x_t)
    tdnn          sees the last K·d steps a layer  h_t = f(x_t, …, x_{t-K·d})
    rnn gru lstm  see everything before            h_t = f(x_t, h_{t-1})

What reads their output, a tagger or a classifier, needs not know which it is.
"""

from difflib import get_close_matches
from typing import Any, cast

import torch
from torch import Tensor, nn

from elman.layers import LSTM, TDNN, LSTMState
from elman.layers.checks import as_lengths, check_lengths
from elman.layers.stack import Lengths
from elman.models.language_model import CELLS

__all__ = ["ENCODERS", "Encoder", "EncoderState", "flipped"]

ENCODERS = ("feedforward", "tdnn", *CELLS)
"""The encoders by the name that ``encoder=`` and ``--encoder`` take."""

EncoderState = tuple[Tensor, ...] | Tensor | LSTMState
"""What an encoder remembers, a value: the state of its layers."""


class Encoder(nn.Module):
    """A network (T, N, I) → (T, N, D·H), chosen by name.

    Parameters
    ----------
    encoder
        ``feedforward``, ``tdnn``, ``rnn`` (Elman's, tanh), ``gru`` or ``lstm``.
    input_size
        I.
    hidden_size
        H, of each layer and direction.
    layers
        L, on top of one another.
    bidirectional
        A second direction reads each row from its own end: the output at t then depends on what comes after, too.
        The second direction of a TDNN is a stack of its own, beside the first.
    delays, dilation
        K and d of each layer of a TDNN (`elman.TDNN`); the others do not use them.

    Attributes
    ----------
    output_size : int
        D·H.
    receptive_field : int or None
        On how many steps, t included, a direction's output at t depends; None: on all.

    Raises
    ------
    ValueError, TypeError
        If the name or a size is impossible, or for a bidirectional feed-forward encoder, which would see step t twice.

    Examples
    --------
    >>> import torch
    >>> x = torch.zeros(7, 3, 5)  # (T, N, I)
    >>> for name in ENCODERS:
    ...     encoder = Encoder(name, 5, 16, layers=2)
    ...     output, state = encoder(x, lengths=[7, 4, 0])
    ...     print(name, tuple(output.shape), encoder.receptive_field)
    feedforward (7, 3, 16) 1
    tdnn (7, 3, 16) 5
    rnn (7, 3, 16) None
    gru (7, 3, 16) None
    lstm (7, 3, 16) None
    """

    def __init__(
        self,
        encoder: str,
        input_size: int,
        hidden_size: int,
        *,
        layers: int = 1,
        bidirectional: bool = False,
        delays: int = 2,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        _check_name(encoder)
        if encoder == "feedforward" and bidirectional:
            raise ValueError("a feed-forward encoder sees one step, from either side: bidirectional adds nothing to it")
        self.encoder, self.bidirectional = encoder, bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.layer: nn.Module
        self.reverse: TDNN | None = None
        if encoder in CELLS:
            self.layer = CELLS[encoder](input_size, hidden_size, num_layers=layers, bidirectional=bidirectional)
            return
        options: dict[str, Any] = {"delays": 0 if encoder == "feedforward" else delays, "dilation": dilation}
        sizes = [input_size] + [hidden_size] * layers
        self.layer = TDNN(sizes, **options)
        self.reverse = TDNN(sizes, **options) if bidirectional else None

    @property
    def receptive_field(self) -> int | None:
        """On how many steps, t included, a direction's output at t depends; None: on all."""
        return self.layer.receptive_field if isinstance(self.layer, TDNN) else None

    def initial_state(self, batch: int) -> EncoderState:
        """Zeros for N = `batch` rows."""
        if isinstance(self.layer, TDNN):
            return self.layer.initial_state(batch) * (2 if self.reverse is not None else 1)
        layer = cast(LSTM, self.layer)
        rows = layer.num_layers * (2 if self.bidirectional else 1)
        zeros = layer.all_weights[0][0].new_zeros(rows, batch, layer.hidden_size)
        return LSTMState(zeros, zeros.clone()) if self.encoder == "lstm" else zeros

    def forward(
        self, input: Tensor, state: EncoderState | None = None, lengths: Lengths = None
    ) -> tuple[Tensor, EncoderState]:
        """Read T steps of N sequences.

        Parameters
        ----------
        input
            (T, N, I), or integers (T, N), codes of 1-of-N inputs.
        state
            What was read before: `initial_state`, what the last call returned, or None for the former.
        lengths
            (N,), each in 0..T: what lies behind is not read, outputs there are zero.  None: T everywhere.

        Returns
        -------
        output
            (T, N, D·H).
        state
            At the end of each row.
        """
        if self.reverse is None:
            return self.layer(input, state, lengths)  # type: ignore[no-any-return]
        L = self.reverse.num_layers
        before, behind = (None, None) if state is None else (state[:L], state[L:])
        forwards, after = self.layer(input, before, lengths)
        backwards, reached = self.reverse(flipped(input, lengths), behind, lengths)
        return torch.cat((forwards, flipped(backwards, lengths)), dim=-1), (*after, *reached)

    def step(self, x: Tensor, state: EncoderState | None = None) -> tuple[Tensor, EncoderState]:
        """Read one step of each of N streams: (N, I) → (N, H) and the state after it.

        Raises
        ------
        ValueError
            If the encoder is bidirectional: its second direction begins at the end of the stream.
        """
        if self.bidirectional:
            raise ValueError("a bidirectional encoder has no step: its second direction begins where the stream ends")
        output, state = self(x.unsqueeze(0), state)
        return output.squeeze(0), state


def flipped(x: Tensor, lengths: Lengths) -> Tensor:
    """(T, N, …) with the steps of each row, up to its length, in reverse order; what lies behind stays."""
    T, N = x.shape[:2]
    if lengths is None:
        return x.flip(0)
    rows = as_lengths(lengths, N)
    check_lengths(rows, N, T)
    steps = torch.arange(T).unsqueeze(1)
    source = torch.where(steps < rows, rows - 1 - steps, steps).to(x.device)
    return x[source, torch.arange(N, device=x.device)]


def _check_name(encoder: str) -> None:
    if encoder not in ENCODERS:
        near = get_close_matches(str(encoder), ENCODERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"encoder is {encoder!r}, expected one of {', '.join(ENCODERS)}{hint}")
