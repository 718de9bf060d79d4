"""What the server at the other end is, and what it therefore can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromadb._model import operations as op
from chromadb._wire.dialects import Dialect
from chromadb.errors import UnsupportedError


@dataclass(frozen=True)
class Peer:
    """A server, as its answers to the first requests describe it."""

    version: str | None
    """What it says of itself; None for one of this project, which is not asked."""
    dialect: Dialect
    max_batch_size: int
    base64: bool

    @property
    def own(self) -> bool:
        """Whether it is a server of this project, which does everything that the embedded database does."""
        return self.dialect is Dialect.EXTENDED

    def check(self, operation: op.Operation[Any]) -> None:
        """Refuse what the server would silently do otherwise than it is asked.

        Raises:
            UnsupportedError: naming the server's version; or what no server does.
        """
        if isinstance(operation, op.Vacuum):
            raise UnsupportedError(
                "vacuum() works on a directory, not over HTTP. Run chroma vacuum --path where the server has its data."
            )
        if isinstance(operation, op.MakeBackup):
            raise UnsupportedError(
                "backup() writes to a directory of this machine, and a server writes to none that a client names. Run "
                "chroma utils backup where the server has its data; it may go on working meanwhile."
            )
        if self.own:
            return
        if isinstance(operation, op.Query):
            if operation.exact or operation.ef_search is not None:
                raise self._unsupported("exact and ef_search in queries")
            if self.dialect.old and operation.selection.ids is not None:
                raise self._unsupported("ids in queries")
        elif isinstance(operation, op.Check):
            raise self._unsupported("check()")
        elif isinstance(operation, op.ForkCollection) and self.dialect.old:
            raise self._unsupported("fork()")
        elif isinstance(operation, op.GetIndexingStatus) and self.dialect.old:
            raise self._unsupported("the indexing status")
        elif isinstance(operation, op.ModifyCollection) and self.dialect.old and operation.configuration:
            raise self._unsupported("changes of the configuration")
        elif isinstance(operation, (op.Add, op.Update, op.Upsert)) and self.dialect.old:
            if 0 < len(operation.records.vector_rows) < len(operation.records):
                raise self._unsupported("updates of which some have an embedding; make two calls of it")
            for metadata in operation.records.metadatas or ():
                for key, value in (metadata or {}).items():
                    if value is None or isinstance(value, list):
                        raise self._unsupported(f"{'None' if value is None else 'lists'} in metadata (key {key!r})")

    def _unsupported(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"The server is Chroma {self.version}, which does not know {what}.")
