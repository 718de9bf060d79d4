"""The example: its files fit each other, and the dashboard shows what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from chromadb._observability.prometheus import names
from chromadb._settings.table import SETTINGS

EXAMPLE = Path(__file__).parents[2] / "examples" / "observability"
_WORDS = {"histogram_quantile", "sum", "by", "rate", "max", "le", "bytes"}


def test_every_metric_of_the_dashboard_exists() -> None:
    dashboard = json.loads((EXAMPLE / "dashboard.json").read_text())
    shown: set[str] = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            expression = re.sub(r'"[^"]*"|\[[^\]]*\]|by \([^)]*\)|\{[^}]*\}', "", target["expr"])
            shown |= set(re.findall(r"[a-z_]{3,}", expression)) - _WORDS
    assert shown
    assert shown - names() == set()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_the_dashboard_leaves_nothing_out() -> None:
    text = (EXAMPLE / "dashboard.json").read_text()
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names()} - {"target_info"}
    # What clients measure, they send to a collector.
    assert [name for name in families if name not in text] == ["db_client_operation_duration_seconds"]


def test_labels_of_the_dashboard_are_those_of_the_metrics() -> None:
    known = {"le", "db_operation_name", "error_type", "http_route", "http_response_status_code", "chroma_pool_lane"}
    text = (EXAMPLE / "dashboard.json").read_text()
    used = {word.strip() for group in re.findall(r"by \(([^)]*)\)", text) for word in group.split(",")}
    assert used <= known


def test_compose_mounts_what_is_there_and_sets_what_exists() -> None:
    compose = yaml.safe_load((EXAMPLE / "docker-compose.yml").read_text())
    services = compose["services"]
    for service in services.values():
        for mount in service.get("volumes", ()):
            if mount.startswith("./"):
                assert (EXAMPLE / mount.split(":")[0]).is_file()
        for other in service.get("depends_on", ()):
            assert other in services
    for variable in services["server"]["environment"]:
        assert variable.partition("=")[0].lower() in SETTINGS
    assert (EXAMPLE / "Dockerfile").is_file()


def test_the_collector_passes_on_what_it_takes() -> None:
    collector = yaml.safe_load((EXAMPLE / "otel-collector-config.yaml").read_text())
    for pipeline in collector["service"]["pipelines"].values():
        assert set(pipeline["receivers"]) <= set(collector["receivers"])
        assert set(pipeline["exporters"]) <= set(collector["exporters"])
    for name in ("prometheus.yml", "grafana-sources.yml", "grafana-dashboards.yml"):
        assert yaml.safe_load((EXAMPLE / name).read_text())
