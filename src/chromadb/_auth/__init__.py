"""Who asks a server, and what they may do: credentials, identities, roles. No I/O but the files that settings name."""
