"""What ``chroma run`` serves and how: from options, or from a file in YAML with the environment above it.

A key of the file is one of our own, in `KEYS`, one that the published server knows and that means nothing here, in
`MEANINGLESS`, or the name of a setting. ``CHROMA_<KEY>`` in the environment goes before the file.
"""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import click

from chromadb._cli.commands import Failure
from chromadb._model.names import describe, shorten
from chromadb._settings import Settings
from chromadb._settings.misspelt import remarks_on_environment
from chromadb._settings.sources import refuse_or_warn
from chromadb._settings.table import SETTINGS

PREFIX = "CHROMA_"


class Key(NamedTuple):
    """A key of the file: what it sets."""

    setting: str | None
    """The setting; None for what `serve` is told itself."""
    about: str


KEYS = {
    "persist_path": Key("persist_directory", "the directory of the data"),
    "listen_address": Key("chroma_server_host", "the name or address to listen on"),
    "port": Key("chroma_server_http_port", "the port"),
    "log_path": Key(None, "a file that the log is appended to"),
    "workers": Key(None, "how many processes serve the directory"),
    "allow_reset": Key("allow_reset", "whether `reset()` is allowed"),
    "read_only": Key("chroma_read_only", "whether the directory is only read"),
    "cors_allow_origins": Key("chroma_cors_allow_origins", "origins whose pages may call the server"),
    "max_payload_size_bytes": Key("chroma_server_max_body_bytes", "the longest body of a request"),
    "open_telemetry": Key("chroma_otel_collection_endpoint", "`endpoint` and `service_name` of traces"),
}

TEXTS = ("persist_path", "listen_address", "log_path")
"""Keys whose variable is taken as it is written."""

OPTIONS = {
    "persist_path": "--path",
    "listen_address": "--host",
    "port": "--port",
    "log_path": "--log-path",
    "workers": "--workers",
    "allow_reset": "--allow-reset",
}
"""The options that say what a key says."""

OPEN_TELEMETRY = {"endpoint": "chroma_otel_collection_endpoint", "service_name": "chroma_otel_service_name"}

_PARTS = "the parts of the server are not configured one by one"
MEANINGLESS = {
    "sqlite_filename": "each collection has a file of its own, with a name of its own",
    "sqlitedb": "files carry their version, and are brought up to date when they are opened",
    "segment_manager": _PARTS,
    "sysdb": _PARTS,
    "log": _PARTS,
    "executor": _PARTS,
    "default_knn_index": "there is one kind of index",
    "circuit_breaker": "use the setting chroma_server_max_concurrent_requests",
    "scorecard_enabled": "use the setting chroma_server_max_concurrent_requests",
    "scorecard": "use the setting chroma_server_max_concurrent_requests",
    "enable_span_indexing": "there is one kind of index",
    "filters": "traces are not filtered here",
}
"""Keys of the published server that change nothing here, and why."""


@dataclass
class Configuration:
    """What to serve, and how."""

    settings: Settings
    host: str | None = None
    port: int | None = None
    log_path: str | None = None
    workers: int = 1
    remarks: list[str] = field(default_factory=list)
    """What the user should know: keys that have no effect."""

    @staticmethod
    def of_flags(
        path: str | None,
        host: str | None,
        port: int | None,
        log_path: str | None,
        workers: int | None,
        allow_reset: bool,
        read_only: bool = False,
        ssl_certfile: str | None = None,
        ssl_keyfile: str | None = None,
    ) -> Configuration:
        """Return what options say, above the settings of the environment."""
        given: dict[str, Any] = {"is_persistent": True}
        if path is not None:
            given["persist_directory"] = path
        if allow_reset:
            given["allow_reset"] = True
        if read_only:
            given["chroma_read_only"] = True
        if ssl_certfile is not None:
            given["chroma_server_ssl_certfile"] = ssl_certfile
        if ssl_keyfile is not None:
            given["chroma_server_ssl_keyfile"] = ssl_keyfile
        if host is not None and not is_bare(host):
            raise click.UsageError(f"{_no_bare_host('--host', host)} The port is an option of its own, --port.")
        settings = Settings(**given)
        keys = _keys_without_a_file(os.environ)
        remarks = [*remarks_on_environment(but=keys), *keys.values()]
        return Configuration(
            settings,
            _host_of(settings, remarks) if host is None else host,
            settings.chroma_server_http_port if port is None else port,
            log_path,
            workers or 1,
            remarks,
        )


def read_configuration(path: str, environment: Mapping[str, str] = os.environ) -> Configuration:
    """Return what a file in YAML says, and the environment above it.

    Raises:
        Failure: the file cannot be read, or is no mapping, or a value is not allowed.
    """
    values, sources = _read_file(path)
    remarks = remarks_on_environment([PREFIX + name.upper() for name in {**KEYS, **MEANINGLESS}])
    for name in {**KEYS, **MEANINGLESS}:
        variable = PREFIX + name.upper()
        text = environment.get(variable)
        if not text:
            continue
        if name == "port" and text.startswith("tcp://"):
            remarks.append(f"{variable} has no effect: it is what Kubernetes sets for a service named chroma.")
            continue
        values[name] = _parse(text, variable) if name not in TEXTS else text
        sources[name] = variable
    settings: dict[str, Any] = {"is_persistent": True}
    own: dict[str, Any] = {}
    for name, value in values.items():
        if name == "open_telemetry":
            settings.update(_open_telemetry(value, sources[name], remarks))
            continue
        setting = name if name in SETTINGS else KEYS[name].setting if name in KEYS else None
        # The variable of a setting goes before the file, whatever the key is called there.
        if setting is not None and environment.get(setting.upper()) and not environment.get(PREFIX + name.upper()):
            continue
        if name in ("listen_address", "port") or (name in KEYS and setting is None):
            own[name] = value
        elif setting is not None:
            if value is not None:
                settings[setting] = SETTINGS[setting].convert(value, f"{name}, {sources[name]}")
        else:
            remarks.append(_without_effect(name, sources[name], value))
    made = Settings(**settings)
    host, port = _text(own, "listen_address", sources), _number(own, "port", 0, 65535, sources)
    if host is not None and not is_bare(host):
        raise Failure(f"{_no_bare_host('listen_address', host)} The port is a key of its own, port.")
    return Configuration(
        made,
        _host_of(made, remarks) if host is None else host,
        made.chroma_server_http_port if port is None else port,
        _text(own, "log_path", sources),
        _number(own, "workers", 1, 1024, sources) or 1,
        remarks,
    )


def is_bare(host: str) -> bool:
    """Return whether a host is a name or an address, without scheme, port and path."""
    return "/" not in host and (host.count(":") != 1 and not host.startswith("["))


def _no_bare_host(what: str, host: str) -> str:
    bare = host.partition("://")[2] or host
    bare = bare.partition("/")[0]
    bare = bare[1:].partition("]")[0] if bare.startswith("[") else bare.partition(":")[0]
    hint = f", such as {bare}" if bare else ""
    return f"Expected {what} to be a name or an address{hint}, without http:// and without a port; got {shorten(host)}."


def _host_of(settings: Settings, remarks: list[str]) -> str | None:
    """Return the host that the settings name for both sides, if a server can listen there."""
    host = settings.chroma_server_host
    if host is None or is_bare(host):
        return host
    remarks.append(
        "chroma_server_host has no effect: it is a URL or has a port, which is for clients. --host names an address."
    )
    return None


def _keys_without_a_file(environment: Mapping[str, str]) -> dict[str, str]:
    """Return a remark for every key in the environment, by its name: without a file they mean nothing, as published."""
    remarks = {}
    for name, key in KEYS.items():
        variable, value = PREFIX + name.upper(), environment.get(PREFIX + name.upper())
        if not value or value.startswith("tcp://"):
            continue
        option = OPTIONS.get(name)
        ways = [way for way in (option, key.setting and f"{key.setting.upper()} in the environment") if way]
        remarks[variable] = f"{variable} has no effect without a configuration file: use {' or '.join(ways)}."
    return remarks


def _read_file(path: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what a file says, and of each key where it stands."""
    import yaml

    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
        values = yaml.safe_load(text)
    except OSError as error:
        raise Failure(f"The configuration file {path} cannot be read: {error.strerror or error}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Failure(f"The configuration file {path} is no YAML: {' '.join(str(error).split())}.") from None
    if values is None:
        return {}, {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise Failure(f"Expected {path} to hold keys and values, such as port: 8000; got {describe(values)}.")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)
    lines = {key.value: key.start_mark.line + 1 for key, _ in node.value}
    # A key can come out of another mapping (<<), and then has no line of its own.
    return values, {name: f"{path}, line {lines[name]}" if name in lines else path for name in values}


def _parse(text: str, variable: str) -> Any:
    """Return the value of a variable, which is written as in YAML: JSON is that too."""
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise Failure(f"Expected {variable} to be a value in YAML or JSON, got {shorten(text)}.") from None


def _open_telemetry(value: Any, source: str, remarks: list[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Failure(f"Expected open_telemetry to have endpoint and service_name, got {describe(value)} ({source}).")
    for name in value:
        if name not in OPEN_TELEMETRY:
            remarks.append(_without_effect(str(name), f"{source}, open_telemetry", known=OPEN_TELEMETRY))
    return {
        setting: SETTINGS[setting].convert(value[name], f"open_telemetry, {name}, {source}")
        for name, setting in OPEN_TELEMETRY.items()
        if value.get(name) is not None
    }


def _without_effect(name: str, source: str, value: Any = None, known: Mapping[str, Any] | None = None) -> str:
    if name in MEANINGLESS:
        return f"{name} ({source}) has no effect: {MEANINGLESS[name]}."
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Of authentication nothing is passed over.
        refuse_or_warn(name, value, source, SETTINGS, stacklevel=1)
    candidates = list(known) if known is not None else [*KEYS, *SETTINGS]
    close = difflib.get_close_matches(name, candidates, n=1)
    hint = f" Did you mean {close[0]}?" if close else " The keys are in chroma docs cli."
    return f"there is no key {name} ({source}); it has no effect.{hint}"


def _text(values: Mapping[str, Any], name: str, sources: Mapping[str, str]) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise Failure(f"Expected {name} to be a string, got {describe(value)} ({sources[name]}).")
    return value


def _number(values: Mapping[str, Any], name: str, least: int, most: int, sources: Mapping[str, str]) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Failure(
            f"Expected {name} to be an integer from {least} to {most}, got {describe(value)} ({sources[name]})."
        )
    return value
