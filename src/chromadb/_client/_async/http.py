"""The runner behind the clients of servers."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
from msgspec import structs

from chromadb._client._async.threads import in_thread_if
from chromadb._client._async.transport import AsyncTransport
from chromadb._client.http.answers import error_of, is_refusal, is_unavailable, outdated, pause_asked, stranger
from chromadb._client.http.failures import explain, is_broken, is_unsent
from chromadb._client.http.options import HttpOptions
from chromadb._client.http.parts import LARGE, is_bulky, partly_written, smaller
from chromadb._client.http.peer import Peer
from chromadb._decoding import decoder
from chromadb._model import operations as op
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Operation, R, Selection
from chromadb._model.types import GetResult
from chromadb._wire.codec import Request, decode_result, encode_request
from chromadb._wire.dialects import Dialect
from chromadb._wire.limits import PreFlight
from chromadb.errors import ChromaError, InvalidCollectionException

FIRST_PAUSE = 0.1
"""Seconds before the first repetition of a request; each further one waits twice as long."""


class AsyncHttpRunner:
    """Runs operations on a server.

    Args:
        options: where the server is, and how to speak with it.
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._transport = AsyncTransport(options)
        self._peer: Peer | None = None

    @property
    def base_url(self) -> str:
        """The URL of the server."""
        return self._options.url

    async def run(self, operation: Operation[R]) -> R:
        """Run one operation on the server.

        Raises:
            ServerConnectionError: the server cannot be reached.
            ServerAnswerError: what answers is no Chroma server.
            UnsupportedError: the server, one of another version, cannot do it.
            ChromaError: what the server says.
            ClosedClientError: the runner is closed.
        """
        peer = self._peer or await self._meet()
        peer.check(operation)
        if is_bulky(operation):
            return cast(R, await self._write(operation, peer))
        if isinstance(operation, op.ModifyCollection):
            return cast(R, await self._modify(operation, peer))
        if isinstance(operation, op.Delete) and not peer.own:
            return cast(R, await self._delete(operation, peer))
        if isinstance(operation, op.Get) and operation.limit == 0 and peer.dialect.old:
            return cast(R, await self._get_none(operation, peer))
        if isinstance(operation, op.GetCollectionById) and peer.dialect.old:
            return cast(R, await self._get_by_id(operation, peer))
        return await self._ask(operation, peer)

    async def close(self) -> None:
        """Close the connections. Calling it again does nothing."""
        await self._transport.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.base_url}>"

    # --- requests ---------------------------------------------------------------------------------

    async def _ask(self, operation: Operation[R], peer: Peer) -> R:
        request = await in_thread_if(is_bulky(operation), encode_request, operation, peer.dialect, base64=peer.base64)
        response = await self._send(request, isinstance(operation, op.Read))
        error = error_of(response, operation, self.base_url, peer.version)
        if error is not None:
            raise error
        return await in_thread_if(
            len(response.content) > LARGE, decode_result, operation, response.content, peer.dialect
        )

    async def _send(self, request: Request, repeatable: bool) -> httpx.Response:
        """Return the answer to a request, sent again where that is safe and may help."""
        pause = FIRST_PAUSE
        for again in range(self._options.retries, -1, -1):
            try:
                response = await self._transport.send(request)
            except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
                if not again or not (is_unsent(error) or (repeatable and is_broken(error))):
                    # A hundred lines about sockets would hide the message that says what they mean.
                    raise explain(error, self._options, writing=not repeatable) from None
            else:
                if not again or not is_unavailable(response, repeatable):
                    return response
                pause = max(pause, pause_asked(response))
            await self._transport.pause(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    # --- who is there -----------------------------------------------------------------------------

    async def _meet(self) -> Peer:
        """Return what the server is, after asking it for the first time.

        Raises:
            ServerAnswerError: it is no Chroma server.
            VersionMismatchError: it speaks API v1 alone.
        """
        response = await self._send(Request("GET", "/api/v2/pre-flight-checks", {}, None), repeatable=True)
        try:
            told = decoder(PreFlight).decode(response.content) if response.status_code == 200 else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            told = None
        if told is None:
            raise await self._who_else(response)
        if told.extended:
            version, dialect = None, Dialect.EXTENDED
        else:
            version = await self._version("/api/v2/version") or "of an unknown version"
            dialect = Dialect.V2_OLD if version.startswith("0.") else Dialect.V2
        self._peer = Peer(version, dialect, told.max_batch_size, told.supports_base64_encoding)
        return self._peer

    async def _who_else(self, response: httpx.Response) -> ChromaError:
        """Return the error that says what is there, if not a server that can be spoken with."""
        version = await self._version("/api/v1/version") if response.status_code in (404, 405) else None
        if version is not None:
            return outdated(version, self.base_url)
        error = error_of(response, op.GetMaxBatchSize(), self.base_url)
        return error if error is not None and is_refusal(response) else stranger(response, self.base_url)

    async def _version(self, path: str) -> str | None:
        response = await self._send(Request("GET", path, {}, None), repeatable=True)
        try:
            return decoder(str).decode(response.content) if response.status_code == 200 else None
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    # --- what takes several requests --------------------------------------------------------------

    async def _write(self, operation: Any, peer: Peer) -> None:
        """Write records in parts that the server takes, one after the other."""
        records = operation.records
        size, done = max(1, peer.max_batch_size), 0
        while done < len(records):
            part = records if len(records) <= size else records.part(done, done + size)
            try:
                await self._ask(structs.replace(operation, records=part), peer)
            except ChromaError as error:
                if len(part) > 1 and error.code() == 413:
                    size = smaller(len(part))
                    continue
                if done:
                    raise partly_written(error, done, len(records)) from error
                raise
            done += len(part)

    async def _modify(self, operation: op.ModifyCollection, peer: Peer) -> CollectionInfo:
        """Change a collection; servers of others do not say what it is like now."""
        info = cast("CollectionInfo | None", await self._ask(operation, peer))
        if info is not None:
            return info
        tenant, database, id = cast("tuple[str, str, UUID]", astuple(operation.address))
        return await self.run(op.GetCollectionById(tenant, database, id))

    async def _get_by_id(self, operation: op.GetCollectionById, peer: Peer) -> CollectionInfo:
        for info in await self._ask(op.ListCollections(operation.tenant, operation.database), peer):
            if info.id == operation.id:
                return info
        raise InvalidCollectionException(
            f"Collection {operation.id} does not exist in database {operation.database!r} of tenant "
            f"{operation.tenant!r}."
        )

    async def _delete(self, operation: op.Delete, peer: Peer) -> int:
        """Delete records by their ids: servers of others count what was asked for, or know no limit."""
        found = await self.run(op.Get(operation.address, operation.selection, limit=operation.limit, include=()))
        ids, size = found["ids"], max(1, peer.max_batch_size)
        for start in range(0, len(ids), size):
            await self._ask(op.Delete(operation.address, Selection(ids[start : start + size])), peer)
        return len(ids)

    async def _get_none(self, operation: op.Get, peer: Peer) -> GetResult:
        """Return no record in the form asked for: servers of 0.x take a limit of 0 for none."""
        found = await self._ask(structs.replace(operation, limit=1), peer)
        return {
            **found,
            "ids": [],
            "embeddings": None if found["embeddings"] is None else found["embeddings"][:0],
            "documents": None if found["documents"] is None else [],
            "uris": None if found["uris"] is None else [],
            "metadatas": None if found["metadatas"] is None else [],
        }
