"""The network of a language model: tokens in, the logits of each next token out.

::

    token → embedding, or 1-of-N → L recurrent layers → output layer → logits

Letters: T time, N batch, E embedding, H hidden, L layers, V vocabulary.
"""

import copy
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.layers import GRU, LSTM, RNN, LSTMState, Weights, functional

__all__ = ["CELLS", "LanguageNetwork", "LanguageStepper", "State", "detach", "state_from_tensors", "state_tensors"]

CELLS: dict[str, type[RNN | GRU | LSTM]] = {"rnn": RNN, "gru": GRU, "lstm": LSTM}
"""The recurrent layers by the name that ``cell=`` and ``--cell`` take."""

_FUNCTIONS: dict[type[nn.Module], Callable[..., Any]] = {
    RNN: functional.rnn,
    GRU: functional.gru,
    LSTM: functional.lstm,
}

State = tuple[Tensor | LSTMState, ...]
"""The state of a network, a value: for each of its layers (1, N, H), for LSTM two of them."""

Masks = Sequence[Tensor]  # one (1, N, H) for each layer


class LanguageNetwork(nn.Module):
    """Recurrent network that predicts, at every step, the next token.

    Parameters
    ----------
    vocabulary
        V, the number of different tokens.
    cell
        ``rnn`` (Elman's, tanh), ``gru`` or ``lstm``.
    layers
        L, recurrent layers on top of one another.
    hidden
        H, the width of each.
    embedding
        E, the width of a learned vector for each token; 0 feeds 1-of-N codes, so that a token picks its
        column of ``weight_ih``.
    tied
        Whether the output layer's weight is the embedding's (Press and Wolf, 2017); needs E = H.
    dropout
        Part of each layer's outputs that a mask of `masks` blanks.

    Raises
    ------
    ValueError
        If a size, the dropout or the cell is out of range, or `tied` does not fit `embedding`.

    Notes
    -----
    The parameters start as those of torch.nn do, but the rows of an untied embedding, and with 1-of-N codes the columns
    of the first ``weight_ih``, from a normal distribution of standard deviation 1.  An embedding that is `tied` serves
    as output weight too and starts at ``H ** -0.5``.  Entry 0 is "other" in a `Lexicon` that has one: its embedding
    starts at zero, and stays there if training never meets it, so that an unknown token says nothing.

    Examples
    --------
    >>> network = LanguageNetwork(vocabulary=65, cell="gru", hidden=32, embedding=16)
    >>> tokens = torch.zeros(7, 3, dtype=torch.int64)  # (T, N)
    >>> logits, state = network(tokens, network.initial_state(3))
    >>> logits.shape, state[0].shape
    (torch.Size([7, 3, 65]), torch.Size([1, 3, 32]))
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        cell: str = "lstm",
        layers: int = 1,
        hidden: int = 256,
        embedding: int = 64,
        tied: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(vocabulary, cell, layers, hidden, embedding, tied, dropout)
        self.vocabulary, self.hidden, self.dropout = vocabulary, hidden, dropout
        self.embedding = nn.Embedding(vocabulary, embedding) if embedding else None
        widths = [embedding or vocabulary] + [hidden] * (layers - 1)
        self.layers = nn.ModuleList(CELLS[cell](width, hidden) for width in widths)
        self.output_weight = None if tied else nn.Parameter(torch.empty(vocabulary, hidden))
        self.output_bias = nn.Parameter(torch.zeros(vocabulary))
        self._reset()

    @torch.no_grad()
    def _reset(self) -> None:
        first = cast(Tensor, self.layers[0].weight_ih_l0)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=1.0 if self.output_weight is not None else self.hidden**-0.5)
            self.embedding.weight[0] = 0.0
        else:
            nn.init.normal_(first)
            first[:, 0] = 0.0
        if self.output_weight is not None:
            bound = self.hidden**-0.5
            nn.init.uniform_(self.output_weight, -bound, bound)

    def initial_state(self, batch: int) -> State:
        """Zeros for N = `batch` rows, in the network's dtype."""
        zeros = self.output_bias.new_zeros(1, batch, self.hidden)
        return tuple(
            LSTMState(zeros, zeros.clone()) if isinstance(layer, LSTM) else zeros.clone() for layer in self.layers
        )

    def masks(self, batch: int, generator: torch.Generator | None = None) -> Masks:
        """Draw locked dropout masks (Gal and Ghahramani, 2016): for each layer one (1, N, H), the same at every step.

        Each number is 0 with probability `dropout`, else 1 / (1 - dropout).  Without dropout there are none.
        """
        if not self.dropout:
            return ()
        keep = 1.0 - self.dropout
        ones = [self.output_bias.new_empty(1, batch, self.hidden) for _ in self.layers]
        return [mask.bernoulli_(keep, generator=generator).div_(keep) for mask in ones]

    def forward(self, tokens: Tensor, state: State, masks: Masks = ()) -> tuple[Tensor, State]:
        """Read T tokens of N texts.

        Parameters
        ----------
        tokens
            (T, N) integer indices.
        state
            What was read before: `initial_state`, or what the last call returned (`detach` it between windows).
        masks
            From `masks`, to train with dropout; none to predict.  They multiply the outputs of each layer.

        Returns
        -------
        logits
            (T, N, V); softmax over the last dimension gives the probabilities of token t + 1.
        state
            After the last token.

        Raises
        ------
        ValueError
            If `tokens` is not (T, N), or `state` has not one part for each layer.
        """
        if tokens.dim() != 2:
            raise ValueError(f"tokens has shape {tuple(tokens.shape)}; expected (T, N): time, batch")
        if len(state) != len(self.layers):
            raise ValueError(
                f"state has {len(state)} parts; expected one for each of the L = {len(self.layers)} layers"
            )
        x = tokens
        after = []
        for number, (layer, before) in enumerate(zip(self.layers, state, strict=True)):
            mask = masks[number] if masks else None
            x, now = layer(x, before, output_mask=mask) if number else self._first(tokens, layer, before, mask)
            after.append(now)
        return F.linear(x, *self.output_layer()), tuple(after)

    def output_layer(self) -> tuple[Tensor, Tensor]:
        """The weight (V, H), which is the embedding's where they are tied, and bias (V) of the output layer."""
        weight = self.embedding.weight if self.output_weight is None and self.embedding else self.output_weight
        return cast(Tensor, weight), self.output_bias

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token of each of N texts: (N,) → logits (N, V) and the state after it."""
        logits, state = self(token.unsqueeze(0), state)
        return logits.squeeze(0), state

    def stepper(self) -> "LanguageStepper":
        """A snapshot of the weights for streams: `step`, many times faster, without gradients."""
        return LanguageStepper(self)

    def _first(
        self, tokens: Tensor, layer: nn.Module, state: Tensor | LSTMState, mask: Tensor | None
    ) -> tuple[Tensor, Tensor | LSTMState]:
        """Run the lowest layer.

        U E x, for a 1-of-N code x, is a column of U E: where the vocabulary is no larger than what is read, U E is one
        small product, and the layer needs none over the steps.
        """
        if self.embedding is None:
            return layer(tokens, state, output_mask=mask)  # type: ignore[no-any-return]
        if self.vocabulary > tokens.numel():
            vectors = F.embedding(tokens, self.embedding.weight)
            return layer(vectors, state, output_mask=mask)  # type: ignore[no-any-return]
        U, *rest = cast(LSTM, layer).all_weights[0]
        run = _FUNCTIONS[type(layer)]
        weights = Weights(U @ self.embedding.weight.T, *rest)
        return run(tokens, state, [weights], output_mask=mask)  # type: ignore[no-any-return]


class LanguageStepper:
    """A language network at work on streams: ``logits, state = stepper(tokens, state)``, one token of each of N texts.

    An immutable copy of the weights as they were; see `elman.layers.Stepper`.

    Examples
    --------
    >>> network = LanguageNetwork(vocabulary=65, cell="gru", hidden=32, embedding=16)
    >>> stepper, state = network.stepper(), network.initial_state(3)
    >>> logits, state = stepper(torch.tensor([5, 0, 64]), state)
    >>> logits.shape
    torch.Size([3, 65])
    """

    @torch.no_grad()
    def __init__(self, network: LanguageNetwork) -> None:
        layers = [cast(LSTM, copy.deepcopy(layer)) for layer in network.layers]
        if network.embedding is not None:  # U E takes the place of U: the codes pick its columns
            U = cast(Tensor, layers[0].weight_ih_l0)
            layers[0].weight_ih_l0 = nn.Parameter(U @ network.embedding.weight.T)
            layers[0].input_size = network.vocabulary
        self._steppers = [layer.stepper(codes=number == 0) for number, layer in enumerate(layers)]
        self._weight, self._bias = network.output_layer()
        self._weight, self._bias = self._weight.clone(), self._bias.clone()

    @torch.no_grad()
    def __call__(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Read one token of each text: (N,) integers → logits (N, V) and the state after it."""
        x, after = tokens, []
        for stepper, before in zip(self._steppers, state, strict=True):
            x, now = stepper(x, before)
            after.append(now)
        return F.linear(x, self._weight, self._bias), tuple(after)


def detach(state: State) -> State:
    """Cut a state out of the graph: the values go on, the gradient stops (truncated BPTT)."""
    return tuple(LSTMState(*(p.detach() for p in s)) if isinstance(s, tuple) else s.detach() for s in state)


def state_tensors(state: State) -> list[Tensor]:
    """The tensors of a state in a fixed order, to be stored; `state_from_tensors` puts them together again."""
    return [part for layer in state for part in (layer if isinstance(layer, tuple) else (layer,))]


def state_from_tensors(like: State, tensors: Sequence[Tensor]) -> State:
    """The inverse of `state_tensors`; `like` is any state of the same network."""
    rest = iter(tensors)
    return tuple(LSTMState(next(rest), next(rest)) if isinstance(layer, tuple) else next(rest) for layer in like)


def _check(vocabulary: int, cell: str, layers: int, hidden: int, embedding: int, tied: bool, dropout: float) -> None:
    if cell not in CELLS:
        near = get_close_matches(str(cell), CELLS, n=1)
        raise ValueError(
            f"cell is {cell!r}, expected one of {', '.join(CELLS)}" + (f"; did you mean {near[0]!r}?" if near else "")
        )
    for name, size, least in (
        ("vocabulary", vocabulary, 1),
        ("layers", layers, 1),
        ("hidden", hidden, 1),
        ("embedding", embedding, 0),
    ):
        if size < least:
            raise ValueError(f"{name} is {size}, expected at least {least}")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is {dropout}, expected a number from 0 up to, not including, 1")
    if tied and embedding != hidden:
        shown = f"of width {embedding}" if embedding else "absent (1-of-N)"
        raise ValueError(f"tied needs an embedding as wide as the hidden layer, {hidden}; it is {shown}")
