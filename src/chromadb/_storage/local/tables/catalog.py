"""The catalog: tenants, databases and collections, in ``catalog.sqlite3``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid4

import apsw
import msgspec

from chromadb._model.configuration import Configuration, HnswConfiguration, hnsw_from_dict
from chromadb._model.entities import Address, CollectionInfo, Database, Finding, Tenant
from chromadb._storage.local.platform.failures import damaged
from chromadb._storage.local.sqlite.database import MAX_INTEGER, SqliteDatabase
from chromadb._storage.local.tables.check import check_sqlite
from chromadb.errors import InvalidCollectionException, NotFoundError, UniqueConstraintError

_COLUMNS = """
    SELECT c.id, c.name, d.tenant, d.name, c.metadata, c.hnsw, c.embedding_function, c.dimension
    FROM collections c JOIN databases d ON d.number = c.database
"""

_BY_ID = f"{_COLUMNS} WHERE c.id = ? AND d.tenant = ifnull(?, d.tenant) AND d.name = ifnull(?, d.name)"


@lru_cache(maxsize=256)
def _hnsw(text: str) -> HnswConfiguration:
    # Every operation asks for it, and most collections have the same.
    return hnsw_from_dict(msgspec.json.decode(text))


def _decode(row: tuple[Any, ...]) -> CollectionInfo:
    id, name, tenant, database, metadata, hnsw, function, dimension = row
    configuration = Configuration(_hnsw(hnsw), msgspec.json.decode(function) if function else None)
    decoded = msgspec.json.decode(metadata) if metadata else None
    return CollectionInfo(UUID(id), name, tenant, database, configuration, decoded, dimension)


_remembered = lru_cache(maxsize=256)(_decode)


class Catalog:
    """Tenants, databases and collections; every call is one transaction. See ``_storage.base.Backend``."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def close_catalog(self) -> None:
        """Close the file."""
        self._database.close()

    # --- tenants and databases --------------------------------------------------------------------

    def create_tenant(self, name: str) -> None:
        with self._database.write() as sql:
            if sql.execute("SELECT 1 FROM tenants WHERE name = ?", (name,)).get:
                raise UniqueConstraintError(f"Tenant {name!r} already exists.")
            sql.execute("INSERT INTO tenants VALUES (?)", (name,))

    def get_tenant(self, name: str) -> Tenant:
        with self._database.read() as sql:
            _check_tenant(sql, name)
        return Tenant(name)

    def create_database(self, name: str, tenant: str) -> None:
        with self._database.write() as sql:
            _check_tenant(sql, tenant)
            if sql.execute("SELECT 1 FROM databases WHERE tenant = ? AND name = ?", (tenant, name)).get:
                raise UniqueConstraintError(f"Database {name!r} already exists in tenant {tenant!r}.")
            sql.execute("INSERT INTO databases (id, tenant, name) VALUES (?, ?, ?)", (str(uuid4()), tenant, name))

    def get_database(self, name: str, tenant: str) -> Database:
        with self._database.read() as sql:
            _check_tenant(sql, tenant)
            row = sql.execute("SELECT id FROM databases WHERE tenant = ? AND name = ?", (tenant, name)).get
        if row is None:
            raise _no_database(name, tenant)
        return Database(UUID(row), name, tenant)

    def list_databases(self, tenant: str, limit: int | None, offset: int) -> list[Database]:
        with self._database.read() as sql:
            _check_tenant(sql, tenant)
            rows: list[Any] = sql.execute(
                "SELECT id, name FROM databases WHERE tenant = ? ORDER BY number LIMIT ? OFFSET ?",
                (tenant, _limit(limit), _limit(offset)),
            ).fetchall()
        return [Database(UUID(id), name, tenant) for id, name in rows]

    def remove_database(self, name: str, tenant: str) -> list[UUID]:
        """Take a database out of the catalog; return the ids of the collections that went with it."""
        with self._database.write() as sql:
            number = _database_number(sql, name, tenant)
            ids: list[Any] = sql.execute("SELECT id FROM collections WHERE database = ?", (number,)).fetchall()
            sql.execute("DELETE FROM databases WHERE number = ?", (number,))
        return [UUID(id) for (id,) in ids]

    # --- collections ------------------------------------------------------------------------------

    def create_collection(self, info: CollectionInfo, *, get_or_create: bool) -> CollectionInfo:
        if get_or_create:
            # Usually it is there, and reading waits for no writer.
            try:
                return self.get_collection(info.tenant, info.database, info.name)
            except InvalidCollectionException:
                pass
        with self._database.write() as sql:
            number = _database_number(sql, info.database, info.tenant)
            row = sql.execute(f"{_COLUMNS} WHERE c.database = ? AND c.name = ?", (number, info.name)).fetchone()
            if row is not None:
                if get_or_create:
                    return self._info(row)
                raise UniqueConstraintError(
                    f"Collection {info.name!r} already exists. Use get_or_create_collection() to take it as it is."
                )
            sql.execute(
                "INSERT INTO collections (id, database, name, metadata, hnsw, embedding_function, dimension) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (str(info.id), number, info.name, *_encode(info), info.dimension),
            )
        return info

    def check_free(self, tenant: str, database: str, name: str) -> None:
        """Raise if a name is taken.

        Raises:
            UniqueConstraintError: it is.
        """
        try:
            self.get_collection(tenant, database, name)
        except InvalidCollectionException:
            return
        raise UniqueConstraintError(f"Collection {name!r} already exists. Choose another name.")

    def get_collection(self, tenant: str, database: str, name: str) -> CollectionInfo:
        with self._database.read() as sql:
            row: Any = sql.execute(
                f"{_COLUMNS} WHERE d.tenant = ? AND d.name = ? AND c.name = ?", (tenant, database, name)
            ).fetchone()
            if row is None:
                _database_number(sql, database, tenant)
        if row is None:
            raise InvalidCollectionException(
                f"Collection {name!r} does not exist in database {database!r} of tenant {tenant!r}."
            )
        return self._info(row)

    def get_collection_by_id(self, tenant: str | None, database: str | None, id: UUID) -> CollectionInfo:
        return self._info(self._row(tenant, database, id))

    def remembered(self, address: Address) -> CollectionInfo:
        """Return a collection by its address: the same object as long as the catalog says the same, so that it is not
        for callers, who could change what is in it."""
        return self._info(self._row(address.tenant, address.database, address.collection), _remembered)

    def _row(self, tenant: str | None, database: str | None, id: UUID) -> tuple[Any, ...]:
        return _found(self._database.fetch_row(_BY_ID, (str(id), tenant, database)), tenant, database, id)

    def list_collections(self, tenant: str, database: str, limit: int | None, offset: int) -> list[CollectionInfo]:
        with self._database.read() as sql:
            number = _database_number(sql, database, tenant)
            rows = sql.execute(
                f"{_COLUMNS} WHERE c.database = ? ORDER BY c.number LIMIT ? OFFSET ?",
                (number, _limit(limit), _limit(offset)),
            ).fetchall()
        return [self._info(row) for row in rows]

    def count_collections(self, tenant: str, database: str) -> int:
        with self._database.read() as sql:
            number = _database_number(sql, database, tenant)
            return int(sql.execute("SELECT count(*) FROM collections WHERE database = ?", (number,)).get)

    def update_collection(self, address: Address, change: Callable[[CollectionInfo], CollectionInfo]) -> CollectionInfo:
        with self._database.write() as sql:
            tenant, database, id = address.tenant, address.database, address.collection
            row: Any = sql.execute(_BY_ID, (str(id), tenant, database)).fetchone()
            info = change(self._info(_found(row, tenant, database, id)))
            number = _database_number(sql, info.database, info.tenant)
            taken = sql.execute(
                "SELECT 1 FROM collections WHERE database = ? AND name = ? AND id <> ?",
                (number, info.name, str(info.id)),
            ).get
            if taken:
                raise UniqueConstraintError(f"Collection {info.name!r} already exists. Choose another name.")
            sql.execute(
                "UPDATE collections SET name = ?, metadata = ?, hnsw = ?, embedding_function = ? WHERE id = ?",
                (info.name, *_encode(info), str(info.id)),
            )
        return info

    def note_dimension(self, id: UUID, dimension: int) -> None:
        """Keep a copy of what the record store has fixed for good, so that listings need not open it."""
        with self._database.write() as sql:
            sql.execute("UPDATE collections SET dimension = ? WHERE id = ?", (dimension, str(id)))

    def remove_collection(self, tenant: str, database: str, name: str) -> UUID:
        """Take a collection out of the catalog; return its id."""
        with self._database.write() as sql:
            number = _database_number(sql, database, tenant)
            id = sql.execute("SELECT id FROM collections WHERE database = ? AND name = ?", (number, name)).get
            if id is None:
                raise InvalidCollectionException(
                    f"Collection {name!r} does not exist in database {database!r} of tenant {tenant!r}."
                )
            sql.execute("DELETE FROM collections WHERE id = ?", (id,))
        return UUID(id)

    def forget_collection(self, id: UUID) -> None:
        """Take a collection out of the catalog whose files are gone; nothing happens if it is not there."""
        with self._database.write() as sql:
            sql.execute("DELETE FROM collections WHERE id = ?", (str(id),))

    def all_databases(self) -> list[tuple[str, str]]:
        """Return tenant and name of every database."""
        with self._database.read() as sql:
            rows: list[Any] = sql.execute("SELECT tenant, name FROM databases ORDER BY number").fetchall()
        return rows

    def all_collections(self) -> list[CollectionInfo]:
        """Return every collection of every database, in the order of those."""
        return [info for tenant, name in self.all_databases() for info in self.list_collections(tenant, name, None, 0)]

    def check_catalog(self) -> list[Finding]:
        """Audit the file."""
        with self._database.read() as sql:
            return check_sqlite(self._database.name, sql)

    def _info(
        self, row: tuple[Any, ...], decode: Callable[[tuple[Any, ...]], CollectionInfo] = _decode
    ) -> CollectionInfo:
        try:
            return decode(row)
        except (ValueError, TypeError, msgspec.MsgspecError) as error:
            raise damaged(self._database.name, f"the row of collection {row[1]!r} cannot be read") from error

    def check_rows(self) -> None:
        """Read every row.

        Raises:
            StorageCorruptError: one does not hold what it should.
        """
        self.all_collections()
        self.collection_ids()
        self.deleted_ids()

    def collection_ids(self) -> set[UUID]:
        """Return the ids of all collections of all tenants."""
        with self._database.read() as sql:
            return {UUID(id) for (id,) in sql.execute("SELECT id FROM collections")}

    def deleted_ids(self) -> set[UUID]:
        """Return the ids of collections that were deleted, whose files may be left."""
        with self._database.read() as sql:
            return {UUID(id) for (id,) in sql.execute("SELECT id FROM deleted")}

    def note_removed(self, ids: Iterable[UUID]) -> None:
        """Forget deleted collections, whose files are gone."""
        with self._database.write() as sql:
            sql.executemany("DELETE FROM deleted WHERE id = ?", ((str(id),) for id in ids))

    def clear(self) -> set[UUID]:
        """Delete everything but the default tenant and database; return the ids of the collections that went."""
        with self._database.write() as sql:
            ids = {UUID(id) for (id,) in sql.execute("SELECT id FROM collections")}
            sql.execute(
                "DELETE FROM collections; "
                "DELETE FROM databases WHERE (tenant, name) <> ('default_tenant', 'default_database'); "
                "DELETE FROM tenants WHERE name <> 'default_tenant'"
            )
            # The default database can have been deleted before.
            sql.execute("INSERT OR IGNORE INTO tenants VALUES ('default_tenant')")
            sql.execute(
                "INSERT OR IGNORE INTO databases (id, tenant, name) "
                "VALUES ('00000000-0000-0000-0000-000000000000', 'default_tenant', 'default_database')"
            )
        return ids


def _check_tenant(sql: apsw.Connection, name: str) -> None:
    if not sql.execute("SELECT 1 FROM tenants WHERE name = ?", (name,)).get:
        raise NotFoundError(f"Tenant {name!r} does not exist. AdminClient.create_tenant() makes one.")


def _database_number(sql: apsw.Connection, name: str, tenant: str) -> int:
    number = sql.execute("SELECT number FROM databases WHERE tenant = ? AND name = ?", (tenant, name)).get
    if number is None:
        _check_tenant(sql, tenant)
        raise _no_database(name, tenant)
    return int(number)


def _no_database(name: str, tenant: str) -> NotFoundError:
    return NotFoundError(
        f"Database {name!r} does not exist in tenant {tenant!r}. AdminClient.create_database() makes one."
    )


def _found(row: tuple[Any, ...] | None, tenant: str | None, database: str | None, id: UUID) -> tuple[Any, ...]:
    """Return the row of a collection.

    Raises:
        InvalidCollectionException: there is none.
    """
    if row is None:
        place = "" if tenant is None else f" in database {database!r} of tenant {tenant!r}"
        raise InvalidCollectionException(f"Collection {id} does not exist{place}. It may have been deleted.")
    return row


def _limit(limit: int | None) -> int:
    return -1 if limit is None else min(limit, MAX_INTEGER)


def _encode(info: CollectionInfo) -> tuple[str | None, str, str | None]:
    def encode(value: Any) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    return encode(info.metadata), encode(info.configuration.hnsw) or "", encode(info.configuration.embedding_function)
