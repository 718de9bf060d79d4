"""What commands have in common: their class, their options, how they ask and say that they failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

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


class Failure(click.ClickException):
    """A failure of a command, in a line for the user."""

    exit_code = 1


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
