"""The network of a classifier: a sequence in, the logits of its classes out; many to one.

::

    token → embedding ┐
                      ├→ encoder → h_1 … h_T → last, mean or max over time → linear ┐
    C channels ───────┘                                                             ├→ logits
    n-grams of tokens and letters → one weight for each class, summed: a bag ───────┘

The bag (`elman.models.bag`) is a linear classifier over hashed n-grams, as a second path to the logits; without it
(``ngrams=0``) the network is the encoder alone.

Letters: T time, N batch, C channels, E embedding, H hidden, D directions, K classes, V vocabulary, B buckets.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.layers import initialise, last_output
from elman.layers.checks import as_lengths, check_lengths
from elman.layers.stack import Lengths
from elman.models.bag import Bag, BagMasks, Letters
from elman.models.encoders import Encoder, EncoderState
from elman.models.language_model import CELLS

__all__ = ["LOWEST", "POOLINGS", "ClassifierMasks", "ClassifierNetwork", "ClassifierState"]

POOLINGS = ("last", "mean", "max")
"""What becomes of the hidden vectors of all steps, by the name that ``pooling=`` and ``--pooling`` take."""

_ALPHABET = 512  # tokens: of more of them some are seldom seen, and a first vector of full length would be noise
LOWEST = -torch.finfo(torch.float32).max  # no hidden value is as low: a maximum over nothing so far


class ClassifierState(NamedTuple):
    """What the network remembers of N streams; a value of constant size."""

    encoder: EncoderState | None
    """None: zeros."""
    pooled: Tensor
    """(N, D·H): the last vector, the sum or the maximum of those so far."""
    steps: Tensor
    """(N,) int64: how many."""
    before: Tensor
    """(N, n - 1) int64: the last tokens, the beginnings of n-grams to come; -1 before the first."""
    bag: Tensor
    """(N, K): sum of the n-grams' weights, each times its rarity."""
    squares: Tensor
    """(N,): sum of the squares of their rarities."""


class ClassifierMasks(NamedTuple):
    """What training blanks of a batch; each is None, or drawn by `ClassifierNetwork.masks`."""

    tokens: Tensor | None = None
    """(T, N) bool: True where a token is read as "other"."""
    inputs: Tensor | None = None
    """(1, N, E or C) factors of each step's vector."""
    outputs: Tensor | None = None
    """(N, D·H) factors of the vector over time."""
    bag: BagMasks | None = None
    """True where an n-gram is left out of the bag."""


class ClassifierNetwork(nn.Module):
    """Many to one: reads N sequences, of tokens or of vectors, and says for each how it scores every class.

    Parameters
    ----------
    classes
        K.
    vocabulary
        V, different tokens, of which 0 is "other"; 0 for sequences of vectors.
    channels
        C, numbers of a step of a sequence of vectors; 0 for tokens.
    encoder, layers, hidden, bidirectional, delays, dilation
        Of the `Encoder`.  A feed-forward one with mean or max over time is a bag of embeddings.
    embedding
        E, width of a token's vector.
    pooling
        ``last``: the state after the last step, of the second direction after the first; ``mean`` or ``max`` over all
        steps of a row.  What lies behind its end never counts; of a row of no steps the vector is zero.
    ngrams
        n, the longest n-grams of tokens that the bag weighs; 0: there is no bag.
    buckets
        B, a power of 2: places that the n-grams of two and more tokens, and those of letters, share by a hash.
    bag_rate
        Factor of what the bag says: its weights learn so many times faster than the encoder's.
    dropout
        Part of the inputs' and of the pooled numbers that `masks` blanks, and of the n-grams that it takes out of the
        bag.
    word_dropout
        Part of the tokens that `masks` makes "other" for the encoder.

    Raises
    ------
    ValueError
        If a size is out of range, or both or none of `vocabulary` and `channels` are given.

    Notes
    -----
    A linear path beside a deep one is that of Cheng et al., Wide and deep learning for recommender systems, 2016.
    Recurrent weights start orthogonal, forget gates open.

    Examples
    --------
    >>> network = ClassifierNetwork(3, vocabulary=50, hidden=16, embedding=8, bidirectional=True)
    >>> tokens = torch.ones(7, 2, dtype=torch.int64)  # (T, N)
    >>> logits, state = network(tokens, lengths=[7, 4])
    >>> logits.shape  # (N, K)
    torch.Size([2, 3])
    """

    def __init__(
        self,
        classes: int,
        *,
        vocabulary: int = 0,
        channels: int = 0,
        encoder: str = "gru",
        layers: int = 1,
        hidden: int = 128,
        bidirectional: bool = False,
        delays: int = 2,
        dilation: int = 1,
        embedding: int = 128,
        pooling: str = "max",
        ngrams: int = 0,
        buckets: int = 1 << 16,
        bag_rate: float = 1.0,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        _check(classes, vocabulary, channels, embedding, pooling, ngrams)
        self.classes, self.vocabulary, self.channels, self.pooling = classes, vocabulary, channels, pooling
        self.bag_rate = bag_rate
        self.ngrams, self.dropout, self.word_dropout = ngrams, dropout, word_dropout
        self.embedding = nn.Embedding(vocabulary, embedding) if vocabulary else None
        self.width = embedding if vocabulary else channels
        self.encoder = Encoder(
            encoder, self.width, hidden, layers=layers, bidirectional=bidirectional, delays=delays, dilation=dilation
        )
        self.output = nn.Linear(self.encoder.output_size, classes)
        self.bag = Bag(classes, vocabulary, ngrams, buckets) if ngrams else None
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        self.mean: Tensor
        self.scale: Tensor
        self._reset()

    @torch.no_grad()
    def _reset(self) -> None:
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=1.0 if self.vocabulary <= _ALPHABET else 0.1)
            self.embedding.weight[0] = 0.0  # "other" says nothing until training says what it means
        if self.encoder.encoder in CELLS:
            initialise(self.encoder.layer, forget_bias=1.0 if self.encoder.encoder == "lstm" else None)

    def measure(self, mean: Tensor, scale: Tensor) -> None:
        """Measure each of the C channels from its `mean`, in units of its `scale`, both (C,)."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def initial_state(self, batch: int) -> ClassifierState:
        """Of N = `batch` streams of which nothing was read."""
        zeros, whole = self.output.weight.new_zeros, torch.zeros(batch, dtype=torch.int64)
        pooled = zeros(batch, self.encoder.output_size)
        return ClassifierState(
            encoder=None,
            pooled=pooled.fill_(LOWEST) if self.pooling == "max" else pooled,
            steps=whole,
            before=whole.new_empty(batch, 0) if self.bag is None else self.bag.initial(batch),
            bag=zeros(batch, self.classes),
            squares=zeros(batch),
        )

    def masks(
        self, steps: int, batch: int, generator: torch.Generator | None = None, letters: Letters | None = None
    ) -> ClassifierMasks:
        """Draw what a training step of T = `steps` and N = `batch`, with these `letters`, blanks."""

        def factors(*shape: int) -> Tensor | None:
            keep = 1.0 - self.dropout
            drawn = self.output.weight.new_empty(shape)
            return drawn.bernoulli_(keep, generator=generator).div_(keep) if self.dropout else None

        def blanks(part: float, *shape: int) -> Tensor:
            return torch.rand(shape, generator=generator) < part

        tokens = blanks(self.word_dropout, steps, batch) if self.word_dropout and self.vocabulary else None
        inputs, outputs = factors(1, batch, self.width), factors(batch, self.encoder.output_size)
        bag = None
        if self.dropout and self.ngrams:
            grams = blanks(self.dropout, steps, batch, self.ngrams)
            bag = BagMasks(grams, blanks(self.dropout, 0 if letters is None else len(letters.hashes)))
        return ClassifierMasks(tokens, inputs, outputs, bag)

    def forward(
        self,
        input: Tensor,
        lengths: Lengths = None,
        state: ClassifierState | None = None,
        masks: ClassifierMasks | None = None,
        letters: Letters | None = None,
    ) -> tuple[Tensor, ClassifierState]:
        """Read N sequences, or, of one direction, the next part of each.

        Parameters
        ----------
        input
            (T, N) integers below V, or (T, N, C).
        lengths
            (N,), each in 0..T: what lies behind is not read.  None: T everywhere.
        state
            What was read before: what the last call returned, or None.
        masks
            From `masks`, to train with dropout.
        letters
            The n-grams of letters inside these tokens, for the bag; None: it has none.

        Returns
        -------
        logits
            (N, K): of everything read so far.
        state
            After it.

        Raises
        ------
        ValueError
            If a shape does not fit, or a bidirectional network is given a state.
        """
        self._check_input(input, state)
        T, N = input.shape[:2]
        rows = torch.full((N,), T) if lengths is None else as_lengths(lengths, N)
        check_lengths(rows, N, T)
        masks = masks or ClassifierMasks()
        state = state or self.initial_state(N)
        outputs, encoded = self.encoder(self._vectors(input, masks), state.encoder, rows)
        bag, squares, before = self._read_bag(input, rows, state, letters, masks.bag)
        steps = state.steps + rows
        after = ClassifierState(encoded, self._pool(outputs, rows, state.pooled), steps, before, bag, squares)
        return self._logits(after, masks), after

    def step(self, x: Tensor, state: ClassifierState, letters: Letters | None = None) -> tuple[Tensor, ClassifierState]:
        """Read one step of each of N streams, (N,) or (N, C): the logits (N, K) so far, and the state after it.

        Raises
        ------
        ValueError
            If the network is bidirectional: its second direction begins at the end of the stream.
        """
        if self.encoder.bidirectional:
            raise ValueError("a bidirectional network has no step: its second direction begins where the stream ends")
        return self(x.unsqueeze(0), state=state, letters=letters)  # type: ignore[no-any-return]

    def _vectors(self, input: Tensor, masks: ClassifierMasks) -> Tensor:
        """What the encoder reads, (T, N, E or C)."""
        if self.embedding is None:
            x = (input - self.mean) / self.scale
        else:
            x = self.embedding(input if masks.tokens is None else input.masked_fill(masks.tokens, 0))
        return x if masks.inputs is None else x * masks.inputs

    def _pool(self, outputs: Tensor, lengths: Tensor, pooled: Tensor) -> Tensor:
        """Go on with the vector over time, (N, D·H)."""
        T = len(outputs)
        if T == 0:
            return pooled
        if self.pooling == "mean":
            return pooled + outputs.sum(0)  # outputs behind the end of a row are zero
        if self.pooling == "max":
            beyond = torch.arange(T).unsqueeze(1) >= lengths
            return torch.maximum(pooled, outputs.masked_fill(beyond.unsqueeze(2), LOWEST).amax(0))
        last = last_output(outputs, lengths)
        if self.encoder.bidirectional:
            H = self.encoder.output_size // 2
            last = torch.cat((last[:, :H], outputs[0, :, H:]), 1)
        return torch.where((lengths > 0).unsqueeze(1), last, pooled)

    def _read_bag(
        self, input: Tensor, lengths: Tensor, state: ClassifierState, letters: Letters | None, masks: BagMasks | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What the bag has said so far, the sums of squared rarities, and the last n - 1 tokens."""
        if self.bag is None or not len(input):
            return state.bag, state.squares, state.before
        sums, squares, before = self.bag(input, lengths, state.before, letters, masks)
        return state.bag + sums, state.squares + squares, before

    def _logits(self, state: ClassifierState, masks: ClassifierMasks) -> Tensor:
        some = (state.steps > 0).unsqueeze(1)
        vector = state.pooled / state.steps.clamp(min=1).unsqueeze(1) if self.pooling == "mean" else state.pooled
        vector = torch.where(some, vector, 0.0)
        vector = vector if masks.outputs is None else vector * masks.outputs
        if self.bag is None:
            return self.output(vector)  # type: ignore[no-any-return]
        bag = state.bag * (self.bag_rate * state.squares.clamp(min=1e-6).rsqrt().unsqueeze(1))
        return self.output(vector) + bag  # type: ignore[no-any-return]

    def _check_input(self, input: Tensor, state: ClassifierState | None) -> None:
        if state is not None and self.encoder.bidirectional:
            raise ValueError("a bidirectional network reads whole sequences, and takes no state")
        if self.vocabulary and (input.dim() != 2 or input.is_floating_point()):
            raise ValueError(f"input is {_described(input)}; expected integers (T, N): time, batch")
        if self.channels and (input.dim() != 3 or input.shape[2] != self.channels or not input.is_floating_point()):
            raise ValueError(f"input is {_described(input)}; expected numbers (T, N, C) = (T, N, {self.channels})")


def _described(input: Tensor) -> str:
    return f"{str(input.dtype).removeprefix('torch.')} {tuple(input.shape)}"


def _check(classes: int, vocabulary: int, channels: int, embedding: int, pooling: str, ngrams: int) -> None:
    if (vocabulary > 0) == (channels > 0):
        raise ValueError(f"vocabulary is {vocabulary} and channels {channels}; expected one of them to be more than 0")
    for name, size, least in (("classes", classes, 1), ("embedding", embedding, 1), ("ngrams", ngrams, 0)):
        if size < least:
            raise ValueError(f"{name} is {size}, expected at least {least}")
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is {pooling!r}, expected one of {', '.join(POOLINGS)}")
    if ngrams and channels:
        raise ValueError(f"ngrams is {ngrams}, but sequences of vectors have none")
