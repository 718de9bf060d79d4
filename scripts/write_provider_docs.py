"""Write the tables of docs/providers.md anew, from the table of embedding functions and from their classes."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

from chromadb._embed.provider import ProviderFunction
from chromadb._embed.table import FUNCTIONS, Row

DOCUMENT = Path(__file__).parent.parent / "docs" / "providers.md"
_TABLE = re.compile(r"(<!-- table of functions -->\n).*?(<!-- end -->)", re.DOTALL)
_PARAMETERS = re.compile(r"(<!-- parameters: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_KINDS = {
    "local": "this machine",
    "server": "your server",
    "hosted": "the provider",
    "pictures": "this machine",
    "adapter": "as adapted",
    "sparse": "this machine",
    "discontinued": "nobody any more",
}


def function_class(row: Row) -> Any:
    """Return the class of a row."""
    module, _, name = row.path.partition(":")
    return getattr(importlib.import_module(module), name)


def line(row: Row, document: str) -> str:
    """Return the line of the table that is about a function."""
    title = f"[{row.title}](#{_anchor(row.title)})" if f"## {row.title}\n" in document else row.title
    extra = f"`{row.extra}`" if row.extra else ""
    key = f"`{row.key}`" if row.key else ""
    where = _KINDS["hosted" if row.key else row.kind]
    file, _, case = row.tests.partition("::")
    tests = f"`{Path(file).name}`" + (f", {case}" if case else "")
    return f"| {title} | `{row.class_name}` | `{row.name}` | {where} | {extra} | {key} | {tests} |\n"


def parameters(row: Row) -> str:
    """Return the table of a constructor's parameters, and what the provider allows."""
    found = function_class(row)
    about = _arguments(inspect.getdoc(found) or "")
    lines = ["| parameter | default | meaning |\n| --- | --- | --- |\n"]
    for parameter in inspect.signature(found).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD and parameter.name == "options":
            continue
        default = "" if parameter.default is inspect.Parameter.empty else f"`{parameter.default!r}`"
        lines.append(f"| `{parameter.name}` | {default} | {about[parameter.name].rstrip('.')} |\n")
    if issubclass(found, ProviderFunction):
        lines.append("\n" + _limits(found))
    return "".join(lines)


def render(document: str) -> str:
    """Return `document` with what stands between its markers written anew."""
    head = "| | class | name | computed by | extra | key | test |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    table = head + "".join(line(row, document) for row in sorted(FUNCTIONS, key=lambda row: row.title.lower()))
    rows = {row.name: row for row in FUNCTIONS}
    document = _TABLE.sub(lambda match: match[1] + table + match[2], document)
    return _PARAMETERS.sub(lambda match: match[1] + parameters(rows[match[2]]) + match[3], document)


def _limits(found: type[ProviderFunction]) -> str:
    about = found.provider
    most = f"A request has at most {about.inputs:,} texts"
    if about.input_bytes:
        most += f" and {about.input_bytes:,} bytes, which stand for as many tokens at most"
    return f"{most}.\n"


def _arguments(docstring: str) -> dict[str, str]:
    """Return what the section ``Args`` of a docstring says, by parameter."""
    _, _, section = docstring.partition("Args:\n")
    section = re.split(r"\n\n", section)[0]
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section, re.MULTILINE)
    return {name: " ".join(text.replace("``", "`").split()) for name, text in found}


def _anchor(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


if __name__ == "__main__":
    DOCUMENT.write_text(render(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
