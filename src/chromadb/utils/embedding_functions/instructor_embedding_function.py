"""Instructor models."""

from __future__ import annotations

from chromadb._embed.instructor import InstructorEmbeddingFunction

__all__ = ["InstructorEmbeddingFunction"]
