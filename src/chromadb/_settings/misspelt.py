"""Names in the environment that look like settings and are none: said once, where a server starts.

The prefix CHROMA_ is used by much other software, and by Kubernetes for services of this name, so that a name is only
remarked on if it is very near to that of a setting, and never refused.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection

from chromadb._settings.sources import dotenv
from chromadb._settings.table import SETTINGS

PREFIX = "CHROMA_"

FOREIGN = frozenset(
    {
        *("CHROMA_CLIENT_TYPE", "CHROMA_DATA_DIR", "CHROMA_HOST", "CHROMA_PORT", "CHROMA_SSL", "CHROMA_DOTENV_PATH"),
        *("CHROMA_HTTP_HOST", "CHROMA_HTTP_PORT", "CHROMA_HTTP_HEADERS", "CHROMA_HTTP_SSL", "CHROMA_AUTH_TOKEN"),
        *("CHROMA_API_KEY", "CHROMA_TENANT", "CHROMA_DATABASE", "CHROMA_EMBED_URL", "CHROMA_CUSTOM_AUTH_CREDENTIALS"),
        *(
            "CHROMA_DEBUG",
            "CHROMA_OFFLINE",
            "CHROMA_MODEL_MIRROR",
            "CHROMA_MINILM_PATH",
            "CHROMA_OTEL_EXPORTER_HEADERS",
        ),
    }
)
"""Names that clients, other programs and the documentation use."""

_KUBERNETES = re.compile(r"_SERVICE_(?:HOST|PORT)(?:_\w+)?$|_PORT_\d+_(?:TCP|UDP)(?:_\w+)?$")

_PLAIN = {name.upper() for name, field in SETTINGS.items() if field.group == "storage" and field.effect == "used"}
"""Settings whose names are compared with every name that there is; the others with those that begin with CHROMA_."""

NEAR = 0.88
"""How near a name has to be: of 100, how many letters agree."""


def remarks_on_environment(known: Collection[str] = (), *, but: Collection[str] = ()) -> list[str]:
    """Return a line for every name in the environment and in ``.env`` that a setting seems to be meant by.

    Args:
        known: further names that have a meaning where it is asked.
        but: names of which nothing is to be said.
    """
    remarks = []
    for place, variables in (("", os.environ.items()), (" (.env)", dotenv())):
        for name, value in sorted(variables):
            meant = _meant(name.upper(), value, known)
            if meant is not None and name.upper() not in but:
                remarks.append(f"{name}{place} has no effect: there is no such setting. Did you mean {meant}?")
    return remarks


def _meant(name: str, value: str, known: Collection[str]) -> str | None:
    """Return the name of the setting that seems to be meant, None for a name that is known or is like none."""
    if not value or name.lower() in SETTINGS or name in FOREIGN or name in known:
        return None
    if value.startswith("tcp://") or _KUBERNETES.search(name):
        return None
    if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() in SETTINGS:
        return name.removeprefix(PREFIX)
    names = {each.upper() for each in SETTINGS if each.upper().startswith(PREFIX)} | set(known)
    names = names | {PREFIX + each for each in _PLAIN} if name.startswith(PREFIX) else _PLAIN
    near = difflib.get_close_matches(name, names, n=1, cutoff=NEAR)
    if not near:
        return None
    return near[0] if near[0].lower() in SETTINGS or near[0] in known else near[0].removeprefix(PREFIX)
