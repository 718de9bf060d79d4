"""The page about providers: its tables are those of the source, and every provider has a section."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from chromadb._embed.table import FUNCTIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")


def test_the_tables_are_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_provider_docs.py"))
    assert script["render"](PAGE) == PAGE, "run scripts/write_provider_docs.py"


def test_every_provider_has_a_section_with_its_parameters_its_code_and_its_extra() -> None:
    for row in (row for row in FUNCTIONS if row.kind in ("hosted", "server")):
        section = re.search(rf"^## {re.escape(row.title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
        assert section is not None, row.title
        assert f"<!-- parameters: {row.name} -->" in section[1]
        assert f"embedding_functions.{row.class_name}(" in section[1]
        assert row.extra is None or f"pip install 'chromadb[{row.extra}]'" in section[1]


def test_every_function_is_in_the_table_with_its_test() -> None:
    for row in FUNCTIONS:
        lines = [line for line in PAGE.splitlines() if f"| `{row.class_name}` | `{row.name}` |" in line]
        assert len(lines) == 1, row.name
        assert Path(row.tests.partition("::")[0]).name in lines[0]
