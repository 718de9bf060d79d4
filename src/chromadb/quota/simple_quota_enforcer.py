"""The enforcer of quotas (public path; defined in `_limits`)."""

from chromadb._limits.quotas import SimpleQuotaEnforcer

__all__ = ["SimpleQuotaEnforcer"]
