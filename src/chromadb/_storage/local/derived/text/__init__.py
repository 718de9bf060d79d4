"""Searching in documents: a text index, and the look at what it does not know."""
