"""Nothing is sent to anybody: not at import, not in embedded use, not by a server, not by its clients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WATCH = """
import json, sys

told = []

def watch(event, arguments):
    if event == "socket.connect":
        told.append(("connect", str(arguments[1])))
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.sendto"):
        told.append((event, str(arguments[1:2] if event == "socket.sendto" else arguments[:2])))

sys.addaudithook(watch)
"""

IMPORT = """
import chromadb
for name in chromadb.__all__:
    getattr(chromadb, name)
"""

EMBEDDED = """
import os, sys
import chromadb
from chromadb.config import Settings

def use(client):
    collection = client.get_or_create_collection("letters", embedding_function=None)
    collection.add(ids=["a", "b"], embeddings=[[1.0, 2.0], [2.0, 1.0]], documents=["x", "y"], metadatas=[{"k": 1}] * 2)
    collection.query(query_embeddings=[[1.0, 2.0]], where={"k": 1}, n_results=1)
    collection.get(ids=["a"])
    collection.update(ids=["a"], embeddings=[[0.0, 2.0]], documents=["z"])
    collection.upsert(ids=["c"], embeddings=[[0.0, 1.0]])
    collection.delete(ids=["b"])
    client.close()

use(chromadb.EphemeralClient())
use(chromadb.EphemeralClient(Settings(anonymized_telemetry=True)))
use(chromadb.PersistentClient(os.path.join(sys.argv[1], "data")))
use(chromadb.Client(Settings(anonymized_telemetry=False)))
"""

SERVER = """
import os, sys, threading, time
import chromadb
from chromadb._server.sockets import listen
from chromadb._server.serve import serve
from chromadb.config import Settings

def talk():
    client = chromadb.HttpClient("127.0.0.1", port)
    use(client)
    os.kill(os.getpid(), 15)

port = 0
with __import__("socket").socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]

def later():
    import socket
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    talk()

threading.Thread(target=later, daemon=True).start()
settings = Settings(is_persistent=True, persist_directory=os.path.join(sys.argv[1], "served"))
serve(settings, host="127.0.0.1", port=port, log_path=os.path.join(sys.argv[1], "log"))
"""

USE = EMBEDDED[EMBEDDED.index("def use") : EMBEDDED.index("use(chromadb.Eph")]

END = """
unwanted = ("posthog", "grpc", "opentelemetry.sdk", "chromadb._telemetry.clients")
heavy = [name for name in unwanted if name in sys.modules]
print(json.dumps([told, heavy]))
"""


def watched(program: str, folder: Path) -> tuple[list[list[str]], list[str]]:
    """Run a program; return what it connected to and asked a name server for, and what it loaded."""
    import json

    done = subprocess.run(
        [sys.executable, "-c", WATCH + program + END, str(folder)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    told, heavy = json.loads(done.stdout.splitlines()[-1])
    return told, heavy


@pytest.mark.parametrize("program", [IMPORT, EMBEDDED], ids=["import", "embedded"])
def test_no_socket_is_opened_and_no_name_looked_up(
    program: str, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    assert watched(program, tmp_path) == ([], [])


def test_a_server_and_its_client_speak_with_each_other_alone(
    tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    told, heavy = watched(USE + SERVER, tmp_path)
    assert heavy == []
    assert told
    assert [each for each in told if "127.0.0.1" not in each[1]] == []


def test_the_watch_sees_what_is_sent(tmp_path: Path) -> None:
    program = """
import socket
try:
    socket.create_connection(("127.0.0.1", 9), 1)
except OSError:
    pass
"""
    told, _ = watched(program, tmp_path)
    assert [kind for kind, _ in told] == ["socket.getaddrinfo", "connect"]


def test_opting_out_by_the_environment(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("ANONYMIZED_TELEMETRY", "False")
    clean_environment.setenv("CHROMA_PRODUCT_TELEMETRY_API_KEY", "key")
    clean_environment.setenv("CHROMA_PRODUCT_TELEMETRY_HOST", "http://192.0.2.1")
    used = EMBEDDED.replace("use(chromadb.EphemeralClient(Settings(anonymized_telemetry=True)))", "")
    told, _ = watched(used, tmp_path)
    assert told == []
