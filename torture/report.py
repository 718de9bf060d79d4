"""What a torture has come to."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field


@dataclass
class Report:
    """Counts, and the delays after which others saw what was acknowledged."""

    kills: int = 0
    faults: int = 0
    power_losses: int = 0
    acknowledged: int = 0
    failed: int = 0
    audits: int = 0
    delays: list[float] = field(default_factory=list)
    """Seconds from an acknowledgement until another process has read it, in turns."""
    durations: list[float] = field(default_factory=list)
    """Seconds that a write of an embedded worker took, other writers and their locks included."""
    stale: int = 0
    """Reads that began after an acknowledgement and did not see it."""
    began: float = field(default_factory=time.monotonic)

    def tell(self, text: str) -> None:
        """Print a line at once."""
        print(f"[{time.monotonic() - self.began:7.1f} s] {text}", flush=True)

    def conclude(self, failures: list[str]) -> int:
        """Print everything; return the exit code of the program."""
        lost = [line for line in failures if "Loss: " in line]
        native = [line for line in failures if "nobody sent" in line]
        figures = {
            "processes killed": self.kills,
            "faults injected": self.faults,
            "losses of power": self.power_losses,
            "writes acknowledged": self.acknowledged,
            "writes that failed": self.failed,
            "audits": self.audits,
            "writes lost, or there by half": len(lost),
            "stale reads": self.stale,
            "processes ended by a native crash": len(native),
            "other failures": len(failures) - len(lost) - len(native),
        }
        if self.delays:
            figures["writes that others were seen to see"] = len(self.delays)
        times = {}
        for what, seconds in (("until others see a write", self.delays), ("a write takes", self.durations)):
            for name, share in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0)) if seconds else ():
                times[f"{what}, {name}, ms"] = 1000 * sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]
        width = max(map(len, [*figures, *times]))
        print()
        for name, figure in figures.items():
            print(f"{name:{width}}  {figure}")
        for name, milliseconds in times.items():
            print(f"{name:{width}}  {milliseconds:.1f}")
        for line in failures[:20]:
            print(f"FAILED: {line}", file=sys.stderr)
        failed = bool(failures) or self.stale > 0
        print(f"\n{'FAILED' if failed else 'nothing is lost'}", flush=True)
        return int(failed)
