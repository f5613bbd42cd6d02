"""The network of a forecaster: the last L values of a series in, the quantiles of the next H out, at once.

::

    w values of a segment → linear, ReLU → recurrent layers over the segments → state
    state, and the place of a segment of the future → the same layers, one step → linear → w values

The past is read in segments of w values, so that L of them are L / w recurrent steps; each segment of the future is
one step from the state at the end of the past, all of them side by side, and no forecast is fed back (Lin et al.,
SegRNN: Segment recurrent neural network for long-term time series forecasting, 2023, arXiv 2308.11200).  With w = 1
it is the plain recurrent encoder.  Every series is a row of its own.

Letters: N rows, L look-back, H horizon, w segment, Q quantiles, I inputs, K known inputs, C calendar features.
"""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.layers import LSTMState
from elman.models.language_model import CELLS

__all__ = ["ForecastNetwork", "Observation", "PastWindow"]


class PastWindow(NamedTuple):
    """What a forecast is made from, of N rows: the input of a `ForecastNetwork`, and its state on a stream."""

    values: Tensor
    """(N, L); where a value is missing, the last one before it."""
    missing: Tensor
    """(N, L): 1 where it is missing, else 0."""
    inputs: Tensor
    """(N, L, I): other series that are observed along with it."""
    known: Tensor
    """(N, L + H, K): what is known of the future too."""
    calendar: Tensor
    """(N, L + H, C): where each step stands in day, week and year."""
    series: Tensor
    """(N,) int64: which series a row is of, 1 … S; 0 is one that training did not meet."""


class Observation(NamedTuple):
    """One step of N streams; what `ForecastNetwork.step` adds to a `PastWindow`."""

    value: Tensor
    """(N,)"""
    missing: Tensor
    """(N,): 1 where it is missing, else 0; its value then does not count."""
    inputs: Tensor
    """(N, I)"""
    known: Tensor
    """(N, 1 + H, K): of this step and the H next."""
    calendar: Tensor
    """(N, 1 + H, C), likewise."""


class ForecastNetwork(nn.Module):
    """Recurrent network that forecasts the next H values of series, segment by segment.

    Parameters
    ----------
    look_back
        L, values that are read; a multiple of `segment`.
    horizon
        H, values that are forecast.
    segment
        w, values that are read, and written, in one step.
    inputs, known, calendar
        I, K and C of `PastWindow`.
    series
        S, different series that get a learned vector each; 0 for none.
    quantiles
        Q, numbers that are put out for each value.
    season
        Forecasts are counted from the values one season earlier; 1 counts from the last value.
    cell
        ``rnn``, ``gru`` or ``lstm``.
    layers
        Of the recurrent network.
    hidden
        Width of each.
    dropout
        Part of the last layer's outputs that a mask of `masks` blanks.

    Raises
    ------
    ValueError
        If a size is out of range, or the look-back is no multiple of the segment or shorter than the season.

    Notes
    -----
    The window's last value is subtracted from what is read and added to what is put out, so that a forecast moves with
    the level of its series.  The weights of the flags of missing values and the vectors of the series start at zero.

    Examples
    --------
    >>> network = ForecastNetwork(look_back=48, horizon=24, segment=12, hidden=16, quantiles=3)
    >>> state = network.initial_state(5)
    >>> network(state).shape  # (N, H, Q)
    torch.Size([5, 24, 3])
    """

    def __init__(
        self,
        look_back: int,
        horizon: int,
        segment: int,
        *,
        inputs: int = 0,
        known: int = 0,
        calendar: int = 0,
        series: int = 0,
        quantiles: int = 1,
        season: int = 1,
        cell: str = "gru",
        layers: int = 1,
        hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(look_back, horizon, segment, season, cell, layers, hidden, quantiles, dropout)
        self.look_back, self.horizon, self.segment, self.season = look_back, horizon, segment, season
        self.inputs, self.known, self.calendar, self.quantiles = inputs, known, calendar, quantiles
        self.hidden, self.dropout = hidden, dropout
        self.pieces = -(-horizon // segment)  # segments of the future
        self.read = nn.Linear(segment * (2 + inputs + known) + calendar, hidden)
        self.recurrent = CELLS[cell](hidden, hidden, num_layers=layers)
        self.place = nn.Parameter(torch.randn(self.pieces, hidden))
        self.ahead = nn.Linear(segment * known + calendar, hidden, bias=False) if known + calendar else None
        self.vectors = nn.Parameter(torch.zeros(series + 1, hidden)) if series else None
        self.write = nn.Linear(hidden, segment * quantiles)
        with torch.no_grad():
            self.read.weight[:, segment : 2 * segment] = 0.0

    def initial_state(self, batch: int) -> PastWindow:
        """The window of N = `batch` streams of which nothing was seen."""
        L, H, zeros = self.look_back, self.horizon, self.place.new_zeros
        return PastWindow(
            zeros(batch, L),
            torch.ones_like(zeros(batch, L)),
            zeros(batch, L, self.inputs),
            zeros(batch, L + H, self.known),
            zeros(batch, L + H, self.calendar),
            torch.zeros(batch, dtype=torch.int64),
        )

    def masks(self, batch: int, generator: torch.Generator | None = None) -> Tensor | None:
        """Draw a dropout mask for the outputs, (N, pieces, hidden), as `forward` takes it; None without dropout."""
        if not self.dropout:
            return None
        keep = 1.0 - self.dropout
        mask = self.place.new_empty(batch, self.pieces, self.hidden)
        return mask.bernoulli_(keep, generator=generator).div_(keep)

    def forward(self, window: PastWindow, mask: Tensor | None = None) -> Tensor:
        """Forecast.

        Parameters
        ----------
        window
            The past of N rows, and what is known of their future.
        mask
            From `masks`, to train with dropout.

        Returns
        -------
        Tensor
            (N, H, Q).

        Raises
        ------
        ValueError
            If a part of the window has another shape.
        """
        self._check_window(window)
        level = window.values[:, -1:]
        state = self._encode(window, level)
        output = self._decode(window, state)  # (N, pieces, hidden)
        output = output if mask is None else output * mask
        change = self.write(output).view(len(level), -1, self.quantiles)[:, : self.horizon]
        return cast(Tensor, change + self._base(window.values).unsqueeze(2))

    def step(self, x: Observation, state: PastWindow) -> tuple[Tensor, PastWindow]:
        """Take in one value of each of N streams, and forecast: (N, H, Q) and the window after it.

        The memory of a stream is its window, however long it runs.
        """
        state = self.observe(x, state)
        return self(state), state

    def observe(self, x: Observation, state: PastWindow) -> PastWindow:
        """The window after one more value of each of N streams."""
        L, gone = self.look_back, x.missing > 0
        nothing = state.missing.amin(1, keepdim=True) > 0
        value = torch.where(gone, state.values[:, -1], x.value).unsqueeze(1)
        before = torch.where(nothing, value, state.values[:, 1:])
        return PastWindow(
            torch.cat([before, value], 1),
            torch.cat([state.missing[:, 1:], x.missing.unsqueeze(1)], 1),
            torch.cat([state.inputs[:, 1:], x.inputs.unsqueeze(1)], 1),
            torch.cat([state.known[:, 1:L], x.known], 1),
            torch.cat([state.calendar[:, 1:L], x.calendar], 1),
            state.series,
        )

    def _encode(self, window: PastWindow, level: Tensor) -> Tensor | LSTMState:
        """Read the past: the state of the recurrent layers after it."""
        L, w = self.look_back, self.segment
        parts = [_segments(window.values - level, w), _segments(window.missing, w)]
        parts += [_segments(columns[:, :L], w) for columns in (window.inputs, window.known) if columns.shape[2]]
        parts += [window.calendar[:, :L:w].transpose(0, 1)] if self.calendar else []
        x = torch.relu(self.read(torch.cat(parts, dim=2)))  # (L / w, N, hidden)
        return cast(Tensor | LSTMState, self.recurrent(x)[1])

    def _decode(self, window: PastWindow, state: Tensor | LSTMState) -> Tensor:
        """One step for each segment of the future, all from the same state: (N, pieces, hidden)."""
        N, L, w = len(window.values), self.look_back, self.segment
        x = self.place.expand(N, -1, -1)
        if self.ahead is not None:
            parts = []
            if self.known:
                short = self.pieces * w - self.horizon  # what the last segment reaches beyond the horizon is unknown
                future = F.pad(window.known[:, L:], (0, 0, 0, short))
                parts.append(future.reshape(N, self.pieces, w * self.known))
            if self.calendar:
                parts.append(window.calendar[:, L::w])
            x = x + self.ahead(torch.cat(parts, dim=2))
        if self.vectors is not None:
            x = x + self.vectors[window.series].unsqueeze(1)
        spread = [part.repeat_interleave(self.pieces, dim=1) for part in _parts(state)]
        start = LSTMState(*spread) if len(spread) == 2 else spread[0]
        output, _ = self.recurrent(x.reshape(1, N * self.pieces, -1), start)
        return cast(Tensor, output.view(N, self.pieces, -1))

    def _base(self, values: Tensor) -> Tensor:
        """What the forecast is counted from, (N, H): the values one season earlier, or the last one."""
        if self.season == 1:
            return values[:, -1:].expand(-1, self.horizon)
        steps = torch.arange(self.horizon) % self.season
        return values[:, self.look_back - self.season + steps]

    def _check_window(self, window: PastWindow) -> None:
        N, L, H = len(window.values), self.look_back, self.horizon
        expected = {
            "values": (N, L),
            "missing": (N, L),
            "inputs": (N, L, self.inputs),
            "known": (N, L + H, self.known),
            "calendar": (N, L + H, self.calendar),
            "series": (N,),
        }
        for name, shape in expected.items():
            found = tuple(getattr(window, name).shape)
            if found != shape:
                raise ValueError(f"{name} has shape {found}; expected {shape} with L = {L}, H = {H}")


def _segments(columns: Tensor, w: int) -> Tensor:
    """(N, L) or (N, L, I) → (L / w, N, w · I)."""
    N, L = columns.shape[:2]
    return columns.reshape(N, L // w, -1).transpose(0, 1)


def _parts(state: Tensor | LSTMState) -> Sequence[Tensor]:
    return tuple(state) if isinstance(state, LSTMState) else (state,)


def _check(
    look_back: int,
    horizon: int,
    segment: int,
    season: int,
    cell: str,
    layers: int,
    hidden: int,
    quantiles: int,
    dropout: float,
) -> None:
    if cell not in CELLS:
        raise ValueError(f"cell is {cell!r}, expected one of {', '.join(CELLS)}")
    sizes = {"look_back": look_back, "horizon": horizon, "segment": segment, "season": season, "layers": layers}
    for name, size in {**sizes, "hidden": hidden, "quantiles": quantiles}.items():
        if size < 1:
            raise ValueError(f"{name} is {size}, expected at least 1")
    if look_back % segment:
        raise ValueError(f"look_back is {look_back}, expected a multiple of the segment, {segment}")
    if season > look_back:
        raise ValueError(f"season is {season}, expected at most the look-back, {look_back}")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is {dropout}, expected a number from 0 up to, not including, 1")
