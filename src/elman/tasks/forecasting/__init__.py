"""Forecasts of series: the recurrent forecaster, its data, measures, pictures and streams."""

from elman.tasks.forecasting.forecaster import Forecaster

__all__ = ["Forecaster"]
