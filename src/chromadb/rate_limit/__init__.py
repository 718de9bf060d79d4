"""Interfaces of enforcers of rate limits (public path; defined in `_limits`)."""

from chromadb._limits.enforcers import AsyncRateLimitEnforcer, RateLimitEnforcer

__all__ = ["AsyncRateLimitEnforcer", "RateLimitEnforcer"]
