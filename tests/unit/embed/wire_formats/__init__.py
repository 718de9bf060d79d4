"""The formats of providers on the wire, as they document them, and the table of them."""

from __future__ import annotations

from wire_formats import google, openai, plain
from wire_formats.base import WireFormat
from wire_formats.bedrock import Bedrock
from wire_formats.cohere import Cohere

FORMATS: dict[str, WireFormat] = {
    wire.name: wire
    for wire in (
        Bedrock(),
        Cohere(),
        google.Gemini(),
        google.GenerativeAi(),
        google.Vertex(),
        openai.Baseten(),
        openai.Jina(),
        openai.Mistral(),
        openai.Morph(),
        openai.OpenAI(),
        openai.Perplexity(),
        openai.TogetherAI(),
        openai.VoyageAI(),
        plain.ChromaCloud(),
        plain.Cloudflare(),
        plain.HuggingFace(),
        plain.HuggingFaceServer(),
        plain.Nomic(),
        plain.Ollama(),
    )
}
