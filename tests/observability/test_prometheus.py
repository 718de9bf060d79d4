"""The text that Prometheus reads."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from chromadb._observability.prometheus import STALE, Scraped, families


def reader_of(name: str = "server") -> tuple[InMemoryMetricReader, MeterProvider]:
    reader = InMemoryMetricReader()
    return reader, MeterProvider([reader], resource=Resource({"service.name": name}), shutdown_on_exit=False)


def test_histograms_add_up_and_labels_are_quoted() -> None:
    reader, provider = reader_of()
    histogram = provider.get_meter("m").create_histogram(
        "a.time", "s", "How\nlong.", explicit_bucket_boundaries_advisory=[1.0, 2.0]
    )
    for value in (0.5, 1.5, 1.5, 9.0):
        histogram.record(value, {"k.ey": 'quo"te\\'})
    family = families(reader.get_metrics_data(), {})["a_time_seconds"]
    assert family.kind == "histogram"
    assert family.about == "How\\nlong."
    label = 'k_ey="quo\\"te\\\\"'
    assert family.lines == [
        f'a_time_seconds_bucket{{{label},le="1.0"}} 1',
        f'a_time_seconds_bucket{{{label},le="2.0"}} 3',
        f'a_time_seconds_bucket{{{label},le="+Inf"}} 4',
        f"a_time_seconds_sum{{{label}}} 12.5",
        f"a_time_seconds_count{{{label}}} 4",
    ]


def test_counters_and_gauges_have_the_names_that_prometheus_expects() -> None:
    reader, provider = reader_of()
    meter = provider.get_meter("m")
    meter.create_counter("a.count", "By").add(3)
    meter.create_up_down_counter("b.level").add(2)
    found = families(reader.get_metrics_data(), {"worker": 7})
    assert found["a_count_bytes_total"].lines == ['a_count_bytes_total{worker="7"} 3']
    assert found["a_count_bytes_total"].kind == "counter"
    assert found["b_level"].kind == "gauge"
    assert found["target_info"].lines == ['target_info{service_name="server",worker="7"} 1']


def test_the_processes_of_a_server_are_read_together(tmp_path: Path) -> None:
    reader, provider = reader_of()
    provider.get_meter("m").create_counter("hits").add(1)
    other = {"hits_total": ["counter", "", ['hits_total{worker="1"} 5']], "more": ["gauge", "", ["more 1"]]}
    (tmp_path / "1.json").write_text(json.dumps(other))
    (tmp_path / "2.json").write_text("{ broken")
    (tmp_path / "3.json").write_text(json.dumps({"gone": ["gauge", "", ["gone 1"]]}))
    os.utime(tmp_path / "3.json", (time.time() - 2 * STALE,) * 2)
    scraped = Scraped(reader, str(tmp_path))
    page = scraped.page().decode()
    assert page.count("# TYPE hits_total counter") == 1
    assert f'hits_total{{worker="{os.getpid()}"}} 1\nhits_total{{worker="1"}} 5\n' in page
    assert "# TYPE more gauge\nmore 1\n" in page
    assert "gone" not in page
    assert not (tmp_path / "3.json").exists()
    scraped.share()
    assert "hits_total" in json.loads((tmp_path / f"{os.getpid()}.json").read_text())
