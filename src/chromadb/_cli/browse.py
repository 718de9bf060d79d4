"""``chroma browse``: collections and records in the terminal."""

from __future__ import annotations

import click

from chromadb._cli.commands import Command, Failure
from chromadb._cli.target import Target, database_option, target_options, tenant_option


@click.command(
    cls=Command,
    examples="""
        chroma browse
        chroma browse notes --path ./data
        chroma browse notes --host localhost --port 8000
    """,
)
@click.argument("collection", required=False)
@target_options
@tenant_option
@database_option
@click.option("--theme", type=click.Choice(["dark", "light"]), default="dark", show_default=True, help="The colours.")
@click.pass_context
def browse(
    context: click.Context, collection: str | None, target: Target, tenant: str, database: str, theme: str
) -> None:
    """Look at collections and records in the terminal, without changing anything.

    Lists the collections, pages through their records, shows one whole, searches by text and by metadata. Needs the
    package textual: pip install 'chromadb[browse]'.
    """
    try:
        import textual  # noqa: F401
    except ModuleNotFoundError:
        raise Failure("chroma browse needs the package textual: pip install 'chromadb[browse]'.") from None
    from chromadb._cli.browser.app import Browser

    with target.client(tenant, database) as client:
        if collection is not None:
            client.get_collection(collection, embedding_function=None)
        browser = Browser(client, str(target), collection, theme=theme)
        browser.run()
    context.exit(browser.return_code or 0)
