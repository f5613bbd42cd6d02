"""Tagged sentences as numbers: read once, kept in an array or a temporary file, split for training and validation."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from elman.data.lexicon import Lexicon
from elman.data.lines import called
from elman.data.ragged import Ragged
from elman.data.tag_schemes import parts, scheme_of
from elman.data.tagged import TaggedSentence, sentences_of
from elman.data.word_forms import FormTable, WordForms, normal_form
from elman.tasks.tagging.cutting import guess_cut

__all__ = ["LONGEST", "TagData", "read_data"]

LONGEST = 1000
"""Tokens of a training sentence; a longer one is cut into pieces, since the memory of BPTT grows with its steps."""

_VALIDATION_PART = 0.1  # of the sentences, when there is no other data for that
_MOST_WORDS = 100_000  # of the lexicon: the rarest of more are left to "other"
_RARE_LETTER = 2  # words that a letter must occur in: those of fewer teach what an unknown letter looks like
_MOST_PAIRS, _RARE_PAIR = 200_000, 2  # pairs that have a vector of their own: the most frequent, seen so often
_GUESSED_FROM = 1000  # sentences that tell how text is cut
_CHUNK = 1 << 22  # steps that are counted at once

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TagData:
    """R sentences as numbers."""

    rows: Ragged  # (T, 2): numbers of the token and of its tag
    intents_of: Numbers  # (R,): number of the intent, -1 where there is none
    training: Numbers  # rows to learn from
    validation: Numbers  # rows that progress is judged by
    tokens: list[str]  # the different ones, by number
    counts: Numbers  # how often each occurs in training
    tags: list[str]  # those of the training data, by number
    tag_counts: Numbers  # how often each occurs in training
    strange_tags: list[str]  # others, of the validation data: their numbers go on from there
    intents: list[str]  # of the training data, by number
    strange_intents: list[str]  # others, of the validation data, likewise
    scheme: str  # of the tags
    cut: str  # how the tokens seem to be cut

    @property
    def kinds(self) -> list[str]:
        """The kinds of slots to learn."""
        return sorted({kind for prefix, kind in map(parts, self.tags) if prefix in ("B", "I", "E", "S")})

    @property
    def has_letters(self) -> bool:
        """Whether more than a few tokens to learn from have more than one character."""
        learnt = [token for token, count in zip(self.tokens, self.counts.tolist(), strict=True) if count]
        return sum(len(token) > 1 for token in learnt) > 0.01 * len(learnt)

    @property
    def slot_length(self) -> float:
        """Tokens of a slot, in the mean over the training data; 0 if there are no slots."""
        counts = dict(zip(self.tags, self.tag_counts.tolist(), strict=True))
        begins = sum(count for tag, count in counts.items() if parts(tag)[0] in ("B", "S"))
        inside = sum(count for tag, count in counts.items() if parts(tag)[0] in ("B", "I", "E", "S"))
        return inside / begins if begins else 0.0

    def steps(self, rows: Numbers) -> int:
        """Tokens of some rows."""
        return int(self.rows.lengths[rows].sum())

    def sizes(self) -> dict[str, int]:
        """What the figures of a training say of its data."""
        return {
            "training_sentences": len(self.training),
            "training_tokens": self.steps(self.training),
            "validation_sentences": len(self.validation),
        }

    def lexicons(self, letters: bool) -> tuple[Lexicon, Lexicon | None]:
        """Those of the words and of the characters of training."""
        words: Counter[str] = Counter()
        characters: Counter[str] = Counter()
        for token, count in zip(self.tokens, self.counts.tolist(), strict=True):
            words[normal_form(token) if letters else token] += count
            if count and letters:
                characters.update(set(token))
        known = Lexicon.from_counts(words, max_size=_MOST_WORDS)
        return known, Lexicon.from_counts(characters, min_count=_RARE_LETTER) if letters else None

    def table(self, forms: WordForms) -> FormTable:
        """What the network sees of each token."""
        return forms.describe(self.tokens)

    def pairs(self, forms: WordForms) -> Numbers:
        """The `elman.models.tagger.pair_keys` of neighbours in training that occur more than once, rising."""
        words, V = self.table(forms).words, len(forms.words)
        counts: Counter[int] = Counter()
        for rows in np.array_split(self.training, len(self.rows.values) // _CHUNK + 1):
            ends = np.cumsum(self.rows.lengths[rows] + 1)
            row = np.full(int(ends[-1]) + 1 if len(ends) else 1, V, np.int64)  # an end stands before each sentence
            there = np.ones(len(row), bool)
            there[0] = there[ends] = False
            row[there] = words[np.concatenate([self.rows[r][:, 0] for r in rows.tolist()])] if len(rows) else 0
            keys, times = np.unique(row[:-1] * (V + 1) + row[1:], return_counts=True)
            counts.update(dict(zip(keys.tolist(), times.tolist(), strict=True)))
        frequent = [key for key, count in counts.most_common(_MOST_PAIRS) if count >= _RARE_PAIR]
        return np.sort(np.array(frequent, np.int64))

    def fingerprint(self) -> str:
        """A number that tells one set of data from another."""
        digest = hashlib.sha256("\0".join((*self.tokens, *self.tags, *self.intents)).encode("utf-8", "surrogatepass"))
        for array in (self.rows.lengths, self.intents_of, self.training):
            digest.update(array.tobytes())
        for values in _chunks(self.rows.values):
            digest.update(values.tobytes())
        return digest.hexdigest()


class _Reading:
    """Numbers what comes, in the order in which it comes."""

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}
        self.tags: dict[str, int] = {}
        self.intents: dict[str, int] = {}
        self.intents_of: list[int] = []

    def rows(self, sentences: Iterable[TaggedSentence]) -> Iterator[npt.NDArray[np.int32]]:
        for tokens, tags, intent in sentences:
            row = np.empty((len(tokens), 2), np.int32)
            row[:, 0] = [self.tokens.setdefault(token, len(self.tokens)) for token in tokens]
            row[:, 1] = [self.tags.setdefault(tag, len(self.tags)) for tag in tags]
            self.intents_of.append(-1 if intent is None else self.intents.setdefault(intent, len(self.intents)))
            yield row


def read_data(inputs: Any, targets: Any, validation: Any, seed: int) -> TagData:
    """Read the sentences to learn from and to judge by.

    Parameters
    ----------
    inputs, targets, validation
        As `elman.Tagger.fit` takes them.
    seed
        Of the choice of the validation sentences if there are none: a tenth.

    Raises
    ------
    ValueError, TypeError, OSError
        As `elman.data.tagged.sentences_of`; ValueError if there is nothing to learn or to judge by.
    """
    reading, first = _Reading(), _First()
    training = reading.rows(_pieces(first(sentences_of(inputs, targets))))
    known: dict[str, Any] = {}

    def everything() -> Iterator[npt.NDArray[np.int32]]:
        yield from training
        known.update(rows=len(reading.intents_of), tags=list(reading.tags), intents=list(reading.intents))
        if validation is not None:
            yield from reading.rows(sentences_of(validation, name="validation"))

    rows = Ragged.collect(everything(), np.int32, (2,))
    R = known["rows"]
    if not rows.lengths[:R].any():
        raise ValueError(f"{called(inputs, 'inputs')} has no token to learn from; expected sentences with tags")
    if validation is not None:
        _check_judged(rows, R, len(known["tags"]), len(known["intents"]), called(validation, "validation"))
    elif R < 2:
        raise ValueError(
            f"{called(inputs, 'inputs')} has 1 sentence; expected at least 2, to learn from and to judge by"
        )
    chosen, judged = np.arange(R), np.arange(R, len(rows))
    if validation is None:
        order = np.random.default_rng((seed, 1)).permutation(R)
        held = max(1, round(_VALIDATION_PART * R))
        chosen, judged = np.sort(order[held:]), np.sort(order[:held])
    return TagData(
        rows=rows,
        intents_of=np.array(reading.intents_of, np.int64),
        training=chosen,
        validation=judged,
        tokens=list(reading.tokens),
        counts=_counts(rows, chosen, 0, len(reading.tokens)),
        tags=known["tags"],
        tag_counts=_counts(rows, chosen, 1, len(known["tags"])),
        strange_tags=list(reading.tags)[len(known["tags"]) :],
        intents=known["intents"],
        strange_intents=list(reading.intents)[len(known["intents"]) :],
        scheme=scheme_of(_neighbours(rows, R, list(reading.tags))),
        cut=guess_cut(first.tokens),
    )


def _check_judged(rows: Ragged, R: int, K: int, intents: int, name: str) -> None:
    """Refuse sentences, those from the R-th on, that cannot tell how well the K tags, if that is all, are learnt."""
    if len(rows) == R:
        raise ValueError(f"{name} has no sentence; expected at least 1")
    tags = rows.values[int(rows.lengths[:R].sum()) :, 1]
    if not intents and len(tags) and all((part >= K).all() for part in _chunks(tags)):
        raise ValueError(f"{name}: no tag of its sentences occurs in training")


class _First:
    """Keeps the first sentences that go by."""

    def __init__(self) -> None:
        self.tokens: list[list[str]] = []

    def __call__(self, sentences: Iterable[TaggedSentence]) -> Iterator[TaggedSentence]:
        for sentence in sentences:
            if len(self.tokens) < _GUESSED_FROM:
                self.tokens.append(sentence.tokens)
            yield sentence


def _pieces(sentences: Iterable[TaggedSentence]) -> Iterator[TaggedSentence]:
    for tokens, tags, intent in sentences:
        for start in range(0, max(1, len(tokens)), LONGEST):
            yield TaggedSentence(tokens[start : start + LONGEST], tags[start : start + LONGEST], intent)


def _counts(rows: Ragged, chosen: Numbers, column: int, different: int) -> Numbers:
    """How often each token, of column 0, or tag, of column 1, occurs in some rows."""
    counts = np.zeros(different, np.int64)
    there = np.zeros(len(rows), bool)
    there[chosen] = True
    steps, place = np.repeat(there, rows.lengths), 0
    for values in _chunks(rows.values):
        part = values[steps[place : place + len(values)], column]
        counts += np.bincount(part, minlength=different)
        place += len(values)
    return counts


def _neighbours(rows: Ragged, R: int, tags: list[str]) -> set[tuple[str | None, str | None]]:
    """The pairs of tags that occur in the first R rows; None stands at either end."""
    K, found, place = len(tags) + 1, set(), 0  # K-1 is the end
    ends = np.cumsum(rows.lengths[:R])
    last = np.zeros(int(ends[-1]), bool)
    last[ends[rows.lengths[:R] > 0] - 1] = True
    before = K - 1
    for values in _chunks(rows.values[: len(last)]):
        after, over = values[:, 1].astype(np.int64), last[place : place + len(values)]
        previous = np.concatenate(([before], np.where(over, K - 1, after)[:-1]))
        found.update(np.unique(previous * K + after).tolist())
        found.update(np.unique(after[over] * K + K - 1).tolist())
        before = K - 1 if over[-1] else int(after[-1])
        place += len(values)
    names: list[str | None] = [*tags, None]
    return {(names[pair // K], names[pair % K]) for pair in found}


def _chunks(values: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))
