"""The configuration file of ``chroma run``, and the environment above it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chromadb._cli import configuration
from chromadb._cli.commands import Failure
from chromadb._cli.configuration import Configuration, read_configuration
from chromadb.errors import InvalidArgumentError


def read(text: str, **environment: str) -> Configuration:
    Path("config.yaml").write_text(text, encoding="utf-8")
    return read_configuration("config.yaml", environment)


def place(found: Configuration) -> tuple[str | None, int | None]:
    return found.host, found.port


def test_the_keys_of_the_published_server() -> None:
    found = read(
        """
        persist_path: ./here
        listen_address: 0.0.0.0
        port: 9000
        allow_reset: true
        cors_allow_origins: ["http://a.example", "http://b.example"]
        max_payload_size_bytes: 1000000
        open_telemetry:
          endpoint: http://traces.example:4317
          service_name: mine
        """
    )
    settings = found.settings
    assert (found.host, found.port, found.log_path, found.workers, found.remarks) == ("0.0.0.0", 9000, None, 1, [])
    assert (settings.is_persistent, settings.persist_directory, settings.allow_reset) == (True, "./here", True)
    assert settings.chroma_cors_allow_origins == ["http://a.example", "http://b.example"]
    assert settings.chroma_server_max_body_bytes == 1_000_000
    assert settings.chroma_otel_collection_endpoint == "http://traces.example:4317"
    assert settings.chroma_otel_service_name == "mine"


def test_our_own_keys_and_every_setting() -> None:
    found = read("log_path: server.log\nworkers: 3\nchroma_busy_timeout_seconds: 5\npersist_directory: there\n")
    assert (found.log_path, found.workers) == ("server.log", 3)
    assert found.settings.chroma_busy_timeout_seconds == 5.0
    assert found.settings.persist_directory == "there"


@pytest.mark.parametrize("text", ["", "# nothing\n", "port:\npersist_path: null\nopen_telemetry: {endpoint: null}\n"])
def test_what_is_not_said_is_the_default(text: str) -> None:
    found = read(text)
    assert (found.host, found.port, found.workers) == (None, None, 1)
    assert (found.settings.is_persistent, found.settings.persist_directory) == (True, "./chroma")


def test_the_environment_goes_before_the_file() -> None:
    found = read(
        "port: 1\npersist_path: a\nallow_reset: false\n",
        CHROMA_PORT="2",
        CHROMA_LISTEN_ADDRESS="::1",
        CHROMA_PERSIST_PATH="b",
        CHROMA_ALLOW_RESET="true",
        CHROMA_CORS_ALLOW_ORIGINS='["http://a.b"]',
        CHROMA_OPEN_TELEMETRY='{"endpoint": "http://c"}',
        CHROMA_WORKERS="",
    )
    assert (found.port, found.host, found.workers) == (2, "::1", 1)
    assert (found.settings.persist_directory, found.settings.allow_reset) == ("b", True)
    assert found.settings.chroma_cors_allow_origins == ["http://a.b"]
    assert found.settings.chroma_otel_collection_endpoint == "http://c"


def test_a_setting_in_the_environment_goes_before_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_BUSY_TIMEOUT_SECONDS", "7")
    found = read("chroma_busy_timeout_seconds: 5\n", CHROMA_BUSY_TIMEOUT_SECONDS="7")
    assert found.settings.chroma_busy_timeout_seconds == 7.0


def test_texts_in_the_environment_are_taken_as_they_are() -> None:
    found = read("", CHROMA_PERSIST_PATH="2024", CHROMA_LISTEN_ADDRESS="::", CHROMA_LOG_PATH="a: b")
    assert (found.settings.persist_directory, found.host, found.log_path) == ("2024", "::", "a: b")


def test_the_variable_of_a_service_in_kubernetes_is_no_port() -> None:
    found = read("port: 9000\n", CHROMA_PORT="tcp://10.0.0.7:8000")
    assert found.port == 9000
    assert found.remarks == ["CHROMA_PORT has no effect: it is what Kubernetes sets for a service named chroma."]


def test_without_a_file_the_environment_is_that_of_the_settings_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_PORT", "2")
    monkeypatch.setenv("CHROMA_PERSIST_PATH", "b")
    monkeypatch.setenv("CHROMA_BUSY_TIMEOUT_SECONDS", "7")
    flags: Any = {"path": None, "host": None, "port": None, "log_path": None, "workers": None}
    flags |= {"allow_reset": False, "read_only": False}
    found = Configuration.of_flags(**flags)
    assert (found.port, found.settings.persist_directory) == (None, "./chroma")
    assert found.settings.chroma_busy_timeout_seconds == 7.0
    assert found.remarks == [
        "CHROMA_PERSIST_PATH has no effect without a configuration file: use --path or PERSIST_DIRECTORY in the "
        "environment.",
        "CHROMA_PORT has no effect without a configuration file: use --port or CHROMA_SERVER_HTTP_PORT in the "
        "environment.",
    ]
    monkeypatch.setenv("PERSIST_DIRECTORY", "c")
    monkeypatch.setenv("ALLOW_RESET", "true")
    assert Configuration.of_flags(**flags).settings.persist_directory == "c"
    assert Configuration.of_flags(**flags).settings.allow_reset
    given = Configuration.of_flags(**{**flags, "path": "d", "workers": 2})
    assert (given.settings.persist_directory, given.workers) == ("d", 2)


def test_options_go_before_the_environment_and_that_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    flags: Any = dict.fromkeys(("path", "host", "port", "log_path", "workers", "allow_reset"))
    assert place(Configuration.of_flags(**flags)) == (None, None)
    Path(".env").write_text("CHROMA_SERVER_HTTP_PORT=7\n")
    assert place(Configuration.of_flags(**flags)) == (None, 7)
    monkeypatch.setenv("CHROMA_SERVER_HOST", "0.0.0.0")
    monkeypatch.setenv("CHROMA_SERVER_HTTP_PORT", "8")
    assert place(Configuration.of_flags(**flags)) == ("0.0.0.0", 8)
    assert place(Configuration.of_flags(**{**flags, "host": "::1", "port": 0})) == ("::1", 0)


def test_host_and_port_of_the_environment_go_before_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"CHROMA_SERVER_HOST": "0.0.0.0", "CHROMA_SERVER_HTTP_PORT": "8"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    file = "listen_address: ::1\nport: 1\n"
    assert place(read(file, **settings)) == ("0.0.0.0", 8)
    assert place(read(file, **settings, CHROMA_PORT="2", CHROMA_LISTEN_ADDRESS="::")) == ("::", 2)
    monkeypatch.setenv("ALLOW_RESET", "true")
    assert read("allow_reset: false\n", ALLOW_RESET="true").settings.allow_reset
    assert not read("", ALLOW_RESET="true", CHROMA_ALLOW_RESET="false").settings.allow_reset


@pytest.mark.parametrize("host", ["http://chroma.example", "https://chroma.example/base", "chroma:9000", "[::1]"])
def test_a_host_that_only_clients_can_use_is_passed_over_with_a_remark(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHROMA_SERVER_HOST", host)
    flags: Any = dict.fromkeys(("path", "host", "port", "log_path", "workers", "allow_reset"))
    for found in (Configuration.of_flags(**flags), read("", CHROMA_SERVER_HOST=host)):
        assert found.host is None
        assert found.remarks == [
            "chroma_server_host has no effect: it is a URL or has a port, which is for clients. "
            "--host names an address."
        ]


def test_misspelt_names_are_remarked_on_with_and_without_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_SERVER_HTP_PORT", "9000")
    monkeypatch.setenv("CHROMA_ALOW_RESET", "true")
    flags: Any = dict.fromkeys(("path", "host", "port", "log_path", "workers", "allow_reset"))
    said = "{} has no effect: there is no such setting. Did you mean {}?"
    port = said.format("CHROMA_SERVER_HTP_PORT", "CHROMA_SERVER_HTTP_PORT")
    assert Configuration.of_flags(**flags).remarks == [said.format("CHROMA_ALOW_RESET", "ALLOW_RESET"), port]
    assert read("").remarks == [said.format("CHROMA_ALOW_RESET", "CHROMA_ALLOW_RESET"), port]
    monkeypatch.setenv("CHROMA_ALLOW_RESET", "true")
    assert Configuration.of_flags(**flags).remarks[-1] == (
        "CHROMA_ALLOW_RESET has no effect without a configuration file: use --allow-reset or ALLOW_RESET in the "
        "environment."
    )
    assert len(Configuration.of_flags(**flags).remarks) == 3


@pytest.mark.parametrize("name", configuration.MEANINGLESS)
def test_keys_that_mean_nothing_here_are_explained(name: str) -> None:
    (remark,) = read(f"{name}: 1\n").remarks
    assert remark == f"{name} (config.yaml, line 1) has no effect: {configuration.MEANINGLESS[name]}."
    (remark,) = read("", **{f"CHROMA_{name.upper()}": "1"}).remarks
    assert remark.startswith(f"{name} (CHROMA_{name.upper()}) has no effect")


def test_unknown_keys_are_named_with_the_nearest_known() -> None:
    found = read("prot: 1\nchroma_synchronos: 1\nsomething: 1\nopen_telemetry: {endpont: x, filters: []}\n")
    assert found.remarks == [
        "there is no key prot (config.yaml, line 1); it has no effect. Did you mean port?",
        "there is no key chroma_synchronos (config.yaml, line 2); it has no effect. Did you mean chroma_synchronous?",
        "there is no key something (config.yaml, line 3); it has no effect. The keys are in chroma docs cli.",
        "there is no key endpont (config.yaml, line 4, open_telemetry); it has no effect. Did you mean endpoint?",
        "filters (config.yaml, line 4, open_telemetry) has no effect: traces are not filtered here.",
    ]


@pytest.mark.parametrize("name", ["chroma_server_auth_provider", "chroma_server_authn_credential"])
def test_a_mistake_about_authentication_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="It is refused, not ignored"):
        read(f"{name}: secret\n")


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        (
            "port: many\n",
            {},
            r"Expected port to be an integer from 0 to 65535, got 'many' \(str\) \(config.yaml, line 1\)",
        ),
        ("port: 70000\n", {}, "got 70000"),
        ("port: true\n", {}, "got True"),
        ("workers: 0\n", {}, "Expected workers to be an integer from 1"),
        ("", {"CHROMA_PORT": "x"}, r"got 'x' \(str\) \(CHROMA_PORT\)"),
        ("listen_address: 5\n", {}, "Expected listen_address to be a string"),
        ("open_telemetry: x\n", {}, "Expected open_telemetry to have endpoint and service_name"),
        ("open_telemetry: {endpoint: [1]}\n", {}, r"\(open_telemetry, endpoint, config.yaml, line 1\)"),
        ("- 1\n- 2\n", {}, "to hold keys and values"),
        ("1: 2\n", {}, "to hold keys and values"),
        ("a: [\n", {}, r"The configuration file config\.yaml is no YAML"),
        ("", {"CHROMA_CORS_ALLOW_ORIGINS": "[a"}, "Expected CHROMA_CORS_ALLOW_ORIGINS to be a value in YAML or JSON"),
        (
            "port: 1\nallow_reset: perhaps\n",
            {},
            r"Expected the setting allow_reset to be true or false, got 'perhaps' \(allow_reset, config.yaml, line 2\)",
        ),
        (
            "# comment\n\ncors_allow_origins: 5\n",
            {},
            r"the setting chroma_cors_allow_origins .* \(cors_allow_origins, config.yaml, line 3\)",
        ),
        ("", {"CHROMA_ALLOW_RESET": "perhaps"}, r"got 'perhaps' \(allow_reset, CHROMA_ALLOW_RESET\)"),
        ("listen_address: 0.0.0.0:9000\n", {}, "Expected listen_address to be a name or an address, such as 0.0.0.0"),
        ("!!python/object/apply:os.getcwd []\n", {}, "is no YAML"),
    ],
)
def test_values_that_are_not_allowed(text: str, environment: dict[str, str], message: str) -> None:
    with pytest.raises((Failure, InvalidArgumentError), match=message):
        read(text, **environment)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in ("nowhere.yaml", str(tmp_path)):
        with pytest.raises(Failure, match="cannot be read"):
            read_configuration(path, {})
    Path("config.yaml").write_bytes(b"port: \xff\n")
    with pytest.raises(Failure, match="is no YAML"):
        read_configuration("config.yaml", {})


def test_every_key_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for name in {**configuration.KEYS, **configuration.MEANINGLESS}:
        assert f"`{name}`" in page
