"""Users and roles, as a file in YAML names them: ``users`` and ``roles_mapping``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from chromadb._auth.actions import AuthzAction
from chromadb._auth.credentials import parse_yaml
from chromadb._auth.scope import ANY
from chromadb._model.names import describe, shorten
from chromadb.errors import InvalidArgumentError

ANONYMOUS = "anonymous"
"""The name of somebody whose token is all that is known."""

TOKEN = re.compile(r"[\x21-\x7e]+")
"""A token: printable ASCII without spaces, which is what a header can carry."""

_KEYS = ("users", "roles_mapping")
# The published example lists there, for the reader, what the actions are.
_REMARKS = ("resource_type_action",)
_Text = Annotated[str, msgspec.Meta(min_length=1)]


class User(msgspec.Struct, forbid_unknown_fields=True):
    """One of the ``users``."""

    id: _Text = ANONYMOUS
    role: str | None = None
    tenant: _Text = ANY
    databases: Annotated[list[_Text], msgspec.Meta(min_length=1)] = msgspec.field(default_factory=lambda: [ANY])
    tokens: list[str] = []

    def __repr__(self) -> str:
        return f"User({self.id!r})"


class _Role(msgspec.Struct, forbid_unknown_fields=True):
    actions: list[str]


def read_users(lines: list[str], where: str) -> list[User]:
    """Return the users of a file.

    Raises:
        InvalidArgumentError: there are none, or one is written wrongly; `where` says in the message where.
    """
    return _users(_read(lines, where), where)


def read_roles(lines: list[str], where: str) -> dict[str, frozenset[str]]:
    """Return the actions that users may do, by the id of the user.

    Raises:
        InvalidArgumentError: users or roles are missing or written wrongly.
    """
    content = _read(lines, where)
    roles = _roles(content.get("roles_mapping"), where)
    allowed: dict[str, frozenset[str]] = {}
    for user in _users(content, where):
        if user.role is None:
            raise InvalidArgumentError(f"Expected the user {user.id!r} in {where} to have a role, got none.")
        if user.role not in roles:
            raise InvalidArgumentError(
                f"Expected the role of the user {user.id!r} in {where} to be one of {', '.join(map(repr, roles))}; got "
                f"{shorten(user.role)}. Add it to roles_mapping."
            )
        if allowed.setdefault(user.id, roles[user.role]) != roles[user.role]:
            raise InvalidArgumentError(f"Expected one role for the user {user.id!r} in {where}, got two.")
    return allowed


def _read(lines: list[str], where: str) -> Mapping[str, Any]:
    content = parse_yaml(lines, where)
    if not isinstance(content, dict):
        raise InvalidArgumentError(f"Expected {where} to hold users in YAML, got a {type(content).__name__}.")
    for key in content:
        if key not in (*_KEYS, *_REMARKS):
            raise InvalidArgumentError(
                f"Expected the keys in {where} to be {' and '.join(_KEYS)}, got {describe(key)}."
            )
    return content


def _users(content: Mapping[str, Any], where: str) -> list[User]:
    entries = content.get("users")
    if not isinstance(entries, list) or not entries:
        raise InvalidArgumentError(
            f"Expected a list of users in {where}, got {'none' if not entries else 'another thing'}."
        )
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(msgspec.convert(entry, User))
        except msgspec.ValidationError as error:
            raise InvalidArgumentError(
                f"Expected user {number} in {where} to have id, role, tokens, and perhaps tenant and databases: "
                f"{str(error).rstrip('.')}. Numbers are written in quotes."
            ) from None
    return found


def _roles(mapping: Any, where: str) -> dict[str, frozenset[str]]:
    try:
        roles = msgspec.convert(mapping or {}, dict[str, _Role])
    except msgspec.ValidationError as error:
        raise InvalidArgumentError(
            f"Expected roles_mapping in {where} to have a list of actions for each role: {str(error).rstrip('.')}."
        ) from None
    if not roles:
        raise InvalidArgumentError(f"Expected roles_mapping in {where} to name roles, got none.")
    known = [action.value for action in AuthzAction]
    for name, role in roles.items():
        for action in role.actions:
            if action not in known:
                close = difflib.get_close_matches(action, known, n=1)
                hint = f" Did you mean {close[0]}?" if close else f" There are: {', '.join(known)}."
                raise InvalidArgumentError(
                    f"There is no action {shorten(action)}, of the role {name!r} in {where}.{hint}"
                )
    return {name: frozenset(role.actions) for name, role in roles.items()}
