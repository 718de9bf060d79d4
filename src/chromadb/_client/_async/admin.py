"""Admin clients."""

from __future__ import annotations

from types import TracebackType

from chromadb._client.system import CLOSED, AsyncSystem
from chromadb._model import operations as op
from chromadb._model.entities import Database, Tenant
from chromadb._model.names import DEFAULT_TENANT, check_lookup, check_space_name
from chromadb._model.results import check_count


class AsyncAdminClient:
    """Makes and deletes tenants and databases. A context manager: it closes itself at the end."""

    def __init__(self, system: AsyncSystem) -> None:
        self._system = system
        self._runner: op.AsyncRunner = system.begin()

    @classmethod
    def from_system(cls, system: AsyncSystem) -> AsyncAdminClient:
        """Return a client that shares the system of another one; both must be closed before it ends."""
        return cls(system.share())

    async def create_tenant(self, name: str) -> None:
        """Make a tenant; it has no database yet.

        Raises:
            UniqueConstraintError: it exists already.
            InvalidArgumentError: the name has less than 3 characters.
        """
        await self._runner.run(op.CreateTenant(check_space_name(name, "tenant")))

    async def get_tenant(self, name: str) -> Tenant:
        """Return a tenant.

        Raises:
            NotFoundError: it does not exist.
        """
        return await self._runner.run(op.GetTenant(check_lookup(name, "tenant")))

    async def create_database(self, name: str, tenant: str = DEFAULT_TENANT) -> None:
        """Make a database.

        Raises:
            UniqueConstraintError: it exists already.
            NotFoundError: the tenant does not exist.
            InvalidArgumentError: the name has less than 3 characters.
        """
        await self._runner.run(op.CreateDatabase(check_space_name(name, "database"), check_lookup(tenant, "tenant")))

    async def get_database(self, name: str, tenant: str = DEFAULT_TENANT) -> Database:
        """Return a database.

        Raises:
            NotFoundError: the database or the tenant does not exist.
        """
        return await self._runner.run(op.GetDatabase(check_lookup(name, "database"), check_lookup(tenant, "tenant")))

    async def delete_database(self, name: str, tenant: str = DEFAULT_TENANT) -> None:
        """Delete a database with all its collections, for good.

        Raises:
            NotFoundError: the database or the tenant does not exist.
        """
        await self._runner.run(op.DeleteDatabase(check_lookup(name, "database"), check_lookup(tenant, "tenant")))

    async def list_databases(
        self, limit: int | None = None, offset: int | None = None, tenant: str = DEFAULT_TENANT
    ) -> list[Database]:
        """Return the databases of a tenant, oldest first.

        Args:
            limit: how many at most.
            offset: how many to leave out first.
            tenant: whose.

        Raises:
            NotFoundError: the tenant does not exist.
        """
        return await self._runner.run(
            op.ListDatabases(
                check_lookup(tenant, "tenant"), check_count(limit, "limit"), check_count(offset, "offset") or 0
            )
        )

    async def close(self) -> None:
        """Give back files and memory, once no other client shares them. Calling it again does nothing."""
        runner, self._runner = self._runner, CLOSED
        if runner is not CLOSED and self._system.leave(runner):
            await runner.close()

    async def __aenter__(self) -> AsyncAdminClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
