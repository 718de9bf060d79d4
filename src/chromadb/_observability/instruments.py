"""What is measured, and under which names; those of OpenTelemetry's conventions where there are some."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

Labels = Mapping[str, str | int]
Reading = tuple[float, Labels]
"""A value, and what it is of."""


class Metric(NamedTuple):
    """A metric: its unit and meaning."""

    unit: str
    about: str


SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
BYTES = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0, 67108864.0)

HISTOGRAMS: dict[str, Metric] = {
    "chroma.operation.duration": Metric("s", "How long the database worked on an operation."),
    "db.client.operation.duration": Metric("s", "How long a client waited for an operation of a server."),
    "http.server.request.duration": Metric("s", "How long the server took to answer a request."),
    "http.server.request.body.size": Metric("By", "The bodies of requests."),
    "http.server.response.body.size": Metric("By", "The bodies of answers."),
    "chroma.pool.wait.duration": Metric("s", "How long a request waited for a thread."),
}

GAUGES: dict[str, Metric] = {
    "http.server.active_requests": Metric("{request}", "Requests that are not answered yet."),
    "chroma.pool.requests": Metric("{request}", "Requests at work in threads or waiting for one, by lane."),
    "chroma.pool.queue": Metric("{request}", "Requests that wait for a thread, by lane."),
    "chroma.pool.threads": Metric("{thread}", "Threads that were started, by lane."),
    "chroma.collections.open": Metric("{collection}", "Collections that are open."),
    "chroma.collections.memory": Metric("By", "Memory of open collections, mapped files not counted."),
    "chroma.index.loose": Metric("{record}", "Vectors of open collections in no segment, compared one by one."),
    "chroma.index.backlog": Metric("{record}", "Records that open collections wrote or deleted since the last build."),
    "chroma.index.due": Metric("{collection}", "Collections that wait for the builder."),
    "chroma.storage.size": Metric("By", "What the directory takes on the disk, at most a minute ago."),
    "process.memory.usage": Metric("By", "Physical memory of the process."),
}

COUNTERS: dict[str, Metric] = {
    "process.cpu.time": Metric("s", "Processor time of the process."),
}


class Instruments:
    """Instruments of a meter.

    Args:
        meter: of OpenTelemetry.
    """

    def __init__(self, meter: Meter) -> None:
        self._histograms: dict[str, Histogram] = {
            name: meter.create_histogram(
                name,
                metric.unit,
                metric.about,
                explicit_bucket_boundaries_advisory=SECONDS if metric.unit == "s" else BYTES,
            )
            for name, metric in HISTOGRAMS.items()
        }
        self._sources: dict[str, list[Callable[[], Iterable[Reading]]]] = {}
        for name, metric in GAUGES.items():
            meter.create_observable_gauge(name, [self._observing(name)], metric.unit, metric.about)
        for name, metric in COUNTERS.items():
            meter.create_observable_counter(name, [self._observing(name)], metric.unit, metric.about)
        self.watch("process.memory.usage", _resident)
        self.watch("process.cpu.time", lambda: [(time.process_time(), {})])

    def record(self, name: str, value: float, labels: Labels) -> None:
        """Put a value into a histogram."""
        self._histograms[name].record(value, labels)

    def watch(self, name: str, read: Callable[[], Iterable[Reading]]) -> Callable[[], None]:
        """Read a gauge whenever it is asked for; return what ends that."""
        sources = self._sources.setdefault(name, [])
        sources.append(read)

        def forget() -> None:
            with suppress(ValueError):
                sources.remove(read)

        return forget

    def _observing(self, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(options: CallbackOptions) -> Iterable[Observation]:
            total: dict[tuple[tuple[str, str | int], ...], float] = {}
            for read in list(self._sources.get(name, ())):
                with suppress(Exception):  # what is being closed has nothing to tell
                    for value, labels in read():
                        key = tuple(labels.items())
                        total[key] = total.get(key, 0.0) + value
            return [Observation(value, dict(key)) for key, value in total.items()]

        return observe


def _resident() -> Iterable[Reading]:
    try:
        with open("/proc/self/statm", "rb") as file:
            return [(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), {})]
    except (OSError, IndexError, ValueError):
        pass
    try:
        import resource
    except ImportError:
        return []
    # The most that it ever was, where the system does not tell what it is.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [(most if sys.platform == "darwin" else most * 1024, {})]
