"""Write the synchronous clients (`_client/_sync`) from the asynchronous ones (`_client/_async`).

python scripts/generate_sync.py           writes them
python scripts/generate_sync.py --check   fails if they are not current
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parent.parent / "src" / "chromadb" / "_client"

WRITTEN_TWICE = ("threads.py", "transport.py")
"""Modules whose two sides have nothing in common; the synchronous side has none, or one of its own."""

NOTICE = "# Generated from _async by scripts/generate_sync.py: change it there.\n"

RULES = [
    (r"await in_thread\(\s*([\w.]+),\s*", r"\1("),
    (r"await in_thread_if\(\s*[^,]+,\s*([\w.]+),\s*", r"\1("),
    (r"^from .* import in_thread.*\n", ""),
    (r"\basync def\b", "def"),
    (r"\basync with\b", "with"),
    (r"\bawait ", ""),
    (r"__aenter__", "__enter__"),
    (r"__aexit__", "__exit__"),
    (r"\b_async\b", "_sync"),
    (r"\bAsync([A-Z]\w*)", r"\1"),
    (r"Clients for asynchronous code: the source of those in `_sync`\.", "Clients that block."),
]


def to_sync(source: str) -> str:
    """Return the synchronous form of a module, formatted."""
    for pattern, replacement in RULES:
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    command = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(CLIENT / "_sync" / "module.py")]
    for step in (["check", "--select", "I,F401", "--fix", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run([*command, *step, *name, "-"], input=source, capture_output=True, text=True, check=True)
        source = done.stdout
    return NOTICE + source


def main() -> int:
    """Write or check every module; return the exit code."""
    check = "--check" in sys.argv
    stale = []
    for path in sorted((CLIENT / "_async").glob("*.py")):
        if path.name in WRITTEN_TWICE:
            continue
        target = CLIENT / "_sync" / path.name
        text = to_sync(path.read_text(encoding="utf-8"))
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            stale.append(target.name)
            if not check:
                target.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"Not current: {', '.join(stale)}. Run python scripts/generate_sync.py.", file=sys.stderr)
        return 1
    print(f"{'Written' if stale else 'Current'}: {', '.join(stale) or 'everything'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
