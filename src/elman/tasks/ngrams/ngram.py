"""The n-gram language model as a task: count a text, measure another, predict what comes next, write."""

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data import Lexicon, Sentences, cut, normalise
from elman.data.sentences import UNKNOWN, glue, numbered
from elman.models.ngram import NGramTable, count_ngrams, kneser_ney, maximum_likelihood
from elman.models.ngram.counting import Integers
from elman.tasks.model_file import Stored
from elman.tasks.ngrams.arpa import write_arpa
from elman.tasks.ngrams.arpa_reader import read_arpa
from elman.tasks.ngrams.file import table_from_tensors, tensors_of
from elman.tasks.ngrams.reading import cut_texts
from elman.tasks.ngrams.scoring import logits_after, score_sentences, sentence_measures, write_on
from elman.tasks.ngrams.settings import KNESER_NEY, NGramSettings, as_limits
from elman.tasks.parts import trained
from elman.tasks.sampling import Sampling, check_count, check_writing, most_probable, until
from elman.tasks.task import Task
from elman.tasks.texts import Texts, as_lines, as_text, check_read_once, warn_of_unknown

__all__ = ["NGram"]

_UNKNOWN = 0  # the lexicon's entry for unknown tokens, <unk>
_LINE_END = "\n"  # how the end of a sentence is shown and written


class NGram(Task):
    """N-gram language model: says how probable each next token of a line is, given the N-1 before it.

    Every line is a sentence.  It is read after a mark for its beginning, and its end is predicted like a token, as
    KenLM does.  Unknown tokens count as ``<unk>``.

    Parameters
    ----------
    order
        N: a token is predicted from the N-1 before it.
    tokens
        ``words`` (between white space, as KenLM and most published figures have it), ``chars``, or ``segments``
        (Chinese words): `elman.data.sentences`.
    smoothing
        ``kneser-ney``: interpolated modified Kneser-Ney (Chen and Goodman, 1998), with the discounts 0.5, 1, 1.5
        where the counts of a small text give none.  ``maximum-likelihood``: relative frequencies; an unseen context
        backs off to a shorter one; what was not seen after a seen context is impossible.
    prune
        n-grams seen at most so often are left out: a number for each order from 1 on, the first 0, none falling; the
        last holds for all higher orders.  A single number holds for all orders from 2 on.
    min_count
        Tokens seen less often are taken for ``<unk>``.
    max_size
        At most so many tokens in the vocabulary, ``<unk>`` included; None: no limit.

    Attributes
    ----------
    hyperparameters
        As they were given; `smoothing` is None for a model from an ARPA file.
    metrics
        Figures of the training.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Examples
    --------
    >>> import elman
    >>> model = elman.NGram(order=3).fit("I am Sam\\nSam I am\\nI do not like green eggs and ham\\n")
    >>> model.predict(["I do not"], top=1)[0][0][0]
    'like'
    >>> round(model.evaluate("Sam I am")["perplexity"], 2)
    2.23
    """

    task = "ngram"
    """Name of the task in model files and on the command line."""

    predicts = "tokens"
    """What `predict` gives: for each line of text tokens."""

    def __init__(
        self,
        *,
        order: int = 5,
        tokens: str = "words",
        smoothing: str = KNESER_NEY,
        prune: int | Sequence[int] = 0,
        min_count: int = 1,
        max_size: int | None = None,
    ) -> None:
        self.hyperparameters = NGramSettings(order, tokens, smoothing, as_limits(prune), min_count, max_size)
        self.hyperparameters.check()
        self.metrics: dict[str, Any] = {}
        self._parts: tuple[NGramTable, Lexicon] | None = None

    @property
    def table(self) -> NGramTable:
        """Probabilities and back-off weights; ValueError before `fit`."""
        return self._trained()[0]

    @property
    def lexicon(self) -> Lexicon:
        """The vocabulary; ValueError before `fit`."""
        return self._trained()[1]

    def fit(
        self,
        inputs: Texts,
        targets: None = None,
        *,
        validation: Texts | None = None,
    ) -> Self:
        """Count a text, anew: all of it.

        Parameters
        ----------
        inputs
            A str is the text itself; a Path is a file (``Path("-")``: standard input); a list holds paths.
        targets
            Not used: the target of each token is the next one.
        validation
            Another text to measure the model by, given like `inputs`; nothing is learnt from it.

        Returns
        -------
        NGram
            This model.

        Raises
        ------
        ValueError
            If a text is empty or not UTF-8, or has the words ``<s>`` or ``</s>``.
        OSError
            If a file cannot be read.
        """
        if targets is not None:
            raise TypeError("a language model takes no targets: the target of each token is the next one")
        given = self.hyperparameters
        check_read_once(inputs, validation)
        text = as_text(inputs, "inputs")
        held_out = None if validation is None else as_text(validation, "validation")
        began = time.perf_counter()
        sentences = cut_texts(inputs, text, given.tokens, "inputs")
        lexicon = _build_lexicon(sentences, given)
        words = numbered(sentences, lexicon)
        levels = count_ngrams(words, given.order, len(lexicon) + 2)
        estimate = kneser_ney if given.smoothing == KNESER_NEY else maximum_likelihood
        self._parts = estimate(levels, given.prune), lexicon
        self.metrics = {
            "sentences": len(sentences.lengths),
            "training_tokens": len(words) - len(sentences.lengths),
            "seconds": time.perf_counter() - began,
        }
        if validation is not None and held_out is not None:
            score = score_sentences(self.table, lexicon, cut_texts(validation, held_out, given.tokens, "validation"))
            self.metrics |= {"validation_loss": score.nats / score.tokens, "validation_tokens": score.tokens}
        return self

    def evaluate(self, data: Texts) -> dict[str, float | int]:
        """Measure how well a text is predicted: each token and the end of each sentence, from those before it.

        Parameters
        ----------
        data
            A text, a file or files, as for `fit`.

        Returns
        -------
        dict
            ``nats_per_char``, ``bits_per_char`` (a line end is a character), ``nats_per_token``, ``perplexity`` (of
            a token, ends of sentences included and unknown tokens taken as ``<unk>``), ``perplexity_known`` (without
            the unknown ones), for words and segments ``nats_per_word`` and ``perplexity_per_word``; what they were
            measured on: ``tokens``, ``chars``, ``words``, ``sentences``, ``unknown``.

        Warns
        -----
        UserWarning
            If the text has tokens that the model does not know; with their number.
        """
        kind = self.hyperparameters.tokens
        text = as_text(data, "data")
        table, lexicon = self._trained()
        sentences = cut_texts(data, text, kind, "data")
        score = score_sentences(table, lexicon, sentences)
        warn_of_unknown(score.tokens - score.known, kind)
        return sentence_measures(score, sentences, text, kind)

    def score(self, inputs: str | os.PathLike[str] | Sequence[str]) -> npt.NDArray[np.float64]:
        """How probable each line of a text is as a sentence.

        Parameters
        ----------
        inputs
            Lines: a str or a file is cut at its line ends, a list of str holds one line each.

        Returns
        -------
        (S,) float64
            ln P of the tokens and the end of each line after its beginning; divided by ln 10 it is KenLM's score.

        Examples
        --------
        >>> import elman
        >>> model = elman.NGram(order=2, smoothing="maximum-likelihood").fit("a b\\na c\\n")
        >>> np.exp(model.score(["a b", "b"])).round(3).tolist()
        [0.5, 0.0]
        """
        table, lexicon = self._trained()
        sentences = cut(map(normalise, as_lines(inputs)), self.hyperparameters.tokens)
        scores = table.score(numbered(sentences, lexicon))
        found: npt.NDArray[np.float64] = np.add.reduceat(
            scores, np.cumsum(sentences.lengths + 2) - sentences.lengths - 2
        )
        return found

    def predict(self, inputs: str | os.PathLike[str] | Sequence[str], top: int = 5) -> list[list[tuple[str, float]]]:
        """The most probable next tokens after each line of a text.

        Parameters
        ----------
        inputs
            Lines, as for `score`.
        top
            How many tokens.

        Returns
        -------
        list of list of (token, probability)
            For each line, falling.  The end of the sentence is ``"\\n"``; ``<unk>`` is left out.
        """
        check_count("top", top)
        table, lexicon = self._trained()
        states, unknown = zip(*map(self._state_after, as_lines(inputs)), strict=True)
        warn_of_unknown(sum(unknown), self.hyperparameters.tokens)
        shown = [*lexicon, _LINE_END]
        predictions = []
        for state in states:
            found = most_probable(logits_after(table, state), top, never=lexicon.other)
            predictions.append([(shown[word], probability) for word, probability in found if probability > 0])
        return predictions

    def generate(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        stop: str | None = None,
    ) -> Iterator[str]:
        """Write on from a prompt, token by token, line after line.

        Parameters
        ----------
        prompt
            What comes before.  Its last line is the beginning of the first sentence; it is not part of the result.
        length
            Tokens to write, line ends included.
        temperature, top_k, top_p
            As for `elman.LanguageModel.generate`.
        seed
            The same text every time; None: another each time.
        stop
            Text that ends the writing; it is not part of the result.

        Returns
        -------
        iterator of str
            Pieces of text as they are written.

        Raises
        ------
        ValueError
            If an argument is out of its range.
        TypeError
            If it is of another type.

        Warns
        -----
        UserWarning
            If the prompt has tokens that the model does not know; with their number.
        """
        sampling = Sampling(temperature, top_k, top_p)
        check_writing(prompt, length, seed, stop)
        table, lexicon = self._trained()
        kind, line = self.hyperparameters.tokens, prompt.rpartition(_LINE_END)[2]
        state, unknown = self._state_after(line)
        warn_of_unknown(unknown, kind)
        generator = torch.Generator()
        generator.seed() if seed is None else generator.manual_seed(int(seed))
        shown = [*lexicon, _LINE_END]
        words = write_on(table, state, length, sampling, generator, never=_UNKNOWN)
        pieces = glue((shown[word] for word in words), kind, begun=line != "" and not line[-1].isspace())
        return iter(pieces if stop is None else until(pieces, stop))

    def save_arpa(self, path: str | os.PathLike[str]) -> None:
        """Write the model as an ARPA file for KenLM, SRILM and others; compressed if its name ends in ``.gz``.

        Raises
        ------
        ValueError
            If the model is not trained.
        OSError
            If the file cannot be written; what was there before is still there.
        """
        table, lexicon = self._trained()
        write_arpa(path, lexicon, table, self.hyperparameters.tokens)

    @classmethod
    def from_arpa(cls, path: str | os.PathLike[str], tokens: str | None = None) -> Self:
        """Read an ARPA file, plain or compressed; `elman.load` does too.

        Parameters
        ----------
        path
            Of the file.
        tokens
            How text is cut.  None: as the file says, if Elman wrote it; else ``chars`` if all its words are single
            characters, and ``words`` if not.

        Raises
        ------
        ModelFileError
            If the file is not as the format has it; the message names the line.  A ValueError.
        OSError
            If it cannot be read.
        """
        lexicon, table, kind = read_arpa(path, tokens)
        settings = NGramSettings(table.order, kind, None, (0,), 1, None)
        settings.check()
        return cls._of(settings, table, lexicon, {"arpa": Path(path).name})

    @classmethod
    def _of(cls, settings: NGramSettings, table: NGramTable, lexicon: Lexicon, metrics: dict[str, Any]) -> Self:
        model = cls(order=settings.order, tokens=settings.tokens)
        model.hyperparameters, model.metrics = settings, metrics
        model._parts = table, lexicon
        return model

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        table, lexicon = self._trained()
        return {"config": asdict(self.hyperparameters), "vocabulary": lexicon.to_dict()}, tensors_of(table)

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts = stored.description
        settings = NGramSettings(**{**facts["config"], "prune": tuple(facts["config"]["prune"])})
        lexicon = Lexicon.from_dict(facts["vocabulary"])
        table = table_from_tensors(stored.tensors, settings.order, len(lexicon) + 2)
        return cls._of(settings, table, lexicon, facts["metrics"])

    def _described(self) -> dict[str, Any]:
        table, lexicon = self._trained()
        return {
            **asdict(self.hyperparameters),
            "prune": list(self.hyperparameters.prune),
            "vocabulary": len(lexicon),
            "ngrams": {str(n): size for n, size in enumerate(table.sizes, 1)},
        }

    def _trained(self) -> tuple[NGramTable, Lexicon]:
        return trained(self._parts)

    def _state_after(self, line: str) -> tuple[Integers, int]:
        """The state after the beginning of a sentence, and how many of its tokens are unknown."""
        table, lexicon = self._trained()
        words = numbered(cut([normalise(line)], self.hyperparameters.tokens), lexicon)[:-1]
        state = table.empty_state()
        for word in words[-len(state) :].tolist() if len(state) else ():
            state = table.step(state, word)
        return state, int((words == _UNKNOWN).sum())


def _build_lexicon(sentences: Sentences, settings: NGramSettings) -> Lexicon:
    if settings.tokens == "chars":
        return Lexicon.build(sentences.tokens, min_count=settings.min_count, max_size=settings.max_size)
    counts = Counter(sentences.tokens)
    unknown = counts.pop(UNKNOWN, 0)
    return Lexicon.from_counts(counts, unknown=unknown, min_count=settings.min_count, max_size=settings.max_size)
