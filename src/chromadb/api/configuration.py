"""Types of `configuration` as 0.5 and 0.6 write it (public path).

They are dicts that ``create_collection`` takes like those of 1.x.
"""

from __future__ import annotations

from typing import Any


class HNSWConfigurationInterface(dict[str, Any]):
    """Index parameters: ``HNSWConfigurationInterface(space="cosine", M=32)``."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__(parameters)


class CollectionConfigurationInterface(dict[str, Any]):
    """The `configuration` of ``create_collection``.

    Args:
        hnsw_configuration: the index parameters.
    """

    def __init__(self, hnsw_configuration: HNSWConfigurationInterface | None = None) -> None:
        super().__init__({} if hnsw_configuration is None else {"hnsw": hnsw_configuration})


HNSWConfiguration = HNSWConfigurationInterface
CollectionConfiguration = CollectionConfigurationInterface

__all__ = [
    "CollectionConfiguration",
    "CollectionConfigurationInterface",
    "HNSWConfiguration",
    "HNSWConfigurationInterface",
]
