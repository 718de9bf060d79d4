"""The protocol of embedding functions, and the one place where the library calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from chromadb._embed.retries import with_retries
from chromadb._model.names import describe, shorten
from chromadb._model.types import Embeddable, Embeddings, Space
from chromadb.errors import EmbeddingFunctionError

D_contra = TypeVar("D_contra", bound=Embeddable, contravariant=True)


@runtime_checkable
class EmbeddingFunction(Protocol[D_contra]):
    """Turn documents or images into vectors.

    Subclasses need only ``__call__``. Those that also define ``name``, ``get_config`` and
    ``build_from_config`` are stored with a collection and used again when it is opened.
    """

    def __call__(self, input: D_contra) -> Embeddings:
        """Return one vector per item of `input`, in order, all of the same dimension."""
        ...

    def embed_query(self, input: D_contra) -> Embeddings:
        """Return one vector per query; by default the same as for what is stored."""
        return self(input)

    def embed_with_retries(self, input: D_contra, **retry_kwargs: Any) -> Embeddings:
        """Return the vectors, and try again where the function fails for what may be a passing reason.

        Args:
            input: what is embedded.
            retry_kwargs: what ``tenacity.Retrying`` takes: ``stop``, ``wait``, ``retry``, ``reraise``, ...; without
                them six attempts are made, after pauses that grow from 0.5 s.

        Raises:
            Exception: the function's own at the last attempt; a ``tenacity.RetryError`` where ``stop`` is given and
                ``reraise`` is not.
            EmbeddingFunctionError: what the function returns cannot be used.
        """
        return list(with_retries(lambda: embed(self, input), retry_kwargs))

    @staticmethod
    def name() -> str:
        """Return the name under which collections remember this function; empty: they do not."""
        return ""

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> EmbeddingFunction[Any]:
        """Return the function that ``get_config`` described."""
        raise EmbeddingFunctionError(
            "The embedding function does not define build_from_config(config), so it cannot be built from what a "
            "collection stores. Pass embedding_function=... when opening the collection."
        )

    def get_config(self) -> dict[str, Any]:
        """Return what ``build_from_config`` needs, as JSON data without secrets."""
        return {}

    def default_space(self) -> Space:
        """Return the distance for collections that name none."""
        return "l2"

    def supported_spaces(self) -> list[Space]:
        """Return the distances that make sense for these vectors."""
        return ["cosine", "l2", "ip"]

    def is_legacy(self) -> bool:
        """Tell whether this function defines nothing by which a collection could remember it."""
        return not any(_overrides(self, method) for method in ("name", "get_config", "build_from_config"))

    @staticmethod
    def validate_config(config: dict[str, Any]) -> None:
        """Raise an error where ``build_from_config`` would not accept `config`."""
        return

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Raise an error where a collection must not change from one configuration to the other."""
        return


def _overrides(function: object, method: str) -> bool:
    return getattr(type(function), method, None) is not getattr(EmbeddingFunction, method)


def class_name(function: object) -> str:
    """Return ``module.qualname`` of a function, or of the class of an object."""
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', '?')}.{getattr(named, '__qualname__', type(function).__qualname__)}"


def function_name(function: object) -> str | None:
    """Return the name that collections remember a function by, None where it has none.

    A plain callable has none, nor has a class that does not override ``name``.

    Raises:
        EmbeddingFunctionError: ``name()`` gives something else than text.
    """
    method = getattr(function, "name", None)
    if not callable(method):
        return None
    try:
        name = method()
    except NotImplementedError:
        return None
    if name is NotImplemented or name is None or name == "":
        return None
    if not isinstance(name, str):
        raise EmbeddingFunctionError(
            f"Expected name() of the embedding function {class_name(function)} to return a str, got {describe(name)}."
        )
    return name


def embed(function: object, inputs: Sequence[Any], *, queries: bool = False) -> NDArray[np.float32]:
    """Call an embedding function and check what it gives.

    What the function itself raises is passed on.

    Args:
        function: an :class:`EmbeddingFunction`, an object like one, or any callable of one argument.
        inputs: texts or images.
        queries: whether ``embed_query`` is called, where the function has it.

    Returns:
        float32, C-contiguous, of shape (len(inputs), dimension); (0, 0), without a call, for no inputs.

    Raises:
        EmbeddingFunctionError: the function cannot be called, or its vectors cannot be used; both are named.
    """
    label = function_label(function)
    if not callable(function):
        raise not_callable_error(function)
    if len(inputs) == 0:
        return np.empty((0, 0), dtype=np.float32)
    embed_query = getattr(function, "embed_query", None)
    call = embed_query if queries and callable(embed_query) else function
    # By position: the parameter is `input` since 0.4.16, it was `texts` before, functions use any name.
    return _checked(call(list(inputs)), len(inputs), label)


def not_callable_error(function: object) -> EmbeddingFunctionError:
    """Return the error for an embedding function that cannot be called."""
    return EmbeddingFunctionError(
        f"Expected the embedding function to be callable with a list of inputs, got {describe(function)}. "
        "Pass an object of its class, or any callable."
    )


def function_label(function: object) -> str:
    """Return a name for messages: the stored name and the class, or the class alone."""
    name = function_name(function)
    return f"'{name}' ({class_name(function)})" if name else class_name(function)


def _checked(output: object, expected: int, label: str) -> NDArray[np.float32]:
    rows = _as_array(output, label)
    if rows.ndim != 2:
        raise EmbeddingFunctionError(
            f"Expected the embedding function {label} to return one vector per input, a list of lists of numbers "
            f"or an array of shape ({expected}, dimension); got shape {rows.shape}."
        )
    if rows.shape[0] != expected:
        raise EmbeddingFunctionError(
            f"Expected the embedding function {label} to return {expected} vectors, one per input; got {rows.shape[0]}."
        )
    if rows.shape[1] == 0:
        raise EmbeddingFunctionError(
            f"Expected the embedding function {label} to return non-empty vectors, got vectors of dimension 0."
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is reported below
        vectors = np.ascontiguousarray(rows, dtype=np.float32)
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        column = int(np.argmin(np.isfinite(vectors[row])))
        raise EmbeddingFunctionError(
            f"Expected the embedding function {label} to return finite numbers within float32, got "
            f"{shorten(rows[row, column].item())} for input {row}."
        )
    return vectors


def _as_array(output: object, label: str) -> NDArray[Any]:
    if output is None:
        raise EmbeddingFunctionError(f"Expected the embedding function {label} to return vectors, got None.")
    try:
        # A list of tensors would otherwise be read element by element, or not at all.
        if isinstance(output, (list, tuple)):
            output = [_row(row) for row in output]
            lengths = {len(row) for row in output if hasattr(row, "__len__")}
            if len(lengths) > 1:
                raise EmbeddingFunctionError(
                    f"Expected the embedding function {label} to return vectors of one dimension, got vectors of "
                    f"dimensions {shorten(sorted(lengths))}."
                )
        array = np.asarray(_row(output))
    except EmbeddingFunctionError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise EmbeddingFunctionError(
            f"Expected the embedding function {label} to return vectors, got {type(output).__name__}, which cannot "
            f"be read as such ({error})."
        ) from error
    if array.dtype.kind not in "fiu":
        raise EmbeddingFunctionError(
            f"Expected the embedding function {label} to return vectors of numbers, got {_described(output, array)}."
        )
    return array


def _row(value: Any) -> Any:
    """Return an array of a tensor (also one on a device or with a gradient), other values as they are."""
    if isinstance(value, (np.ndarray, list, tuple)):
        return value
    detach = getattr(value, "detach", None)
    if callable(detach):
        value = detach()
    if hasattr(value, "__array__"):
        try:
            return np.asarray(value)
        except (TypeError, RuntimeError):  # a tensor on a device, or of a type that numpy lacks
            pass
    tolist = getattr(value, "tolist", None)
    return tolist() if callable(tolist) else value


def _described(output: object, array: NDArray[Any]) -> str:
    if array.ndim == 0:
        return type(output).__name__
    return f"{type(output).__name__} of {type(array.flat[0]).__name__ if array.size else 'nothing'}"
