"""Write the help texts in docs/cli.md anew from the commands themselves.

python scripts/write_cli_docs.py           writes them
python scripts/write_cli_docs.py --check   fails if they are not current
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import click

from chromadb._cli.app import app

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
WIDTH = 100
_HELP = re.compile(r"(<!-- help: chroma([\w ]*) -->\n).*?(<!-- end of help -->)", re.DOTALL)


def help_of(words: list[str]) -> str:
    """Return what ``chroma <words> --help`` prints."""
    context, command = click.Context(app, info_name="chroma", terminal_width=WIDTH, max_content_width=WIDTH), app
    found: click.Command = command
    for word in words:
        assert isinstance(found, click.Group)
        found = found.commands[word]
        context = click.Context(found, info_name=word, parent=context)
    # The help option is made in a context of the command's own settings.
    context.help_option_names = ["-h", "--help"]
    return found.get_help(context)


def render(document: str) -> str:
    """Return `document` with every help text written anew."""
    return _HELP.sub(lambda match: f"{match[1]}```text\n{help_of(match[2].split())}\n```\n{match[3]}", document)


if __name__ == "__main__":
    current = DOCUMENT.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        sys.exit(None if render(current) == current else "docs/cli.md is not current: run scripts/write_cli_docs.py.")
    DOCUMENT.write_text(render(current), encoding="utf-8")
