"""What a classifier says of the rows that its progress is judged by: the temperature that fits, figures, a sample."""

from typing import Any

import numpy as np
import torch

from elman.data import join
from elman.tasks.classification.calibration import calibration_error, fit_temperature, probabilities
from elman.tasks.classification.learner import all_logits, mistaken
from elman.tasks.classification.parts import ClassifierParts
from elman.tasks.classification.rows import Rows, TrainingRows

__all__ = ["calibrated", "sample_of"]

_SAMPLES, _SAMPLE_TOKENS = 3, 24  # rows that are shown while training, and how much of each


def calibrated(parts: ClassifierParts, data: TrainingRows) -> tuple[float, dict[str, Any]]:
    """The temperature fitted on the rows that progress is judged by, and figures of the model on them."""
    rows = data.judging[~data.judged.unknown(data.judging)]
    logits = all_logits(parts.network, data.judged, rows)
    targets = data.judged.many_targets(rows, len(parts.labels)) if data.several else data.judged.targets(rows)
    right = ~mistaken(logits, data.judged, rows, data.several)
    temperature = fit_temperature(logits, targets)
    figures = {"validation_accuracy": float(right.sum() / max(1, len(data.judging))), "temperature": temperature}
    if not data.several:
        for name, at in (("uncalibrated_error", 1.0), ("calibration_error", temperature)):
            sure = probabilities(logits, at, several=False).amax(1) if len(rows) else torch.empty(0)
            figures[name] = calibration_error(sure.numpy(), right)
    return temperature, figures


def sample_of(parts: ClassifierParts, data: TrainingRows) -> str:
    """Some of those rows: the text, what the model says, and in brackets what is true."""
    rows = data.judging[:: max(1, len(data.judging) // _SAMPLES)][:_SAMPLES]
    chances = probabilities(all_logits(parts.network, data.judged, rows), 1.0, data.several).numpy()
    lines = []
    for row, chance in zip(rows, chances, strict=True):
        said = ", ".join(f"{label} {p:.0%}" for label, p in parts.ranking(chance, 1))
        true = ", ".join(parts.labels[i] if i >= 0 else "?" for i in data.judged.labels[row])
        lines.append(f"{_shown(data.judged, row, parts)} → {said} ({true})")
    return "\n".join(lines)


def _shown(rows: Rows, row: int, parts: ClassifierParts) -> str:
    """The beginning of a row: of a text as far as its tokens are known, of a series its length."""
    if parts.coding is None:
        return f"{rows.inputs.lengths[row]} steps"
    steps, _ = rows.batch(np.array([row]))
    tokens = parts.coding.lexicon.tokens(steps[:_SAMPLE_TOKENS, 0])
    kind = parts.coding.cutter.kind
    text = " ".join(tokens) if kind == "words" else join(tokens, "bytes" if kind == "bytes" else "chars")
    return "".join(c if c.isprintable() else " " for c in text) + ("…" if len(steps) > _SAMPLE_TOKENS else "")
