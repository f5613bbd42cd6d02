"""Commands and groups of commands as we want typer to make them."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from elman.cli.errors import CommandLineError, hint

__all__ = ["Benchmarks", "Tasks", "Verb", "Verbs"]


class Verb(TyperCommand):
    """A command whose help shows no type behind a flag that takes no value."""

    def get_params(self, ctx: Any) -> Any:
        """The parameters, that of ``--help`` included."""
        return _without_types(super().get_params(ctx))


class Verbs(TyperGroup):
    """``elman VERB``: an unknown word is answered with the nearest known one; groups come first in the help."""

    kind = "VERB"

    def get_params(self, ctx: Any) -> Any:
        """The parameters, that of ``--help`` included."""
        return _without_types(super().get_params(ctx))

    def list_commands(self, ctx: Any) -> list[str]:
        """The names in the order of the help."""
        return sorted(self.commands, key=lambda name: not isinstance(self.commands[name], TyperGroup))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the flags before the command; CommandLineError if nothing follows."""
        if not args and not ctx.resilient_parsing:
            raise CommandLineError(f"{self.kind} is missing; {hint('', self.list_commands(ctx))}")
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the first argument names; CommandLineError if there is none."""
        if args[0] not in self.commands:
            raise CommandLineError(
                f"there is no {self.kind.lower()} {args[0]!r}; {hint(args[0], self.list_commands(ctx))}"
            )
        return super().resolve_command(ctx, args)


class Tasks(Verbs):
    """``elman train TASK``."""

    kind = "TASK"


class Benchmarks(Verbs):
    """``elman bench BENCHMARK``."""

    kind = "BENCHMARK"


def _without_types(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters
