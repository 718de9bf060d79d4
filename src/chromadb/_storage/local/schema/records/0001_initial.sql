-- One row: what every transaction reads first.
CREATE TABLE state (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    lineage      TEXT NOT NULL,     -- random: what is derived from this store bears it
    commit_no    INTEGER NOT NULL,  -- rises by one with every transaction that changes records
    next_label   INTEGER NOT NULL,  -- labels are never used twice
    live         INTEGER NOT NULL,  -- how many records there are
    dimension    INTEGER,           -- of every vector; fixed by the first
    changes_from INTEGER NOT NULL,  -- `changes` is complete for every commit after this one
    changes_kept INTEGER NOT NULL   -- how many rows `changes` has
) STRICT;
INSERT INTO state VALUES (1, lower(hex(randomblob(8))), 0, 1, 0, NULL, 0, 0);

-- The label of a record is its place in the order of insertion.
CREATE TABLE records (
    label    INTEGER PRIMARY KEY,
    id       TEXT NOT NULL UNIQUE,
    document TEXT,
    uri      TEXT,
    metadata TEXT                   -- JSON object
) STRICT;

-- Apart from the records, so that reading documents does not read vectors, nor the other way round.
CREATE TABLE vectors (
    label  INTEGER PRIMARY KEY,
    vector BLOB NOT NULL            -- float32, little-endian
) STRICT;

-- Which labels a commit updated or deleted, for indexes that follow. New records need no entry: their labels tell.
CREATE TABLE changes (
    commit_no INTEGER NOT NULL,
    label     INTEGER NOT NULL,
    vector    INTEGER NOT NULL,     -- 1 if the vector changed or is gone
    PRIMARY KEY (commit_no, label)
) STRICT, WITHOUT ROWID;
