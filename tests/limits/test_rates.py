"""Rates: how often somebody may ask."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

import chromadb
from chromadb._limits.buckets import REACH, Buckets
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError, RateLimitError
from chromadb.rate_limit import AsyncRateLimitEnforcer, RateLimitEnforcer
from chromadb.rate_limit.simple_rate_limit import SimpleAsyncRateLimitEnforcer

Start = Callable[..., Any]

TENANT = "/api/v2/tenants/default_tenant"


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    buckets = Buckets(rate=10, burst=3)
    assert [buckets.take("a", 100.0) for _ in range(3)] == [0, 0, 0]
    wait = buckets.take("a", 100.0)
    assert wait == pytest.approx(0.1)
    assert buckets.take("a", 100.0 + wait) == 0
    assert buckets.take("a", 100.0 + wait) > 0
    assert buckets.take("b", 100.0) == 0
    assert [buckets.take("a", 200.0) for _ in range(4)][:3] == [0, 0, 0]


def test_what_was_refused_costs_nothing() -> None:
    buckets = Buckets(rate=1, burst=1)
    assert buckets.take("a", 0.5) == 0
    for _ in range(100):
        assert buckets.take("a", 0.5) == pytest.approx(1)
    assert buckets.take("a", 1.5) == 0


def test_any_number_of_others_takes_nothing_from_anybody() -> None:
    buckets = Buckets(rate=1, burst=2)
    allowed = sum(buckets.take(f"address {number}", 1000.0) == 0 for number in range(20_000))
    assert allowed == 20_000
    assert buckets.take("address 19999", 1000.0) == 0
    assert buckets.take("address 19999", 1000.0) > 0
    assert REACH > 1


def _take(file: str) -> int:
    buckets = Buckets(rate=0.001, burst=1000, file=file)
    return sum(buckets.take("a", time.monotonic()) == 0 for _ in range(800))


def test_processes_share_their_buckets(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        taken = list(pool.map(_take, [str(tmp_path / "rates")] * 2))
    # Two that read the same instant count as one, so that a few more may pass.
    assert 1000 <= sum(taken) < 1600
    assert Buckets(0.001, 1000, str(tmp_path / "rates")).take("a", time.monotonic()) > 0


def test_too_many_requests_are_answered_with_429_and_a_time(start_server: Start) -> None:
    server = start_server(chroma_rate_limit_requests_per_second=0.5, chroma_rate_limit_burst=3)
    with httpx.Client(base_url=server.url) as http:
        assert [http.get(TENANT).status_code for _ in range(3)] == [200] * 3
        answer = http.get(TENANT)
        assert answer.status_code == 429
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["error"] == "RateLimitError"
        assert "chroma_rate_limit_requests_per_second" in answer.json()["message"]
        # What watches a server is not counted.
        assert http.get("/api/v2/heartbeat").status_code == 200
        assert http.get("/api/v2/healthcheck").status_code == 200


def test_workers_share_what_they_allow(start_server: Start) -> None:
    server = start_server(2, chroma_rate_limit_requests_per_second=0.01, chroma_rate_limit_burst=10)
    answers = [httpx.get(server.url + TENANT).status_code for _ in range(30)]
    assert answers.count(200) == 10
    assert answers.count(429) == 20


def test_every_user_is_counted_alone(start_server: Start, tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text("users:\n- id: one\n  tokens: [token-one]\n- id: two\n  tokens: [token-two]\n")
    server = start_server(
        chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
        chroma_server_authn_credentials_file=str(users),
        chroma_rate_limit_requests_per_second=0.01,
        chroma_rate_limit_burst=2,
    )

    def ask(token: str) -> int:
        return httpx.get(server.url + TENANT, headers={"authorization": f"Bearer {token}"}).status_code

    assert [ask("token-one") for _ in range(3)] == [200, 200, 429]
    assert [ask("token-two") for _ in range(3)] == [200, 200, 429]


def test_clients_wait_as_long_as_they_are_asked_to(start_server: Start) -> None:
    server = start_server(chroma_rate_limit_requests_per_second=2, chroma_rate_limit_burst=4)
    with chromadb.HttpClient(server.url) as client:
        collection = client.get_or_create_collection("letters", embedding_function=None)
        for number in range(4):
            collection.add(ids=[str(number)], embeddings=[[1.0, 2.0]])
        assert collection.count() == 4


def test_clients_say_how_long_to_wait_where_that_is_long(start_server: Start) -> None:
    server = start_server(chroma_rate_limit_requests_per_second=0.05, chroma_rate_limit_burst=4)
    client = chromadb.HttpClient(server.url)
    while (error := refusal(client)) is None:
        pass
    assert "at most 0.05 requests a second" in error.message()
    assert error.retry_after is not None
    assert 10 < error.retry_after <= 20
    client.close()


def refusal(client: Any) -> RateLimitError | None:
    try:
        client.count_collections()
    except RateLimitError as error:
        return error
    return None


async def _asynchronously(url: str) -> None:
    client = await chromadb.AsyncHttpClient(url)
    for _ in range(3):
        await client.count_collections()
    together = await asyncio.gather(*(client.count_collections() for _ in range(40)), return_exceptions=True)
    assert {type(each) for each in together} == {int, RateLimitError}
    await client.close()


def test_asynchronous_clients_wait_too(start_server: Start) -> None:
    server = start_server(chroma_rate_limit_requests_per_second=1, chroma_rate_limit_burst=4)
    asyncio.run(_asynchronously(server.url))


class Recording(AsyncRateLimitEnforcer):
    """An enforcer of somebody else's."""

    seen: list[tuple[str, dict[str, Any]]] = []  # noqa: RUF012

    def rate_limit(self, func: Any) -> Any:
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            self.seen.append((func.__name__, kwargs))
            if kwargs["request"].headers.get("x-slow-down"):
                raise RateLimitError("Slow down.")
            return await func(*args, **kwargs)

        return wrapper


def test_a_class_of_somebody_else_decides(clean_environment: pytest.MonkeyPatch) -> None:
    from chromadb._server.app import Application

    Recording.seen.clear()
    settings = Settings(chroma_async_rate_limit_enforcer_impl=f"{__name__}.Recording")
    application = Application(settings)
    application.open()
    transport = httpx.ASGITransport(application)

    async def ask() -> list[int]:
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            one = await http.get(f"{TENANT}/databases/default_database/collections_count")
            two = await http.get(TENANT, headers={"x-slow-down": "yes"})
            return [one.status_code, two.status_code]

    assert asyncio.run(ask()) == [200, 429]
    application.close()
    names = [name for name, _ in Recording.seen]
    assert names == ["count_collections", "get_tenant"]
    assert Recording.seen[0][1]["tenant"] == "default_tenant"
    assert Recording.seen[0][1]["database_name"] == "default_database"
    assert Recording.seen[0][1]["request"].client.host == "127.0.0.1"


class Closed(RateLimitEnforcer):
    """Allows nothing that writes."""

    def rate_limit(self, func: Any) -> Any:
        def wrapper(operation: Any) -> Any:
            if type(operation).__name__ == "CreateCollection":
                raise RateLimitError("Not now.")
            return func(operation)

        return wrapper


def test_operations_of_an_embedded_client_can_be_limited() -> None:
    with chromadb.EphemeralClient(Settings(chroma_rate_limit_enforcer_impl=f"{__name__}.Closed")) as client:
        assert client.count_collections() >= 0
        with pytest.raises(RateLimitError, match="Not now"):
            client.create_collection("letters")


class Broken(AsyncRateLimitEnforcer):
    """Cannot be made."""

    def __init__(self, system: Any) -> None:
        raise KeyError("x")

    def rate_limit(self, func: Any) -> Any:
        return func


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chroma_rate_limiting_provider_impl": "a.B"}, "gave way to RateLimitEnforcer"),
        ({"chroma_quota_provider_impl": "a.B"}, "gave way to QuotaEnforcer"),
        ({"chroma_rate_limit_burst": 3}, "beside chroma_rate_limit_burst"),
        ({"chroma_async_rate_limit_enforcer_impl": "nowhere.Missing"}, "derived from AsyncRateLimitEnforcer"),
        ({"chroma_rate_limit_enforcer_impl": "chromadb.config.Settings"}, "derived from RateLimitEnforcer"),
        ({"chroma_quota_enforcer_impl": "x"}, "derived from QuotaEnforcer"),
        (
            {
                "chroma_async_rate_limit_enforcer_impl": f"{__name__}.Recording",
                "chroma_rate_limit_requests_per_second": 3,
            },
            "to be left out with chroma_async_rate_limit_enforcer_impl",
        ),
        ({"chroma_async_rate_limit_enforcer_impl": f"{__name__}.Broken"}, "cannot be made: it raised KeyError"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused_at_the_start(settings: dict[str, Any], message: str) -> None:
    from chromadb._server.app import Application

    with pytest.raises(InvalidArgumentError, match=message):
        Application(Settings(**settings)).open()


def test_a_mistyped_limit_is_refused_at_the_start(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path, start_server: Start
) -> None:
    clean_environment.setenv("CHROMA_RATE_LIMIT_REQUEST_PER_SECOND", "3")
    with pytest.raises(AssertionError, match="Did you mean chroma_rate_limit_requests_per_second"):
        start_server()


def test_the_simple_enforcer_allows_everything_unless_a_rate_is_set() -> None:
    class System:
        settings = Settings()

    async def func() -> int:
        return 1

    assert SimpleAsyncRateLimitEnforcer(System()).rate_limit(func) is func


def test_a_network_of_ipv6_is_one_address() -> None:
    class System:
        settings = Settings(chroma_rate_limit_requests_per_second=0.01, chroma_rate_limit_burst=2)

    async def func(*, request: Any) -> str:
        return str(request.client.host)

    limited = SimpleAsyncRateLimitEnforcer(System()).rate_limit(func)

    def ask(host: str) -> bool:
        request = SimpleNamespace(state=SimpleNamespace(user_identity=None), client=SimpleNamespace(host=host))
        try:
            return asyncio.run(limited(request=request)) == host
        except RateLimitError:
            return False

    assert [ask(f"2001:db8:0:1::{number:x}") for number in range(1, 5)] == [True, True, False, False]
    assert ask("2001:db8:0:2::1")
    assert [ask("192.0.2.1"), ask("::ffff:192.0.2.1"), ask("192.0.2.1")] == [True, True, False]


@pytest.mark.parametrize("rate", [0, -1, 5e-324, 1e-7, 1e7, float("nan"), float("inf"), True, "many"])
def test_a_rate_that_cannot_be_kept_is_refused(rate: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="chroma_rate_limit_requests_per_second to be a number"):
        Settings(chroma_rate_limit_requests_per_second=rate)


@pytest.mark.parametrize("burst", [0, -1, 10**9 + 1, 10**400, 1.5, True])
def test_a_burst_that_cannot_be_counted_is_refused(burst: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="chroma_rate_limit_burst to be an integer"):
        Settings(chroma_rate_limit_burst=burst)
