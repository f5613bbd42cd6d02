"""How a language network learns a text: truncated BPTT, the state carried from window to window."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data import Windows
from elman.models.language_model import LanguageNetwork, detach, state_from_tensors, state_tensors
from elman.tasks.scoring import score_carried

__all__ = ["TextLearner"]


class TextLearner:
    """What the training loop needs to know of a text (`elman.tasks.training.Learner`).

    Parameters
    ----------
    network
        To be trained.
    windows
        Of the training text.
    validation
        (length,) tokens of the validation text.
    show
        Writes a sample.
    """

    def __init__(self, network: LanguageNetwork, windows: Windows, validation: Tensor, show: Callable[[], str]) -> None:
        self.network = network
        self.steps_per_epoch = windows.per_epoch
        self.tokens_per_step = windows.batch * windows.window
        self._windows, self._validation, self._show = windows, validation, show
        self._next = 0  # number of the next window
        self._state = network.initial_state(windows.batch)

    def loss(self, generator: torch.Generator) -> Tensor:
        """Mean nats a token of the next window; an epoch starts from zeros, within it the state is carried over."""
        inputs, targets, fresh = self._windows[self._next]
        state = self.network.initial_state(self._windows.batch) if fresh else self._state
        masks = self.network.masks(self._windows.batch, generator)
        logits, after = self.network(inputs, state, masks)
        self._state, self._next = detach(after), self._next + 1
        return F.cross_entropy(logits.view(-1, self.network.vocabulary), targets.view(-1))

    def position(self) -> dict[str, Tensor]:
        """The number of the next window and the carried state."""
        carried = {f"state.{i}": tensor for i, tensor in enumerate(state_tensors(self._state))}
        return {"next": torch.tensor(self._next), **carried}

    def seek(self, position: dict[str, Tensor]) -> None:
        """Go on from a `position`."""
        self._next = int(position["next"])
        tensors = [position[f"state.{i}"] for i in range(len(state_tensors(self._state)))]
        self._state = state_from_tensors(self._state, tensors)

    def validate(self, tokens: int | None) -> float:
        """Mean nats a token over the validation text with carried state, or over `tokens` tokens from all over it."""
        nats, count = score_carried(self.network, self._validation, tokens)
        return nats / count

    def sample(self) -> str:
        """A short text that the network writes."""
        return self._show()
