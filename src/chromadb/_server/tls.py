"""TLS: the certificate of the server, tried out before there is a server."""

from __future__ import annotations

import ssl

from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError

_CERTIFICATE, _KEY, _PASSWORD = (f"chroma_server_ssl_{name}" for name in ("certfile", "keyfile", "keyfile_password"))


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return how the server speaks TLS, None if it does not.

    Raises:
        InvalidArgumentError: a file is missing or is something else, the key is of another certificate, the password is
            wrong, or settings contradict each other.
    """
    certificate, key = settings.chroma_server_ssl_certfile, settings.chroma_server_ssl_keyfile
    password = settings.chroma_server_ssl_keyfile_password
    if certificate is None:
        for name in (_KEY, _PASSWORD, "chroma_server_ssl_enabled"):
            if settings[name]:
                raise InvalidArgumentError(
                    f"Expected {_CERTIFICATE} to be set with {name}, got none: the server would not be encrypted. Set "
                    f"{_CERTIFICATE}, or leave {name} out."
                )
        return None
    for name, path in ((_CERTIFICATE, certificate), (_KEY, key)):
        _check_file(name, path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    asked: list[str] = []

    def tell() -> str:
        """Tell OpenSSL the password, which it would ask for on the terminal."""
        asked.append(password or "")
        return password or ""

    try:
        context.load_cert_chain(certificate, key, tell)
    except (OSError, ValueError, ssl.SSLError) as error:
        raise InvalidArgumentError(_explained(error, certificate, key, asked)) from None
    return context


def why_untrusted(context: ssl.SSLContext, certificate: str) -> str | None:
    """Return why nobody can trust a certificate, though it can be loaded; None if somebody may.

    It is shown to a client that trusts it, over memory.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server)
    pending = [client, server]
    for _ in range(10):
        for side in tuple(pending):
            try:
                side.do_handshake()
                pending.remove(side)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return str(error.reason or error)
    return None


def _check_file(name: str, path: str | None) -> None:
    if path is None:
        return
    try:
        with open(path, "rb") as file:
            start = file.read(1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidArgumentError(f"Expected {name} to be a file that can be read, got {path!r}: {reason}.") from None
    if not start:
        raise InvalidArgumentError(f"Expected {name} to be a PEM file, got {path!r}, which is empty.")


def _explained(error: Exception, certificate: str, key: str | None, asked: list[str]) -> str:
    reason = str(getattr(error, "reason", "") or "")
    if "KEY_VALUES_MISMATCH" in reason or "KEY_TYPE_MISMATCH" in reason:
        return (
            f"Expected the key in {key or certificate!r} to be that of the certificate in {certificate!r}, got another."
        )
    if asked:
        state = "that of" if asked[0] else "set, for it encrypts"
        got = "another" if asked[0] else "none"
        return f"Expected {_PASSWORD} to be {state} the key in {key or certificate!r}, got {got}."
    hint = "" if key else f" Where the key is in a file of its own, {_KEY} names it."
    return (
        f"Expected {_CERTIFICATE} and {_KEY} to be PEM files of a certificate and its key, got {certificate!r} and "
        f"{key!r}: {reason or error}.{hint}"
    )
