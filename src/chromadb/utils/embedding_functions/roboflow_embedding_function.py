"""CLIP at Roboflow Inference, for texts and images."""

from __future__ import annotations

from chromadb._embed.providers.roboflow import RoboflowEmbeddingFunction

__all__ = ["RoboflowEmbeddingFunction"]
