CREATE TABLE tenants (
    name TEXT PRIMARY KEY
) STRICT;

CREATE TABLE databases (
    number INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    name   TEXT NOT NULL,
    UNIQUE (tenant, name)
) STRICT;

-- The number of a collection is its age: listings follow it.
CREATE TABLE collections (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT NOT NULL UNIQUE,
    database           INTEGER NOT NULL REFERENCES databases (number) ON DELETE CASCADE,
    name               TEXT NOT NULL,
    metadata           TEXT,
    hnsw               TEXT NOT NULL,
    embedding_function TEXT,
    dimension          INTEGER,  -- NULL until the first vector
    UNIQUE (database, name)
) STRICT;

INSERT INTO tenants VALUES ('default_tenant');
INSERT INTO databases (id, tenant, name)
VALUES ('00000000-0000-0000-0000-000000000000', 'default_tenant', 'default_database');
