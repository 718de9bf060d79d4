"""``chroma version`` and ``chroma docs``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from chromadb._cli.commands import Command, Failure, did_you_mean, json_option
from chromadb._cli.output import print_json

SHIPPED = Path(__file__).parent.parent / "_docs"
"""Where a wheel has the documentation."""

SOURCE = Path(__file__).parents[3] / "docs"
"""Where it is beside the source."""


def distribution_version() -> str:
    """Return the version of the installed distribution, or of the API where there is none."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from chromadb import __version__

    try:
        return installed("chromadb")
    except PackageNotFoundError:
        return __version__


def show_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Print the version and end, if it was asked for."""
    if value and not context.resilient_parsing:
        click.echo(f"chroma {distribution_version()}")
        context.exit()


@click.command(cls=Command, examples="chroma version --json")
@json_option
def version(as_json: bool) -> None:
    """Print the versions of the software: of Chroma, and of what it rests on."""
    from importlib.metadata import version as installed

    from chromadb import __version__

    versions = {
        "chromadb": distribution_version(),
        "api": __version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        **{package: installed(package) for package in ("apsw", "faiss-cpu", "numpy", "onnxruntime")},
    }
    if as_json:
        print_json(versions)
        return
    for name, value in versions.items():
        click.echo(f"{name:<11} {value}")


@click.command(cls=Command, examples="chroma docs filters")
@click.argument("page", required=False)
@click.option("--open", "in_browser", is_flag=True, help="Open the page with the program for its kind of file.")
def docs(page: str | None, in_browser: bool) -> None:
    """Show a page of the documentation, or which there are. It comes with the software and needs no network."""
    folder = SHIPPED if SHIPPED.is_dir() else SOURCE
    pages = sorted(path.stem for path in folder.glob("*.md"))
    if not pages:
        raise Failure("The documentation is not part of this installation.")
    if page is None:
        click.echo("\n".join([f"The documentation is in {folder}. Read a page with chroma docs PAGE:", *pages]))
        return
    wanted = page.lower().removesuffix(".md")
    found = [name for name in pages if name.lower() == wanted]
    if not found:
        hint = did_you_mean(wanted, pages) or f" There are {', '.join(pages)}."
        raise Failure(f"There is no page {page}.{hint}")
    path = folder / f"{found[0]}.md"
    if in_browser:
        click.launch(str(path))
    else:
        _show(path.read_text(encoding="utf-8"))


def _show(text: str) -> None:
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    with console.pager(styles=True):
        console.print(Markdown(text))
