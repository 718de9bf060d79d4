"""Access: who sends a request, and whether they may do what it asks for.

A request passes `identify`, before its body is read, and `admit`, which decides by what its path and query name. What a
body names is decided by `confirm`, on the operation that is run. Records are reached by the id of a collection, which
says nothing about whose it is: `placed` has the engine look for it nowhere but where the caller may be.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast
from uuid import UUID

from msgspec import structs

from chromadb._auth.actions import AuthzAction, AuthzResource
from chromadb._auth.attempts import FIRST, Attempts, Proofs, address_of
from chromadb._auth.protection import Protection
from chromadb._auth.scope import check_scope, databases_of, is_limited, maybe_set_tenant_and_database
from chromadb._model import operations as op
from chromadb._model.entities import Address, CollectionInfo, UserIdentity
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT, check_collection_id, shorten
from chromadb._model.operations import Operation, R
from chromadb._server.pool import Pool
from chromadb._server.refusals import Refusal
from chromadb._server.request import Request
from chromadb._server.router import Match
from chromadb._wire.routes import Route, Template
from chromadb.errors import ChromaAuthError, ChromaError, InternalError, InvalidCollectionException

logger = logging.getLogger("chromadb.server")

_ALWAYS_OPEN = (op.GetMaxBatchSize, op.CheckHealth)
"""What clients ask before they know anything, and what watches a server."""

_NAMED_IN_BODY = (op.CreateTenant, op.CreateDatabase, op.CreateCollection)

_UNTELLING = {
    *("accept", "accept-encoding", "connection", "content-length", "content-type"),
    *("traceparent", "tracestate", "user-agent", "x-request-id"),
}
"""Headers that prove nothing, to a provider that does not say which ones do."""

_CREDENTIALS = ("authorization", "x-chroma-token")

_REMEMBERED = 300.0
"""Seconds for which somebody who was known waits for nobody, where the provider asks to be asked each time."""

UNKNOWN = (
    "Forbidden: the credentials are missing or not known. Clients send what chroma_client_auth_provider and "
    "chroma_client_auth_credentials say."
)

Find = Callable[[UUID], Awaitable[CollectionInfo]]
"""Looks a collection up by its id, wherever it is."""


class Target(NamedTuple):
    """What the path and the query of a request name; None for what the route does not have."""

    tenant: str | None
    database: str | None
    collection: str | None


class Access:
    """The guard of a server.

    Args:
        protection: the providers.
        most: requests that may wait for them at once.
        seconds: that they may take.
    """

    def __init__(self, protection: Protection, most: int, seconds: float) -> None:
        self._authentication = protection.authentication
        self._authorization = protection.authorization
        self._overwrites = protection.overwrites
        self._attempts = Attempts()
        self._proofs = Proofs()
        self._pending: dict[bytes, asyncio.Future[UserIdentity | Exception]] = {}
        # Checks take turns of their own, so that requests of those who are known never wait behind them.
        self._checks = Pool(max(1, self._authentication.threads), most, seconds)
        self._decisions = Pool(max(1, self._authorization.threads if self._authorization else 1), most, seconds)

    def close(self) -> None:
        """Let go of the threads."""
        self._checks.close()
        self._decisions.close()

    # --- who asks ---------------------------------------------------------------------------------

    async def identify(self, request: Request, route: Route) -> UserIdentity | None:
        """Return who sends a request, None where everybody may.

        Raises:
            Refusal: 403, it is not known; 429, there were too many attempts.
        """
        method = "GET" if request.method == "HEAD" else request.method
        if route.operation in _ALWAYS_OPEN:
            return None
        if self._authentication.ignore_operation(method, request.path.rstrip("/")):
            return None
        return await self.authenticate(request)

    async def authenticate(self, request: Request) -> UserIdentity:
        """Return who sends a request.

        Raises:
            Refusal: 403, it is not known; 429, there were too many attempts.
        """
        provider, now = self._authentication, time.monotonic()
        headers = _headers(request)
        if provider.credential_headers and not any(name in headers for name in provider.credential_headers):
            raise Refusal(403, "AuthError", UNKNOWN)
        digest = self._proofs.digest(_telling(headers, provider.credential_headers))
        known = self._proofs.find(digest, now)
        pending = self._pending.get(digest)
        if known is None and pending is not None:
            # Many requests of a client that begins are one attempt.
            found = await asyncio.shield(pending)
            if isinstance(found, Exception):
                raise found
            known = found
        if known is not None:
            return known if provider.remember_seconds else await self._check(headers)
        pending = self._pending[digest] = asyncio.get_running_loop().create_future()
        try:
            identity = await self._attempt(address_of(request.client), headers, now)
        except BaseException as error:
            pending.set_result(error if isinstance(error, Exception) else _broken(provider))
            raise
        finally:
            del self._pending[digest]
        pending.set_result(identity)
        self._proofs.remember(digest, identity, time.monotonic() + (provider.remember_seconds or _REMEMBERED))
        return identity

    async def _attempt(self, address: str, headers: dict[str, str], now: float) -> UserIdentity:
        """Check credentials that are not known, when it is the turn of the address they come from."""
        wait = self._attempts.begin(address, now)
        if wait is None:
            raise Refusal(
                429,
                "RateLimitError",
                "There are too many attempts from this address to prove who it is. Try again later.",
                ((b"retry-after", b"2"),),
            )
        proved = False
        try:
            if wait:
                if wait < 2 * FIRST:
                    logger.warning("%s has tried in vain to prove who it is, and waits from now on", address)
                await asyncio.sleep(wait)
            identity = await self._check(headers)
            proved = True
            return identity
        finally:
            self._attempts.end(address, proved=proved)

    async def admit_to(self, action: AuthzAction, request: Request) -> None:
        """Return if whoever sends a request may do something that concerns all tenants.

        Raises:
            Refusal: as `authenticate` and `admit`.
        """
        if self._authentication.ignore_operation("GET", request.path.rstrip("/")):
            return
        user = await self.authenticate(request)
        if is_limited(user):
            raise _forbidden(f"{action.value} concerns all tenants, these credentials are for one.")
        await self._decide(user, action, Target(None, None, None))

    async def _check(self, headers: dict[str, str]) -> UserIdentity:
        provider = self._authentication

        def check() -> UserIdentity:
            try:
                identity: object = provider.authenticate_or_raise(headers)
            except Exception as error:
                raise _refused(error, provider, UNKNOWN) from None
            if not isinstance(identity, UserIdentity):
                logger.error("%s gives a %s, not a UserIdentity", type(provider).__name__, type(identity).__name__)
                raise _broken(provider)
            return identity

        return await self._checks.run(check, writes=True) if provider.threads else check()

    # --- what they may do -------------------------------------------------------------------------

    async def admit(
        self, user: UserIdentity, found: Match, parameters: Mapping[str, str], find: Find
    ) -> dict[str, str]:
        """Return the parameters that a request goes on with: tenant and database are those that somebody may use.

        Raises:
            Refusal: 403, not allowed.
            InvalidCollectionException: a collection named by its id alone is not there, or where they may not be.
        """
        action = found.route.action
        if action is None or found.route.operation is op.GetUserIdentity:
            return dict(parameters)
        if action.startswith("system:") and is_limited(user):
            raise _forbidden(f"{action} concerns all tenants, these credentials are for one.")
        target, missing = self._target(user, found.template, parameters), None
        if target.collection is not None and target.tenant is None:
            target, missing = await _located(user, target, find)
        if found.route.operation not in _NAMED_IN_BODY:
            await self._decide(user, AuthzAction(action), target)
        if missing is not None:
            raise missing
        places = {"tenant": target.tenant, "database": target.database}
        return {**parameters, **{name: place for name, place in places.items() if place is not None}}

    def confirm(self, user: UserIdentity, operation: Operation[Any]) -> None:
        """Decide about what the body of a request names; to be called in a thread.

        Raises:
            Refusal: 403, not allowed.
        """
        if isinstance(operation, op.CreateTenant):
            action, target = AuthzAction.CREATE_TENANT, Target(operation.name, None, None)
        elif isinstance(operation, op.CreateDatabase):
            action, target = AuthzAction.CREATE_DATABASE, Target(operation.tenant, operation.name, None)
        elif isinstance(operation, op.CreateCollection):
            action = AuthzAction.CREATE_COLLECTION
            target = Target(operation.tenant, operation.database, operation.name)
        else:
            return
        _check_scope(user, target.tenant, target.database)
        self._authorize(user, action, target)

    def _target(self, user: UserIdentity, template: Template, parameters: Mapping[str, str]) -> Target:
        """Return what a request names, the defaults included; somebody who may use one place only is led there.

        Raises:
            Refusal: 403, they may not use it.
        """
        names = {*template.segments, *template.query}
        tenant = parameters.get("tenant", DEFAULT_TENANT) if "tenant" in names else None
        database = parameters.get("database", DEFAULT_DATABASE) if "database" in names else None
        if tenant is not None and self._overwrites:
            with _refusing():
                tenant, own = maybe_set_tenant_and_database(user, True, tenant, database)
            database = own if database is not None else None
        _check_scope(user, tenant, database)
        collection = parameters.get("collection_id" if "collection_id" in names else "name")
        return Target(tenant, database, collection if names & {"collection_id", "name"} else None)

    async def _decide(self, user: UserIdentity, action: AuthzAction, target: Target) -> None:
        if self._authorization is not None and self._authorization.threads:
            await self._decisions.run(lambda: self._authorize(user, action, target), writes=True)
        else:
            self._authorize(user, action, target)

    def _authorize(self, user: UserIdentity, action: AuthzAction, target: Target) -> None:
        if self._authorization is None:
            return
        try:
            self._authorization.authorize_or_raise(user, action, AuthzResource(*target))
        except Exception as error:
            text = f"Forbidden: {shorten(user.user_id)} may not do {action.value} here."
            raise _refused(error, self._authorization, text, "Forbidden") from None


def placed(operation: Operation[Any], parameters: Mapping[str, str]) -> Operation[Any]:
    """Return an operation on a collection that is named by its id, which finds it in this tenant and database only."""
    address = getattr(operation, "address", None)
    if address is None:
        return operation
    place = Address(parameters["tenant"], parameters["database"], address.collection)
    return structs.replace(operation, address=place)


def run_for(user: UserIdentity, engine: op.Runner, operation: Operation[R]) -> R:
    """Run an operation for somebody; of what it lists they are told what they may use."""
    result: Any
    allowed = databases_of(user)
    if isinstance(operation, op.GetUserIdentity):
        result = user
    elif isinstance(operation, op.ListDatabases) and allowed is not None:
        everything = engine.run(structs.replace(operation, limit=None, offset=0))
        mine = [each for each in everything if each.name in allowed][operation.offset :]
        result = mine[: operation.limit]
    else:
        result = engine.run(operation)
    return cast(R, result)


# --- helpers ----------------------------------------------------------------------------------------


async def _located(user: UserIdentity, target: Target, find: Find) -> tuple[Target, ChromaError | None]:
    """Return where a collection is that is named by its id alone, as over API v1, and the error if it is nowhere.

    Somebody who may not be there is told the same as if it did not exist.
    """
    id = check_collection_id(target.collection)
    missing = InvalidCollectionException(f"Collection {id} does not exist. It may have been deleted.")
    try:
        info = await find(id)
        check_scope(user, info.tenant, info.database)
    except (InvalidCollectionException, ChromaAuthError):
        return target, missing
    return Target(info.tenant, info.database, target.collection), None


def _headers(request: Request) -> dict[str, str]:
    """Return the headers of a request.

    Raises:
        Refusal: 403, a credential is given twice: who came before may have looked at the other one.
    """
    headers: dict[str, str] = {}
    for name, value in request.all_headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")
        if key in headers and key in _CREDENTIALS:
            raise _forbidden("a credential is given twice.")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _telling(headers: Mapping[str, str], names: Sequence[str]) -> list[str]:
    """Return what of the headers can prove something."""
    chosen = names or sorted(name for name in headers if name not in _UNTELLING)
    return [part for name in chosen if name in headers for part in (name, headers[name])]


def _check_scope(user: UserIdentity, tenant: str | None, database: str | None) -> None:
    with _refusing():
        check_scope(user, tenant, database)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except ChromaAuthError as error:
        raise Refusal(403, "AuthError", error.message(), detail="Forbidden") from None


def _forbidden(text: str) -> Refusal:
    return Refusal(403, "AuthError", f"Forbidden: {text}", detail="Forbidden")


def _refused(error: Exception, provider: object, text: str, detail: str | None = None) -> Exception:
    """Return what a request is answered with because a provider raised an error, whose own text may be secret."""
    if isinstance(error, ChromaAuthError) or getattr(error, "status_code", None) in (401, 403):
        return Refusal(403, "AuthError", text, detail=detail)
    if isinstance(error, ChromaError):
        return error
    frames = [f"{each.filename}:{each.lineno} in {each.name}" for each in traceback.extract_tb(error.__traceback__)]
    logger.error("%s raised %s at %s", type(provider).__name__, type(error).__name__, " < ".join(reversed(frames)))
    return _broken(provider)


def _broken(provider: object) -> InternalError:
    return InternalError(
        f"The provider {type(provider).__name__} failed, so that nothing is allowed. The log says more."
    )
