"""What errors advise those who hold the database in their own process, as a server advises its clients."""

from __future__ import annotations

from chromadb.errors import ChromaError, ResetDisabledError, StorageReplacedError

MESSAGES: dict[type[ChromaError], str] = {
    ResetDisabledError: (
        "reset() deletes everything, and this server does not allow it. Whoever runs it can allow it: chroma run "
        "--allow-reset, allow_reset: true in its configuration file, or ALLOW_RESET=TRUE in its environment."
    ),
    StorageReplacedError: (
        "The files of this server were removed or replaced while it was running. Whoever runs it has to restart it; it "
        "then begins with what is there. Nothing was changed."
    ),
}


def for_clients(error: ChromaError) -> ChromaError:
    """Return the error that a client is told of: the same one, or one that says what can be done from there."""
    message = MESSAGES.get(type(error))
    return error if message is None else type(error)(message)
