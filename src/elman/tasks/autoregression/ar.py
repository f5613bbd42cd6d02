"""Autoregression as a task: a series predicted by a linear function of its last K values."""

import math
from statistics import NormalDist
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from elman.tasks.autoregression.ar_state import ARState, Forecast
from elman.tasks.autoregression.regression import (
    as_series,
    check_whole,
    criteria,
    errors,
    lagged,
    least_squares,
    levels,
    nested_squares,
)
from elman.tasks.model_file import Stored
from elman.tasks.parts import trained
from elman.tasks.task import Task

__all__ = ["AR", "ARState", "Forecast"]

Array = NDArray[np.float64]

_TRENDS = ("n", "c", "t", "ct")
_CRITERIA = ("aic", "bic", "hqic")


class AR(Task):
    """Autoregressive model y_t = c + a_1 y_{t-1} + … + a_K y_{t-K} + ε_t, fitted by least squares.

    Parameters
    ----------
    order
        K; None chooses it by `criterion` from 0 to `max_order`.
    trend
        ``"c"`` an intercept (default), ``"t"`` a slope (times t = 1, 2, …), ``"ct"`` both, ``"n"`` none.
    season
        Length of a season in steps; each step of it then gets a level of its own.  None: no season.
    criterion
        ``"aic"``, ``"bic"`` (default: it finds the true order of a long series) or ``"hqic"``, all orders compared on
        the same rows.
    max_order
        None: 12 (T/100)^¼ (Schwert, 1989), if the series is long enough for it.

    Attributes
    ----------
    order : int
        K in use; None before `fit` where it is to be chosen.
    intercept, slope : float
        c and the coefficient of t; 0 where `trend` has none.
    coefficients : (K,)
        a_1 … a_K.
    seasonal : (season,)
        What each step of a season adds; 0 for the first where there is an intercept, which is then its level.  Empty
        without a season.
    sigma2 : float
        Mean square of the residuals.
    log_likelihood, aic, bic, hqic : float
    selection : dict
        For each order that was tried, the criterion.
    state : ARState
        After the training series.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Notes
    -----
    Conditional least squares, as in Hamilton, Time Series Analysis (1994), chapter 5.3.  All figures equal those of
    statsmodels' ``AutoReg``.  A constant series is learnt: it is its own forecast, with σ² = 0.

    Examples
    --------
    >>> import numpy as np, elman
    >>> y = [0.0, 1.0]
    >>> for _ in range(60):
    ...     y.append(1 + 0.5 * y[-1] - 0.4 * y[-2])
    >>> ar = elman.AR(2).fit(y)
    >>> np.round([ar.intercept, *ar.coefficients], 6)
    array([ 1. ,  0.5, -0.4])
    >>> ar.predict(3).shape, ar.stable
    ((3,), True)
    """

    task = "ar"
    """Name of the task in model files and on the command line."""

    def __init__(
        self,
        order: int | None = None,
        *,
        trend: str = "c",
        season: int | None = None,
        criterion: str = "bic",
        max_order: int | None = None,
    ) -> None:
        check_whole("order", order, least=0)
        check_whole("season", season, least=2)
        check_whole("max_order", max_order, least=0)
        for name, value, valid in (("trend", trend, _TRENDS), ("criterion", criterion, _CRITERIA)):
            if value not in valid:
                raise ValueError(f"{name} is {value!r}, expected one of {', '.join(valid)}")
        self.hyperparameters = {
            "order": None if order is None else int(order),
            "trend": trend,
            "season": None if season is None else int(season),
            "criterion": criterion,
            "max_order": None if max_order is None else int(max_order),
        }
        self.trend, self.season, self.order = trend, season, order
        self.selection: dict[int, float] = {}
        self.metrics: dict[str, Any] = {}
        self._parts: tuple[Array, float, ARState] | None = None

    def fit(self, y: ArrayLike) -> Self:
        """Fit the coefficients to a series.

        Parameters
        ----------
        y
            (T,) numbers, equally spaced in time.

        Returns
        -------
        AR
            This model.

        Raises
        ------
        ValueError
            If a value is missing or infinite, or `y` is too short for the order.
        TypeError
            If `y` is not of numbers.
        """
        series = as_series(y, "y")
        wanted: int | None = self.hyperparameters["order"]  # type: ignore[assignment]
        order = self._select(series) if wanted is None else wanted
        parameters = order + self._fixed
        if len(series) - order < max(parameters, 1):
            raise ValueError(
                f"y has {len(series)} values; an AR({order}) with trend {self.trend!r} and season {self.season} needs"
                f" at least {order + max(parameters, 1)}: {order} to begin with, and one for each of its {parameters}"
                " coefficients"
            )
        design, targets = self._design(series, order, order)
        found = least_squares(design, targets)
        self.order = order
        self._parts = found.coefficients, float(found.sigma2), ARState(series[len(series) - order :], len(series))
        self.metrics = {"values": len(series), "rows": len(targets), "sigma2": self.sigma2}
        self.metrics |= criteria(self.sigma2, len(targets), parameters)
        return self

    @property
    def intercept(self) -> float:
        """c; 0 where `trend` has none."""
        return float(self._trained()[0][0]) if "c" in self.trend else 0.0

    @property
    def slope(self) -> float:
        """The coefficient of t; 0 where `trend` has none."""
        return float(self._trained()[0][int("c" in self.trend)]) if "t" in self.trend else 0.0

    @property
    def seasonal(self) -> Array:
        """What each step of a season adds, (season,); empty without a season."""
        if self.season is None:
            return np.empty(0)
        parameters, first = self._trained()[0], len(self.trend.replace("n", ""))
        own = parameters[first : len(parameters) - len(self.coefficients)]
        return np.concatenate(([0.0], own)) if "c" in self.trend else own.copy()

    @property
    def coefficients(self) -> Array:
        """a_1 … a_K, (K,)."""
        parameters, _, state = self._trained()
        return parameters[len(parameters) - len(state.values) :]

    @property
    def sigma2(self) -> float:
        """Mean square of the residuals."""
        return self._trained()[1]

    @property
    def state(self) -> ARState:
        """The state after the training series."""
        return self._trained()[2]

    @property
    def log_likelihood(self) -> float:
        """Of the fit, given the first K values."""
        return float(self.metrics["log_likelihood"])

    @property
    def aic(self) -> float:
        """Akaike's information criterion of the fit."""
        return float(self.metrics["aic"])

    @property
    def bic(self) -> float:
        """Schwarz's (Bayesian) information criterion of the fit."""
        return float(self.metrics["bic"])

    @property
    def hqic(self) -> float:
        """Hannan and Quinn's information criterion of the fit."""
        return float(self.metrics["hqic"])

    @property
    def roots(self) -> NDArray[np.complex128]:
        """The roots of 1 - a_1 z - … - a_K z^K: the model is stable if all lie outside of the unit circle."""
        polynomial = np.concatenate(([1.0], -self.coefficients))
        found: NDArray[np.complex128] = np.roots(polynomial[::-1]).astype(np.complex128)
        return found

    @property
    def stable(self) -> bool:
        """Whether a disturbance dies out: no root within, or on, the unit circle."""
        return bool((np.abs(self.roots) > 1.0).all())

    def history(self, y: ArrayLike, start: int = 0) -> ARState:
        """The state after another series.

        Parameters
        ----------
        y
            (T,), T at least K.
        start
            How many steps after the first of the training series it begins: for trend and season.
        """
        series, K = as_series(y, "y"), len(self.coefficients)
        if len(series) < K:
            raise ValueError(f"y has {len(series)} values; expected at least the order, {K}")
        return ARState(series[len(series) - K :], start + len(series))

    def predict(self, steps: int, state: ARState | None = None) -> Array:
        """The expected values of the next steps, each from those before it: (steps,).

        Parameters
        ----------
        steps
            How many.
        state
            From `history` or `step`; None: after the training series.
        """
        return self._run(steps, self.state if state is None else state)[:, 0]

    def forecast(self, steps: int, *, level: float = 0.95, state: ARState | None = None) -> Forecast:
        """The expected values of the next steps, and the interval in which each lies with a probability of `level`.

        The errors are taken for Gaussian of variance σ² Σ ψ_j², ψ the answer of the model to one disturbance of size 1.

        Raises
        ------
        ValueError
            If `steps` is negative, or `level` not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level is {level}, expected a probability between 0 and 1")
        mean = self.predict(steps, state)
        K = len(self.coefficients)
        answer = np.zeros(K + steps)
        for t in range(K, K + steps):
            answer[t] = (t == K) + self.coefficients @ answer[t - K : t][::-1]
        deviation = np.sqrt(self.sigma2 * np.cumsum(answer[K:] ** 2))
        width = NormalDist().inv_cdf((1 + level) / 2) * deviation
        return Forecast(mean, deviation, mean - width, mean + width)

    def simulate(self, steps: int, paths: int = 1, *, seed: int = 0, state: ARState | None = None) -> Array:
        """Draw possible futures, with Gaussian errors of variance σ²: (steps, paths)."""
        check_whole("paths", paths, least=1)
        check_whole("steps", steps, least=0)
        noise = np.random.default_rng(seed).normal(0.0, math.sqrt(self.sigma2), (steps, paths))
        return self._run(steps, self.state if state is None else state, noise)

    def one_step(self, y: ArrayLike, state: ARState | None = None) -> Array:
        """Predict each value of a series from the true values before it: (T,).

        Parameters
        ----------
        y
            (T,), what comes after `state`.
        state
            None: after the training series.
        """
        series = as_series(y, "y")
        state = self.state if state is None else state
        K, T = len(self.coefficients), len(series)
        whole = np.concatenate((state.values, series))[:, None]
        return self._level(state.time, T) + lagged(whole, range(1, K + 1), range(K, K + T)) @ self.coefficients

    def step(self, y: float | Array, state: ARState | None = None) -> tuple[float | Array, ARState]:
        """Read the next value of a stream, and predict the one after it.

        Parameters
        ----------
        y
            A number, or (N,) for N streams that began together.
        state
            As the last call returned it; None: after the training series.

        Returns
        -------
        prediction
            Of the value after `y`; like `y`.
        state
            A new value; the one that was passed in is as it was.
        """
        values, time = self.state if state is None else state
        value = np.asarray(y, dtype=np.float64)
        if not np.isfinite(value).all():
            raise ValueError(f"y is {y}; expected a number: give the last prediction for a value that is missing")
        if values.ndim <= value.ndim:
            values = np.broadcast_to(values.reshape(-1, *(1,) * value.ndim), (len(values), *value.shape))
        after = ARState(np.concatenate((values, value[None]))[1:] if len(values) else values, time + 1)
        prediction = self._level(time + 1, 1)[0] + np.tensordot(self.coefficients, after.values[::-1], 1)
        return (float(prediction) if value.ndim == 0 else prediction + np.zeros_like(value)), after

    def evaluate(self, data: ArrayLike) -> dict[str, float | int]:
        """Measure how well the values after the training series are predicted.

        Returns
        -------
        dict
            ``one_step_rmse``, ``one_step_mae``: each value from the true ones before it.  ``free_run_rmse``,
            ``free_run_mae``: all from the training series alone.  ``steps``: how many.
        """
        series = as_series(data, "data")
        if not len(series):
            raise ValueError("data has no values; expected at least 1, those after the training series")
        one, free = errors(self.one_step(series), series, "one_step"), self.predict(len(series))
        return {**one, **errors(free, series, "free_run"), "steps": len(series)}

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        parameters, sigma2, state = self._trained()
        selection = [[order, value] for order, value in self.selection.items()]
        tensors = {"parameters": parameters, "sigma2": np.array([sigma2]), "values": state.values}
        facts = {"config": self.hyperparameters, "time": state.time, "selection": selection}
        return facts, {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts = stored.description
        model = cls(**facts["config"])
        parameters, sigma2, values = (stored.tensors[key].numpy() for key in ("parameters", "sigma2", "values"))
        model.order, model.selection = len(values), dict(facts["selection"])
        model._parts = parameters, float(sigma2[0]), ARState(values, facts["time"])
        expected = len(values) + model._fixed
        if parameters.shape != (expected,):
            raise ValueError(f"parameters has shape {parameters.shape}; expected ({expected},)")
        return model

    def _described(self) -> dict[str, Any]:
        self._trained()
        return {
            **self.hyperparameters,
            "order": self.order,
            "intercept": self.intercept,
            "slope": self.slope,
            "coefficients": self.coefficients.tolist(),
            "seasonal": self.seasonal.tolist(),
            "stable": self.stable,
        }

    def _trained(self) -> tuple[Array, float, ARState]:
        return trained(self._parts)

    @property
    def _fixed(self) -> int:
        """The number of coefficients besides those of the past."""
        return int(levels(self.trend, self.season, 0, 1).shape[1])

    def _level(self, start: int, steps: int) -> Array:
        """What these columns add up to, (steps,)."""
        columns = levels(self.trend, self.season, start, steps)
        level: Array = columns @ self._trained()[0][: columns.shape[1]]
        return level

    def _design(self, series: Array, order: int, first: int) -> tuple[Array, Array]:
        """Columns and targets of the regression of the values from `first` on."""
        rows = range(first, len(series))
        lags = lagged(series[:, None], range(1, order + 1), rows)
        return np.concatenate((levels(self.trend, self.season, first, len(rows)), lags), axis=1), series[first:]

    def _select(self, series: Array) -> int:
        """The order with the smallest criterion, all compared on the same rows."""
        fixed = self._fixed
        most: int | None = self.hyperparameters["max_order"]  # type: ignore[assignment]
        fits = max(0, (len(series) - fixed) // 2 - 1)
        if most is None:
            most = min(fits, round(12 * (len(series) / 100) ** 0.25))
        if most > fits:
            raise ValueError(
                f"y has {len(series)} values; comparing orders up to max_order = {most} needs at least"
                f" {2 * (most + 1) + fixed}"
            )
        design, targets = self._design(series, most, most)
        squares = nested_squares(design, targets, fixed)
        rows, name = len(targets), str(self.hyperparameters["criterion"])
        self.selection = {k: criteria(float(square) / rows, rows, fixed + k)[name] for k, square in enumerate(squares)}
        return min(self.selection, key=lambda k: self.selection[k])

    def _run(self, steps: int, state: ARState, noise: Array | None = None) -> Array:
        """Run on its own predictions, with `noise` (steps, paths) added to them: (steps, paths)."""
        check_whole("steps", steps, least=0)
        K, values = len(self.coefficients), state.values
        if values.shape != (K,):
            raise ValueError(f"state has values of shape {values.shape}; expected (K,) = ({K},): one series")
        level = self._level(state.time, steps)
        run = np.empty((K + steps, 1 if noise is None else noise.shape[1]))
        run[:K] = values[:, None]
        for t in range(K, K + steps):
            run[t] = level[t - K] + self.coefficients @ run[t - K : t][::-1]
            if noise is not None:
                run[t] += noise[t - K]
        return run[K:]
