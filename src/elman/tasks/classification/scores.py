"""How well labels were predicted: accuracy, F1 by scikit-learn, nats, calibration."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elman.tasks.classification.calibration import calibration_error

__all__ = ["scores"]


def scores(probabilities: Tensor, targets: Sequence[Sequence[int]], several: bool) -> dict[str, Any]:
    """Measure predictions.

    Parameters
    ----------
    probabilities
        (R, K) float64.
    targets
        Numbers of the labels of each row; -1 for one that the model does not know, so that it cannot be right.
    several
        Whether a row may have several labels, or none.

    Returns
    -------
    dict
        ``accuracy``: part of the rows whose label, or all of whose labels and no other, are predicted.  ``macro_f1``:
        mean F1 of the labels that occur in the rows or in what is predicted, an unknown one included; ``micro_f1`` of
        several labels.  ``nats``: mean of -ln p of what is true, over rows of known labels.  ``calibration_error``.

    Raises
    ------
    ModuleNotFoundError
        If scikit-learn is not installed.
    """
    metrics = _scikit_learn()
    R, K = probabilities.shape
    unknown = np.array([-1 in found for found in targets], bool)
    if several:
        truth = torch.zeros(R, K + 1)
        for row, found in enumerate(targets):
            truth[row, list(found)] = 1.0  # -1 is the last column
        given = torch.cat([(probabilities > 0.5).float(), torch.zeros(R, 1)], 1)
        used = np.flatnonzero((truth + given).sum(0).numpy())
        wrong = (truth != given).any(1).numpy()
        chances = torch.where(truth[:, :K] > 0, probabilities, 1 - probabilities)
        confidence = torch.maximum(probabilities, 1 - probabilities)
        f1 = {
            f"{mean}_f1": float(
                metrics.f1_score(truth.numpy(), given.numpy(), average=mean, labels=used, zero_division=0.0)
            )
            for mean in ("macro", "micro")
            if len(used)
        }
        error = calibration_error(confidence.flatten().numpy(), (truth == given)[:, :K].flatten().numpy())
        nats = -chances.clamp(min=1e-300).log().sum(1)
        return {"accuracy": float(1 - wrong.mean()), **f1, **_rest(nats, unknown, error)}
    best = probabilities.max(1)
    truth_, given_ = np.array([found[0] for found in targets]), best.indices.numpy()
    right = truth_ == given_
    nats = -probabilities[torch.arange(R), torch.from_numpy(np.maximum(truth_, 0))].clamp(min=1e-300).log()
    macro = float(metrics.f1_score(truth_, given_, average="macro", zero_division=0.0))
    error = calibration_error(best.values.numpy(), right)
    return {"accuracy": float(right.mean()), "macro_f1": macro, **_rest(nats, unknown, error)}


def _rest(nats: Tensor, unknown: Any, error: float) -> dict[str, Any]:
    known = nats[torch.from_numpy(~unknown)]
    return {
        "nats": float(known.mean()) if len(known) else None,
        "calibration_error": error,
        "rows": len(nats),
        "rows_of_unknown_labels": int(unknown.sum()),
    }


def _scikit_learn() -> Any:
    try:
        from sklearn import metrics
    except ModuleNotFoundError as error:
        message = "F1 is measured by scikit-learn, which is not installed: pip install 'elman[text]'"
        raise ModuleNotFoundError(message) from error
    return metrics
