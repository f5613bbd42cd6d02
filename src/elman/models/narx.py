"""The network of a NARX model: the next outputs from past outputs and from what is known besides.

::

    z_t = (y_{t-1}, …, y_{t-K}, e_t)          what is seen: K past outputs, and known inputs with their own past
    y_t = A z_t + b + V g(z_t)                a linear model, and what a hidden layer adds to it

A and b are what least squares found and a learned correction, so that weight decay draws towards the linear model.

g is tanh(U z_t + c), or a recurrent layer over the z's, or absent.  In series-parallel form the past outputs are the
true ones; in parallel form, a free run, they are the network's own, and gradients go back through them.
"""

from difflib import get_close_matches

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from elman.models.encoders import Encoder, EncoderState
from elman.models.language_model import CELLS

__all__ = ["NETWORKS", "NARXNetwork"]

NETWORKS = ("linear", "feedforward", *CELLS)
"""What ``network=`` takes."""


class NARXNetwork(nn.Module):
    """Nonlinear autoregressive network with exogenous inputs (Narendra and Parthasarathy, 1990).

    Parameters
    ----------
    outputs
        M.
    delays
        K, past outputs that are seen; 0 for none.
    exogenous
        E, numbers that are known besides at every step.
    network
        ``feedforward`` (default), ``rnn``, ``gru`` or ``lstm``: g; ``linear``: none.
    hidden
        H, the size of g.

    Attributes
    ----------
    linear_weight, linear_bias : buffers (M, K·M + E) and (M,)
        A and b of the linear model: set, not learned; zero until `set_linear`.
    correction : nn.Linear
        What training adds to them; zero at first.
    encoder : Encoder or None
        g.
    readout : nn.Linear or None
        V.  Zero at first, so that an untrained network is the linear model.

    Raises
    ------
    ValueError
        If a size or the name is impossible.

    Examples
    --------
    >>> network = NARXNetwork(outputs=1, delays=3, exogenous=2, hidden=8)
    >>> past, exogenous = torch.zeros(3, 5, 1), torch.zeros(7, 5, 2)  # (K, N, M), (T, N, E)
    >>> network.free_run(past, exogenous)[0].shape  # each output is seen by the next ones
    torch.Size([7, 5, 1])
    >>> network(torch.zeros(3 + 7, 5, 1), exogenous)[0].shape  # the true outputs are seen
    torch.Size([7, 5, 1])
    """

    def __init__(
        self, outputs: int, delays: int, exogenous: int, *, network: str = "feedforward", hidden: int = 8
    ) -> None:
        super().__init__()
        _check(outputs, delays, exogenous, network, hidden)
        self.outputs, self.delays, self.exogenous = outputs, delays, exogenous
        seen = delays * outputs + exogenous
        self.linear_weight: Tensor
        self.linear_bias: Tensor
        self.register_buffer("linear_weight", torch.zeros(outputs, seen))
        self.register_buffer("linear_bias", torch.zeros(outputs))
        self.correction = nn.Linear(seen, outputs)
        self.encoder = None if network == "linear" else Encoder(network, seen, hidden)
        self.readout = None if network == "linear" else nn.Linear(hidden, outputs, bias=False)
        for layer in (self.correction, self.readout):
            for parameter in () if layer is None else layer.parameters():
                nn.init.zeros_(parameter)

    def initial_state(self, batch: int) -> EncoderState:
        """What g remembers before the first step, for N = `batch` rows."""
        return () if self.encoder is None else self.encoder.initial_state(batch)

    def forward(
        self, outputs: Tensor, exogenous: Tensor, state: EncoderState | None = None
    ) -> tuple[Tensor, EncoderState]:
        """Predict each step from the true outputs before it (series-parallel).

        Parameters
        ----------
        outputs
            (K + T, N, M): true outputs, those of the K steps before the first one included; those of the last step
            are not read.
        exogenous
            (T, N, E).
        state
            What g remembers; None: nothing.

        Returns
        -------
        predictions
            (T, N, M).
        state
            After the last step.
        """
        T = exogenous.shape[0]
        if outputs.shape[0] != self.delays + T:
            raise ValueError(f"outputs has {outputs.shape[0]} steps; expected K + T = {self.delays} + {T}")
        past = [outputs[self.delays - lag :][:T] for lag in range(1, self.delays + 1)]
        return self.step(torch.cat([*past, exogenous], dim=2), state)

    def free_run(
        self, past: Tensor, exogenous: Tensor, state: EncoderState | None = None
    ) -> tuple[Tensor, EncoderState]:
        """Predict each step from the network's own predictions before it (parallel).

        Parameters
        ----------
        past
            (K, N, M), the true outputs before the first step, oldest first.
        exogenous, state
            As in `forward`.

        Returns
        -------
        predictions
            (T, N, M), with their graph through all steps.
        state
            After the last step.
        """
        if past.shape[0] != self.delays:
            raise ValueError(f"past has {past.shape[0]} steps; expected K = {self.delays}")
        state = self.initial_state(exogenous.shape[1]) if state is None else state
        if self.encoder is None or self.encoder.encoder == "feedforward":
            return self._free_run_without_memory(past, exogenous), state
        seen = past.flip(0).transpose(0, 1).flatten(1)  # (N, K·M), newest first
        kept = (self.delays - 1) * self.outputs if self.delays else 0
        predictions = []
        for e in exogenous:
            y, state = self.step(torch.cat((seen, e), dim=1).unsqueeze(0), state)
            seen = torch.cat((y[0], seen[:, :kept]), dim=1) if self.delays else seen
            predictions.append(y[0])
        return (torch.stack(predictions) if predictions else exogenous.new_zeros(0, past.shape[1], self.outputs)), state

    def _free_run_without_memory(self, past: Tensor, exogenous: Tensor) -> Tensor:
        """`free_run` where g keeps no state: what the known inputs add is one product for all steps."""
        split = self.delays * self.outputs
        A, b = self.linear_weight + self.correction.weight, self.linear_bias + self.correction.bias
        V = None if self.readout is None else self.readout.weight.T
        if self.encoder is not None:  # A and U side by side
            U, c = (getattr(self.encoder.layer, f"{name}_l0") for name in ("weight", "bias"))
            A, b = torch.cat((A, U[:, 0])), torch.cat((b, c))
        known = linear(exogenous, A[:, split:], b)  # (T, N, M + H)
        weight, kept = A[:, :split].T, split - self.outputs
        seen = past.flip(0).transpose(0, 1).flatten(1)  # (N, K·M), newest first
        predictions = []
        for e in known.unbind():
            net = torch.addmm(e, seen, weight)
            y = net if V is None else torch.addmm(net[:, : self.outputs], torch.tanh(net[:, self.outputs :]), V)
            if split:
                seen = torch.cat((y, seen[:, :kept]), dim=1)
            predictions.append(y)
        return torch.stack(predictions) if predictions else exogenous.new_zeros(0, past.shape[1], self.outputs)

    def step(self, seen: Tensor, state: EncoderState | None) -> tuple[Tensor, EncoderState]:
        """What is predicted from what is seen: (T, N, K·M + E) → (T, N, M), and the state after it."""
        y = linear(seen, self.linear_weight + self.correction.weight, self.linear_bias + self.correction.bias)
        if self.encoder is None or self.readout is None:
            return y, ()
        hidden, state = self.encoder(seen, state)
        return y + self.readout(hidden), state

    @torch.no_grad()
    def set_linear(self, weight: Tensor, bias: Tensor) -> None:
        """Take A, (M, K·M + E), and b, (M,), from a linear regression."""
        self.linear_weight.copy_(weight)
        self.linear_bias.copy_(bias)


def _check(outputs: int, delays: int, exogenous: int, network: str, hidden: int) -> None:
    if network not in NETWORKS:
        near = get_close_matches(str(network), NETWORKS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"network is {network!r}, expected one of {', '.join(NETWORKS)}{hint}")
    for name, size, least in (
        ("outputs", outputs, 1),
        ("delays", delays, 0),
        ("exogenous", exogenous, 0),
        ("hidden", hidden, 1),
    ):
        if size < least:
            raise ValueError(f"{name} is {size}, expected at least {least}")
