"""Fuzz the server over its OpenAPI document: ``make fuzz``.

A server that asks for a token is started in an empty directory, and schemathesis is let loose on it: with the token on
the document as it is, and on one in which tenants, databases and collections are those that exist, so that requests
reach the records; and on that without a token. Any status of
500 and above, any answer that the document does not describe, and a server that is gone at the end are failures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
SERVE = """
from chromadb._server.serve import serve
from chromadb.config import Settings

if __name__ == "__main__":
    settings = Settings(
        is_persistent=True,
        persist_directory="data",
        chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
        chroma_server_authn_credentials="fuzz-token",
    )
    serve(settings, host="localhost", port=0, log_path="server.log")
"""
TOKEN = "Bearer fuzz-token"
KEEP = ("reset", "delete_database")
"""Operations that would take away what the others work on."""


def ask(url: str, body: Any = None) -> Any:
    """Return what the server answers."""
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Authorization": TOKEN})) as answer:
        return json.load(answer)


def seated(document: dict[str, Any], collection_id: str) -> dict[str, Any]:
    """Return the document with parameters that stand for something that exists."""
    exist = {"tenant": "default_tenant", "database": "default_database", "collection_id": collection_id}
    exist["name"] = "victim"
    for path in list(document["paths"]):
        for method, operation in list(document["paths"][path].items()):
            if any(operation["operationId"].startswith(name) for name in KEEP):
                del document["paths"][path][method]
            for parameter in operation["parameters"]:
                if parameter["name"] in exist:
                    parameter["schema"] = {"enum": [exist[parameter["name"]]]}
    return document


def main() -> None:
    """Run the fuzzer; exit with 1 if it found something."""
    examples = sys.argv[1] if len(sys.argv) > 1 else "60"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "serve.py").write_text(SERVE)
        command = [sys.executable, "serve.py"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[3].rstrip(".,")
            try:
                codes = fuzz(folder, url, examples)
                ask(f"{url}/api/v2/heartbeat")
            finally:
                server.terminate()
        log = (folder / "server.log").read_text()
        print("".join(line + "\n" for line in log.splitlines() if not line.startswith("{"))[:20_000])
    sys.exit(max(codes))


def fuzz(folder: Path, url: str, examples: str) -> list[int]:
    """Run schemathesis on both documents, and on one without a token; return its exit codes."""
    document = ask(f"{url}/openapi.json")
    made = ask(url + COLLECTIONS, {"name": "target"})
    records = {"ids": ["a", "b"], "embeddings": [[1, 2, 3], [3, 2, 1]], "documents": ["one", None]}
    ask(f"{url}{COLLECTIONS}/{made['id']}/add", {**records, "metadatas": [{"n": 1}, None]})
    (folder / "as-it-is.json").write_text(json.dumps(document))
    (folder / "seated.json").write_text(json.dumps(seated(document, made["id"])))
    tool = str(Path(sys.executable).with_name("schemathesis"))
    # What is answered with 501 says so in the document.
    common = [
        "--exclude-tag",
        "Not supported",
        "--url",
        url,
        "--checks",
        CHECKS,
        "--max-examples",
        examples,
        "--continue-on-failure",
    ]
    proof = ["--header", f"Authorization: {TOKEN}"]
    runs = (("seated.json", proof), ("as-it-is.json", proof), ("seated.json", []))
    return [
        subprocess.run([tool, "run", str(folder / name), *common, *headers], cwd=folder).returncode
        for name, headers in runs
    ]


if __name__ == "__main__":
    main()
