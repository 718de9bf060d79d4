"""The thin client: what its distribution holds, and that it works with nothing but what it declares."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chromadb._embed.table import FUNCTIONS

ROOT = Path(__file__).parents[2]
ALLOWED = {"httpx", "msgspec", "numpy", "orjson", "python-dotenv", "sniffio", "tenacity", "typing-extensions"}

# What is installed beside these tests is hidden, as if only what the thin client declares were there.
HIDE = """
import importlib.abc, sys

class Hidden(importlib.abc.MetaPathFinder):
    NAMES = {"apsw", "faiss", "re2", "onnxruntime", "tokenizers", "tqdm", "uvicorn", "uvloop",
             "starlette", "httptools", "bcrypt", "xxhash", "yaml", "textual", "rich", "typer", "click"}

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.NAMES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
"""

SESSION = """
import asyncio, sys
import chromadb
from chromadb.is_thin_client import is_thin_client

assert is_thin_client
port = int(sys.argv[1])
client = chromadb.HttpClient(port=port)
client.reset()
notes = client.create_collection("notes", metadata={"hnsw:space": "cosine"}, embedding_function=None)
notes.add(["a", "b", "c"], [[1, 0], [0, 1], [1, 1]], [{"n": 1}, {"n": 2}, None], ["one", "two", "three"])
notes.upsert("c", [[1, 1]], {"n": 3}, "drei")
notes.update("a", metadatas={"n": 10})
assert notes.query([1, 0.1], n_results=2)["ids"] == [["a", "c"]]
assert notes.get(where={"n": {"$gt": 2}}, where_document={"$regex": "^(one|drei)$"})["documents"] == ["one", "drei"]
assert notes.get(include=["embeddings"])["embeddings"].shape == (3, 2)
try:
    notes.get(where_document={"$regex": "("})
except chromadb.errors.InvalidArgumentError as error:
    assert "regular expression" in str(error), error
else:
    raise AssertionError("the server takes anything for a regular expression")
assert notes.delete("b") == {"deleted": 1}
assert [(each, each.count()) for each in client.list_collections()] == [("notes", 2)]

async def main():
    async with await chromadb.AsyncHttpClient(port=port) as client:
        assert await (await client.get_collection("notes")).count() == 2

asyncio.run(main())
client.close()
settings = chromadb.Settings(chroma_api_impl="chromadb.api.fastapi.FastAPI", chroma_server_host="localhost",
                             chroma_server_http_port=port)
with chromadb.Client(settings) as client, chromadb.AdminClient(settings) as admin:
    assert [database.name for database in admin.list_databases()] == ["default_database"]
print("done")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the distribution, built here."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT / "packaging" / "thin", check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path) -> Path:
    """Return a folder with what the distribution installs."""
    folder = wheel.parent / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def thin(unpacked: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a program with the thin client alone and gives what it printed."""

    def run(program: str, *arguments: str) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CHROMA_")}
        done = subprocess.run(
            [sys.executable, "-c", HIDE + program, *arguments],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(unpacked), "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_is_the_same_source_and_carries_the_same_version(unpacked: Path, wheel: Path) -> None:
    for path in sorted((unpacked / "chromadb").rglob("*.py")):
        place = path.relative_to(unpacked)
        if place.name != "is_thin_client.py":
            assert path.read_bytes() == (ROOT / "src" / place).read_bytes()
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = next(line for line in project.splitlines() if line.startswith("version = ")).split('"')[1]
    assert wheel.name == f"chromadb_client-{version}-py3-none-any.whl"


def test_it_needs_little(unpacked: Path) -> None:
    (metadata,) = unpacked.glob("*.dist-info/METADATA")
    told = metadata.read_text().splitlines()
    needed = [line.split(": ")[1] for line in told if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert {name.split(">")[0] for name in needed} == ALLOWED


def test_the_extras_of_providers_are_those_of_the_full_package() -> None:
    texts = [(ROOT / place / "pyproject.toml").read_text(encoding="utf-8") for place in (".", "packaging/thin")]
    for extra in {row.extra for row in FUNCTIONS if row.kind in ("hosted", "server") and row.extra}:
        declared = [re.findall(rf"^{extra} = .*$", text, re.MULTILINE) for text in texts]
        assert len(declared[0]) == 1, extra
        assert declared[0] == declared[1]


def test_database_server_and_model_are_left_out(unpacked: Path) -> None:
    held = {path.name for path in (unpacked / "chromadb").iterdir()}
    assert not held & {"_engine", "_storage", "_index", "_server", "_cli", "app.py", "db"}
    assert not list((unpacked / "chromadb").rglob("*.onnx"))
    assert sum(path.stat().st_size for path in unpacked.rglob("*") if path.is_file()) < 1_000_000


def test_a_session_with_a_server(thin: Callable[..., str], start_server: Callable[..., Any]) -> None:
    assert thin(SESSION, str(start_server(allow_reset=True).port)) == "done\n"


PROOF = """
import os, sys
import chromadb
from chromadb.auth import AuthError, AuthzAction, ServerAuthenticationProvider, UserIdentity
from chromadb.auth.simple_rbac_authz import SimpleRBACAuthorizationProvider

port = int(sys.argv[1])
os.environ["CHROMA_CLIENT_AUTH_PROVIDER"] = "chromadb.auth.token_authn.TokenAuthClientProvider"
os.environ["CHROMA_CLIENT_AUTH_CREDENTIALS"] = "t0ken"
with chromadb.HttpClient(port=port) as client:
    assert client.get_user_identity() == UserIdentity("anonymous", "*", ["*"])
os.environ["CHROMA_CLIENT_AUTH_CREDENTIALS"] = "wrong"
try:
    chromadb.HttpClient(port=port)
except AuthError as error:
    assert str(error).startswith("Forbidden"), error
    print("done")
"""


def test_it_proves_who_it_is(thin: Callable[..., str], start_server: Callable[..., Any]) -> None:
    provider = "chromadb.auth.token_authn.TokenAuthenticationServerProvider"
    server = start_server(chroma_server_authn_provider=provider, chroma_server_authn_credentials="t0ken")
    assert thin(PROOF, str(server.port)) == "done\n"


@pytest.mark.parametrize(
    "call",
    ["EphemeralClient()", "PersistentClient('data')", "Client()", "AdminClient()", "Client(Settings())"],
)
def test_an_embedded_client_says_where_it_is_to_be_had(thin: Callable[..., str], call: str) -> None:
    told = thin(
        f"""
import chromadb
from chromadb import *
try:
    {call}
except RuntimeError as error:
    assert isinstance(error, chromadb.errors.ThinClientError)
    print(error)
"""
    )
    for part in (
        "thin client",
        "chromadb.api.fastapi.FastAPI",
        "chromadb.api.async_fastapi.AsyncFastAPI",
        "install chromadb",
    ):
        assert part in told


def test_the_default_embedding_function_says_where_it_is_to_be_had(
    thin: Callable[..., str], start_server: Callable[..., Any]
) -> None:
    told = thin(
        """
import sys
import chromadb
with chromadb.HttpClient(port=int(sys.argv[1])) as client:
    collection = client.get_or_create_collection("documents")
    try:
        collection.add(ids="a", documents="text")
    except RuntimeError as error:
        print(error)
    collection.add(ids="a", embeddings=[1.0, 2.0], documents="text")
    print(collection.count())
""",
        str(start_server().port),
    )
    assert told.startswith("The default embedding model is not part of the thin client")
    assert "Pass embeddings, or another embedding function, or install chromadb" in told
    assert told.endswith("1\n")


def test_the_embedding_functions_of_providers_are_there(
    thin: Callable[..., str], start_server: Callable[..., Any]
) -> None:
    program = """
import http.server, json, sys, threading
import chromadb
from chromadb.utils.embedding_functions import HuggingFaceEmbeddingServer

class Lengths(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["inputs"]
        answer = json.dumps([[len(text), 1] for text in texts]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass

provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Lengths)
threading.Thread(target=provider.serve_forever, daemon=True).start()
function = HuggingFaceEmbeddingServer(url=f"http://127.0.0.1:{provider.server_address[1]}/embed")
with chromadb.HttpClient(port=int(sys.argv[1])) as client:
    client.create_collection("texts", embedding_function=function).add(ids=["a", "b"], documents=["x", "much longer"])
with chromadb.HttpClient(port=int(sys.argv[1])) as client:
    print(client.get_collection("texts").query(query_texts="as long as", n_results=1)["ids"])
provider.shutdown()
provider.server_close()
"""
    assert thin(program, str(start_server().port)) == "[['b']]\n"


def test_every_public_module_can_be_imported(thin: Callable[..., str], unpacked: Path) -> None:
    modules = [
        ".".join(path.relative_to(unpacked).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((unpacked / "chromadb").rglob("*.py"))
    ]
    assert len(modules) > 50
    thin("\n".join(f"import {module}" for module in modules))


def test_what_is_left_out_is_no_attribute(thin: Callable[..., str]) -> None:
    assert thin("import chromadb; print(hasattr(chromadb, 'db'), hasattr(chromadb, 'auth'))") == "False True\n"
