"""``chroma utils backup`` and ``chroma utils restore``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chromadb._cli.commands import Command, confirm, force_option, json_option
from chromadb._cli.output import human_size, plural, print_json, progress_bar
from chromadb._cli.target import DEFAULT_PATH, Target

if TYPE_CHECKING:
    from chromadb._model.entities import Backup


def _two_places(places: tuple[str, ...], path: str | None, first: str, second: str, by_option: str) -> tuple[str, str]:
    """Return both places, one of which may have been given by ``--path``.

    Raises:
        UsageError: there are too many, or too few.
    """
    if len(places) == 2:
        if path is not None:
            raise click.UsageError(f"{by_option} was given twice: as an argument, and as --path.")
        return places[0], places[1]
    if len(places) != 1:
        raise click.UsageError(f"Expected {first} {second}, or one of them and --path for {by_option}.")
    given = path or DEFAULT_PATH
    return (given, places[0]) if by_option == first else (places[0], given)


@click.command(
    cls=Command,
    examples="""
        chroma utils backup ./data /mnt/backups/monday
        chroma utils backup --path ./data /mnt/backups/monday
        chroma utils backup ./data /mnt/backups --dated --keep 7
    """,
)
@click.argument("places", nargs=-1, required=True, metavar="[DIRECTORY] TARGET")
@click.option("--path", metavar="DIRECTORY", help=f"The directory of the data.  [default: {DEFAULT_PATH}]")
@click.option("--dated", is_flag=True, help="Make a dated backup in the folder TARGET.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="With --dated: keep so many dated backups, and remove older ones.",
)
@json_option
def backup(places: tuple[str, ...], path: str | None, dated: bool, keep: int | None, as_json: bool) -> None:
    """Copy everything in a directory to a new one, while others write.

    TARGET is made, and must not exist or be empty. Each collection is copied as at one commit, one after the other.
    The backup can be opened as a directory of data, best read-only; chroma utils restore makes one of it. Index files
    are shared by hard links where both are on one file system, or with the last dated backup: a backup takes the space
    of the records. What is interrupted leaves no backup.

    The exit code is 1 if there is no new backup: something stands in its place, the disk is full, the data is damaged.
    """
    source, target = _two_places(places, path, "DIRECTORY", "TARGET", "DIRECTORY")
    if keep is not None and not dated:
        raise click.UsageError("--keep belongs to --dated: one backup in its own directory is never removed.")
    with Target(path=source).client() as client, progress_bar() as progress:
        task = progress.add_task("backup", total=None)
        made = client.backup(target, dated=dated, keep=keep, progress=_shown(progress, task))
    _print(made, as_json, "backed up to")


@click.command(
    cls=Command,
    examples="""
        chroma utils restore /mnt/backups/monday ./data
        chroma utils restore /mnt/backups/monday --path ./data --replace
    """,
)
@click.argument("places", nargs=-1, required=True, metavar="BACKUP [DIRECTORY]")
@click.option("--path", metavar="DIRECTORY", help=f"The directory to make.  [default: {DEFAULT_PATH}]")
@click.option("--replace", is_flag=True, help="Put what stands there aside, as DIRECTORY.before-<time>.")
@force_option
@json_option
def restore(places: tuple[str, ...], path: str | None, replace: bool, force: bool, as_json: bool) -> None:
    """Make a directory of data of a backup.

    The backup is compared with its checksums, copied, and everything is checked; only then the copy gets its place. The
    backup stays as it is. Nothing may use the directory meanwhile.

    The exit code is 1 if nothing was restored: the backup is damaged, the directory is not empty or in use.
    """
    from chromadb._storage.local.restoring import restore_backup

    source, target = _two_places(places, path, "BACKUP", "DIRECTORY", "DIRECTORY")
    if replace and os.path.isdir(target) and os.listdir(target):
        confirm(f"Put {os.path.abspath(target)} aside, and the backup in its place?", force=force)
    with progress_bar() as progress:
        task = progress.add_task("restore", total=None)
        restored = restore_backup(
            Path(source), Path(os.path.abspath(target)), replace=replace, progress=_shown(progress, task)
        )
    _print(restored, as_json, f"restored from {source} to")


def _shown(progress: Any, task: Any) -> Any:
    return lambda name, number, total: progress.update(task, description=name, completed=number, total=total)


def _print(backup: Backup, as_json: bool, what: str) -> None:
    if as_json:
        print_json(dict(backup))
        return
    collections, records = plural(backup.collections, "collection"), plural(backup.records, "record")
    click.echo(f"{collections} with {records} {what} {backup.path}")
    click.echo(f"{human_size(backup.size)}, of which {human_size(backup.shared)} are shared by hard links.")
