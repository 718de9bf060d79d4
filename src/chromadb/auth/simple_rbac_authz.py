"""Authorization by roles (public path; defined in `_auth`)."""

from chromadb._auth.rbac import SimpleRBACAuthorizationProvider

__all__ = ["SimpleRBACAuthorizationProvider"]
