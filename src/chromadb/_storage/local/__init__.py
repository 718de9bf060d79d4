"""The local backend: SQLite files in a directory, or in memory, with the index beside them."""
