"""N-gram models as sorted arrays: counting, estimating, asking."""

from elman.models.ngram.counting import Level, count_ngrams
from elman.models.ngram.smoothing import discounts, kneser_ney, maximum_likelihood
from elman.models.ngram.table import NGramTable

__all__ = ["Level", "NGramTable", "count_ngrams", "discounts", "kneser_ney", "maximum_likelihood"]
