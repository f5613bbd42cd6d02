"""Tagged sentences as people and programs read them."""

import json as json_format
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.cli.display import print_json, print_table, visible
from elman.cli.lines import read_lines

if TYPE_CHECKING:
    from elman.tasks.tagging.result import Tagging

__all__ = ["print_measures", "show_tags"]


def show_tags(answer: "Callable[[list[Any]], list[Tagging]]", file: Path, json: bool) -> None:
    """Print the slots of each line of text: a name and what was found, a line each; an empty line between sentences.

    Where the tags of the model mark no slots, each token and its tag are printed, with a tab between them.
    A line that is a JSON object with ``tokens`` is a sentence that has been cut.
    """
    from elman.data.lines import name_of

    first, name, count = True, name_of(file), 0
    for lines in read_lines(file):
        sentences = [_sentence(line, f"{name}:{number}") for number, line in enumerate(lines, count + 1)]
        count += len(lines)
        for tagging in answer(sentences):
            if json:
                print_json(tagging.to_dict())
                continue
            print("" if first else "\n", end="")
            first = False
            _print_slots(tagging)


def print_measures(metrics: Mapping[str, Any]) -> None:
    """Print figures, then the confusions and the wrong sentences, where they were asked for."""
    listed = {"confusion", "wrong"}
    print_table({name: item for name, item in metrics.items() if name not in listed})
    if metrics.get("confusion"):
        print()
        _print_columns(
            [
                ["count", "true", "predicted"],
                *([str(c["count"]), c["true"], c["predicted"]] for c in metrics["confusion"]),
            ]
        )
    for sentence in metrics.get("wrong", ()):
        print()
        _print_wrong(sentence)


def _sentence(line: str, place: str) -> Any:
    if line.lstrip().startswith("{"):
        try:
            values = json_format.loads(line)
        except (ValueError, RecursionError):
            return line  # a text may begin like that
        if "tokens" in values:
            tokens = values["tokens"]
            if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
                raise ValueError(f"{place}: tokens is no list of texts")
            return tokens
    return line


def _print_slots(tagging: "Tagging") -> None:
    """The intent, if there is one, and the slots; where tags mark none, each token with its tag."""
    if tagging.intent is not None:
        print(f"intent: {tagging.intent}", flush=True)
    if not tagging.marks_slots:
        for token, tag in zip(tagging.tokens, tagging.tags, strict=True):
            print(f"{visible(token)}\t{tag}", flush=True)
        return
    for slot in tagging.slots:
        note = None if slot.value is None else slot.value.note
        print(f"{slot.name}: {slot}{f'  ({note})' if note else ''}", flush=True)
    if not tagging.slots and tagging.intent is None:
        print("no slots", flush=True)


def _print_wrong(sentence: Mapping[str, Any]) -> None:
    """The sentence, and a line for each token that is tagged wrongly."""
    print(" ".join(sentence["tokens"]))
    if "intent" in sentence:
        print(f"  intent {sentence['intent']}, predicted {sentence['predicted_intent']}")
    rows = zip(sentence["tokens"], sentence["tags"], sentence["predicted"], strict=True)
    _print_columns(
        [["  token", "true", "predicted"], *([f"  {token}", *tags] for token, *tags in rows if tags[0] != tags[1])]
    )


def _print_columns(rows: list[list[str]]) -> None:
    from rich.cells import cell_len, set_cell_size

    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(set_cell_size(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip())
