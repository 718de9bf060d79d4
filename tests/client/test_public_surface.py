from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb import errors

EMBEDDING_FUNCTIONS = "chromadb.utils.embedding_functions"

# Where others import what from.
NAMES: dict[str, str] = {
    "chromadb": "Client EphemeralClient PersistentClient HttpClient AsyncHttpClient CloudClient AdminClient ClientAPI "
    "AsyncClientAPI Collection Settings DEFAULT_TENANT "
    "DEFAULT_DATABASE Documents EmbeddingFunction Embeddings IDs Where WhereDocument GetResult QueryResult "
    "__version__ api auth config errors telemetry utils types db configure get_settings",
    "chromadb.api": "ClientAPI AsyncClientAPI EmbeddingFunction CreateCollectionConfiguration client segment",
    "chromadb.api.client": "Client ClientAPI AdminClient SharedSystemClient",
    "chromadb.api.async_client": "AsyncClient AsyncAdminClient",
    "chromadb.api.segment": "SegmentAPI",
    "chromadb.api.fastapi": "FastAPI",
    "chromadb.api.async_fastapi": "AsyncFastAPI",
    "chromadb.auth": "ClientAuthProvider UserIdentity",
    "chromadb.auth.basic_authn": "BasicAuthClientProvider",
    "chromadb.auth.token_authn": "TokenAuthClientProvider",
    "chromadb.api.models.Collection": "Collection",
    "chromadb.api.models.AsyncCollection": "AsyncCollection",
    "chromadb.api.collection_configuration": "CreateCollectionConfiguration CreateHNSWConfiguration",
    "chromadb.api.configuration": "CollectionConfigurationInterface",
    "chromadb.api.types": "CollectionMetadata DataLoader Document Documents Embeddable EmbeddingFunction Embeddings "
    "GetResult ID IDs Include Loadable Metadata OneOrMany PyEmbeddings QueryResult Space URI Where WhereDocument "
    "validate_where validate_where_document",
    "chromadb.config": "Settings DEFAULT_TENANT DEFAULT_DATABASE",
    "chromadb.errors": "NotFoundError InvalidDimensionException",
    "chromadb.types": "Collection Database Tenant",
    "chromadb.utils.batch_utils": "create_batches",
    "chromadb.db": "DB",
    "chromadb.telemetry.opentelemetry": "OpenTelemetryClient OpenTelemetryGranularity add_attributes_to_current_span "
    "otel_init trace_method",
    "chromadb.telemetry.product": "ProductTelemetryClient ProductTelemetryEvent ServerContext",
    "chromadb.telemetry.product.events": "ClientStartEvent ServerStartEvent ClientCreateCollectionEvent "
    "CollectionAddEvent CollectionUpdateEvent CollectionQueryEvent CollectionGetEvent CollectionDeleteEvent",
    "chromadb.telemetry.product.posthog": "Posthog",
    "chromadb.rate_limit": "RateLimitEnforcer AsyncRateLimitEnforcer",
    "chromadb.rate_limit.simple_rate_limit": "SimpleRateLimitEnforcer SimpleAsyncRateLimitEnforcer",
    "chromadb.quota": "QuotaEnforcer Action",
    "chromadb.quota.simple_quota_enforcer": "SimpleQuotaEnforcer",
    EMBEDDING_FUNCTIONS: "DefaultEmbeddingFunction ONNXMiniLM_L6_V2 SentenceTransformerEmbeddingFunction "
    "EmbeddingFunction register_embedding_function known_embedding_functions config_to_embedding_function "
    "BasetenEmbeddingFunction CloudflareWorkersAIEmbeddingFunction CohereEmbeddingFunction "
    "HuggingFaceEmbeddingFunction HuggingFaceEmbeddingServer JinaEmbeddingFunction JinaQueryConfig "
    "MistralEmbeddingFunction MorphEmbeddingFunction NomicEmbeddingFunction NomicQueryConfig OllamaEmbeddingFunction "
    "OpenAIEmbeddingFunction OpenCLIPEmbeddingFunction RoboflowEmbeddingFunction CachedEmbeddingFunction "
    "PerplexityEmbeddingFunction TogetherAIEmbeddingFunction VoyageAIEmbeddingFunction "
    "AmazonBedrockEmbeddingFunction GoogleGeminiEmbeddingFunction GoogleGenaiEmbeddingFunction "
    "GoogleGenerativeAiEmbeddingFunction GooglePalmEmbeddingFunction GoogleVertexEmbeddingFunction "
    "InstructorEmbeddingFunction Text2VecEmbeddingFunction create_langchain_embedding SparseEmbeddingFunction "
    "ChromaBm25EmbeddingFunction Bm25EmbeddingFunction FastembedSparseEmbeddingFunction "
    "HuggingFaceSparseEmbeddingFunction register_sparse_embedding_function sparse_known_embedding_functions",
    f"{EMBEDDING_FUNCTIONS}.amazon_bedrock_embedding_function": "AmazonBedrockEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.chroma_langchain_embedding_function": "create_langchain_embedding "
    "ChromaLangchainEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.google_embedding_function": "GoogleGenerativeAiEmbeddingFunction "
    "GooglePalmEmbeddingFunction GoogleVertexEmbeddingFunction GoogleGenaiEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.instructor_embedding_function": "InstructorEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.text2vec_embedding_function": "Text2VecEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.cohere_embedding_function": "CohereEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.huggingface_embedding_function": "HuggingFaceEmbeddingFunction HuggingFaceEmbeddingServer",
    f"{EMBEDDING_FUNCTIONS}.jina_embedding_function": "JinaEmbeddingFunction JinaQueryConfig",
    f"{EMBEDDING_FUNCTIONS}.nomic_embedding_function": "NomicEmbeddingFunction NomicQueryConfig",
    f"{EMBEDDING_FUNCTIONS}.ollama_embedding_function": "OllamaEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.openai_embedding_function": "OpenAIEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.voyageai_embedding_function": "VoyageAIEmbeddingFunction",
    "chromadb.utils.data_loaders": "ImageLoader",
    f"{EMBEDDING_FUNCTIONS}.open_clip_embedding_function": "OpenCLIPEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.roboflow_embedding_function": "RoboflowEmbeddingFunction",
    f"{EMBEDDING_FUNCTIONS}.onnx_mini_lm_l6_v2": "ONNXMiniLM_L6_V2",
    f"{EMBEDDING_FUNCTIONS}.sentence_transformer_embedding_function": "SentenceTransformerEmbeddingFunction",
}

# What comes with a later issue. Whoever brings a name moves it to the table above.
LATER: dict[str, str] = {
    "chromadb": "Search",
}

LATER_METHODS = {
    "chromadb.api.models.Collection:Collection": "schema fork_count search attach_function "
    "detach_function get_attached_function",
}


def pairs(table: dict[str, str]) -> list[tuple[str, str]]:
    return [(place, name) for place, names in table.items() for name in names.split()]


@pytest.mark.parametrize(("module", "name"), pairs(NAMES))
def test_a_name_that_others_import_is_there(module: str, name: str) -> None:
    assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize(("module", "name"), pairs(LATER))
def test_a_name_that_comes_later_is_not_there_yet(module: str, name: str) -> None:
    assert not hasattr(importlib.import_module(module), name), f"{module}.{name} is there: move it to NAMES"


@pytest.mark.parametrize(("place", "name"), pairs(LATER_METHODS))
def test_a_method_that_comes_later_is_not_there_yet(place: str, name: str) -> None:
    module, _, attribute = place.partition(":")
    assert not hasattr(getattr(importlib.import_module(module), attribute), name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    for module in (chromadb, importlib.import_module(EMBEDDING_FUNCTIONS)):
        with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
            _ = module.Nonsense


@pytest.mark.parametrize("module", NAMES)
def test_what_a_module_lists_is_there(module: str) -> None:
    loaded = importlib.import_module(module)
    listed = getattr(loaded, "__all__", [])
    assert len(set(listed)) == len(listed)
    for name in listed:
        assert hasattr(loaded, name)


def test_submodules_are_attributes_after_a_plain_import(python: Callable[..., str]) -> None:
    program = """
import chromadb
for path in ("api.client.Client", "api.segment.SegmentAPI", "config.Settings", "errors.NotFoundError", "types.Tenant",
             "utils.embedding_functions.DefaultEmbeddingFunction", "db.DB"):
    value = chromadb
    for name in path.split("."):
        value = getattr(value, name)
print("fine")
"""
    assert python(program) == "fine\n"


def test_the_same_class_under_every_path() -> None:
    from chromadb.api import client, types
    from chromadb.api.models.AsyncCollection import AsyncCollection
    from chromadb.api.models.Collection import Collection

    assert chromadb.Collection is Collection
    assert AsyncCollection.__name__ == "AsyncCollection"
    assert chromadb.ClientAPI is client.ClientAPI is client.Client is chromadb.api.ClientAPI
    assert chromadb.EmbeddingFunction is types.EmbeddingFunction is chromadb.api.EmbeddingFunction
    assert chromadb.Settings is chromadb.config.Settings
    assert chromadb.DEFAULT_TENANT == chromadb.config.DEFAULT_TENANT == "default_tenant"
    assert chromadb.DEFAULT_DATABASE == chromadb.config.DEFAULT_DATABASE == "default_database"


def test_the_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", chromadb.__version__)
    assert [int(part) for part in chromadb.__version__.split(".")] == [1, 5, 9]
    installed = importlib.metadata.version("chromadb")
    assert installed == chromadb.__version__ or installed.startswith(chromadb.__version__ + "+")


def test_the_types_are_published() -> None:
    assert (Path(inspect.getfile(chromadb)).parent / "py.typed").is_file()


def test_importing_loads_nothing_heavy(python: Callable[..., str]) -> None:
    heavy = "faiss onnxruntime tokenizers starlette fastapi uvicorn pydantic apsw re2 httpx tqdm torch"
    program = f"import chromadb, sys; print([name for name in {heavy.split()!r} if name in sys.modules])"
    assert python(program) == "[]\n"


def test_a_client_on_memory_loads_no_model(python: Callable[..., str]) -> None:
    program = """
import chromadb, sys
collection = chromadb.EphemeralClient().create_collection("abc")
collection.add(ids="a", embeddings=[1, 2])
collection.query([1, 2])
print([name for name in ("onnxruntime", "tokenizers", "pydantic", "httpx") if name in sys.modules])
"""
    assert python(program) == "[]\n"


# --- signatures --------------------------------------------------------------------------------------

DEFAULT = "default function"
RECORDS: dict[str, Any] = {
    "ids": inspect.Parameter.empty,
    "embeddings": None,
    "metadatas": None,
    "documents": None,
    "images": None,
    "uris": None,
}
CREATE: dict[str, Any] = {
    "name": inspect.Parameter.empty,
    "schema": None,
    "configuration": None,
    "metadata": None,
    "embedding_function": DEFAULT,
    "data_loader": None,
}
PLACE = {"tenant": "default_tenant", "database": "default_database"}

SERVER: dict[str, Any] = {"host": "localhost", "port": 8000, "ssl": False}

CALLABLES: dict[str, dict[str, Any]] = {
    "chromadb:EphemeralClient": {"settings": None, **PLACE},
    "chromadb:PersistentClient": {"path": "./chroma", "settings": None, **PLACE},
    "chromadb:Client": {"settings": None, **PLACE},
    "chromadb:HttpClient": {**SERVER, "headers": None, "settings": None, **PLACE},
    "chromadb:AsyncHttpClient": {**SERVER, "headers": None, "settings": None, **PLACE},
    "chromadb:CloudClient": {
        "tenant": None,
        "database": None,
        "api_key": None,
        "settings": None,
        "cloud_host": "api.trychroma.com",
        "cloud_port": 443,
        "enable_ssl": True,
    },
    "chromadb:AdminClient": {"settings": None},
    "chromadb:get_settings": {},
    "chromadb:ClientAPI.heartbeat": {},
    "chromadb:ClientAPI.get_version": {},
    "chromadb:ClientAPI.get_settings": {},
    "chromadb:ClientAPI.get_user_identity": {},
    "chromadb:ClientAPI.get_max_batch_size": {},
    "chromadb:ClientAPI.list_collections": {"limit": None, "offset": None},
    "chromadb:ClientAPI.count_collections": {},
    "chromadb:ClientAPI.create_collection": {**CREATE, "get_or_create": False},
    "chromadb:ClientAPI.get_or_create_collection": CREATE,
    "chromadb:ClientAPI.get_collection": {"name": ..., "embedding_function": DEFAULT, "data_loader": None},
    "chromadb:ClientAPI.get_collection_by_id": {
        "id": inspect.Parameter.empty,
        "embedding_function": DEFAULT,
        "data_loader": None,
    },
    "chromadb:ClientAPI.delete_collection": {"name": inspect.Parameter.empty},
    "chromadb:ClientAPI.reset": {},
    "chromadb:ClientAPI.set_tenant": {"tenant": inspect.Parameter.empty, "database": "default_database"},
    "chromadb:ClientAPI.set_database": {"database": inspect.Parameter.empty},
    "chromadb:ClientAPI.close": {},
    "chromadb:ClientAPI.clear_system_cache": {},
    "chromadb:ClientAPI.from_system": {"system": inspect.Parameter.empty, **PLACE},
    "chromadb.api.async_client:AsyncClient.create": {**PLACE, "settings": None},
    "chromadb.api.client:AdminClient.create_tenant": {"name": inspect.Parameter.empty},
    "chromadb.api.client:AdminClient.get_tenant": {"name": inspect.Parameter.empty},
    "chromadb.api.client:AdminClient.create_database": {"name": inspect.Parameter.empty, "tenant": "default_tenant"},
    "chromadb.api.client:AdminClient.get_database": {"name": inspect.Parameter.empty, "tenant": "default_tenant"},
    "chromadb.api.client:AdminClient.delete_database": {"name": inspect.Parameter.empty, "tenant": "default_tenant"},
    "chromadb.api.client:AdminClient.list_databases": {"limit": None, "offset": None, "tenant": "default_tenant"},
    "chromadb:Collection.add": RECORDS,
    "chromadb:Collection.update": RECORDS,
    "chromadb:Collection.upsert": RECORDS,
    "chromadb:Collection.get": {
        "ids": None,
        "where": None,
        "limit": None,
        "offset": None,
        "where_document": None,
        "include": ["metadatas", "documents"],
    },
    "chromadb:Collection.peek": {"limit": 10},
    "chromadb:Collection.query": {
        "query_embeddings": None,
        "query_texts": None,
        "query_images": None,
        "query_uris": None,
        "ids": None,
        "n_results": 10,
        "where": None,
        "where_document": None,
        "include": ["metadatas", "documents", "distances"],
        "includes": None,
        "exact": False,
        "ef_search": None,
    },
    "chromadb:Collection.delete": {"ids": None, "where": None, "where_document": None, "limit": None},
    "chromadb:Collection.count": {"read_level": ...},
    "chromadb:Collection.modify": {"name": None, "metadata": None, "configuration": None},
    "chromadb:Collection.get_model": {},
    "chromadb.utils.batch_utils:create_batches": {
        "api": inspect.Parameter.empty,
        "ids": inspect.Parameter.empty,
        "embeddings": None,
        "metadatas": None,
        "documents": None,
    },
}


CONSTRUCTORS: dict[str, dict[str, Any]] = {
    f"{EMBEDDING_FUNCTIONS}:OpenCLIPEmbeddingFunction": {
        "model_name": "ViT-B-32",
        "checkpoint": "laion2b_s34b_b79k",
        "device": "cpu",
    },
    f"{EMBEDDING_FUNCTIONS}:RoboflowEmbeddingFunction": {
        "api_key": None,
        "api_url": "https://infer.roboflow.com",
        "api_key_env_var": "CHROMA_ROBOFLOW_API_KEY",
    },
    "chromadb.utils.data_loaders:ImageLoader": {"max_workers": 2},
}
"""Classes whose parameters are published; what is ours stands behind, and may have any default."""


def resolve(place: str) -> Any:
    module, _, path = place.partition(":")
    value: Any = importlib.import_module(module)
    for name in path.split("."):
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("place", CALLABLES)
def test_parameters_and_their_defaults(place: str) -> None:
    parameters = [
        parameter for name, parameter in inspect.signature(resolve(place)).parameters.items() if name != "self"
    ]
    expected = CALLABLES[place]
    assert [parameter.name for parameter in parameters][: len(expected)] == list(expected)
    for parameter in parameters:
        assert parameter.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        default = expected.get(parameter.name, ...)
        if parameter.name not in expected:
            # What is ours stands behind and can be left out.
            assert parameter.default is None
        elif default == DEFAULT:
            assert parameter.default.name() == "default"
        elif default is not ...:
            assert parameter.default == default


@pytest.mark.parametrize("place", CONSTRUCTORS)
def test_parameters_of_constructors_and_their_defaults(place: str) -> None:
    parameters = list(inspect.signature(resolve(place)).parameters.values())
    published = CONSTRUCTORS[place]
    assert {each.name: each.default for each in parameters[: len(published)]} == published
    assert all(each.kind in (each.KEYWORD_ONLY, each.VAR_KEYWORD) for each in parameters[len(published) :])


@pytest.mark.parametrize("place", [place for place in CALLABLES if ":Collection." in place or ":ClientAPI." in place])
def test_the_asynchronous_twin_takes_the_same(place: str) -> None:
    owner, _, name = place.partition(":")[2].partition(".")
    twin = {
        "Collection": "chromadb.api.models.AsyncCollection:AsyncCollection",
        "ClientAPI": "chromadb.api.async_client:AsyncClient",
    }[owner]
    one, other = resolve(place), resolve(f"{twin}.{name}")
    assert [*inspect.signature(one).parameters] == [*inspect.signature(other).parameters]
    assert inspect.iscoroutinefunction(other) or name in ("get_settings", "clear_system_cache", "get_model")


def test_properties() -> None:
    for name in ("id", "name", "metadata", "tenant", "database", "configuration", "configuration_json"):
        assert isinstance(inspect.getattr_static(chromadb.Collection, name), property)
    with chromadb.EphemeralClient() as client:
        assert (client.tenant, client.database) == ("default_tenant", "default_database")
        assert client._server is not None
        assert client._system is not None


@pytest.mark.parametrize("place", [place for place in CALLABLES if "." in place.partition(":")[2]])
def test_methods_stand_on_the_class_and_are_plain_functions(place: str) -> None:
    module, _, path = place.partition(":")
    owner, _, name = path.rpartition(".")
    value = vars(resolve(f"{module}:{owner}")).get(name)
    if name in ("clear_system_cache", "from_system", "create"):
        return
    assert inspect.isfunction(value), f"{name} is {value!r}"


def test_every_public_callable_is_documented() -> None:
    for place in CALLABLES:
        assert inspect.getdoc(resolve(place)), place


# --- instrumentation ---------------------------------------------------------------------------------


def test_what_wraps_a_method_sees_every_call_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def count(name: str) -> None:
        original = getattr(chromadb.Collection, name)

        def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(chromadb.Collection, name, wrapper)

    for name in ("add", "get", "peek", "query", "modify", "update", "upsert", "delete", "count"):
        count(name)
    with chromadb.EphemeralClient() as client:
        collection = client.create_collection("abc", embedding_function=None)
        for call in (
            lambda: collection.add(ids=["a"], embeddings=[[1, 2]]),
            lambda: collection.upsert(ids=["a"], embeddings=[[1, 2]]),
            lambda: collection.update(ids=["a"], embeddings=[[1, 2]]),
            lambda: collection.get(ids=["a"], where=None, limit=1, offset=0, where_document=None, include=[]),
            lambda: collection.peek(limit=1),
            lambda: collection.query(query_embeddings=[[1, 2]], n_results=1, where=None, include=["documents"]),
            lambda: collection.count(),
            lambda: collection.modify(name="other"),
            lambda: client.list_collections()[0].query([1, 2]),
            lambda: collection.delete(ids=["a"]),
        ):
            before = len(calls)
            call()
            assert len(calls) == before + 1
    assert calls == ["add", "upsert", "update", "get", "peek", "query", "count", "modify", "query", "delete"]


def test_what_instrumentation_looks_for_is_there() -> None:
    from chromadb.api.segment import SegmentAPI
    from chromadb.db import DB

    assert inspect.isfunction(SegmentAPI._query)
    assert list(inspect.signature(SegmentAPI._query).parameters)[1:3] == ["collection_id", "query_embeddings"]
    assert inspect.isfunction(DB.create_collection)
    with chromadb.EphemeralClient() as client:
        assert isinstance(client._server, SegmentAPI)
        collection = client.create_collection("abc")
        assert collection._client is not None
        assert getattr(collection._client, "base_url", None) is None


# --- errors ------------------------------------------------------------------------------------------

WIRE: dict[str, tuple[int, str]] = {
    "ChromaError": (400, "ChromaError"),
    "InvalidDimensionException": (400, "InvalidDimension"),
    "IDAlreadyExistsError": (409, "IDAlreadyExists"),
    "ChromaAuthError": (403, "AuthError"),
    "DuplicateIDError": (400, "DuplicateID"),
    "InvalidArgumentError": (400, "InvalidArgumentError"),
    "InvalidUUIDError": (400, "InvalidUUID"),
    "InvalidHTTPVersion": (400, "InvalidHTTPVersion"),
    "AuthorizationError": (401, "AuthorizationError"),
    "NotFoundError": (404, "NotFoundError"),
    "UniqueConstraintError": (409, "UniqueConstraintError"),
    "QuotaError": (400, "QuotaError"),
    "RateLimitError": (429, "RateLimitError"),
    "BatchSizeExceededError": (413, "BatchSizeExceededError"),
    "InternalError": (500, "InternalError"),
    "VersionMismatchError": (500, "VersionMismatchError"),
    "InvalidCollectionException": (404, "InvalidCollection"),
}


@pytest.mark.parametrize("name", WIRE)
def test_an_error_has_its_code_name_and_text(name: str) -> None:
    error = getattr(errors, name)("the text")
    assert (error.code(), error.name()) == WIRE[name]
    assert (error.message(), str(error)) == ("the text", "the text")
    assert isinstance(error, errors.ChromaError)


@pytest.mark.parametrize(
    ("name", "bases"),
    [
        ("InvalidArgumentError", "ValueError"),
        ("InvalidArgumentTypeError", "InvalidArgumentError TypeError ValueError"),
        ("InvalidDimensionException", "InvalidArgumentError ValueError"),
        ("InvalidUUIDError", "InvalidArgumentError ValueError"),
        ("DuplicateIDError", "InvalidArgumentError ValueError"),
        ("BatchSizeExceededError", "ValueError"),
        ("NotFoundError", "ValueError"),
        ("InvalidCollectionException", "NotFoundError ValueError"),
        ("UniqueConstraintError", "InternalError ValueError"),
        ("ResetDisabledError", "AuthorizationError ValueError"),
        ("ClosedClientError", "RuntimeError"),
        ("EmbeddingFunctionError", "InvalidArgumentError ValueError"),
        ("ModelUnavailableError", "RuntimeError"),
        ("DataLoadError", "OSError"),
        ("DataNotFoundError", "DataLoadError FileNotFoundError OSError"),
        ("StorageFullError", "StorageError InternalError"),
        ("StorageLockedError", "StorageError InternalError"),
        ("StorageReadOnlyError", "StorageError InternalError"),
        ("StorageFormatError", "StorageError InternalError ValueError"),
        ("StorageCorruptError", "StorageError InternalError"),
    ],
)
def test_an_error_satisfies_every_class_that_callers_catch(name: str, bases: str) -> None:
    import builtins

    for base in ("ChromaError", *bases.split()):
        assert issubclass(getattr(errors, name), getattr(errors, base, None) or getattr(builtins, base))


def test_no_error_is_left_out_of_the_tree() -> None:
    for value in vars(errors).values():
        if isinstance(value, type) and issubclass(value, BaseException):
            assert issubclass(value, errors.ChromaError)
            assert value.__doc__
