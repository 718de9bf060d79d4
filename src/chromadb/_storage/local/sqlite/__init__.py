"""One SQLite file, whatever is in it: connections, transactions, migrations, and who else has it open."""
