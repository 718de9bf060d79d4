"""Write the tables of docs/settings.md anew from the table of settings in the source."""

from __future__ import annotations

import json
import re
from pathlib import Path

from chromadb._settings.fields import Field
from chromadb._settings.table import SETTINGS

DOCUMENT = Path(__file__).parent.parent / "docs" / "settings.md"
_HEAD = "| Area | Setting | Allowed | Default | Meaning |\n| --- | --- | --- | --- | --- |\n"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def row(field: Field) -> str:
    """Return the line of a table that documents `field`."""
    default = "none" if field.default is None else f"`{json.dumps(field.default)}`"
    allowed = field.allowed.replace("None", "none")
    return f"| {field.group} | `{field.name}` | {allowed} | {default} | {field.about} |\n"


def render(document: str) -> str:
    """Return `document` with what stands between the markers of each table written anew."""

    def table(match: re.Match[str]) -> str:
        rows = (row(field) for field in SETTINGS.values() if field.effect == match[2])
        return match[1] + _HEAD + "".join(rows) + match[3]

    return _TABLE.sub(table, document)


if __name__ == "__main__":
    DOCUMENT.write_text(render(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
