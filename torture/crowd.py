"""Many processes on one directory, embedded and behind a server, killed at random."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chromadb
from torture.faults import Faults
from torture.journal import lines
from torture.place import Place
from torture.processes import Processes, die_with_parent, sleep_until
from torture.report import Report
from torture.worker import watch, work

EMBEDDED = [f"e{number}" for number in range(5)]
REMOTE = [f"r{number}" for number in range(3)]
"""The workers: eight in all."""

EPISODE = 20.0
"""Seconds after which everything is killed, and all that is there compared with all journals."""

KILL_EVERY = 0.25
"""Seconds between two kills, on average."""


class Server:
    """``chroma run`` with two workers, in processes that are not our children but its own.

    Args:
        place: what it serves.
        port: that it listens on, always the same one.
    """

    def __init__(self, place: Place, port: int) -> None:
        self._place, self._port = place, port
        self.deaths: list[str] = []
        """What its log says of workers that ended, and nobody killed them."""
        self._process: subprocess.Popen[bytes] | None = None
        self._killed: set[int] = set()
        self._family: dict[int, str] = {}
        """Its processes, each with the moment when it began: numbers are given again."""

    def keep_up(self) -> None:
        """Start it if it does not run."""
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None and self._process.pid not in self._killed:
            self.deaths.append(f"the server ended with code {self._process.returncode}")
        command = [sys.executable, "-m", "chromadb", "run", "--path", str(self._place.data), "--port", str(self._port)]
        with (self._place.root / "server.out").open("ab") as out:
            self._process = subprocess.Popen(
                [*command, "--workers", "2", "--log-path", str(self._place.root / "server.log")],
                stdout=out,
                stderr=out,
                env={**os.environ, "CHROMA_BUSY_TIMEOUT_SECONDS": "30"},
                preexec_fn=die_with_parent,
            )

    def kill_worker(self) -> int:
        """Kill one of its workers; return how many that were."""
        workers = self._workers()
        if len(workers) < 2:
            return 0
        pid = random.choice(sorted(workers))
        return self._kill(pid)

    def kill(self) -> int:
        """Kill all of it; return how many processes that were."""
        if self._process is None:
            return 0
        self._workers()
        killed = self._kill(self._process.pid)
        self._process.wait()
        family, self._family = self._family, {}
        return killed + sum(self._kill(pid) for pid, began in family.items() if began and _began(pid) == began)

    def judge(self) -> list[str]:
        """Return who ended without having been killed by us."""
        log = self._place.root / "server.log"
        said = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        deaths = list(self.deaths)
        for line in said:
            ended = re.search(r"worker (\d+) ended with code (-?\d+)", line)
            if ended and int(ended[1]) not in self._killed:
                by_signal = ended[2].startswith("-")
                deaths.append(f"server: {ended[0]}{', a signal which nobody sent' if by_signal else ''}")
        return deaths

    def _workers(self) -> set[int]:
        """Return the processes that have it as their parent and do its work."""
        assert self._process is not None
        pid = self._process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return set()
        family = {int(child) for child in children}
        self._family.update((child, _began(child)) for child in family)
        # Beside the workers there is the process that looks after what they share.
        return {child for child in family if b"spawn_main" in _command(child)}

    def _kill(self, pid: int) -> int:
        self._killed.add(pid)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return 0
        return 1


def crowd(
    folder: Path, faults: Faults | None, processes: Processes, report: Report, deadline: float, seconds: float = EPISODE
) -> None:
    """Let all of them work, and kill them, episode after episode, until the time is over."""
    place = Place(folder / "crowd")
    processes.run("the making of the directory", place.prepare)
    port = _free_port()
    server = Server(place, port)
    connects: dict[str, Callable[[], Any]] = dict.fromkeys(EMBEDDED, place.open)
    connects.update(dict.fromkeys(REMOTE, lambda: chromadb.HttpClient("127.0.0.1", port)))
    number, judged = 0, dict[str, int]()
    while time.monotonic() < deadline and not processes.failures:
        number += 1
        _episode(place, server, connects, faults, processes, report, min(deadline, time.monotonic() + seconds))
        report.kills += server.kill()
        processes.kill_all()
        processes.failures += server.judge()
        if processes.failures:
            break
        processes.run(f"the audit after episode {number}", place.audit)
        report.audits += 1
        judge_times(place, report, judged)
        _tell(place, report, processes, number)
    for worker in place.workers():
        ledger = place.ledger(worker)
        report.acknowledged += ledger.acknowledged
        report.failed += ledger.failed
        report.faults += ledger.failed if worker in EMBEDDED else 0
    if not processes.failures:
        shutil.rmtree(place.root)


def _episode(
    place: Place,
    server: Server,
    connects: dict[str, Callable[[], Any]],
    faults: Faults | None,
    processes: Processes,
    report: Report,
    deadline: float,
) -> None:
    for watcher, remote in (("watch-embedded", False), ("watch-remote", True)):
        connect = connects[REMOTE[0] if remote else EMBEDDED[0]]
        processes.start(watcher, watch, place, watcher, [*connects], connect, remote)
    next_kill = time.monotonic() + random.expovariate(1 / KILL_EVERY)
    while sleep_until(min(deadline, next_kill)) or time.monotonic() < deadline:
        server.keep_up()
        processes.reap()
        if processes.failures:
            return
        running = {name: pid for pid, name in processes.alive.items()}
        for name in connects.keys() - running:
            remote = name in REMOTE
            # Some of the embedded ones meet errors of the disk as well.
            struck = faults if name in EMBEDDED[:2] else None
            processes.start(name, _work, place, name, connects[name], remote, struck)
        if time.monotonic() < next_kill:
            continue
        next_kill = time.monotonic() + random.expovariate(1 / KILL_EVERY)
        die = random.random()
        if die < 0.02:
            report.kills += server.kill()
        elif die < 0.1:
            report.kills += server.kill_worker()
        else:
            name = random.choice(REMOTE if die < 0.15 else EMBEDDED)
            if name in running:
                processes.kill(running[name])


def _work(place: Place, name: str, connect: Callable[[], Any], remote: bool, faults: Faults | None) -> None:
    work(place, name, connect, remote=remote, faults=faults)


def judge_times(place: Place, report: Report, judged: dict[str, int]) -> None:
    """Compare when writes were acknowledged with when watchers saw them, and forget what they noted.

    Args:
        place: with the journals.
        report: takes the times.
        judged: the last call of every worker of which the times were taken; brought up to date.
    """
    acknowledged: dict[tuple[str, int], float] = {}
    for worker in place.workers():
        begun: dict[int, tuple[float, bool]] = {}
        for kind, serial, *rest in lines(place.journal(worker)):
            if kind == "begin":
                at, call = rest
                begun[serial] = at, call[0] == "upsert" and f"{worker}-beacon" in call[2]
            elif kind == "done":
                at, beacon = begun[serial]
                if worker in EMBEDDED and serial > judged.get(worker, 0):
                    report.durations.append(rest[0] - at)
                if beacon:
                    acknowledged[worker, serial] = rest[0]
        judged[worker] = max(begun, default=0)
    for notes in sorted(place.root.glob("*.watch")):
        for number, worker, _, ended, former in lines(notes):
            at = acknowledged.get((worker, number))
            if at is None or former is None:
                continue
            report.stale += former > at
            if "remote" not in notes.name:
                report.delays.append(max(0.0, ended - at))
        notes.unlink()


def _tell(place: Place, report: Report, processes: Processes, number: int) -> None:
    acknowledged = sum(place.ledger(worker).acknowledged for worker in place.workers())
    report.tell(
        f"crowd, episode {number}: {report.kills + processes.kills} kills, {report.acknowledged + acknowledged} writes "
        f"acknowledged, {len(report.delays)} seen by others"
    )


def _began(pid: int) -> str:
    """Return when a process began, in ticks since the system did; "" if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


# --- one process ------------------------------------------------------------------------------------


def alone(folder: Path, faults: Faults | None, processes: Processes, report: Report, deadline: float) -> None:
    """Let one process work and kill it, again and again, and look after each kill."""
    place = Place(folder / "alone")
    processes.run("the making of the directory", place.prepare)
    times = 0
    while time.monotonic() < deadline and not processes.failures:
        pid = processes.start("alone", work, place, "alone", place.open)
        time.sleep(random.uniform(0.0, random.choice([0.1, 0.3, 1.5])))
        processes.kill(pid)
        processes.reap(block=True)
        processes.run("the audit", place.audit)
        report.audits += 1
        times += 1
    ledger = place.ledger("alone")
    report.acknowledged += ledger.acknowledged
    report.tell(f"one process: {times} times killed and looked at, {ledger.acknowledged} writes acknowledged")
    if not processes.failures:
        shutil.rmtree(place.root)
