"""The truth: the rows of the catalog and of record stores, their checksums, and the audit of both."""
