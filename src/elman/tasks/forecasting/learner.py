"""How a forecast network learns: windows in random order, the pinball loss of all quantiles."""

import torch
from torch import Tensor

from elman.models import ForecastNetwork
from elman.tasks.forecasting.data import ForecastData
from elman.tasks.forecasting.scores import level_weights

__all__ = ["ForecastLearner", "pinball"]

_VALIDATION_BATCH = 1024  # windows


def pinball(forecast: Tensor, actual: Tensor, missing: Tensor, levels: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """Sum of the quantiles' losses, weighted so that of a value they approximate the CRPS, and number of values.

    Parameters
    ----------
    forecast
        (N, H, Q)
    actual, missing
        (N, H)
    levels
        Q of them.
    """
    level = forecast.new_tensor(levels)
    weights = torch.from_numpy(level_weights(levels)).to(forecast.dtype)
    over = actual.unsqueeze(2) - forecast
    losses = 2 * torch.maximum(level * over, (level - 1) * over) @ weights
    there = 1 - missing
    return (losses * there).sum(), there.sum()


class ForecastLearner:
    """What the training loop needs to know of series (`elman.tasks.training.Learner`).

    Parameters
    ----------
    network
        To be trained.
    data
        The windows to learn from and to judge by.
    levels
        Of the quantiles.
    batch
        N, windows of a step; fewer if there are fewer.
    seed
        Of the order of the windows, another one every epoch.
    """

    def __init__(
        self,
        network: ForecastNetwork,
        data: ForecastData,
        *,
        levels: tuple[float, ...],
        batch: int,
        seed: int,
    ) -> None:
        self.network = network
        self._windows, self._places, self._levels, self._seed = data.windows, data.places, levels, seed
        self._validation, self._validation_places = data.judges, data.judging
        self._batch = min(batch, len(data.places))
        self.steps_per_epoch = len(data.places) // self._batch
        self.tokens_per_step = self._batch * network.horizon
        self._next, self._epoch, self._order = 0, -1, torch.empty(0, dtype=torch.int64)

    def loss(self, generator: torch.Generator) -> Tensor:
        """Mean of the quantiles' losses over the values of the next batch."""
        epoch, index = divmod(self._next, self.steps_per_epoch)
        if epoch != self._epoch:
            drawing = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % 2**63)
            self._order, self._epoch = torch.randperm(len(self._places), generator=drawing), epoch
        places = self._places[self._order[index * self._batch : (index + 1) * self._batch]]
        self._next += 1
        mask = self.network.masks(len(places), generator)
        forecast = self.network(self._windows.past(places), mask)
        total, count = pinball(forecast, *self._windows.future(places), self._levels)
        return total / count.clamp(min=1)

    def position(self) -> dict[str, Tensor]:
        """The number of the next batch; the order of an epoch follows from the seed."""
        return {"next": torch.tensor(self._next)}

    def seek(self, position: dict[str, Tensor]) -> None:
        """Go on from a `position`."""
        self._next = int(position["next"])

    @torch.no_grad()
    def validate(self, tokens: int | None) -> float:
        """Mean loss of the validation windows, or of so many, evenly spaced, that have about `tokens` values."""
        chosen = self._validation_places
        wanted = len(chosen) if tokens is None else max(1, min(len(chosen), tokens // self.network.horizon))
        chosen = chosen[torch.linspace(0, len(chosen) - 1, wanted, dtype=torch.float64).round().long()]
        total, count = 0.0, 0.0
        for places in torch.split(chosen, _VALIDATION_BATCH):
            forecast = self.network(self._validation.past(places))
            sums = pinball(forecast, *self._validation.future(places), self._levels)
            total, count = total + float(sums[0]), count + float(sums[1])
        return total / max(count, 1.0)

    def sample(self) -> str:
        """The last validation window: what was forecast and what came."""
        places = self._validation_places[-1:]
        with torch.no_grad():
            forecast = self.network(self._validation.past(places))[0, :, self._levels.index(0.5)]
        actual = self._validation.future(places)[0][0]
        return f"forecast  {_curve(forecast, actual)}\nactual    {_curve(actual, forecast)}"


def _curve(values: Tensor, beside: Tensor) -> str:
    """A line of bars, on one scale with another curve."""
    both = torch.cat([values, beside])
    low, high = float(both.min()), float(both.max())
    marks = "▁▂▃▄▅▆▇█"
    heights = ((values - low) / (high - low + 1e-12) * (len(marks) - 1)).round().long()
    return "".join(marks[height] for height in heights[:: max(1, len(heights) // 60)])
