"""Embedding functions of hosted and local providers, one module each, imported when they are asked for."""
