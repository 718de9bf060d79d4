-- Deleted records whose vectors are still in `vectors`: of many at once these go in the background.
CREATE TABLE unpurged (
    label INTEGER PRIMARY KEY
) STRICT;
