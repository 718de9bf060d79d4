"""Authorization by roles."""

from __future__ import annotations

import logging

from chromadb._auth.actions import AuthzAction, AuthzResource
from chromadb._auth.credentials import source
from chromadb._auth.providers import ServerAuthorizationProvider
from chromadb._auth.users import read_roles
from chromadb._model.entities import UserIdentity
from chromadb._model.names import shorten
from chromadb._settings.classes import HasSettings
from chromadb.errors import ChromaAuthError

logger = logging.getLogger("chromadb.server")


class SimpleRBACAuthorizationProvider(ServerAuthorizationProvider):
    """Allows what the role of somebody lists, wherever it is done.

    The configuration is YAML: ``users``, each with ``id`` and ``role``, and ``roles_mapping``, each with ``actions``.

    Raises:
        InvalidArgumentError: it is missing or written wrongly.
    """

    threads = 0

    def __init__(self, system: HasSettings) -> None:
        super().__init__(system)
        where = source(self._settings, "chroma_server_authz_config")
        self._allowed = read_roles(self.read_config_or_config_file(), where)
        create, other = AuthzAction.CREATE_COLLECTION.value, AuthzAction.GET_OR_CREATE_COLLECTION.value
        for user, actions in self._allowed.items():
            if other in actions and create not in actions:
                logger.warning("the role of %r has %s, which allows nothing without %s", user, other, create)

    def authorize_or_raise(self, user: UserIdentity, action: AuthzAction, resource: AuthzResource) -> None:
        """Return if the role of `user` has the action.

        Raises:
            AuthError: it has not, or the user has no role.
        """
        if action.value not in self._allowed.get(user.user_id, ()):
            raise ChromaAuthError(f"Forbidden: the role of {shorten(user.user_id)} does not have {action.value}.")
