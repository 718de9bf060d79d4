"""``chroma run``: a server from the command line."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb.errors import ReadOnlyError


def test_the_pages_of_the_specification(serve: Any) -> None:
    """chroma run --path, and a client."""
    server = serve("--path", "data", "--port", "0")
    assert f"http://localhost:{server.port}" in server.banner
    assert os.path.realpath("data") in server.banner
    client = chromadb.HttpClient(host="localhost", port=server.port)
    client.create_collection("notes", embedding_function=None).add(ids="a", embeddings=[1, 2])
    client.close()
    assert os.path.exists("data/catalog.sqlite3")


def test_a_configuration_file(serve: Any) -> None:
    Path("config.yaml").write_text("persist_path: served\nport: 0\nallow_reset: true\nprot: 1\n")
    server = serve("config.yaml", env={**os.environ, "CHROMA_PERSIST_PATH": "elsewhere"})
    client = chromadb.HttpClient(host="localhost", port=server.port)
    assert client.reset() is True
    client.close()
    assert os.path.exists("elsewhere/catalog.sqlite3")
    assert not os.path.exists("served")
    server.process.send_signal(signal.SIGTERM)
    _, err = server.process.communicate(timeout=20)
    assert "chroma run: there is no key prot (config.yaml, line 4); it has no effect. Did you mean port?" in err


def test_a_log_file(serve: Any) -> None:
    server = serve("--path", "data", "--port", "0", "--log-path", "server.log")
    client = chromadb.HttpClient(host="localhost", port=server.port)
    client.close()
    server.process.send_signal(signal.SIGTERM)
    _, err = server.process.communicate(timeout=20)
    assert server.process.returncode == 0
    assert err == ""
    assert "/api/v2" in Path("server.log").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_ctrl_c_ends_it(serve: Any) -> None:
    server = serve("--path", "data", "--port", "0")
    server.process.send_signal(signal.SIGINT)
    _, err = server.process.communicate(timeout=20)
    assert server.process.returncode == 0
    assert "Traceback" not in err


def test_reset_is_allowed_on_demand(serve: Any) -> None:
    server = serve("--path", "data", "--port", "0", "--allow-reset")
    with chromadb.HttpClient(host="localhost", port=server.port) as client:
        assert client.reset() is True


def test_what_keeps_it_from_starting_is_one_line(chroma: Any) -> None:
    os.mkdir("theirs")
    Path("theirs/chroma.sqlite3").write_bytes(b"x")
    Path("file").write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, message in (
            (
                ["--path", "data", "--host", "127.0.0.1", "--port", port],
                "Stop that one, or choose another port with --port.",
            ),
            (["--path", "theirs"], "was written by a published version of Chroma"),
            (["--path", "file"], "a file stands where a directory is needed"),
            (["--path", "data", "--host", "no.such.host.invalid"], "got 'no.such.host.invalid': "),
            (
                ["--path", "data", "--host", "192.0.2.1"],
                "got '192.0.2.1'. --host chooses another one",
            ),
            (["--path", "data", "--log-path", "nowhere/log"], "Expected the log path to be a file"),
            (["nowhere.yaml"], "The configuration file nowhere.yaml cannot be read"),
        ):
            code, out, err = chroma("run", *arguments)
            assert (code, out) == (1, ""), arguments
            assert message in err
            assert err.count("\n") == 1
    assert os.listdir("theirs") == ["chroma.sqlite3"]
    assert not os.path.exists("data")


@pytest.mark.parametrize("way", ["environment", "dotenv", "yaml"])
def test_authentication_that_would_have_no_effect_is_refused(
    chroma: Any, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    name = "chroma_server_authn_credentials_file"
    if way == "environment":
        monkeypatch.setenv(name.upper(), "users.htpasswd")
    elif way == "dotenv":
        Path(".env").write_text(f"{name.upper()}=users.htpasswd\n")
    else:
        Path("config.yaml").write_text(f"{name}: users.htpasswd\npersist_path: data\n")
    code, out, err = chroma("run", *(["config.yaml"] if way == "yaml" else ["--path", "data", "--port", "0"]))
    assert (code, out) == (1, "")
    assert f"Expected chroma_server_authn_provider to be set with {name}" in err
    assert err.count("\n") == 1
    assert not os.path.exists("data")


def test_where_traces_go_stands_in_the_file(chroma: Any) -> None:
    Path("config.yaml").write_text("persist_path: data\nport: 0\nopen_telemetry: {endpoint: 'ftp://collector'}\n")
    code, out, err = chroma("run", "config.yaml")
    assert (code, out) == (1, "")
    assert "Expected chroma_otel_collection_endpoint to be a host, or a URL" in err
    assert err.count("\n") == 1
    assert not os.path.exists("data")


def test_a_value_of_the_file_that_is_not_allowed_is_named_with_its_place(chroma: Any) -> None:
    Path("e.yaml").write_text("port: 0\nallow_reset: maybe\n")
    assert chroma("run", "e.yaml") == (
        1,
        "",
        "chroma: Expected the setting allow_reset to be true or false, got 'maybe' (allow_reset, e.yaml, line 2).\n",
    )


def test_misspelt_settings_are_named_once_at_the_start(serve: Any) -> None:
    environment = {**os.environ, "CHROMA_SERVER_HTP_PORT": "1", "CHROMA_ALOW_RESET": "1", "CHROMA_CLIENT_TYPE": "http"}
    server = serve("--path", "data", "--port", "0", "--workers", "2", env=environment)
    server.process.send_signal(signal.SIGTERM)
    _, err = server.process.communicate(timeout=20)
    assert [line for line in err.splitlines() if "Did you mean" in line] == [
        "chroma run: CHROMA_ALOW_RESET has no effect: there is no such setting. Did you mean ALLOW_RESET?",
        "chroma run: CHROMA_SERVER_HTP_PORT has no effect: there is no such setting. Did you mean "
        "CHROMA_SERVER_HTTP_PORT?",
    ]
    assert "CHROMA_CLIENT_TYPE" not in err


def test_the_environment_says_where_to_listen(serve: Any) -> None:
    environment = {**os.environ, "CHROMA_SERVER_HOST": "127.0.0.1", "CHROMA_SERVER_HTTP_PORT": "0"}
    assert "listens on http://127.0.0.1:" in serve("--path", "data", env=environment).banner
    assert "listens on http://localhost:" in serve("--path", "other", "--host", "localhost", env=environment).banner


def test_options_and_a_file_exclude_each_other(chroma: Any) -> None:
    code, out, err = chroma("run", "config.yaml", "--port", "9000", "--log-path", "x")
    assert (code, out) == (2, "")
    assert err.startswith("chroma run: --port and --log-path and a configuration file exclude each other")


def test_a_directory_is_served_for_reading_only(fill: Any, serve: Any, chroma: Any) -> None:
    fill("data", notes=3)
    server = serve("--path", "data", "--port", "0", "--read-only")
    with chromadb.HttpClient(host="127.0.0.1", port=server.port) as client:
        notes = client.get_or_create_collection("notes", embedding_function=None)
        assert notes.count() == 3
        with pytest.raises(ReadOnlyError, match="chroma_read_only"):
            notes.add(ids="new", embeddings=[[1.0] * 8])
        with pytest.raises(ReadOnlyError, match="chroma_read_only"):
            client.create_collection("other")
        assert client.check() == []
