"""``chroma db``: the databases of a tenant."""

from __future__ import annotations

import click

from chromadb._cli.commands import Group, confirm, force_option, json_option
from chromadb._cli.output import plural, print_json, print_table
from chromadb._cli.target import Target, target_options, tenant_option
from chromadb._model.names import DEFAULT_DATABASE, check_space_name


@click.group("db", cls=Group)
def databases() -> None:
    """List, create and delete databases. A database is a separate set of collections."""


@databases.command(
    "list",
    examples="""
        chroma db list --path ./data
        chroma db list --host localhost --port 8000 --json
    """,
)
@target_options
@tenant_option
@json_option
def list_databases(target: Target, tenant: str, as_json: bool) -> None:
    """List the databases of a tenant, the oldest first, with how many collections they have."""
    with target.admin() as admin:
        found = []
        for database in admin.list_databases(tenant=tenant):
            with target.client(tenant, database.name) as client:
                found.append((database, client.count_collections()))
    if as_json:
        print_json([{**database, "id": str(database.id), "collections": count} for database, count in found])
    else:
        rows = [(database.name, count, database.id) for database, count in found]
        print_table(("name", "collections", "id"), rows, right=("collections",))


@databases.command("create", examples="chroma db create archive --path ./data")
@click.argument("name")
@target_options
@tenant_option
def create_database(name: str, target: Target, tenant: str) -> None:
    """Create a database. A directory that does not exist is made."""
    # A directory is made only for what can be.
    check_space_name(name, "database")
    target.check_new(tenant, DEFAULT_DATABASE)
    with target.admin(create=True) as admin:
        admin.create_database(name, tenant)
    click.echo(f"Database {name!r} is made in tenant {tenant!r} of {target}.")


@databases.command("delete", examples="chroma db delete archive --path ./data --force")
@click.argument("name")
@target_options
@tenant_option
@force_option
def delete_database(name: str, target: Target, tenant: str, force: bool) -> None:
    """Delete a database with all its collections, for good."""
    with target.admin() as admin:
        with target.client(tenant, name) as client:
            count = client.count_collections()
        confirm(f"Delete the database {name!r} of {target} with {plural(count, 'collection')}?", force=force)
        admin.delete_database(name, tenant)
    click.echo(f"Database {name!r} is deleted.")
