"""Small texts that come with the package. Sources and licences: README.md in this folder.

>>> from elman import corpora
>>> corpora.names()
['shakespeare']
>>> print(corpora.shakespeare()[:30])
First Citizen:
Before we proce
"""

import bz2
from difflib import get_close_matches
from importlib.resources import files

__all__ = ["names", "load", "shakespeare"]

_SUFFIX = ".txt.bz2"


def names() -> list[str]:
    """Names of the embedded texts, in alphabetical order."""
    return sorted(file.name.removesuffix(_SUFFIX) for file in files(__name__).iterdir() if file.name.endswith(_SUFFIX))


def load(name: str) -> str:
    """Return one embedded text, whole.

    Parameters
    ----------
    name
        One of `names()`.

    Returns
    -------
    str
        The text, decoded from UTF-8, line ends as in the source.

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
