"""Tenants and databases of an identity."""

from __future__ import annotations

import pytest

from chromadb._auth.scope import check_scope, is_limited
from chromadb.auth import AuthError, UserIdentity
from chromadb.auth.utils import maybe_set_tenant_and_database

T, D = "default_tenant", "default_database"


@pytest.mark.parametrize(
    ("tenant", "databases", "inside", "outside"),
    [
        (None, None, [("t1", "d1"), ("t2", None), (None, None)], []),
        ("*", ["*"], [("t1", "d1"), ("t2", None)], []),
        ("t1", ["*"], [("t1", "d1"), ("t1", None)], [("t2", "d1"), ("t2", None), ("T1", None), ("", None)]),
        ("t1", ["d1", "d2"], [("t1", "d1"), ("t1", "d2"), ("t1", None)], [("t1", "d3"), ("t2", "d1"), ("t1", "*")]),
        ("*", ["d1"], [("t2", "d1"), ("t2", None)], [("t2", "d2")]),
        ("t1", [], [("t1", None)], [("t1", "d1")]),
    ],
)
def test_somebody_may_use_their_own(
    tenant: str | None, databases: list[str] | None, inside: list[tuple[str, str]], outside: list[tuple[str, str]]
) -> None:
    user = UserIdentity("u", tenant, databases)
    assert is_limited(user) == bool(outside)
    for place in inside:
        check_scope(user, *place)
    for place in outside:
        with pytest.raises(AuthError, match="Forbidden: these credentials are for"):
            check_scope(user, *place)


@pytest.mark.parametrize(
    ("tenant", "databases", "asked", "settled"),
    [
        ("t1", ["d1"], (None, None), ("t1", "d1")),
        ("t1", ["d1"], (T, D), ("t1", "d1")),
        ("t1", ["d1"], ("t1", "d1"), ("t1", "d1")),
        ("t1", ["d1", "d2"], (T, D), ("t1", D)),
        ("t1", ["*"], (T, D), ("t1", D)),
        ("*", ["d1"], (T, D), (T, "d1")),
        (None, None, ("t2", "d2"), ("t2", "d2")),
        ("*", ["*"], (None, None), (None, None)),
    ],
)
def test_the_default_names_give_way_to_the_only_ones(
    tenant: str | None, databases: list[str] | None, asked: tuple[str, str], settled: tuple[str, str]
) -> None:
    user = UserIdentity("u", tenant, databases)
    assert maybe_set_tenant_and_database(user, True, *asked) == settled
    assert maybe_set_tenant_and_database(user, False, *asked) == asked


def test_another_name_than_the_only_one_is_refused() -> None:
    user = UserIdentity("u", "t1", ["d1"])
    for asked in (("t2", "d1"), ("t1", "d2")):
        with pytest.raises(AuthError, match=r"these credentials are for the (tenant 't1'|database 'd1'), not for"):
            maybe_set_tenant_and_database(user, True, *asked)
