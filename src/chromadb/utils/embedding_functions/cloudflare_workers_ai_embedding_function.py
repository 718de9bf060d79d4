"""Models of Cloudflare Workers AI."""

from __future__ import annotations

from chromadb._embed.providers.cloudflare_workers_ai import CloudflareWorkersAIEmbeddingFunction

__all__ = ["CloudflareWorkersAIEmbeddingFunction"]
