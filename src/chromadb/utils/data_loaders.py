"""Data loaders: what a collection loads the data with that its URIs point to."""

from __future__ import annotations

from chromadb._embed.image_loader import ImageLoader

__all__ = ["ImageLoader"]
