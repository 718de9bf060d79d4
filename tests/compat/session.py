"""A session of a published Python client, run in a process of its own: ``python session.py PORT``.

It uses nothing but the public API, works on every version, and prints "done" at its end.
"""

import sys

import chromadb
from chromadb.config import Settings

port = int(sys.argv[1])
version = tuple(int(part) for part in chromadb.__version__.split(".")[:2])


class Lengths(chromadb.EmbeddingFunction):
    """Embeds a text by its length and its first letters, without a model."""

    def __init__(self):
        pass

    def __call__(self, input):
        return [[float(len(text)), float(ord(text[0])), 1.0] for text in input]

    @staticmethod
    def name():
        return "lengths"

    def get_config(self):
        return {}

    @staticmethod
    def build_from_config(config):
        return Lengths()


def names(collections):
    """Return names; the items are collections, names, or, in 0.6, something in between."""
    return sorted(each if isinstance(each, str) else each.name for each in collections)


def raises(call, *kinds):
    """Assert that a call raises an error of one of these classes, or of one derived from it.

    The oldest clients raise a bare Exception, with the answer as its text.
    """
    try:
        call()
    except Exception as error:
        got = [kind.__name__ for kind in type(error).__mro__]
        if set(kinds) & set(got) or (version < (0, 6) and any(kind in str(error) for kind in kinds)):
            return
        raise
    raise AssertionError(f"none of {kinds} was raised")


settings = Settings(anonymized_telemetry=False)
client = chromadb.HttpClient(host="localhost", port=port, settings=settings)
assert client.heartbeat() > 0
assert client.get_version()
client.reset()
assert names(client.list_collections()) == []

collection = client.create_collection(
    "letters", metadata={"hnsw:space": "cosine", "topic": "alphabet"}, embedding_function=Lengths()
)
assert collection.metadata == {"hnsw:space": "cosine", "topic": "alphabet"}, collection.metadata
assert collection.name == "letters"
collection.add(
    ids=["a", "b", "c"],
    embeddings=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
    documents=["first letter", "second letter", "third letter"],
    metadatas=[{"n": 1, "vowel": True}, {"n": 2, "vowel": False}, {"n": 3, "vowel": False, "weight": 0.5}],
)
collection.add(ids=["d"], documents=["the fourth"])
collection.add(ids=["f"], embeddings=[[-3.0, -1.0, -4.0]], uris=["file:///f"])
assert collection.count() == 5

found = collection.get(ids=["c", "a"], include=["embeddings", "documents", "metadatas"])
assert found["ids"] == ["a", "c"], found
assert found["documents"] == ["first letter", "third letter"]
assert found["metadatas"][1] == {"n": 3, "vowel": False, "weight": 0.5}
assert [list(vector) for vector in found["embeddings"]] == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
assert collection.get(where={"n": {"$gte": 2}})["ids"] == ["b", "c"]
assert collection.get(where={"$and": [{"n": {"$in": [1, 2]}}, {"vowel": False}]})["ids"] == ["b"]
assert collection.get(where_document={"$contains": "second"})["ids"] == ["b"]
assert collection.get(limit=2, offset=1)["ids"] == ["b", "c"]
assert collection.get(ids=["f"], include=["uris"])["uris"] == ["file:///f"]
assert collection.get(ids=["missing"])["ids"] == []
assert collection.peek(2)["ids"] == ["a", "b"]

near = collection.query(query_embeddings=[[0.9, 0.1, 0.0], [0.0, 0.0, 2.0]], n_results=2)
assert near["ids"][0] == ["a", "d"]
assert near["ids"][1][0] == "c"
assert abs(near["distances"][1][0]) < 1e-6
assert near["documents"][0][0] == "first letter"
assert near["metadatas"][0][0]["n"] == 1
near = collection.query(
    query_embeddings=[[1.0, 1.0, 1.0]], n_results=10, where={"vowel": False}, include=["embeddings"]
)
assert near["ids"] == [["b", "c"]]
assert len(near["embeddings"][0]) == 2
assert collection.query(query_texts=["the fourth"], n_results=1)["ids"] == [["d"]]

collection.update(ids=["a"], metadatas=[{"n": 10}], documents=["first letter of all"], embeddings=[[1.0, 0.5, 0.0]])
assert collection.get(ids=["a"])["metadatas"] == [{"n": 10, "vowel": True}]
collection.upsert(ids=["a", "e"], embeddings=[[1.0, 0.0, 0.0], [2.0, 2.0, 2.0]], metadatas=[{"n": 11}, {"n": 5}])
assert collection.count() == 6
assert collection.get(ids=["a"])["documents"] == ["first letter of all"]
collection.add(ids=["a"], embeddings=[[5.0, 5.0, 5.0]])
assert list(collection.get(ids=["a"], include=["embeddings"])["embeddings"][0]) == [1.0, 0.0, 0.0]
collection.delete(ids=["b", "missing"])
collection.delete(where={"n": {"$gt": 10}})
assert collection.get()["ids"] == ["c", "d", "f", "e"]

raises(lambda: collection.query(query_embeddings=[[1.0]]), "InvalidDimensionException", "InvalidArgumentError")
raises(lambda: collection.get(where={"n": {"$near": 1}}), "ValueError", "InvalidArgumentError")
raises(lambda: client.create_collection("letters"), "UniqueConstraintError", "ChromaError", "Exception")
raises(lambda: client.create_collection("x"), "ValueError", "InvalidArgumentError")
missing = ("InvalidCollectionException",) if version < (1, 0) else ("NotFoundError",)
raises(lambda: client.get_collection("missing"), *missing)
raises(lambda: client.delete_collection("missing"), "ValueError", "NotFoundError", "InvalidCollectionException")
raises(
    lambda: chromadb.HttpClient("localhost", port, settings=settings, tenant="nobody"), "ValueError", "NotFoundError"
)

same = client.get_or_create_collection("letters", embedding_function=Lengths())
assert same.id == collection.id
assert client.get_collection("letters", embedding_function=Lengths()).count() == 4
collection.modify(name="renamed", metadata={"topic": "changed"})
assert client.get_collection("renamed", embedding_function=Lengths()).metadata["topic"] == "changed"
client.create_collection("other", embedding_function=Lengths())
assert names(client.list_collections()) == ["other", "renamed"]
assert client.count_collections() == 2
assert len(client.list_collections(limit=1, offset=1)) == 1

admin = chromadb.AdminClient(
    Settings(
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host="localhost",
        chroma_server_http_port=port,
        anonymized_telemetry=False,
    )
)
admin.create_tenant("acme")
raises(lambda: admin.create_tenant("acme"), "UniqueConstraintError", "Exception")
admin.create_database("archive", "acme")
assert admin.get_database("archive", "acme")["name"] == "archive"
elsewhere = chromadb.HttpClient("localhost", port, settings=settings, tenant="acme", database="archive")
assert elsewhere.count_collections() == 0
many = elsewhere.create_collection("many", embedding_function=Lengths())
many.add(ids=[str(i) for i in range(1000)], embeddings=[[float(i), 1.0] for i in range(1000)])
assert many.count() == 1000
assert many.query(query_embeddings=[[500.2, 1.0]], n_results=3)["ids"] == [["500", "501", "499"]]

if version >= (1, 0):
    spaced = client.create_collection(
        "spaced", configuration={"hnsw": {"space": "ip", "ef_search": 50}}, embedding_function=Lengths()
    )
    assert spaced.configuration_json["hnsw"]["space"] == "ip"
    assert client.get_collection("spaced").configuration_json["hnsw"]["ef_search"] == 50
    collection.modify(configuration={"hnsw": {"ef_search": 77}})
    assert client.get_collection("renamed").configuration_json["hnsw"]["ef_search"] == 77
    assert client.get_max_batch_size() > 1000
if version >= (1, 5):
    assert many.delete(where_document={"$contains": "nothing"})["deleted"] == 0
    assert client.get_collection_by_id(spaced.id).name == "spaced"

for name in ("renamed", "other"):
    client.delete_collection(name)
print("done")
