"""Actions: what somebody may be allowed to do, and to what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AuthzAction(str, Enum):
    """What a request does, by the names that roles are written with."""

    RESET = "system:reset"
    CHECK = "system:check"
    METRICS = "system:metrics"
    GET_USER_IDENTITY = "system:get_user_identity"
    CREATE_TENANT = "tenant:create_tenant"
    GET_TENANT = "tenant:get_tenant"
    UPDATE_TENANT = "tenant:update_tenant"
    CREATE_DATABASE = "db:create_database"
    GET_DATABASE = "db:get_database"
    DELETE_DATABASE = "db:delete_database"
    LIST_DATABASES = "db:list_databases"
    LIST_COLLECTIONS = "db:list_collections"
    COUNT_COLLECTIONS = "db:count_collections"
    CREATE_COLLECTION = "db:create_collection"
    GET_OR_CREATE_COLLECTION = "db:get_or_create_collection"
    GET_COLLECTION = "collection:get_collection"
    DELETE_COLLECTION = "collection:delete_collection"
    UPDATE_COLLECTION = "collection:update_collection"
    ADD = "collection:add"
    DELETE = "collection:delete"
    GET = "collection:get"
    QUERY = "collection:query"
    COUNT = "collection:count"
    UPDATE = "collection:update"
    UPSERT = "collection:upsert"
    SEARCH = "collection:search"
    FORK = "collection:fork"
    ATTACH_FUNCTION = "collection:attach_function"
    GET_FUNCTION = "collection:get_function"
    DETACH_FUNCTION = "collection:detach_function"


@dataclass
class AuthzResource:
    """What a request does it to; None where it is not about one."""

    tenant: str | None
    database: str | None
    collection: str | None
    """The name, or the id where the request has that."""
