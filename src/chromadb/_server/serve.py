"""Serving: from settings to a process, or several, that answer on a port."""

from __future__ import annotations

import gc
import logging
import os
import socket
import ssl
import sys
from collections.abc import Callable
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TextIO

import uvicorn

from chromadb._auth.protection import Protection, read_protection
from chromadb._limits.chosen import check_limits
from chromadb._model.names import describe
from chromadb._observability.options import check_observability
from chromadb._server.app import Application
from chromadb._server.cors import allowed_origins
from chromadb._server.logs import begin_logging
from chromadb._server.protocol import HttpProtocol
from chromadb._server.sockets import BACKLOG, SPREADS, SocketAddress, is_loopback, join, listen, reserve
from chromadb._server.tls import tls_context, why_untrusted
from chromadb._server.workers import Workers
from chromadb._settings import Settings
from chromadb._settings.sources import refuse_unprotecting
from chromadb._settings.table import SETTINGS
from chromadb.errors import InternalError, InvalidArgumentError

logger = logging.getLogger("chromadb.server")


def serve(settings: Settings, *, host: str, port: int, log_path: str | None = None, workers: int = 1) -> None:
    """Serve until the process is told to stop, by SIGTERM or SIGINT.

    It finishes what it is at within ``chroma_server_grace_seconds``, and then returns; a second signal ends it at once.
    One line on standard output says where it listens, as soon as it does.

    Args:
        settings: of the database (``is_persistent``, ``persist_directory``, ...) and of the server.
        host: a name or an address of this machine.
        port: 0 takes one that is free.
        log_path: a file that the log is appended to; None for standard error.
        workers: how many processes; more than one need a directory that they share.

    Raises:
        ChromaError: the port is taken, the directory cannot be opened, ...: nothing was started. The message is a line
            for the user.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InvalidArgumentError(f"Expected workers to be an int of at least 1, got {describe(workers)}.")
    if workers > 1 and not settings.is_persistent:
        raise InvalidArgumentError(
            f"Expected one worker for a database in memory, got {workers}: processes share a directory, not memory."
        )
    refuse_unprotecting(SETTINGS)
    # What is wrong with keys, users and roles is said before anything is begun.
    guarded, tls = read_protection(settings), tls_context(settings)
    allowed_origins(settings)
    check_observability(settings)
    check_limits(settings)
    log = begin_logging(log_path, settings)
    raise_file_limit(settings)
    # A directory is made only for a server that has its port.
    sockets = listen(host, port)
    try:
        # What is wrong with the directory is said before there is a server.
        _check_directory(settings)
        _warn_of_exposure(settings, sockets, guarded, tls)
        banner = _banner(settings, host, sockets, workers)
        if workers == 1:
            _run(settings, sockets, log, lambda: _say(banner), guarded)
        else:
            places: list[SocketAddress] = []
            if SPREADS:
                sockets = reserve(sockets)
                places = [(each.family, each.getsockname()) for each in sockets]
            with TemporaryDirectory(prefix="chroma-workers-") as shared:
                arguments = (settings, places, [] if places else sockets, log_path, shared)
                processes = Workers(_work, arguments, workers, settings.chroma_server_grace_seconds)
                if not processes.run(lambda: _say(banner)):
                    raise InternalError("The workers end as soon as they begin. The log says why.")
    finally:
        for each in sockets:
            each.close()


class _Server(uvicorn.Server):
    """A server that says when it listens, and that a second signal ends at once."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], object]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            # What is at work is a transaction, which is undone when the process ends.
            os._exit(128 + sig)
        self.should_exit = True


def _run(
    settings: Settings,
    sockets: list[socket.socket],
    log: TextIO,
    listening: Callable[[], object],
    guarded: Protection | None = None,
    shared: str | None = None,
) -> None:
    application = Application(settings, log, guarded, shared)
    tls = tls_context(settings)
    config = uvicorn.Config(
        application,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=max(1, round(settings.chroma_server_keepalive_seconds)),
        timeout_graceful_shutdown=max(1, round(settings.chroma_server_grace_seconds)),
    )
    config.load()
    config.ssl = tls
    server = _Server(config, listening)
    # What was imported stays; the collector need not look at it again.
    gc.freeze()
    server.run(sockets)
    if not server.started:
        raise InternalError("The server did not start. The log says why.")
    if application.busy:
        # Threads cannot be stopped, and Python would wait for them.
        logger.warning("%d requests were not finished in time and are broken off", application.busy)
        os._exit(1)


def _work(
    listening: Callable[[], object],
    settings: Settings,
    places: list[SocketAddress],
    sockets: list[socket.socket],
    log_path: str | None,
    shared: str,
) -> None:
    """Be a worker: on sockets of its own at `places`, or on those that it shares."""
    log = begin_logging(log_path, settings)
    raise_file_limit(settings)
    _run(settings, sockets or join(places), log, listening, shared=shared)


def _say(line: str) -> None:
    print(line, flush=True)


def _check_directory(settings: Settings) -> None:
    if settings.is_persistent:
        from chromadb._engine.local import open_engine, wrapped

        engine = open_engine(os.path.realpath(settings.persist_directory), settings)
        wrapped(engine, settings, None).close()


def _warn_of_exposure(
    settings: Settings, sockets: list[socket.socket], guarded: Protection | None, tls: ssl.SSLContext | None
) -> None:
    """Say on standard error what an operator should know who did not mean it; once, not in each worker."""
    remarks = []
    reachable = [each.getsockname()[0] for each in sockets if not is_loopback(each.getsockname()[0])]
    if reachable and guarded is None:
        remarks.append(
            f"WARNING: everybody who reaches {reachable[0]} may read and delete everything: there is no "
            "authentication. Set chroma_server_authn_provider (chroma docs auth), or listen on localhost."
        )
    elif reachable and tls is None:
        remarks.append(
            f"Note: credentials travel to {reachable[0]} unencrypted, unless a proxy speaks TLS before this server. "
            "Set chroma_server_ssl_certfile to speak it here."
        )
    certificate = settings.chroma_server_ssl_certfile
    problem = why_untrusted(tls, certificate) if tls is not None and certificate else None
    if problem:
        remarks.append(f"WARNING: no client will trust the certificate in {certificate!r}: {problem}.")
    for remark in remarks:
        print(remark, file=sys.stderr, flush=True)


def raise_file_limit(settings: Settings) -> None:
    """Ask the system for as many open files as ``chroma_server_nofile`` says."""
    wanted = settings.chroma_server_nofile
    if wanted is None:
        return
    try:
        import resource
    except ImportError:
        logger.warning("chroma_server_nofile has no effect on this system")
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if most < wanted:
        logger.warning("chroma_server_nofile asks for %d open files, the system allows %d", wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _banner(settings: Settings, host: str, sockets: list[socket.socket], workers: int) -> str:
    port = sockets[0].getsockname()[1]
    where = f"[{host}]" if ":" in host else host
    data = os.path.realpath(settings.persist_directory) if settings.is_persistent else "memory"
    processes = f", with {workers} workers" if workers > 1 else ""
    scheme = "https" if settings.chroma_server_ssl_certfile else "http"
    return f"Chroma listens on {scheme}://{where}:{port}{processes}. The data is in {data}. Ctrl+C stops it."
