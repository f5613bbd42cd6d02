"""Cross-entropy over a large vocabulary, from a sample of it.

The softmax over V words is nearly all the cost of a network of words.  Its denominator is a sum, and a sum can be
estimated from a sample: all words that are right somewhere in the batch, and K others drawn evenly, each divided by
the probability that it is in the sample (Horvitz and Thompson, 1952; for networks Bengio and Senécal, 2008)::

    Z = Σ_w exp(l_w)  ≈  exp(l_right) + Σ_{w in sample, not right} exp(l_w) / π_w
    π_w = 1 - (1 - K/V) (1 - p_w)^(P-1)

p_w is how frequent w is, P how many places there are: w is in the sample if it is drawn, or right at one of the other
places.  No π is below K/V, so that no word can weigh too much.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Sample", "draw_sample", "sampled_cross_entropy"]


class Sample(NamedTuple):
    """Classes that the right ones are compared with."""

    classes: Tensor
    """(C,) rising; those of all targets are among them."""
    log_inclusion: Tensor | None
    """(C,) ln π; None: they are all classes."""

    def columns(self, targets: Tensor) -> Tensor:
        """Where among the classes each target is, (P,)."""
        return targets if self.log_inclusion is None else torch.searchsorted(self.classes, targets)

    def below(self, limit: int) -> "Sample":
        """The same sample without the classes from `limit` on."""
        count = int(torch.searchsorted(self.classes, limit))
        return Sample(self.classes[:count], None if self.log_inclusion is None else self.log_inclusion[:count])


def draw_sample(targets: Tensor, frequencies: Tensor, negatives: int, generator: torch.Generator) -> Sample:
    """Draw the classes for one step.

    Parameters
    ----------
    targets
        (P,) the right class of each place.
    frequencies
        (V,) how probable each class is as a target.
    negatives
        K, classes that are drawn, evenly and without repetition; V or more: all.
    generator
        Where chance comes from.
    """
    count = len(frequencies)
    if negatives >= count:
        return Sample(torch.arange(count), None)
    taken = torch.zeros(count, dtype=torch.bool)
    taken[torch.randperm(count, generator=generator)[:negatives]] = True
    taken[targets] = True
    classes = taken.nonzero().squeeze(1)
    absent = (1 - negatives / count) * (1 - frequencies[classes]) ** (len(targets) - 1)
    return Sample(classes, torch.log1p(-absent))


def sampled_cross_entropy(logits: Tensor, targets: Tensor, sample: Sample) -> Tensor:
    """Mean of -ln P of the right classes.

    Parameters
    ----------
    logits
        (P, C), of the classes of the sample.
    targets
        (P,) the right classes, all of them in the sample.
    sample
        Of all classes it is the cross-entropy itself.
    """
    columns = sample.columns(targets)
    if sample.log_inclusion is None:
        return F.cross_entropy(logits, columns)
    rows = torch.arange(len(logits))
    weighed = logits - sample.log_inclusion
    weighed[rows, columns] = logits[rows, columns]  # the right class is there in any case
    return F.cross_entropy(weighed, columns)
