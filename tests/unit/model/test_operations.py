"""Every operation is a read or a write, and what depends on that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chromadb._model import operations as op
from chromadb._model.operations import Operation
from chromadb._wire.errors import _is_of_collection
from chromadb._wire.routes import ROUTES


def kinds(kind: type[Any] = Operation) -> Iterator[type[Operation[Any]]]:
    for each in kind.__subclasses__():
        yield each
        yield from kinds(each)


OPERATIONS = [each for each in kinds() if each not in (op.Read, op.Write)]


def test_every_operation_is_a_read_or_a_write() -> None:
    assert Operation.__subclasses__() == [op.Read, op.Write]
    assert {each.__name__ for each in OPERATIONS} == {
        name
        for name, each in vars(op).items()
        if isinstance(each, type) and issubclass(each, Operation) and each not in (Operation, op.Read, op.Write)
    }


@pytest.mark.parametrize("route", [each for each in ROUTES if each.operation], ids=lambda route: route.name)
def test_the_method_of_a_route_fits(route: Any) -> None:
    """GET is sent again by whoever likes to; nothing of the kind may be written by it."""
    if route.method == "GET":
        assert issubclass(route.operation, op.Read)
    elif route.method in ("PUT", "DELETE", "PATCH"):
        assert issubclass(route.operation, op.Write)
    else:
        assert issubclass(route.operation, op.Read) == (route.name in ("get_records", "query_records"))


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
def test_what_has_the_address_of_a_collection_can_miss_it(kind: Any) -> None:
    of_collection = "address" in kind.__struct_fields__ or kind in (
        op.GetCollection,
        op.GetCollectionById,
        op.DeleteCollection,
    )
    values = dict.fromkeys(kind.__struct_fields__)
    assert _is_of_collection(kind(**values)) == of_collection
    assert not _is_of_collection(None)
