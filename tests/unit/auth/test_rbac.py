"""Roles: who may do what."""

from __future__ import annotations

from typing import Any

import pytest

from chromadb._wire.routes import ROUTES
from chromadb.auth import AuthError, AuthzAction, AuthzResource, UserIdentity
from chromadb.auth.simple_rbac_authz import SimpleRBACAuthorizationProvider
from chromadb.errors import InvalidArgumentError

CONFIG = """
roles_mapping:
  admin: {actions: ["system:reset", "collection:add", "collection:get"]}
  reader: {actions: ["collection:get"]}
users:
  - {id: alice, role: admin, tokens: ["a"]}
  - {id: rob, role: reader}
"""
ANYWHERE = AuthzResource("t", "d", "c")


def may(provider: Any, user: str, action: AuthzAction) -> bool:
    try:
        provider.authorize_or_raise(UserIdentity(user), action, ANYWHERE)
    except AuthError:
        return False
    return True


def test_a_role_lists_what_its_users_may_do(make: Any) -> None:
    provider = make(SimpleRBACAuthorizationProvider, authz_config=CONFIG)
    allowed = {
        user: {each for each in AuthzAction if may(provider, user, each)} for user in ("alice", "rob", "eve", "")
    }
    assert allowed == {
        "alice": {AuthzAction.RESET, AuthzAction.ADD, AuthzAction.GET},
        "rob": {AuthzAction.GET},
        "eve": set(),
        "": set(),
    }


def test_every_route_has_one_action_or_is_open_to_everybody() -> None:
    known = {action.value for action in AuthzAction}
    assert {route.name for route in ROUTES if route.action is None} == {
        "heartbeat",
        "version",
        "pre_flight_checks",
        "healthcheck",
    }
    assert {route.action for route in ROUTES if route.action is not None} <= known
    # The first is no route of its own, and the page of metrics is none of the API.
    assert known - {route.action for route in ROUTES} == {"db:get_or_create_collection", "system:metrics"}


def test_a_right_that_allows_nothing_by_itself_is_said(make: Any, caplog: pytest.LogCaptureFixture) -> None:
    config = CONFIG.replace('"collection:get"]}\nusers', '"collection:get", "db:get_or_create_collection"]}\nusers')
    make(SimpleRBACAuthorizationProvider, authz_config=config)
    assert "the role of 'rob' has db:get_or_create_collection, which allows nothing without" in caplog.text


@pytest.mark.parametrize(("former", "needed"), [("collection:peek", "collection:get"), ("db:reset", "system:reset")])
def test_a_right_that_is_no_more_is_said_and_allows_nothing(
    make: Any, caplog: pytest.LogCaptureFixture, former: str, needed: str
) -> None:
    provider = make(SimpleRBACAuthorizationProvider, authz_config=CONFIG.replace("collection:add", former))
    assert f"the action {former}, of the role 'admin', allows nothing: what does is {needed}" in caplog.text
    assert {each for each in AuthzAction if may(provider, "alice", each)} == {AuthzAction.RESET, AuthzAction.GET}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "collection:add",
            "collection:ad",
            "no action 'collection:ad', of the role 'admin' .* Did you mean collection:add",
        ),
        ("collection:add", "*", r"no action '\*'.* There are: system:reset"),
        ("role: reader", "role: ghost", "the role of the user 'rob' .* one of 'admin', 'reader'; got 'ghost'"),
        (", role: reader", "", "the user 'rob' .* to have a role, got none"),
        ("actions:", "action:", "a list of actions for each role"),
        ('["collection:get"]', "collection:get", "a list of actions for each role"),
        ("roles_mapping:", "roles:", "to be users and roles_mapping, got 'roles'"),
        ("id: rob, role: reader", "id: alice, role: reader", "one role for the user 'alice'"),
        ("reader:", "admin:", "every key in .* once, got 'admin'"),
        (CONFIG, "users: [{id: a, role: b}]", "roles_mapping .* to name roles, got none"),
        (CONFIG, "roles_mapping: {a: {actions: []}}", "a list of users"),
    ],
)
def test_a_file_that_is_written_wrongly_is_explained(make: Any, old: str, new: str, message: str) -> None:
    assert old in CONFIG
    with pytest.raises(InvalidArgumentError, match=message):
        make(SimpleRBACAuthorizationProvider, authz_config=CONFIG.replace(old, new))
