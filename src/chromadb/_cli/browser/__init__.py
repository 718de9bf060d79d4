"""The terminal browser of ``chroma browse``."""
