"""The network of a tagger: words and their letters, an encoder, a tag for each token, an intent for the sentence.

::

    tags        y_0     y_1     y_2              linear, or a CRF over neighbours
                 |       |       |
    encoder     h_0 --- h_1 --- h_2 ---> intent  mean and maximum over time, linear
                 |       |       |
    token       x_0     x_1     x_2              word vector, letters, case, pairs of neighbours, pretrained vector
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elman.layers.regularisation import locked_mask
from elman.models.crf import CRF
from elman.models.encoders import Encoder, EncoderState

__all__ = ["WINDOW", "TaggerNetwork", "TaggerState", "Tokens", "pair_keys"]

_LETTER, _CASE = 32, 8  # widths of the vectors of a letter and of a case
WINDOW = 3  # letters that are looked at together (Ma and Hovy, 2016)


class Tokens(NamedTuple):
    """T steps of N sentences."""

    words: Tensor
    """(T, N) entries of the lexicon of words."""
    forms: Tensor
    """(T, N) rows of `letters`."""
    cases: Tensor
    """(T, N) numbers of kinds of case: lower, title, …"""
    letters: Tensor
    """(U, L) characters of the different tokens, 0 behind the end."""
    vectors: Tensor
    """(T, N) rows of the pretrained vectors."""


class TaggerState(NamedTuple):
    """What has been read of N streams."""

    encoder: EncoderState
    word: Tensor
    """(N,) the last one."""
    total: Tensor
    """(N, H) sum of the encoder's outputs."""
    highest: Tensor
    """(N, H) their maximum."""
    steps: int


def pair_keys(before: Tensor, after: Tensor, words: int) -> Tensor:
    """One number for two neighbours, entries of a lexicon of so many words; an end of the sentence is ``words``."""
    return before * (words + 1) + after


class TaggerNetwork(nn.Module):
    """Scores of the tags of each token, and of the intents of each sentence.

    Parameters
    ----------
    words
        V, entries of the lexicon.
    tags
        K.
    intents
        C; 0: none are learnt.
    embedding
        E, the width of a word's vector; 0: words are not looked up.
    characters
        Entries of the lexicon of characters; 0: letters and case are not looked at.
    cases
        Kinds of case.
    spelling
        F, the features that are made of a word's letters: the maximum over a word of a convolution over three.
    pairs
        (B,) `pair_keys` of neighbouring words that have a vector of their own, rising; None: pairs are not looked at.
        An encoder of both directions sees that with the word before and that with the word behind, one of one
        direction the former.
    pair
        The width of these vectors.
    vectors
        (W, P) pretrained; row 0 is for words without one.  They stay as they are.
    encoder, hidden, layers, bidirectional, delays
        As of `elman.models.Encoder`.
    crf
        Whether the tags of a sentence are scored together (`elman.models.CRF`).
    dropout
        Part of the encoder's inputs and outputs that is blanked in training, by one mask for all steps.

    Examples
    --------
    >>> import torch
    >>> network = TaggerNetwork(words=50, tags=5, intents=3, embedding=16, encoder="gru", hidden=8)
    >>> words = torch.randint(50, (7, 2))  # (T, N)
    >>> nothing = torch.zeros_like(words)
    >>> tokens = Tokens(words, nothing, nothing, torch.zeros(1, 0, dtype=torch.int64), nothing)
    >>> scores, intents = network(tokens, lengths=[7, 4])
    >>> tuple(scores.shape), tuple(intents.shape)
    ((7, 2, 5), (2, 3))
    """

    def __init__(
        self,
        *,
        words: int,
        tags: int,
        intents: int = 0,
        embedding: int = 100,
        characters: int = 0,
        cases: int = 1,
        spelling: int = 50,
        pairs: Tensor | None = None,
        pair: int = 50,
        vectors: Tensor | None = None,
        encoder: str = "lstm",
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = False,
        delays: int = 2,
        crf: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.word = nn.Embedding(words, embedding) if embedding else None
        self.letter = nn.Embedding(characters + 1, _LETTER, padding_idx=0) if characters else None
        self.window = nn.Linear(WINDOW * _LETTER, spelling) if characters else None
        self.case = nn.Embedding(cases, _CASE) if characters else None
        self.vectors: Tensor | None
        self.pairs: Tensor | None
        self.register_buffer("vectors", vectors)
        self.register_buffer("pairs", pairs)
        self.pair = None if pairs is None else nn.Embedding(len(pairs) + 1, pair)
        self.words, self._both = words, bidirectional
        width = embedding + (spelling + _CASE if characters else 0) + (0 if vectors is None else vectors.shape[1])
        width += 0 if pairs is None else pair * (2 if bidirectional else 1)
        self.encoder = Encoder(encoder, width, hidden, layers=layers, bidirectional=bidirectional, delays=delays)
        self.output = nn.Linear(self.encoder.output_size, tags)
        self.intent = nn.Linear(2 * self.encoder.output_size, intents) if intents else None
        self.crf = CRF(tags) if crf else None

    def initial_state(self, batch: int) -> TaggerState:
        """That of N = `batch` streams of which nothing has been read."""
        zeros = self.output.weight.new_zeros(batch, self.encoder.output_size)
        words = torch.full((batch,), self.words)
        return TaggerState(self.encoder.initial_state(batch), words, zeros, torch.full_like(zeros, -torch.inf), 0)

    def forward(
        self, tokens: Tokens, lengths: Tensor | list[int], generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Read N sentences.

        Parameters
        ----------
        tokens
            T steps.
        lengths
            (N,), each 0 … T.
        generator
            What dropout masks are drawn from, in training mode.

        Returns
        -------
        scores
            (T, N, K) of the tags.
        intents
            (N, C) scores, or None if there are none.
        """
        rows = torch.as_tensor(lengths)
        x = self._blanked(self._embed(tokens, rows), generator)
        hidden, _ = self.encoder(x, None, rows)
        hidden = self._blanked(hidden, generator)
        return self.output(hidden), None if self.intent is None else self._intents(hidden, rows)

    def step(self, tokens: Tokens, state: TaggerState) -> tuple[Tensor, Tensor | None, TaggerState]:
        """Read one token, T = 1, of each of N streams.

        Returns
        -------
        scores
            (N, K) of its tags.
        intents
            (N, C), of what has been read so far, or None.
        state
            After it.

        Raises
        ------
        ValueError
            If the encoder is bidirectional.
        """
        one = torch.ones_like(tokens.words[0])
        hidden, encoder = self.encoder.step(self._embed(tokens, one, state.word).squeeze(0), state.encoder)
        after = TaggerState(
            encoder, tokens.words[0], state.total + hidden, state.highest.maximum(hidden), state.steps + 1
        )
        intents = None
        if self.intent is not None:
            intents = self.intent(torch.cat((after.total / after.steps, after.highest), 1))
        return self.output(hidden), intents, after

    def _embed(self, tokens: Tokens, lengths: Tensor, before: Tensor | None = None) -> Tensor:
        """What the encoder reads, (T, N, I); `before` are the words before the first, None if there are none."""
        found = [] if self.word is None else [self.word(tokens.words)]
        if self.case is not None:
            found += [F.embedding(tokens.forms, self._spelling(tokens.letters)), self.case(tokens.cases)]
        if self.pair is not None:
            found += self._pairs(tokens.words, lengths, before)
        if self.vectors is not None:
            found.append(F.embedding(tokens.vectors, self.vectors))
        return torch.cat(found, 2)

    def _pairs(self, words: Tensor, lengths: Tensor, before: Tensor | None) -> list[Tensor]:
        """Vectors of each word with the one before it and, in both directions, of it with the one behind."""
        assert self.pairs is not None
        assert self.pair is not None
        T, N = words.shape
        edge = torch.full((1, N), self.words)
        there = torch.arange(T).unsqueeze(1) < lengths
        row = torch.cat((edge if before is None else before.unsqueeze(0), words.where(there, self.words), edge))
        keys = pair_keys(row[:-1], row[1:], self.words)  # (T + 1, N)
        if len(self.pairs):
            place = torch.searchsorted(self.pairs, keys).clamp(max=len(self.pairs) - 1)
            keys = torch.where(self.pairs[place] == keys, place + 1, 0)
        vectors = self.pair(torch.zeros_like(keys) if not len(self.pairs) else keys)
        return [vectors[:-1], vectors[1:]] if self._both else [vectors[:-1]]

    def _spelling(self, letters: Tensor) -> Tensor:
        """(U, L) -> (U, F): the maximum over each word of tanh of a convolution; zero for a word without letters."""
        assert self.letter is not None
        assert self.window is not None
        U, L = letters.shape
        if L == 0:
            return self.window.weight.new_zeros(U, len(self.window.bias))
        x = F.pad(self.letter(letters), (0, 0, 1, 1))  # nothing before the first letter and behind the last
        windows = torch.cat([x[:, i : i + L] for i in range(WINDOW)], 2)
        there = (letters != 0).unsqueeze(2)
        highest: Tensor = self.window(windows).masked_fill(~there, -torch.inf).amax(1)
        return torch.where(there.any(1), highest.tanh(), 0)

    def _intents(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """(N, C), of the mean and the maximum over the steps of each sentence; of zeros if it is empty."""
        assert self.intent is not None
        if hidden.shape[0] == 0:
            return self.intent(hidden.new_zeros(hidden.shape[1], 2 * hidden.shape[2]))  # type: ignore[no-any-return]
        there = (torch.arange(hidden.shape[0]).unsqueeze(1) < lengths).unsqueeze(2)
        mean = hidden.sum(0) / lengths.clamp(min=1).unsqueeze(1)  # outputs behind the end are zero
        highest = hidden.masked_fill(~there, -torch.inf).amax(0)
        return self.intent(torch.cat((mean, torch.where(there[0], highest, 0)), 1))  # type: ignore[no-any-return]

    def _blanked(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        if not self.training or not self.dropout:
            return x
        return x * locked_mask((1, *x.shape[1:]), self.dropout, generator=generator)
