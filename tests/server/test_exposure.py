"""What a server says at its start about who can reach it, and what it refuses; CORS under both names."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from chromadb._server.cors import allowed_origins
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError

TOKEN = {
    "CHROMA_SERVER_AUTHN_PROVIDER": "chromadb.auth.token_authn.TokenAuthenticationServerProvider",
    "CHROMA_SERVER_AUTHN_CREDENTIALS": "t0ken",
}
SOMEWHERE = "https://app.example.com"
PREFLIGHT = {
    "origin": SOMEWHERE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,x-chroma-token,content-type",
}


def said(folder: Path, *arguments: str, **variables: str) -> str:
    """Start a server by the command line, end it as soon as it listens, and return what it said on standard error."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CHROMA_")}
    command = [
        sys.executable,
        "-m",
        "chromadb",
        "run",
        "--path",
        "data",
        "--port",
        "0",
        "--log-path",
        "log",
        *arguments,
    ]
    with subprocess.Popen(
        command, cwd=folder, env={**environment, **variables}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    return errors


def test_a_server_that_everybody_reaches_and_that_asks_nobody_says_so_once(tmp_path: Path) -> None:
    errors = said(tmp_path, "--host", "0.0.0.0", "--workers", "2")
    assert errors.startswith("WARNING: everybody who reaches 0.0.0.0 may read and delete everything")
    assert errors.count("\n") == 1


def test_a_server_of_this_machine_alone_says_nothing(tmp_path: Path) -> None:
    assert said(tmp_path) == ""
    assert said(tmp_path, "--host", "127.0.0.1") == ""


def test_credentials_without_encryption_are_a_note(tmp_path: Path) -> None:
    errors = said(tmp_path, "--host", "0.0.0.0", **TOKEN)
    assert errors.startswith("Note: credentials travel to 0.0.0.0 unencrypted")
    assert errors.count("\n") == 1
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    assert said(tmp_path, "--host", "0.0.0.0", "--ssl-certfile", "both.pem", **TOKEN) == ""


def test_what_is_wrong_is_said_in_a_line_before_anything_is_begun(tmp_path: Path) -> None:
    for arguments, variables, message in (
        (["--ssl-certfile", "missing.pem"], {}, "ssl_certfile to be a file that can be read"),
        (["--ssl-keyfile", "missing.pem"], {}, "ssl_certfile to be set with chroma_server_ssl_keyfile"),
        ([], {**TOKEN, "CHROMA_SERVER_AUTHN_CREDENTIALS": ""}, "got neither"),
        ([], {"CHROMA_SERVER_AUTH_PROVIDER": "x"}, "use chroma_server_authn_provider"),
        ([], {"CHROMA_SERVER_AUTH_TOKEN": "s3cret"}, "There is no setting chroma_server_auth_token"),
        ([], {"CHROMA_SERVER_CORS_ALLOW_ORIGINS": '["https://a.b/"]'}, "without a path or a slash"),
    ):
        errors = said(tmp_path, *arguments, **variables)
        assert errors.startswith("chroma: "), errors
        assert message in errors
        assert errors.count("\n") == 1
        assert "s3cret" not in errors
        assert not (tmp_path / "data").exists()


# --- CORS --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["chroma_server_cors_allow_origins", "chroma_cors_allow_origins"])
def test_pages_of_an_allowed_origin_may_ask_under_either_name(make_api: Callable[..., Any], name: str) -> None:
    lowered = {key.lower(): value for key, value in TOKEN.items()}
    api = make_api(**{name: [SOMEWHERE]}, **lowered)
    flight = api.send("OPTIONS", "/api/v2/tenants", headers=PREFLIGHT)
    assert (flight.status, flight.headers["access-control-allow-origin"]) == (200, SOMEWHERE)
    assert "authorization" in flight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in flight.headers
    for headers, status in (({"authorization": "Bearer t0ken"}, 200), ({}, 403)):
        answer = api.send("GET", "/api/v2/auth/identity", headers={"origin": SOMEWHERE, **headers})
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (status, SOMEWHERE)
    answer = api.send("GET", "/api/v2", headers={"origin": "https://evil.example.com"})
    assert "access-control-allow-origin" not in answer.headers


def test_pages_are_not_allowed_anything_unless_a_setting_says_so(make_api: Callable[..., Any]) -> None:
    api = make_api()
    assert api.send("OPTIONS", "/api/v2/tenants", headers=PREFLIGHT).status == 405
    answer = api.send("GET", "/api/v2", headers={"origin": SOMEWHERE})
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin",
    ["https://a.b/", "https://a.b/c", "a.b", "https://", "", "https://*.a.b/x", "https://a.b:0", "https://a.b:x"],
)
def test_what_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(InvalidArgumentError, match="origins of CORS"):
        allowed_origins(Settings(chroma_server_cors_allow_origins=[origin]))


def test_the_two_names_agree_or_one_is_left_out() -> None:
    one, other = ["https://a.b"], ["http://localhost:3000"]
    assert allowed_origins(Settings(chroma_server_cors_allow_origins=one, chroma_cors_allow_origins=one)) == one
    assert allowed_origins(Settings(chroma_cors_allow_origins=["*"])) == ["*"]
    with pytest.raises(InvalidArgumentError, match="got both, and they differ"):
        allowed_origins(Settings(chroma_server_cors_allow_origins=one, chroma_cors_allow_origins=other))


# --- what is stored is data --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "configuration",
    [
        {"embedding_function": {"type": "known", "name": "trap.Trap", "config": {"module": "trap", "class": "Trap"}}},
        {"embedding_function": {"type": "legacy", "name": "trap:Trap"}},
        {"_type": "trap.Trap", "hnsw_configuration": {"_type": "trap.Trap", "space": "l2"}},
        {"embedding_function": {"type": "known", "name": "sentence_transformer", "config": {"model_name": "trap"}}},
    ],
)
def test_a_stored_configuration_imports_and_runs_nothing(
    start_server: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configuration: dict[str, Any]
) -> None:
    import httpx

    import chromadb

    (tmp_path / "trap.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\nclass Trap: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    server = start_server()
    path = f"{server.url}/api/v2/tenants/default_tenant/databases/default_database/collections"
    metadata = {"_type": "trap.Trap", "embedding_function": "trap.Trap", "__class__": "trap.Trap"}
    made = httpx.post(path, json={"name": "letters", "configuration": configuration, "metadata": metadata})
    assert made.status_code in (200, 400)
    if made.status_code == 200:
        with chromadb.HttpClient(port=server.port) as client:
            for opened in (lambda: client.get_collection("letters"), client.list_collections):
                try:
                    opened()
                except chromadb.errors.ChromaError:
                    continue
    assert not (tmp_path / "sprung").exists()
    assert "trap" not in sys.modules
