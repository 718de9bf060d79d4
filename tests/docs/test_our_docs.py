"""Our own documentation: its Python runs, its links lead somewhere, its tables are complete.

The blocks of a page run in order, in one namespace. ``# -> x`` below an expression is compared with the ``repr`` of its
value (white space aside), ``# raises X`` below a statement names the error that it must end with. Blocks marked
``python no-run`` are skipped.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import chromadb.errors
from chromadb._client import connect
from chromadb._embed.table import FUNCTIONS
from chromadb.api.client import SharedSystemClient
from chromadb.config import Settings
from chromadb.utils.embedding_functions import known_embedding_functions

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

_CLIENT = "import chromadb\nclient = chromadb.EphemeralClient()\n"
ASSUMED = {"embeddings.md": _CLIENT, "providers.md": _CLIENT}
"""What the snippets of a page take for granted."""

OPTIONAL = {
    "SentenceTransformerEmbeddingFunction": "sentence_transformers",
    "VoyageAIEmbeddingFunction": "voyageai",
    "GoogleGenerativeAiEmbeddingFunction": "google.generativeai",
}
"""Names whose blocks only run where an optional package is installed."""

BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
EXPECTED = re.compile(r"#\s*(?P<kind>->|raises)\s+(?P<text>.*)")


class Block(NamedTuple):
    """A snippet, and the line of the page on which it begins."""

    line: int
    text: str


def python_blocks(page: Path) -> list[Block]:
    """Return the snippets of a page that run here."""
    text = page.read_text(encoding="utf-8")
    blocks = []
    for found in BLOCK.finditer(text):
        language, *marks = found["info"].split() or [""]
        needs = [package for name, package in OPTIONAL.items() if name in found["text"]]
        if language != "python" or "no-run" in marks or any(importlib.util.find_spec(each) is None for each in needs):
            continue
        blocks.append(Block(text[: found.start()].count("\n") + 1, found["text"]))
    return blocks


def run(block: Block, page: Path, namespace: dict[str, Any]) -> int:
    """Run a snippet and compare what it says about itself; return how many values and errors were compared."""
    lines = block.text.splitlines()
    compared = 0
    for statement in ast.parse(block.text).body:
        where = f"{page.name}:{block.line + statement.lineno}"
        kind, expected = expectation(lines, statement)
        if kind == "raises":
            with pytest.raises(getattr(chromadb.errors, expected)):
                execute(statement, where, namespace)
        elif kind == "->":
            value = execute(statement, where, namespace)
            assert "".join(repr(value).split()) == "".join(expected.split()), where
        else:
            execute(statement, where, namespace)
        compared += kind != ""
    return compared


def expectation(lines: list[str], statement: ast.stmt) -> tuple[str, str]:
    """Return what the comment below a statement expects, empty strings if there is none."""
    assert statement.end_lineno is not None
    below = lines[statement.end_lineno : statement.end_lineno + 1]
    found = EXPECTED.fullmatch(below[0].strip()) if below else None
    return (found["kind"], found["text"]) if found else ("", "")


def execute(statement: ast.stmt, where: str, namespace: dict[str, Any]) -> Any:
    """Run one statement; return its value if it is an expression."""
    if isinstance(statement, ast.Expr):
        return eval(compile(ast.Expression(statement.value), where, "eval"), namespace)
    exec(compile(ast.Module([statement], []), where, "exec"), namespace)
    return None


@pytest.fixture
def _fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty directory, no settings but keys, no shared clients or functions: as if the process had just begun."""
    monkeypatch.chdir(tmp_path)
    for name in Settings().model_dump():
        monkeypatch.delenv(name.upper(), raising=False)
    for key in (row.key for row in FUNCTIONS if row.key):
        monkeypatch.setenv(key, "a-key")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "a-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-key")
    monkeypatch.setattr(connect, "_configured", {})
    functions = dict(known_embedding_functions)
    SharedSystemClient.clear_system_cache()
    yield
    SharedSystemClient.clear_system_cache()
    known_embedding_functions.clear()
    known_embedding_functions.update(functions)


@pytest.mark.usefixtures("_fresh_process", "default_model")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_run_and_give_what_they_say(page: Path, request: pytest.FixtureRequest) -> None:
    if "HttpClient(" in page.read_text(encoding="utf-8"):
        request.getfixturevalue("server_at_8000")
    namespace: dict[str, Any] = {"__name__": "snippet"}
    exec(ASSUMED.get(page.name, ""), namespace)
    for block in python_blocks(page):
        run(block, page, namespace)


def test_expectations_that_do_not_hold_are_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for wrong in ("1 + 1\n# -> 3\n", "1 + 1\n# raises NotFoundError\n", "int('x')\n# raises NotFoundError\n"):
        page.write_text(f"```python\n{wrong}```\n")
        with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
            run(*python_blocks(page), page, {})
    page.write_text("```python\n1 + 1\n# -> 2\n```\n```python no-run\n<Value>\n```\n```sh\nls\n```\n")
    assert [run(block, page, {}) for block in python_blocks(page)] == [1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_that_need_an_extra_are_marked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        for name, package in OPTIONAL.items():
            if block["info"].startswith("python") and name in block["text"]:
                assert f"pip install 'chromadb[{re.sub('[._]', '-', package)}]'" in text[: block.start()]
                assert "# Without the extra" in block["text"]


# --- links ----------------------------------------------------------------------------------------


def prose(page: Path) -> str:
    """Return a page without its code."""
    return re.sub(r"`[^`\n]*`", "", BLOCK.sub("", page.read_text(encoding="utf-8")))


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as code hosts make them."""
    headings = re.findall(r"^#+ +(.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_relative_links_lead_to_files_and_anchors_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        goal = (page.parent / file).resolve() if file else page
        assert goal.exists(), target
        assert not anchor or anchor in anchors(goal), target


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index


# --- the table of errors --------------------------------------------------------------------------


def error_rows() -> dict[str, list[str]]:
    """Return the rows of docs/errors.md by the class in their first cell."""
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", (DOCS / "errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    return {name: [cell.strip() for cell in rest.split(" | ")] for name, rest in rows}


def test_every_error_is_documented_with_its_classes_and_its_status() -> None:
    classes = {
        name: value
        for name, value in vars(chromadb.errors).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    rows = error_rows()
    assert set(rows) == set(classes)
    for name, (also, status, _) in rows.items():
        ancestors = {each.__name__ for each in classes[name].__mro__[1:]} - {
            "ChromaError",
            "Exception",
            "BaseException",
            "object",
        }
        assert set(re.findall(r"\w+", also)) == ancestors, name
        assert int(status) == classes[name]().code(), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tests_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    files = [file for file in ROOT.glob("tests/*/**/test_*.py") if ".clients" not in file.parts]
    written = "\n".join(file.read_text(encoding="utf-8") for file in files)
    missing = {name for name in re.findall(r"`(test_\w+)`", text) if f"def {name}(" not in written}
    missing |= {path for path in re.findall(r"`((?:tests|benchmarks)/[\w/.]+)`", text) if not (ROOT / path).exists()}
    assert missing == set()
