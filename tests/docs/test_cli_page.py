"""The page of the command line: its help texts are the real ones, its examples can be called."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import click
import pytest

from chromadb._cli.app import app
from chromadb._cli.commands import Command

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "cli.md"


def commands(command: click.Command = app, words: str = "chroma") -> dict[str, click.Command]:
    """Return every command below one by its words."""
    found = {words: command}
    for name, each in command.commands.items() if isinstance(command, click.Group) else ():
        found |= commands(each, f"{words} {name}")
    return found


def examples() -> list[str]:
    """Return the commands that help texts and pages show."""
    lines = [
        line.strip() for each in commands().values() if isinstance(each, Command) for line in each.examples.split("\n")
    ]
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for block in re.findall(r"^```(?:sh|bash|terminal)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
            lines += block.splitlines()
    return sorted({line for line in lines if line.startswith("chroma ")})


def test_the_help_texts_are_current() -> None:
    spec = importlib.util.spec_from_file_location("write_cli_docs", ROOT / "scripts" / "write_cli_docs.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = PAGE.read_text(encoding="utf-8")
    assert script.render(text) == text, "run scripts/write_cli_docs.py"


def test_every_command_has_its_help_on_the_page() -> None:
    shown = set(re.findall(r"<!-- help: (chroma[\w ]*) -->", PAGE.read_text(encoding="utf-8")))
    assert set(commands()) - shown == {"chroma", "chroma utils", "chroma utils vacuum"}
    assert shown <= set(commands())


@pytest.mark.parametrize("line", examples())
def test_examples_can_be_called(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)[1:]
    command: click.Command = app
    context = click.Context(app, info_name="chroma")
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
        context = click.Context(command, parent=context)
    command.make_context("chroma", words, parent=context)
