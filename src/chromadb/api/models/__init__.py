"""Collection classes (public path)."""
