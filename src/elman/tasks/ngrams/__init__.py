"""N-gram language models, ARPA files, and mixtures with recurrent ones."""

from elman.tasks.ngrams.mixture import evaluate_mixture
from elman.tasks.ngrams.ngram import NGram

__all__ = ["NGram", "evaluate_mixture"]
