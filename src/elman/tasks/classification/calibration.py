"""Probabilities that are true: of what is said with 80 %, 80 % should be right.

A network that is trained for long is too sure of itself.  Its logits are divided by one number, the temperature, fitted
on rows that it was not trained on; the order of the labels stays as it is (Guo et al., On calibration of modern neural
networks, 2017).
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

__all__ = ["calibration_error", "fit_temperature", "probabilities"]

_COLDEST, _HOTTEST = 0.1, 10.0
_HALVINGS = 40
_BINS = 15  # of the paper


def probabilities(logits: Tensor, temperature: float, several: bool) -> Tensor:
    """Softmax of logits (R, K) over the classes, or, where a row may have several, the sigmoid of each; float64."""
    scaled = logits.double() / temperature
    return scaled.sigmoid() if several else scaled.softmax(1)


def fit_temperature(logits: Tensor, targets: Tensor) -> float:
    """The temperature under which the rows are the most probable.

    Parameters
    ----------
    logits
        (R, K).
    targets
        (R,) numbers of the classes, or (R, K) of 0 and 1 where a row may have several.

    Returns
    -------
    float
        From 0.1 to 10; 1 without rows.  The mean loss is convex in 1/temperature, and the zero of its slope is found
        by halving.

    Notes
    -----
    As in Platt's scaling, a target is not 1 but (R + 1) / (R + K), the others 1 / (R + K): a few rows that are all
    right do not make every probability 1.

    Examples
    --------
    >>> sure = torch.tensor([[8.0, 0.0]] * 30 + [[0.0, 8.0]] * 10)  # the last ten are wrong
    >>> round(fit_temperature(sure, torch.zeros(40, dtype=torch.int64)), 2)  # about 8 / ln 3
    7.72
    """
    x = logits.double()
    if not len(x):
        return 1.0
    several = targets.dim() == 2
    R, K = len(x), 2 if several else x.shape[1]
    hot = targets if several else torch.nn.functional.one_hot(targets, K)
    wanted = (hot.double() * R + 1) / (R + K) * x
    low, high = 1 / _HOTTEST, 1 / _COLDEST
    for _ in range(_HALVINGS):
        beta = (low + high) / 2
        chance = (beta * x).sigmoid() if several else (beta * x).softmax(1)
        if float((chance * x).sum() - wanted.sum()) > 0:  # d loss / d beta
            high = beta
        else:
            low = beta
    return 2 / (low + high)


def calibration_error(confidence: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> float:
    """The expected calibration error: mean distance of confidence and accuracy, over 15 bins of equal width.

    Parameters
    ----------
    confidence
        (R,) the probability of what was predicted.
    right
        (R,) whether it was right.

    Examples
    --------
    >>> calibration_error(np.array([0.9, 0.9, 0.9, 0.9]), np.array([True, True, True, False]))  # 90 % said, 75 % right
    0.15
    """
    if not len(confidence):
        return 0.0
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, confidence - right, _BINS)  # in each bin: rows times (confidence - accuracy)
    return round(float(np.abs(gaps).sum() / len(confidence)), 12)
