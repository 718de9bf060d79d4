"""Attempts: who tries in vain waits, and who has proved who they are does not."""

from __future__ import annotations

from chromadb._auth.attempts import (
    CLIENTS,
    FIRST,
    FREE,
    LONGEST,
    MOST_WAITING,
    PROOFS,
    Attempts,
    Proofs,
    address_of,
)
from chromadb.auth import UserIdentity


def fail(attempts: Attempts, address: str, now: float) -> float | None:
    """Begin an attempt and end it in vain; return how long it had to wait."""
    wait = attempts.begin(address, now)
    attempts.end(address, proved=False)
    return wait


def test_each_further_attempt_in_vain_waits_twice_as_long_up_to_a_limit() -> None:
    attempts = Attempts()
    waits = [fail(attempts, "a", 0.0) for _ in range(FREE + 10)]
    assert waits[:FREE] == [0.0] * FREE
    assert waits[FREE : FREE + 3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert waits[-1] == LONGEST
    assert fail(attempts, "b", 0.0) == 0.0, "other addresses do not wait"


def test_attempts_in_vain_are_forgiven_with_time() -> None:
    attempts = Attempts()
    for _ in range(FREE + 3):
        fail(attempts, "a", 0.0)
    assert (fail(attempts, "a", 1.0) or 0) > 0
    assert fail(attempts, "a", 1000.0) == 0.0


def test_many_at_once_are_no_way_around() -> None:
    attempts = Attempts()
    waits = [attempts.begin("a", 0.0) for _ in range(MOST_WAITING + 5)]
    assert waits[FREE : FREE + 2] == [FIRST, 2 * FIRST]
    assert waits[MOST_WAITING:] == [None] * 5
    attempts.end("a", proved=False)
    assert attempts.begin("a", 0.0) == LONGEST


def test_who_proves_who_they_are_leaves_no_trace() -> None:
    attempts = Attempts()
    for _ in range(100):
        assert attempts.begin("a", 0.0) == 0.0
        attempts.end("a", proved=True)


def test_what_is_remembered_has_a_limit() -> None:
    attempts, proofs = Attempts(), Proofs()
    for number in range(CLIENTS + 10):
        fail(attempts, str(number), 0.0)
    for number in range(PROOFS + 10):
        proofs.remember(proofs.digest([str(number)]), UserIdentity("u"), 1.0)
    assert len(attempts._clients) == CLIENTS
    assert len(proofs._proofs) == PROOFS


def test_a_proof_holds_for_its_time_and_for_these_very_values() -> None:
    proofs = Proofs()
    digest = proofs.digest(["authorization", "Bearer s3cret"])
    proofs.remember(digest, UserIdentity("u"), 10.0)
    assert proofs.find(digest, 9.0) == UserIdentity("u")
    assert proofs.find(digest, 10.0) is None
    assert proofs.find(proofs.digest(["authorizationB", "earer s3cret"]), 0.0) is None
    assert Proofs().digest(["authorization", "Bearer s3cret"]) != digest, "each process has a key of its own"
    assert "s3cret" not in repr(vars(proofs))


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    assert address_of("2001:db8:1:2:3:4:5:6") == address_of("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert address_of("2001:db8:1:3::1") != address_of("2001:db8:1:2::1")
    assert address_of("::ffff:192.0.2.1") == address_of("192.0.2.1") == "192.0.2.1"
    assert address_of("fe80::1%eth0") == "fe80::/64"
    assert (address_of("unix:"), address_of("")) == ("unix:", "")
