-- Collections that were deleted, until their files are gone. Files that neither table knows are nobody's to remove.
CREATE TABLE deleted (
    id TEXT PRIMARY KEY
) STRICT;

CREATE TRIGGER remember_deleted AFTER DELETE ON collections BEGIN
    INSERT OR IGNORE INTO deleted VALUES (old.id);
END;
