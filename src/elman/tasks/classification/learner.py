"""How a classifier learns from its rows, and how it is asked about others."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from elman.data import Buckets
from elman.models.bag import Bag
from elman.models.classifier import ClassifierNetwork
from elman.tasks.batch_learner import BatchLearner, Score
from elman.tasks.classification.reading import as_label
from elman.tasks.classification.rows import Rows, TrainingRows
from elman.tasks.classification.settings import ClassifierSettings

__all__ = ["ClassifierLoss", "all_logits", "label_weights", "mistaken", "network_for", "new_learner"]

Indices = npt.NDArray[np.int64]

_JUDGED_AT_ONCE = 256  # rows
_STEPS = 1 << 16  # T·N of a batch at most


class ClassifierLoss:
    """Cross-entropy of the one label of a row, or, where a row may have several, of each label by itself, summed.

    Parameters
    ----------
    several
        Whether a row may have several labels, or none.
    weights
        (K,) of the labels: a row counts as much as its label, each of several labels where a row has it.
    smoothing
        Part of a label's probability that is given to all classes alike (Szegedy et al., 2016).
    """

    def __init__(self, several: bool, weights: Tensor | None = None, smoothing: float = 0.0) -> None:
        self._several, self._weights, self._smoothing = several, weights, smoothing

    def __call__(self, logits: Tensor, rows: Rows, numbers: Indices) -> Tensor:
        """Mean over the rows, (K,)-weighted; logits (N, K)."""
        if not self._several:
            targets = rows.targets(numbers)
            if self._weights is not None and not self._weights[targets].any():
                return logits.sum() * 0  # rows that count nothing have no mean
            return F.cross_entropy(logits, targets, self._weights, label_smoothing=self._smoothing)
        wanted = rows.many_targets(numbers, logits.shape[1])
        wanted = wanted * (1 - self._smoothing) + self._smoothing / 2
        loss = F.binary_cross_entropy_with_logits(logits, wanted, pos_weight=self._weights, reduction="sum")
        return loss / len(numbers)


def network_for(data: TrainingRows, settings: ClassifierSettings, seed: int) -> ClassifierNetwork:
    """A new network of the sizes of the data; channels are measured in the units of the rows to learn from."""
    if data.coding is not None:
        network = settings.new_network(len(data.labels), len(data.coding.lexicon), 0, seed)
        if network.bag is not None:
            _weigh(network.bag, data, settings.longest)
        return network
    mean, scale = data.units()
    network = settings.new_network(len(data.labels), 0, len(mean), seed)
    network.measure(torch.from_numpy(mean).float(), torch.from_numpy(scale).float())
    return network


def _weigh(bag: Bag, data: TrainingRows, longest: int) -> None:
    """Count in how many of the rows to learn from each n-gram is."""
    learning, rows = data.learning, torch.zeros(len(bag.rarity), dtype=torch.int64)
    for numbers in Buckets(data.rows.inputs.lengths[learning], rows=_JUDGED_AT_ONCE, steps=_STEPS).once():
        batch, lengths = data.rows.batch(learning[numbers], longest)
        if len(batch):
            places = bag.places(batch, lengths, bag.initial(len(numbers)))
            found = [torch.arange(len(numbers)).unsqueeze(1) * len(rows) + places]
            if (letters := data.rows.letters(learning[numbers], longest)) is not None:
                found.append(torch.repeat_interleave(letters.counts) * len(rows) + bag.letter_places(letters.hashes))
            once = np.unique(torch.cat([part.flatten() for part in found]).numpy()) % len(rows)
            rows += torch.from_numpy(np.bincount(once, minlength=len(rows)))
    bag.weigh(rows, len(learning))


def new_learner(
    network: ClassifierNetwork, data: TrainingRows, settings: ClassifierSettings, seed: int, show: Callable[[], str]
) -> BatchLearner:
    """What the training loop needs to know: batches of rows of like length, and the number of mistakes as judge."""
    lengths = np.minimum(data.rows.inputs.lengths[data.learning], settings.longest)
    buckets = Buckets(lengths, rows=settings.batch, steps=_STEPS, seed=seed)
    judged = data.judged.inputs.lengths[data.judging]
    weights = label_weights(settings.class_weights, data)
    loss = ClassifierLoss(settings.several, weights, settings.smoothing)
    plain = ClassifierLoss(settings.several)
    known_part = 1 - float(data.judged.unknown(data.judging).mean())  # the loss is the mean over rows of known labels

    def losses(chosen: Indices, generator: torch.Generator) -> Tensor:
        rows = data.learning[chosen]
        batch, ends = data.rows.batch(rows, settings.longest)
        letters = data.rows.letters(rows, settings.longest)
        masks = network.masks(batch.shape[0], batch.shape[1], generator, letters)
        logits, _ = network(batch, ends, masks=masks, letters=letters)
        return loss(logits, data.rows, rows)

    def judge(chosen: Indices) -> Score:
        rows = data.judging[chosen]
        logits, _ = network(*data.judged.batch(rows), letters=data.judged.letters(rows))
        known = ~data.judged.unknown(rows)
        wrong = int((mistaken(logits, data.judged, rows, settings.several) | ~known).sum())
        there = torch.from_numpy(known)
        nats = float(plain(logits[there], data.judged, rows[known])) * int(known.sum()) if known.any() else 0.0
        return Score(nats / known_part, wrong, len(rows))

    return BatchLearner(
        network,
        buckets,
        Buckets(judged, rows=_JUDGED_AT_ONCE, steps=_STEPS),
        losses=losses,
        judge=judge,
        steps=max(1, int(lengths.sum()) // max(1, buckets.per_epoch)),
        show=show,
    )


def mistaken(logits: Tensor, rows: Rows, numbers: Indices, several: bool) -> npt.NDArray[np.bool_]:
    """(N,) whether the label with the highest logit is not the row's, or one of several is missing or too many."""
    if several:
        return ((logits > 0) != (rows.many_targets(numbers, logits.shape[1]) > 0)).any(1).numpy()
    return (logits.argmax(1) != rows.targets(numbers)).numpy()


def label_weights(wanted: str | dict[str, float] | None, data: TrainingRows) -> Tensor | None:
    """(K,) what each label counts.

    ``balanced``: R / (K·R_k) for a label that R_k of the R rows have, so that all labels count alike; of several labels
    of a row (R - R_k) / R_k, so that having it and not having it count alike.

    Raises
    ------
    ValueError
        If a weight is for a label that no row has.
    """
    if wanted is None:
        return None
    K, R = len(data.labels), len(data.learning)
    if wanted == "balanced":
        found = np.concatenate([data.rows.labels[row] for row in data.learning])
        counts = torch.from_numpy(np.bincount(found, minlength=K)).clamp(min=1).float()
        return (R - counts).clamp(min=1) / counts if data.several else R / (K * counts)
    assert isinstance(wanted, dict)
    wanted = {as_label(label, "class_weights"): weight for label, weight in wanted.items()}
    strange = sorted(set(wanted) - set(data.labels))
    if strange:
        raise ValueError(f"class_weights has a weight for {strange[0]!r}; the labels are {', '.join(data.labels)}")
    weights = torch.tensor([float(wanted.get(label, 1.0)) for label in data.labels])
    if not weights.any():
        raise ValueError("class_weights is 0 for every label; expected a number above 0 for one at least")
    return weights


@torch.no_grad()
def all_logits(network: ClassifierNetwork, rows: Rows, chosen: Indices | None = None) -> Tensor:
    """(R, K) of all rows or the `chosen` ones, read in batches of like length; each row as if it were alone."""
    network.eval()
    wanted = np.arange(len(rows)) if chosen is None else chosen
    found = torch.empty(len(wanted), network.classes)
    for places in Buckets(rows.inputs.lengths[wanted], rows=_JUDGED_AT_ONCE, steps=_STEPS).once():
        chosen = wanted[places]
        found[torch.from_numpy(places)], _ = network(*rows.batch(chosen), letters=rows.letters(chosen))
    return found
