"""From lines with blanks to lines that are filled, and what could stand in each blank."""

import math
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from elman.data import Lexicon, normalise
from elman.data.blanks import BLANK, Cloze, cut_blanks, cut_sentence, joined
from elman.models.filler import FillNetwork
from elman.tasks.filling.conditionals import Likely
from elman.tasks.filling.phrases import Phrase, among_phrases, best_phrases
from elman.tasks.filling.result import Blank, Candidates, Filling
from elman.tasks.filling.search import Line, fill_lines, likely_in
from elman.tasks.filling.sentences import framed
from elman.tasks.texts import warn_of_unknown

__all__ = ["Question", "answer"]

_OTHER = 0  # the lexicon's entry for unknown tokens
_LINES = 256  # answered at once
_LONGEST = 50  # tokens of a blank
_STACKLEVEL = 4  # of a warning: the caller of `Filler.predict`


class Question(NamedTuple):
    """What is asked of lines, as `elman.Filler.predict` takes it."""

    top: int = 5
    choices: Sequence[str] | None = None
    longest: int = 1
    directions: bool = False

    def check(self, network: FillNetwork) -> None:
        """Raise ValueError if an argument is out of its range, or two do not go together."""
        for name, value in (("top", self.top), ("longest", self.longest)):
            if value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        if self.longest > _LONGEST:
            raise ValueError(f"longest is {self.longest}, expected at most {_LONGEST}: every length is searched")
        if self.choices is not None and self.longest > 1:
            raise ValueError(f"longest is {self.longest}, with choices, whose lengths are known; give one of them")
        if self.directions and self.longest > 1:
            raise ValueError("directions compares blanks of one token; leave it or longest out")
        if self.directions and network.reads != "both":
            raise ValueError(f"the model reads {network.reads} of a blank only; directions needs one that reads both")


def answer(
    network: FillNetwork, lexicon: Lexicon, kind: str, inputs: Sequence[str], question: Question
) -> list[Filling]:
    """Fill the blanks of lines; see `elman.Filler.predict`.

    Parameters
    ----------
    network, lexicon, kind
        Of the model.
    inputs
        Lines.
    question
        What is asked.
    """
    question.check(network)
    phrases = None if question.choices is None else _phrases(question.choices, lexicon, kind)
    long = question.longest > 1 or (phrases is not None and max(map(len, phrases)) > 1)
    if long and question.directions:
        raise ValueError("directions compares blanks of one token; leave it out with choices of several")
    texts = [normalise(line) for line in inputs]
    places = [number for number, text in enumerate(texts) if BLANK in text]  # of the lines there is something to do for
    clozes = [cut_blanks(texts[number], kind) for number in places]
    lines = [_line(cloze, lexicon) for cloze in clozes]
    _warn(len(texts) - len(lines), lines, kind)
    filled: list[Filling] = []
    for first in range(0, len(lines), _LINES):
        part = slice(first, first + _LINES)
        if long:
            for cloze, line in zip(clozes[part], lines[part], strict=True):
                filled.append(_searched(network, lexicon, kind, cloze, line, question, phrases))
        else:
            filled += _filled(network, lexicon, clozes[part], lines[part], question, phrases)
    found = dict(zip(places, filled, strict=True))
    return [found.get(number, Filling(text, [])) for number, text in enumerate(texts)]


def _line(cloze: Cloze, lexicon: Lexicon) -> Line:
    tokens = lexicon.indices(cloze.tokens).numpy()
    (row,) = framed(tokens, len(lexicon), len(lexicon) + 1)
    return Line(row, cloze.blanks)


Choices = dict[tuple[int, ...], str]
"""Contents of a blank in numbers, and how they were written."""


def _phrases(choices: Sequence[str], lexicon: Lexicon, kind: str) -> Choices:
    """The choices in numbers, each once, without those of which a token is unknown."""
    if isinstance(choices, str):
        raise TypeError(f"choices is {choices!r}, expected a list of words")
    if not choices:
        raise ValueError("choices is empty, expected one word or more")
    found: Choices = {}
    strange = []
    for choice in choices:
        phrase = tuple(lexicon.indices(cut_sentence(normalise(choice), kind)).tolist())
        if not phrase:
            raise ValueError(f"choices has {choice!r}, which has no token")
        if _OTHER in phrase:
            strange.append(choice)
        else:
            found.setdefault(phrase, choice)
    if not found:
        raise ValueError(f"the model knows none of the choices, {', '.join(choices)}")
    if strange:
        message = f"the model does not know {', '.join(map(repr, strange))}: left out of the choices"
        warnings.warn(message, stacklevel=_STACKLEVEL)
    return found


def _warn(empty: int, lines: Sequence[Line], kind: str) -> None:
    """Say how many lines have no blank, and how many tokens of the others are unknown."""
    if empty:
        noun, verb = ("lines", "have") if empty > 1 else ("line", "has")
        warnings.warn(f"{empty:,} {noun} {verb} no blank, {BLANK}", stacklevel=_STACKLEVEL)
    unknown = sum(int((line.row == _OTHER).sum()) - len(line.blanks) for line in lines)
    warn_of_unknown(unknown, kind, stacklevel=_STACKLEVEL + 1)


def _filled(
    network: FillNetwork,
    lexicon: Lexicon,
    clozes: Sequence[Cloze],
    lines: Sequence[Line],
    question: Question,
    phrases: Choices | None,
) -> list[Filling]:
    """Lines whose blanks hold one token each."""
    among = None if phrases is None else torch.tensor([token for (token,) in phrases])
    sides = network.sides if question.directions else network.sides[:1]
    top = question.top if phrases is None else len(phrases)
    fill_lines(network, lines, among)
    answers = []
    for cloze, line, found in zip(clozes, lines, likely_in(network, lines, sides, top, among), strict=True):
        named = {side: _named(found[side], lexicon, phrases) for side in sides}
        blanks = [
            Blank(named[sides[0]][number], *(named[side][number] for side in sides[1:]))
            for number in range(len(cloze.blanks))
        ]
        written = _written(line.content().tolist(), lexicon, phrases)
        answers.append(Filling(cloze.filled(written), blanks))
    return answers


def _written(tokens: list[int], lexicon: Lexicon, choices: Choices | None) -> list[str]:
    """Single tokens as text; choices as they were given."""
    return lexicon.tokens(tokens) if choices is None else [choices[token,] for token in tokens]


def _named(found: Likely, lexicon: Lexicon, choices: Choices | None) -> list[Candidates]:
    return [
        list(zip(_written(tokens, lexicon, choices), map(math.exp, values), strict=True))
        for tokens, values in zip(found.tokens.tolist(), found.log_probabilities.tolist(), strict=True)
    ]


def _searched(
    network: FillNetwork,
    lexicon: Lexicon,
    kind: str,
    cloze: Cloze,
    line: Line,
    question: Question,
    phrases: Choices | None,
) -> Filling:
    """A line whose blanks hold several tokens, filled from left to right."""
    row, moved = line.row, 0  # by the tokens that blanks to the left hold beyond one
    words, blanks = [], []
    for place in cloze.blanks:
        at = place + moved
        if phrases is None:
            found = best_phrases(network, row, at, question.longest, question.top)
        else:
            found = among_phrases(network, row, at, list(phrases))
        told = [(_text(phrase, lexicon, kind, phrases), math.exp(phrase.log_probability)) for phrase in found]
        blanks.append(Blank(_added(told)))
        words.append(blanks[-1].candidates[0][0])
        best = next(phrase.tokens for phrase, (text, _) in zip(found, told, strict=True) if text == words[-1])
        row = np.concatenate([row[: at + 1], np.asarray(best, np.int64), row[at + 2 :]])
        moved += len(best) - 1
    return Filling(cloze.filled(words), blanks)


def _text(phrase: Phrase, lexicon: Lexicon, kind: str, choices: Choices | None) -> str:
    """A phrase as text; a choice as it was given."""
    return joined(lexicon.tokens(phrase.tokens), kind) if choices is None else choices[tuple(phrase.tokens)]


def _added(told: list[tuple[str, float]]) -> Candidates:
    """What reads the same, though cut differently, is one."""
    found: dict[str, float] = {}
    for text, probability in told:
        found[text] = found.get(text, 0.0) + probability
    return sorted(found.items(), key=lambda pair: -pair[1])
