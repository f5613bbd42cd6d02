"""NARX as a task: a series predicted from its own past and from inputs that are known."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elman.models import NARXNetwork
from elman.models.encoders import EncoderState
from elman.tasks.autoregression.form import Form, Scales, choose
from elman.tasks.autoregression.options import LEARNING_RATE, Options
from elman.tasks.autoregression.regression import as_series, check_whole, errors
from elman.tasks.autoregression.series import NARXState, as_inputs, check_columns, state_like
from elman.tasks.autoregression.training import Training, new_network
from elman.tasks.model_file import Stored
from elman.tasks.parts import trained
from elman.tasks.task import Task
from elman.tasks.training import Progress, using_threads

__all__ = ["NARX", "NARXState"]

Array = NDArray[np.float64]


class NARX(Task):
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
    form : `elman.tasks.autoregression.form.Form`
        What was chosen; None before `fit`.
    metrics : dict
        Figures of the training: ``backtest``, the linear model's error, in units of the spread; ``network_used``;
        ``network_error``, the error of free runs on held-back data with the network, as part of that without it, and
        ``network_errors``, the same for each part that was held back.
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
    >>> x = np.random.default_rng(0).normal(size=200)
    >>> y = np.zeros(200)
    >>> for t in range(1, 200):
    ...     y[t] = 0.7 * y[t - 1] + np.tanh(x[t])
    >>> narx = elman.NARX(output_delays=1, input_delays=0).fit(y[:150], x[:150], epochs=4)
    >>> narx.predict(x=x[150:]).shape  # a free run
    (50,)
    >>> bool(narx.evaluate(y[150:], x[150:])["free_run_rmse"] < 0.2 * y.std())
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
        learning_rate: float = LEARNING_RATE,
    ) -> None:
        self.hyperparameters = Options(
            output_delays=output_delays,
            input_delays=input_delays,
            dead_time=dead_time,
            network=network,
            hidden=hidden,
            season=season,
            log=log,
            horizon=horizon,
            fallback=fallback,
            learning_rate=learning_rate,
        )
        self.form: Form | None = None
        self.metrics: dict[str, Any] = {}
        self._single = True  # whether outputs come and go as (T,)
        self._parts: tuple[NARXNetwork, Scales, NARXState] | None = None

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
        TrainingError
            If the network runs away while it learns, and there is no `fallback`.

        Notes
        -----
        The last fifth is held back to choose the number of training steps, which are then taken anew on all of the
        series.  A fit takes seconds, so there are no checkpoints.
        """
        outputs, inputs = self._checked(y, x, "y", "x")
        form = self._form(outputs, inputs)
        self._single = np.ndim(y) == 1
        self.form = form
        training = Training(outputs, inputs, form, self.hyperparameters, seed)
        with using_threads(threads):
            network, figures = training.run(time, epochs, progress)
        self.metrics |= figures
        scales = form.scales(outputs, inputs)
        start = NARXState(outputs[:0], inputs[:0], network.initial_state(1), 0)
        self._parts = network, scales, start
        self._parts = network, scales, self.history(outputs, inputs)
        self.metrics |= {"values": len(outputs), "seed": seed}
        return self

    def predict(self, steps: int | None = None, x: ArrayLike | None = None, *, state: NARXState | None = None) -> Array:
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

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        network, scales, state = self._trained()
        facts = {
            "config": asdict(self.hyperparameters),
            "form": asdict(trained(self.form)),
            "single": self._single,
            "time": state.time,
        }
        arrays = {**scales._asdict(), "outputs": state.outputs, "inputs": state.inputs}
        hidden = state.hidden if isinstance(state.hidden, tuple) else (state.hidden,)
        return facts, {
            **{f"network.{name}": tensor for name, tensor in network.state_dict().items()},
            **{name: torch.from_numpy(array.copy()) for name, array in arrays.items()},
            **{f"hidden.{number}": tensor.clone() for number, tensor in enumerate(hidden)},
        }

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts, tensors = stored.description, dict(stored.tensors)
        model = cls(**facts["config"])
        model.form, model._single = Form(**facts["form"]), facts["single"]
        scales = Scales(*(tensors[name].numpy() for name in Scales._fields))
        outputs, inputs = tensors["outputs"].numpy(), tensors["inputs"].numpy()
        network = new_network(model.form, outputs.shape[1], inputs.shape[1], model.hyperparameters, seed=0)
        network.load_state_dict({k.removeprefix("network."): t for k, t in tensors.items() if "network." in k})
        hidden = state_like(network.initial_state(1), [t for k, t in sorted(tensors.items()) if "hidden." in k])
        if (len(outputs), len(inputs)) != (model.form.output_delays, model.form.input_delays):
            raise ValueError(f"the state has {len(outputs)} outputs and {len(inputs)} inputs")
        model._parts = network, scales, NARXState(outputs, inputs, hidden, facts["time"])
        return model

    def _described(self) -> dict[str, Any]:
        network, scales, _ = self._trained()
        return {
            **asdict(self.hyperparameters),
            **asdict(trained(self.form)),
            "outputs": len(scales.output_mean),
            "inputs": len(scales.input_mean),
            "parameters": sum(p.numel() for p in network.parameters()),
        }

    def _trained(self) -> tuple[NARXNetwork, Scales, NARXState]:
        return trained(self._parts)

    def _checked(self, y: ArrayLike, x: ArrayLike | None, y_name: str, x_name: str) -> tuple[Array, Array]:
        """Outputs (T, M) and inputs (T, I), I = 0 where there are none, checked against each other and the model."""
        outputs = as_series(y, y_name, columns=True)
        inputs = np.empty((len(outputs), 0)) if x is None else as_inputs(x, x_name)
        if len(outputs) != len(inputs):
            raise ValueError(f"{y_name} has {len(outputs)} steps and {x_name} {len(inputs)}; expected as many of both")
        if self._parts is not None:
            _, scales, _ = self._parts
            check_columns(outputs.shape[1], len(scales.output_mean), y_name)
            check_columns(inputs.shape[1], len(scales.input_mean), x_name)
        if self.form is not None and self.form.log and not (outputs > 0).all():
            place = int(np.argwhere(~(outputs > 0))[0][0])
            raise ValueError(
                f"{y_name}[{place}] is {outputs[place].min()}; the model takes logarithms: all values must be above 0"
            )
        return outputs, inputs

    def _future(self, steps: int | None, x: ArrayLike | None) -> Array:
        """The inputs of the steps to predict, (steps, I)."""
        check_whole("steps", steps, least=0)
        own = len(self._trained()[1].input_mean)
        if x is None and (own or steps is None):
            what = (
                f"the model has {own} inputs, of which the future must be known" if own else "the model has no inputs"
            )
            raise ValueError(f"{what}: give {'x' if own else 'steps'}")
        inputs = np.empty((steps or 0, 0)) if x is None else as_inputs(x, "x")
        check_columns(inputs.shape[1], own, "x")
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
        self._parts = self.form = None
        options = self.hyperparameters
        if options.log and not (outputs > 0).all():
            place = int(np.argwhere(~(outputs > 0))[0][0])
            raise ValueError(f"y[{place}] is {outputs[place].min()}; log takes values above 0 only")
        form, score = choose(outputs, inputs, options.horizon_of(len(outputs)), **options.choices())
        needed = form.memory + 2
        if len(outputs) < needed:
            raise ValueError(
                f"y has {len(outputs)} steps; a model with the delays {form.output_delays} of outputs and"
                f" {form.input_delays} of inputs needs at least {needed}"
            )
        self.metrics = {"backtest": score}
        return form
