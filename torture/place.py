"""A directory under torture, and the journals about it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import chromadb
from chromadb.config import Settings
from torture import calls
from torture.journal import Journal, lines
from torture.ledger import Ledger, State

BUSY_TIMEOUT = 30.0


class Place:
    """A directory of data, journals beside it, and what opens it.

    Args:
        root: a folder of its own, made if it is missing.
        synchronous: as the setting ``chroma_synchronous``.
        shared: whether the collections that workers share are there from the beginning.
    """

    def __init__(self, root: Path, synchronous: str = "full", *, shared: bool = True) -> None:
        self.root = root
        self.data = root / "data"
        self.settings = Settings(chroma_synchronous=synchronous, chroma_busy_timeout_seconds=BUSY_TIMEOUT)
        self._initial: State = {name: {} for name in calls.SHARED} if shared else {}
        root.mkdir(parents=True, exist_ok=True)

    def open(self, data: Path | None = None) -> Any:
        """Return a client on the data, or on a copy of it."""
        return chromadb.PersistentClient(data or self.data, settings=self.settings)

    def prepare(self) -> None:
        """Make the collections that workers share."""
        with self.open() as client:
            for name in calls.SHARED:
                client.get_or_create_collection(name, embedding_function=None)

    def journal(self, worker: str) -> Path:
        """Return the journal of a worker."""
        return self.root / f"{worker}.journal"

    def workers(self) -> list[str]:
        """Return the workers that have written a journal."""
        return sorted(path.stem for path in self.root.glob("*.journal"))

    def ledger(self, worker: str) -> Ledger:
        """Return what the journal of a worker says."""
        return Ledger(self._initial).read(lines(self.journal(worker)))

    def audit(self) -> None:
        """Open the directory, and compare everything that is there with every journal; settle what is open.

        Raises:
            Loss: something is missing, by half, or inconsistent.
        """
        with self.open() as client:
            self.audit_by(client)

    def audit_by(self, client: Any) -> None:
        """Do the same by a client that is open."""
        calls.audit(client)
        for worker in self.workers():
            ledger = self.ledger(worker)
            journal = Journal(self.journal(worker))
            for line in ledger.settle(calls.observe(client, worker)):
                journal.write(*line)
            journal.close()
