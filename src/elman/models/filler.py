"""The network that fills a blank: two stacks, one a direction, that meet at the output alone.

::

    reads        <s>    x_0    x_1   (x_2)   x_3    x_4   </s>
    forwards      s_0 → s_1 → s_2
                                  ↘
                                   P(x_2 | x_0 x_1, x_3 x_4)
                                  ↗
    backwards                      s'_2 ← s'_3 ← s'_4

s_t has read what stands before token t, s'_t what stands after it.  Neither has seen x_t, however many layers a stack
has; in stacked bidirectional layers the second layer's state at t-1 would have, through the first one's that reads
backwards.

Letters: T time, N batch, E embedding, H hidden, V vocabulary, P places.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.layers.checks import as_lengths
from elman.layers.stack import Lengths
from elman.models.encoders import Encoder, flipped

__all__ = ["SIDES", "Contexts", "FillMasks", "FillNetwork"]

SIDES = ("both", "left", "right")
"""From what a token is predicted: from all the others, from those before it, from those after it."""


class Contexts(NamedTuple):
    """What the two stacks know of the places of a sentence."""

    left: Tensor
    """(T + 1, N, H): at t the state after the begin mark and the first t tokens; at T it predicts the end mark."""
    right: Tensor
    """(T + 1, N, H): at t the state after the end mark and the tokens from t on; at 0 it predicts the begin mark."""


class FillMasks(NamedTuple):
    """Locked dropout, one mask for all steps of a row (Gal and Ghahramani, 2016)."""

    input: Tensor
    """(1, N, E)"""
    left: Tensor
    """(1, N, H)"""
    right: Tensor
    """(1, N, H)"""


class FillNetwork(nn.Module):
    """Network that predicts every token of a sentence from the others, in one pass.

    Its three outputs have the word vectors in common, and the states: ``both`` reads s_t and s'_t, ``left`` s_t alone,
    ``right`` s'_t alone; so the last two are language models, one forwards and one backwards::

        z = tanh(A s_t + A' s'_t + b)        P(x_t = w | …) = softmax over w of (e_w · z + c_w)

    Parameters
    ----------
    vocabulary
        V, the number of different tokens.  V + 0 is the mark before a sentence, V + 1 that behind it.
    encoder
        Of each stack: ``feedforward``, ``tdnn``, ``rnn``, ``gru`` or ``lstm`` (`Encoder`).
    layers, hidden
        L and H of each stack.
    embedding
        E, the width of the vector e of each token, which is input and output weight (Press and Wolf, 2017).
    reads
        ``both``; or ``left`` or ``right`` for a network that has one stack, and no other output.
    dropout
        Part of the vectors that go in, and of the states, that a mask of `masks` blanks.

    Raises
    ------
    ValueError, TypeError
        If a size, the dropout or a name is out of range.

    Notes
    -----
    The form is that of context2vec (Melamud, Goldberger and Dagan, 2016), there trained with negative samples to make
    vectors of words.  Entry 0 is "other" in a `Lexicon`: its vector starts at zero.

    Examples
    --------
    >>> network = FillNetwork(vocabulary=50, encoder="gru", hidden=32, embedding=16)
    >>> rows = network.framed(torch.randint(50, (7, 3)), lengths=[7, 4, 1])  # with their marks, (T + 2, N)
    >>> logits = network(rows, lengths=[7, 4, 1])
    >>> logits.shape
    torch.Size([7, 3, 50])
    """

    def __init__(
        self,
        vocabulary: int,
        *,
        encoder: str = "lstm",
        layers: int = 1,
        hidden: int = 256,
        embedding: int = 128,
        reads: str = "both",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(vocabulary, embedding, reads, dropout)
        self.vocabulary, self.hidden, self.reads, self.dropout = vocabulary, hidden, reads, dropout
        self.embedding = nn.Embedding(vocabulary + 2, embedding)
        self.bias = nn.Parameter(torch.zeros(vocabulary + 2))
        self.forwards = Encoder(encoder, embedding, hidden, layers=layers) if reads != "right" else None
        self.backwards = Encoder(encoder, embedding, hidden, layers=layers) if reads != "left" else None
        self.outputs = nn.ModuleDict(
            {side: nn.Linear(2 * hidden if side == "both" else hidden, embedding) for side in self.sides}
        )
        with torch.no_grad():
            nn.init.normal_(self.embedding.weight, std=embedding**-0.5)
            self.embedding.weight[0] = 0.0

    @property
    def sides(self) -> tuple[str, ...]:
        """The outputs that there are, of `SIDES`."""
        return SIDES if self.reads == "both" else (self.reads,)

    @property
    def begin(self) -> int:
        """The mark before a sentence, V."""
        return self.vocabulary

    @property
    def end(self) -> int:
        """The mark behind a sentence, V + 1."""
        return self.vocabulary + 1

    @torch.no_grad()
    def expect(self, counts: Tensor) -> None:
        """Begin with how often each token and mark is seen, (V + 2,): the output's bias is ln of its share.

        A bias that begins at zero has some units to go, in steps of the learning rate.
        """
        seen = counts.to(self.bias.dtype).clamp(min=1.0)
        self.bias.copy_((seen / seen.mean()).log())

    def framed(self, tokens: Tensor, lengths: Lengths = None) -> Tensor:
        """Put the marks around sentences: (T, N) → (T + 2, N), behind the end of a row whatever."""
        N = tokens.shape[1]
        rows = torch.cat([tokens.new_full((1, N), self.begin), tokens, tokens.new_full((1, N), self.end)])
        if lengths is not None:
            rows[as_lengths(lengths, N) + 1, torch.arange(N)] = self.end
        return rows

    def masks(self, batch: int, generator: torch.Generator | None = None) -> FillMasks | None:
        """Draw dropout masks for N = `batch` rows; None without dropout."""
        if not self.dropout:
            return None
        keep = 1.0 - self.dropout
        widths = (self.embedding.embedding_dim, self.hidden, self.hidden)
        drawn = [self.bias.new_empty(1, batch, width).bernoulli_(keep, generator=generator) for width in widths]
        return FillMasks(*(mask / keep for mask in drawn))

    def vectors(self, rows: Tensor) -> Tensor:
        """What the stacks read of tokens and marks: (T + 2, N) → (T + 2, N, E), of variance 1 at the start."""
        scale: float = self.embedding.embedding_dim**0.5
        return F.embedding(rows, self.embedding.weight) * scale

    def contexts(self, vectors: Tensor, lengths: Lengths = None, masks: FillMasks | None = None) -> Contexts:
        """Read sentences from both sides.

        Parameters
        ----------
        vectors
            (T + 2, N, E), of `vectors`: of the begin mark, the tokens, the end mark.
        lengths
            (N,), each in 0..T: tokens of each row, without the marks; the end mark follows them.  None: T everywhere.
        masks
            From `masks`, to train with dropout; none to predict.

        Returns
        -------
        Contexts
            Of a stack that the network has not, an empty tensor.  Zero behind the end of a row.
        """
        if masks is not None:
            vectors = vectors * masks.input
        read = None if lengths is None else as_lengths(lengths, vectors.shape[1]) + 1
        left = right = vectors.new_empty(0)
        if self.forwards is not None:
            left, _ = self.forwards(vectors[:-1], lengths=read)
        if self.backwards is not None:
            inwards = flipped(vectors, None if read is None else read + 1)[:-1]
            right = flipped(self.backwards(inwards, lengths=read)[0], read)
        if masks is not None:
            left, right = left * masks.left if len(left) else left, right * masks.right if len(right) else right
        return Contexts(left, right)

    def read_out(self, side: str, *states: Tensor) -> Tensor:
        """z, which is compared with the word vectors.

        Parameters
        ----------
        side
            Of `sides`.
        states
            (…, H): of the left, of the right, or of both in this order.

        Returns
        -------
        (…, E)
        """
        return torch.tanh(self.outputs[side](torch.cat(states, dim=-1)))

    def logits(self, z: Tensor, among: Tensor | Sequence[int] | None = None) -> Tensor:
        """How well words fit: (…, E) → (…, V), or (…, C) for the C tokens and marks `among`."""
        if among is None:
            return F.linear(z, self.embedding.weight[: self.vocabulary], self.bias[: self.vocabulary])
        chosen = torch.as_tensor(among, device=z.device)
        return F.linear(z, F.embedding(chosen, self.embedding.weight), self.bias[chosen])

    def forward(self, rows: Tensor, lengths: Lengths = None, side: str | None = None) -> Tensor:
        """Predict every token from the others, or from those on one `side` of it.

        Parameters
        ----------
        rows
            (T + 2, N) integers: begin mark, tokens, end mark (`framed`).
        lengths
            (N,), each in 0..T: tokens of each row.  None: T everywhere.
        side
            Of `sides`; None: the first of them.

        Returns
        -------
        (T, N, V)
            Logits; the softmax over the last dimension gives the probabilities of the token at t.  What is behind the
            end of a row means nothing.

        Raises
        ------
        ValueError
            If `rows` is not (T + 2, N), or there is no such side.
        """
        if rows.dim() != 2 or len(rows) < 2:
            raise ValueError(f"rows has shape {tuple(rows.shape)}; expected (T + 2, N): begin mark, T tokens, end mark")
        side = self.sides[0] if side is None else side
        if side not in self.sides:
            raise ValueError(f"side is {side!r}, expected one of {', '.join(self.sides)}")
        left, right = self.contexts(self.vectors(rows), lengths)
        states = {"left": (left[:-1],), "right": (right[1:],), "both": (left[:-1], right[1:])}[side]
        return self.logits(self.read_out(side, *states))


def _check(vocabulary: int, embedding: int, reads: str, dropout: float) -> None:
    for name, size in (("vocabulary", vocabulary), ("embedding", embedding)):
        if size < 1:
            raise ValueError(f"{name} is {size}, expected at least 1")
    if reads not in SIDES:
        near = get_close_matches(str(reads), SIDES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"reads is {reads!r}, expected one of {', '.join(SIDES)}{hint}")
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is {dropout}, expected a number from 0 up to, not including, 1")
