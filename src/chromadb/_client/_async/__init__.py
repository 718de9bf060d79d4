"""Clients for asynchronous code: the source of those in `_sync`."""
