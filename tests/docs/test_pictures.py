"""The example that searches pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

PROGRAM = Path(__file__).parents[2] / "examples" / "pictures.py"

PROBE = """
import runpy, sys
sys.argv = [sys.argv[1], "--directory", sys.argv[2]]
names = runpy.run_path(sys.argv[0], run_name="pictures")
names["main"]()
import chromadb
with chromadb.PersistentClient(f"{sys.argv[2]}/database") as client:
    collection = client.get_collection("pictures-colours-and-shapes")
    for text in ("a red circle", "large green stars", "small blue diamonds"):
        print(*sorted(collection.query(query_texts=text, n_results=3)["ids"][0]))
    print(collection.count())
"""


def test_pictures_are_found_by_words_and_shown_on_a_sheet(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(PROGRAM), str(tmp_path)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    *_, red, green, blue, count = done.stdout.splitlines()
    assert all(name.endswith(("red-circle-0.png", "red-circle-1.png", "red-circle-2.png")) for name in red.split())
    assert green.split() == [f"large-green-star-{number}.png" for number in range(3)]
    assert blue.split() == [f"small-blue-diamond-{number}.png" for number in range(3)]
    assert count == "360"
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size[0] > 1000
        pixels = np.asarray(sheet)
    # Where the answers to "a red circle" stand there is red.
    reddish = (pixels[56:152, 250:1000].astype(int) @ [1, -1, 0]) > 100
    assert reddish.sum() > 5_000
