"""Writing: draw the next token, read it, draw the next."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

import torch
from torch import Tensor

from elman.models.language_model import LanguageNetwork, State

__all__ = ["Sampling", "check_count", "check_writing", "draw", "most_probable", "read", "sample", "until"]


_READ = 1024  # tokens of a prompt read at once: bounds the memory


@dataclass(frozen=True)
class Sampling:
    """How to draw a token from the probabilities.

    Parameters
    ----------
    temperature
        Divides the logits: below 1 is safer, above 1 bolder; 0 takes the most probable token.
    top_k
        Only the k most probable tokens.
    top_p
        Only the fewest tokens that together have this probability (Holtzman et al., 2020), after `temperature`
        and `top_k`.

    Raises
    ------
    ValueError, TypeError
        If a value is out of its range or of another type.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        _check_type("temperature", self.temperature, Real, "a number, 0 or more")
        if self.top_k is not None:
            _check_type("top_k", self.top_k, Integral, "a whole number, or None for all tokens")
        if self.top_p is not None:
            _check_type("top_p", self.top_p, Real, "a number of at most 1, or None for all tokens")
        if not 0.0 <= self.temperature < float("inf"):
            raise ValueError(f"temperature is {self.temperature}, expected 0 (always the most probable token) or more")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k is {self.top_k}, expected at least 1, or None for all tokens")
        if self.top_p is not None and not 0.0 < self.top_p <= 1.0:
            raise ValueError(f"top_p is {self.top_p}, expected more than 0 and at most 1, or None for all tokens")


def check_writing(prompt: str, length: int, seed: int | None, stop: str | None) -> None:
    """Raise ValueError or TypeError unless so many tokens can be written after a prompt, until such a text."""
    _check_type("prompt", prompt, str, "a text (str)")
    check_count("length", length, least=0)
    if seed is not None:
        _check_type("seed", seed, Integral, "a whole number, or None for another text each time")
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"seed is {seed}, expected at least -2**63 and less than 2**64")
    if stop is not None:
        _check_type("stop", stop, str, "one text (str) that shall end the writing, or None")
    if stop == "":
        raise ValueError("stop is an empty text; expected what shall end the writing, or None")


def check_count(name: str, value: int, least: int = 1) -> None:
    """Raise ValueError or TypeError unless an argument is a whole number that is large enough."""
    _check_type(name, value, Integral, f"a whole number, {least} or more")
    if value < least:
        raise ValueError(f"{name} is {value}, expected {'at least 1' if least else '0 or more'}")


def _check_type(name: str, value: object, kind: type, expected: str) -> None:
    """Of whatever library: a number of NumPy is one."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, expected {expected}")


@torch.inference_mode()
def read(network: LanguageNetwork, tokens: Tensor, counts: Sequence[int]) -> tuple[Tensor, State]:
    """Read a prompt.

    Parameters
    ----------
    network
        Any; no dropout is applied.
    tokens
        (length,) in any integer dtype; may be empty.
    counts
        (V,) how often each token was seen in training: after nothing, tokens are as probable as they are frequent.

    Returns
    -------
    logits
        (1, V), of the next token.
    state
        After the last one.
    """
    state = network.initial_state(1)
    logits = torch.tensor([counts], dtype=torch.float32).log()
    for first in range(0, len(tokens), _READ):
        every, state = network(tokens[first : first + _READ].to(torch.int64).unsqueeze(1), state)
        logits = every[-1]
    return logits, state


def draw(logits: Tensor, sampling: Sampling, generator: torch.Generator | None = None) -> int:
    """Draw one token from logits (V,): its index.  Chance comes from `generator`, or torch's own.

    >>> draw(torch.tensor([1.0, 3.0, 2.0]), Sampling(temperature=0))
    1
    """
    if sampling.temperature == 0:
        return int(logits.argmax())
    sharpened = (logits.double() - logits.max()) / sampling.temperature  # at most 0: no temperature is too small
    if sampling.top_k is None and sampling.top_p is None:
        return int(torch.multinomial(sharpened.softmax(0), 1, generator=generator))
    values, indices = sharpened.topk(min(sampling.top_k or len(logits), len(logits)))  # falling
    probabilities = values.softmax(0)
    if sampling.top_p is not None:
        before = probabilities.cumsum(0) - probabilities
        probabilities = probabilities.where(before < sampling.top_p, 0.0)
    return int(indices[torch.multinomial(probabilities, 1, generator=generator)])


@torch.inference_mode()
def sample(
    network: LanguageNetwork,
    logits: Tensor,
    state: State,
    length: int,
    sampling: Sampling,
    *,
    generator: torch.Generator | None = None,
    never: int | None = None,
) -> Iterator[int]:
    """Write tokens, one step of the network each, in constant memory.

    Parameters
    ----------
    network
        Any; no dropout is applied.
    logits, state
        (1, V) and the state after what was read last.
    length
        Tokens to write.
    sampling
        How to draw them.
    generator
        Source of chance; None is torch's own.
    never
        Index of a token that is not written: the lexicon's "other".

    Yields
    ------
    int
        The tokens' indices.
    """
    stepper = network.stepper()
    for written in range(1, length + 1):
        token = draw(_without(logits[0], never), sampling, generator)
        yield token
        if written < length:
            logits, state = stepper(torch.tensor([token]), state)


def most_probable(logits: Tensor, top: int, never: int | None = None) -> list[tuple[int, float]]:
    """The `top` most probable tokens by logits (V,), as (index, probability), falling, without `never`."""
    probabilities = logits.softmax(0)
    indices = _without(logits, never).topk(min(top, len(logits) - (never is not None))).indices
    return list(zip(indices.tolist(), probabilities[indices].tolist(), strict=True))


def _without(logits: Tensor, never: int | None) -> Tensor:
    return logits if never is None else logits.index_fill(0, torch.tensor(never), -torch.inf)


def until(pieces: Iterable[str], stop: str) -> Iterator[str]:
    """Pass text on until it contains `stop`, which is not passed on; what may be its beginning is held back.

    >>> "".join(until(["a man", "\\n", "\\nROMEO"], stop="\\n\\n"))
    'a man'
    """
    held = ""
    for piece in pieces:
        held += piece
        if (end := held.find(stop)) >= 0:
            if end:
                yield held[:end]
            return
        overlap = next(n for n in range(min(len(stop) - 1, len(held)), -1, -1) if held.endswith(stop[:n]))
        if overlap < len(held):
            yield held[: len(held) - overlap]
            held = held[len(held) - overlap :]
    if held:
        yield held
