"""Forecasting as a task: learn series, measure on held-out ones, forecast, step through a stream."""

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, Self

import torch
from torch import Tensor

from elman.data.series import series_of
from elman.models import ForecastNetwork
from elman.tasks.forecasting.backtest import Baselines, backtest
from elman.tasks.forecasting.data import fingerprint, origins_of, prepare
from elman.tasks.forecasting.learner import ForecastLearner
from elman.tasks.forecasting.parts import ForecastParts
from elman.tasks.forecasting.result import Forecast
from elman.tasks.forecasting.settings import QUANTILES, ForecastHyperparameters, ForecastSettings, names_of
from elman.tasks.forecasting.stream import Stream, step_of, stream_at, stream_of_nothing
from elman.tasks.forecasting.windows import Windows
from elman.tasks.model_file import Stored
from elman.tasks.parts import trained
from elman.tasks.task import LearningTask
from elman.tasks.training import Progress

__all__ = ["Forecaster"]


class Forecaster(LearningTask):
    """Recurrent forecaster of one or many series: reads the last values of a series, puts out quantiles of the next.

    One network serves all series.  Each is measured in its own units; a window's last value is subtracted before it is
    read and added to the forecast.  Long horizons are written in segments, all at once
    (`elman.models.ForecastNetwork`).  What is None is chosen from the data.

    Parameters
    ----------
    target
        Columns of a table to forecast, as a list or with commas between them; None: every column of numbers that has
        no other part.  Each is a series.
    inputs
        Columns that are observed along with the target.
    known
        Columns that are known of the future too: prices, holidays.
    series
        Column that says which series a row belongs to, in a long table.
    date
        Column of the time; None: the first column of dates, if there is one.
    date_format
        Of that column, as for `datetime.strptime`; None: ISO 8601.
    horizon
        H, steps to forecast.
    look_back
        L, steps that a forecast is made from.  None: five horizons or three seasons, whichever is more, at most half
        of the longest series.  Rounded up to whole segments.
    segment
        w, steps that are read, or written, in one step of the network.  None: the horizon in the fewest equal parts
        of at most 24, or a 15th of a long look-back.  1 is the plain recurrent network.
    season
        Steps of a season, for the seasonal naive forecast and the MASE.  None: from the step of the dates (24 for
        hours, 7 for days, 12 for months); without dates 1, none.
    seasonal
        Whether forecasts are counted from the values one season earlier, instead of from the last one.
    log
        Whether the logarithm is forecast: for series above 0 whose swings grow with their level.
    quantiles
        Levels to forecast, 0.5 among them.
    calendar
        Whether the network is told where in the day, the week, the year each step stands, as far as the data hold at
        least two of them.
    cell, layers, hidden
        The recurrent layers: ``rnn``, ``gru`` or ``lstm``, how many, how wide.
    dropout
        Part of their last outputs that is blanked in training.  None: 0.3.
    batch
        N, windows of a training step.  None: 256, of short series fewer, so that an epoch has some steps.
    learning_rate
        Of AdamW, the highest of the schedule.  None: 0.001.

    Attributes
    ----------
    hyperparameters
        As they were given.
    settings
        As they are in use, complete; None before `fit`.
    metrics
        Figures of the training; losses are the CRPS in standard deviations.
    history
        Its validations: step, seconds, loss.

    Raises
    ------
    ValueError, TypeError
        If a hyperparameter is out of its range or of another type.

    Examples
    --------
    >>> import elman, numpy
    >>> wave = numpy.sin(numpy.arange(400) / 3)
    >>> model = elman.Forecaster(horizon=8, look_back=32, hidden=16, season=19).fit(wave, epochs=3)
    >>> (forecast,) = model.predict()
    >>> forecast.values.shape
    (8,)
    >>> sorted(model.evaluate(wave, last=80))[:4]
    ['ar', 'band', 'coverage', 'crps']
    """

    task = "forecast"
    """Name of the task in model files and on the command line."""

    predicts = "series"
    """What `predict` takes and gives: series."""

    def __init__(
        self,
        *,
        target: str | Sequence[str] | None = None,
        inputs: str | Sequence[str] | None = None,
        known: str | Sequence[str] | None = None,
        series: str | None = None,
        date: str | None = None,
        date_format: str | None = None,
        horizon: int = 24,
        look_back: int | None = None,
        segment: int | None = None,
        season: int | None = None,
        seasonal: bool = False,
        log: bool = False,
        quantiles: Sequence[float] = QUANTILES,
        calendar: bool = True,
        cell: str = "gru",
        layers: int = 1,
        hidden: int = 128,
        dropout: float | None = None,
        batch: int | None = None,
        learning_rate: float | None = None,
    ) -> None:
        self.hyperparameters = ForecastHyperparameters(
            target=names_of(target),
            inputs=names_of(inputs),
            known=names_of(known),
            series=series,
            date=date,
            date_format=date_format,
            horizon=horizon,
            look_back=look_back,
            segment=segment,
            season=season,
            seasonal=seasonal,
            log=log,
            quantiles=tuple(float(level) for level in quantiles),
            calendar=calendar,
            cell=cell,
            layers=layers,
            hidden=hidden,
            dropout=dropout,
            batch=batch,
            learning_rate=learning_rate,
        )
        self.settings: ForecastSettings | None = None
        self.metrics: dict[str, Any] = {}
        self.history: list[tuple[int, float, float]] = []
        self._parts: ForecastParts | None = None

    @property
    def network(self) -> ForecastNetwork:
        """The network; ValueError before `fit`."""
        return self._trained()[1].network

    def fit(
        self,
        inputs: Any,
        targets: None = None,
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
        """Learn series, anew; the weights are those of the best validation.

        Parameters
        ----------
        inputs
            A path or a data frame is a table (`elman.data.read_series`); an array (T,) is one series, (T, C) are C of
            them; a list holds arrays or `elman.data.Series`, a mapping arrays by name.  NaN is a missing value.
        validation
            Other data to judge progress by, given like `inputs`; None holds the last tenth of each series out, at
            least one horizon.
        targets, time, epochs, seed, resume, checkpoint, checkpoint_every, threads, progress, log
            As of `elman.LanguageModel.fit`; an epoch is a pass over all windows.

        Raises
        ------
        ValueError
            If the data cannot be read or are too short, or an argument is out of its range, or the checkpoint is
            another run's.
        OSError
            If a file cannot be read or written; found before training starts.
        TrainingError
            If the loss is no longer a number, as of `elman.LanguageModel.fit`.
        """
        if targets is not None:
            raise TypeError("a forecaster takes no targets: the target is what comes next in each series")
        plan, stored = self._begin(
            time=time,
            epochs=epochs,
            seed=seed,
            resume=resume,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
        )
        given = self.hyperparameters if stored is None else self.hyperparameters.resumed(stored.description["config"])
        data = series_of(inputs, given.columns)
        settings = given.completed(data)
        judged = None if validation is None else series_of(validation, settings.columns, frequency=settings.frequency)
        facts = self._facts(asdict(settings), fingerprint(data, judged), "series", stored, resume)
        prepared = prepare(data, judged, settings)
        scaling, windows = prepared.scaling, prepared.windows
        widths = scaling.inputs.shape[1], scaling.known.shape[1]
        network = settings.new_network(*widths, len(data.series), plan.seed)
        ends = {series.name: stream_at(windows, index) for index, series in enumerate(data.series)}
        self.settings = settings
        self._parts = ForecastParts(network, scaling, Baselines.of(prepared.parts, settings.season), ends)
        learner = ForecastLearner(network, prepared, levels=settings.quantiles, batch=settings.batch, seed=plan.seed)
        judging = len(prepared.judging)
        sizes = {
            "series": len(data.series),
            "training_windows": len(prepared.places),
            "validation_windows": judging,
        }
        self._learn(
            learner,
            plan,
            settings.learning_rate,
            lambda run: {**run.figures(judging * settings.horizon), **sizes},
            facts=facts,
            stored=stored,
            threads=threads,
            progress=progress,
            log=log,
        )
        return self

    def evaluate(self, data: Any, *, stride: int = 1, last: int | None = None) -> dict[str, Any]:
        """Measure forecasts from rolling origins, beside the seasonal naive forecast and an autoregression.

        Parameters
        ----------
        data
            Like that of `fit`.  A series that training met is measured in the units it had there.
        stride
            Steps from one origin to the next.
        last
            Judge by the last so many values of each series only; those before them are read.  None: by all after
            the look-back.

        Returns
        -------
        dict
            ``mae``, ``rmse``, ``smape``, ``mase``, ``crps``, ``mse_scaled``, ``mae_scaled``, ``coverage``
            (`elman.tasks.forecasting.scores.Scores`), ``seasonal_naive`` and ``ar`` with the same figures; the CRPS of
            a forecast without quantiles is its MAE.  And what they were measured on: ``windows``, ``values``,
            ``series``, ``horizon``, ``season``, ``stride``.

        Raises
        ------
        ValueError
            If the data cannot be read, or no series is long enough.
        """
        settings, parts = self._trained()
        for name, value in (("stride", stride), ("last", 1 if last is None else last)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        series = series_of(data, settings.columns, frequency=settings.frequency).series
        windows = Windows(series, settings, parts.scaling)
        origins = [origins_of(len(one), settings, stride, last) for one in series]
        if not any(map(len, origins)):
            raise ValueError(
                f"no series is long enough: the longest has {max(map(len, series))} values; expected more than the "
                f"horizon, {settings.horizon}"
            )
        figures = backtest(parts.network, windows, origins, parts.scaling, parts.baselines, settings)
        return {**figures, "stride": stride}

    def predict(self, inputs: Any = None) -> list[Forecast]:
        """Forecast the next steps of each series.

        Parameters
        ----------
        inputs
            Data like that of `fit`: each series is forecast from its last value on.  Series that training did not
            meet are measured by what is given here.  None: the training series, from their ends.

        Returns
        -------
        list of Forecast
            One for each series.

        Raises
        ------
        ValueError
            If the data cannot be read, or do not reach into the future as far as `known` inputs must.
        """
        settings, parts = self._trained()
        if inputs is None:
            streams = list(parts.ends.values())
        else:
            series = series_of(inputs, settings.columns, frequency=settings.frequency).series
            windows = Windows(series, settings, parts.scaling)
            streams = [stream_at(windows, index) for index in range(len(series))]
        return [self._forecast(stream) for stream in streams]

    def initial_state(self, series: str | None = None, *, like: Any = None, start: Any = None) -> Stream:
        """The state of a stream: see `step`.

        Parameters
        ----------
        series
            Name of a training series, to go on where it ended.
        like
            Instead: the name of a training series in whose units a new stream is measured, which begins empty.  With
            one training series, None is that.
        start
            Time of the first value of a new stream; needed where the model knows the calendar.

        Raises
        ------
        ValueError
            If there is no such series, or the start is missing.
        """
        settings, parts = self._trained()
        name = series or like or next(iter(parts.ends))
        if name not in parts.ends:
            raise ValueError(f"series is {name!r}, expected one of those of the training: {_few(parts.ends)}")
        if series is not None:
            return parts.ends[series]
        if like is None and len(parts.ends) > 1:
            raise ValueError(f"like is missing: in whose units is the stream, of {_few(parts.ends)}?")
        return stream_of_nothing(parts.network, settings, parts.scaling, name, start)

    def step(self, value: float, state: Stream, *, inputs: Any = (), known: Any = ()) -> tuple[Forecast, Stream]:
        """Take in one value of a stream, NaN if it is missing, and forecast from there.

        Parameters
        ----------
        value
            The next one.
        state
            From `initial_state`, or the last call.  It is a value, of constant size, and is not changed.
        inputs
            (I,): what was observed along with it.
        known
            (1 + H, K): what is known, of this step and the H next.

        Returns
        -------
        forecast, state
            The forecast is that of `predict` for the whole series up to here, to the bit.

        Examples
        --------
        >>> import elman, numpy
        >>> model = elman.Forecaster(horizon=4, look_back=16, hidden=8).fit(numpy.sin(numpy.arange(200.0)), epochs=1)
        >>> state = model.initial_state()
        >>> for value in (0.1, 0.5, float("nan"), 0.9):
        ...     forecast, state = model.step(value, state)
        >>> len(forecast)
        4
        """
        settings, parts = self._trained()
        state = step_of(parts.network, settings, parts.scaling, state, value, inputs, known)
        return self._forecast(state), state

    def _stored(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        settings, parts = self._trained()
        return {"config": asdict(settings), "history": self.history, **parts.facts()}, parts.tensors()

    @classmethod
    def _rebuilt(cls, stored: Stored) -> Self:
        facts, model = stored.description, cls()
        model.settings = ForecastSettings.from_json(facts["config"])
        model.hyperparameters = ForecastHyperparameters().resumed(facts["config"])
        model._parts = ForecastParts.from_stored(stored, model.settings)
        model.history = [tuple(row) for row in facts["history"]]
        return model

    def _described(self) -> dict[str, Any]:
        settings, parts = self._trained()
        config = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(settings).items()}
        config["step"] = str(settings.frequency) if settings.frequency else None
        return {**config, "parameters": sum(p.numel() for p in parts.network.parameters())}

    def _trained(self) -> tuple[ForecastSettings, ForecastParts]:
        return trained(self.settings), trained(self._parts)

    @torch.no_grad()
    def _forecast(self, stream: Stream) -> Forecast:
        settings, parts = self._trained()
        stream.check_future(settings)
        quantiles = parts.network(stream.window)[0].sort(dim=1).values
        values = parts.scaling.restored(quantiles.double().numpy(), stream.unit)
        past = parts.scaling.restored(stream.past(), stream.unit)
        times, past_times = stream.times(settings, len(past))
        return Forecast(stream.series, settings.quantiles, values, times, past, past_times)


def _few(names: Any) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
