"""How commands print: tables and progress for people, JSON for programs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.progress import Progress

WIDE = 1000
"""Columns of what is no terminal."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def print_json(value: Any) -> None:
    """Print a value that JSON can hold."""
    import codecs
    import json

    plain = codecs.lookup(sys.stdout.encoding or "ascii").name != "utf-8"
    click.echo(json.dumps(value, indent=2, ensure_ascii=plain, default=str))


def harmless(text: str) -> str:
    """Return a text without what a terminal takes for a command; new lines and tabs stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def one_line(text: str, most: int) -> str:
    """Return the beginning of a text as one harmless line of `most` characters."""
    line = " ".join(harmless(text[: 4 * most]).split())
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print rows below the names of their columns; those named in `right` are aligned there.

    Where a terminal is too narrow for a row in one line, each row is a paragraph: its first value, the others below.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    cells = [[harmless(str(cell)) for cell in row] for row in rows]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    # In a file or a pipe a row is a line, however long.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    if Measurement.get(console, console.options.update(max_width=WIDE), table).maximum > console.width:
        _print_paragraphs(columns, cells)
    else:
        console.print(table)


def _print_paragraphs(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    for first, *others in rows:
        click.echo(first)
        for name, value in zip(columns[1:], others, strict=True):
            if value:
                click.echo(f"  {name}: {value}" if name else f"  {value}")
        click.echo()


def human_size(size: int) -> str:
    """Return a number of bytes as people write it: ``1.5 MB``."""
    if abs(size) < 1000:
        return f"{size} bytes"
    value, power = size / 1000, 0
    while abs(value) >= 1000 and power < 3:
        value, power = value / 1000, power + 1
    return f"{value:.1f} {('kB', 'MB', 'GB', 'TB')[power]}"


def plural(count: int, noun: str) -> str:
    """Return ``1 record``, ``2,000 records``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a display of progress on standard error, which is silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        yield progress


@contextmanager
def waiting(message: str) -> Iterator[None]:
    """Show on a terminal what is being waited for."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(message):
        yield
