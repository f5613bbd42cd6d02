"""Answers as people and programs read them: tables, JSON, durations, large numbers, invisible characters."""

import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["clock", "print_json", "print_table", "quantity", "value", "visible"]


def value(item: object) -> str:
    """One value of a table.

    >>> [value(item) for item in (1115394, 1.48, 4.3928471, 0.000123456, True, None, "lstm")]
    ['1,115,394', '1.48', '4.393', '0.0001235', 'yes', 'none', 'lstm']
    """
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, int):
        return f"{item:,}"
    if isinstance(item, float):
        return f"{item:,.0f}" if 1e4 <= abs(item) < 1e15 else f"{item:.4g}"
    if isinstance(item, list):
        return ", ".join(map(value, item))
    return "none" if item is None else str(item)


def quantity(number: float) -> str:
    """A number in three digits.

    >>> [quantity(number) for number in (7, 950.2, 18_234, 1_234_567)]
    ['7', '950', '18.2 k', '1.23 M']
    """
    for unit, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= unit * 0.9995:
            scaled = number / unit
            digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
            return f"{scaled:.{digits}f}{letter}"
    return f"{number:.0f}"


def clock(seconds: float) -> str:
    """A duration.

    >>> [clock(seconds) for seconds in (7.2, 72, 3723)]
    ['0:07', '1:12', '1:02:03']
    """
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def visible(token: str) -> str:
    """A token of which every character shows: a space as ␣, a line end as ``\\n``.

    >>> visible("a b\\n")
    'a␣b\\\\n'
    """
    return "".join(
        "␣" if c == " " else c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in token
    )


def print_table(facts: Mapping[str, Any]) -> None:
    """Print names and values in two columns; the entries of a nested mapping follow its name, indented."""
    rows = list(_rows(facts))
    width = max(len(name) for name, _ in rows)
    for name, shown in rows:
        print(f"{name:{width}}  {shown}".rstrip())


def _rows(facts: Mapping[str, Any], indent: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, item in facts.items():
        label = indent + (name if indent else name.replace("_", " "))  # what is inside is named by the user
        if isinstance(item, Mapping):
            rows += [(label, ""), *_rows(item, indent + "  ")]
        else:
            rows.append((label, value(item)))
    return rows


def print_json(facts: Any) -> None:
    """Print one line of JSON.

    JSON has no infinite numbers and none that is not a number: they are printed as null.  Half a surrogate pair, which
    JSON may hold as an escape and UTF-8 may not, comes out as that escape.

    >>> print_json({"perplexity": float("inf"), "text": "naïve"}), print_json(["\\ud800 é"])
    {"perplexity": null, "text": "naïve"}
    ["\\ud800 \\u00e9"]
    (None, None)
    """
    known = _without_infinities(facts)
    line = json.dumps(known, ensure_ascii=False, allow_nan=False)
    print(line if not any("\ud800" <= c <= "\udfff" for c in line) else json.dumps(known, allow_nan=False))


def _without_infinities(facts: Any) -> Any:
    if isinstance(facts, float):
        return facts if math.isfinite(facts) else None
    if isinstance(facts, Mapping):
        return {name: _without_infinities(item) for name, item in facts.items()}
    return [_without_infinities(item) for item in facts] if isinstance(facts, (list, tuple)) else facts
