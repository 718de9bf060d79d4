"""What commands have in common: their class, their options, how they ask and say that they failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from chromadb._model.names import shorten

F = TypeVar("F", bound=Callable[..., Any])

DEBUG_VARIABLE = "CHROMA_DEBUG"

_given = False


def is_debugging() -> bool:
    """Return whether a failure is to show where it happened: ``--debug``, or ``CHROMA_DEBUG`` in the environment."""
    return _given or os.environ.get(DEBUG_VARIABLE, "").strip().lower() not in ("", "0", "false", "no", "off")


def _debug(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    global _given
    _given = value or (_given and context.parent is not None)


class Command(click.Command):
    """A command with examples, and with the options that all have."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.context_settings = {"help_option_names": ["-h", "--help"], **self.context_settings}
        self.examples = examples
        self.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_debug,
                help=f"Show where a failure happened, as {DEBUG_VARIABLE}=1 does.",
            )
        )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what was given; an error knows which command it is of."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.strip().splitlines():
                    formatter.write(f"  {line.strip()}\n")


class Group(Command, click.Group):
    """A command made of commands, which are listed in the order in which they were added."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what was given; show the help if that is nothing."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; an error names the one that may be meant."""
        name = args[0]
        if self.get_command(ctx, name) is None and not ctx.resilient_parsing and not name.startswith("-"):
            raise click.UsageError(
                f"There is no command {ctx.command_path} {name}.{did_you_mean(name, self.commands)}", ctx
            )
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)


Group.group_class = Group


def json_option(function: F) -> F:
    """Add ``--json``: the result on standard output, for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(function)


def force_option(function: F) -> F:
    """Add ``--force``: do it without asking."""
    return click.option("--force", "-f", is_flag=True, help="Do not ask.")(function)


class Number(click.ParamType):  # type: ignore[type-arg]  # older ones have no arguments
    """A number between two bounds; most is None where there is no upper one."""

    name = "number"

    def __init__(self, least: int, most: int | None = None, *, whole: bool = True) -> None:
        self.least = least
        self.most = most
        self.whole = whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        """Return the number that was written."""
        try:
            number = int(value) if self.whole else float(value)
        except ValueError:
            number = None
        if number is None or not self.least <= number <= (number if self.most is None else self.most):
            option = max(param.opts, key=len) if param is not None else "the number"
            kind = "an integer" if self.whole else "a number"
            bounds = f"of at least {self.least}" if self.most is None else f"from {self.least} to {self.most}"
            raise click.UsageError(f"Expected {option} to be {kind} {bounds}, got {shorten(str(value))}.", ctx)
        return number


class Failure(click.ClickException):
    """A failure of a command, in a line for the user."""

    exit_code = 1


class Interrupted(Failure):
    """Ctrl+C, where there is something to say about it."""

    exit_code = 130


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question whether one of the known words is meant, with a space before it; nothing if none is near."""
    import difflib

    names = list(known)
    near = [name for name in names if name.startswith(word)]
    near = near or difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f" Did you mean {near[0]}?" if near and word else ""


def confirm(question: str, *, force: bool) -> None:
    """Go on if the user says yes.

    Raises:
        Failure: anything else was said.
    """
    if force:
        return
    click.echo(f"{question} [y/N] ", nl=False, err=True)
    answer = sys.stdin.readline().strip().lower()
    if not sys.stdin.isatty():
        click.echo(err=True)
    if answer not in ("y", "yes"):
        raise Failure("Not confirmed, so nothing was done. Answer y, or use --force where nobody can answer.")
