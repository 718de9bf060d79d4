"""TLS: a server with a certificate, clients that trust it or do not, and certificates that cannot be used."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

import chromadb
from chromadb._server.tls import tls_context, why_untrusted
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError, ServerCertificateError, ServerConnectionError

PROVIDER = "chromadb.auth.token_authn.TokenAuth{}Provider"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """An authority that nobody knows."""
    return trustme.CA()


@pytest.fixture(scope="module")
def files(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate for localhost, its key, both in one, and the authority."""
    folder = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for part in issued.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    authority.issue_cert("localhost").private_key_pem.write_to_path(folder / "other.pem")
    (folder / "empty.pem").touch()
    (folder / "text.pem").write_text("no certificate")
    _encrypt(folder)
    return folder


def _encrypt(folder: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(b"s3cret")
    form = serialization.PrivateFormat.PKCS8
    (folder / "encrypted.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any], files: Path) -> Any:
    """A server with TLS, two workers and a token."""
    return start_server(
        workers=2,
        chroma_server_ssl_certfile=str(files / "cert.pem"),
        chroma_server_ssl_keyfile=str(files / "encrypted.pem"),
        chroma_server_ssl_keyfile_password="s3cret",
        chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
        chroma_server_authn_credentials="t0ken",
    )


def settings(verify: Any, token: str = "t0ken") -> Settings:
    return Settings(
        chroma_server_ssl_verify=verify,
        chroma_client_auth_provider="chromadb.auth.token_authn.TokenAuthClientProvider",
        chroma_client_auth_credentials=token,
    )


def test_clients_that_trust_it_are_served(server: Any, files: Path) -> None:
    assert server.banner.startswith(f"Chroma listens on https://localhost:{server.port}")
    for verify in (str(files / "ca.pem"), False):
        with chromadb.HttpClient(port=server.port, ssl=True, settings=settings(verify)) as client:
            client.get_or_create_collection("letters", embedding_function=None).upsert("a", [[1, 2]])
            assert client.list_collections() == ["letters"]

    async def main() -> int:
        chosen = settings(str(files / "ca.pem"))
        async with await chromadb.AsyncHttpClient(host=f"https://localhost:{server.port}", settings=chosen) as client:
            return await (await client.get_collection("letters", embedding_function=None)).count()

    assert asyncio.run(main()) == 1


def test_clients_that_do_not_trust_it_say_so_before_they_send_a_token(server: Any) -> None:
    for verify in (True, None):
        with pytest.raises(ServerCertificateError, match="is not trusted"):
            chromadb.HttpClient(port=server.port, ssl=True, settings=settings(verify))


def test_who_speaks_no_tls_gets_nothing(server: Any) -> None:
    with pytest.raises(ServerConnectionError):
        chromadb.HttpClient(port=server.port, settings=settings(None))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_of_tls_are_refused(server: Any) -> None:
    import socket

    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("localhost", server.port), timeout=30) as plain,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(plain).close()


@pytest.mark.parametrize(
    ("certificate", "key", "password", "message"),
    [
        (None, "key.pem", None, "ssl_certfile to be set with chroma_server_ssl_keyfile, got none"),
        (None, None, "s3cret", "ssl_certfile to be set with chroma_server_ssl_keyfile_password, got none"),
        ("missing.pem", None, None, "ssl_certfile to be a file that can be read, got .*missing.pem': No such file"),
        ("cert.pem", "missing.pem", None, "ssl_keyfile to be a file that can be read"),
        ("empty.pem", None, None, "which is empty"),
        ("text.pem", None, None, "to be PEM files of a certificate and its key"),
        ("cert.pem", "text.pem", None, "to be PEM files of a certificate and its key"),
        ("cert.pem", None, None, "keyfile names it"),
        ("cert.pem", "other.pem", None, "to be that of the certificate in .*cert.pem', got another"),
        (
            "cert.pem",
            "encrypted.pem",
            None,
            "ssl_keyfile_password to be set, for it encrypts the key in .*encrypted.pem', got none",
        ),
        ("cert.pem", "encrypted.pem", "s3cret?", "ssl_keyfile_password to be that of the key in .*, got another"),
        ("cert.pem", "encrypted.pem", "s3cret" * 1000, "Expected chroma_server_ssl"),
    ],
)
def test_what_cannot_be_used_is_explained(
    files: Path, certificate: str | None, key: str | None, password: str | None, message: str
) -> None:
    chosen = Settings(
        chroma_server_ssl_certfile=certificate and str(files / certificate),
        chroma_server_ssl_keyfile=key and str(files / key),
        chroma_server_ssl_keyfile_password=password,
    )
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        tls_context(chosen)
    assert "s3cret" not in str(caught.value) + repr(chosen)


def test_a_setting_of_clients_makes_no_server_speak_tls() -> None:
    with pytest.raises(InvalidArgumentError, match="ssl_certfile to be set with chroma_server_ssl_enabled, got none"):
        tls_context(Settings(chroma_server_ssl_enabled=True))


def test_key_and_certificate_may_be_in_one_file(files: Path) -> None:
    assert tls_context(Settings(chroma_server_ssl_certfile=str(files / "both.pem"))) is not None
    assert tls_context(Settings()) is None


def test_a_certificate_that_has_expired_is_found_out(authority: trustme.CA, tmp_path: Path, files: Path) -> None:
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    for name, begins, ends, expected in (
        ("old", now - 2 * day, now - day, "certificate has expired"),
        ("early", now + day, now + 2 * day, "certificate is not yet valid"),
        ("fine", now - day, now + day, None),
    ):
        path = tmp_path / f"{name}.pem"
        issued = authority.issue_cert("localhost", not_before=begins, not_after=ends)
        issued.private_key_and_cert_chain_pem.write_to_path(path)
        context = tls_context(Settings(chroma_server_ssl_certfile=str(path)))
        assert context is not None
        assert why_untrusted(context, str(path)) == expected
