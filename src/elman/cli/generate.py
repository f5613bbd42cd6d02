"""``elman generate MODEL``: write on from a prompt, streamed."""

import sys
from itertools import chain
from typing import Annotated

from elman.cli.asking import ask
from elman.cli.flags import Model, flag, number, whole

__all__ = ["EXAMPLES", "generate"]

EXAMPLES = """[bold]Examples[/bold]
elman generate bard.elman --prompt "ROMEO:" --length 1000 --temperature 0.8
head -c 500 play.txt | elman generate bard.elman --prompt - --seed 1"""


def generate(
    model: Model,
    prompt: Annotated[str, flag(metavar="TEXT", help="How the text begins; - reads standard input.")] = "",
    length: Annotated[int, flag(metavar="N", parser=whole, help="Write so many tokens.")] = 500,
    temperature: Annotated[
        float, flag(metavar="X", parser=number, help="Below 1 safer, above 1 bolder; 0: always the most probable.")
    ] = 1.0,
    top_k: Annotated[int | None, flag(metavar="K", parser=whole, help="Draw from the K most probable tokens.")] = None,
    top_p: Annotated[
        float | None, flag(metavar="P", parser=number, help="Draw from the fewest tokens that reach probability P.")
    ] = None,
    seed: Annotated[
        int | None,
        flag(metavar="N", parser=whole, help="Where chance begins.", show_default="another each time"),
    ] = None,
    stop: Annotated[str | None, flag(metavar="TEXT", help="End before this would be written.")] = None,
) -> None:
    """Write on from a prompt, as far as --length or --stop; the text appears as it is written."""
    from elman.data import read_text
    from elman.tasks import load

    write = ask(
        load(model),
        "generate",
        length=length,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=stop,
    )
    start = read_text("-") if prompt == "-" else prompt
    pieces = write(start)
    last = "\n"
    try:
        for piece in chain([start], pieces):
            last = piece or last
            sys.stdout.write(piece)
            sys.stdout.flush()
    finally:
        sys.stdout.write("" if last.endswith("\n") else "\n")
