"""Subwords: pieces between characters and words, learnt from a text by byte-pair encoding.

Byte-pair encoding begins with the 256 bytes and joins, again and again, the pair that is most frequent (Sennrich et
al., Neural machine translation of rare words with subword units, 2016).  Frequent words become one piece, rare ones
several, and nothing is unknown.  The `tokenizers` package learns and cuts.
"""

from collections.abc import Iterable
from typing import Any

__all__ = ["Subwords"]

_BYTES = 256


class Subwords:
    """A learnt table of pieces.

    Parameters
    ----------
    text
        What `to_json` gave.

    Raises
    ------
    ModuleNotFoundError
        If `tokenizers` is not installed.
    ValueError
        If the text is no such table.

    Examples
    --------
    >>> pieces = Subwords.learn(["low lower lowest"] * 10, size=270)
    >>> pieces.cut("lowest slow")
    ['low', 'e', 'st', 'Ġ', 's', 'low']
    """

    def __init__(self, text: str) -> None:
        self._model = _package().Tokenizer.from_str(text)

    @classmethod
    def learn(cls, texts: Iterable[str], size: int) -> "Subwords":
        """Learn `size` pieces, the 256 bytes among them, from texts, which are read once."""
        if size < _BYTES:
            raise ValueError(f"size is {size}, expected at least {_BYTES}: a piece for each byte")
        tokenizers = _package()
        model = tokenizers.Tokenizer(tokenizers.models.BPE())
        model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
        model.train_from_iterator((_whole(text) for text in texts), trainer)
        return cls(model.to_str())

    def __len__(self) -> int:
        """How many pieces there are."""
        return int(self._model.get_vocab_size())

    def cut(self, text: str) -> list[str]:
        """The pieces of a text; bytes are written as the characters that `tokenizers` has for them, a space as Ġ."""
        return list(self._model.encode(_whole(text)).tokens)

    def to_json(self) -> str:
        """The table as text, for a model file."""
        return str(self._model.to_str())


def _whole(text: str) -> str:
    """Halves of a surrogate pair, which only JSON can bring and which are no text in UTF-8, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _package() -> Any:
    try:
        import tokenizers
    except ModuleNotFoundError as error:
        message = "tokens='subwords' needs tokenizers, which is not installed: pip install 'elman[text]'"
        raise ModuleNotFoundError(message) from error
    return tokenizers
