"""The torture in short: nothing is lost; and a store that is broken on purpose does not get through."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed")

needs_faults = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="faults need Linux and a C compiler"
)


def torture(folder: Path, seconds: float, *arguments: str) -> tuple[int, str, dict[str, float]]:
    """Run it; return its exit code, all that it printed, and its figures."""
    command = [sys.executable, "-m", "torture", "--minutes", str(seconds / 60), "--folder", str(folder), *arguments]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False)
    figures = re.findall(r"^(\S.*?) {2,}([\d.]+)$", ran.stdout, re.MULTILINE)
    return ran.returncode, ran.stdout + ran.stderr, {name: float(figure) for name, figure in figures}


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    code, said, figures = torture(tmp_path, 16)
    assert code == 0, said
    assert figures["writes lost, or there by half"] == 0
    assert figures["stale reads"] == 0
    assert figures["processes ended by a native crash"] == 0
    assert figures["processes killed"] > 5
    assert figures["writes acknowledged"] > 20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sabotage", "stage", "expected"),
    [
        ("lose", "alone", "Loss: "),
        ("halve", "alone", "Loss: "),
        ("stale", "alone", "Loss: "),
        ("crash", "alone", "ended by SIGSEGV, which nobody sent"),
    ],
)
def test_a_broken_store_is_noticed(tmp_path: Path, sabotage: str, stage: str, expected: str) -> None:
    code, said, _ = torture(tmp_path, 60, "--stages", stage, "--sabotage", sabotage)
    assert code == 1, said
    assert expected in said


@needs_faults
def test_a_store_that_does_not_sync_is_noticed_when_power_is_lost(tmp_path: Path) -> None:
    code, said, figures = torture(tmp_path, 30, "--stages", "power", "--synchronous", "normal")
    assert code == 1, said
    assert figures["writes lost, or there by half"] >= 1
