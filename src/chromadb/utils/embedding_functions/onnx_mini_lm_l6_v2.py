"""all-MiniLM-L6-v2 by onnxruntime."""

from __future__ import annotations

from chromadb._embed.onnx_minilm import ONNXMiniLM_L6_V2

__all__ = ["ONNXMiniLM_L6_V2"]
