"""Modified Kneser-Ney by dictionaries and recursion, from the definitions: slow, and made of nothing of ours.

Chen and Goodman (1998), section 4.1; adjusted counts, the uniform distribution below the unigrams, and what becomes of
pruned n-grams as Heafield et al. (2013) have them.
"""

from collections import Counter
from collections.abc import Sequence

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
Gram = tuple[str, ...]


class Oracle:
    """P(word | context) of a text, given as sentences of words."""

    def __init__(self, sentences: Sequence[Sequence[str]], order: int, prune: Sequence[int] = (0,)) -> None:
        self.order = order
        padded = [[BEGIN, *sentence, END] for sentence in sentences]
        self.counts = Counter(
            tuple(line[i : i + n]) for n in range(1, order + 1) for line in padded for i in range(len(line) - n + 1)
        )
        del self.counts[(BEGIN,)]
        self.words = sorted({gram[0] for gram in self.counts if len(gram) == 1} | {UNKNOWN})
        self.adjusted = {gram: self._adjusted(gram) for gram in self.counts}
        limits = [*prune, *[prune[-1]] * order][:order]
        self.kept = {gram for gram, count in self.counts.items() if count > limits[len(gram) - 1]}
        self.discounts = {n: self._discounts(n) for n in range(1, order + 1)}

    def _adjusted(self, gram: Gram) -> int:
        if len(gram) == self.order or gram[0] == BEGIN:
            return self.counts[gram]
        return sum(1 for longer in self.counts if len(longer) == len(gram) + 1 and longer[1:] == gram)

    def _discounts(self, n: int) -> list[float]:
        of_order = [count for gram, count in self.adjusted.items() if len(gram) == n]
        t = [of_order.count(k) for k in range(5)]
        if 0 in t[1:4]:
            return [0, 0.5, 1.0, 1.5]
        y = t[1] / (t[1] + 2 * t[2])
        found = [0.0] + [k - (k + 1) * y * t[k + 1] / t[k] for k in (1, 2, 3)]
        return found if all(0 <= d <= k for k, d in enumerate(found)) else [0, 0.5, 1.0, 1.5]

    def probability(self, word: str, context: Gram) -> float:
        """Of a word after a context of any length."""
        context = context[max(0, len(context) - self.order + 1) :]
        after = {gram: count for gram, count in self.adjusted.items() if gram[:-1] == context}
        shorter = self.probability(word, context[1:]) if context else 1 / len(self.words)
        if not after:
            return shorter
        taken = {gram: self._taken(gram, count) for gram, count in after.items()}
        gram = (*context, word)
        share = after[gram] - taken[gram] if gram in after else 0.0
        return (share + sum(taken.values()) * shorter) / sum(after.values())

    def _taken(self, gram: Gram, count: int) -> float:
        return self.discounts[len(gram)][min(count, 3)] if gram in self.kept else count
