"""Metrics in Prometheus' text format, for all processes of a server.

Prometheus asks one port, behind which any of several processes answers. So each of them writes its metrics to a folder
that they share, every few seconds, and the one that is asked puts its own beside those of the others: by the label
``worker``, the number of the process.

Not OpenTelemetry's own exporter for Prometheus, which is a preview, registers itself for the whole process, and speaks
for one process alone.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import isinf
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader, MetricsData, Sum

from chromadb._observability.instruments import COUNTERS, GAUGES, HISTOGRAMS

STALE = 30.0
"""Seconds after which a process that told nothing more has ended."""

_UNITS = {"s": "_seconds", "By": "_bytes"}


class Family(NamedTuple):
    """Everything under one name."""

    kind: str
    about: str
    lines: list[str]


class Scraped:
    """What Prometheus reads.

    Args:
        reader: gives the metrics of this process.
        folder: that the processes of a server share; None for one that is alone.
    """

    content_type = b"text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, reader: InMemoryMetricReader, folder: str | None) -> None:
        self._reader = reader
        self._folder = None if folder is None else Path(folder)
        self._labels: dict[str, object] = {} if folder is None else {"worker": os.getpid()}

    def page(self) -> bytes:
        """Return the metrics of all processes as they are now, those of others as they were some seconds ago."""
        page = self._own()
        for name, family in self._others():
            if name in page:
                page[name].lines.extend(family.lines)
            else:
                page[name] = family
        lines = []
        for name, (kind, about, samples) in sorted(page.items()):
            lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}", *samples]
        return ("\n".join(lines) + "\n").encode()

    def share(self) -> None:
        """Write the metrics of this process for the others."""
        if self._folder is None:
            return
        file = self._folder / f"{os.getpid()}.json"
        new = file.with_suffix(".new")
        with suppress(OSError):  # a full disk must not end the service
            new.write_text(json.dumps(self._own()))
            new.replace(file)

    def _own(self) -> dict[str, Family]:
        return families(self._reader.get_metrics_data(), self._labels)

    def _others(self) -> Iterable[tuple[str, Family]]:
        for file in () if self._folder is None else self._folder.glob("*.json"):
            if file.stem == str(os.getpid()):
                continue
            with suppress(OSError, ValueError):
                if time.time() - file.stat().st_mtime > STALE:
                    file.unlink()
                    continue
                for name, (kind, about, lines) in json.loads(file.read_text()).items():
                    yield name, Family(kind, about, lines)


def families(data: MetricsData | None, labels: Mapping[str, object]) -> dict[str, Family]:
    """Return metrics by the names that Prometheus knows them by.

    Args:
        data: as OpenTelemetry collected it.
        labels: for every sample.
    """
    found: dict[str, Family] = {}
    for of_resource in () if data is None else data.resource_metrics:
        about = {key: value for key, value in of_resource.resource.attributes.items() if key.startswith("service.")}
        found["target_info"] = Family("gauge", "What is measured.", [f"target_info{_labels({**about, **labels})} 1"])
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                name, kind = _named(metric.name, metric.unit or "", metric.data)
                lines = [
                    line
                    for point in metric.data.data_points
                    for line in _samples(name, point, {**(point.attributes or {}), **labels})
                ]
                found[name] = Family(kind, _escaped(metric.description or ""), lines)
    return found


def names() -> set[str]:
    """Return every name that a page may show, those of the parts of histograms among them."""
    histograms = {prometheus_name(name, metric.unit) for name, metric in HISTOGRAMS.items()}
    parts = {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    gauges = {prometheus_name(name, metric.unit) for name, metric in GAUGES.items()}
    counters = {prometheus_name(name, metric.unit) + "_total" for name, metric in COUNTERS.items()}
    return parts | gauges | counters | {"target_info"}


def prometheus_name(name: str, unit: str) -> str:
    """Return what Prometheus calls a metric of OpenTelemetry, ``_total`` of counters aside."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", name) + _UNITS.get(unit, "")


def _named(name: str, unit: str, data: Any) -> tuple[str, str]:
    base = prometheus_name(name, unit)
    if isinstance(data, Histogram):
        return base, "histogram"
    if isinstance(data, Sum) and data.is_monotonic:
        return f"{base}_total", "counter"
    return base, "gauge"


def _samples(name: str, point: Any, labels: Mapping[str, object]) -> Iterable[str]:
    if not hasattr(point, "bucket_counts"):
        yield f"{name}{_labels(labels)} {_number(point.value)}"
        return
    count = 0
    for bound, inside in zip([*point.explicit_bounds, float("inf")], point.bucket_counts, strict=True):
        count += inside
        yield f"{name}_bucket{_labels({**labels, 'le': _number(bound)})} {count}"
    yield f"{name}_sum{_labels(labels)} {_number(point.sum)}"
    yield f"{name}_count{_labels(labels)} {point.count}"


def _labels(labels: Mapping[str, object]) -> str:
    pairs = [f'{re.sub(r"[^a-zA-Z0-9_]", "_", name)}="{_quoted(str(value))}"' for name, value in labels.items()]
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    return "+Inf" if isinf(value) else repr(value)
