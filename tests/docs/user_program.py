"""What users write, for the type checker; see test_typing.py. Never run."""

from __future__ import annotations

import numpy as np

import chromadb
from chromadb import Documents, EmbeddingFunction, Embeddings


class Constant(EmbeddingFunction[Documents]):
    def __call__(self, input: Documents) -> Embeddings:
        return [[1.0, 2.0] for _ in input]


client = chromadb.EphemeralClient()
collection = client.create_collection("abc", embedding_function=Constant())
collection.add(ids=["a"], embeddings=[[1.0, 2.0]], metadatas=[{"a": 1}], documents=["x"])
collection.add(ids=["a"], embeddings=[[1, 2]], metadatas=[{"a": 1, "b": "x"}, None])
collection.add(ids="a", embeddings=np.zeros((1, 2)), metadatas={"a": 1}, documents="x")
collection.add(ids=["a"], embeddings=[np.zeros(2)])
collection.upsert(ids=["a"], documents=["x", None])
rows: list[list[float]] = [[1.0]]
collection.update(ids=["a"], embeddings=rows)
result = collection.query(
    query_embeddings=[[1.0]], n_results=1, where={"a": {"$gt": 1}}, include=["documents", "distances"]
)
collection.query(query_texts=["x"])
collection.query(query_texts="x")
collection.query(query_embeddings=[1.0, 2.0])
collection.query(query_embeddings=rows)
documents = result["documents"]
if documents is not None:
    first: str | None = documents[0][0]
number: int = collection.count()
with chromadb.PersistentClient("x") as persistent:
    for item in persistent.list_collections():
        name: str = item
        item.get(ids=["a"], include=["embeddings"])


def remote(port: int | str = 8000) -> int:
    settings = chromadb.Settings(chroma_http_retries=0)
    with chromadb.HttpClient(host="localhost", port=port, headers={"x-key": "secret"}, settings=settings) as client:
        return client.get_or_create_collection("abc").count()


async def remote_async() -> str | None:
    async with await chromadb.AsyncHttpClient(host="localhost", ssl=True) as client:
        collection = await client.get_collection("abc")
        await collection.add(ids="a", documents="x")
        texts = (await collection.query(query_texts="x", n_results=1))["documents"]
        return texts[0][0] if texts is not None else None
