-- A row is what a commit did of one kind, not what it did to one label; and of a record that is alive nothing is
-- forgotten any more, whatever happened since.
ALTER TABLE changes RENAME TO former_changes;
CREATE TABLE changes (
    commit_no INTEGER NOT NULL,
    kinds     INTEGER NOT NULL,     -- the sum of 1: another vector, 2: document, 4: metadata; or 8: deleted
    labels    BLOB NOT NULL,        -- int64, big-endian
    PRIMARY KEY (commit_no, kinds)
) STRICT, WITHOUT ROWID;
INSERT INTO changes
    SELECT commit_no, kinds, CAST(group_concat(unhex(printf('%016X', label)), '') AS BLOB)
    FROM (
        SELECT commit_no, label, CASE
            WHEN label NOT IN (SELECT label FROM records) THEN 8
            WHEN vector THEN 7
            ELSE 6
        END AS kinds
        FROM former_changes
    )
    GROUP BY commit_no, kinds;
DROP TABLE former_changes;
-- Every deletion after this commit is in `changes`; of those before only that the record is not there.
ALTER TABLE state ADD COLUMN deletions_from INTEGER NOT NULL DEFAULT 0;
-- The commit at which `changes` was compacted.
ALTER TABLE state ADD COLUMN compacted_at INTEGER NOT NULL DEFAULT 0;
UPDATE state SET deletions_from = changes_from, compacted_at = commit_no;
