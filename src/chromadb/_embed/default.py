"""The embedding function of collections that name none."""

from __future__ import annotations

from typing import Any

from chromadb._embed.onnx_minilm import ONNXMiniLM_L6_V2


class DefaultEmbeddingFunction(ONNXMiniLM_L6_V2):
    """Embed texts with all-MiniLM-L6-v2 on the CPU: 384 dimensions, unit length."""

    def __init__(self) -> None:
        super().__init__()

    @staticmethod
    def name() -> str:
        """Return ``"default"``."""
        return "default"

    def get_config(self) -> dict[str, Any]:
        """Return an empty configuration: there is nothing to choose."""
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> DefaultEmbeddingFunction:
        """Return the default function."""
        return DefaultEmbeddingFunction()
