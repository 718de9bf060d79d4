"""Settings: read from arguments, the environment and a ``.env`` file, and checked."""

from chromadb._settings.settings import Settings

__all__ = ["Settings"]
