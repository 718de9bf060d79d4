"""Where a server is: every way to write it."""

from __future__ import annotations

import inspect
import socket
from collections.abc import Callable
from typing import Any

import pytest

import chromadb
from chromadb._client.http.endpoint import DEFAULT_PORT, check_api_path, is_loopback, server_url
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("host", "port", "ssl", "expected"),
    [
        ("localhost", DEFAULT_PORT, False, "http://localhost:8000"),
        ("localhost", 9000, False, "http://localhost:9000"),
        ("localhost", "9000", False, "http://localhost:9000"),
        ("localhost", None, False, "http://localhost:8000"),
        ("  example.com ", 80, False, "http://example.com"),
        ("example.com", 443, True, "https://example.com"),
        ("example.com", DEFAULT_PORT, True, "https://example.com:8000"),
        ("example.com:9000", DEFAULT_PORT, False, "http://example.com:9000"),
        ("127.0.0.1", 1, False, "http://127.0.0.1:1"),
        ("::1", 9000, False, "http://[::1]:9000"),
        ("[::1]", 9000, False, "http://[::1]:9000"),
        ("[::1]:9001", DEFAULT_PORT, False, "http://[::1]:9001"),
        ("fe80::1/chroma", 9000, False, "http://[fe80::1]:9000/chroma"),
        ("http://example.com", DEFAULT_PORT, False, "http://example.com"),
        ("https://example.com", DEFAULT_PORT, False, "https://example.com"),
        ("https://example.com", None, True, "https://example.com"),
        ("http://example.com", 9000, False, "http://example.com:9000"),
        ("http://example.com:8001", 9000, False, "http://example.com:8001"),
        ("http://[::1]:8001", 9000, False, "http://[::1]:8001"),
        ("https://example.com/chroma/", DEFAULT_PORT, False, "https://example.com/chroma"),
        ("https://example.com/a/b", DEFAULT_PORT, False, "https://example.com/a/b"),
        ("https://example.com/chroma/api/v2/", DEFAULT_PORT, False, "https://example.com/chroma"),
        ("HTTP://Example.com", DEFAULT_PORT, False, "http://example.com"),
        ("example.com/chroma", 9000, False, "http://example.com:9000/chroma"),
    ],
)
def test_a_server_is_named_by_host_or_url(host: str, port: Any, ssl: bool, expected: str) -> None:
    assert server_url(host, port, ssl) == expected


@pytest.mark.parametrize(
    ("host", "port", "ssl", "message"),
    [
        ("", 1, False, "to be a name, an IP address or a URL"),
        ("http://", 1, False, "to be a name, an IP address or a URL"),
        ("a b", 1, False, "to be a name, an IP address or a URL"),
        ("http://[::1", 1, False, "to be a name, an IP address or a URL"),
        ("ftp://example.com", 1, False, "begin with http:// or https://"),
        ("http://example.com", 1, True, "https:// in host, as ssl is set"),
        ("http://user:secret@example.com", 1, False, "without credentials"),
        ("http://example.com?key=secret", 1, False, r"without \? and #, got something behind 'http://example.com'"),
        ("http://example.com:0", 1, False, "the port in host"),
        ("http://example.com:99999", 1, False, "the port in host"),
        ("example.com:http", 1, False, "the port in host"),
        ("example.com", 0, False, "port to be an int from 1 to 65535"),
        ("example.com", 65536, False, "port to be an int from 1 to 65535"),
        ("example.com", "http", False, "port to be an int from 1 to 65535"),
        ("example.com", True, False, "port to be an int from 1 to 65535"),
        ("example.com", 80.5, False, "port to be an int from 1 to 65535"),
        (5, 1, False, "host to be a str"),
        (None, 1, False, "host to be a str"),
    ],
)
def test_what_no_server_can_have_is_refused(host: Any, port: Any, ssl: bool, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        server_url(host, port, ssl)
    assert "secret" not in str(caught.value)


def test_the_path_of_the_api() -> None:
    assert check_api_path("/api/v2") == "/api/v2"
    assert check_api_path("db/") == "/db"
    assert check_api_path("/") == ""
    with pytest.raises(InvalidArgumentError, match="does not speak API v1"):
        check_api_path("/api/v1")


def test_this_machine_has_many_names() -> None:
    assert all(is_loopback(host) for host in ("localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "::1", "a.localhost"))
    assert not any(is_loopback(host) for host in ("example.com", "10.0.0.1", "localhost.example.com", "0.0.0.0"))


def test_the_defaults_are_those_of_the_documentation() -> None:
    for made in (chromadb.HttpClient, chromadb.AsyncHttpClient):
        defaults = {name: each.default for name, each in inspect.signature(made).parameters.items()}
        assert defaults == {
            "host": "localhost",
            "port": 8000,
            "ssl": False,
            "headers": None,
            "settings": None,
            "tenant": "default_tenant",
            "database": "default_database",
        }


# --- arguments and settings --------------------------------------------------------------------------


def test_host_and_port_come_from_settings_where_no_argument_is_given(stub: Any) -> None:
    settings = Settings(chroma_server_host="127.0.0.1", chroma_server_http_port=stub.port)
    with chromadb.HttpClient(settings=settings) as client:
        assert client.heartbeat() == 1
        assert client.get_settings().chroma_server_host == "127.0.0.1"
    assert settings.chroma_api_impl == "chromadb.api.segment.SegmentAPI"


def test_an_argument_that_contradicts_the_settings_is_refused() -> None:
    for arguments in ({"host": "a"}, {"port": 2}):
        with pytest.raises(InvalidArgumentError, match="Expected one value of chroma_server_h"):
            chromadb.HttpClient(**arguments, settings=Settings(chroma_server_host="b", chroma_server_http_port=1))


def test_arguments_of_another_kind_are_refused() -> None:
    for arguments, message in (
        ({"host": 5}, "Expected host to be a str"),
        ({"host": " "}, "Expected host to be a name"),
        ({"port": "http"}, "Expected port to be an int"),
        ({"ssl": "no"}, "Expected ssl to be a bool"),
        ({"settings": {}}, r"Expected settings to be chromadb\.Settings"),
        ({"headers": "a: b"}, "Expected headers to be a dict"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            chromadb.HttpClient(**arguments)


def test_an_argument_goes_before_the_environment(stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_SERVER_HOST", "nowhere.invalid")
    monkeypatch.setenv("CHROMA_SERVER_HTTP_PORT", "1")
    with chromadb.HttpClient(host="localhost", port=stub.port) as client:
        assert client.heartbeat() == 1
    monkeypatch.setenv("CHROMA_SERVER_HOST", "localhost")
    monkeypatch.setenv("CHROMA_SERVER_HTTP_PORT", str(stub.port))
    with chromadb.HttpClient() as client:
        assert client.heartbeat() == 1


def test_a_port_may_be_written_as_a_text(stub: Any) -> None:
    with chromadb.HttpClient(host="localhost", port=str(stub.port)) as client:
        assert client.heartbeat() == 1


def test_a_server_behind_a_path(stub: Any) -> None:
    stub.answers = {f"/chroma{path}": answer for path, answer in stub.answers.items()}
    with chromadb.HttpClient(host=f"{stub.url}/chroma") as client:
        assert client.heartbeat() == 1


def test_an_api_that_begins_elsewhere(stub: Any) -> None:
    stub.answers = {path.replace("/api/v2", "/db"): answer for path, answer in stub.answers.items()}
    settings = Settings(chroma_server_api_default_path="/db/")
    with chromadb.HttpClient(port=stub.port, settings=settings) as client:
        assert client.heartbeat() == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_ipv6_address(serve: Callable[..., Any]) -> None:
    try:
        stub = serve(family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6 address")
    for host in ("::1", "[::1]", f"http://[::1]:{stub.port}"):
        with chromadb.HttpClient(host=host, port=stub.port) as client:
            assert client.heartbeat() == 1


# --- settings alone ----------------------------------------------------------------------------------


def test_a_client_of_a_server_by_settings_alone(stub: Any) -> None:
    settings = Settings(
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host="localhost",
        chroma_server_http_port=stub.port,
    )
    with chromadb.Client(settings) as client, chromadb.AdminClient(settings) as admin:
        assert client.heartbeat() == 1
        assert admin.get_tenant("default_tenant").name == "default_tenant"


def test_settings_that_are_assigned_after_they_were_made(stub: Any) -> None:
    settings = Settings()
    settings.chroma_api_impl = "chromadb.api.fastapi.FastAPI"
    settings.chroma_server_host = "localhost"
    settings.chroma_server_http_port = stub.port
    with chromadb.Client(settings) as client:
        assert client.heartbeat() == 1


def test_settings_without_a_host_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="chroma_server_host is needed here but not set"):
        chromadb.Client(Settings(chroma_api_impl="chromadb.api.fastapi.FastAPI"))


@pytest.mark.parametrize("api", ["rest", "chromadb.api.async_fastapi.AsyncFastAPI"])
def test_another_api_is_refused(api: str) -> None:
    with pytest.raises(InvalidArgumentError, match="Expected chroma_api_impl to be one of") as caught:
        chromadb.Client(Settings(chroma_api_impl=api, chroma_server_host="localhost"))
    assert ("await chromadb.AsyncHttpClient" in str(caught.value)) == ("async" in api)
