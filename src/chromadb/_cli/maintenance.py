"""``chroma vacuum`` and ``chroma utils check``: looking after the data of a directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from chromadb._cli.commands import Command, Number, confirm, force_option, json_option
from chromadb._cli.output import human_size, plural, print_json, print_table, progress_bar, waiting
from chromadb._cli.target import Target, path_option

if TYPE_CHECKING:
    from chromadb._model.entities import Vacuumed


@click.command(
    cls=Command,
    examples="""
        chroma vacuum --path ./data
        chroma utils vacuum --path ./data --force --timeout 600
    """,
)
@path_option
@force_option
@click.option(
    "--timeout",
    type=Number(0, 86400, whole=False),
    metavar="SECONDS",
    help="How long to wait, at each file, for whoever uses it.  [default: the setting chroma_busy_timeout_seconds, 30]",
)
@json_option
@click.pass_context
def vacuum(context: click.Context, path: str, force: bool, timeout: float | None, as_json: bool) -> None:
    """Write the files of a directory anew, without what was deleted.

    Gives back the space of deleted records, and makes sure that nothing of their text and vectors is left in any file.
    Indexes that know deleted records are removed as well, and made anew in the background when the data is next used.

    It takes some seconds for a gigabyte, and room for a copy of the largest collection. Writers wait meanwhile. It
    works beside a running server, and waits for an index that this is building; it is quicker without. Deleted
    collections need no vacuum. On Windows, where nobody can tell that an index is being built, stop the server first.

    The exit code is 1 if a file was in use all the time, or is damaged: the others are done.
    """
    with Target(path=path).client() as client:
        confirm(f"Vacuum {os.path.abspath(path)}? Writing to it waits until it is done.", force=force)
        with progress_bar() as progress:
            task = progress.add_task("vacuum", total=None)
            parts = client.vacuum(
                timeout,
                lambda name, number, total: progress.update(task, description=name, completed=number, total=total),
            )
    failed = [part for part in parts if part.error]
    if as_json:
        print_json([dict(part) for part in parts])
    else:
        _print_vacuumed(parts)
    for part in failed:
        click.echo(f"chroma vacuum: {part.name}: {part.error}", err=True)
    context.exit(1 if failed else 0)


def _print_vacuumed(parts: list[Vacuumed]) -> None:
    rows = [
        (
            part.name,
            human_size(part.size_before),
            human_size(part.size_after),
            human_size(part.size_before - part.size_after),
            "failed" if part.error else f"{plural(len(part.removed), 'file')} removed" if part.removed else "",
        )
        for part in parts
    ]
    numbers = ("before", "after", "freed")
    print_table(("", *numbers, ""), rows, right=numbers)
    freed = sum(part.size_before - part.size_after for part in parts)
    click.echo(f"{human_size(freed)} freed.")


@click.command(cls=Command, examples="chroma utils check --path ./data")
@path_option
@json_option
@click.pass_context
def check(context: click.Context, path: str, as_json: bool) -> None:
    """Read everything in a directory, and say what is wrong.

    Takes about two seconds for 100,000 records. The exit code is 1 if something is wrong. What mends itself is in an
    index, which is made anew when the collection is used; the rest has to come from a backup.
    """
    with Target(path=path).client() as client, waiting("Reading every record ..."):
        findings = client.check()
    if as_json:
        fields = ("where", "what", "repairable")
        print_json([{name: getattr(finding, name) for name in fields} for finding in findings])
    elif findings:
        rows = [(each.where, each.what, "yes" if each.repairable else "no") for each in findings]
        print_table(("where", "what", "mends itself"), rows)
    else:
        click.echo("Nothing is wrong.")
    context.exit(1 if findings else 0)
