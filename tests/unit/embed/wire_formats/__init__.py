"""The formats of providers on the wire, as they document them, and the table of them."""

from __future__ import annotations

from wire_formats.base import WireFormat
from wire_formats.cohere import Cohere
from wire_formats.openai import OpenAI

FORMATS: dict[str, WireFormat] = {
    wire.name: wire
    for wire in (
        Cohere(),
        OpenAI(),
    )
}
