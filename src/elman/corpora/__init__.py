"""Small texts, and labelled sentences, that come with the package. Sources and licences: README.md in this folder.

>>> from elman import corpora
>>> corpora.names()
['shakespeare', 'tatoeba-en', 'tatoeba-zh']
>>> print(corpora.shakespeare()[:30])
First Citizen:
Before we proce
"""

import bz2
from difflib import get_close_matches
from importlib.resources import files

from elman.corpora import sentence_pairs
from elman.corpora.booking import LANGUAGES, PARTS, SLOTS, Sentence, sentences

__all__ = ["names", "load", "shakespeare", "tatoeba", "flights", "tagged", "FLIGHT_SLOTS", "Sentence"]

# What each slot of `flights` holds, in the words of `elman.tasks.slot_values`.
FLIGHT_SLOTS = {name: "city" if key in "do" else "date" for slots in SLOTS.values() for key, name in slots.items()}

_SUFFIX = ".txt.bz2"
_TATOEBA = {f"tatoeba-{language}": language for language in sentence_pairs.LANGUAGES}


def names() -> list[str]:
    """Names of the embedded texts, in alphabetical order."""
    found = [file.name.removesuffix(_SUFFIX) for file in files(__name__).iterdir() if file.name.endswith(_SUFFIX)]
    return sorted([*found, *_TATOEBA])


def load(name: str) -> str:
    """Return one embedded text, whole.

    Parameters
    ----------
    name
        One of `names()`.

    Returns
    -------
    str
        The text, decoded from UTF-8, line ends as in the source; of Tatoeba the training sentences, one a line.

    Raises
    ------
    ValueError
        If there is no text of that name; the message says the nearest one.

    Examples
    --------
    >>> len(load("shakespeare"))
    1115394
    """
    if name not in names():
        nearest = get_close_matches(name, names(), n=1)
        advice = f"did you mean {nearest[0]!r}?" if nearest else f"there are: {', '.join(names())}"
        raise ValueError(f"no corpus is called {name!r}; {advice}")
    if name in _TATOEBA:
        return "".join(f"{sentence}\n" for sentence in tatoeba(_TATOEBA[name]))
    return bz2.decompress(files(__name__).joinpath(name + _SUFFIX).read_bytes()).decode("utf-8")


def shakespeare() -> str:
    """Tiny Shakespeare: 40,000 lines from the plays, 1,115,394 characters, 65 different ones.

    The usual split is the first nine tenths for training and the last tenth for validation.

    Returns
    -------
    str
        The text (public domain; collected by Andrej Karpathy for char-rnn).

    Examples
    --------
    >>> len(set(shakespeare()))
    65
    """
    return load("shakespeare")


def tatoeba(language: str = "zh", part: str = "train") -> list[str]:
    """Everyday sentences that people have written and translated for tatoeba.org, each once.

    Parameters
    ----------
    language
        ``zh``, Chinese in simplified characters almost throughout: 23,307 sentences of about 10 characters; or ``en``,
        English: 25,249 of about 31.
    part
        ``train`` or ``dev``: 902 and 959 further ones, none of which, in either language, is in the former.

    Returns
    -------
    list of str
        The sentences (CC BY 2.0 FR; `elman.corpora.sentence_pairs` says who wrote which).

    Raises
    ------
    ValueError
        If language or part is unknown; the message says the nearest one.

    Examples
    --------
    >>> print(tatoeba("en")[0], tatoeba("zh")[0], len(tatoeba("zh", "dev")))
    Who did you talk to? 你和谁说话呢？ 902
    """
    _check("language", language, list(sentence_pairs.LANGUAGES))
    _check("part", part, list(sentence_pairs.PARTS))
    return sentence_pairs.sentences(language, part)


def flights(part: str = "train", language: str | None = None) -> list[Sentence]:
    """Sentences of people who book flights, each token tagged: where to, where from, when to arrive, when to leave.

    They are made by a grammar of ours (`elman.corpora.booking`), always the same ones.  Wordings and cities of the test
    part do not occur in the training part, so that a tagger has to go by what stands around a slot: 台北 is known to it
    as little as any city that it will meet.  The test part of each language begins with the lecture's two sentences.

    Parameters
    ----------
    part
        ``train`` (2,000 sentences of each language) or ``test`` (400).
    language
        ``zh-Hans`` (simplified characters), ``zh-Hant`` (traditional), ``en``; None for all three in turn.

    Returns
    -------
    list of Sentence
        Pairs of `tokens` and `tags`, of one length.  Tokens are characters in Chinese; in English words, and single
        punctuation marks, about a quarter of the sentences in small letters alone.  Tags are IOB2 over 目的地, 出发地,
        到达时间, 出发时间 (both scripts) or destination, origin, arrival_time, departure_time; `FLIGHT_SLOTS` says
        which hold cities and which days.

    Raises
    ------
    ValueError
        If part or language is unknown; the message says the nearest one.

    Examples
    --------
    >>> tokens, tags = flights("test", "zh-Hans")[0]
    >>> print(*tokens)
    我 想 八 月 二 号 到 达 台 北
    >>> print(*tags)
    O O B-到达时间 I-到达时间 I-到达时间 I-到达时间 O O B-目的地 I-目的地
    >>> tokens, tags = zip(*flights("train"))
    >>> len(tokens)
    6000
    """
    _check("part", part, list(PARTS))
    if language is not None:
        _check("language", language, list(LANGUAGES))
        return sentences(part, language)
    return [each for turn in zip(*(sentences(part, name) for name in LANGUAGES), strict=True) for each in turn]


def tagged(name: str, part: str = "train") -> list[Sentence]:
    """Return the labelled sentences of one name: ``flights`` (`flights`).

    Raises
    ------
    ValueError
        If there are none of that name.

    Examples
    --------
    >>> len(tagged("flights"))
    6000
    """
    _check("corpus", name, ["flights"])
    return flights(part)


def _check(argument: str, value: str, valid: list[str]) -> None:
    if value not in valid:
        nearest = get_close_matches(str(value), valid, n=1)
        advice = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"{argument} is {value!r}; expected one of {', '.join(valid)}{advice}")
