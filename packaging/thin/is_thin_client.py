"""Tells programs that this is the thin client, without the embedded database."""

is_thin_client = True
