"""``chroma version`` and ``chroma docs``."""

from __future__ import annotations

import json
import os
import webbrowser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb._cli import about


def test_the_versions(chroma: Any) -> None:
    versions = json.loads(chroma("version", "--json").out)
    assert versions["chromadb"] == version("chromadb")
    assert versions["api"] == chromadb.__version__
    assert versions["numpy"] == version("numpy")
    assert [line.split() for line in chroma("version").out.splitlines()] == [list(each) for each in versions.items()]
    for option in ("-V", "--version"):
        assert chroma(option).out == f"chroma {version('chromadb')}\n"


def test_the_pages_are_listed_and_shown(chroma: Any) -> None:
    pages = {path.stem for path in about.SOURCE.glob("*.md")}
    first, *listed = chroma("docs").out.splitlines()
    assert str(about.SOURCE) in first
    assert set(listed) == pages
    assert chroma("docs", "Filters").out == (about.SOURCE / "filters.md").read_text(encoding="utf-8")
    assert chroma("docs", "xyz") == (1, "", f"chroma: There is no page xyz. There are {', '.join(sorted(pages))}.\n")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("filter", "filters"), ("FILTERS.TXT", "filters"), ("seting", "settings"), ("client", "clients")],
)
def test_a_page_that_is_nearly_there_is_named(chroma: Any, word: str, meant: str) -> None:
    assert chroma("docs", word) == (1, "", f"chroma: There is no page {word}. Did you mean {meant}?\n")


def test_a_page_is_opened_on_demand(chroma: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(about.click, "launch", lambda path: opened.append(path) or 0)
    monkeypatch.setattr(webbrowser, "open", lambda *_: False)
    assert chroma("docs", "filters", "--open") == (0, "", "")
    assert opened == [str(about.SOURCE / "filters.md")]


def test_an_installation_without_documentation_says_so(
    chroma: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(about, "SOURCE", tmp_path / "nothing")
    code, _, err = chroma("docs")
    assert code == 1
    assert "not part of this installation" in err
    assert os.listdir() == []
