"""Enforcers of rate limits (public path; defined in `_limits`)."""

from chromadb._limits.rates import SimpleAsyncRateLimitEnforcer, SimpleRateLimitEnforcer

__all__ = ["SimpleAsyncRateLimitEnforcer", "SimpleRateLimitEnforcer"]
