"""The language model as a task: learn a text, measure another, predict what comes next, write."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Self

import torch
from torch import Tensor

from elman.data import Lexicon, Windows, normalise, stream
from elman.models.language_model import LanguageNetwork
from elman.tasks.defaults import budget_of
from elman.tasks.hyperparameters import Hyperparameters, Settings, embedding_width
from elman.tasks.model_file import Stored
from elman.tasks.parts import trained
from elman.tasks.sampling import Sampling, check_count, check_writing, most_probable, read, sample, until
from elman.tasks.scoring import measures, score_blocks, score_carried
from elman.tasks.task import LearningTask
from elman.tasks.text_learner import TextLearner
from elman.tasks.texts import Texts, as_lines, as_text, encode, prepare, unknown_tokens
from elman.tasks.training import Progress

__all__ = ["LanguageModel"]

_LINE_START = "\n"  # read before a prompt by a model that knows it: a prompt begins a line
_SAMPLE_LENGTH = 160  # tokens of the samples shown while training


class LanguageModel(LearningTask):
    """Recurrent language model: reads a text token by token and says how probable each next token is.

    What is None is chosen from the time budget and the size of the text (`elman.tasks.defaults`).

    Parameters
    ----------
    cell
        ``rnn``, ``gru`` or ``lstm``.
    layers
        L, recurrent layers on top of one another.
    hidden
        H, the width of each.
    embedding
        E, the width of the learned vector of each token; ``"none"`` or 0 feeds 1-of-N codes.
    tokens
        ``chars``, ``bytes``, ``words`` or ``segments`` (`elman.data.tokens`).
    tied
        Whether the output layer shares the embedding's weight; needs E = H.
    dropout
        Part of each layer's outputs that is blanked in training, by one mask for all steps of a window.
    batch
        N, the parts of the text that are read side by side.
    window
        T, the steps over which gradients are propagated; the state is carried further.
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
        Its validations: step, seconds, nats a token.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Examples
    --------
    >>> import elman
    >>> model = elman.LanguageModel(cell="gru", hidden=16).fit("to be or not to be, " * 200, epochs=2)
    >>> sorted(model.evaluate("to be or not to be"))[:3]
    ['bits_per_char', 'chars', 'nats_per_char']
    >>> len("".join(model.generate("to be", length=20, seed=1)))
    20
    """

    task = "lm"
    """Name of the task in model files and on the command line."""

    predicts = "tokens"
    """What `predict` gives: for each line of text tokens."""

    def __init__(
        self,
        *,
        cell: str = "lstm",
        layers: int | None = None,
        hidden: int | None = None,
        embedding: int | str | None = None,
        tokens: str = "chars",
        tied: bool = False,
        dropout: float | None = None,
        batch: int | None = None,
        window: int | None = None,
        learning_rate: float | None = None,
    ) -> None:
        self.hyperparameters = Hyperparameters(
            cell=cell,
            tokens=tokens,
            tied=tied,
            layers=layers,
            hidden=hidden,
            embedding=embedding_width(embedding),
            dropout=dropout,
            batch=batch,
            window=window,
            learning_rate=learning_rate,
        )
        self.settings: Settings | None = None
        self.metrics: dict[str, Any] = {}
        self.history: list[tuple[int, float, float]] = []
        self._parts: tuple[LanguageNetwork, Lexicon] | None = None

    @property
    def network(self) -> LanguageNetwork:
        """The network; ValueError before `fit`."""
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
        """Learn a text, anew.

        Parameters
        ----------
        inputs
            A str is the text itself; a Path is a file (``Path("-")``: standard input); a list holds paths.
        targets
            Not used: the target of each token is the next one.
        validation
            Another text to judge progress by, given like `inputs`; None holds the last tenth of `inputs` out.
        time
            Budget, as in ``"90s"``, ``"3m"``, ``"1h30m"`` or seconds: from the first step to the last validation.
            The schedule follows the clock, so that every run ends with an annealed model.  Default 3m.
        epochs
            Instead of `time`: passes over the text.  The same seed and threads then give the same bits.
        seed
            Of the first weights, the dropout masks and the places where the text is cut.
        resume
            A checkpoint to go on from, with the same text.  Hyperparameters, time, epochs and seed are the
            checkpoint's; of what is given here, only `time` and the learning rate may differ.  With `epochs` the
            result has the same bits as an unbroken run's; with `time`, what was left of it is spent.
        checkpoint
            File to keep checkpoints in; None keeps none, or goes on with that of `resume`.
        checkpoint_every
            Duration between them.
        threads
            Of PyTorch and the kernels while this runs; None leaves them as they are.
        progress
            Called after every step with a `Progress`.
        log
            CSV file with a line for every step.

        Returns
        -------
        LanguageModel
            This model, with the weights of the best validation.

        Raises
        ------
        ValueError
            If a text is empty, too short or not UTF-8, or an argument is out of its range, or the checkpoint is
            another run's (`ModelFileError`: no checkpoint at all).
        OSError
            If a file cannot be read or written; found before training starts.
        TrainingError
            If the loss is no longer a number.  The model then has the weights of the best validation so far, as
            after KeyboardInterrupt, and is not trained if there was none.
        """
        if targets is not None:
            raise TypeError("a language model takes no targets: the target of each token is the next one")
        plan, stored = self._begin(
            time=time,
            epochs=epochs,
            seed=seed,
            resume=resume,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
        )
        given = self.hyperparameters if stored is None else self.hyperparameters.resumed(stored.description["config"])
        data = prepare(inputs, validation, given.tokens)
        budget = plan.seconds or budget_of(plan.epochs or 0, len(data.training))
        settings = given.completed(budget, len(data.training), len(data.lexicon))
        windows = Windows(data.training, settings.batch, settings.window, plan.seed)
        if len(data.validation) < 2:
            raise ValueError(f"the validation text has {len(data.validation)} token; expected at least 2")
        facts = self._facts(asdict(settings), data.fingerprint(), "texts", stored, resume)
        self.settings = settings
        self._parts = settings.new_network(len(data.lexicon), plan.seed), data.lexicon
        learner = TextLearner(self.network, windows, data.validation, self._sample)
        self._learn(
            learner,
            plan,
            settings.learning_rate,
            lambda run: {**run.figures(len(data.validation) - 1), "training_tokens": len(data.training)},
            facts=facts,
            stored=stored,
            threads=threads,
            progress=progress,
            log=log,
        )
        return self

    def evaluate(self, data: Texts, *, protocol: str = "carried", block: int = 64) -> dict[str, float | int | str]:
        """Measure how well a text is predicted: each of its tokens but the first, from those before it.

        Parameters
        ----------
        data
            A text, a file or files, as for `fit`.
        protocol
            ``carried``: the state goes on through the whole text.  ``blocks``: the text is cut into blocks, and
            each is predicted from an empty context.
        block
            Tokens of a block.

        Returns
        -------
        dict
            ``nats_per_char``, ``bits_per_char`` (a character is a Unicode code point), ``nats_per_token``,
            ``perplexity`` (of a token), for words and segments ``nats_per_word`` and ``perplexity_per_word``;
            what they were measured on: ``tokens``, ``chars``, ``words``, ``unknown``, ``protocol``, ``block``.

        Raises
        ------
        ValueError
            If the text has fewer than two tokens, or the protocol or block is out of range.

        Warns
        -----
        UserWarning
            If the text has characters or words that the model does not know; with their number.  They count as
            "other", so that a word model that knows few words is flattered.
        """
        if protocol not in ("carried", "blocks"):
            raise ValueError(f"protocol is {protocol!r}, expected carried or blocks")
        check_count("block", block)
        network, lexicon = self._trained()
        text, kind = as_text(data, "data"), self.hyperparameters.tokens
        tokens = encode(text, lexicon, kind)
        if len(tokens) < 2:
            raise ValueError("the text has 1 token; expected at least 2, for each is predicted from those before it")
        unknown = unknown_tokens([tokens], lexicon, kind)
        score = score_carried(network, tokens) if protocol == "carried" else score_blocks(network, tokens, block)
        figures = measures(score, text, kind)
        return {
            **figures,
            "unknown": unknown,
            "protocol": protocol,
            **({"block": block} if protocol == "blocks" else {}),
        }

    def predict(self, inputs: str | os.PathLike[str] | Sequence[str], top: int = 5) -> list[list[tuple[str, float]]]:
        """The most probable next tokens after each line of a text.

        Parameters
        ----------
        inputs
            Lines: a str or a file is cut at its line ends, a list of str holds one line each.
        top
            How many tokens.

        Returns
        -------
        list of list of (token, probability)
            For each line, falling.  A line is read as the beginning of a line; "other" is left out.

        Examples
        --------
        >>> import elman
        >>> model = elman.LanguageModel(hidden=16).fit("abcabcabc\\n" * 300, epochs=4)
        >>> model.predict(["ab", "abc"], top=1)[0][0][0]
        'c'
        """
        check_count("top", top)
        network, lexicon = self._trained()
        contexts = [self._context(line) for line in as_lines(inputs)]
        unknown_tokens(contexts, lexicon, self.hyperparameters.tokens)
        predictions = []
        for context in contexts:
            logits, _ = read(network, context, lexicon.counts)
            found = most_probable(logits[0], top, never=lexicon.other)
            predictions.append([(lexicon.tokens([index])[0], probability) for index, probability in found])
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
        """Write on from a prompt: one step of the network a token, in constant memory.

        Parameters
        ----------
        prompt
            What comes before; read as the beginning of a line.  It is not part of the result.
        length
            Tokens to write.
        temperature
            Below 1 is safer, above 1 bolder; 0 always takes the most probable token.
        top_k
            Draw only from the k most probable tokens.
        top_p
            Draw only from the fewest tokens that together have this probability.
        seed
            The same text every time; None: another each time.
        stop
            Text that ends the writing; it is not part of the result.

        Returns
        -------
        iterator of str
            Pieces of text as they are written.  Arguments are checked, and the prompt is read, before it is returned.

        Raises
        ------
        ValueError
            If an argument is out of its range.
        TypeError
            If it is of another type.

        Warns
        -----
        UserWarning
            If the prompt has characters or words that the model does not know; with their number.
        """
        sampling = Sampling(temperature, top_k, top_p)
        check_writing(prompt, length, seed, stop)
        network, lexicon = self._trained()
        kind = self.hyperparameters.tokens
        context = self._context(prompt)
        unknown_tokens([context], lexicon, kind)
        generator = torch.Generator()
        generator.seed() if seed is None else generator.manual_seed(int(seed))
        logits, state = read(network, context, lexicon.counts)
        written = sample(network, logits, state, length, sampling, generator=generator, never=lexicon.other)
        pieces = stream((lexicon.tokens([token])[0] for token in written), kind)
        return pieces if stop is None else until(pieces, stop)

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        settings, (network, lexicon) = trained(self.settings), self._trained()
        facts = {"config": asdict(settings), "vocabulary": lexicon.to_dict(), "history": self.history}
        return facts, network.state_dict()

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts = stored.description
        settings, lexicon = Settings(**facts["config"]), Lexicon.from_dict(facts["vocabulary"])
        model = cls(**facts["config"])
        network = settings.new_network(len(lexicon), seed=0)
        network.load_state_dict(stored.tensors)
        model.history = [tuple(row) for row in facts["history"]]
        model.settings, model._parts = settings, (network, lexicon)
        return model

    def _described(self) -> dict[str, Any]:
        settings, (network, lexicon) = trained(self.settings), self._trained()
        parameters = sum(p.numel() for p in network.parameters())
        return {**asdict(settings), "vocabulary": len(lexicon), "parameters": parameters}

    def _trained(self) -> tuple[LanguageNetwork, Lexicon]:
        return trained(self._parts)

    def _context(self, text: str) -> Tensor:
        """A prompt as tokens, (length,), after a line end if the model has met one."""
        lexicon, kind = self.lexicon, self.hyperparameters.tokens
        known = _LINE_START in lexicon and lexicon.counts[lexicon[_LINE_START]] > 0
        return encode((_LINE_START if known else "") + normalise(text), lexicon, kind)

    def _sample(self) -> str:
        return "".join(self.generate(length=_SAMPLE_LENGTH, temperature=0.8, seed=0))
