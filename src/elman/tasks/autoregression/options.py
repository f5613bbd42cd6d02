"""The hyperparameters of a NARX model, checked."""

import math
from dataclasses import dataclass
from typing import Any

from elman.models import NARXNetwork
from elman.tasks.autoregression.regression import check_whole

__all__ = ["LEARNING_RATE", "Options"]

LEARNING_RATE = 0.03


@dataclass(frozen=True)
class Options:
    """What `elman.NARX` takes; what model files keep as ``config``."""

    output_delays: int | None = None  # Ky
    input_delays: int | None = None  # Kx
    dead_time: int | None = None  # steps before an input shows
    network: str = "feedforward"  # or linear, rnn, gru, lstm
    hidden: int = 8  # H
    season: int | None = None  # steps
    log: bool | None = None  # whether to model logarithms
    horizon: int | None = None  # steps of the free runs in backtests
    fallback: bool = True  # whether the linear model stays alone where the network does not help
    learning_rate: float = LEARNING_RATE  # of AdamW, the highest of the schedule

    def __post_init__(self) -> None:
        for name, least in (("output_delays", 0), ("input_delays", 0), ("dead_time", 0), ("hidden", 1), ("season", 2)):
            check_whole(name, getattr(self, name), least)
        check_whole("horizon", self.horizon, least=1)
        NARXNetwork(1, 0, 1, network=self.network, hidden=1)  # says what is wrong with the name
        if self.dead_time is not None and self.input_delays is not None and self.dead_time > self.input_delays:
            raise ValueError(f"dead_time is {self.dead_time}, expected at most input_delays = {self.input_delays}")
        if self.log is not None and not isinstance(self.log, bool):
            raise TypeError(f"log is {self.log!r}, expected True, False, or None to choose")
        if not isinstance(self.fallback, bool):
            raise TypeError(f"fallback is {self.fallback!r}, expected True or False")
        rate = self.learning_rate
        if not isinstance(rate, int | float) or not 0 < rate < math.inf:
            raise ValueError(f"learning_rate is {rate!r}, expected more than 0")

    def horizon_of(self, steps: int) -> int:
        """The horizon, for a training series of so many steps."""
        return self.horizon or max(1, steps // 5)

    def choices(self) -> dict[str, Any]:
        """What a backtest may choose, and what is given of it."""
        names = ("output_delays", "input_delays", "dead_time", "log", "season")
        return {name: getattr(self, name) for name in names}
