"""What goes wrong on the way to a server: the error names the cause."""

from __future__ import annotations

import asyncio
import socket
import ssl
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import trustme

import chromadb
from chromadb.config import Settings
from chromadb.errors import (
    ChromaAuthError,
    ChromaError,
    InternalError,
    InvalidArgumentError,
    InvalidCollectionException,
    NotFoundError,
    RateLimitError,
    ServerAnswerError,
    ServerCertificateError,
    ServerConnectionError,
    ServerTimeoutError,
    UniqueConstraintError,
    VersionMismatchError,
)

Connect = Callable[..., Any]

ONCE = Settings(chroma_http_retries=0)


def connect_sync(**arguments: Any) -> None:
    chromadb.HttpClient(**arguments).close()


def connect_async(**arguments: Any) -> None:
    async def main() -> None:
        await (await chromadb.AsyncHttpClient(**arguments)).close()

    asyncio.run(main())


@pytest.fixture(params=[connect_sync, connect_async], ids=["sync", "async"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Return a function that makes a client, of one kind and of the other."""
    found: Connect = request.param
    return found


def test_nobody_listens(connect: Connect, free_port: int) -> None:
    with pytest.raises(
        ServerConnectionError, match=rf"http://localhost:{free_port}: the connection was refused.*chroma run"
    ):
        connect(port=free_port)


def test_the_traceback_is_short(connect: Connect, free_port: int) -> None:
    with pytest.raises(ServerConnectionError) as caught:
        connect(port=free_port, settings=ONCE)
    assert "httpcore" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is not None


def test_the_name_of_the_host_is_unknown(connect: Connect) -> None:
    with pytest.raises(
        ServerConnectionError, match=r"http://nowhere\.invalid:8000: the name of the host cannot be resolved"
    ):
        connect(host="nowhere.invalid")


def test_what_callers_of_published_versions_catch(connect: Connect, free_port: int) -> None:
    for kind in (ValueError, ConnectionError, OSError, ChromaError):
        with pytest.raises(kind, match="Could not connect to"):
            connect(port=free_port, settings=ONCE)


def test_https_where_the_server_speaks_http(connect: Connect, stub: Any) -> None:
    with pytest.raises(ServerCertificateError, match=r"by TLS: .*speaks plain HTTP: leave out ssl=True"):
        connect(port=stub.port, ssl=True)


def test_http_where_the_server_speaks_https(connect: Connect, serve: Callable[..., Any], tls: ssl.SSLContext) -> None:
    with pytest.raises((ServerConnectionError, ServerAnswerError), match=r"HTTPS \(ssl=True\)"):
        connect(port=serve(tls=tls).port)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return an authority of certificates that nobody knows."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return the trust of a server whose certificate is for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_a_certificate_that_nobody_vouches_for(
    connect: Connect, serve: Callable[..., Any], tls: ssl.SSLContext
) -> None:
    with pytest.raises(ServerCertificateError, match=r"is not trusted \(.*\)\. Give .*chroma_server_ssl_verify"):
        connect(port=serve(tls=tls).port, ssl=True)


def test_a_certificate_for_another_host(
    connect: Connect, serve: Callable[..., Any], tls: ssl.SSLContext, authority: trustme.CA, tmp_path: Any
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = Settings(chroma_server_ssl_verify=str(tmp_path / "ca.pem"))
    with pytest.raises(ServerCertificateError, match="is not trusted"):
        connect(host="127.0.0.1", port=serve(tls=tls).port, ssl=True, settings=settings)


def test_whom_to_trust_is_a_file_or_a_choice(
    connect: Connect, serve: Callable[..., Any], tls: ssl.SSLContext, authority: trustme.CA, tmp_path: Any
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stub = serve(tls=tls)
    for verify in (str(tmp_path / "ca.pem"), False, "false"):
        connect(port=stub.port, ssl=True, settings=Settings(chroma_server_ssl_verify=verify))
        connect(host=stub.url, settings=Settings(chroma_server_ssl_verify=verify))


def test_trust_from_the_environment(
    connect: Connect,
    serve: Callable[..., Any],
    tls: ssl.SSLContext,
    authority: trustme.CA,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    connect(port=serve(tls=tls).port, ssl=True)


def test_a_file_of_certificates_that_is_none(connect: Connect, tmp_path: Any) -> None:
    (tmp_path / "empty.pem").write_text("")
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        with pytest.raises(InvalidArgumentError, match=r"path of a file or directory of PEM certificates; got .*\.pem"):
            connect(ssl=True, settings=Settings(chroma_server_ssl_verify=str(path)))


# --- something else listens there --------------------------------------------------------------------


def test_what_listens_speaks_no_http(connect: Connect, one_answer: Callable[[bytes], int]) -> None:
    for banner in (b"SSH-2.0-OpenSSH_9.9\r\n", b"+OK ready to serve you\r\n\r\n", b"\0" * 100):
        with pytest.raises((ServerAnswerError, ServerConnectionError), match="Is it a Chroma server"):
            connect(host="127.0.0.1", port=one_answer(banner), settings=ONCE)


def test_what_listens_hangs_up(connect: Connect, one_answer: Callable[[bytes], int]) -> None:
    with pytest.raises(ServerConnectionError, match=r"connection to .* broke"):
        connect(host="127.0.0.1", port=one_answer(b""))


@pytest.mark.parametrize(
    "answer",
    [
        (b"<html>Welcome!</html>", 200, {"content-type": "text/html"}),
        (b"<html>Not found</html>", 404, {"content-type": "text/html"}),
        ({"detail": "Not Found"}, 404),
        ({"detail": "Method Not Allowed"}, 405),
        (b"The plain HTTP request was sent to an HTTPS port", 400, {"content-type": "text/html"}),
        (b"oops", 500, {"content-type": "text/plain"}),
        ({"a": 1},),
        ([],),
        (b"",),
        (b"\xff\xfe",),
        ({"max_batch_size": "many"},),
    ],
    ids=repr,
)
def test_what_listens_is_another_service(connect: Connect, stub: Any, answer: Any) -> None:
    stub.answers = {"/api/v2/pre-flight-checks": answer}
    status = answer[1] if len(answer) > 1 else 200
    with pytest.raises(ServerAnswerError, match=f"listens at {stub.url} is no Chroma server.*status {status}"):
        connect(port=stub.port)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any]) -> Any:
    """A server of our own."""
    return start_server()


@pytest.mark.parametrize("path", ["/foo", "/api/v3", "/api/v2/tenants"])
def test_a_path_below_which_there_is_no_api(connect: Connect, server: Any, path: str) -> None:
    with pytest.raises(ServerAnswerError) as caught:
        connect(host=f"{server.url}{path}")
    assert caught.value.message() == (
        f"There is a Chroma server, but its API does not begin at {server.url}{path}: it does not know "
        f"{path}/api/v2/pre-flight-checks. Check the path in the host, or leave it out."
    )


def test_what_listens_sends_elsewhere(connect: Connect, stub: Any) -> None:
    stub.answers = {"/api/v2/pre-flight-checks": (b"", 301, {"location": "https://example.com/"})}
    with pytest.raises(ServerAnswerError, match=r"redirects to https://example\.com/"):
        connect(port=stub.port)


def test_a_server_that_speaks_the_former_api_alone(connect: Connect, stub: Any) -> None:
    stub.answers = {"/api/v1/version": "0.4.24"}
    with pytest.raises(VersionMismatchError, match=r"is Chroma 0\.4\.24, which speaks API v1"):
        connect(port=stub.port)


def test_a_proxy_whose_server_is_away(connect: Connect, stub: Any) -> None:
    stub.answers = {"/api/v2/pre-flight-checks": (b"<html>", 503, {"content-type": "text/html"})}
    settings = Settings(chroma_http_retries=0)
    with pytest.raises(ServerConnectionError, match=r"is not available: status 503, text/html, '<html>'"):
        connect(port=stub.port, settings=settings)


def test_a_wrong_answer_later_on(stub: Any) -> None:
    with chromadb.HttpClient(port=stub.port) as client:
        for answer in (b"<html>", {"a": 1}, [1]):
            stub.answers["/api/v2/heartbeat"] = (answer,)
            with pytest.raises(VersionMismatchError, match="answered heartbeat in a way that this client does not"):
                client.heartbeat()
        stub.answers["/api/v2/heartbeat"] = (b"gone", 404, {"content-type": "text/plain"})
        with pytest.raises(ServerAnswerError, match=r"does not know GET /api/v2/heartbeat: status 404"):
            client.heartbeat()


# --- what the server says ----------------------------------------------------------------------------


def test_the_tenant_or_the_database_is_missing(connect: Connect, stub: Any) -> None:
    told = {"error": "NotFoundError", "message": "Tenant [nobody] not found"}
    stub.answers["/api/v2/tenants/nobody"] = (told, 404)
    stub.answers["/api/v2/tenants/default_tenant/databases/nothing"] = ({**told, "message": "No database"}, 404)
    with pytest.raises(NotFoundError, match="nobody") as caught:
        connect(port=stub.port, tenant="nobody")
    assert not isinstance(caught.value, InvalidCollectionException)
    with pytest.raises(NotFoundError, match="No database"):
        connect(port=stub.port, database="nothing")


def test_it_is_forbidden(connect: Connect, stub: Any) -> None:
    for answer in (
        ({"error": "AuthError", "message": "Forbidden"}, 403),
        ({"detail": "Forbidden"}, 403),
        (b"no", 403, {"content-type": "text/plain"}),
    ):
        stub.answers["/api/v2/tenants/default_tenant"] = answer
        with pytest.raises(ChromaAuthError):
            connect(port=stub.port)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (({"error": "InvalidArgumentError", "message": "the text"}, 400), InvalidArgumentError),
        (({"error": "ChromaError", "message": "the text"}, 409), UniqueConstraintError),
        (({"error": "UniqueConstraintError", "message": "the text"}, 409), UniqueConstraintError),
        (({"error": "RateLimitError", "message": "the text"}, 429), RateLimitError),
        (({"error": "InternalError", "message": "the text"}, 500), InternalError),
        (({"error": "KeyError('the text')"}, 500), InternalError),
        (({"detail": "the text"}, 500), InternalError),
        (({"detail": [{"msg": "the text"}]}, 422), InvalidArgumentError),
    ],
    ids=repr,
)
def test_the_error_of_a_server_is_raised_as_its_class(stub: Any, answer: Any, kind: type[ChromaError]) -> None:
    stub.answers["/api/v2/tenants"] = answer
    settings = Settings(chroma_api_impl="chromadb.api.fastapi.FastAPI", chroma_server_host=stub.url)
    with chromadb.AdminClient(settings) as admin, pytest.raises(kind, match="the text"):
        admin.create_tenant("acme")


def test_an_error_of_the_server_itself_names_the_request_in_its_log(stub: Any) -> None:
    told = {"error": "InternalError", "message": "It failed."}
    with chromadb.HttpClient(port=stub.port) as client:
        stub.answers["/api/v2/heartbeat"] = (told, 500, {"x-request-id": "abc123"})
        with pytest.raises(InternalError, match=r"^It failed\. The log of the server knows it as request abc123\.$"):
            client.heartbeat()


# --- time --------------------------------------------------------------------------------------------


def test_a_server_that_is_silent(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(chroma_http_timeout_seconds=0.05)
        with pytest.raises(ServerTimeoutError, match=r"was silent for 0\.05 s.*chroma_http_timeout_seconds") as caught:
            connect(host="127.0.0.1", port=silent.getsockname()[1], settings=settings)
        assert isinstance(caught.value, TimeoutError)


def test_a_connection_that_takes_too_long(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        # Connections wait once the backlog is full.
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(full.getsockname())
            settings = Settings(chroma_http_connect_timeout_seconds=0.05, chroma_http_retries=0)
            with pytest.raises(ServerTimeoutError, match=r"within 0\.05 s.*chroma_http_connect_timeout_seconds"):
                connect(host="127.0.0.1", port=full.getsockname()[1], settings=settings)
        finally:
            for each in waiting:
                each.close()


def test_the_proxy_of_the_environment_is_named(
    connect: Connect, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port}")
    with pytest.raises(ServerConnectionError, match=r"Could not connect to .*proxy"):
        connect(host="example.invalid", settings=Settings(chroma_http_retries=0))
