"""Clients: the objects that users hold. Written in `_async`; `_sync` is generated from it."""
