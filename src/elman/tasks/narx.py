"""NARX as a task: a series predicted from its own past and from inputs that are known."""

import copy
import math
import os
import time as time_of_day
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elman import __version__
from elman.layers import LSTMState
from elman.models import NETWORKS, NARXNetwork
from elman.models.encoders import EncoderState
from elman.tasks.checkpoint import Run
from elman.tasks.model_file import FORMAT, ModelFileError, Stored, write_file
from elman.tasks.narx_form import Form, Scales, choose, fit_linear
from elman.tasks.narx_learner import STEPS_PER_EPOCH, NARXLearner, Segment
from elman.tasks.plan import Plan, make_plan
from elman.tasks.regression import as_series, errors
from elman.tasks.training import Progress, train, using_threads

__all__ = ["NARX", "NARXState"]

Array = NDArray[np.float64]

_CHOICES = ("output_delays", "input_delays", "dead_time", "log", "season")
_EPOCHS = 20  # where neither time nor epochs are given: a few seconds
_LEARNING_RATE = 0.01
_WEIGHT_DECAY = 0.1  # towards the linear model
_SERIES_PARALLEL = 1 / 3  # of the steps
_LONGEST_RUN = 32  # steps of a free run in training: its gradients go back through all of them
_WARM = 32  # steps that a recurrent network reads before it runs freely
_FOLDS = 3  # of the data, each held back in its turn
_WORTHWHILE = 0.95  # a network is added to the linear model if its mean square error is less than this part of it


class NARXState(NamedTuple):
    """What a NARX model needs to know of the past: a value."""

    outputs: Array
    """(Ky, M), the last outputs, oldest first."""
    inputs: Array
    """(Kx, I), the last inputs."""
    hidden: EncoderState
    """What a recurrent network remembers."""
    time: int
    """How many steps came before the next one, the training series' first included: the season follows it."""


class NARX:
    """Nonlinear autoregressive model with exogenous inputs: y_t = f(x_t, …, x_{t-Kx}, y_{t-1}, …, y_{t-Ky}).

    f is a linear model, fitted by least squares, and a network that is added to it where this makes free runs better
    on data that were held back.  The network learns in series-parallel form (from true past outputs), then in parallel
    form (from its own, with gradients through time).

    Parameters
    ----------
    output_delays, input_delays
        Ky and Kx.  None: chosen by backtests of the linear model on the training series.
    dead_time
        Steps before an input shows: x_{t-dead_time} is the first that is seen.  None: by backtest.
    network
        ``feedforward`` (default), ``rnn``, ``gru`` or ``lstm``; ``linear``: none, an ARX model.
    hidden
        H, the network's size.
    season
        Length of a season in steps; None: none.  By backtest each step of a season may get a level of its own.
    log
        Whether to model the logarithms of the outputs; None: by backtest, where all are positive.
    horizon
        Steps of the free runs in backtests and validation: as far ahead as forecasts shall go.  None: a fifth of the
        training series.
    fallback
        Whether the linear model stays alone where the network does not make every free run on held-back data better;
        False always adds the network.
    learning_rate
        Of AdamW, the highest of the schedule.

    Attributes
    ----------
    form : `elman.tasks.narx_form.Form`
        What was chosen; None before `fit`.
    metrics : dict
        Figures of the training: ``backtest``, the linear model's error, in units of the spread; ``network_used``;
        ``network_error``, the error of free runs on held-back data with the network, as part of that without it.
    state : NARXState
        After the training series.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Notes
    -----
    A constant output is learnt: it is its own forecast.  A constant input has no effect.

    References: I. J. Leontaritis and S. A. Billings, Input-output parametric models for non-linear systems (1985);
    K. S. Narendra and K. Parthasarathy, Identification and control of dynamical systems using neural networks (1990),
    for the two forms.

    Examples
    --------
    >>> import numpy as np, elman
    >>> x = np.random.default_rng(0).normal(size=300)
    >>> y = np.zeros(300)
    >>> for t in range(1, 300):
    ...     y[t] = 0.7 * y[t - 1] + np.tanh(x[t])
    >>> narx = elman.NARX(output_delays=1, input_delays=0).fit(y[:250], x[:250], epochs=20)
    >>> narx.predict(x=x[250:]).shape  # a free run
    (50,)
    >>> narx.evaluate(y[250:], x[250:])["free_run_rmse"] < 0.2 * y.std()
    True
    """

    task = "narx"
    """Name of the task in model files and on the command line."""

    def __init__(
        self,
        output_delays: int | None = None,
        input_delays: int | None = None,
        *,
        dead_time: int | None = None,
        network: str = "feedforward",
        hidden: int = 8,
        season: int | None = None,
        log: bool | None = None,
        horizon: int | None = None,
        fallback: bool = True,
        learning_rate: float = _LEARNING_RATE,
    ) -> None:
        for name, value, least in (
            ("output_delays", output_delays, 0),
            ("input_delays", input_delays, 0),
            ("dead_time", dead_time, 0),
            ("hidden", hidden, 1),
            ("season", season, 2),
            ("horizon", horizon, 1),
        ):
            _check_whole(name, value, least)
        NARXNetwork(1, 0, 1, network=network, hidden=1)  # says what is wrong with the name
        if dead_time is not None and input_delays is not None and dead_time > input_delays:
            raise ValueError(f"dead_time is {dead_time}, expected at most input_delays = {input_delays}")
        if log is not None and not isinstance(log, bool):
            raise TypeError(f"log is {log!r}, expected True, False, or None to choose")
        if not isinstance(fallback, bool):
            raise TypeError(f"fallback is {fallback!r}, expected True or False")
        if not isinstance(learning_rate, int | float) or not 0 < learning_rate < math.inf:
            raise ValueError(f"learning_rate is {learning_rate!r}, expected more than 0")
        self.hyperparameters: dict[str, Any] = {
            "output_delays": output_delays,
            "input_delays": input_delays,
            "dead_time": dead_time,
            "network": network,
            "hidden": hidden,
            "season": season,
            "log": log,
            "horizon": horizon,
            "fallback": fallback,
            "learning_rate": learning_rate,
        }
        self.form: Form | None = None
        self.metrics: dict[str, Any] = {}
        self._single = True  # whether outputs come and go as (T,)
        self._parts: tuple[NARXNetwork, Scales, NARXState] | None = None

    @property
    def network(self) -> NARXNetwork:
        """The network, on scaled outputs and inputs; ValueError before `fit`."""
        return self._trained()[0]

    @property
    def state(self) -> NARXState:
        """The state after the training series; ValueError before `fit`."""
        return self._trained()[2]

    def fit(
        self,
        y: ArrayLike,
        x: ArrayLike | None = None,
        *,
        time: str | float | None = None,
        epochs: int | None = None,
        seed: int = 0,
        threads: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> Self:
        """Learn a series.

        Parameters
        ----------
        y
            (T,) outputs, equally spaced in time, or (T, M) several side by side.
        x
            (T,) or (T, I) inputs, of the same steps: x_t is known when y_t is to be predicted.  None: there are none.
        time
            Budget of the network's training (``"30s"``); neither this nor `epochs`: 30 epochs, a few seconds.
        epochs
            Of 10 steps each; the same epochs and seed give the same bits.
        seed
            Of the first weights, and of the choice of windows.
        threads
            Of PyTorch while this runs; None leaves them as they are.
        progress
            Called after every step of the training on all but the last fifth.

        Returns
        -------
        NARX
            This model.

        Raises
        ------
        ValueError
            If a value is missing or infinite, the lengths differ, the series is too short for its delays, or logarithms
            are asked for and not all outputs are positive.
        TypeError
            If a series is not of numbers.

        Notes
        -----
        The last fifth is held back to choose the number of training steps, which are then taken anew on all of the
        series.  A fit takes seconds, so there are no checkpoints.
        """
        outputs, inputs = self._checked(y, x, "y", "x")
        form = self._form(outputs, inputs)
        plan = make_plan(time=time, epochs=_EPOCHS if time is None and epochs is None else epochs, seed=seed)
        self._single = np.ndim(y) == 1
        self.form = form
        scales = form.scales(outputs, inputs)
        network = self._linear_network(outputs, inputs, scales, seed)
        with using_threads(threads):
            best = self._rehearsed(outputs, inputs, plan, progress)
            if best:
                whole = _segment(outputs, inputs, form, scales, 0)
                learner = self._learner(network, whole, whole, best)
                again = Plan(epochs=best, seed=seed, weight_decay=_WEIGHT_DECAY)
                train(learner, again, self.hyperparameters["learning_rate"], Run())
        start = NARXState(outputs[:0], inputs[:0], network.initial_state(1), 0)
        self._parts = network, scales, start
        self._parts = network, scales, self.history(outputs, inputs)
        self.metrics |= {"values": len(outputs), "seed": seed}
        return self

    def predict(
        self, steps: int | None = None, x: ArrayLike | None = None, *, state: NARXState | None = None
    ) -> Array:
        """Run freely: predict the next steps, each from the predictions before it.

        Parameters
        ----------
        steps
            How many; None: as many as `x` has.
        x
            (steps,) or (steps, I), the inputs of these steps; None if the model has none.
        state
            From `read`; None: after the training series.

        Returns
        -------
        (steps,) or (steps, M), as `y` was in `fit`.  A run that has run away ends in infinite values.
        """
        network, scales, after = self._trained()
        state = after if state is None else state
        assert self.form is not None
        exogenous = self._exogenous(self._future(steps, x), state)
        past = torch.from_numpy(self.form.inward(state.outputs, scales)).unsqueeze(1)
        with torch.no_grad():
            run, _ = network.free_run(past, exogenous, state.hidden)
        return self._outward(run)

    def one_step(self, y: ArrayLike, x: ArrayLike | None = None, *, state: NARXState | None = None) -> Array:
        """Predict each value of a series from the true values before it: like `y`.

        Parameters
        ----------
        y, x
            Outputs and inputs after `state`, as in `fit`.
        state
            None: after the training series.
        """
        outputs, inputs = self._checked(y, x, "y", "x")
        return self._outward(self._followed(outputs, inputs, self.state if state is None else state)[0])

    def read(self, y: ArrayLike, x: ArrayLike | None = None, *, state: NARXState | None = None) -> NARXState:
        """The state after more true values, (T,) or (T, M) outputs and their inputs; a stream reads them one by one.

        Examples
        --------
        >>> import numpy as np, elman
        >>> y = np.sin(np.arange(90) / 5)
        >>> narx = elman.NARX(2, network="linear").fit(y[:60])
        >>> state = narx.read(y[60:80])
        >>> bool(abs(narx.predict(10, state=state) - y[80:]).max() < 1e-6)
        True
        """
        state = self.state if state is None else state
        outputs, inputs = self._checked(y, x, "y", "x")
        _, hidden = self._followed(outputs, inputs, state)
        whole = np.concatenate((state.outputs, outputs)), np.concatenate((state.inputs, inputs))
        Ky, Kx = len(state.outputs), len(state.inputs)
        return NARXState(
            whole[0][len(outputs) :][:Ky], whole[1][len(outputs) :][:Kx], hidden, state.time + len(outputs)
        )

    def history(self, y: ArrayLike, x: ArrayLike | None = None, *, start: int = 0) -> NARXState:
        """The state after another series.

        Parameters
        ----------
        y, x
            Outputs and inputs, as in `fit`; at least as many steps as the model's delays.
        start
            How many steps after the first of the training series it begins: for the season.
        """
        network, _, _ = self._trained()
        assert self.form is not None
        outputs, inputs = self._checked(y, x, "y", "x")
        first, Ky, Kx = self.form.memory, self.form.output_delays, self.form.input_delays
        if len(outputs) < first:
            raise ValueError(f"y has {len(outputs)} values; expected at least the delays, {first}")
        hidden = network.initial_state(1)
        begun = NARXState(outputs[first - Ky : first], inputs[first - Kx : first], hidden, start + first)
        return self.read(outputs[first:], inputs[first:], state=begun)

    def evaluate(self, data: ArrayLike, x: ArrayLike | None = None) -> dict[str, float | int]:
        """Measure how well the values after the training series are predicted.

        Parameters
        ----------
        data, x
            Outputs after the training series and their inputs.

        Returns
        -------
        dict
            ``one_step_rmse``, ``one_step_mae``: each value from the true ones before it.  ``free_run_rmse``,
            ``free_run_mae``: all from the training series alone.  ``steps``: how many.
        """
        outputs, inputs = self._checked(data, x, "data", "x")
        if not len(outputs):
            raise ValueError("data has no values; expected at least 1, those after the training series")
        one = self.one_step(outputs, inputs).reshape(outputs.shape)
        free = self.predict(len(outputs), inputs).reshape(outputs.shape)
        return {**errors(one, outputs, "one_step"), **errors(free, outputs, "free_run"), "steps": len(outputs)}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to one file, whole or not at all; `elman.load` reads it.

        Raises
        ------
        ValueError
            If the model is not trained.
        OSError
            If the file cannot be written; what was there before is still there.
        """
        network, scales, state = self._trained()
        assert self.form is not None
        facts = {
            "task": self.task,
            "config": self.hyperparameters,
            "form": asdict(self.form),
            "single": self._single,
            "time": state.time,
            "metrics": self.metrics,
        }
        arrays = {**scales._asdict(), "outputs": state.outputs, "inputs": state.inputs}
        hidden = state.hidden if isinstance(state.hidden, tuple) else (state.hidden,)
        write_file(
            path,
            "model",
            facts,
            {
                **{f"network.{name}": tensor for name, tensor in network.state_dict().items()},
                **{name: torch.from_numpy(array.copy()) for name, array in arrays.items()},
                **{f"hidden.{number}": tensor.clone() for number, tensor in enumerate(hidden)},
            },
        )

    @classmethod
    def from_stored(cls, stored: Stored) -> Self:
        """The model of a file that `elman.tasks.model_file.read_file` has read; `elman.load` does both.

        Raises
        ------
        ModelFileError
            If the parts of the file do not fit together.
        """
        facts, tensors = stored.description, dict(stored.tensors)
        try:
            model = cls(**facts["config"])
            model.form, model.metrics, model._single = Form(**facts["form"]), facts["metrics"], facts["single"]
            scales = Scales(*(tensors[name].numpy() for name in Scales._fields))
            outputs, inputs = tensors["outputs"].numpy(), tensors["inputs"].numpy()
            network = model._network(outputs.shape[1], inputs.shape[1], seed=0)
            network.load_state_dict({k.removeprefix("network."): t for k, t in tensors.items() if "network." in k})
            hidden = _state_like(network.initial_state(1), [t for k, t in sorted(tensors.items()) if "hidden." in k])
            if (len(outputs), len(inputs)) != (model.form.output_delays, model.form.input_delays):
                raise ValueError(f"the state has {len(outputs)} outputs and {len(inputs)} inputs")
        except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
            raise ModelFileError(f"the file is damaged: {' '.join(str(error).split())}") from error
        model._parts = network, scales, NARXState(outputs, inputs, hidden, facts["time"])
        return model

    def info(self) -> dict[str, Any]:
        """What the model is and how it was trained, ready for JSON."""
        network, scales, _ = self._trained()
        assert self.form is not None
        return {
            "task": self.task,
            **self.hyperparameters,
            **asdict(self.form),
            "outputs": len(scales.output_mean),
            "inputs": len(scales.input_mean),
            "parameters": sum(p.numel() for p in network.parameters()),
            "metrics": self.metrics,
            "format": FORMAT,
            "version": __version__,
        }

    def _trained(self) -> tuple[NARXNetwork, Scales, NARXState]:
        if self._parts is None:
            raise ValueError("the model is not trained: call fit, or read a trained one with elman.load")
        return self._parts

    def _checked(self, y: ArrayLike, x: ArrayLike | None, y_name: str, x_name: str) -> tuple[Array, Array]:
        """Outputs (T, M) and inputs (T, I), I = 0 where there are none, checked against each other and the model."""
        outputs = as_series(y, y_name, columns=True)
        inputs = np.empty((len(outputs), 0)) if x is None else _inputs(x, x_name)
        if len(outputs) != len(inputs):
            raise ValueError(f"{y_name} has {len(outputs)} steps and {x_name} {len(inputs)}; expected as many of both")
        if self._parts is not None:
            _, scales, _ = self._parts
            self._check_columns(outputs.shape[1], len(scales.output_mean), y_name)
            self._check_columns(inputs.shape[1], len(scales.input_mean), x_name)
        if self.form is not None and self.form.log and not (outputs > 0).all():
            place = int(np.argwhere(~(outputs > 0))[0][0])
            raise ValueError(
                f"{y_name}[{place}] is {outputs[place].min()}; the model takes logarithms: all values must be above 0"
            )
        return outputs, inputs

    def _check_columns(self, got: int, expected: int, name: str) -> None:
        if got != expected:
            raise ValueError(f"{name} has {got} columns; the model was trained with {expected}")

    def _future(self, steps: int | None, x: ArrayLike | None) -> Array:
        """The inputs of the steps to predict, (steps, I)."""
        _check_whole("steps", steps, least=0)
        own = len(self._trained()[1].input_mean)
        if x is None and (own or steps is None):
            what = f"the model has {own} inputs, of which the future must be known" if own else "the model has no inputs"
            raise ValueError(f"{what}: give {'x' if own else 'steps'}")
        inputs = np.empty((steps or 0, 0)) if x is None else _inputs(x, "x")
        self._check_columns(inputs.shape[1], own, "x")
        if steps is not None and len(inputs) != steps:
            raise ValueError(f"x has {len(inputs)} steps; expected steps = {steps}")
        return inputs

    def _exogenous(self, inputs: Array, state: NARXState) -> Tensor:
        """(T, 1, E) of the steps of `inputs`, (T, I), which come after `state`."""
        assert self.form is not None
        known = self.form.exogenous(np.concatenate((state.inputs, inputs)), self._trained()[1], state.time)
        return torch.from_numpy(known).unsqueeze(1)

    @torch.no_grad()
    def _followed(self, outputs: Array, inputs: Array, state: NARXState) -> tuple[Tensor, EncoderState]:
        """Predictions (T, 1, M) of true values from those before them, and what the network then remembers."""
        network, scales, _ = self._trained()
        assert self.form is not None
        whole = torch.from_numpy(self.form.inward(np.concatenate((state.outputs, outputs)), scales)).unsqueeze(1)
        found: tuple[Tensor, EncoderState] = network(whole, self._exogenous(inputs, state), state.hidden)
        return found

    def _outward(self, run: Tensor) -> Array:
        """Predictions (T, 1, M) in the units and the form of the outputs."""
        assert self.form is not None
        values = self.form.outward(run[:, 0].numpy(), self._trained()[1])
        return values[:, 0] if self._single else values

    def _form(self, outputs: Array, inputs: Array) -> Form:
        """The regressors: as given, or by backtest."""
        given = {name: self.hyperparameters[name] for name in _CHOICES}
        self._parts = self.form = None
        if given["log"] and not (outputs > 0).all():
            place = int(np.argwhere(~(outputs > 0))[0][0])
            raise ValueError(f"y[{place}] is {outputs[place].min()}; log takes values above 0 only")
        form, score = choose(outputs, inputs, self._horizon(len(outputs)), **given)
        needed = form.memory + 2
        if len(outputs) < needed:
            raise ValueError(
                f"y has {len(outputs)} steps; a model with the delays {form.output_delays} of outputs and"
                f" {form.input_delays} of inputs needs at least {needed}"
            )
        self.metrics = {"backtest": score}
        return form

    def _horizon(self, steps: int) -> int:
        return int(self.hyperparameters["horizon"] or max(1, steps // 5))

    def _network(self, outputs: int, inputs: int, seed: int) -> NARXNetwork:
        form = self.form
        assert form is not None
        exogenous = (form.input_delays + 1 - form.dead_time) * inputs + ((form.season or 1) - 1 if form.seasonal else 0)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network, hidden = self.hyperparameters["network"], self.hyperparameters["hidden"]
            return NARXNetwork(outputs, form.output_delays, exogenous, network=network, hidden=hidden).double()

    def _linear_network(self, outputs: Array, inputs: Array, scales: Scales, seed: int) -> NARXNetwork:
        """A network that is the linear model, by least squares."""
        assert self.form is not None
        network = self._network(outputs.shape[1], inputs.shape[1], seed)
        found = torch.from_numpy(fit_linear(self.form, outputs, inputs, scales).coefficients)
        network.set_linear(found[:-1].T, found[-1])
        return network

    def _learner(self, network: NARXNetwork, training: Segment, validation: Segment, epochs: int) -> NARXLearner:
        recurrent = self.hyperparameters["network"] not in ("linear", "feedforward")
        horizon = min(self._horizon(len(training.exogenous)), _LONGEST_RUN)
        warm = min(_WARM, len(training.exogenous) // 4) if recurrent else 0
        apart = int(_SERIES_PARALLEL * epochs * STEPS_PER_EPOCH)
        return NARXLearner(network, training, validation, horizon, apart, warm)

    def _rehearsed(self, outputs: Array, inputs: Array, plan: Plan, progress: Callable[[Progress], None] | None) -> int:
        """After how many epochs free runs of the network are best on data that it has not seen; 0: never.

        It is trained without the last fifth, without the last two, and so on, and each time judged by the fifth that
        follows.  It must be better than the linear model each time, and by more than a little on average: a network
        that was lucky once runs away as soon as the series leaves the range that it knows.
        """
        form, T = self.form, len(outputs)
        assert form is not None
        fold = T // 5
        cuts = [T - fold * part for part in range(_FOLDS, 0, -1)]
        if self.hyperparameters["network"] == "linear" or fold < 4 or cuts[0] - form.memory < fold:
            self.metrics |= {"network_used": False}
            return 0
        ratios, epochs = [], plan.epochs
        for cut in cuts:
            scales = form.scales(outputs[:cut], inputs[:cut])
            network = self._linear_network(outputs[:cut], inputs[:cut], scales, plan.seed)
            training = _segment(outputs[:cut], inputs[:cut], form, scales, 0)
            first = max(0, cut - form.memory - min(_WARM, len(training.exogenous) // 4))
            validation = _segment(outputs[first : cut + fold], inputs[first : cut + fold], form, scales, first)
            if epochs is None:
                assert plan.seconds is not None
                epochs = _epochs_within(plan.seconds / (_FOLDS + 1), self._learner(network, training, validation, 0))
            learner, run = self._learner(network, training, validation, epochs), Run()
            linear = learner.validate()
            own = Plan(epochs=epochs, seed=plan.seed, weight_decay=_WEIGHT_DECAY)
            train(learner, own, self.hyperparameters["learning_rate"], run, progress=progress)
            ratios.append([loss / max(linear, 1e-30) for _, _, loss in run.history])
        curve = np.array(ratios)  # (folds, epochs), parts of the linear model's mean square error
        mean = np.exp(np.log(curve).mean(axis=0))
        fallback = self.hyperparameters["fallback"]
        allowed = np.where(fallback & ((curve.max(axis=0) >= 1.0) | (mean > _WORTHWHILE)), math.inf, mean)
        best = int(np.argmin(allowed))
        used = bool(np.isfinite(allowed[best]))
        best = best if used else int(np.argmin(mean))
        self.metrics |= {"network_used": used, "network_error": float(np.sqrt(mean[best]))}
        return best + 1 if used else 0


def _epochs_within(seconds: float, learner: NARXLearner) -> int:
    """How many epochs fit into so many seconds: one is tried, on a copy."""
    trial = copy.deepcopy(learner)
    generator = torch.Generator().manual_seed(0)
    began = time_of_day.perf_counter()
    for _ in range(2):
        trial.loss(generator).backward()  # type: ignore[no-untyped-call]
    a_step = (time_of_day.perf_counter() - began) / 2
    trial.validate()
    rest = time_of_day.perf_counter() - began - 2 * a_step
    return max(2, int(seconds / (a_step * STEPS_PER_EPOCH + rest)))


def _segment(outputs: Array, inputs: Array, form: Form, scales: Scales, start: int) -> Segment:
    """A stretch of a series, which begins `start` steps after the training series' first, as the network sees it."""
    first = form.memory
    exogenous = form.exogenous(inputs[first - form.input_delays :], scales, start + first)
    return Segment(torch.from_numpy(form.inward(outputs, scales)), torch.from_numpy(exogenous))


def _inputs(x: ArrayLike, name: str) -> Array:
    """Inputs (T, I), where I may be 0."""
    if isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[1] == 0:
        return x
    return as_series(x, name, columns=True)


def _state_like(like: EncoderState, tensors: list[Tensor]) -> EncoderState:
    if isinstance(like, Tensor):
        return tensors[0]
    return LSTMState(*tensors) if isinstance(like, LSTMState) else tuple(tensors)


def _check_whole(name: str, value: object, least: int) -> None:
    if value is None:
        return
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected a whole number, at least {least}")
    if value < least:
        raise ValueError(f"{name} is {value}, expected at least {least}")
