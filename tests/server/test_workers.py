"""Workers that die are replaced for as long as they start well; those that never do end the server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal, time
from chromadb._server import workers

workers.SOON = {soon}

def work(listening, lives):
    with open({began!r}, "a") as file:
        file.write("x")
    if {listens}:
        listening()
    if os.path.getsize({began!r}) >= {most}:
        os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(60)
    time.sleep(lives)
    os._exit(3)

if __name__ == "__main__":
    print(workers.Workers(work, ({lives},), 1, 1.0).run(lambda: print("listening")))
"""


def run_workers(folder: Path, *, soon: float, lives: float, listens: bool = True, most: int = 12) -> tuple[str, int]:
    """Run a worker that dies again and again; return what its parent printed, and how many there were.

    Args:
        folder: to work in.
        soon: what `SOON` is.
        lives: seconds that each lives.
        listens: whether it says that it listens.
        most: with the last of so many the parent is told to stop.
    """
    program, began = folder / "program.py", folder / "began"
    program.write_text(PROGRAM.format(soon=soon, lives=lives, listens=listens, most=most, began=str(began)))
    run = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)
    assert "Traceback" not in run.stderr, run.stderr
    return run.stdout, began.stat().st_size


def test_workers_that_die_now_and_then_do_not_end_the_server(tmp_path: Path) -> None:
    assert run_workers(tmp_path, soon=0.01, lives=0.05) == ("listening\nTrue\n", 12)


def test_workers_that_die_as_soon_as_they_begin_end_the_server(tmp_path: Path) -> None:
    # However long it takes a process to begin, and however soon its end is noticed.
    assert run_workers(tmp_path, soon=1.0, lives=0.0) == ("listening\nFalse\n", 6)


def test_workers_that_never_listen_end_the_server_however_long_they_live(tmp_path: Path) -> None:
    assert run_workers(tmp_path, soon=0.01, lives=0.05, listens=False) == ("False\n", 6)
