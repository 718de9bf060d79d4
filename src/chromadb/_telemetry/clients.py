"""Who tells of events: to the operator's own PostHog, or to whatever a class of somebody else's does.

PostHog's HTTP interface: posthog.com/docs/api/capture. One thread of its own sends what waits, every ten seconds; what
cannot be sent is thrown away, and nobody waits for it.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import platform
import sys
import threading
import urllib.request
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from chromadb._settings import Settings
from chromadb._settings.classes import Component, HasSettings
from chromadb._telemetry.events import ProductTelemetryEvent
from chromadb.errors import InvalidArgumentError

logger = logging.getLogger("chromadb.telemetry")

PAUSE = 10.0
"""Seconds between two batches."""

TIMEOUT = 5.0
"""Seconds that a batch may take."""

MOST = 1_000
"""Events that wait at most; further ones are thrown away."""

WHITELISTED = ("chroma_api_impl", "is_persistent", "chroma_server_ssl_enabled", "chroma_server_api_default_path")
"""The settings that are told of."""


class ServerContext(Enum):
    """Where events come from."""

    NONE = "None"
    FASTAPI = "FastAPI"


class ProductTelemetryClient(Component, ABC):
    """Tells of events.

    To write one, derive from it, and name the class in the setting ``chroma_product_telemetry_impl``.

    Args:
        system: what has the ``settings``.
    """

    USER_ID_PATH: ClassVar[str] = str(Path.home() / ".cache" / "chroma" / "telemetry_user_id")
    UNKNOWN_USER_ID: ClassVar[str] = "UNKNOWN"
    SERVER_CONTEXT: ClassVar[ServerContext] = ServerContext.NONE

    def __init__(self, system: HasSettings) -> None:
        super().__init__(system)
        self._curr_user_id: str | None = None

    @abstractmethod
    def capture(self, event: ProductTelemetryEvent) -> None:
        """Tell of an event. It must return at once, and raise nothing."""

    @property
    def context(self) -> dict[str, Any]:
        """What is told with every event: the version, the system, a few settings."""
        return {
            "chroma_version": sys.modules["chromadb"].__version__,
            "python_version": platform.python_version(),
            "os": platform.system(),
            "in_container": os.path.exists("/.dockerenv"),
            "server_context": self.SERVER_CONTEXT.value,
            **{name: self._settings[name] for name in WHITELISTED},
        }

    @property
    def user_id(self) -> str:
        """A random number for this installation, kept in a file; UNKNOWN_USER_ID where none can be written."""
        if self._curr_user_id is None:
            self._curr_user_id = _installation(Path(self.USER_ID_PATH)) or self.UNKNOWN_USER_ID
        return self._curr_user_id


class Posthog(ProductTelemetryClient):
    """Tells the operator's own PostHog; nobody without ``chroma_product_telemetry_api_key``.

    Args:
        system: what has the ``settings``.

    Raises:
        InvalidArgumentError: there is a key, but no host that it is for.
    """

    def __init__(self, system: HasSettings) -> None:
        super().__init__(system)
        key, host = self._settings.chroma_product_telemetry_api_key, self._settings.chroma_product_telemetry_host
        check_posthog(self._settings)
        self._key = key if self._settings.anonymized_telemetry else None
        self._url = f"{(host or '').rstrip('/')}/batch/"
        self._begin()
        if self._key:
            atexit.register(self._send)
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, ProductTelemetryEvent] = OrderedDict()
        self._full: list[ProductTelemetryEvent] = []
        self._timer: threading.Timer | None = None

    def capture(self, event: ProductTelemetryEvent) -> None:
        """Tell of an event within ten seconds, with others of its kind."""
        if not self._key:
            return
        with self._lock:
            if len(self._waiting) + len(self._full) >= MOST:
                return
            if event.max_batch_size == 1:
                self._full.append(event)
            else:
                known = self._waiting.pop(event.batch_key, None)
                merged = event if known is None else known.batch(event)
                if merged.batch_size >= merged.max_batch_size:
                    self._full.append(merged)
                else:
                    self._waiting[event.batch_key] = merged
            if self._timer is None:
                self._timer = threading.Timer(PAUSE, self._send)
                self._timer.daemon = True
                self._timer.start()

    def _send(self) -> None:
        with self._lock:
            timer, self._timer = self._timer, None
            events = [*self._full, *self._waiting.values()]
            self._full.clear()
            self._waiting.clear()
        if timer is not None:
            timer.cancel()
        if not events:
            return
        now = datetime.now(timezone.utc).isoformat()
        batch = [
            {
                "event": event.name,
                "distinct_id": self.user_id,
                "timestamp": now,
                "properties": {**event.properties, **self.context, "$process_person_profile": False},
            }
            for event in events
        ]
        body = json.dumps({"api_key": self._key, "batch": batch}).encode()
        request = urllib.request.Request(self._url, body, {"content-type": "application/json"}, method="POST")
        with suppress(Exception):
            urllib.request.urlopen(request, timeout=TIMEOUT).close()


def check_posthog(settings: Settings) -> None:
    """Raise if a key is given, but no host that it is for.

    Raises:
        InvalidArgumentError: what is missing, or not a URL.
    """
    key, host = settings.chroma_product_telemetry_api_key, settings.chroma_product_telemetry_host
    if bool(key) != bool(host):
        missing = "host" if key else "api_key"
        raise InvalidArgumentError(
            f"Expected chroma_product_telemetry_api_key and chroma_product_telemetry_host, got no {missing}. "
            "Give both: events go to your own PostHog, and nowhere without it; or leave both out."
        )
    if host:
        parts = urlsplit(host)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgumentError(
                f"Expected chroma_product_telemetry_host to be a URL like https://posthog.example.com, got {host!r}."
            )


def _installation(file: Path) -> str | None:
    with suppress(OSError):
        if file.exists():
            return file.read_text(encoding="utf-8").strip() or None
        file.parent.mkdir(parents=True, exist_ok=True)
        number = str(uuid.uuid4())
        file.write_text(number, encoding="utf-8")
        return number
    return None
