"""The command ``chroma``."""
