"""How a NARX network comes about: least squares, rehearsals on parts of the series, and training on all of it."""

import copy
import math
import time as time_of_day
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elman.models import NARXNetwork
from elman.tasks.autoregression.form import Form, Scales, fit_linear
from elman.tasks.autoregression.learner import STEPS_PER_EPOCH, NARXLearner, Segment
from elman.tasks.autoregression.options import Options
from elman.tasks.checkpoint import Run
from elman.tasks.plan import Plan, make_plan
from elman.tasks.training import Progress, TrainingError, train

__all__ = ["Training", "new_network"]

Array = NDArray[np.float64]

_EPOCHS = 20  # where neither time nor epochs are given
_WEIGHT_DECAY = 0.1  # towards the linear model
_SERIES_PARALLEL = 1 / 3  # of the steps
_LONGEST_RUN = 32  # steps of a free run in training: its gradients go back through all of them
_WARM = 32  # steps that a recurrent network reads before it runs freely
_FOLDS = 3  # parts of the data, each held back in its turn
_WORTHWHILE = 0.95  # a network is added to the linear model if its mean square error is less than this part of it
_EXACT = 1e-20  # a mean square error, in units of the variance, below which there is nothing to gain


def new_network(form: Form, outputs: int, inputs: int, options: Options, seed: int) -> NARXNetwork:
    """A network in float64 for M outputs and I inputs; its first weights are drawn from `seed`."""
    exogenous = (form.input_delays + 1 - form.dead_time) * inputs + ((form.season or 1) - 1 if form.seasonal else 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = outputs, form.output_delays, exogenous
        return NARXNetwork(*sizes, network=options.network, hidden=options.hidden).double()


class Training:
    """A series, (T, M) outputs and (T, I) inputs, from which a network learns."""

    def __init__(self, outputs: Array, inputs: Array, form: Form, options: Options, seed: int) -> None:
        self._outputs, self._inputs, self._form = outputs, inputs, form
        self._options, self._seed = options, seed

    def run(
        self, time: str | float | None, epochs: int | None, progress: Callable[[Progress], None] | None
    ) -> tuple[NARXNetwork, dict[str, Any]]:
        """The network, and the figures of its training."""
        plan = make_plan(time=time, epochs=_EPOCHS if time is None and epochs is None else epochs, seed=self._seed)
        figures: dict[str, Any] = {"network_used": False}
        best = 0
        fold = len(self._outputs) // 5
        if (
            self._options.network != "linear"
            and fold >= 4
            and len(self._outputs) - _FOLDS * fold - self._form.memory >= fold
        ):
            best, figures = self._rehearse(plan, fold, progress)
        scales = self._form.scales(self._outputs, self._inputs)
        network = self._linear(len(self._outputs), scales)
        if best:
            whole = self._segment(0, len(self._outputs), scales)
            learner = self._learner(network, whole, whole, best)
            if not self._train(learner, best, Run(), None):
                return self._linear(len(self._outputs), scales), {**figures, "network_used": False}
        return network, figures

    def _rehearse(
        self, plan: Plan, fold: int, progress: Callable[[Progress], None] | None
    ) -> tuple[int, dict[str, Any]]:
        """After how many epochs free runs of the network are best on data that it has not seen; 0: never.

        It is trained without the last fifth, without the last two, and so on, and each time judged by the fifth that
        follows.  It must be better than the linear model each time, and by more than a little on average: a network
        that was lucky once runs away as soon as the series leaves the range that it knows.
        """
        ratios, epochs = [], plan.epochs
        for cut in range(len(self._outputs) - _FOLDS * fold, len(self._outputs) - fold + 1, fold):
            scales = self._form.scales(self._outputs[:cut], self._inputs[:cut])
            network = self._linear(cut, scales)
            training = self._segment(0, cut, scales)
            first = max(0, cut - self._form.memory - self._warm(training))
            validation = self._segment(first, cut + fold, scales)
            if epochs is None:
                assert plan.seconds is not None
                trial = self._learner(copy.deepcopy(network), training, validation, 0)
                epochs = _epochs_within(plan.seconds / (_FOLDS + 1), trial)
            learner, run = self._learner(network, training, validation, epochs), Run()
            linear = max(learner.validate(), _EXACT)
            if not self._train(learner, epochs, run, progress):
                return 0, {"network_used": False}
            ratios.append([max(loss, _EXACT) / linear for _, _, loss in run.history])
        curve = np.array(ratios)  # (folds, epochs), parts of the linear model's mean square error
        mean = np.exp(np.log(curve).mean(axis=0))
        refused = (curve.max(axis=0) >= 1.0) | (mean > _WORTHWHILE)
        allowed = np.where(refused & self._options.fallback, math.inf, mean)
        best = int(np.argmin(allowed))
        used = bool(np.isfinite(allowed[best]))
        shown = best if used else int(np.argmin(mean))
        figures: dict[str, Any] = {"network_used": used, "network_error": float(np.sqrt(mean[shown]))}
        figures["network_errors"] = np.sqrt(curve[:, shown]).tolist()
        return best + 1 if used else 0, figures

    def _train(self, learner: NARXLearner, epochs: int, run: Run, progress: Callable[[Progress], None] | None) -> bool:
        """Train; False if the network ran away, and the linear model may stand in for it."""
        plan = Plan(epochs=epochs, seed=self._seed, weight_decay=_WEIGHT_DECAY)
        try:
            train(learner, plan, self._options.learning_rate, run, progress=progress)
        except TrainingError:
            if not self._options.fallback:
                raise
            return False
        return True

    def _linear(self, steps: int, scales: Scales) -> NARXNetwork:
        """A network that is the linear model, by least squares on the first steps."""
        outputs, inputs = self._outputs[:steps], self._inputs[:steps]
        sizes = outputs.shape[1], inputs.shape[1]
        network = new_network(self._form, *sizes, self._options, self._seed)
        found = torch.from_numpy(fit_linear(self._form, outputs, inputs, scales).coefficients)
        network.set_linear(found[:-1].T, found[-1])
        return network

    def _segment(self, first: int, end: int, scales: Scales) -> Segment:
        """Steps `first` to `end` of the series, as the network sees them."""
        outputs, inputs, memory = self._outputs[first:end], self._inputs[first:end], self._form.memory
        known = self._form.exogenous(inputs[memory - self._form.input_delays :], scales, first + memory)
        return Segment(torch.from_numpy(self._form.inward(outputs, scales)), torch.from_numpy(known))

    def _warm(self, training: Segment) -> int:
        """Steps that are read before a free run."""
        return min(_WARM, len(training.exogenous) // 4) if self._options.network not in ("linear", "feedforward") else 0

    def _learner(self, network: NARXNetwork, training: Segment, validation: Segment, epochs: int) -> NARXLearner:
        horizon = min(self._options.horizon_of(len(self._outputs)), _LONGEST_RUN)
        apart = int(_SERIES_PARALLEL * epochs * STEPS_PER_EPOCH)
        return NARXLearner(network, training, validation, horizon, apart, self._warm(training))


def _epochs_within(seconds: float, trial: NARXLearner) -> int:
    """How many epochs fit into so many seconds: a part of one is tried."""
    generator, began = torch.Generator().manual_seed(0), time_of_day.perf_counter()
    for _ in range(2):
        trial.loss(generator).backward()  # type: ignore[no-untyped-call]
    a_step = (time_of_day.perf_counter() - began) / 2
    trial.validate()
    validation = time_of_day.perf_counter() - began - 2 * a_step
    return max(2, int(seconds / (a_step * STEPS_PER_EPOCH + validation)))
