"""Settings for parts that are still to come: a server does not pass over what was asked of it."""

from __future__ import annotations

import logging

from chromadb._settings import Settings
from chromadb._settings.fields import Field
from chromadb._settings.table import SETTINGS

logger = logging.getLogger("chromadb.server")


def warn_of_settings_without_effect(settings: Settings) -> None:
    """Log a line about settings that change nothing yet and that leave nothing unprotected."""
    asked = [field.name for field in _without_effect(settings) if field.group != "auth"]
    if asked:
        verb = "has" if len(asked) == 1 else "have"
        logger.warning("%s %s no effect: this version sends no traces yet", " and ".join(asked), verb)


def _without_effect(settings: Settings) -> list[Field]:
    fields = [field for field in SETTINGS.values() if field.effect == "later"]
    return [field for field in fields if settings[field.name] != field.default]
