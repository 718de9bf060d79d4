"""Models of open_clip, for texts and images."""

from __future__ import annotations

from chromadb._embed.open_clip import OpenCLIPEmbeddingFunction

__all__ = ["OpenCLIPEmbeddingFunction"]
