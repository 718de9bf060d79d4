"""The command ``chroma`` and the commands below it."""

from __future__ import annotations

import click

from chromadb._cli.about import docs, show_version, version
from chromadb._cli.backups import backup, restore
from chromadb._cli.browse import browse
from chromadb._cli.commands import Command, Group, did_you_mean
from chromadb._cli.copy import copy
from chromadb._cli.databases import databases
from chromadb._cli.maintenance import check, vacuum
from chromadb._cli.run import run


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples="""
        chroma run --path ./data
        chroma browse notes --path ./data
        chroma copy --from ./data --to http://localhost:8000 --all
    """,
)
@click.option(
    "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version, help="Print the version."
)
@click.pass_context
def app(context: click.Context) -> None:
    """Chroma: the database that AI applications keep their knowledge in.

    Results are on standard output, everything else on standard error. The exit code is 0 if all went well, 1 if a
    command failed or found something wrong, 2 if it was called wrongly, 130 after Ctrl+C (0 for run, which it ends in
    order).
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.group(cls=Group)
def utils() -> None:
    """Look after the data of a directory."""


@click.command("help", cls=Command, examples="chroma help run")
@click.argument("names", nargs=-1, metavar="[COMMAND]...")
@click.pass_context
def show_help(context: click.Context, names: tuple[str, ...]) -> None:
    """Show the help of a command, as --help does."""
    assert context.parent is not None
    at: click.Context = context.parent
    command: click.Command = app
    for name in names:
        found = command.get_command(at, name) if isinstance(command, click.Group) else None
        if found is None:
            known = command.commands if isinstance(command, click.Group) else ()
            raise click.UsageError(f"There is no command {at.command_path} {name}.{did_you_mean(name, known)}", at)
        command, at = found, click.Context(found, info_name=name, parent=at)
    click.echo(command.get_help(at))


app.add_command(run)
app.add_command(browse)
app.add_command(copy)
app.add_command(databases)
app.add_command(vacuum)
utils.add_command(check)
utils.add_command(vacuum)
utils.add_command(backup)
utils.add_command(restore)
app.add_command(utils)
app.add_command(docs)
app.add_command(version)
app.add_command(show_help)
