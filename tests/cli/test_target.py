"""What the options of a directory or a server mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from chromadb._cli.target import Target


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (Target(host="localhost"), "http://localhost:8000"),
        (Target(host="localhost", port=80), "http://localhost"),
        (Target(host="::1", port=9000), "http://[::1]:9000"),
        (Target(host="example.com", ssl=True), "https://example.com:8000"),
        (Target(host="https://example.com/chroma/api/v2/"), "https://example.com/chroma"),
    ],
)
def test_a_server_is_shown_by_the_url_that_is_asked(
    target: Target, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(target) == shown


def test_the_port_of_the_environment_is_the_one_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHROMA_SERVER_HTTP_PORT", "9000")
    assert str(Target(host="localhost")) == "http://localhost:9000"
