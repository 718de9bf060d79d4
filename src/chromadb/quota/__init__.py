"""The interface of enforcers of quotas (public path; defined in `_limits`)."""

from chromadb._limits.enforcers import Action, QuotaEnforcer

__all__ = ["Action", "QuotaEnforcer"]
