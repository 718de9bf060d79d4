"""The specification, page by page: every form of call that a page shows gives what the page promises.

The specification is the documentation of Chroma 0.6. Texts and data here are our own. Where the pages contradict each
other or a later version, docs/differences.md says what was decided.
"""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import bcrypt
import numpy as np
import pytest
from PIL import Image

import chromadb
from chromadb import Documents, EmbeddingFunction, Embeddings
from chromadb._observability.options import read_options
from chromadb.api.client import SharedSystemClient
from chromadb.config import Settings
from chromadb.errors import ChromaAuthError, DuplicateIDError
from chromadb.telemetry.opentelemetry import OpenTelemetryGranularity
from chromadb.utils import embedding_functions
from chromadb.utils.data_loaders import ImageLoader

HERE = "covered here"
PROSE = "nothing to run"
PROVIDERS = "tests/unit/embed/providers/test_pages.py"
LOCAL_MODELS = "tests/unit/embed/test_local_models.py"

PAGES: dict[str, tuple[str, ...]] = {
    "cli/install-and-run": ("cli", "server"),
    "cli/vacuum": ("cli",),
    "docs/collections/add-data": (HERE,),
    "docs/collections/configure": (HERE,),
    "docs/collections/create-get-delete": (HERE,),
    "docs/collections/delete-data": (HERE,),
    "docs/collections/update-data": (HERE,),
    "docs/embeddings/embedding-functions": (HERE, "providers"),
    "docs/embeddings/multimodal": (HERE,),
    "docs/guides/embeddings-guide": (HERE, "providers"),
    "docs/guides/multimodal-guide": (HERE,),
    "docs/guides/usage-guide": (HERE, "cli"),
    "docs/overview/about": (PROSE,),
    "docs/overview/contributing": (PROSE,),
    "docs/overview/getting-started": (HERE, "js"),
    "docs/overview/introduction": (PROSE,),
    "docs/overview/roadmap": (PROSE,),
    "docs/overview/telemetry": (HERE,),
    "docs/querying-collections/full-text-search": (HERE,),
    "docs/querying-collections/metadata-filtering": (HERE,),
    "docs/querying-collections/query-and-get": (HERE,),
    "docs/run-chroma/client-server": (HERE, "cli", "js"),
    "docs/run-chroma/ephemeral-client": (HERE,),
    "docs/run-chroma/persistent-client": (HERE,),
    "docs/run-chroma/python-http-client": (HERE, "cli"),
    "integrations/chroma-integrations": (PROSE,),
    "integrations/embedding-models/cohere": (PROVIDERS,),
    "integrations/embedding-models/google-gemini": (PROVIDERS,),
    "integrations/embedding-models/hugging-face": (PROVIDERS,),
    "integrations/embedding-models/hugging-face-server": (PROVIDERS,),
    "integrations/embedding-models/instructor": (LOCAL_MODELS,),
    "integrations/embedding-models/jina-ai": (PROVIDERS,),
    "integrations/embedding-models/ollama": (PROVIDERS,),
    "integrations/embedding-models/openai": (PROVIDERS,),
    "integrations/embedding-models/roboflow": (HERE,),
    "integrations/embedding-models/voyageai": (PROVIDERS,),
    "integrations/frameworks/braintrust": ("frameworks",),
    "integrations/frameworks/haystack": ("frameworks",),
    "integrations/frameworks/langchain": ("frameworks",),
    "integrations/frameworks/llamaindex": ("frameworks",),
    "integrations/frameworks/openlit": ("frameworks",),
    "integrations/frameworks/openllmetry": ("frameworks",),
    "integrations/frameworks/streamlit": ("frameworks",),
    "production/administration/auth": (HERE, "js"),
    "production/administration/migration": (HERE, "cli", "server"),
    "production/administration/observability": (HERE,),
    "production/administration/performance": ("performance",),
    "production/chroma-server/client-server-mode": (HERE, "cli", "js"),
    "production/chroma-server/python-thin-client": (HERE,),
    "production/cloud-providers/aws": ("deployment",),
    "production/cloud-providers/azure": ("deployment",),
    "production/cloud-providers/gcp": ("deployment",),
    "production/containers/docker": ("deployment",),
    "production/deployment": ("deployment",),
    "reference/chroma-reference": ("server", "js"),
    "reference/js/client": ("js",),
    "reference/js/collection": ("js",),
    "reference/python/client": (HERE,),
    "reference/python/collection": (HERE,),
}
"""Page -> whether its Python is exercised here or in another file, and the topics that (the rest of) it waits for."""

TREE: dict[str, str] = {
    "cli": "install-and-run vacuum",
    "docs/collections": "add-data configure create-get-delete delete-data update-data",
    "docs/embeddings": "embedding-functions multimodal",
    "docs/guides": "embeddings-guide multimodal-guide usage-guide",
    "docs/overview": "about contributing getting-started introduction roadmap telemetry",
    "docs/querying-collections": "full-text-search metadata-filtering query-and-get",
    "docs/run-chroma": "client-server ephemeral-client persistent-client python-http-client",
    "integrations": "chroma-integrations",
    "integrations/embedding-models": "cohere google-gemini hugging-face hugging-face-server instructor jina-ai ollama "
    "openai roboflow voyageai",
    "integrations/frameworks": "braintrust haystack langchain llamaindex openlit openllmetry streamlit",
    "production": "deployment",
    "production/administration": "auth migration observability performance",
    "production/chroma-server": "client-server-mode python-thin-client",
    "production/cloud-providers": "aws azure gcp",
    "production/containers": "docker",
    "reference": "chroma-reference",
    "reference/js": "client collection",
    "reference/python": "client collection",
}
"""Folder -> pages, as the specification lays them out."""

exercised: set[str] = set()

Test = TypeVar("Test", bound=Callable[..., None])


def page(name: str) -> Callable[[Test], Test]:
    """Mark a test as the one of a page."""
    exercised.add(name)
    return lambda test: test


def test_table_names_every_page_of_the_specification() -> None:
    assert set(PAGES) == {f"{folder}/{name}" for folder, names in TREE.items() for name in names.split()}


def test_every_page_that_is_called_covered_has_a_test_and_no_other() -> None:
    assert exercised == {name for name, state in PAGES.items() if HERE in state}


def test_every_page_that_is_covered_in_another_file_is_named_there() -> None:
    root = Path(__file__).parents[2]
    for name, state in PAGES.items():
        for file in (each for each in state if each.endswith(".py")):
            assert f'page("{name}")' in (root / file).read_text(encoding="utf-8"), name


# --- what the pages take for granted --------------------------------------------------------------

VECTORS = [[1.5, 2.5, 3.5], [4.0, 6.0, 5.0], [1.0, 2.0, 3.5]]
VERSES = [{"book": "7", "line": "21"}, {"book": "7", "line": "4"}, {"book": "12", "line": "9"}]
TEXTS = ["The harbour froze over.", "Bees swarm in May.", "A lighthouse needs oil."]
IDS = ["h1", "b2", "l3"]


class Letters(EmbeddingFunction[Documents]):
    """Counts letters: no model, no luck involved."""

    def __call__(self, input: Documents) -> Embeddings:
        return [
            np.array([text.lower().count(letter) for letter in "abcdefghijklmnop"], dtype=np.float32) for text in input
        ]


class Switched(EmbeddingFunction[Any]):
    """Embeds texts and images into one space: how dark they are."""

    def __call__(self, input: Any) -> Embeddings:
        return [self._text(item) if isinstance(item, str) else self._image(item) for item in input]

    @staticmethod
    def _text(text: str) -> Any:
        return np.array([0.0, 1.0] if "night" in text else [1.0, 0.0], dtype=np.float32)

    @staticmethod
    def _image(image: Any) -> Any:
        light = float(np.mean(image)) / 255
        return np.array([light, 1 - light], dtype=np.float32)


class Pictures:
    """A data loader that keeps its pictures by URI, and the calls it got."""

    def __init__(self) -> None:
        self.pictures = {f"picture:{light}": grey(light) for light in (0, 10, 250)}
        self.calls: list[list[str | None]] = []

    def __call__(self, uris: Sequence[str | None]) -> list[Any]:
        self.calls.append(list(uris))
        return [None if uri is None else self.pictures[uri] for uri in uris]


def grey(light: int) -> Any:
    return np.full((2, 2, 3), light, dtype=np.uint8)


@pytest.fixture(autouse=True)
def _fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every page begin in an empty directory, with an empty memory and without settings."""
    monkeypatch.chdir(tmp_path)
    for name in Settings().model_dump():
        monkeypatch.delenv(name.upper(), raising=False)
    SharedSystemClient.clear_system_cache()
    yield
    SharedSystemClient.clear_system_cache()


@pytest.fixture
def client() -> Iterator[Any]:
    with chromadb.Client() as client:
        yield client


@pytest.fixture
def emb_fn() -> Letters:
    return Letters()


@pytest.fixture
def collection(client: Any, emb_fn: Letters) -> Any:
    """An empty collection with an embedding function."""
    return client.create_collection("port_log", embedding_function=emb_fn)


@pytest.fixture
def filled(client: Any, emb_fn: Letters) -> Any:
    """A collection with vectors of three dimensions, as the pages about queries have it."""
    made = client.create_collection("verses", embedding_function=emb_fn)
    made.add(documents=TEXTS, embeddings=VECTORS, metadatas=VERSES, ids=IDS)
    return made


@pytest.fixture
def serve_protected() -> Iterator[Callable[..., int]]:
    """Start servers by the command line, with variables in their environment; the result is the port."""
    started: list[subprocess.Popen[str]] = []

    def start(**variables: str) -> int:
        path = f"data-{len(started)}"
        command = [sys.executable, "-m", "chromadb", "run", "--path", path, "--port", "0", "--log-path", "log"]
        environment = {**os.environ, **variables}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
        stdout = started[-1].stdout
        assert stdout is not None
        return int(stdout.readline().split()[3].rstrip(".,").rpartition(":")[2])

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=60)


# --- collections ----------------------------------------------------------------------------------


@page("docs/collections/add-data")
def test_add_data(collection: Any, client: Any) -> None:
    assert collection.add(documents=TEXTS, metadatas=VERSES, ids=IDS) is None
    stored = collection.get(include=["documents", "metadatas", "embeddings"])
    assert (stored["ids"], stored["documents"], stored["metadatas"]) == (IDS, TEXTS, VERSES)
    assert stored["embeddings"].tolist() == [vector.tolist() for vector in Letters()(TEXTS)]

    collection.add(documents=["Something else."], ids=["h1"])
    assert collection.get(ids="h1")["documents"] == TEXTS[:1], "the first value stays"

    given = client.create_collection("given_vectors")
    given.add(documents=TEXTS, embeddings=VECTORS, metadatas=VERSES, ids=IDS)
    assert given.get(include=["embeddings"])["embeddings"].tolist() == VECTORS
    assert given.get()["documents"] == TEXTS
    with pytest.raises(ValueError, match="dimension 3"):
        given.add(embeddings=[[1.0, 2.0]], ids=["other"])
    assert given.count() == 3

    elsewhere = client.create_collection("documents_elsewhere")
    elsewhere.add(embeddings=VECTORS, metadatas=VERSES, ids=IDS)
    assert elsewhere.get()["documents"] == [None, None, None]
    assert elsewhere.query(query_embeddings=[VECTORS[1]], n_results=1)["ids"] == [["b2"]]


@page("docs/collections/configure")
def test_configure(client: Any, emb_fn: Letters) -> None:
    made = client.create_collection(
        name="tuned", embedding_function=emb_fn, metadata={"hnsw:space": "cosine", "hnsw:search_ef": 100}
    )
    assert made.metadata == {"hnsw:space": "cosine", "hnsw:search_ef": 100}
    assert made.configuration_json["hnsw"]["space"] == "cosine"

    one, other = np.array([1.0, 2.0, 2.0]), np.array([2.0, 0.0, 1.0])
    expected = {
        "l2": ((one - other) ** 2).sum(),
        "ip": 1.0 - (one * other).sum(),
        "cosine": 1.0 - (one * other).sum() / (np.sqrt((one**2).sum()) * np.sqrt((other**2).sum())),
    }
    for space, distance in expected.items():
        measured = client.create_collection(f"space-{space}", metadata={"hnsw:space": space})
        measured.add(ids="one", embeddings=one)
        assert measured.query(query_embeddings=other)["distances"] == [[pytest.approx(distance, abs=1e-6)]]
    assert client.create_collection("plain").configuration_json["hnsw"]["space"] == "l2"

    names = ("hnsw:construction_ef", "hnsw:search_ef", "hnsw:M", "hnsw:num_threads", "hnsw:ef_search")
    for number, key in enumerate((*names, "hnsw:ef_construction")):
        assert client.create_collection(f"key-{number}", metadata={key: 8}).metadata == {key: 8}
    defaults = client.get_collection("plain").configuration_json["hnsw"]
    assert (defaults["ef_construction"], defaults["ef_search"], defaults["max_neighbors"]) == (100, 100, 16)

    embeddings = np.random.default_rng(1).standard_normal((300, 64)).astype(np.float32).tolist()
    narrow = client.create_collection("narrow", metadata={"hnsw:ef_search": 10})
    wide = client.create_collection("wide", metadata={"hnsw:ef_search": 100, "hnsw:ef_construction": 1000})
    for each in (narrow, wide):
        each.add(ids=[str(number) for number in range(300)], embeddings=embeddings)
        found = each.query(query_embeddings=[embeddings[1]], n_results=3)
        assert found["ids"][0][0] == "1"
        assert found["distances"][0][0] == 0.0


@page("docs/collections/create-get-delete")
def test_create_get_delete(client: Any, emb_fn: Letters) -> None:
    for name in ("abc", "a" * 63, "x-1_2.y", "0.0"):
        client.create_collection(name=name)
    for name in ("ab", "a" * 64, ".abc", "abc-", "a..b", "192.168.0.1", "with space"):
        with pytest.raises(ValueError, match="collection name"):
            client.create_collection(name=name)

    collection = client.create_collection(name="my_harbour", embedding_function=emb_fn)
    collection = client.get_collection(name="my_harbour", embedding_function=emb_fn)
    collection.add(documents=TEXTS, ids=IDS)
    assert collection.query(query_texts=["lighthouse"], n_results=1)["ids"] == [["l3"]]

    created = str(datetime.now())
    described = client.create_collection(
        name="described", embedding_function=emb_fn, metadata={"description": "what the pilots saw", "created": created}
    )
    assert described.metadata == {"description": "what the pilots saw", "created": created}

    with pytest.raises(ValueError, match="does not exist"):
        client.get_collection(name="test")
    made = client.get_or_create_collection(name="test")
    assert client.get_or_create_collection(name="test").id == made.id == client.get_collection(name="test").id
    client.delete_collection(name="my_harbour")
    with pytest.raises(ValueError, match="does not exist"):
        client.get_collection(name="my_harbour")

    made.add(ids=[f"n{number}" for number in range(12)], embeddings=[[float(number)] for number in range(12)])
    assert made.peek()["ids"] == [f"n{number}" for number in range(10)]
    assert made.count() == 12
    assert made.modify(name="new_name") is None
    assert (made.name, client.get_collection(name="new_name").count()) == ("new_name", 12)


@page("docs/collections/delete-data")
def test_delete_data(filled: Any) -> None:
    filled.delete(ids=["h1", "b2"], where={"book": "7"})
    left = filled.get(include=["documents", "metadatas", "embeddings"])
    assert (left["ids"], left["documents"], left["metadatas"]) == (IDS[2:], TEXTS[2:], VERSES[2:])
    assert left["embeddings"].tolist() == VECTORS[2:]
    filled.add(ids=IDS[:2], embeddings=VECTORS[:2], metadatas=VERSES[:2])
    filled.delete(where={"book": "7"})
    assert filled.get()["ids"] == ["l3"]


@page("docs/collections/update-data")
def test_update_data(filled: Any, caplog: pytest.LogCaptureFixture, client: Any, emb_fn: Letters) -> None:
    changed = [[9.0, 9.0, 9.0], [8.0, 8.0, 8.0], [7.0, 7.0, 7.0]]
    filled.update(ids=IDS, embeddings=changed, metadatas=[{"line": "1"}] * 3, documents=["one", "two", "three"])
    stored = filled.get(include=["embeddings", "documents", "metadatas"])
    assert stored["embeddings"].tolist() == changed
    assert stored["documents"] == ["one", "two", "three"]
    assert stored["metadatas"][2] == {"book": "12", "line": "1"}

    with caplog.at_level(logging.WARNING):
        filled.update(ids=["nobody"], documents=["lost"], embeddings=[[0.0, 0.0, 0.0]])
    assert filled.count() == 3
    assert "nobody" in caplog.text
    with pytest.raises(ValueError, match="dimension 3"):
        filled.update(ids=["h1"], embeddings=[[1.0]])

    texts = client.create_collection("texts", embedding_function=emb_fn)
    texts.add(ids=["h1"], documents=["aaa"])
    texts.update(ids=["h1"], documents=["bbbb"])
    assert texts.get(include=["embeddings"])["embeddings"][0].tolist() == emb_fn(["bbbb"])[0].tolist()

    filled.upsert(
        ids=["h1", "new"], embeddings=VECTORS[:2], metadatas=[{"line": "2"}, {"line": "3"}], documents=["four", "five"]
    )
    stored = filled.get(ids=["h1", "new"])
    assert stored["documents"] == ["four", "five"]
    assert stored["metadatas"] == [{"book": "7", "line": "2"}, {"line": "3"}]


# --- embeddings -----------------------------------------------------------------------------------


def check_page_about_embedding_functions(client: Any) -> None:
    default_ef = embedding_functions.DefaultEmbeddingFunction()
    val = default_ef(["foo"])
    assert len(val) == 1
    assert np.shape(val[0]) == (384,)
    # The numbers that the page prints are those of the single letter "f".
    assert default_ef(["f"])[0][:3] == pytest.approx([0.05035809, 0.06264629, -0.06182732], abs=2e-6)

    class MyEmbeddingFunction(EmbeddingFunction):  # type: ignore[type-arg]
        def __call__(self, input: Documents) -> Embeddings:
            return [[float(len(text)), 1.0] for text in input]  # type: ignore[misc]

    assert MyEmbeddingFunction()(["four"]) == [[4.0, 1.0]]
    linked = client.create_collection("linked", embedding_function=MyEmbeddingFunction())
    linked.add(ids=["a"], documents=["four"])
    linked.update(ids=["a"], documents=["sixsix"])
    linked.upsert(ids=["b"], documents=["tententen"])
    assert linked.get(include=["embeddings"])["embeddings"].tolist() == [[6.0, 1.0], [9.0, 1.0]]
    assert linked.query(query_texts=["seveeen"], n_results=1)["distances"] == [[1.0]]


@page("docs/embeddings/embedding-functions")
def test_embedding_functions(client: Any, default_model: None) -> None:
    check_page_about_embedding_functions(client)


@page("docs/guides/embeddings-guide")
def test_embeddings_guide(client: Any, default_model: None) -> None:
    check_page_about_embedding_functions(client)


def test_sentence_transformers_are_made_with_a_model_name_or_say_what_to_install() -> None:
    make = embedding_functions.SentenceTransformerEmbeddingFunction
    assert inspect.signature(make).parameters["model_name"].default == "all-MiniLM-L6-v2"
    try:
        import sentence_transformers  # noqa: F401
    except ImportError:
        with pytest.raises(ValueError, match="pip install"):
            make(model_name="all-MiniLM-L6-v2")


def check_page_about_multimodal_collections() -> None:
    embedding_function, data_loader = Switched(), Pictures()
    client = chromadb.Client()
    collection = client.create_collection(
        name="multimodal_collection", embedding_function=embedding_function, data_loader=data_loader
    )
    collection.add(ids=["dark", "grey", "light"], images=[grey(0), grey(128), grey(255)])
    assert collection.get()["documents"] == [None, None, None], "pictures are not stored"

    collection.add(ids=["u0", "u250"], uris=["picture:0", "picture:250"])
    assert data_loader.calls == [["picture:0", "picture:250"]]
    collection.add(ids=["t1", "t2", "t3"], documents=["at night", "at noon", "deep night"])

    assert collection.query(query_images=[grey(255), grey(0)], n_results=1)["ids"] == [["light"], ["dark"]]
    results = collection.query(query_texts=["a night watch", "a day watch"], n_results=2)
    assert results["ids"] == [["dark", "u0"], ["light", "t2"]]
    assert collection.query(query_uris=["picture:10"], n_results=1)["ids"] == [["dark"]]

    results = collection.query(query_images=[grey(250)], includes=["data"], n_results=1)
    assert results["ids"] == [["u250"]]
    assert np.array_equal(results["data"][0][0], grey(250))
    assert collection.query(query_images=[grey(250)], includes=["uris"], n_results=1)["uris"] == [["picture:250"]]
    assert collection.get(ids=["t1"], include=["data"])["data"] == [None]

    collection.update(ids=["t1", "t2", "t3"], images=[grey(0), grey(64), grey(255)])
    stored = collection.get(ids=["t1", "t2", "t3"], include=["documents", "embeddings"])
    assert stored["documents"] == [None, None, None], "one modality at a time: the text is gone"
    assert stored["embeddings"][2].tolist() == [1.0, 0.0]


@page("docs/embeddings/multimodal")
def test_multimodal() -> None:
    check_page_about_multimodal_collections()


@page("docs/guides/multimodal-guide")
def test_multimodal_guide() -> None:
    check_page_about_multimodal_collections()


def test_open_clip_is_made_without_arguments_or_says_what_to_install() -> None:
    # With the library, tests/unit/embed/test_open_clip.py goes through the guide (make test-heavy).
    make = embedding_functions.OpenCLIPEmbeddingFunction
    assert all(each.default is not inspect.Parameter.empty for each in inspect.signature(make).parameters.values())
    if importlib.util.find_spec("open_clip") is None:
        with pytest.raises(ValueError, match="pip install"):
            make()


def test_images_in_the_filesystem(tmp_path: Path) -> None:
    for light in (0, 10, 250):
        Image.fromarray(grey(light)).save(tmp_path / f"{light}.png")
    with chromadb.Client() as client:
        collection = client.create_collection("files", embedding_function=Switched(), data_loader=ImageLoader())
        uris = [str(tmp_path / f"{light}.png") for light in (0, 250)]
        collection.add(ids=["dark", "light"], uris=uris)
        results = collection.query(query_uris=[str(tmp_path / "10.png")], n_results=1, include=["uris", "data"])
        assert results["uris"] == [uris[:1]]
        assert np.array_equal(results["data"][0][0], grey(0))


@page("integrations/embedding-models/roboflow")
def test_roboflow(monkeypatch: pytest.MonkeyPatch) -> None:
    # Against a server: tests/unit/embed/test_roboflow.py.
    make = embedding_functions.RoboflowEmbeddingFunction
    monkeypatch.delenv("CHROMA_ROBOFLOW_API_KEY", raising=False)
    monkeypatch.delenv("ROBOFLOW_API_KEY", raising=False)
    with pytest.raises(ValueError, match="ROBOFLOW_API_KEY"):
        make()
    with pytest.warns(DeprecationWarning, match="environment variable"):
        roboflow_ef = make(api_key="API_KEY", server_url="http://localhost:9001")
    assert "API_KEY" not in roboflow_ef.get_config().values()
    monkeypatch.setenv("ROBOFLOW_API_KEY", "API_KEY")
    assert make().get_config()["api_url"].startswith("https://")


# --- client and server ----------------------------------------------------------------------------


@page("docs/run-chroma/client-server")
@page("production/chroma-server/client-server-mode")
def test_client_and_server(server_at_8000: Any, default_model: None) -> None:
    chroma_client = chromadb.HttpClient(host="localhost", port=8000)
    assert chroma_client.list_collections() == []

    async def main() -> None:
        client = await chromadb.AsyncHttpClient()

        collection = await client.create_collection(name="my_collection")
        await collection.add(documents=["hello world"], ids=["id1"])
        found = await collection.query(query_texts=["hello"], n_results=1)
        assert found["documents"] == [["hello world"]]
        await client.close()

    asyncio.run(main())
    assert chroma_client.get_collection("my_collection").get()["ids"] == ["id1"]
    assert chroma_client.heartbeat() > 1_700_000_000 * 10**9
    assert chroma_client.reset() is True
    chroma_client.close()


@page("docs/run-chroma/python-http-client")
@page("production/chroma-server/python-thin-client")
def test_python_http_client(server_at_8000: Any) -> None:
    # With the thin client itself: tests/thin.
    client = chromadb.HttpClient(host="localhost", port=8000)

    async def main() -> None:
        client = await chromadb.AsyncHttpClient(host="localhost", port=8000)
        assert await client.count_collections() == 0
        await client.close()

    asyncio.run(main())
    client.close()


@page("docs/guides/usage-guide")
def test_usage_guide_over_http(server_at_8000: Any) -> None:
    with chromadb.HttpClient() as client:
        use(client)


# --- guides and overview --------------------------------------------------------------------------


@page("docs/guides/usage-guide")
def test_usage_guide(tmp_path: Path) -> None:
    with chromadb.PersistentClient(path=str(tmp_path / "saved"), settings=Settings(allow_reset=True)) as client:
        use(client)


def use(client: Any) -> None:
    """Do what the guide does with a client."""
    assert client.heartbeat() > 1_700_000_000 * 10**9
    client.create_collection("swept")
    assert client.reset() is True
    assert client.list_collections() == []

    emb_fn = Letters()
    collection = client.create_collection(name="my_log", embedding_function=emb_fn)
    collection = client.get_collection(name="my_log", embedding_function=emb_fn)
    collection.add(documents=TEXTS, metadatas=VERSES, ids=IDS)
    assert (collection.peek()["ids"], collection.count()) == (IDS, 3)
    collection.modify(name="our_log")

    cosine = client.create_collection(name="angles", metadata={"hnsw:space": "cosine"})
    cosine.add(ids=IDS, embeddings=VECTORS, metadatas=VERSES)
    assert cosine.query(query_embeddings=[[3.0, 5.0, 7.0]], n_results=1)["distances"] == [[pytest.approx(0, abs=1e-6)]]

    collection = client.get_or_create_collection(name="test")
    collection.add(documents=TEXTS, embeddings=VECTORS, metadatas=VERSES, ids=IDS)
    found = collection.query(
        query_embeddings=[[11.0, 12.0, 13.0], [1.0, 2.0, 3.0]],
        n_results=10,
        where={"book": "7"},
        where_document={"$contains": "a"},
    )
    assert found["ids"] == [["b2", "h1"], ["h1", "b2"]]
    our_log = client.get_collection("our_log", embedding_function=emb_fn)
    by_text = our_log.query(
        query_texts=["bees", "a frozen harbour"], n_results=10, where={"book": "7"}, where_document={"$contains": "."}
    )
    assert [ids[0] for ids in by_text["ids"]] == ["b2", "h1"]
    assert collection.get(ids=["h1", "b2", "l3"], where={"book": "12"})["ids"] == ["l3"]
    assert collection.get(include=["documents"])["metadatas"] is None
    assert collection.query(query_embeddings=VECTORS, include=["documents"])["distances"] is None

    collection.update(ids=["h1"], embeddings=VECTORS[:1], metadatas=VERSES[:1], documents=["new"])
    collection.upsert(ids=["h1", "x"], embeddings=VECTORS[:2], metadatas=VERSES[:2], documents=["newer", "x"])
    assert collection.get()["documents"] == ["newer", *TEXTS[1:], "x"]
    collection.delete(ids=["h1", "b2", "x"], where={"book": "7"})
    assert collection.get()["ids"] == ["l3"]
    client.delete_collection(name="test")
    assert client.list_collections() == ["our_log", "angles"]


@page("docs/overview/getting-started")
def test_getting_started(default_model: None) -> None:
    # The one page whose texts are taken as they are: its two distances are the measure of the model.
    chroma_client = chromadb.Client()
    collection = chroma_client.create_collection(name="my_collection")
    documents = ["This is a document about pineapple", "This is a document about oranges"]
    collection.add(documents=documents, ids=["id1", "id2"])
    results = collection.query(query_texts=["This is a query document about hawaii"], n_results=2)
    assert results["distances"][0] == pytest.approx([1.0404009819030762, 1.243080496788025], abs=1e-4)
    assert {key: results[key] for key in ("documents", "ids", "uris", "data", "metadatas", "embeddings")} == {
        "documents": [documents],
        "ids": [["id1", "id2"]],
        "uris": None,
        "data": None,
        "metadatas": [[None, None]],
        "embeddings": None,
    }
    assert len(collection.query(query_texts=["anything"])["ids"][0]) == 2

    chroma_client = chromadb.Client()
    collection = chroma_client.get_or_create_collection(name="my_collection")
    collection.upsert(documents=documents, ids=["id1", "id2"])
    results = collection.query(query_texts=["This is a query document about florida"], n_results=2)
    assert sorted(results["ids"][0]) == ["id1", "id2"]
    assert collection.count() == 2


@page("production/administration/observability")
def test_observability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", "api.honeycomb.com")
    monkeypatch.setenv("CHROMA_OTEL_SERVICE_NAME", "mine")
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_HEADERS", '{"x-honeycomb-team": "abc"}')
    for granularity in OpenTelemetryGranularity:
        monkeypatch.setenv("CHROMA_OTEL_GRANULARITY", granularity.value)
        options = read_options(Settings())
        if granularity is OpenTelemetryGranularity.NONE:
            assert options is None
            continue
        assert options is not None
        assert options.endpoint is not None
        assert options.endpoint.url("traces") == "https://api.honeycomb.com:443"
        assert (options.service, options.headers) == ("mine", (("x-honeycomb-team", "abc"),))
        assert options.level == ["none", "operation", "operation_and_segment", "all"].index(granularity.value)
    monkeypatch.delenv("CHROMA_OTEL_SERVICE_NAME")
    monkeypatch.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", "http://otel-collector:4317/")
    options = read_options(Settings())
    assert options is not None
    assert options.service == "chromadb"
    assert options.endpoint is not None
    assert options.endpoint.protocol == "grpc"


@page("docs/overview/telemetry")
def test_telemetry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = chromadb.Client(Settings(anonymized_telemetry=False))
    assert in_memory.get_settings().anonymized_telemetry is False
    on_disk = chromadb.PersistentClient(path=str(tmp_path / "quiet"), settings=Settings(anonymized_telemetry=False))
    on_disk.close()
    monkeypatch.setenv("ANONYMIZED_TELEMETRY", "False")
    assert Settings().anonymized_telemetry is False
    monkeypatch.delenv("ANONYMIZED_TELEMETRY")
    (tmp_path / ".env").write_text("ANONYMIZED_TELEMETRY=False\n")
    assert Settings().anonymized_telemetry is False


# --- querying -------------------------------------------------------------------------------------


@page("docs/querying-collections/full-text-search")
def test_full_text_search(filled: Any, collection: Any) -> None:
    assert filled.get(where_document={"$contains": "swarm"})["ids"] == ["b2"]
    assert filled.get(where_document={"$not_contains": "swarm"})["ids"] == ["h1", "l3"]
    collection.add(documents=TEXTS, metadatas=VERSES, ids=IDS)
    found = collection.query(
        query_texts=["bees", "ice"], n_results=10, where={"book": "7"}, where_document={"$contains": "harbour"}
    )
    assert found["ids"] == [["h1"], ["h1"]]


@page("docs/querying-collections/metadata-filtering")
def test_metadata_filtering(client: Any) -> None:
    ships = client.create_collection("ships")
    metadatas: list[dict[str, Any] | None] = [
        {"rig": "sloop", "masts": 1, "length": 9.5},
        {"rig": "brig", "masts": 2, "length": 30.0},
        {"rig": "barque", "masts": 3, "length": 45.25, "iron": True},
        None,
    ]
    ships.add(ids=["s", "b", "q", "raft"], embeddings=[[1.0], [2.0], [3.0], [4.0]], metadatas=metadatas)

    def ids(where: dict[str, Any]) -> str:
        found = ships.get(where=where)["ids"]
        assert ships.query(query_embeddings=[[0.0]], where=where)["ids"][0] == found
        return " ".join(found)

    assert ids({"rig": {"$eq": "brig"}}) == ids({"rig": "brig"}) == "b"
    assert ids({"rig": {"$ne": "brig"}}) == "s q raft", "the complement: records without the key match too"
    assert ids({"masts": {"$gt": 1}}) == "b q"
    assert ids({"masts": {"$gte": 2}}) == "b q"
    assert ids({"length": {"$lt": 30.0}}) == "s"
    assert ids({"length": {"$lte": 30}}) == "s b"
    assert ids({"masts": {"$ne": 1}}) == "b q raft"
    assert ids({"$and": [{"masts": {"$gte": 2}}, {"length": {"$lt": 40}}]}) == "b"
    assert ids({"$or": [{"masts": {"$eq": 1}}, {"rig": {"$eq": "barque"}}]}) == "s q"
    assert ids({"rig": {"$in": ["sloop", "barque", "junk"]}}) == "s q"
    assert ids({"rig": {"$nin": ["sloop", "barque", "junk"]}}) == "b raft"
    assert ids({"masts": {"$in": [1, 2]}}) == ids({"length": {"$in": [9.5, 30.0]}}) == "s b"
    assert ids({"iron": {"$in": [True]}}) == "q"
    assert ids({"iron": {"$nin": [True]}}) == "s b raft"


@page("docs/querying-collections/query-and-get")
def test_query_and_get(filled: Any, collection: Any) -> None:
    found = filled.query(
        query_embeddings=[[4.0, 6.0, 5.0], [1.0, 2.0, 3.0]],
        n_results=10,
        where={"book": "7"},
        where_document={"$contains": "e"},
    )
    assert found["ids"] == [["b2", "h1"], ["h1", "b2"]]
    assert all(distances == sorted(distances) for distances in found["distances"])
    assert filled.query(query_embeddings=[[1.0, 2.0, 3.5]])["ids"] == [["l3", "h1", "b2"]]
    with pytest.raises(ValueError, match="dimension 3"):
        filled.query(query_embeddings=[[1.0, 2.0]])
    collection.add(documents=TEXTS, metadatas=VERSES, ids=IDS)
    assert collection.query(query_texts=["bees"], n_results=1, where={"book": "7"})["ids"] == [["b2"]]

    assert filled.get(ids=IDS, where={"book": "7"})["ids"] == ["h1", "b2"]
    assert filled.get(where={"book": "7"}, where_document={"$contains": "May"})["ids"] == ["b2"]

    got = filled.get()
    assert (got["documents"], got["metadatas"], got["embeddings"]) == (TEXTS, VERSES, None)
    only = filled.get(include=["documents"])
    assert (only["ids"], only["documents"], only["metadatas"]) == (IDS, TEXTS, None)
    only = filled.query(query_embeddings=VECTORS, include=["documents"])
    assert (only["metadatas"], only["distances"], len(only["documents"])) == (None, None, 3)
    vectors = filled.get(include=["embeddings"])["embeddings"]
    assert isinstance(vectors, np.ndarray)
    assert vectors.shape == (3, 3)
    nested = filled.query(query_embeddings=VECTORS[:2], include=["embeddings"])["embeddings"]
    assert isinstance(nested, list)
    assert [each.shape for each in nested] == [(3, 3), (3, 3)]


# --- clients --------------------------------------------------------------------------------------


@page("docs/run-chroma/ephemeral-client")
def test_ephemeral_client(tmp_path: Path) -> None:
    client = chromadb.Client()
    client.create_collection("notes").add(ids=["a"], embeddings=[[1.0]])
    assert client.get_collection("notes").count() == 1
    assert list(tmp_path.iterdir()) == [], "nothing is written"


@page("docs/run-chroma/persistent-client")
def test_persistent_client(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(path=str(tmp_path / "kept"))
    client.create_collection("notes").add(ids=["a"], embeddings=[[1.0]], documents=["kept"])
    client.close()
    client = chromadb.PersistentClient(path=str(tmp_path / "kept"))
    assert client.get_collection("notes").get()["documents"] == ["kept"]
    client.close()
    client = chromadb.PersistentClient(path=str(tmp_path / "kept"), settings=Settings(allow_reset=True))
    assert isinstance(client.heartbeat(), int)
    assert client.reset()
    assert client.count_collections() == 0
    client.close()


@page("production/administration/auth")
def test_auth(serve_protected: Callable[..., int]) -> None:
    provider, client_provider = (
        "chromadb.auth.{}_authn.{}AuthenticationServerProvider",
        "chromadb.auth.{}_authn.{}AuthClientProvider",
    )
    basic, token = provider.format("basic", "Basic"), provider.format("token", "Token")

    def names(port: int, kind: str, credentials: str | None, **more: Any) -> list[str]:
        settings = Settings(
            chroma_client_auth_provider=client_provider.format(kind, kind.title()),
            chroma_client_auth_credentials=credentials,
            **more,
        )

        async def ask() -> list[Any]:
            async with await chromadb.AsyncHttpClient(host="localhost", port=port, settings=settings) as client:
                await client.get_or_create_collection("berths", embedding_function=None)
                return list(await client.list_collections())

        assert asyncio.run(ask()) == ["berths"]
        with chromadb.HttpClient(host="localhost", port=port, settings=settings) as client:
            assert client.heartbeat() > 0
            return list(client.list_collections())

    line = f"admin:{bcrypt.hashpw(b'admin', bcrypt.gensalt(5)).decode().replace('$2b$', '$2y$')}\n"
    Path("server.htpasswd").write_text(line)
    port = serve_protected(CHROMA_SERVER_AUTHN_CREDENTIALS_FILE="server.htpasswd", CHROMA_SERVER_AUTHN_PROVIDER=basic)
    assert names(port, "basic", "admin:admin") == ["berths"]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CHROMA_CLIENT_AUTH_CREDENTIALS", "admin:admin")
        assert names(port, "basic", os.environ["CHROMA_CLIENT_AUTH_CREDENTIALS"]) == ["berths"]
        settings = Settings(chroma_client_auth_provider=client_provider.format("basic", "Basic"))
        with chromadb.HttpClient(port=port, settings=settings) as client:
            assert client.list_collections() == ["berths"]
    for wrong in ("admin:wrong", "other:admin"):
        with pytest.raises(ChromaAuthError, match="Forbidden"):
            names(port, "basic", wrong)
    with pytest.raises(ChromaAuthError, match="Forbidden"):
        chromadb.HttpClient(port=port)

    plain = {"CHROMA_SERVER_AUTHN_CREDENTIALS": "test-token", "CHROMA_SERVER_AUTHN_PROVIDER": token}
    assert names(serve_protected(**plain), "token", "test-token") == ["berths"]
    header = "X-Chroma-Token"
    port = serve_protected(**plain, CHROMA_AUTH_TOKEN_TRANSPORT_HEADER=header)
    assert names(port, "token", "test-token", chroma_auth_token_transport_header=header) == ["berths"]
    with pytest.raises(ChromaAuthError):
        names(port, "token", "test-token")

    reading = ["tenant:get_tenant", "db:get_database", "db:list_collections", "collection:get_collection"]
    roles = {"admin": [*reading, "db:create_collection", "db:get_or_create_collection"], "reader": reading}
    users = [{"id": name, "role": name, "tokens": [f"{name}-token"]} for name in roles]
    mapping = {name: {"actions": actions} for name, actions in roles.items()}
    Path("authz.yaml").write_text(json.dumps({"roles_mapping": mapping, "users": users}))
    port = serve_protected(
        CHROMA_SERVER_AUTHN_CREDENTIALS_FILE="authz.yaml",
        CHROMA_SERVER_AUTHZ_CONFIG_FILE="authz.yaml",
        CHROMA_SERVER_AUTHN_PROVIDER=token,
        CHROMA_SERVER_AUTHZ_PROVIDER="chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider",
    )
    assert names(port, "token", "admin-token") == ["berths"]
    with pytest.raises(ChromaAuthError, match="'reader' may not do db:create_collection here"):
        names(port, "token", "reader-token")


@page("production/administration/migration")
def test_migration(tmp_path: Path) -> None:
    client = chromadb.EphemeralClient()
    ef = Letters()
    for name in ("tides", "winds"):
        client.create_collection(name, embedding_function=ef).add(
            ids=["3", "2", "1", "0"], documents=["a", "b", "c", "d"]
        )

    collection_names = client.list_collections()
    assert all(isinstance(name, str) for name in collection_names)
    collections = [client.get_collection(name=name, embedding_function=ef) for name in collection_names]
    assert [each.name for each in collections] == ["tides", "winds"]

    tides = collections[0]
    for filters in ({"where": {}}, {"where_document": {}}, {"ids": []}):
        with pytest.raises(ValueError, match="Expected"):
            tides.get(**filters)
    assert tides.get(ids=["3", "2"])["ids"] == ["3", "2"]

    tides.update(ids=["3", "1"], metadatas=[{"high": 1}, {"high": 2}])
    tides.upsert(ids=["bare"], embeddings=[np.ones(16)])
    assert tides.get(where={"high": {"$ne": 1}})["ids"] == ["2", "1", "0", "bare"]
    assert tides.get(where={"high": {"$nin": [1, 2]}})["ids"] == ["2", "0", "bare"]
    assert tides.get(where_document={"$not_contains": "a"})["ids"] == ["2", "1", "0", "bare"]
    tides.delete(ids="bare")

    assert tides.get(limit=2, offset=2)["ids"] == ["1", "0"]
    again = client.get_or_create_collection("tides", metadata={"ignored": True}, embedding_function=ef)
    assert again.metadata is None
    assert isinstance(tides.peek()["embeddings"], np.ndarray)
    assert [type(each) for each in tides.query(query_texts=["a", "b"], include=["embeddings"])["embeddings"]] == [
        np.ndarray,
        np.ndarray,
    ]
    assert client.get_max_batch_size() > 1000

    class Before:  # as before 0.4.16
        def __call__(self, texts: Documents) -> Embeddings:
            return [[float(len(text))] for text in texts]  # type: ignore[misc]

    old = client.create_collection("old-function", embedding_function=Before())
    old.add(ids="a", documents="four")
    assert old.get(include=["embeddings"])["embeddings"].tolist() == [[4.0]]
    assert isinstance(ef, EmbeddingFunction)

    with pytest.raises(ValueError, match="duckdb"):
        Settings(chroma_db_impl="duckdb+parquet", persist_directory=str(tmp_path / "old"))
    with pytest.raises(ValueError, match="not allowed"):
        client.reset()
    path = str(tmp_path / "chroma")
    with chromadb.PersistentClient(path=path, settings=Settings(anonymized_telemetry=False)) as quiet:
        assert quiet.count_collections() == 0
    with chromadb.PersistentClient(path=path, settings=Settings(allow_reset=True)) as erasing:
        assert erasing.reset()


# --- reference ------------------------------------------------------------------------------------


@page("reference/python/client")
def test_reference_of_the_client(tmp_path: Path) -> None:
    settings = Settings()
    for function, names in {
        chromadb.EphemeralClient: "settings tenant database",
        chromadb.PersistentClient: "path settings tenant database",
        chromadb.Client: "settings tenant database",
        chromadb.HttpClient: "host port ssl headers settings tenant database",
        chromadb.AsyncHttpClient: "host port ssl headers settings tenant database",
        chromadb.CloudClient: "tenant database api_key settings cloud_host cloud_port enable_ssl",
        chromadb.AdminClient: "settings",
    }.items():
        assert list(inspect.signature(function).parameters) == names.split()
    assert inspect.signature(chromadb.PersistentClient).parameters["path"].default == "./chroma"
    assert chromadb.configure(anonymized_telemetry=False) is None
    assert chromadb.configure(anonymized_telemetry=True) is None

    client = chromadb.Client(settings=settings, tenant=chromadb.DEFAULT_TENANT, database=chromadb.DEFAULT_DATABASE)
    assert isinstance(client.heartbeat(), int)
    assert isinstance(client.get_version(), str)
    assert client.get_settings() == settings
    assert isinstance(client.get_max_batch_size(), int)
    made = client.create_collection("my_collection")
    assert (made.name, made.metadata) == ("my_collection", None)
    assert client.count_collections() == 1
    assert client.list_collections() == ["my_collection"]
    with pytest.raises(ValueError, match="already exists"):
        client.create_collection("my_collection")
    assert client.create_collection("my_collection", get_or_create=True).id == made.id
    with pytest.raises(ValueError, match="collection name"):
        client.create_collection("no")
    assert client.create_collection("with_metadata", metadata={"foo": "bar"}).metadata == {"foo": "bar"}
    assert client.list_collections(limit=1, offset=1) == ["with_metadata"]
    assert client.get_collection("my_collection").id == made.id
    assert client.get_collection(name="my_collection", id=made.id).id == made.id
    with pytest.raises(ValueError, match="has the name"):
        client.get_collection(name="with_metadata", id=made.id)
    with pytest.raises(ValueError, match="does not exist"):
        client.get_collection("missing")
    kept = client.get_or_create_collection("with_metadata", metadata={"foo": "changed"})
    assert kept.metadata == {"foo": "bar"}
    assert client.delete_collection("my_collection") is None
    with pytest.raises(ValueError, match="does not exist"):
        client.delete_collection("my_collection")

    admin = chromadb.AdminClient(settings)
    admin.create_tenant("fleet")
    assert admin.get_tenant("fleet")["name"] == "fleet"
    for call in (lambda: admin.create_tenant("fleet"), lambda: admin.get_tenant("unknown")):
        with pytest.raises(ValueError, match="exist"):
            call()
    admin.create_database("north", tenant="fleet")
    admin.create_database("south", "fleet")
    north = admin.get_database("north", "fleet")
    assert (north["name"], north["tenant"], type(north["id"])) == ("north", "fleet", UUID)
    assert [each["name"] for each in admin.list_databases(tenant="fleet")] == ["north", "south"]
    assert [each["name"] for each in admin.list_databases(1, 1, "fleet")] == ["south"]
    with pytest.raises(ValueError, match="already exists"):
        admin.create_database("north", tenant="fleet")
    client.set_tenant("fleet", "north")
    client.create_collection("only-here")
    client.set_database("south")
    assert client.list_collections() == []
    for wrong in (lambda: client.set_tenant("unknown"), lambda: client.set_database("unknown")):
        with pytest.raises(ValueError, match="does not exist"):
            wrong()
    admin.delete_database("north", tenant="fleet")
    with pytest.raises(ValueError, match="does not exist"):
        admin.delete_database("north", tenant="fleet")
    with pytest.raises(ValueError, match="does not exist"):
        admin.get_database("north", tenant="fleet")

    client.clear_system_cache()
    fresh = chromadb.EphemeralClient(Settings(allow_reset=True))
    assert fresh.count_collections() == 0
    assert fresh.reset() is True


@page("reference/python/collection")
def test_reference_of_the_collection(client: Any, collection: Any) -> None:
    none = None
    assert collection.add("one", none, {"kind": "ship"}, "a barge") is None
    collection.add(ids=["two", "three"], documents=["a bee", "a cab"], metadatas=[{"kind": "insect"}, {"kind": "car"}])
    assert collection.count() == 3
    for wrong in (
        {"ids": ["x"]},
        {"ids": ["x", "y"], "documents": ["only one"]},
        {"ids": ["x"], "embeddings": [[1.0], [2.0]]},
        {"ids": ["x"], "documents": ["text"], "metadatas": [{"a": 1}, {"a": 2}]},
    ):
        with pytest.raises(ValueError, match="Expected"):
            collection.add(**wrong)
    with pytest.raises(ValueError, match="embedding function"):
        client.create_collection("bare", embedding_function=None).add(ids=["x"], documents=["text"])
    with pytest.raises(DuplicateIDError):
        collection.add(ids=["x", "x"], documents=["text", "text"])

    assert collection.get("two")["documents"] == ["a bee"]
    assert collection.get(none, {"kind": "car"}, 5, 0, {"$contains": "cab"}, ["metadatas"])["metadatas"] == [
        {"kind": "car"}
    ]
    assert collection.get(limit=1, offset=1)["ids"] == ["two"]
    assert collection.get(where_document={"$contains": "a b"})["ids"] == ["one", "two"]
    assert collection.peek(2)["ids"] == ["one", "two"]
    assert collection.peek(limit=1)["embeddings"].shape == (1, 16)

    assert collection.query(query_texts="a bee", n_results=1)["ids"] == [["two"]]
    vector = Letters()(["a cab"])[0]
    assert collection.query(vector, n_results=1)["ids"] == [["three"]]
    assert collection.query(none, "a bee", n_results=1)["ids"] == [["two"]]
    with pytest.raises(ValueError, match="exactly one"):
        collection.query()
    with pytest.raises(ValueError, match="exactly one"):
        collection.query(query_embeddings=vector, query_texts="a bee")

    assert collection.modify(name="renamed", metadata={"about": "things"}) is None
    assert (collection.name, collection.metadata) == ("renamed", {"about": "things"})
    assert collection.update("one", none, {"kind": "boat"}, "a barque") is None
    assert collection.upsert(["one", "four"], documents=["a brig", "a deck"]) is None
    assert collection.get()["documents"] == ["a brig", "a bee", "a cab", "a deck"]
    assert collection.get("one")["metadatas"] == [{"kind": "boat"}]
    collection.delete(["four"])
    collection.delete(where={"kind": "car"})
    collection.delete(where_document={"$contains": "bee"})
    assert collection.get()["ids"] == ["one"]
