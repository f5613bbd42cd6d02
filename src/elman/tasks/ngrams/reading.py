"""From texts to sentences, with errors that name the file."""

import os

from elman.data import Sentences, cut, read_text
from elman.data.lines import called, name_of
from elman.tasks.texts import Texts

__all__ = ["cut_texts"]


def cut_texts(data: Texts, text: str, kind: str, argument: str) -> Sentences:
    """Cut a text into sentences and tokens.

    Parameters
    ----------
    data
        Where the text is from.
    text
        What was read there.
    kind
        Of the tokens.
    argument
        That holds `data`, for errors.

    Raises
    ------
    ValueError
        If a word is the name for the beginning or the end of a sentence; the message names the file and the line in
        it, or the argument where there is no file.
    """
    try:
        return cut(text, kind)
    except ValueError as error:
        if isinstance(data, list | tuple) and len(data) > 1:
            _check_each(data, kind)
        raise ValueError(f"{called(data, argument)}: {error}") from error


def _check_each(files: list[str | os.PathLike[str]] | tuple[str | os.PathLike[str], ...], kind: str) -> None:
    """Read the files once more, one by one, for lines are counted in each; a pipe would have nothing to say."""
    for path in files:
        if os.path.isfile(path):
            try:
                cut(read_text(path), kind)
            except ValueError as error:
                raise ValueError(f"{name_of(path)}: {error}") from error
