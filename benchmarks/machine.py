"""What a measurement was made with: the machine, and the versions of a package."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from side_by_side import Package, environment

_ASK = """
import json, platform
from importlib.metadata import PackageNotFoundError, version
found = {"python": platform.python_version()}
for name in ("chromadb", "lancedb", "numpy", "faiss-cpu"):
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, memory in GB, operating system and the load before anything is measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9) if _is_posix() else None,
        "system": f"{platform.system()} {platform.machine()}",
        "load_average": load_average(),
    }


def describe_package(package: Package) -> dict[str, Any]:
    """Return the versions that an interpreter sees."""
    output = subprocess.check_output([package.python, "-c", _ASK], env=environment(), text=True)
    return {"versions": json.loads(output)}


def load_average() -> float | None:
    """Return the number of processes that wanted to run, averaged over the last minute."""
    return round(os.getloadavg()[0], 2) if _is_posix() else None


def _is_posix() -> bool:
    return os.name == "posix"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
