"""Tables, in terminals of any width and in pipes."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest

from chromadb._cli.output import print_table

ROWS = [("data/collections/00000000-0000-0000-0000-000000000000/records.sqlite3", "one record too few", "no")]


class Terminal(io.StringIO):
    """Somewhere to write that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Terminal]:
    """A function that makes a terminal of so many columns."""

    def terminal(width: int) -> Terminal:
        made = Terminal()
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys, "stdout", made)
        return made

    return terminal


def test_a_row_that_fits_is_a_line(terminal: Callable[[int], Terminal]) -> None:
    shown = terminal(120)
    print_table(("where", "what", "mends itself"), ROWS)
    lines = [line.split() for line in shown.getvalue().splitlines()]
    assert "mends itself" in shown.getvalue()
    assert " ".join(ROWS[0]).split() in lines


@pytest.mark.parametrize("width", [80, 40])
def test_a_row_that_does_not_fit_is_a_paragraph_in_which_nothing_is_cut(
    terminal: Callable[[int], Terminal], width: int
) -> None:
    shown = terminal(width)
    print_table(("where", "what", "mends itself"), [*ROWS, ("catalog.sqlite3", "\x1b[2Jodd", "")])
    assert shown.getvalue() == (
        f"{ROWS[0][0]}\n  what: one record too few\n  mends itself: no\n\n"
        "catalog.sqlite3\n  what: \N{REPLACEMENT CHARACTER}[2Jodd\n\n"
    )


def test_a_column_without_a_name_has_none_in_a_paragraph(terminal: Callable[[int], Terminal]) -> None:
    shown = terminal(30)
    print_table(("", "size", ""), [("a-rather-long-name-of-a-collection", "3 kB", "2 files removed")], right=("size",))
    assert shown.getvalue() == "a-rather-long-name-of-a-collection\n  size: 3 kB\n  2 files removed\n\n"


def test_in_a_pipe_a_row_is_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_table(("where", "what", "mends itself"), ROWS)
    assert " ".join(ROWS[0]).split() in [line.split() for line in capsys.readouterr().out.splitlines()]
