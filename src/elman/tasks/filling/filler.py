"""The filler as a task: learn sentences, fill the blanks of others, measure how well hidden words are found."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Self

from torch import Tensor

from elman.data import Lexicon
from elman.data.blanks import BLANK, joined
from elman.data.lines import called
from elman.models.filler import FillNetwork
from elman.tasks.checkpoint import Run
from elman.tasks.filling.answers import Question, answer
from elman.tasks.filling.conditionals import Row
from elman.tasks.filling.learner import FillLearner
from elman.tasks.filling.measures import fill_measures
from elman.tasks.filling.result import Filling
from elman.tasks.filling.sentences import Sentences, lines_of, prepare, rows_of
from elman.tasks.filling.settings import FillHyperparameters, FillSettings
from elman.tasks.model_file import Stored
from elman.tasks.parts import trained
from elman.tasks.task import LearningTask
from elman.tasks.texts import as_lines, warn_of_unknown
from elman.tasks.training import Progress

__all__ = ["Filler"]

_SHOWN = 3  # candidates in a sample of what has been learnt


class Filler(LearningTask):
    """Fills the blanks of sentences, from what stands before a blank and from what stands after it.

    Two recurrent stacks read a sentence, one from either end, and meet at the output alone: what stands in a blank can
    not leak into its own prediction (`elman.models.FillNetwork`).  Each is a language model by itself, too.

    Parameters
    ----------
    tokens
        ``words`` (and punctuation marks), ``chars``, or ``segments``, Chinese words (`elman.data.blanks`); None:
        segments if the text is Chinese, else words.
    encoder
        Of each direction: ``lstm``, ``gru``, ``rnn``, ``tdnn`` or ``feedforward``.
    reads
        ``both`` sides of a blank; or, to compare, only what is ``left`` or ``right`` of it.
    layers
        L, of each direction.
    hidden
        H, the width of each.
    embedding
        E, the width of a token's vector.
    dropout
        Part of vectors and states that is blanked in training, by one mask for all steps of a sentence.
    word_dropout
        Part of the tokens that are read as unknown in training: so it learns to do with what is rare, or blank.
    min_count
        Tokens seen less often are unknown; None: 2, of characters 1.
    max_size
        Tokens in the vocabulary at most.
    samples
        Tokens that the right one is compared with in a training step (`elman.tasks.filling.sampled`); predictions are
        always over all.
    batch
        N, sentences of a step.
    learning_rate
        Of AdamW, the highest of the schedule.

    Attributes
    ----------
    hyperparameters
        As they were given.
    settings
        As they are in use, complete; None before `fit`.
    metrics
        Figures of the training.
    history
        Its validations: step, seconds, nats a hidden token.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Examples
    --------
    >>> import elman
    >>> sentences = ["red lights mean stop", "green lights mean go"] * 100
    >>> model = elman.Filler(hidden=16, learning_rate=0.02).fit(sentences, epochs=10)
    >>> model.predict(["___ lights mean stop", "green lights mean ___"], top=1)[0].text
    'red lights mean stop'
    """

    task = "fill"
    """Name of the task in model files and on the command line."""

    predicts = "blanks"
    """What `predict` gives: for each line of text its blanks, filled."""

    def __init__(
        self,
        *,
        tokens: str | None = None,
        encoder: str = "lstm",
        reads: str = "both",
        layers: int = 1,
        hidden: int = FillHyperparameters.hidden,
        embedding: int = FillHyperparameters.embedding,
        dropout: float = FillHyperparameters.dropout,
        word_dropout: float = FillHyperparameters.word_dropout,
        min_count: int | None = None,
        max_size: int = FillHyperparameters.max_size,
        samples: int = FillHyperparameters.samples,
        batch: int = FillHyperparameters.batch,
        learning_rate: float = FillHyperparameters.learning_rate,
    ) -> None:
        self.hyperparameters = FillHyperparameters(
            tokens=tokens,
            encoder=encoder,
            reads=reads,
            layers=layers,
            hidden=hidden,
            embedding=embedding,
            dropout=dropout,
            word_dropout=word_dropout,
            min_count=min_count,
            max_size=max_size,
            samples=samples,
            batch=batch,
            learning_rate=learning_rate,
        )
        self.settings: FillSettings | None = None
        self.metrics: dict[str, Any] = {}
        self.history: list[tuple[int, float, float]] = []
        self._parts: tuple[FillNetwork, Lexicon] | None = None

    @property
    def network(self) -> FillNetwork:
        """The network; ValueError before `fit`."""
        return trained(self._parts)[0]

    @property
    def lexicon(self) -> Lexicon:
        """The vocabulary; ValueError before `fit`."""
        return trained(self._parts)[1]

    def fit(
        self,
        inputs: Sentences,
        targets: None = None,
        *,
        validation: Sentences | None = None,
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
        """Learn sentences, anew: each token of each is hidden in turn.

        Parameters
        ----------
        inputs
            A str is a text, one sentence a line; a list of str are the sentences; a Path is a file (``Path("-")``:
            standard input), plain or gzipped, and a list of them several.  Lines without a token are passed over.
        targets
            Not used: what is hidden is the target.
        validation
            Other sentences to judge progress by, given like `inputs`; None holds the last tenth
            of them out, at most 2,000.
        time, epochs, seed, resume, checkpoint, checkpoint_every, threads, progress, log
            As of `elman.LanguageModel.fit`; an epoch is a pass over all sentences.

        Returns
        -------
        Filler
            This model, with the weights of the best validation.

        Raises
        ------
        ValueError
            If there are too few sentences, no token is seen often enough for the vocabulary, a file is not UTF-8, an
            argument is out of its range, or the checkpoint is another run's.
        OSError
            If a file cannot be read or written; found before training starts.
        TrainingError
            If the loss is no longer a number, as of `elman.LanguageModel.fit`.
        """
        if targets is not None:
            raise TypeError("a filler takes no targets: what is hidden is the target")
        plan, stored = self._begin(
            time=time,
            epochs=epochs,
            seed=seed,
            resume=resume,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
        )
        given = self.hyperparameters if stored is None else self.hyperparameters.resumed(stored.description["config"])
        data = prepare(inputs, validation, given.tokens, min_count=given.least_count, max_size=given.max_size)
        settings = given.completed(data.kind)
        facts = self._facts(asdict(settings), data.fingerprint(), "sentences", stored, resume)
        self.settings = settings
        self._parts = settings.new_network(len(data.lexicon), plan.seed), data.lexicon
        self.network.expect(data.counts)
        learner = FillLearner(self.network, data, settings, plan.seed, lambda: self._sample(data.validation[0]))

        def figures(run: Run) -> dict[str, Any]:
            sizes = {"sentences": len(data.training), "training_tokens": int((data.training.lengths - 2).sum())}
            return {**run.figures(int((data.validation.lengths - 2).sum())), **sizes}

        self._learn(
            learner,
            plan,
            settings.learning_rate,
            figures,
            facts=facts,
            stored=stored,
            threads=threads,
            progress=progress,
            log=log,
        )
        return self

    def evaluate(self, data: Sentences) -> dict[str, float | int]:
        """Hide each token of sentences in turn, and measure how well it is found.

        Parameters
        ----------
        data
            Sentences, as for `fit`.

        Returns
        -------
        dict
            ``accuracy`` and ``top_5``: how often the hidden token is the most probable one, or one of the first five;
            ``nats_per_token``, ``perplexity``: of its probability among all tokens; the same with ``left_`` and
            ``right_`` before them, from one side alone, if the network reads both.  For words and segments also
            ``accuracy_words``, …: of tokens with a letter or digit in them, punctuation aside.  What they were measured
            on: ``tokens``, ``words``, ``sentences``, ``unknown``.

        Raises
        ------
        ValueError
            If there is no sentence.

        Warns
        -----
        UserWarning
            If there are tokens that the model does not know; with their number.  Hidden, they are never found; their
            probability is that of any unknown token.
        """
        network, lexicon = trained(self._parts)
        kind = self._kind
        rows = rows_of(lines_of(data, "data"), lexicon, kind)
        if not len(rows):
            raise ValueError(f"{called(data, 'data')} has no sentence: no line has a token in it")
        figures = fill_measures(network, lexicon, rows, kind)
        warn_of_unknown(int(figures["unknown"]), kind)
        return figures

    def predict(
        self,
        inputs: str | os.PathLike[str] | Sequence[str],
        top: int = 5,
        *,
        choices: Sequence[str] | None = None,
        longest: int = 1,
        directions: bool = False,
    ) -> list[Filling]:
        """Fill the blanks of lines.

        Parameters
        ----------
        inputs
            Lines: a str or a file is cut at its line ends, a list of str holds one line each.  ``___``, three
            underscores or more, is a blank.
        top
            How many candidates to name for each blank; of `choices` all are named.
        choices
            What alone can stand in a blank, of any number of tokens each; None: every token of the vocabulary.
        longest
            A blank holds 1 … `longest` tokens, and the search finds how many (`elman.tasks.filling.phrases`).
        directions
            Whether to say for each blank, too, what the network makes of what stands left of it alone, and right of it.

        Returns
        -------
        list of Filling
            For each line.  A line without a blank comes back as it is.

        Raises
        ------
        ValueError
            If an argument is out of its range, or the model knows none of the choices.

        Warns
        -----
        UserWarning
            If lines have no blank, or tokens that the model does not know; with their number.

        Notes
        -----
        Several blanks of one token: the most certain is filled first, then the next with it in place
        (`elman.tasks.filling.search`).  Several blanks of more: from left to right, those to come read as unknown.

        Examples
        --------
        >>> import elman
        >>> sentences = ["red lights mean stop", "green lights mean go"] * 100
        >>> model = elman.Filler(hidden=16, learning_rate=0.02).fit(sentences, epochs=10)
        >>> (filling,) = model.predict(["green lights mean ___"], choices=["stop", "go"])
        >>> filling.blanks[0].candidates[0][0]
        'go'
        """
        network, lexicon = trained(self._parts)
        asked = Question(top, choices, longest, directions)
        return answer(network, lexicon, self._kind, as_lines(inputs), asked)

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        settings, (network, lexicon) = trained(self.settings), trained(self._parts)
        facts = {"config": asdict(settings), "vocabulary": lexicon.to_dict(), "history": self.history}
        return facts, network.state_dict()

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts = stored.description
        settings, lexicon = FillSettings(**facts["config"]), Lexicon.from_dict(facts["vocabulary"])
        model = cls(**facts["config"])
        network = settings.new_network(len(lexicon), seed=0)
        network.load_state_dict(stored.tensors)
        model.history = [tuple(row) for row in facts["history"]]
        model.settings, model._parts = settings, (network, lexicon)
        return model

    def _described(self) -> dict[str, Any]:
        settings, (network, lexicon) = trained(self.settings), trained(self._parts)
        parameters = sum(p.numel() for p in network.parameters())
        return {**asdict(settings), "vocabulary": len(lexicon), "parameters": parameters}

    @property
    def _kind(self) -> str:
        return trained(self.settings).tokens

    def _sample(self, row: Row) -> str:
        """A sentence with a blank in its middle, and what could stand there."""
        shown = self.lexicon.tokens(row[(row < len(self.lexicon))].tolist())
        hidden = len(shown) // 2
        line = joined([*shown[:hidden], BLANK, *shown[hidden + 1 :]], self._kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rare words are shown as "other", which is in no vocabulary
            (filling,) = self.predict([line], top=_SHOWN)
        found = ", ".join(f"{token} {probability:.0%}" for token, probability in filling.blanks[0].candidates)
        return f"{line}\n  {found}; it was {shown[hidden]}"
