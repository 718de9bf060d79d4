"""``chroma copy``: collections from one place to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from chromadb._cli.commands import Command, Interrupted, Number, json_option
from chromadb._cli.output import plural, print_json, print_table, progress_bar
from chromadb._cli.target import parse_target
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
from chromadb.errors import ChromaError, TransferError

if TYPE_CHECKING:
    from chromadb._transfer.copying import CollectionCopy

BATCH = 1000


@click.command(
    cls=Command,
    examples="""
        chroma copy --from ./data --to ./copy --all
        chroma copy --from ./data --to http://localhost:8000 --collections notes --collections letters
        chroma copy --from http://localhost:8000 --to ./data --all --resume
        chroma copy --from ./data --to https://api.example.com --to-header 'X-Chroma-Token: secret' --all
    """,
)
@click.option(
    "--from", "source", required=True, metavar="PLACE", help="The path of a directory or the URL of a server."
)
@click.option("--to", "target", required=True, metavar="PLACE", help="The same; a directory is made if it is missing.")
@click.option("--all", "everything", is_flag=True, help="Copy all collections of the database.")
@click.option(
    "--collections",
    "-c",
    "names",
    multiple=True,
    metavar="NAME",
    help="Copy these collections: repeated, or with commas.",
)
@click.option("--resume", is_flag=True, help="Continue copies that were interrupted.")
@click.option(
    "--batch",
    type=Number(1, 100_000),
    default=BATCH,
    show_default=True,
    metavar="NUMBER",
    help="Records to read and write at once.",
)
@click.option("--from-tenant", default=DEFAULT_TENANT, show_default=True, metavar="NAME", help="Copy from this tenant.")
@click.option(
    "--from-database", default=DEFAULT_DATABASE, show_default=True, metavar="NAME", help="Copy from this database."
)
@click.option("--to-tenant", default=DEFAULT_TENANT, show_default=True, metavar="NAME", help="Copy to this tenant.")
@click.option(
    "--to-database", default=DEFAULT_DATABASE, show_default=True, metavar="NAME", help="Copy to this database."
)
@click.option("--from-header", "from_headers", multiple=True, metavar="'NAME: VALUE'", help="Send this header there.")
@click.option("--to-header", "to_headers", multiple=True, metavar="'NAME: VALUE'", help="Send this header there.")
@json_option
def copy(
    source: str,
    target: str,
    everything: bool,
    names: tuple[str, ...],
    resume: bool,
    batch: int,
    from_tenant: str,
    from_database: str,
    to_tenant: str,
    to_database: str,
    from_headers: tuple[str, ...],
    to_headers: tuple[str, ...],
    as_json: bool,
) -> None:
    """Copy collections between directories and servers.

    Records go over with ids, embeddings, documents, metadata and URIs, in their order; collections with metadata,
    configuration, and the name and configuration of the embedding function. Nothing is embedded anew. At the end the
    records of both sides are counted.

    Collections that exist on the other side are never touched, unless a copy is resumed: then what is there must be the
    beginning of what is to be copied. What is written to a collection while it is copied may be missing.

    Tenant and database must exist on the other side: chroma db create makes a database.

    A directory is written as its path (./data), a server as its URL (http://localhost:8000). After Ctrl+C what was
    copied stays, and --resume continues.
    """
    from chromadb._transfer.copying import Copying, Side, list_copies

    wanted = list(dict.fromkeys(name.strip() for group in names for name in group.split(",") if name.strip()))
    if everything == bool(names) or not (everything or wanted):
        raise click.UsageError("Expected --all, or --collections with a name, to say what to copy.")
    one, other = parse_target(source, from_headers, "--from"), parse_target(target, to_headers, "--to")
    if one.is_same(other) and (from_tenant, from_database) == (to_tenant, to_database):
        raise click.UsageError("Expected two places, got the same one twice.")
    other.check_new(to_tenant, to_database)
    with one.client(from_tenant, from_database) as reader:
        here = Side(reader._runner, from_tenant, from_database, str(one))
        collections = list_copies(here, None if everything else wanted)
        with other.client(to_tenant, to_database, create=True) as writer, progress_bar() as progress:
            copying = Copying(here, Side(writer._runner, to_tenant, to_database, str(other)), batch)
            for each in collections:
                copying.prepare(each, resume=resume)
            try:
                for each in collections:
                    task = progress.add_task(each.name, total=each.total, completed=each.already)
                    copying.copy(each, lambda done, task=task: progress.update(task, completed=done))  # type: ignore[misc]
            except KeyboardInterrupt:
                raise Interrupted(f"Interrupted. {_so_far(collections)}") from None
            except TransferError:
                raise
            except ChromaError as error:
                raise type(error)(f"{error.message()} {_so_far(collections)}") from error
    if as_json:
        fields = ("name", "total", "already", "copied")
        print_json([{field: getattr(each, field) for field in fields} for each in collections])
    elif collections:
        rows = [(each.name, f"{each.copied:,}", f"{each.already:,}") for each in collections]
        print_table(("collection", "copied", "there before"), rows, right=("copied", "there before"))
        click.echo(f"{plural(len(collections), 'collection')} copied to {other}.")
    else:
        click.echo(f"There is no collection in database {from_database!r} of {one}.", err=True)


def _so_far(collections: list[CollectionCopy]) -> str:
    """Return what is copied, and how to go on."""
    begun = [each for each in collections if each.target is not None and each.already + each.copied < each.total]
    done = [each for each in collections if each.target is not None and each not in begun]
    parts = [f"{each.already + each.copied:,} of {plural(each.total, 'record')} of {each.name!r}" for each in begun]
    so_far = " and ".join([f"{len(done)} of {plural(len(collections), 'collection')}", *parts])
    return f"Copied so far: {so_far}. To continue, run the same command with --resume."
