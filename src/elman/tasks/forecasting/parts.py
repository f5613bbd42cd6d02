"""What training a forecaster makes, and how that is laid out in a model file."""

from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from elman.models import ForecastNetwork
from elman.tasks.forecasting.backtest import Baselines
from elman.tasks.forecasting.settings import ForecastSettings
from elman.tasks.forecasting.stream import Stream, tensors_of
from elman.tasks.forecasting.windows import Scaling, Unit
from elman.tasks.model_file import Stored

__all__ = ["ForecastParts"]


class ForecastParts(NamedTuple):
    """A trained network and what it needs to be used."""

    network: ForecastNetwork
    scaling: Scaling
    baselines: Baselines
    ends: dict[str, Stream]  # where the training series stopped, by name

    def facts(self) -> dict[str, Any]:
        """What a model file says beside `tensors`, ready for JSON."""
        scaling = self.scaling
        return {
            "units": {name: list(unit) for name, unit in scaling.units.items()},
            "scales": {"inputs": scaling.inputs.tolist(), "known": scaling.known.tolist()},
            "baselines": self.baselines.to_dict(),
            "ends": {name: stream.facts() for name, stream in self.ends.items()},
        }

    def tensors(self) -> dict[str, Tensor]:
        """The weights, and the windows at the ends of the training series."""
        weights = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        return {**weights, **tensors_of(list(self.ends.values()))}

    @classmethod
    def from_stored(cls, stored: Stored, settings: ForecastSettings) -> "ForecastParts":
        """The inverse of `facts` and `tensors`; KeyError, TypeError, ValueError or RuntimeError if they do not fit."""
        facts, tensors = stored.description, stored.tensors
        inputs, known = (np.array(facts["scales"][name]).reshape(2, -1) for name in ("inputs", "known"))
        units = {name: Unit(*unit) for name, unit in facts["units"].items()}
        network = settings.new_network(inputs.shape[1], known.shape[1], len(units), seed=0)
        prefix = "network."
        network.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
        ends = {n: Stream.from_facts(n, end, tensors, index) for index, (n, end) in enumerate(facts["ends"].items())}
        return cls(network, Scaling(units, inputs, known, settings.log), Baselines.from_dict(facts["baselines"]), ends)
