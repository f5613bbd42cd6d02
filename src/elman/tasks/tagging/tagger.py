"""The tagger as a task: learn tagged sentences, measure on others, tag text, follow a stream of words."""

import os
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from difflib import get_close_matches
from itertools import islice
from typing import Any, Self

from torch import Tensor

from elman.data.tagged import sentences_of
from elman.models.tagger import TaggerNetwork
from elman.tasks.model_file import Stored
from elman.tasks.parts import trained
from elman.tasks.tagging.cutting import joined
from elman.tasks.tagging.data import TagData, read_data
from elman.tasks.tagging.learner import tag_learner
from elman.tasks.tagging.parts import TaggerParts, new_parts
from elman.tasks.tagging.prediction import Sentences, as_date, cuts_of, tag_cuts
from elman.tasks.tagging.result import Tagging
from elman.tasks.tagging.scores import Tally
from elman.tasks.tagging.settings import TaggerHyperparameters, TaggerSettings
from elman.tasks.tagging.stream import TagStepper
from elman.tasks.task import LearningTask
from elman.tasks.training import Progress

__all__ = ["Tagger"]

_AT_ONCE = 4096  # sentences of an evaluation that are read before they are measured: bounds the memory


class Tagger(LearningTask):
    """A label for each token of a sentence: slots, names, parts of speech; and what the sentence is for.

    Each token is seen as a word, by its letters and its case; an encoder reads the sentence, and from its output at
    each token the tag is chosen.  Where the training sentences have an intent, it is learnt with the tags.  What is
    None is chosen from the data.

    Parameters
    ----------
    encoder
        ``feedforward`` (sees one token), ``tdnn`` (the last few), ``rnn``, ``gru`` or ``lstm``.
    bidirectional
        Whether a second direction reads from the end.  None: yes, but for a feed-forward encoder.
    layers, hidden
        L, on top of one another, and H, the width of each and of each direction (128).
    delays
        K of each layer of a TDNN.
    embedding
        E, the width of the learned vector of a word (100).
    spelling
        F, the features made of a word's letters; 0: letters and case are not looked at.  None: 50, or 0 if hardly a
        token of the training data has more than one character.
    pairs
        The width of the learned vector of a pair of neighbouring tokens; 0: pairs are not looked at.  None: 0, or 50 if
        tokens are single characters, of which few mean anything alone.
    crf
        Whether the tags of a sentence are scored together, by a conditional random field.  None: if the slots of the
        training data have 1.5 tokens or more in the mean, and the encoder reads in both directions.
    dropout
        Part of the encoder's inputs and outputs that is blanked in training.
    word_dropout
        Part of the words that are hidden in training, half of them with their letters; rare words are hidden more.
    slot_dropout
        Part of the slots of which nothing is shown in training, so that the network learns to go by what stands
        around them: for names that it will not have met.
    batch
        N, sentences of a training step.
    learning_rate
        Of AdamW, the highest of the schedule.
    tokens
        How `predict` cuts raw text: ``chars``, ``words``, ``segments`` or ``mixed`` (a text with Chinese characters in
        single characters, any other in words).  None: as the training data are cut, so far as that can be seen.
    slots
        What slots hold, by name: ``date``, ``number``, ``city`` or ``text`` (`elman.tasks.slot_values`); `predict`
        reads the words of these.
    vectors
        File of pretrained word vectors (`elman.data.vectors`); they are read beside the learned ones and stay as they
        are.

    Attributes
    ----------
    hyperparameters
        As they were given.
    settings
        As they are in use, complete; None before `fit`.
    metrics
        Figures of the training.
    history
        Its validations: step, seconds, nats a token.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Examples
    --------
    >>> import elman
    >>> sentences = [["fly", "to", city] for city in ("Rome", "Oslo", "Lima", "Bonn")] * 20
    >>> model = elman.Tagger(hidden=16).fit(sentences, [["O", "O", "B-city"]] * 80, epochs=8)
    >>> (tagging,) = model.predict(["fly to Taipei"])
    >>> [(slot.name, slot.text) for slot in tagging.slots]
    [('city', 'Taipei')]
    """

    task = "tag"
    """Name of the task in model files and on the command line."""

    predicts = "tags"
    """What `predict` gives: for each sentence tags."""

    def __init__(
        self,
        *,
        encoder: str = "gru",
        bidirectional: bool | None = None,
        layers: int = 1,
        hidden: int | None = None,
        delays: int = 2,
        embedding: int | None = None,
        spelling: int | None = None,
        pairs: int | None = None,
        crf: bool | None = None,
        dropout: float | None = None,
        word_dropout: float | None = None,
        slot_dropout: float | None = None,
        batch: int | None = None,
        learning_rate: float | None = None,
        tokens: str | None = None,
        slots: Mapping[str, str] | None = None,
        vectors: str | os.PathLike[str] | None = None,
    ) -> None:
        self.hyperparameters = TaggerHyperparameters(
            encoder=encoder,
            bidirectional=bidirectional,
            layers=layers,
            hidden=hidden,
            delays=delays,
            embedding=embedding,
            spelling=spelling,
            pairs=pairs,
            crf=crf,
            dropout=dropout,
            word_dropout=word_dropout,
            slot_dropout=slot_dropout,
            batch=batch,
            learning_rate=learning_rate,
            tokens=tokens,
            slots=dict(slots) if slots else None,
            vectors=None if vectors is None else os.fspath(vectors),
        )
        self.settings: TaggerSettings | None = None
        self.metrics: dict[str, Any] = {}
        self.history: list[tuple[int, float, float]] = []
        self._parts: TaggerParts | None = None

    @property
    def network(self) -> TaggerNetwork:
        """The network; ValueError before `fit`."""
        return self._trained()[1].network

    @property
    def tags(self) -> list[str]:
        """The K tags, in the order of the network's scores; ValueError before `fit`."""
        return list(self._trained()[1].tags)

    @property
    def intents(self) -> list[str]:
        """The C intents, likewise; empty if the training data had none."""
        return list(self._trained()[1].intents)

    def fit(
        self,
        inputs: Any,
        targets: Sequence[Sequence[str]] | None = None,
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
        """Learn tagged sentences, anew; the weights are those with the fewest wrong slots and intents in validation.

        Parameters
        ----------
        inputs
            A path or a list of paths: files of CoNLL columns or JSON lines (`elman.data.tagged`).  Or a list of
            sentences: lists of tokens if `targets` has their tags; else `elman.data.tagged.TaggedSentence`, pairs or
            triples of tokens, tags and intent, or mappings with these keys.
        targets
            The tags of each sentence.
        validation
            Other sentences to judge progress by, a path, paths or tagged sentences; None holds a tenth of `inputs`
            out, drawn at random.
        time, epochs, seed, resume, checkpoint, checkpoint_every, threads, progress, log
            As of `elman.LanguageModel.fit`; an epoch is a pass over all sentences.

        Raises
        ------
        ValueError
            If the data cannot be read (the message names file and line, or the sentence) or are empty, or an argument
            is out of its range, or the checkpoint is another run's.
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
        data = read_data(inputs, targets, validation, plan.seed)
        _check_slots(given.slots, data.kinds)
        _warn_of("tag", Counter(data.strange_tags), "validation")
        _warn_of("intent", Counter(data.strange_intents), "validation")
        settings = given.completed(len(data.training), data.has_letters, data.cut, data.slot_length)
        facts = self._facts(asdict(settings), data.fingerprint(), "sentences", stored, resume)
        parts = new_parts(data, settings, plan.seed)
        self.settings, self._parts = settings, parts
        learner = tag_learner(
            parts.network, data, data.table(parts.forms), settings, parts.allowed, plan.seed, lambda: self._sample(data)
        )
        self._learn(
            learner,
            plan,
            settings.learning_rate,
            lambda run: {**run.figures(data.steps(data.validation)), **data.sizes()},
            facts=facts,
            stored=stored,
            threads=threads,
            progress=progress,
            log=log,
        )
        return self

    def evaluate(self, data: Any, *, wrong: int | None = None, confusion: bool = False) -> dict[str, Any]:
        """Measure how well sentences are tagged.

        Parameters
        ----------
        data
            Tagged sentences, given like the `inputs` of `fit`.
        wrong
            Adds ``wrong``: the first so many sentences that are not right.
        confusion
            Adds ``confusion``: which tag, and which intent, was taken for which, how often.

        Returns
        -------
        dict
            ``slot_f1``, ``slot_precision``, ``slot_recall``: seqeval's default mode, which reads tags as conlleval
            does; ``slot_f1_strict``: its strict mode by the ``scheme`` of the training tags; ``slots``, their number.
            These are left out if the tags mark no slots.  ``intent_accuracy``, compared as exact strings, if there are
            intents; ``token_accuracy``; ``sentence_accuracy``: all tags and the intent right.  What they were measured
            on: ``sentences``, ``tokens``; ``unknown_tags``: tokens whose tag training did not meet, which are wrong.

        Raises
        ------
        ValueError
            If the data cannot be read or are empty.
        ModuleNotFoundError
            If seqeval is not installed: ``pip install 'elman[text]'``.

        Warns
        -----
        UserWarning
            If there are tags or intents that training did not meet; with the first of them.
        """
        parts = self._trained()[1]
        if wrong is not None and wrong < 0:
            raise ValueError(f"wrong is {wrong}, expected 0 or more")
        tally = Tally(parts.scheme, parts.tags, parts.intents, wrong or 0)
        sentences = sentences_of(data, name="data")
        while some := list(islice(sentences, _AT_ONCE)):
            found = tag_cuts(parts, [joined(sentence.tokens) for sentence in some], {}, None, False)
            for sentence, tagging in zip(some, found, strict=True):
                tally.add(sentence, tagging)
        figures = tally.figures()
        _warn_of("tag", tally.strange_tags)
        _warn_of("intent", tally.strange_intents)
        if confusion:
            figures["confusion"] = tally.confusions()
        if wrong is not None:
            figures["wrong"] = tally.wrong_sentences
        return figures

    def predict(
        self,
        inputs: Sentences,
        *,
        today: str | date | None = None,
        raw: bool = False,
        probabilities: bool = False,
    ) -> list[Tagging]:
        """Tag sentences.

        Parameters
        ----------
        inputs
            A str or a file is cut at its line ends, a sentence a line; a list holds sentences, each raw text (str),
            which is cut as the training data were, or a list of tokens.
        today
            The reference for dates, a date or ``"2020-06-01"``; None: the day on which the program runs.
        raw
            Leaves the words of slots as they stand; else those whose kind is known (`slots`) are read.
        probabilities
            Whether each token's probabilities of all tags are kept: with a CRF its marginals.

        Returns
        -------
        list of Tagging
            One a sentence.  An empty sentence has no tags; its intent is what the network says of nothing.

        Raises
        ------
        ValueError, TypeError
            If an input is of another type, or `today` is no date.

        Examples
        --------
        >>> import elman
        >>> model = elman.Tagger(hidden=8).fit([(["to", "Rome"], ["O", "B-city"])] * 40, epochs=10)
        >>> model.predict(["to Rome"])[0].tags, model.predict([["to", "Rome"]])[0].slots[0].text
        (['O', 'B-city'], 'Rome')
        """
        settings, parts = self._trained()
        cuts = cuts_of(inputs, settings.tokens)
        return tag_cuts(parts, cuts, {} if raw else settings.slots, as_date(today), probabilities)

    def stepper(self) -> TagStepper:
        """Tags as words arrive: see `elman.tasks.tagging.stream.TagStepper`.

        Raises
        ------
        ValueError
            If the model reads in both directions, or chooses the tags of a sentence together (a CRF): its first tag
            then depends on the last word.

        Examples
        --------
        >>> import elman
        >>> model = elman.Tagger(bidirectional=False, hidden=8)
        >>> step = model.fit([(["to", "Rome"], ["O", "B-city"])] * 40, epochs=10).stepper()
        >>> state = None
        >>> for word in ["to", "Rome"]:
        ...     tagged, state = step(word, state)
        ...     print(word, tagged.tag)
        to O
        Rome B-city
        """
        settings, parts = self._trained()
        if settings.bidirectional:
            raise ValueError(
                "a tagger that reads in both directions cannot tag a stream: its second direction begins at the last "
                "word; train one with bidirectional=False (--one-direction)"
            )
        if settings.crf:
            raise ValueError(
                "a tagger with a CRF cannot tag a stream: the best tags of a sentence are known at its last word; "
                "train one without"
            )
        return TagStepper(parts.network, parts.forms, parts.tags, parts.intents, parts.allowed)

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        settings, parts = self._trained()
        return {"config": asdict(settings), "history": self.history, **parts.facts()}, parts.tensors()

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts = stored.description
        model = cls(**facts["config"])
        model.settings = TaggerSettings(**facts["config"])
        model._parts = TaggerParts.from_stored(stored, model.settings)
        model.history = [tuple(row) for row in facts["history"]]
        return model

    def _described(self) -> dict[str, Any]:
        settings, parts = self._trained()
        return {
            **asdict(settings),
            "vocabulary": len(parts.forms.words),
            "tags": len(parts.tags),
            "scheme": parts.scheme,
            "intents": len(parts.intents),
            "parameters": sum(p.numel() for p in parts.network.parameters()),
        }

    def _trained(self) -> tuple[TaggerSettings, TaggerParts]:
        parts = trained(self._parts)
        return trained(self.settings), parts

    def _sample(self, data: TagData) -> str:
        """A validation sentence as it is tagged by now."""
        row = data.rows[int(data.validation[0])][:, 0]
        (found,) = self.predict([[data.tokens[token] for token in row]], raw=True)
        return "  ".join(f"{slot.name}: {slot.text}" for slot in found.slots) or found.text


def _check_slots(wanted: Mapping[str, str] | None, kinds: list[str]) -> None:
    """Refuse names that are misspelt, or all strange; one mapping may serve data in several languages."""
    strange = [name for name in wanted or () if name not in kinds]
    for name in strange:
        near = get_close_matches(name, kinds, n=1, cutoff=0.75)
        if near or len(strange) == len(wanted or ()):
            known = f"did you mean {near[0]!r}?" if near else f"the slots are {', '.join(kinds) or 'none'}"
            raise ValueError(f"slots says how {name!r} is read, which no tag names; {known}")


def _warn_of(what: str, strange: Counter[str], where: str = "data") -> None:
    """Name tags or intents that training did not meet; in the validation data the different ones are counted."""
    if strange:
        number, named = strange.total(), ", ".join(sorted(strange)[:3])
        warnings.warn(
            f"{number:,} {what}{'' if number == 1 else 's'} of the {where} training did not meet ({named}"
            f"{', …' if len(strange) > 3 else ''}): they count as wrong",
            stacklevel=3,
        )
