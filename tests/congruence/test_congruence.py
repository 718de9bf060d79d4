"""The same calls give the same results and the same errors, whichever way they take to the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest

import chromadb
from chromadb.api.types import IncludeEnum
from chromadb.errors import ChromaError

Note = Callable[..., Any]
Story = Callable[[Any, Any, Note], None]

EVERYTHING: Any = ["metadatas", "documents", "embeddings", "uris"]
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def plain(value: Any) -> Any:
    """Return a value as something that compares by what it is, types included, ids of collections left out."""
    value = getattr(value, "_wrapped", value)
    if isinstance(value, np.ndarray):
        # An empty list does not say how long its vectors would be.
        return (str(value.dtype), value.ndim, value.tolist())
    if isinstance(value, UUID):
        return "an id"
    if hasattr(value, "configuration_json"):
        collection = (value.name, value.metadata, value.tenant, value.database, value.configuration_json)
        return ("collection", isinstance(value, str), *(plain(each) for each in collection))
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value).__name__, plain(asdict(value)))
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return (type(value).__name__, value)


def outcome(call: Callable[[], Any]) -> Any:
    """Return what a call gives, or how it fails."""
    try:
        return plain(call())
    except ChromaError as error:
        # What an empty name lacks is said where it would go into a path; to a server, the id of a collection says all.
        text = error.message().replace("It needs a name.", "AdminClient.create_tenant() makes one.")
        text = re.sub(r" in database '.*' of tenant '.*'(?=\. It may)", "", text)
        return ("raises", type(error).__name__, ID.sub("<id>", text))


class Lengths(chromadb.EmbeddingFunction[Any]):
    """Embeds a text as (its length, 1), an array as (its sum, 2)."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def __call__(self, input: Any) -> Any:
        return [
            np.array([len(each) * self.factor, 1.0] if isinstance(each, str) else [float(np.sum(each)), 2.0])
            for each in input
        ]

    @staticmethod
    def name() -> str:
        return "lengths-of-this-test"

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Lengths:
        return Lengths(**config)


def load(uris: Any) -> Any:
    return [np.ones((1, len(uri))) for uri in uris]


@pytest.fixture(autouse=True)
def _registered(clean_environment: pytest.MonkeyPatch) -> Iterator[None]:
    functions = dict(chromadb.utils.embedding_functions.known_embedding_functions)
    chromadb.utils.embedding_functions.register_embedding_function(Lengths)
    yield
    chromadb.utils.embedding_functions.known_embedding_functions.clear()
    chromadb.utils.embedding_functions.known_embedding_functions.update(functions)


# --- stories -----------------------------------------------------------------------------------------


def service(client: Any, admin: Any, note: Note) -> None:
    note(client.get_version)
    note(client.get_user_identity)
    note(lambda: client.heartbeat() > 10**18)
    note(client.check)
    note(client.count_collections)
    client.create_collection("abc")
    note(client.reset)
    note(client.list_collections)


def tenants_and_databases(client: Any, admin: Any, note: Note) -> None:
    note(lambda: admin.create_tenant("acme"))
    note(lambda: admin.create_tenant("acme"))
    note(lambda: admin.create_tenant("ab"))
    note(lambda: admin.create_tenant("ünï/cöde ?#%41 .."))
    note(lambda: admin.get_tenant("ünï/cöde ?#%41 .."))
    note(lambda: admin.get_tenant("nobody"))
    for name in ("..", ".", "", "/", "a/../b", "%2e%2e"):
        note(lambda name=name: admin.get_tenant(name))
    note(lambda: admin.create_database("db1", tenant="acme"))
    note(lambda: admin.create_database("db/2", tenant="acme"))
    note(lambda: admin.create_database("db1", tenant="acme"))
    note(lambda: admin.create_database("db1", tenant="nobody"))
    note(lambda: admin.create_database("x", tenant="acme"))
    note(lambda: admin.list_databases(tenant="acme"))
    note(lambda: admin.list_databases(limit=1, offset=1, tenant="acme"))
    note(lambda: admin.list_databases(limit=0, tenant="acme"))
    note(lambda: admin.list_databases(tenant="nobody"))
    note(lambda: admin.get_database("db1", tenant="acme").name)
    note(lambda: admin.get_database("db/2", tenant="acme")["tenant"])
    note(lambda: admin.get_database("nothing", tenant="acme"))
    note(lambda: client.set_tenant("acme", "db/2"))
    note(lambda: client.create_collection("here"))
    note(client.list_collections)
    note(lambda: client.set_tenant("acme"))
    note(lambda: client.set_tenant("nobody"))
    note(lambda: client.set_database("nothing"))
    note(lambda: (client.tenant, client.database))
    note(lambda: client.set_database("db1"))
    note(client.list_collections)
    note(lambda: admin.delete_database("db/2", tenant="acme"))
    note(lambda: admin.delete_database("db/2", tenant="acme"))
    note(lambda: admin.get_database("db/2", tenant="acme"))


def collections(client: Any, admin: Any, note: Note) -> None:
    one = note(lambda: client.create_collection("one", metadata={"a": 1, "b": 1.5, "c": True, "d": "ü"}))
    note(lambda: client.create_collection("one"))
    note(lambda: client.get_or_create_collection("one", metadata={"a": 2}))
    note(lambda: client.create_collection("two", metadata={"hnsw:space": "cosine", "hnsw:M": 32, "hnsw:search_ef": 20}))
    note(lambda: client.create_collection("three", configuration={"hnsw": {"space": "ip", "ef_construction": 50}}))
    note(lambda: client.create_collection("four", configuration={"hnsw": {"num_threads": 3, "batch_size": 7}}))
    note(lambda: client.create_collection("five", configuration={"hnsw": {"space": "l1"}}))
    note(lambda: client.create_collection("five", configuration={"hnsw": {"nonsense": 1}}))
    note(
        lambda: client.create_collection("five", metadata={"hnsw:space": "ip"}, configuration={"hnsw": {"space": "l2"}})
    )
    for name in ("", "ab", "a" * 63, "a" * 64, "a b", "a..b", "1.2.3.4", "-ab", "äöü", "a/b/c", None, 5):
        note(lambda name=name: client.create_collection(name))
    for metadata in ({}, {"a": [1]}, {"a": None}, {"a": {"b": 1}}, {1: 2}, "text", {"chroma:a": 1}):
        note(lambda metadata=metadata: client.create_collection("metadata", metadata=metadata))
    note(client.list_collections)
    note(lambda: client.list_collections(limit=2, offset=1))
    note(lambda: client.list_collections(limit=0))
    note(lambda: client.list_collections(limit=-1))
    note(lambda: client.list_collections(offset=100))
    note(client.count_collections)
    note(lambda: client.get_collection("one"))
    note(lambda: client.get_collection("two").configuration_json)
    note(lambda: client.get_collection(id=one.id))
    note(lambda: client.get_collection("two", id=one.id) and None)
    note(lambda: client.get_collection_by_id(str(one.id)))
    note(lambda: client.get_collection_by_id(uuid4()))
    note(lambda: client.get_collection_by_id("one"))
    for name in ("nothing", "", "..", "a/b", "ünï", "by-id/x"):
        note(lambda name=name: client.get_collection(name))
        note(lambda name=name: client.delete_collection(name))
    note(lambda: one.modify(name="uno", metadata={"new": True}))
    note(lambda: one)
    note(lambda: one.modify(name="two"))
    note(lambda: one.modify(metadata={}))
    note(lambda: one.metadata)
    note(lambda: one.modify(metadata={"hnsw:space": "cosine"}))
    note(lambda: one.modify(configuration={"hnsw": {"ef_search": 7}}))
    note(lambda: one.configuration_json)
    note(lambda: one.modify(configuration={"hnsw": {"space": "cosine"}}))
    note(lambda: client.get_collection("uno").configuration_json)
    note(lambda: one.modify(configuration={"hnsw": {"ef_search": 0}}))
    note(lambda: client.delete_collection("uno"))
    note(lambda: client.delete_collection("uno"))
    for call in (one.count, one.get, one.peek, one.get_indexing_status):
        note(call)
    note(lambda: one.add(["a"], [[1, 2]]))
    note(lambda: one.query([1, 2]))
    note(lambda: one.delete(["a"]))
    note(lambda: one.modify(name="again"))
    note(client.list_collections)


def forks(client: Any, admin: Any, note: Note) -> None:
    metadata = {"a": 1, "hnsw:space": "cosine"}
    one = note(lambda: client.create_collection("one", metadata=metadata, embedding_function=Lengths(2.0)))
    note(lambda: one.fork("empty"))
    note(lambda: client.get_collection("empty").count())
    note(lambda: one.add(ids=["a", "b"], documents=["x", "xy"], metadatas=[{"n": 1}, None], uris=["u", None]))
    two = note(lambda: one.fork("two"))
    note(lambda: two.get(include=EVERYTHING))
    note(lambda: two.upsert(ids=["a", "c"], documents=["changed", "new"]))
    note(lambda: one.delete(ids=["b"]))
    for each in (one, two):
        note(lambda each=each: each.get(include=EVERYTHING))
        note(lambda each=each: each.query(query_texts=["xyz"], n_results=5))
    note(lambda: two.fork("three").get())
    note(lambda: one.fork("two"))
    note(lambda: one.fork(new_name="one"))
    note(lambda: one.fork("no"))
    note(lambda: one.fork(None))
    note(lambda: client.get_collection("two").configuration_json)
    note(client.list_collections)
    note(lambda: client.delete_collection("one"))
    note(lambda: two.count())
    note(lambda: one.fork("four"))
    note(client.check)


def writing(client: Any, admin: Any, note: Note) -> None:
    made = client.create_collection("records", embedding_function=None)
    note(lambda: made.add("a", [1, 2]))
    note(
        lambda: made.add(
            ["b", "c"], np.array([[3, 4], [5, 6]], dtype=np.int64), [{"n": 1}, None], ["x", None], uris=["u", None]
        )
    )
    note(lambda: made.add(["a", "d"], [[9, 9], [0.1, 1e-45]], [{"late": 1}, {"f": 0.1}]))
    note(lambda: made.get(include=EVERYTHING))
    note(lambda: made.add(["e", "e"], [[1, 2], [3, 4]]))
    note(lambda: made.add(["e"], [[1, 2, 3]]))
    note(lambda: made.add(["e", "f"], [[1, 2], [1, 2, 3]]))
    note(lambda: made.add(["e"], [[1, 2], [3, 4]]))
    note(lambda: made.add(["e"], [[float("nan"), 1]]))
    note(lambda: made.add(["e"], [[float("inf"), 1]]))
    note(lambda: made.add(["e"], [[1e300, 1]]))
    note(lambda: made.add(["e"], [["x", 1]]))
    note(lambda: made.add(["e"]))
    note(lambda: made.add(["e"], documents=["needs a function"]))
    note(lambda: made.add([], []))
    note(lambda: made.add([""], [[1, 2]]))
    note(lambda: made.add([5], [[1, 2]]))
    note(lambda: made.add(["\ud800"], [[1, 2]]))
    for metadata in (
        {},
        {"k": None},
        {"k": {"a": 1}},
        {"k": []},
        {"k": [1, "a"]},
        {"k": float("nan")},
        {"k": 2**63},
        {3: 4},
        5,
    ):
        note(lambda metadata=metadata: made.add(["m"], [[1, 2]], [metadata]))
    note(
        lambda: made.add(
            ["m"], [[1, 2]], [{"s": ["a", "b"], "i": [1, -(2**63)], "f": [0.5], "b": [True], "n": 2**63 - 1}]
        )
    )
    note(lambda: made.get("m", include=EVERYTHING))
    note(lambda: made.update(["a", "missing"], metadatas=[{"x": 1, "y": 2}, {"z": 1}]))
    note(lambda: made.update("a", metadatas={"x": None, "y": 3.0}))
    note(lambda: made.update(["a", "b"], embeddings=[[7, 8], None]))
    note(lambda: made.update(["a", "b"], embeddings=[[7, 8, 9], None]))
    note(lambda: made.update(["b", "c"], documents=["new", None], embeddings=[[1, 1], None], uris=[None, "w"]))
    note(lambda: made.upsert(["a", "z"], [[1, 1], [2, 2]], [{"up": True}, {"up": False}], ["A", "Z"]))
    note(lambda: made.upsert(["q"], [None]))
    note(lambda: made.upsert(["q", "q"], [[1, 2], [3, 4]]))
    note(lambda: made.get(include=EVERYTHING))
    note(made.count)
    note(lambda: made.delete("a"))
    note(lambda: made.delete(["a", "b", "missing"]))
    note(lambda: made.delete(where={"up": {"$ne": True}}, limit=1))
    note(lambda: made.delete(where_document={"$contains": "Z"}))
    note(lambda: made.delete(where={"none": 1}))
    note(lambda: made.delete())
    note(lambda: made.delete(ids=[]))
    note(lambda: made.delete("d", limit=1))
    note(lambda: made.delete(where={"f": {"$gt": 0}}, limit=0))
    note(lambda: made.get(include=EVERYTHING))
    note(made.get_indexing_status)


def reading(client: Any, admin: Any, note: Note) -> None:
    made = client.create_collection("records", embedding_function=None)
    for include in ([], ["embeddings"], EVERYTHING):
        note(lambda include=include: made.get(include=include))
        note(lambda include=include: made.query([[1, 2], [3, 4]], include=include))
    vectors = np.random.default_rng(7).standard_normal((60, 5)).astype(np.float32)
    made.add(
        [f"id{row}" for row in range(60)],
        vectors,
        [{"n": row, "half": row / 2, "even": row % 2 == 0, "text": f"t{row % 7}"} for row in range(60)],
        [f"document {row} Äpfel 苹果 {'x' * (row % 5)}" for row in range(60)],
        uris=[f"u{row}" if row % 3 else None for row in range(60)],
    )
    for include in (
        [],
        ["embeddings"],
        ["documents"],
        ["metadatas"],
        ["uris"],
        EVERYTHING,
        ["data"],
        ["distances"],
        ["x"],
        None,
        "uris",
    ):
        note(lambda include=include: made.get(["id5", "id3", "none"], include=include))
        note(lambda include=include: made.query(vectors[:2], n_results=2, include=include))
    note(lambda: made.query(vectors[0], include=["distances", IncludeEnum.documents, "distances"]))
    note(lambda: made.get(includes=["documents"], limit=1))
    for limit, offset in (
        (None, None),
        (0, 0),
        (3, None),
        (3, 58),
        (None, 57),
        (1000, 0),
        (-1, 0),
        (1, -1),
        ("1", 0),
        (True, 0),
    ):
        note(lambda limit=limit, offset=offset: made.get(limit=limit, offset=offset))
    note(made.peek)
    note(lambda: made.peek(2))
    note(lambda: made.peek(0))
    for count in (1, 10, 59, 60, 61, 10_000, 0, -1, None, 1.5):
        note(lambda count=count: made.query(vectors[7], n_results=count, include=["distances"]))
    for kwargs in (
        {"exact": True},
        {"ef_search": 5},
        {"ef_search": 0},
        {"ids": ["id1", "id2", "none"]},
        {"ids": []},
        {"ids": "id9"},
    ):
        note(lambda kwargs=kwargs: made.query(vectors[7], n_results=5, include=["distances"], **kwargs))
    for query in ([1, 2], [], [[]], [[1, 2, 3, 4, 5], [1]], "text", None, [[float("nan")] * 5], np.zeros((0, 5))):
        note(lambda query=query: made.query(query))
    note(lambda: made.query(query_texts="no function"))
    note(lambda: made.query(vectors[0], query_texts="both"))
    note(lambda: made.query(vectors[:50], n_results=60))
    note(lambda: made.get(ids=[]))
    note(lambda: made.get(ids=["id1", "id1"]))


FILTERS: list[dict[str, Any]] = [
    {"n": 5},
    {"n": {"$eq": 5.0}},
    {"n": {"$ne": 5}},
    {"n": {"$gt": 50}},
    {"half": {"$lte": 1}},
    {"n": {"$in": [1, 2, 99]}},
    {"n": {"$nin": [1, 2]}},
    {"even": True},
    {"even": 1},
    {"text": {"$gte": "t5"}},
    {"text": "t5"},
    {"text": {"$in": ["t5", "t6"]}},
    {"list": {"$contains": 1}},
    {"list": {"$not_contains": "a"}},
    {"none": {"$ne": 1}},
    {"$and": [{"n": {"$gt": 5}}, {"n": {"$lt": 9}}]},
    {"$or": [{"n": 5}, {"$and": [{"even": False}, {"text": "t1"}]}]},
    {"$and": [{"n": 5}]},
    {"$or": [{"n": 1}, {"#document": {"$contains": "document 7"}}]},
    {"#document": {"$regex": "document 1."}},
    {"ünï %_'\"": 1},
    {},
    {"n": 1, "m": 2},
    {"n": {"$foo": 1}},
    {"n": {"$gt": 1, "$lt": 2}},
    {"n": {"$in": []}},
    {"n": {"$in": [1, "a"]}},
    {"n": None},
    {"n": [1]},
    {"$and": []},
    {"$and": {"a": 1}},
    {"$contains": "x"},
    {"n": {"$gt": True}},
    {"n": {"$eq": float("nan")}},
]
DOCUMENT_FILTERS: list[Any] = [
    {"$contains": "7"},
    {"$contains": "Äpfel"},
    {"$contains": "äpfel"},
    {"$contains": "苹果"},
    {"$contains": "%"},
    {"$not_contains": "xx"},
    {"$regex": "^document [0-3] "},
    {"$not_regex": "x$"},
    {"$and": [{"$contains": "1"}, {"$not_contains": "x"}]},
    {"$or": [{"$contains": "11"}, {"$regex": "22"}]},
    {"$contains": ""},
    {"$contains": 5},
    {"$regex": "("},
    {"$regex": "(a)\\1"},
    {"$foo": "x"},
    {},
    "text",
]


def filters(client: Any, admin: Any, note: Note) -> None:
    made = client.create_collection("records", embedding_function=None)
    rows = range(40)
    made.add(
        [str(row) for row in rows],
        [[row, -row] for row in rows],
        [
            None
            if row == 39
            else {"n": row, "half": row / 2, "even": row % 2 == 0, "text": f"t{row % 7}", "list": [row, 1]}
            for row in rows
        ],
        [None if row == 38 else f"document {row} Äpfel 苹果 {'x' * (row % 5)}" for row in rows],
    )
    for where in FILTERS:
        note(lambda where=where: made.get(where=where, include=[]))
        note(lambda where=where: made.query([3, 3], n_results=5, where=where, include=["distances"]))
    for where in DOCUMENT_FILTERS:
        note(lambda where=where: made.get(where_document=where, include=[]))
        note(
            lambda where=where: made.query(
                [3, 3], n_results=50, where_document=where, where={"n": {"$lt": 30}}, include=[]
            )
        )
    note(lambda: made.get(ids=["1", "2", "3"], where={"even": True}, where_document={"$contains": "2"}, include=[]))
    note(lambda: made.delete(where={"$or": [{"n": 1}, {"n": 2}]}, where_document={"$contains": "2"}))
    deep: dict[str, Any] = {"n": 1}
    for _ in range(100):
        deep = {"$and": [deep, {"n": {"$lt": 100}}]}
    note(lambda: made.get(where=deep, include=[]))
    for _ in range(200):
        deep = {"$or": [deep]}
    note(lambda: made.get(where=deep))


TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "ünïcödé",
    "苹果",
    "🍎👩‍👩‍👧",
    "\u2028\u2029",
    "\\\"'%_`",
    "\r\n\t",
    "\x7f\x1b",
    "<b>&amp;</b>",
    "‮abc",
    "x" * 100_000,
]


def texts(client: Any, admin: Any, note: Note) -> None:
    made = client.create_collection("records", embedding_function=None)
    for row, text in enumerate(TEXTS):
        note(
            lambda row=row, text=text: made.add(
                text or "empty", [row, 1], {text or "k": text, "k2": [text]}, text, uris=text
            )
        )
    note(lambda: made.get(include=EVERYTHING))
    for text in TEXTS[1:]:
        note(lambda text=text: made.get(text, include=["documents"]))
        note(lambda text=text: made.get(where={text: text}, include=[]))
        note(lambda text=text: made.get(where={"k2": {"$contains": text}}, include=[]))
        note(lambda text=text: made.get(where_document={"$contains": text}, include=[]))
    note(lambda: made.delete(TEXTS[1:]))


def numbers(client: Any, admin: Any, note: Note) -> None:
    """Distances and vectors arrive bit by bit."""
    vectors = np.random.default_rng(3).standard_normal((50, 17)) * np.logspace(-20, 15, 50)[:, None]
    for space in ("l2", "ip", "cosine"):
        made = client.create_collection(
            f"in-{space}", embedding_function=None, configuration={"hnsw": {"space": space}}
        )
        made.add([str(row) for row in range(50)], vectors)
        made.add("tiny", np.full(17, np.float32(1e-45)))
        made.add("zero", np.zeros(17))
        made.add("large", np.full(17, 3e38))
        note(lambda made=made: made.get(include=["embeddings"]))
        note(lambda made=made: made.query(vectors[10:30], n_results=60, include=["embeddings", "distances"]))
        note(lambda made=made: made.query(np.zeros(17), n_results=60, include=["distances"]))
        note(lambda made=made: made.query(np.full(17, -3e38), n_results=60, include=["distances"]))


def functions(client: Any, admin: Any, note: Note) -> None:
    made = note(lambda: client.create_collection("functions", embedding_function=Lengths(2.0), data_loader=load))
    note(lambda: made.add(["a", "b"], documents=["xx", "yyyy"]))
    note(lambda: made.add("i", images=np.ones((2, 3))))
    note(lambda: made.add(["u", "v"], uris=["one", "three"]))
    note(lambda: made.update("a", documents="zzzzzz"))
    note(lambda: made.get(include=EVERYTHING))
    note(lambda: made.update("a", images=np.ones((3, 3))))
    note(lambda: made.update("b", uris="seven"))
    note(lambda: made.upsert("u", documents="now a text"))
    note(lambda: made.get(include=[*EVERYTHING, "data"]))
    note(lambda: made.query(query_texts=["abc", "x"], n_results=2))
    note(lambda: made.query(query_images=np.ones((1, 5)), n_results=2))
    note(lambda: made.query(query_uris="seven", n_results=2, include=["uris", "data", "distances"]))
    note(lambda: client.get_collection("functions").query(query_texts="abc", n_results=1))
    note(lambda: client.list_collections()[0].query(query_texts="abc", n_results=1))
    note(lambda: client.get_collection("functions", embedding_function=Lengths(3.0)) and None)
    note(
        lambda: client.get_collection(
            "functions", embedding_function=chromadb.utils.embedding_functions.DefaultEmbeddingFunction()
        )
    )
    note(lambda: client.get_or_create_collection("functions", embedding_function=Lengths(2.0)))
    note(lambda: client.get_collection("functions", embedding_function=None).add("n", documents="text"))
    note(lambda: made.modify(configuration={"embedding_function": Lengths(2.0)}))
    note(
        lambda: made.modify(
            configuration={"embedding_function": chromadb.utils.embedding_functions.DefaultEmbeddingFunction()}
        )
    )
    note(lambda: client.create_collection("both", configuration={"embedding_function": Lengths(1.0)}))
    note(lambda: made.configuration_json)


def large(client: Any, admin: Any, note: Note) -> None:
    """More records than a server takes at once."""
    made = client.create_collection("large", embedding_function=None)
    count = 45_000
    ids = [f"{row:05}" for row in range(count)]
    note(
        lambda: made.add(
            ids, np.arange(count * 2, dtype=np.float32).reshape(count, 2), [{"n": row} for row in range(count)]
        )
    )
    note(made.count)
    note(lambda: made.update(ids, metadatas=[{"m": row % 10} for row in range(count)]))
    note(lambda: made.upsert(ids, embeddings=[[1, 1]] * count))
    note(lambda: made.get(limit=2, offset=44_998, include=EVERYTHING))
    note(lambda: made.get(ids, include=[])["ids"] == ids)
    note(lambda: made.delete(ids[:43_000]))
    note(lambda: made.delete(where={"m": 3}))
    note(made.count)


STORIES: list[Story] = [
    *(service, tenants_and_databases, collections, forks, writing, reading, filters, texts, numbers, functions, large),
]
_told: dict[str, list[Any]] = {}


def tell(story: Story, place: tuple[Any, Any]) -> list[Any]:
    """Run a story; return the outcome of each step."""
    outcomes: list[Any] = []

    def note(call: Callable[[], Any]) -> Any:
        kept: list[Any] = []

        def keep() -> Any:
            kept.append(call())
            return kept[0]

        outcomes.append(outcome(keep))
        return kept[0] if kept else None

    story(*place, note)
    return outcomes


@pytest.mark.parametrize("way", ["disk", "http", "async"])
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_every_way_tells_the_same_story(story: Story, way: str, open_way: Callable[[str], tuple[Any, Any]]) -> None:
    if story.__name__ not in _told:
        _told[story.__name__] = tell(story, open_way("memory"))
    expected = _told[story.__name__]
    told = tell(story, open_way(way))
    for step, (one, other) in enumerate(zip(expected, told, strict=True)):
        assert other == one, f"step {step} of {story.__name__}"
