"""The server beside another one: inserts and queries over HTTP by 1, 8 and 32 clients, the servers taking turns.

    python benchmarks/server.py                                    # this one alone
    python benchmarks/server.py --peer published=PATH/bin/chroma   # beside the `chroma run` of another environment

Both servers get the same bytes: API v2, vectors of writes in base64, of queries as JSON lists. A client is a process
with one connection that sends what was prepared before the clock starts and reads the answers to the end, so that what
is measured is the server. Every phase is begun by all clients at once and lasts until the last one is done (inserts)
or for `--seconds` (queries). The servers run side by side all the time, one of them idle.
"""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from data import CACHE, Clustered, Dataset
from machine import describe_machine
from side_by_side import environment

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
OURS = """
from chromadb._server.serve import serve
from chromadb.config import Settings

if __name__ == "__main__":
    settings = Settings(is_persistent=True, persist_directory={path!r})
    serve(settings, host="localhost", port={port}, log_path={log!r}, workers={workers})
"""


@dataclass
class Server:
    """A server at work.

    Args:
        label: its name in the table.
        process: the process that was started; its children belong to it.
        port: where it listens.
    """

    label: str
    process: subprocess.Popen[bytes]
    port: int
    figures: dict[str, list[float]] = field(default_factory=dict)

    def ask(self, path: str, body: Any = None) -> Any:
        """Return what the server answers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.load(answer)

    def note(self, name: str, value: float) -> None:
        """Keep a figure."""
        self.figures.setdefault(name, []).append(value)

    def processes(self) -> list[int]:
        """Return the numbers of its processes."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def processor_seconds(self) -> float:
        """Return how long its processes were at work so far, on all cores together."""
        ticks = 0
        for number in self.processes():
            fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Return the megabytes of its processes: what they share is counted once, in parts."""
        total = 0
        for number in self.processes():
            for line in Path(f"/proc/{number}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1000


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start(label: str, command: str | None, folder: Path, workers: int) -> Server:
    """Start a server on an empty directory, and wait until it answers; `command` is a `chroma`, None this package."""
    port, path = free_port(), str(folder / label)
    if command is None:
        program = folder / f"{label}.py"
        log = str(folder / f"{label}.log")
        program.write_text(OURS.format(path=path, port=port, log=log, workers=workers))
        arguments, seen = [sys.executable, str(program)], dict(os.environ)
    else:
        seen = environment()
        arguments = [command, "run", "--path", path, "--port", str(port)]
    output = (folder / f"{label}.output").open("wb")
    server = Server(label, subprocess.Popen(arguments, stdout=output, stderr=output, cwd=folder, env=seen), port)
    for _ in range(300):
        try:
            server.ask("/api/v2/heartbeat")
        except OSError:
            time.sleep(0.1)
        else:
            return server
    raise SystemExit(f"{label} does not answer: {(folder / f'{label}.output').read_text()}")


# --- clients --------------------------------------------------------------------------------------


def request_bytes(path: str, body: bytes) -> bytes:
    """Return a request as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        f"content-length: {len(body)}",
    )
    return "".join(f"{line}\r\n" for line in (*head, "")).encode() + body


def exchange(connection: socket.socket, request: bytes) -> int:
    """Send a request and read the answer to its end; return the status."""
    connection.sendall(request)
    received = bytearray()
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, rest = bytes(received).partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    missing = length - len(rest)
    while missing > 0:
        missing -= len(connection.recv(min(missing, 1 << 20)))
    return int(head.split(b" ", 2)[1])


def client(port: int, requests: list[bytes], seconds: float | None, gate: Any, results: Any) -> None:
    """Send every request once, or over and over for so many seconds.

    Hand back begin, end, how long each took, and the processor time of it all here.
    """
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took: list[float] = []
    gate.wait()
    begin = now = time.monotonic()
    worked = time.process_time()
    place = 0
    while place < len(requests) if seconds is None else now - begin < seconds:
        status = exchange(connection, requests[place % len(requests)])
        if status >= 300:
            raise SystemExit(f"the server answered with {status}")
        before, now = now, time.monotonic()
        took.append(now - before)
        place += 1
    results.put((begin, now, took, time.process_time() - worked))


def together(port: int, shares: Sequence[list[bytes]], seconds: float | None) -> tuple[float, list[float], float]:
    """Run a client for each share at once; return how long all of it took, and each request, and their own work."""
    context = multiprocessing.get_context("fork")
    gate, results = context.Barrier(len(shares)), context.Queue()
    clients = [context.Process(target=client, args=(port, share, seconds, gate, results)) for share in shares]
    for each in clients:
        each.start()
    done = [results.get() for _ in clients]
    for each in clients:
        each.join()
    lasted = max(end for _, end, _, _ in done) - min(begin for begin, _, _, _ in done)
    return lasted, [each for _, _, took, _ in done for each in took], sum(worked for _, _, _, worked in done)


# --- phases ---------------------------------------------------------------------------------------


def insert(server: Server, dataset: Dataset, count: int, batch: int, clients: int, name: str) -> str:
    """Insert the first `count` records into a new collection; return its path."""
    path = f"{COLLECTIONS}/{server.ask(COLLECTIONS, {'name': name})['id']}"
    requests = []
    for records in dataset.batches(batch, stop=count):
        vectors = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in records["embeddings"]]
        requests.append(request_bytes(f"{path}/add", json.dumps({**records, "embeddings": vectors}).encode()))
    shares = [requests[start::clients] for start in range(clients)]
    before = server.processor_seconds()
    seconds, took, _ = together(server.port, shares, None)
    server.note(f"CPU us per insert, {clients} clients", (server.processor_seconds() - before) / count * 1e6)
    server.note(f"inserts/s, {clients} clients", count / seconds)
    server.note(f"insert p99 ms, {clients} clients", float(np.percentile(took, 99)) * 1000)
    return path


def query(server: Server, dataset: Dataset, path: str, clients: int, seconds: float) -> None:
    """Ask for the ten nearest with documents, metadata and distances."""
    bodies = [
        json.dumps({"query_embeddings": [vector], "n_results": 10}).encode() for vector in dataset.queries.tolist()
    ]
    requests = [request_bytes(f"{path}/query", body) for body in bodies]
    shares = [requests[start:] + requests[:start] for start in range(0, clients * 7, 7)]
    before = server.processor_seconds()
    lasted, took, worked = together(server.port, shares, seconds)
    server.note(f"CPU us per query, {clients} clients", (server.processor_seconds() - before) / len(took) * 1e6)
    server.note(f"CPU us per query in the clients, {clients} clients", worked / len(took) * 1e6)
    server.note(f"queries/s, {clients} clients", len(took) / lasted)
    server.note(f"query p50 ms, {clients} clients", float(np.percentile(took, 50)) * 1000)
    server.note(f"query p99 ms, {clients} clients", float(np.percentile(took, 99)) * 1000)


def settle(server: Server, path: str) -> None:
    """Wait until the index is built, where the server tells."""
    for _ in range(600):
        try:
            if server.ask(f"{path}/indexing_status")["num_unindexed_ops"] == 0:
                return
        except OSError:
            return
        time.sleep(0.5)


def run(arguments: Namespace, servers: Sequence[Server], dataset: Dataset) -> None:
    """Do every phase on each server in turn."""
    paths = {}
    for server in servers:
        paths[server.label] = insert(server, dataset, arguments.records, 100, 4, "asked")
        server.figures.clear()
    for server in servers:
        settle(server, paths[server.label])
        # Both keep what they have loaded, in each of their processes; the first queries are not counted.
        query(server, dataset, paths[server.label], max(arguments.clients), 2.0)
        server.figures.clear()
    for turn in range(arguments.rounds):
        for clients in arguments.clients:
            for server in servers:
                query(server, dataset, paths[server.label], clients, arguments.seconds)
        for clients in arguments.clients:
            for server in servers:
                insert(server, dataset, arguments.inserts, 100, clients, f"written-{turn}-{clients}")
        for server in servers:
            server.note("memory MB", server.memory())
        print(f"turn {turn + 1} of {arguments.rounds} is done", file=sys.stderr, flush=True)


def table(servers: Sequence[Server]) -> str:
    """Return medians of the turns, with ratios to the first server."""
    lines = [
        "| | " + " | ".join(server.label for server in servers) + " | ratio |",
        "| --- |" + " ---: |" * (len(servers) + 1),
    ]
    for name in servers[0].figures:
        values = [median(server.figures[name]) for server in servers]
        ratio = f"{values[0] / values[1]:.2f}" if len(values) > 1 and values[1] else ""
        lines.append(f"| {name} | " + " | ".join(f"{value:,.1f}" for value in values) + f" | {ratio} |")
    return "\n".join(lines)


def main() -> None:
    parser = ArgumentParser(description="Measure the server beside another one.")
    parser.add_argument("--peer", metavar="LABEL=CHROMA", help="a `chroma` command of another environment")
    parser.add_argument("--records", type=int, default=20_000, help="that queries go to (default %(default)s)")
    parser.add_argument("--inserts", type=int, default=5_000, help="of each phase of inserts (default %(default)s)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32], help="(default %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each phase of queries (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes of this server (default %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where data sets are kept (default %(default)s)")
    arguments = parser.parse_args()
    dataset = Dataset(Clustered(arguments.records).make(arguments.cache))
    with tempfile.TemporaryDirectory() as name:
        servers = [start("here", None, Path(name), arguments.workers)]
        if arguments.peer:
            label, _, command = arguments.peer.partition("=")
            servers.append(start(label, command, Path(name), 1))
        try:
            run(arguments, servers, dataset)
        finally:
            for server in servers:
                server.process.terminate()
                try:
                    server.process.wait(20)
                except subprocess.TimeoutExpired:
                    server.process.kill()
    print(json.dumps(describe_machine()), f"load {os.getloadavg()[0]:.1f}")
    print(table(servers))


if __name__ == "__main__":
    main()
