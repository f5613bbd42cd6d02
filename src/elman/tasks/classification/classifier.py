"""Classification as a task: learn labelled rows, measure on others, predict labels, follow a stream."""

import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elman.data.lines import called
from elman.models.classifier import ClassifierNetwork, ClassifierState
from elman.tasks.classification.calibration import probabilities
from elman.tasks.classification.collecting import read_training_rows
from elman.tasks.classification.defaults import Size
from elman.tasks.classification.judging import calibrated, sample_of
from elman.tasks.classification.learner import all_logits, network_for, new_learner
from elman.tasks.classification.parts import ClassifierParts
from elman.tasks.classification.reading import as_rows, as_series, code_rows, rows_to_predict
from elman.tasks.classification.scores import scores
from elman.tasks.classification.settings import ClassifierHyperparameters, ClassifierSettings
from elman.tasks.model_file import Stored
from elman.tasks.parts import trained
from elman.tasks.task import LearningTask
from elman.tasks.training import Progress

__all__ = ["Classifier"]

Ranking = list[tuple[str, float]]  # labels with their probabilities, falling


class Classifier(LearningTask):
    """Many to one: reads a text or a series of measurements, and says which label it has, or which several.

    What is None is chosen from the data.

    Parameters
    ----------
    text, label, series
        Columns of a table, or keys of JSON lines (`elman.data.labelled.RowFormat`).
    several
        Whether a row may have several labels, or none; each then gets a probability by itself.  None: if one has.
    tokens
        What a text is cut into: ``chars``, ``bytes``, ``words``, ``segments`` (Chinese words) or ``subwords`` (byte
        pairs, learnt from the rows).  None: words, or characters of Chinese, Japanese, and names.
    lowercase
        Whether A and a are one.  None: among words and subwords.
    encoder
        ``gru``, ``lstm``, ``rnn``, ``tdnn`` or ``feedforward`` (`elman.models.Encoder`); feed-forward, a bag of
        embeddings, is blind to order.
    bidirectional
        A second direction reads each row from its end.  None: yes, but for feed-forward.
    layers, hidden
        L and H: how many, and the width of each direction.
    delays, dilation
        K and d of a TDNN's layers.
    embedding
        E, width of a token's vector.
    pooling
        What becomes of the vectors of all steps: ``last``, ``mean`` or ``max``.  None: max; of feed-forward mean.
    ngrams, letters, buckets, bag_rate
        n: beside the encoder a linear bag of n-grams, up to so many tokens long, has a say; 0: it has none.  Letters of
        the longest n-grams inside a token that the bag weighs too: None: 6 of words, which it then knows by their
        parts, 0 of other tokens.  Places that these and those of two and more tokens share by a hash.  How many times
        faster than the encoder the bag learns.
    vocabulary
        Entries of the table of tokens at most.
    class_weights
        ``"balanced"``: rare labels count more; or a weight for each label.  None: all rows count alike.
    dropout, word_dropout, smoothing
        Part of the numbers, and of the bag's n-grams, that training blanks, of the tokens, and of the probability of
        labels that it spreads.
    batch, longest, passes, learning_rate
        Rows of a training step, steps of a row that training reads, passes over the data that a timed run makes at
        most, and the highest rate of the schedule.

    Attributes
    ----------
    hyperparameters
        As they were given.
    settings
        As they are in use, complete; None before `fit`.
    metrics
        Figures of the training; losses are in nats a row.
    history
        Its validations: step, seconds, loss.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Examples
    --------
    >>> import elman
    >>> texts, labels = ["too long and dull", "a quiet joy", "dull , dull", "joy of a film"] * 25, [0, 1, 0, 1] * 25
    >>> model = elman.Classifier(hidden=8, embedding=8).fit(texts, labels, epochs=4)
    >>> model.predict(["such a joy", "how dull"])[0][0][0]
    '1'
    >>> model.labels
    ('0', '1')
    """

    task = "classify"
    """Name of the task in model files and on the command line."""

    predicts = "labels"
    """What `predict` gives: for each line labels."""

    def __init__(
        self,
        *,
        text: str | None = None,
        label: str | None = None,
        series: str | None = None,
        several: bool | None = None,
        tokens: str | None = None,
        lowercase: bool | None = None,
        encoder: str = "gru",
        bidirectional: bool | None = None,
        layers: int = 1,
        hidden: int | None = None,
        delays: int = 2,
        dilation: int = 1,
        embedding: int | None = None,
        pooling: str | None = None,
        ngrams: int | None = None,
        letters: int | None = None,
        buckets: int | None = None,
        bag_rate: float | None = None,
        vocabulary: int | None = None,
        class_weights: str | Mapping[str, float] | None = None,
        dropout: float | None = None,
        word_dropout: float | None = None,
        smoothing: float | None = None,
        batch: int | None = None,
        longest: int | None = None,
        passes: int | None = None,
        learning_rate: float | None = None,
    ) -> None:
        self.hyperparameters = ClassifierHyperparameters(
            text=text,
            label=label,
            series=series,
            several=several,
            tokens=tokens,
            lowercase=lowercase,
            encoder=encoder,
            bidirectional=bidirectional,
            layers=layers,
            hidden=hidden,
            delays=delays,
            dilation=dilation,
            embedding=embedding,
            pooling=pooling,
            ngrams=ngrams,
            letters=letters,
            buckets=buckets,
            bag_rate=bag_rate,
            vocabulary=vocabulary,
            class_weights=class_weights,
            dropout=dropout,
            word_dropout=word_dropout,
            smoothing=smoothing,
            batch=batch,
            longest=longest,
            passes=passes,
            learning_rate=learning_rate,
        )
        self.settings: ClassifierSettings | None = None
        self.metrics: dict[str, Any] = {}
        self.history: list[tuple[int, float, float]] = []
        self._parts: ClassifierParts | None = None

    @property
    def network(self) -> ClassifierNetwork:
        """The network; ValueError before `fit`."""
        return self._trained()[1].network

    @property
    def labels(self) -> tuple[str, ...]:
        """The K labels, sorted; ValueError before `fit`."""
        return self._trained()[1].labels

    def fit(
        self,
        inputs: Any,
        targets: Any = None,
        *,
        validation: Any = None,
        time: str | float | None = None,
        epochs: int | None = None,
        seed: int = 0,
        resume: str | os.PathLike[str] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: str | float = "60s",
        threads: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        log: str | os.PathLike[str] | None = None,
    ) -> Self:
        """Learn labelled rows, anew; the weights are those with the fewest mistakes in validation.

        Parameters
        ----------
        inputs
            A path, as a str or a Path, of a file or a folder with labels (`elman.data.labelled`).  Or a list, an array,
            a tensor or a column of a data frame: of texts, or of arrays (T, C), series of any lengths.
        targets
            Of a list: the label of each row, a str, a whole number or a bool, or a list of several.
        validation
            Other data to judge progress by, a path or a pair of lists (inputs, targets), of which a row at least has a
            label of the training.  None holds rows out: a tenth, at most 500 and a hundredth, drawn from the seed, of
            each label its share.  The temperature is fitted on them, too.
        time
            Budget; the run ends earlier when it has made `passes` passes over the rows.
        epochs, seed, resume, checkpoint, checkpoint_every, threads, progress, log
            As of `elman.LanguageModel.fit`.

        Raises
        ------
        ValueError
            If a row cannot be read (with file and line), there are too few rows, or they have but one label, or an
            argument is out of its range, or the checkpoint is another run's.
        OSError
            If a file cannot be read or written; found before training starts.
        TrainingError
            If the loss is no longer a number, as of `elman.LanguageModel.fit`.
        """
        plan, stored = self._begin(
            time=time,
            epochs=epochs,
            seed=seed,
            resume=resume,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
        )
        given = self.hyperparameters if stored is None else self.hyperparameters.resumed(stored.description["config"])
        data = read_training_rows(inputs, targets, validation, given, plan.seed)
        _warn_of(int(data.judged.unknown(data.judging).sum()), " of the validation")
        tokens = None if data.coding is None else data.coding.cutter.kind
        size = Size(len(data.learning), len(data.labels), len(data.coding.lexicon) if data.coding else 0)
        settings = given.completed(size, tokens=tokens, several=data.several)
        facts = self._facts(asdict(settings), data.fingerprint(), "rows", stored, resume)
        network = network_for(data, settings, plan.seed)
        self.settings = settings
        self._parts = parts = ClassifierParts(network, data.labels, data.coding, 1.0)
        learner = new_learner(network, data, settings, plan.seed, show=lambda: sample_of(parts, data))
        judged = int(data.judged.inputs.lengths[data.judging].sum())
        sizes = {"rows": len(data.learning), "validation_rows": len(data.judging)}
        try:
            network.train()
            self._learn(
                learner,
                plan.limited(settings.passes),
                settings.learning_rate,
                lambda run: {**run.figures(judged), **sizes},
                facts=facts,
                stored=stored,
                threads=threads,
                progress=progress,
                log=log,
            )
        finally:
            network.eval()
            if self.metrics["validation_loss"] is not None:
                temperature, figures = calibrated(parts, data)
                self._parts = parts._replace(temperature=temperature)
                self.metrics |= figures
        return self

    def evaluate(self, data: Any, targets: Any = None) -> dict[str, Any]:
        """Measure predictions on labelled rows.

        Parameters
        ----------
        data, targets
            Like `inputs` and `targets` of `fit`.

        Returns
        -------
        dict
            ``accuracy``, ``macro_f1``, ``nats``, ``calibration_error``, ``rows``, ``rows_of_unknown_labels``; of
            several labels ``micro_f1`` too (`elman.tasks.classification.scores.scores`).

        Raises
        ------
        ValueError, ModuleNotFoundError
            If a row cannot be read, or there is none; if scikit-learn, which measures F1, is not installed.

        Warns
        -----
        UserWarning
            If rows have labels that training did not meet; they are mistakes.
        """
        settings, parts = self._trained()
        reading = as_rows(data, targets, settings.form, "data")
        rows = code_rows(reading, parts.labels, parts.coding, parts.network.channels, settings.several)
        if not len(rows):
            raise ValueError(f"{called(data, 'data')} has no rows; expected at least one")
        found = [rows.labels[row].tolist() for row in range(len(rows))]
        figures = scores(self._chances(all_logits(parts.network, rows)), found, settings.several)
        _warn_of(figures["rows_of_unknown_labels"])
        return figures

    def predict(self, inputs: Any, top: int | None = None) -> list[Ranking]:
        """The labels of each row with their probabilities.

        Parameters
        ----------
        inputs
            A list of texts or of arrays (T, C), also as an array, a tensor or a column of a data frame; a str, which is
            a text in each line, or a series as JSON; or a Path of a file with such lines.
        top
            How many labels, the most probable first.  None: one; of a model of several labels those with a probability
            of more than a half, which may be none.

        Returns
        -------
        list of list of (label, probability)
            For each row, falling.
        """
        _, parts = self._trained()
        top = self._top(top)
        chances = self.probabilities(inputs)
        return [parts.ranking(row, top) for row in chances]

    def probabilities(self, inputs: Any) -> npt.NDArray[np.float64]:
        """The probability of every label, (R, K) in the order of `labels`; `inputs` as for `predict`.

        Each row adds up to 1, or, of a model of several labels, each label has a probability by itself.
        """
        settings, parts = self._trained()
        blocks = rows_to_predict(inputs, parts.coding, parts.network.channels, settings.series)
        logits = [all_logits(parts.network, rows) for rows in blocks]
        return self._chances(torch.cat([torch.empty(0, len(parts.labels)), *logits])).numpy()

    def initial_state(self) -> ClassifierState:
        """The state of a stream of which nothing was read: see `step`."""
        return self._trained()[1].network.initial_state(1)

    @torch.no_grad()
    def step(self, piece: Any, state: ClassifierState, top: int | None = None) -> tuple[Ranking, ClassifierState]:
        """Read the next piece of a live stream, and say what it is so far.

        Parameters
        ----------
        piece
            A text, or the next vector (C,) or vectors (T, C) of a series.  Pieces are cut into tokens one by one:
            a word must not go through a cut.
        state
            From `initial_state`, or the last call.  It is a value, of constant size, and is not changed.
        top
            As for `predict`.

        Returns
        -------
        ranking, state
            The ranking is that of `predict` for all pieces together, within rounding.

        Raises
        ------
        ValueError
            If the model is bidirectional: its second direction begins at the end of the stream.

        Examples
        --------
        >>> import elman
        >>> model = elman.Classifier(hidden=8, embedding=8, bidirectional=False)
        >>> model = model.fit(["aab", "ccd", "aba", "cdc"] * 20, list("xyxy") * 20, epochs=3)
        >>> state = model.initial_state()
        >>> for letter in "abba":
        ...     (best,), state = model.step(letter, state)
        >>> best[0]
        'x'
        """
        _, parts = self._trained()
        if parts.network.encoder.bidirectional:
            raise ValueError(
                "a bidirectional model cannot follow a stream: its second direction begins at the end; "
                "train one with bidirectional=False"
            )
        if parts.coding is not None:
            steps, letters = parts.coding.read(piece)
        else:
            steps, letters = torch.from_numpy(as_series(np.atleast_2d(piece), "piece")).unsqueeze(1), None
        logits, state = parts.network(steps, state=state, letters=letters)
        return parts.ranking(self._chances(logits).numpy()[0], self._top(top)), state

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        settings, parts = self._trained()
        facts = {"config": asdict(settings), "history": self.history, **parts.facts()}
        return facts, parts.network.state_dict()

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts, model = stored.description, cls()
        model.settings = ClassifierSettings(**{"letters": 0, **facts["config"]})
        model.hyperparameters = ClassifierHyperparameters().resumed(facts["config"])
        model._parts = ClassifierParts.from_stored(stored, model.settings)
        model.history = [tuple(row) for row in facts["history"]]
        return model

    def _described(self) -> dict[str, Any]:
        settings, parts = self._trained()
        return {
            **asdict(settings),
            "labels": list(parts.labels),
            "vocabulary": 0 if parts.coding is None else len(parts.coding.lexicon),
            "channels": parts.network.channels,
            "temperature": parts.temperature,
            "parameters": sum(p.numel() for p in parts.network.parameters()),
        }

    def _trained(self) -> tuple[ClassifierSettings, ClassifierParts]:
        return trained(self.settings), trained(self._parts)

    def _top(self, top: int | None) -> int | None:
        """How many labels to say: one, or, where a row may have several, as many as are more probable than not."""
        settings, _ = self._trained()
        if top is not None and top < 1:
            raise ValueError(f"top is {top}, expected at least 1")
        return top or (None if settings.several else 1)

    def _chances(self, logits: Tensor) -> Tensor:
        settings, parts = self._trained()
        return probabilities(logits, parts.temperature, settings.several)


def _warn_of(unknown: int, where: str = "") -> None:
    """Say how many rows have a label that training did not meet."""
    if unknown:
        rows = f"row{where} has" if unknown == 1 else f"rows{where} have"
        warnings.warn(f"{unknown:,} {rows} a label that the model does not know: mistaken", stacklevel=3)
