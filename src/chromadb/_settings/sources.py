"""Where settings come from besides arguments, and the names of former versions that are refused."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from chromadb._model.names import shorten
from chromadb.errors import InvalidArgumentError

DOTENV_PATH = ".env"

_NEW_HEADER = "use chroma_auth_token_transport_header"
_NEW_CLIENT = "chroma_client_auth_provider does its work now, with chroma_client_auth_credentials"
_NEW_SERVER = "chroma_server_authn_provider does its work now"

# Authentication was renamed in April 2024 (0.5.0). To ignore a former name would open a server that its
# operator believes to be closed, or send requests without the credentials that were meant.
REMOVED_AUTH_SETTINGS = {
    "chroma_client_auth_token_transport_header": _NEW_HEADER,
    "chroma_server_auth_token_transport_header": _NEW_HEADER,
    "chroma_client_auth_credentials_provider": _NEW_CLIENT,
    "chroma_client_auth_protocol_adapter": _NEW_CLIENT,
    "chroma_client_auth_credentials_file": "give the credentials in chroma_client_auth_credentials",
    "chroma_server_auth_provider": "use chroma_server_authn_provider",
    "chroma_server_auth_configuration_provider": _NEW_SERVER,
    "chroma_server_auth_credentials_provider": _NEW_SERVER,
    "chroma_server_auth_credentials_file": "use chroma_server_authn_credentials_file",
    "chroma_server_auth_credentials": "use chroma_server_authn_credentials",
    "chroma_server_auth_configuration_file": "use chroma_server_authn_credentials_file",
    "chroma_server_authn_configuration_file": "use chroma_server_authn_credentials_file",
    "chroma_server_authz_ignore_paths": "use chroma_server_auth_ignore_paths",
}

# An application may well have variables like CHROMA_AUTH_TOKEN of its own in the environment, so that
# less is taken there for a mistyped setting than among the arguments, which are all meant for us.
_AUTH_PREFIXES = ("chroma_server_auth", "chroma_client_auth", "chroma_auth_")
_AUTH_PREFIXES_IN_ENVIRONMENT = ("chroma_server_authn_", "chroma_server_authz_")

_PROTECTING = (
    "chroma_server_auth",
    "chroma_server_ssl",
    "chroma_server_cors",
    "chroma_server_max",
    "chroma_rate_limit",
    "chroma_quota_",
)

_STORAGE_BEFORE_0_4 = ("duckdb", "clickhouse")


class Found(NamedTuple):
    """A value found outside of the arguments."""

    value: str
    source: str


def read_environment(known: Collection[str]) -> dict[str, Found]:
    """Return the settings named by `known` from the process environment and, behind it, from ``.env``.

    Names are matched without regard to case, the upper-case spelling first; empty values count as absent;
    foreign names are passed over.

    Raises:
        InvalidArgumentError: a former or mistyped authentication setting, or a ``.env`` that cannot be read.
    """
    found: dict[str, Found] = {}
    for label, variables in (("environment variable {}", os.environ.items()), (".env file, {}", dotenv())):
        # Sorted by spelling: upper case stands before lower case.
        for spelling, value in sorted(pair for pair in variables if pair[0].lower() not in found):
            name = spelling.lower()
            source = label.format(spelling)
            if not value or name in found:
                continue
            if name in known:
                found[name] = Found(value, source)
            elif name in REMOVED_AUTH_SETTINGS or name.startswith(_AUTH_PREFIXES_IN_ENVIRONMENT):
                raise _auth_error(name, source, known)
    return found


def refuse_unprotecting(known: Collection[str]) -> None:
    """Raise if the environment or ``.env`` names no setting, but nearly one that protects a server.

    Clients pass it over, because it may be a variable of the application's own. A server is what it is meant for.

    Raises:
        InvalidArgumentError: which one.
    """
    for label, variables in (("environment variable {}", os.environ.items()), (".env file, {}", dotenv())):
        for spelling, value in variables:
            if value and spelling.lower().startswith(_PROTECTING) and spelling.lower() not in known:
                raise _auth_error(spelling.lower(), label.format(spelling), known)


def dotenv() -> Iterable[tuple[str, str]]:
    """Return the names and values of the file ``.env``, without those that are empty.

    Raises:
        InvalidArgumentError: it cannot be read.
    """
    # A virtual environment is a directory that is often called .env.
    if not os.path.isfile(DOTENV_PATH):
        return ()
    from dotenv import dotenv_values

    try:
        variables = dotenv_values(DOTENV_PATH, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(
            f"The file .env in the working directory may hold settings but cannot be read "
            f"({type(error).__name__}). Save it as UTF-8 and readable, or start from another directory."
        ) from None
    return [(name, value) for name, value in variables.items() if value]


def refuse_or_warn(name: str, value: Any, source: str, known: Collection[str], stacklevel: int) -> None:
    """Raise for an unknown authentication setting, warn of any other unknown setting.

    Args:
        stacklevel: as in :func:`warnings.warn`, counted from the caller of this function.

    Raises:
        InvalidArgumentError: `name` is, or looks like, an authentication setting, and `value` is not empty.
    """
    if value not in (None, "") and (name in REMOVED_AUTH_SETTINGS or name.startswith(_AUTH_PREFIXES)):
        raise _auth_error(name, source, known)
    warnings.warn(
        f"There is no setting {name}: it has no effect.{_closest(name, known)}",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def unknown_name_error(name: object, known: Collection[str]) -> InvalidArgumentError:
    """Return the error for reading a setting that does not exist."""
    return InvalidArgumentError(f"There is no setting {name!r}.{_closest(str(name), known)}")


def refuse_storage_before_0_4(value: str | None, source: str) -> None:
    """Raise if `value`, of ``chroma_db_impl``, asks for the storage of releases before 0.4."""
    if value is not None and any(part in value.lower() for part in _STORAGE_BEFORE_0_4):
        raise InvalidArgumentError(
            f"Expected the setting chroma_db_impl to be left out, got {shorten(value)} ({source}): the storage of "
            f"releases before 0.4, which is neither read nor written here. Open chromadb.PersistentClient(path=...) "
            f"on a new directory. To keep old data, read it with the release that wrote it and add the "
            f"records again, or convert it with chroma-migrate first."
        )


def _auth_error(name: str, source: str, known: Collection[str]) -> InvalidArgumentError:
    advice = REMOVED_AUTH_SETTINGS.get(name)
    if advice is None:
        text = f"There is no setting {name} ({source}).{_closest(name, known)}"
    else:
        text = f"The setting {name} ({source}) is no more: {advice}."
    return InvalidArgumentError(
        f"{text} It is refused, not ignored, because access would not be protected as it asks for."
    )


def _closest(name: str, known: Collection[str]) -> str:
    import difflib

    matches = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean {matches[0]}?" if matches else ""
