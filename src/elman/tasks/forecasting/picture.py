"""The picture of forecasts: the last values, what comes, and between which bounds.  Needs matplotlib."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from elman.tasks.forecasting.result import Forecast
from elman.tasks.model_file import written_whole

__all__ = ["check_format", "draw"]

_FORMATS = (".svg", ".png", ".pdf")
_MOST = 12  # panels; of more series the first ones are drawn
_PAST = 3  # horizons of the past that are shown
_COLOUR = "#2a6f97"


def check_format(path: str | os.PathLike[str]) -> None:
    """Raise unless matplotlib is there and the name ends as a picture's does.

    Raises
    ------
    ValueError
        If it ends otherwise.
    ImportError
        If matplotlib is not installed.
    """
    _figure_class()
    if Path(path).suffix.lower() not in _FORMATS:
        raise ValueError(f"{os.fspath(path)} does not end in {', '.join(_FORMATS)}, which say the format of a picture")


def draw(forecasts: Sequence[Forecast], path: str | os.PathLike[str]) -> None:
    """Write a picture with a panel for each series, the first 12 of them.

    Parameters
    ----------
    forecasts
        From `elman.Forecaster.predict`.
    path
        Of the picture; its ending says the format: svg, png, pdf.  The same forecasts give the same bytes.

    Raises
    ------
    ValueError
        If the ending is another one, or there is nothing to draw.
    OSError
        If the file cannot be written.
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import elman, numpy
    >>> model = elman.Forecaster(horizon=6, look_back=24, hidden=8).fit(numpy.sin(numpy.arange(200.0)), epochs=1)
    >>> draw(model.predict(), "wave.svg")
    """
    check_format(path)
    if not forecasts:
        raise ValueError("there is no forecast to draw")
    from matplotlib import rc_context

    shown = forecasts[:_MOST]
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "elman", "font.family": "sans-serif"}):
        figure = _figure_class()(figsize=(9, 1.2 + 1.9 * len(shown)), layout="constrained")
        panels = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
        for axes, forecast in zip(panels, shown, strict=True):
            _panel(axes, forecast)
        panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, fontsize=8, frameon=False)
        form = Path(path).suffix.lower()[1:]
        with written_whole(path) as unfinished:
            dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
            figure.savefig(unfinished, format=form, metadata=dated)


def _panel(axes: Any, forecast: Forecast) -> None:
    """The past as a line, the median going on from it, and the bands around it."""
    H = len(forecast)
    past = forecast.past[-_PAST * H :]
    before: Any
    after: Any
    if forecast.times is None or forecast.past_times is None:
        before, after = np.arange(1 - len(past), 1), np.arange(1, H + 1)
    else:
        before, after = forecast.past_times[len(forecast.past) - len(past) :], forecast.times
    axes.plot(before, past, color="black", linewidth=1, label="observed")
    for part in forecast.bands:
        low, high = forecast.band(part)
        label = f"{part:.0%} of the values" if part == forecast.bands[0] else None
        axes.fill_between(after, low, high, color=_COLOUR, alpha=0.15, linewidth=0, label=label)
    axes.plot(after, forecast.values, color=_COLOUR, linewidth=1.4, label="forecast")
    axes.set_title(forecast.series, loc="left", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a picture needs matplotlib, which is not installed: pip install 'elman[series]'") from error
    return Figure
