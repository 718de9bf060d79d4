"""Embedding functions that give sparse vectors."""
