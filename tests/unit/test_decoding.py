"""Decoding typed JSON in many threads."""

from __future__ import annotations

import subprocess
import sys

import pytest

TWO_THREADS = """
import sys, threading
import msgspec
from chromadb._decoding import decoder, laid_out

sys.setswitchinterval(1e-6)
{decode}
for number in range(500):
    class Part(msgspec.Struct):
        size: int
        name: str

    class Whole(msgspec.Struct):
        lineage: str
        parts: dict[str, Part]
        last: Part

    both, found = threading.Barrier(2), []

    def run():
        both.wait()
        found.append(decode(Whole).last.size)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2, 2], found
"""


TEXT = '{"lineage": "a", "parts": {"a": {"size": 1, "name": ""}}, "last": {"size": 2, "name": ""}}'

DECODE = f"decode = lambda kind: decoder(kind).decode({TEXT!r})"
CONVERT = f"decode = lambda kind: msgspec.convert({TEXT}, laid_out(kind))"


@pytest.mark.parametrize("decode", [DECODE, CONVERT])
def test_a_type_that_two_threads_use_for_the_first_time_at_once_is_laid_out_once(decode: str) -> None:
    # In a process of its own, for what it guards against ends the process.
    ran = subprocess.run(
        [sys.executable, "-c", TWO_THREADS.format(decode=decode)], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stderr) == (0, "")
