"""``chroma vacuum`` and ``chroma utils check``: looking after the data of a directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chromadb._cli.commands import Command, Number, confirm, force_option, json_option
from chromadb._cli.output import harmless, human_size, one_line, plural, print_json, print_table, progress_bar, waiting
from chromadb._cli.target import Target, check_directory, path_option

if TYPE_CHECKING:
    from chromadb._model.entities import Repaired, Vacuumed


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


@click.command(
    cls=Command,
    examples="""
        chroma utils check --path ./data
        chroma utils check --path ./data --repair
    """,
)
@path_option
@click.option("--repair", is_flag=True, help="Save what can be read of what is damaged.")
@json_option
@click.pass_context
def check(context: click.Context, path: str, repair: bool, as_json: bool) -> None:
    """Read everything in a directory, and say what is wrong.

    Takes about two seconds for 100,000 records. The exit code is 1 if something is wrong. What mends itself is in an
    index, which is made anew when the collection is used. Of the rest --repair saves what can be read; how much that
    would be is said without it. A backup may have more.

    A repair needs the directory for itself: stop servers and close clients first. Every damaged file is made anew and
    kept as <file>.damaged-<date> beside it, until you remove it; texts of records whose vector is lost are kept as
    <file>.damaged-<date>.jsonl. It can be stopped at any time, and is finished by the next one. The exit code is 1 if
    anything is lost.
    """
    if repair:
        context.exit(_repair(path, as_json))
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


def _repair(path: str, as_json: bool) -> int:
    """Repair a directory; return the exit code."""
    from chromadb._storage.local.repairing.repair import repair_directory

    check_directory(path, "--path")
    with progress_bar() as progress:
        task = progress.add_task("repair", total=None)
        done = repair_directory(
            Path(path),
            lambda name, number, total: progress.update(task, description=name, completed=number, total=total),
        )
    if as_json:
        print_json([dict(part) for part in done])
    elif done:
        _print_repaired(done)
    else:
        click.echo("Nothing is damaged.")
    for part in done:
        if part.error:
            click.echo(f"chroma utils check: {part.name}: {part.error}", err=True)
    return 1 if any(part.lost or part.error for part in done) else 0


def _print_repaired(done: list[Repaired]) -> None:
    rows = [
        (part.name, f"{part.saved:,}", f"{part.lost:,}", "failed" if part.error else ", ".join(part.kept))
        for part in done
    ]
    print_table(("", "saved", "lost", "kept beside it"), rows, right=("saved", "lost"))
    for part in done:
        for note in part.notes:
            click.echo(f"{part.name}: {harmless(note)}")
        if part.lost:
            known = ", ".join(one_line(id, 60) for id in part.lost_ids[:20])
            more = part.lost - len(part.lost_ids[:20])
            others = f"and {more:,} more" if known else f"{plural(more, 'record')} whose ids are not known"
            click.echo(f"{part.name}: lost: {known}{' ' if known and more else ''}{others if more else ''}")
