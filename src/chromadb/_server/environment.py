"""The environment of an application that is configured by it alone."""

from __future__ import annotations

import logging

from chromadb._settings.misspelt import remarks_on_environment

logger = logging.getLogger("chromadb.server")


def warn_of_misspelt_settings() -> None:
    """Log a line about every name in the environment that a setting seems to be meant by."""
    for line in remarks_on_environment():
        logger.warning("%s", line)
