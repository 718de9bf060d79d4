"""The table of all settings: name, type, default and meaning of each."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from chromadb._settings.fields import accepted, fields_of, used

Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Count: TypeAlias = Annotated[int, Meta(ge=1)]
Rate: TypeAlias = Annotated[float, Meta(gt=0, le=1e6)]
Size: TypeAlias = Annotated[int, Meta(ge=0)]
# The upper bound, a day, catches milliseconds and infinity.
Seconds: TypeAlias = Annotated[float, Meta(gt=0, le=86400)]

OPEN_PATHS = {
    path: ["GET"]
    for version in ("/api/v2", "/api/v1")
    for path in (version, f"{version}/heartbeat", f"{version}/version")
}


class SettingsTable:
    """One line per setting; from here come attributes and their types, checks, and the table in the docs."""

    is_persistent: bool = used(
        False, "storage", "Keep the data in `persist_directory`; otherwise in the memory of the process."
    )
    persist_directory: str = used("./chroma", "storage", "The directory of the data, made when it is missing.")
    allow_reset: bool = used(False, "storage", "Allow `reset()`, which deletes everything.")
    chroma_read_only: bool = used(
        False,
        "storage",
        "Open the directory, which must exist, for reading only: nothing is written and no file is made, so it may lie "
        "on a read-only file system. Every write is refused.",
    )
    chroma_synchronous: Literal["full", "normal"] = used(
        "full",
        "storage",
        "`full`: an acknowledged write survives a loss of power. `normal`: it survives the end of the "
        "process, and writing is faster.",
    )
    chroma_busy_timeout_seconds: Seconds = used(
        30.0, "storage", "How long a writer waits for the lock of another process before it gives up."
    )
    chroma_max_open_collections: Count = used(
        256,
        "storage",
        "Collections kept open at once, each with its file handles; the one used least recently is closed.",
    )
    chroma_memory_limit_bytes: Size = used(
        0,
        "storage",
        "Memory that open collections may take, beside files that are mapped, which the system takes back at need. "
        "Idle collections are closed, the one used least recently first, and opened again at the next use; 0: no "
        "limit.",
    )

    chroma_api_impl: str = used(
        "chromadb.api.segment.SegmentAPI",
        "client",
        "What `Client` opens: `chromadb.api.segment.SegmentAPI` and `chromadb.api.rust.RustBindingsAPI` are both the "
        "embedded database, `chromadb.api.fastapi.FastAPI` is a server. Asynchronous clients are always of a server.",
    )
    chroma_server_host: str | None = used(
        None,
        "client",
        "The server: a name, an IP address or a URL, with a path if it lies behind one. A name or an address is where "
        "`chroma run` listens too.",
    )
    chroma_server_http_port: Port | None = used(None, "client", "The port of the server, on both sides.")
    chroma_server_ssl_enabled: bool | None = used(
        False, "client", "Speak HTTPS with the server. A server does so with `chroma_server_ssl_certfile`."
    )
    chroma_server_ssl_verify: bool | str | None = used(
        None, "client", "Check the certificate of the server: a boolean, or the path of a CA bundle."
    )
    chroma_server_headers: dict[str, str] | None = used(None, "client", "HTTP headers sent with each request.")
    chroma_server_api_default_path: str = used("/api/v2", "client", "Where the API begins below the host.")
    chroma_http_keepalive_secs: Seconds | None = used(
        40.0, "client", "How long an idle connection is kept open; none: without end."
    )
    chroma_http_max_connections: Count | None = used(None, "client", "Connections at once; none: any number.")
    chroma_http_max_keepalive_connections: Count | None = used(
        None, "client", "Idle connections kept open; none: any number."
    )

    chroma_http_connect_timeout_seconds: Seconds = used(
        10.0, "client", "How long to wait for a connection to the server."
    )
    chroma_http_timeout_seconds: Seconds | None = used(
        600.0, "client", "How long the server may be silent while it works on a request; none: any time."
    )
    chroma_http_retries: Size = used(
        2,
        "client",
        "How often a request is sent again where that is safe: reads if the connection broke or the server is "
        "unavailable (502, 503, 504), writes if there was no connection; both if they are asked to come again (429).",
    )

    chroma_client_auth_provider: str | None = used(
        None,
        "auth",
        "How a client proves who it is: `chromadb.auth.token_authn.TokenAuthClientProvider` or "
        "`chromadb.auth.basic_authn.BasicAuthClientProvider`.",
    )
    chroma_client_auth_credentials: str | None = used(
        None, "auth", "What it proves it with: the token, or `user:password`."
    )
    chroma_auth_token_transport_header: Literal["Authorization", "X-Chroma-Token"] | None = used(
        None, "auth", "The header that carries a token, on both sides; none: `Authorization`."
    )
    chroma_server_authn_provider: str | None = used(
        None,
        "auth",
        "How the server finds out who asks: `chromadb.auth.token_authn.TokenAuthenticationServerProvider` or "
        "`chromadb.auth.basic_authn.BasicAuthenticationServerProvider`, or a class of your own; none: everybody may do "
        "everything.",
    )
    chroma_server_authn_credentials: str | None = used(
        None, "auth", "A token, `users` with tokens in YAML, or lines as htpasswd writes them with bcrypt."
    )
    chroma_server_authn_credentials_file: str | None = used(None, "auth", "A file with the same, read at the start.")
    chroma_server_authz_provider: str | None = used(
        None,
        "auth",
        "How the server decides who may do what: "
        "`chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider`, or a class of your own; none: who is known "
        "may do everything within their tenant and databases.",
    )
    chroma_server_authz_config: str | None = used(None, "auth", "YAML with `users` and `roles_mapping`.")
    chroma_server_authz_config_file: str | None = used(None, "auth", "A file with the same.")
    chroma_server_auth_ignore_paths: dict[str, list[str]] = used(
        OPEN_PATHS,
        "auth",
        "Paths, each with its HTTP methods, that are open to everybody; the paths of the pre-flight and health "
        "checks always are.",
    )
    chroma_overwrite_singleton_tenant_database_access_from_auth: bool = used(
        False,
        "auth",
        "Clients take tenant and database from the identity where it may use only one. Servers lead such an identity "
        "there when a request names the default ones.",
    )

    chroma_server_cors_allow_origins: list[str] = used(
        [], "server", 'Origins whose pages may call the server from a browser; `["*"]`: all.'
    )
    chroma_cors_allow_origins: list[str] = used([], "server", "The same by its name in 1.x; one of the two is enough.")
    chroma_server_ssl_certfile: str | None = used(
        None, "server", "Speak HTTPS: a PEM file with the certificate of the server and those between it and the root."
    )
    chroma_server_ssl_keyfile: str | None = used(
        None, "server", "A PEM file with its key; none: it is in the file of the certificate."
    )
    chroma_server_ssl_keyfile_password: str | None = used(None, "server", "What the key is encrypted with.")
    chroma_server_thread_pool_size: Count = used(
        40,
        "server",
        "Threads of a server process that work on writes. On reads as many, but no more than cores, or 4.",
    )
    chroma_server_nofile: Count | None = used(
        None, "server", "The limit of open files that the server asks for at its start."
    )
    chroma_server_max_body_bytes: Count = used(
        512 * 2**20, "server", "The longest body of a request; a longer one is answered with 413."
    )
    chroma_server_max_batch_size: Count = used(
        41_666,
        "server",
        "Records that one write may carry; more are answered with 413. Clients are told it and split larger calls.",
    )
    chroma_server_max_concurrent_requests: Count = used(
        1000, "server", "Requests at work or waiting at once; further ones are answered with 503 and `Retry-After`."
    )
    chroma_server_request_timeout_seconds: Seconds = used(
        300.0,
        "server",
        "How long a body may take to arrive (408 after that), and how long a request may wait (503) and work (504).",
    )
    chroma_server_grace_seconds: Seconds = used(
        30.0, "server", "How long requests at work may take to finish when the server is told to stop."
    )
    chroma_server_keepalive_seconds: Seconds = used(
        75.0, "server", "How long an idle connection is kept open; longer than clients keep theirs."
    )

    chroma_rate_limit_requests_per_second: Rate | None = used(
        None,
        "limits",
        "Requests a second that a server takes from each user, or from each address where nobody proves who they are; "
        "further ones are answered with 429 and `Retry-After`. None: any number.",
    )
    chroma_rate_limit_burst: Count | None = used(
        None, "limits", "How many of them may come at once, after a pause; none: those of one second."
    )
    chroma_quota_collections_per_tenant: Size | None = used(
        None, "limits", "Collections that a tenant may have; none: any number."
    )
    chroma_quota_records_per_tenant: Size | None = used(
        None, "limits", "Records that a tenant may have in all of its collections; none: any number."
    )
    chroma_quota_bytes_per_tenant: Size | None = used(
        None, "limits", "Bytes that the files of a tenant's collections may take, indexes included; none: any number."
    )
    chroma_async_rate_limit_enforcer_impl: str = used(
        "chromadb.rate_limit.simple_rate_limit.SimpleAsyncRateLimitEnforcer",
        "limits",
        "The class that decides how often requests may come to a server, by its dotted path: an "
        "`AsyncRateLimitEnforcer`.",
    )
    chroma_rate_limit_enforcer_impl: str = used(
        "chromadb.rate_limit.simple_rate_limit.SimpleRateLimitEnforcer",
        "limits",
        "The class that decides how often operations may be executed, embedded or in a server: a `RateLimitEnforcer`.",
    )
    chroma_quota_enforcer_impl: str = used(
        "chromadb.quota.simple_quota_enforcer.SimpleQuotaEnforcer",
        "limits",
        "The class that decides how much a tenant may store and ask for: a `QuotaEnforcer`.",
    )

    chroma_otel_collection_endpoint: str | None = used(
        "",
        "observability",
        "Where OpenTelemetry traces are sent: a host, or a URL like `http://collector:4317`; empty: nowhere.",
    )
    chroma_otel_service_name: str | None = used("chromadb", "observability", "The service named in traces.")
    chroma_otel_collection_headers: dict[str, str] = used(
        {}, "observability", "Headers sent with traces and metrics, for keys for instance."
    )
    chroma_otel_granularity: Literal["none", "operation", "operation_and_segment", "all"] | None = used(
        None,
        "observability",
        "How detailed traces are: none of them, operations, these with their parts in storage and index, or "
        "everything; none: `operation`, where there is an endpoint.",
    )
    chroma_otel_protocol: Literal["grpc", "http/protobuf"] | None = used(
        None,
        "observability",
        "How traces and metrics are sent; none: `http/protobuf` to port 4318 or to a URL with a path, else `grpc`.",
    )
    chroma_otel_metrics: bool = used(False, "observability", "Send metrics to the endpoint too.")
    chroma_prometheus_metrics: bool = used(
        False, "observability", "Let Prometheus read the metrics of the server at `/metrics`."
    )
    chroma_log_format: Literal["text", "json"] = used(
        "text",
        "observability",
        "How a server writes its log, the lines on requests aside, which are always JSON: `json` has the ids of "
        "request and trace.",
    )
    anonymized_telemetry: bool = used(
        True,
        "telemetry",
        "Tell of usage, where there is somebody to be told: nothing is sent anywhere without "
        "`chroma_product_telemetry_api_key` or a class of your own. `false` keeps these quiet too.",
    )
    chroma_product_telemetry_api_key: str | None = used(
        None, "telemetry", "The key of a project in your own PostHog, which is then told of usage; none: nobody is."
    )
    chroma_product_telemetry_host: str | None = used(
        None, "telemetry", "Where that PostHog is: a URL like `https://posthog.example.com`."
    )
    chroma_product_telemetry_impl: str = used(
        "chromadb.telemetry.product.posthog.Posthog",
        "telemetry",
        "The class that tells of usage, by its dotted path: a `ProductTelemetryClient`.",
    )
    chroma_telemetry_impl: str = used(
        "chromadb.telemetry.product.posthog.Posthog", "telemetry", "The same by a former name."
    )

    migrations: Literal["none", "validate", "apply"] = accepted(
        "apply", "internals", "Files of our own carry their version and are brought up to date on opening."
    )
    migrations_hash_algorithm: Literal["md5", "sha256"] = accepted(
        "md5", "internals", "There are no hashed migration scripts."
    )
    chroma_segment_cache_policy: str | None = accepted(
        None, "internals", "Collections used least recently are always the first to be closed."
    )
    chroma_sysdb_impl: str = accepted(
        "chromadb.db.impl.sqlite.SqliteDB", "internals", "Parts are not chosen by class names."
    )
    chroma_producer_impl: str = accepted(
        "chromadb.db.impl.sqlite.SqliteDB", "internals", "Parts are not chosen by class names."
    )
    chroma_consumer_impl: str = accepted(
        "chromadb.db.impl.sqlite.SqliteDB", "internals", "Parts are not chosen by class names."
    )
    chroma_segment_manager_impl: str = accepted(
        "chromadb.segment.impl.manager.local.LocalSegmentManager",
        "internals",
        "Parts are not chosen by class names.",
    )
    chroma_executor_impl: str = accepted(
        "chromadb.execution.executor.local.LocalExecutor", "internals", "Parts are not chosen by class names."
    )

    chroma_collection_assignment_policy_impl: str = accepted(
        "chromadb.ingest.impl.simple_policy.SimpleAssignmentPolicy",
        "distributed",
        "There is no log to share out.",
    )
    chroma_segment_directory_impl: str = accepted(
        "chromadb.segment.impl.distributed.segment_directory.RendezvousHashSegmentDirectory",
        "distributed",
        "There are no query nodes.",
    )
    chroma_segment_directory_routing_mode: Literal["node", "id"] = accepted(
        "id", "distributed", "There are no query nodes."
    )
    chroma_memberlist_provider_impl: str = accepted(
        "chromadb.segment.impl.distributed.segment_directory.CustomResourceMemberlistProvider",
        "distributed",
        "There are no query nodes.",
    )
    worker_memberlist_name: str = accepted("query-service-memberlist", "distributed", "There are no query nodes.")
    chroma_query_replication_factor: Count = accepted(2, "distributed", "There are no query nodes.")
    chroma_query_request_timeout_seconds: Count = accepted(60, "distributed", "There are no query nodes.")
    chroma_coordinator_host: str = accepted("localhost", "distributed", "There is no coordinator.")
    chroma_server_grpc_port: Port | None = accepted(None, "distributed", "There is no coordinator.")
    chroma_sysdb_request_timeout_seconds: Count = accepted(3, "distributed", "There is no coordinator.")
    chroma_logservice_host: str = accepted("localhost", "distributed", "There is no log service.")
    chroma_logservice_port: Port = accepted(50052, "distributed", "There is no log service.")
    chroma_logservice_request_timeout_seconds: Count = accepted(3, "distributed", "There is no log service.")

    environment: str = accepted("", "legacy", "Nothing depends on it.")
    tenant_id: str = accepted("default", "legacy", "The tenant is an argument of the client.")
    topic_namespace: str = accepted("default", "legacy", "There are no topics.")
    chroma_db_impl: str | None = accepted(
        None, "legacy", "Chose the storage before 0.4; `duckdb+parquet` and its like are refused."
    )
    chroma_quota_provider_impl: str | None = accepted(
        None, "legacy", "Gave way to `chroma_quota_enforcer_impl`, which is said where it is set."
    )
    chroma_rate_limiting_provider_impl: str | None = accepted(
        None, "legacy", "Gave way to `chroma_rate_limit_enforcer_impl`, which is said where it is set."
    )


SETTINGS = fields_of(SettingsTable)
