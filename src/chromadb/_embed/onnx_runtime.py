"""onnxruntime as this library uses it: silent, and with as many threads as there are cores."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from chromadb._model.names import shorten
from chromadb.errors import EmbeddingFunctionError

CPU = "CPUExecutionProvider"
_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"


def import_onnxruntime() -> ModuleType:
    """Import onnxruntime without its telemetry.

    From 1.29 on, importing it starts a thread that reports usage to its vendor over the network, unless
    the environment says otherwise at that moment. That thread also makes a forked child hang when it
    exits: tried with 1.32, `import onnxruntime; os.fork(); sys.exit()`.
    """
    if "onnxruntime" not in sys.modules:
        before = os.environ.get(_NO_TELEMETRY)
        os.environ[_NO_TELEMETRY] = "1"
        try:
            import onnxruntime
        finally:
            if before is None:
                del os.environ[_NO_TELEMETRY]
            else:
                os.environ[_NO_TELEMETRY] = before
    import onnxruntime

    # Where somebody else imported it first, at least no events are sent from now on.
    disable = getattr(onnxruntime, "disable_telemetry_events", None)
    if disable is not None:
        disable()
    module: ModuleType = onnxruntime
    return module


def check_providers(providers: Sequence[str]) -> list[str]:
    """Return the execution providers to use, the CPU where none is named.

    Raises:
        EmbeddingFunctionError: some are not available; they are named, and those that are.
    """
    available = import_onnxruntime().get_available_providers()
    missing = [provider for provider in providers if provider not in available]
    if missing:
        raise EmbeddingFunctionError(
            f"Expected preferred_providers to be among {', '.join(available)}, got {shorten(missing)}. "
            "Change preferred_providers, or install the onnxruntime package that brings the provider."
        )
    return list(providers) or [CPU]


@lru_cache(maxsize=1)
def available_cores() -> int:
    """Return how many cores this process may use: its affinity, and the quota of its container."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):
        pass
    return max(1, cores)
