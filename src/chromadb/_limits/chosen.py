"""The enforcers that settings name. Settings that mean nothing, or cannot be kept, are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chromadb._limits.enforcers import AsyncRateLimitEnforcer, QuotaEnforcer, RateLimitEnforcer
from chromadb._limits.quotas import SimpleQuotaEnforcer
from chromadb._limits.rates import SimpleAsyncRateLimitEnforcer, SimpleRateLimitEnforcer
from chromadb._limits.runner import LimitedRunner
from chromadb._model.entities import TenantUsage
from chromadb._model.operations import Runner
from chromadb._settings import Settings
from chromadb._settings.classes import System, made, named_class
from chromadb.errors import InvalidArgumentError

_RATE, _ASYNC = "chroma_rate_limit_enforcer_impl", "chroma_async_rate_limit_enforcer_impl"
_QUOTA = "chroma_quota_enforcer_impl"

BUILT_IN: dict[str, Any] = {
    "chromadb.rate_limit.simple_rate_limit.SimpleRateLimitEnforcer": SimpleRateLimitEnforcer,
    "chromadb.rate_limit.simple_rate_limit.SimpleAsyncRateLimitEnforcer": SimpleAsyncRateLimitEnforcer,
    "chromadb.quota.simple_quota_enforcer.SimpleQuotaEnforcer": SimpleQuotaEnforcer,
}
"""Classes by the paths that settings name them by."""

_FORMER = {
    "chroma_rate_limiting_provider_impl": (
        "RateLimitingProvider gave way to RateLimitEnforcer. Name a class in chroma_rate_limit_enforcer_impl or "
        "chroma_async_rate_limit_enforcer_impl, or set chroma_rate_limit_requests_per_second"
    ),
    "chroma_quota_provider_impl": (
        "QuotaProvider gave way to QuotaEnforcer. Name a class in chroma_quota_enforcer_impl, or set "
        "chroma_quota_records_per_tenant and its like"
    ),
}

_QUOTAS = (
    "chroma_quota_collections_per_tenant",
    "chroma_quota_records_per_tenant",
    "chroma_quota_bytes_per_tenant",
)


class LimitSystem(System):
    """What enforcers are made with.

    Args:
        settings: of the client or the server.
        tenant_usage: counts what a tenant stores.
        shared: a folder that the processes of a server share; None for one that is alone.
    """

    def __init__(
        self, settings: Settings, tenant_usage: Callable[[str], TenantUsage] | None = None, shared: str | None = None
    ) -> None:
        super().__init__(settings)
        self.shared = shared
        if tenant_usage is not None:
            self.tenant_usage = tenant_usage


def check_limits(settings: Settings) -> None:
    """Raise if settings about limits cannot be kept.

    Raises:
        InvalidArgumentError: a class cannot be had, a setting is no more, or settings contradict each other.
    """
    for name, instead in _FORMER.items():
        if settings[name]:
            raise InvalidArgumentError(
                f"The setting {name} is no more since 0.5.12: {instead}. It is refused, not ignored, because the limit "
                "would not be kept."
            )
    named_class(settings, _RATE, RateLimitEnforcer, BUILT_IN)
    limiting = named_class(settings, _ASYNC, AsyncRateLimitEnforcer, BUILT_IN)
    quota = named_class(settings, _QUOTA, QuotaEnforcer, BUILT_IN)
    rate = settings.chroma_rate_limit_requests_per_second
    if settings.chroma_rate_limit_burst is not None and rate is None:
        raise InvalidArgumentError(
            "Expected chroma_rate_limit_requests_per_second beside chroma_rate_limit_burst, got none. Set it, or leave "
            "the burst out."
        )
    if rate is not None and not issubclass(limiting, SimpleAsyncRateLimitEnforcer):
        raise _in_vain("chroma_rate_limit_requests_per_second", _ASYNC, limiting)
    for name in _QUOTAS:
        if settings[name] is not None and not issubclass(quota, SimpleQuotaEnforcer):
            raise _in_vain(name, _QUOTA, quota)


def limited(runner: Runner, settings: Settings, tenant_usage: Callable[[str], TenantUsage]) -> Runner:
    """Return a runner that keeps to the limits that settings ask for; the runner itself if there are none.

    Args:
        runner: executes operations.
        settings: of the client or the server.
        tenant_usage: counts what a tenant stores.

    Raises:
        InvalidArgumentError: the limits cannot be kept.
    """
    check_limits(settings)
    if settings.chroma_quota_bytes_per_tenant is not None and not settings.is_persistent:
        raise InvalidArgumentError(
            "Expected chroma_quota_bytes_per_tenant to be left out for a database in memory, got "
            f"{settings.chroma_quota_bytes_per_tenant}: it is about files. Set is_persistent, or set "
            "chroma_quota_records_per_tenant."
        )
    rate_kind = named_class(settings, _RATE, RateLimitEnforcer, BUILT_IN)
    quota_kind = named_class(settings, _QUOTA, QuotaEnforcer, BUILT_IN)
    system = LimitSystem(settings, tenant_usage)
    rate = None if rate_kind is SimpleRateLimitEnforcer else made(_RATE, rate_kind, system)
    unlimited = quota_kind is SimpleQuotaEnforcer and all(settings[name] is None for name in _QUOTAS)
    quota = None if unlimited else made(_QUOTA, quota_kind, system)
    return runner if rate is None and quota is None else LimitedRunner(runner, rate, quota)


def request_enforcer(settings: Settings, shared: str | None) -> AsyncRateLimitEnforcer | None:
    """Return who decides how often requests may come; None if nobody does.

    Args:
        settings: of the server.
        shared: a folder that its processes share; None for one that is alone.

    Raises:
        InvalidArgumentError: the class cannot be had.
    """
    kind = named_class(settings, _ASYNC, AsyncRateLimitEnforcer, BUILT_IN)
    if kind is SimpleAsyncRateLimitEnforcer and settings.chroma_rate_limit_requests_per_second is None:
        return None
    enforcer: AsyncRateLimitEnforcer = made(_ASYNC, kind, LimitSystem(settings, shared=shared))
    return enforcer


def _in_vain(name: str, setting: str, kind: type) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Expected {name} to be left out with {setting} {kind.__module__}.{kind.__qualname__}, got one: that class "
        "need not look at it. Leave one of the two out, or derive the class from the simple one."
    )
