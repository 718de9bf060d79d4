"""Models of Amazon Bedrock."""

from __future__ import annotations

from chromadb._embed.providers.amazon_bedrock import AmazonBedrockEmbeddingFunction

__all__ = ["AmazonBedrockEmbeddingFunction"]
