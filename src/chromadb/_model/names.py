"""Names of tenants, databases, collections and records."""

from __future__ import annotations

import re
import reprlib
import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError, InvalidUUIDError

DEFAULT_TENANT = "default_tenant"
DEFAULT_DATABASE = "default_database"

_COLLECTION_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}", re.ASCII)


def check_text(value: str, what: str) -> str:
    """Return `value`, or raise if it is not Unicode text that can be stored (lone surrogates cannot).

    Raises:
        InvalidArgumentError: the text holds a lone surrogate; `what` says in the message where it stood.
    """
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InvalidArgumentError(
                f"Expected {what} to be valid Unicode text, got a lone surrogate "
                f"{value[error.start]!r} at position {error.start}. Decode the text with its true encoding, "
                f"or clean it with text.encode('utf-8', 'replace').decode()."
            ) from None
    return value


def check_collection_name(name: Any) -> str:
    """Return `name`, or raise if a collection cannot be called so.

    3 to 63 characters of ``[A-Za-z0-9._-]``, both ends alphanumeric, no two dots in a row, not an IPv4 address.

    Raises:
        InvalidArgumentError: the rule that is broken, and the name.
    """
    if not isinstance(name, str):
        raise InvalidArgumentTypeError(f"Expected the collection name to be a str, got {describe(name)}.")
    rule = None
    if not 3 <= len(name) <= 63:
        rule = f"3 to 63 characters long; it has {len(name)}"
    elif not _COLLECTION_NAME.fullmatch(name):
        rule = "made of letters, digits, '.', '_' and '-', with a letter or a digit at both ends"
    elif ".." in name:
        rule = "without two dots in a row"
    elif _IPV4.fullmatch(name):
        rule = "something else than an IPv4 address"
    if rule:
        raise InvalidArgumentError(f"Expected the collection name to be {rule}; got {shorten(name)}.")
    return name


def check_space_name(name: Any, kind: str) -> str:
    """Return `name`, or raise if a tenant or database (`kind`) cannot be called so: at least 3 characters.

    Raises:
        InvalidArgumentError: the rule that is broken, and the name.
    """
    text = check_lookup(name, kind)
    if len(text) < 3:
        raise InvalidArgumentError(f"Expected the {kind} name to have at least 3 characters, got {shorten(text)}.")
    return text


def check_lookup(name: Any, kind: str) -> str:
    """Return the name of something that is looked up, or raise if nothing can have it: no text at all.

    Raises:
        InvalidArgumentError: the name.
    """
    if not isinstance(name, str):
        raise InvalidArgumentTypeError(f"Expected the {kind} name to be a str, got {describe(name)}.")
    return check_text(plain_text(name), f"the {kind} name")


_uuid = lru_cache(maxsize=128)(uuid.UUID)
"""Few, as texts of any length stand for one."""


def check_collection_id(value: Any) -> uuid.UUID:
    """Return `value` as a UUID.

    Raises:
        InvalidUUIDError: it is not one.
    """
    if isinstance(value, uuid.UUID):
        return value
    try:
        return _uuid(value)
    except (ValueError, TypeError, AttributeError):
        raise InvalidUUIDError(f"Expected the collection id to be a UUID, got {describe(value)}.") from None


def shorten(value: Any, limit: int = 80) -> str:
    """Return ``repr(value)``, cut to `limit` characters, for a message. Never fails, and never takes long."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = limit
    short.maxlist = short.maxtuple = short.maxdict = short.maxset = short.maxarray = 8
    try:
        text = repr(value[: limit + 1]) if isinstance(value, str) else short.repr(value)
    except (ValueError, RecursionError):
        # An int with more digits than Python converts to text.
        text = f"<{type(value).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def list_hint(value: Any, what: str) -> str:
    """Return what to do about something that only has to be made a list, such as a generator or a set; else ""."""
    if isinstance(value, (str, bytes, bytearray, Mapping)) or not isinstance(value, Iterable):
        return ""
    return f" Pass list({what})."


def plain_text(value: str) -> str:
    """Return the text of a str, also of an enum of strings or of numpy's str_."""
    return value if type(value) is str else str.__str__(value)


def describe(value: Any) -> str:
    """Return the value and its type, for a message: ``5 (int)``."""
    return f"{shorten(value)} ({type(value).__name__})"
