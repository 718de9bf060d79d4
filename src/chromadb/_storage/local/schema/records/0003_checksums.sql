-- XXH3 of what a row holds, seeded with its label: SQLite does not notice a bit that flips within a value.
-- NULL in rows that were written before there were checksums.
ALTER TABLE records ADD COLUMN checksum INTEGER;
ALTER TABLE vectors ADD COLUMN checksum INTEGER;
