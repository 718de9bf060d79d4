"""What is done for damaged files: reading them without SQLite, and making new ones of what can be read."""
