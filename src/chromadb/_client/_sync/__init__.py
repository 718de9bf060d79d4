# Generated from _async by scripts/generate_sync.py: change it there.
"""Clients that block."""
