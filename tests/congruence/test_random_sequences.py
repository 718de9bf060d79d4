"""Random sequences of calls leave all four ways in the same state, with the same answers on the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chromadb.errors import ChromaError

IDS = st.sampled_from([f"id{row}" for row in range(12)])
FLOATS = st.floats(-100, 100, width=32)
SCALARS: Any = st.one_of(
    st.integers(-3, 3), st.booleans(), st.sampled_from(["a", "b", "ü"]), st.floats(-2, 2, width=16)
)
METADATA: Any = st.one_of(
    st.none(),
    st.dictionaries(st.sampled_from("xyz"), st.one_of(SCALARS, st.lists(st.integers(0, 3), min_size=1)), min_size=1),
)
DOCUMENTS = st.one_of(st.none(), st.text(st.sampled_from("abü🍎 \0"), max_size=6))
CONDITIONS: Any = st.builds(
    lambda key, operator, value: {key: {operator: [value] if operator in ("$in", "$nin") else value}},
    st.sampled_from("xyz"),
    st.sampled_from(["$eq", "$ne", "$gt", "$lte", "$in", "$nin", "$contains"]),
    SCALARS,
)
FILTERS: Any = st.recursive(
    CONDITIONS,
    lambda inner: st.builds(
        lambda operator, clauses: {operator: clauses},
        st.sampled_from(["$and", "$or"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)
DOCUMENT_FILTERS: Any = st.builds(
    lambda operator, text: {operator: text}, st.sampled_from(["$contains", "$not_contains"]), st.sampled_from("abü🍎")
)


@st.composite
def writes(draw: Any) -> tuple[str, dict[str, Any]]:
    """Draw an add, an update or an upsert, now and then of vectors that do not fit."""
    ids = draw(st.lists(IDS, min_size=1, max_size=5, unique=True))
    count, dimension = len(ids), draw(st.sampled_from([3, 3, 3, 3, 3, 2]))

    def column(values: Any) -> Any:
        return draw(st.lists(values, min_size=count, max_size=count))

    vectors = column(st.lists(FLOATS, min_size=dimension, max_size=dimension))
    arguments = {"ids": ids, "embeddings": vectors, "metadatas": column(METADATA), "documents": column(DOCUMENTS)}
    return draw(st.sampled_from(["add", "update", "upsert"])), arguments


READS: Any = st.one_of(
    st.tuples(
        st.just("get"),
        st.fixed_dictionaries(
            {"include": st.just(["embeddings", "documents", "metadatas"])},
            optional={
                "ids": st.lists(IDS, min_size=1, max_size=4, unique=True),
                "where": FILTERS,
                "where_document": DOCUMENT_FILTERS,
                "limit": st.integers(0, 5),
                "offset": st.integers(0, 5),
            },
        ),
    ),
    st.tuples(
        st.just("query"),
        st.fixed_dictionaries(
            {
                "query_embeddings": st.lists(st.lists(FLOATS, min_size=3, max_size=3), min_size=1, max_size=3),
                "n_results": st.integers(1, 15),
            },
            optional={"where": FILTERS, "where_document": DOCUMENT_FILTERS},
        ),
    ),
    st.tuples(st.just("count"), st.just({})),
)
DELETES: Any = st.tuples(
    st.just("delete"),
    st.one_of(
        st.fixed_dictionaries({"ids": st.lists(IDS, min_size=1, max_size=3, unique=True)}),
        st.fixed_dictionaries({"where": FILTERS}, optional={"limit": st.integers(0, 3)}),
    ),
)
CALLS: Any = st.lists(st.one_of(writes(), writes(), READS, DELETES), min_size=1, max_size=12)


def plain(value: Any) -> Any:
    """Return a value as something that compares by what it is."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value.tolist() if isinstance(value, np.ndarray) else (type(value).__name__, value)


@pytest.fixture
def places(open_way: Callable[[str], Any]) -> dict[str, Any]:
    """Return a client for each way."""
    return {way: open_way(way)[0] for way in ("memory", "disk", "http", "async")}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(calls=CALLS, space=st.sampled_from(["l2", "ip", "cosine"]))
def test_random_calls_give_the_same_everywhere(places: dict[str, Any], calls: list[Any], space: str) -> None:
    outcomes: dict[str, list[Any]] = {}
    for way, client in places.items():
        told = outcomes[way] = []
        with ExitStack() as stack:
            made = client.create_collection("random", embedding_function=None, configuration={"hnsw": {"space": space}})
            stack.callback(client.delete_collection, "random")
            for name, arguments in [*calls, ("get", {"include": ["embeddings", "documents", "metadatas"]})]:
                try:
                    told.append(plain(getattr(made, name)(**arguments)))
                except ChromaError as error:
                    told.append((type(error).__name__, error.message()))
    for way in ("disk", "http", "async"):
        assert outcomes[way] == outcomes["memory"], way
