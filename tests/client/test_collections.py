from __future__ import annotations

import enum
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb.api.collection_configuration import CreateCollectionConfiguration, CreateHNSWConfiguration
from chromadb.api.configuration import CollectionConfigurationInterface, HNSWConfigurationInterface
from chromadb.errors import (
    EmbeddingFunctionError,
    InternalError,
    InvalidArgumentError,
    InvalidArgumentTypeError,
    InvalidCollectionException,
    InvalidUUIDError,
    NotFoundError,
    UniqueConstraintError,
)
from chromadb.utils.embedding_functions import known_embedding_functions, register_embedding_function

Client = chromadb.ClientAPI


# --- create, get, list, delete -----------------------------------------------------------------------


def test_a_new_collection(client: Client) -> None:
    collection = client.create_collection("abc", metadata={"topic": "birds", "n": 1, "f": 0.5, "b": True})
    assert isinstance(collection, chromadb.Collection)
    assert isinstance(collection.id, uuid.UUID)
    assert (collection.name, collection.tenant, collection.database) == ("abc", "default_tenant", "default_database")
    assert collection.metadata == {"topic": "birds", "n": 1, "f": 0.5, "b": True}
    assert [type(value) for value in collection.metadata.values()] == [str, int, float, bool]
    assert collection.count() == 0
    assert repr(collection) == "Collection(name=abc)"
    model = collection.get_model()
    assert (model.id, model.name, model.dimension) == (collection.id, "abc", None)


def test_a_collection_without_metadata(client: Client) -> None:
    assert client.create_collection("abc").metadata is None
    assert client.get_collection("abc").metadata is None


def test_the_metadata_of_a_handle_is_a_copy(client: Client) -> None:
    given = {"a": 1}
    collection = client.create_collection("abc", metadata=given)
    given["a"] = 2
    collection.metadata["a"] = 3  # type: ignore[index]
    assert collection.metadata == {"a": 1}
    assert client.get_collection("abc").metadata == {"a": 1}


def test_a_name_can_be_given_once(client: Client) -> None:
    client.create_collection("abc")
    with pytest.raises(UniqueConstraintError, match="abc") as error:
        client.create_collection("abc")
    assert isinstance(error.value, InternalError)
    assert isinstance(error.value, ValueError)
    assert client.count_collections() == 1


@pytest.mark.parametrize("name", ["ab", "a" * 64, "-ab", "a b", "a..b", "1.2.3.4", "", 5, None])
def test_a_bad_name_makes_no_collection(client: Client, name: Any) -> None:
    for create in (client.create_collection, client.get_or_create_collection):
        with pytest.raises(InvalidArgumentError, match="collection name"):
            create(name)
    assert client.count_collections() == 0


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "non-empty dict"),
        ({"a": None}, "Expected metadata value to be"),
        ({"a": ["x"]}, "Expected metadata value to be"),
        ({"a": {"b": 1}}, "Expected metadata value to be"),
        ({"a": float("nan")}, "finite"),
        ({"a": 2**63}, "64 bits"),
        ({1: "a"}, "key"),
        ({"chroma:document": "x"}, "chroma:"),
        ("text", "dict or None"),
        ([("a", 1)], "dict or None"),
    ],
)
def test_bad_metadata_makes_no_collection(client: Client, metadata: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message) as error:
        client.create_collection("abc", metadata=metadata)
    assert isinstance(error.value, ValueError)
    assert client.count_collections() == 0


def test_get(client: Client) -> None:
    made = client.create_collection("abc", metadata={"a": 1})
    for found in (
        client.get_collection("abc"),
        client.get_collection(name="abc"),
        client.get_collection(id=made.id),
        client.get_collection(id=str(made.id)),
        client.get_collection("abc", id=made.id),
        client.get_collection_by_id(made.id),
        client.get_collection_by_id(str(made.id)),
    ):
        assert (found.id, found.name, found.metadata) == (made.id, "abc", {"a": 1})
        assert found == made
        assert hash(found) == hash(made)
    assert client.create_collection("other") != made
    assert made != "abc"


@pytest.mark.parametrize("name", ["missing", "a b", "", "x" * 500])
def test_a_missing_collection_satisfies_every_class_that_callers_catch(client: Client, name: str) -> None:
    for call in (client.get_collection, client.delete_collection):
        for kind in (NotFoundError, InvalidCollectionException, ValueError):
            with pytest.raises(kind, match=name or "''"):
                call(name)


def test_a_missing_id(client: Client) -> None:
    missing = uuid.uuid4()
    for call in (client.get_collection_by_id, lambda id: client.get_collection(id=id)):
        with pytest.raises(NotFoundError, match=str(missing)):
            call(missing)
        with pytest.raises(InvalidUUIDError, match="to be a UUID, got 'abc'"):
            call("abc")
    made = client.create_collection("abc")
    with pytest.raises(NotFoundError, match=r"the name 'abc', not 'other'"):
        client.get_collection("other", id=made.id)
    with pytest.raises(InvalidArgumentError, match="name or the id of a collection, got neither"):
        client.get_collection()


def test_get_or_create_takes_what_is_there_as_it_is(client: Client) -> None:
    made = client.get_or_create_collection("abc", metadata={"a": 1}, configuration={"hnsw": {"space": "cosine"}})
    again = client.get_or_create_collection("abc", metadata={"b": 2, "hnsw:space": "ip"})
    third = client.create_collection("abc", get_or_create=True)
    for found in (again, third):
        assert (found.id, found.metadata) == (made.id, {"a": 1})
        assert found.configuration_json["hnsw"]["space"] == "cosine"
    assert client.count_collections() == 1


def test_schemas_are_refused_for_now(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match="schema to be None"):
        client.create_collection("abc", schema={})  # type: ignore[arg-type]


def test_delete(client: Client, tmp_path: Path) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    collection.add(ids="a", embeddings=[1, 2])
    assert client.delete_collection("abc") is None
    assert client.count_collections() == 0
    if client.get_settings().is_persistent:
        assert list((tmp_path / "db" / "collections").iterdir()) == []
    again = client.create_collection("abc", embedding_function=None)
    assert again.id != collection.id
    assert again.count() == 0
    again.add(ids="a", embeddings=[1, 2, 3])


def test_a_handle_of_a_deleted_collection(client: Client) -> None:
    handle = client.create_collection("abc", embedding_function=None, metadata={"a": 1})
    handle.add(ids="a", embeddings=[1])
    client.delete_collection("abc")
    client.create_collection("abc", embedding_function=None)
    for call in (
        handle.count,
        handle.get,
        handle.peek,
        lambda: handle.query([1]),
        lambda: handle.add(ids="b", embeddings=[1]),
        lambda: handle.upsert(ids="b", embeddings=[1]),
        lambda: handle.update(ids="b", embeddings=[1]),
        lambda: handle.delete(ids="b"),
        lambda: handle.modify(name="other"),
    ):
        for kind in (NotFoundError, InvalidCollectionException, ValueError):
            with pytest.raises(kind, match=str(handle.id)):
                call()
    assert (handle.name, handle.metadata) == ("abc", {"a": 1})
    assert client.get_collection("abc").count() == 0


# --- list --------------------------------------------------------------------------------------------


def test_listing_is_oldest_first_and_paged(client: Client) -> None:
    names = ["zoo", "art", "music", "birds"]
    for name in names:
        client.create_collection(name)
    assert client.list_collections() == names
    assert client.count_collections() == 4
    assert client.list_collections(limit=2) == names[:2]
    assert client.list_collections(limit=2, offset=1) == names[1:3]
    assert client.list_collections(offset=3) == names[3:]
    assert client.list_collections(limit=10, offset=10) == []
    assert client.list_collections(limit=0) == []
    for bad in ("1", 1.0, True, -1):
        with pytest.raises(InvalidArgumentTypeError, match="limit"):
            client.list_collections(limit=bad)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentTypeError, match="offset"):
            client.list_collections(offset=bad)  # type: ignore[arg-type]


def test_a_limit_of_any_size_is_a_limit(client: Client) -> None:
    client.create_collection("abc")
    assert client.list_collections(limit=2**70) == ["abc"]
    assert client.list_collections(offset=2**70) == []


def test_what_is_listed_is_a_name_and_a_collection_at_once(client: Client) -> None:
    made = client.create_collection("abc", metadata={"a": 1}, embedding_function=None)
    made.add(ids=["x", "y"], embeddings=[[1, 0], [0, 1]])
    listed = client.list_collections()
    assert "abc" in listed
    assert "other" not in listed
    assert sorted(listed) == ["abc"]
    assert {*listed} == {"abc"}
    assert json.dumps(listed) == '["abc"]'
    assert str(listed) == "['abc']"
    (item,) = listed
    assert isinstance(item, str)
    assert isinstance(item, chromadb.Collection)
    assert (str(item), f"{item}", repr(item), item + "!", item.upper(), len(item)) == (
        *("abc", "abc", "'abc'", "abc!", "ABC"),
        3,
    )
    assert type(str(item)) is str
    assert (item.id, item.name, item.metadata, item.tenant) == (made.id, "abc", {"a": 1}, "default_tenant")
    assert item.count() == 2
    assert item.query([1, 0], n_results=1)["ids"] == [["x"]]
    assert item.peek()["ids"] == ["x", "y"]
    item.add(ids="z", embeddings=[1, 1])
    assert made.count() == 3
    assert {item: 1}["abc"] == 1  # type: ignore[index]


def test_letters_of_what_is_listed_can_be_counted(client: Client) -> None:
    client.create_collection("banana")
    (item,) = client.list_collections()
    assert item.count("a") == 3
    assert item.count() == 0


def test_what_is_listed_serves_as_a_name(client: Client) -> None:
    made = client.create_collection("abc", metadata={"a": 1})
    for item in client.list_collections():
        assert client.get_collection(item) == made
        assert client.get_collection(name=item).metadata == {"a": 1}
        assert client.get_or_create_collection(item).id == made.id
        made.modify(name=item)
        client.delete_collection(item)
    assert client.count_collections() == 0


def test_what_is_listed_uses_the_stored_embedding_function(client: Client, own_registry: None) -> None:
    client.create_collection("abc", embedding_function=Length(3)).add(ids="x", documents="word")
    (item,) = client.list_collections()
    assert item.get(include=["embeddings"])["embeddings"].tolist() == [[4, 3]]  # type: ignore[union-attr]
    assert item.query(query_texts="four")["distances"] == [[0.0]]


def test_listing_works_where_a_stored_function_is_unknown(client: Client) -> None:
    client.create_collection("abc", embedding_function=Length(3))
    (item,) = client.list_collections()
    assert item.count() == 0
    assert item.configuration["embedding_function"] is None
    assert item.configuration_json["embedding_function"]["name"] == "length"
    with pytest.raises(EmbeddingFunctionError, match="'length', which is not registered"):
        item.query(query_texts="x")


# --- configuration -----------------------------------------------------------------------------------

SPACES = ("l2", "ip", "cosine")


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("form", ["metadata", "dict", "1.x", "0.6", "spann"])
def test_a_space_in_every_form(client: Client, space: Any, form: str) -> None:
    arguments: dict[str, Any] = {
        "metadata": {"metadata": {"hnsw:space": space}},
        "dict": {"configuration": {"hnsw": {"space": space}}},
        "1.x": {"configuration": CreateCollectionConfiguration(hnsw=CreateHNSWConfiguration(space=space))},
        "0.6": {"configuration": CollectionConfigurationInterface(HNSWConfigurationInterface(space=space))},
        "spann": {"configuration": {"spann": {"space": space}}},
    }[form]
    collection = client.create_collection("abc", embedding_function=None, **arguments)
    collection.add(ids=["a", "b", "c"], embeddings=[[1, 0], [4, 0], [0, 1]])
    for handle in (collection, client.get_collection("abc"), client.list_collections()[0]):
        assert handle.configuration_json["hnsw"]["space"] == space
        assert handle.configuration["hnsw"]["space"] == space
    distances = {
        "l2": {"a": 0.0, "c": 2.0, "b": 9.0},
        "ip": {"b": -3.0, "a": 0.0, "c": 1.0},
        "cosine": {"a": 0.0, "b": 0.0, "c": 1.0},
    }[space]
    result = collection.query([1, 0])
    assert dict(zip(result["ids"][0], result["distances"][0], strict=True)) == pytest.approx(distances)
    assert result["ids"][0] == list(distances)


def test_the_space_of_the_metadata_stays_in_the_metadata(client: Client) -> None:
    collection = client.create_collection("abc", metadata={"hnsw:space": "cosine", "a": 1})
    assert collection.metadata == {"hnsw:space": "cosine", "a": 1}


def test_the_whole_configuration(client: Client) -> None:
    hnsw = {
        "space": "cosine",
        "ef_construction": 50,
        "ef_search": 60,
        "max_neighbors": 8,
        "num_threads": 3,
        "batch_size": 10,
        "sync_threshold": 500,
        "resize_factor": 1.5,
    }
    collection = client.create_collection("abc", configuration={"hnsw": hnsw})
    assert collection.configuration_json["hnsw"] == hnsw
    assert client.get_collection("abc").configuration["hnsw"] == hnsw
    assert collection.configuration["spann"] is None
    copy = client.create_collection("copy", configuration=collection.configuration)
    assert copy.configuration_json == collection.configuration_json
    json.dumps(collection.configuration_json)


def test_nothing_asked_for(client: Client) -> None:
    shown = client.create_collection("abc", embedding_function=None).configuration_json
    assert shown["hnsw"]["space"] == "l2"
    assert (shown["spann"], shown["embedding_function"]) == (None, None)
    with pytest.raises(KeyError):
        shown["nothing"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"metadata": {"hnsw:space": "hamming"}},
        {"metadata": {"hnsw:space": 5}},
        {"metadata": {"hnsw:M": "x"}},
        {"metadata": {"hnsw:M": 1.5}},
        {"metadata": {"hnsw:foo": 1}},
        {"metadata": {"hnsw:search_ef": 0}},
        {"metadata": {"hnsw:construction_ef": -1}},
        {"metadata": {"hnsw:batch_size": 0}},
        {"metadata": {"hnsw:sync_threshold": 0}},
        {"metadata": {"hnsw:resize_factor": 0}},
        {"metadata": {"hnsw:num_threads": -1}},
        {"configuration": {"hnsw": {"space": "hamming"}}},
        {"configuration": {"hnsw": {"ef_search": "x"}}},
        {"configuration": {"hnsw": {"max_neighbors": True}}},
        {"configuration": {"hnsw": {"foo": 1}}},
        {"configuration": {"hnsw": "x"}},
        {"configuration": {"foo": 1}},
        {"configuration": {"hnsw": {"space": "l2"}, "spann": {"space": "l2"}}},
        {"configuration": {"hnsw": {"space": "ip"}}, "metadata": {"hnsw:space": "l2"}},
        {"configuration": "x"},
        {"configuration": 5},
        {"configuration": ["hnsw"]},
    ],
)
def test_a_bad_configuration_makes_no_collection(client: Client, arguments: Any) -> None:
    for create in (client.create_collection, client.get_or_create_collection):
        with pytest.raises(InvalidArgumentError, match="Expected"):
            create("abc", **arguments)
    assert client.count_collections() == 0


# --- modify ------------------------------------------------------------------------------------------


def test_a_new_name(client: Client) -> None:
    collection = client.create_collection("abc", metadata={"a": 1}, embedding_function=None)
    collection.add(ids="x", embeddings=[1])
    other = client.get_collection("abc")
    assert collection.modify(name="new") is None
    assert (collection.name, collection.metadata) == ("new", {"a": 1})
    assert client.list_collections() == ["new"]
    assert client.get_collection("new").id == collection.id
    with pytest.raises(NotFoundError):
        client.get_collection("abc")
    assert other.count() == 1
    collection.modify(name="new")
    collection.modify()
    assert collection.name == "new"


def test_a_name_that_is_taken_or_bad_changes_nothing(client: Client) -> None:
    collection = client.create_collection("abc", metadata={"a": 1})
    client.create_collection("taken")
    with pytest.raises(UniqueConstraintError, match="taken") as error:
        collection.modify(name="taken", metadata={"b": 2})
    assert isinstance(error.value, InternalError)
    for bad in ("x", "a..b", 5):
        with pytest.raises(InvalidArgumentError, match="collection name"):
            collection.modify(name=bad, metadata={"b": 2})  # type: ignore[arg-type]
    for handle in (collection, client.get_collection("abc")):
        assert (handle.name, handle.metadata) == ("abc", {"a": 1})


def test_new_metadata_replaces_the_old_and_keeps_the_space(client: Client) -> None:
    collection = client.create_collection("abc", metadata={"hnsw:space": "cosine", "a": 1}, embedding_function=None)
    collection.add(ids=["x", "y"], embeddings=[[1, 0], [5, 0]])
    collection.modify(metadata={"b": 2})
    for handle in (collection, client.get_collection("abc")):
        assert handle.metadata == {"b": 2}
        assert handle.configuration_json["hnsw"]["space"] == "cosine"
        assert handle.query([1, 0])["distances"] == [[0.0, 0.0]]


def test_none_leaves_a_key_of_the_new_metadata_out(client: Client) -> None:
    collection = client.create_collection("abc", metadata={"a": 1})
    collection.modify(metadata={"a": None, "b": 2})
    assert collection.metadata == {"b": 2}
    collection.modify(metadata={"b": None})
    assert collection.metadata is None
    assert client.get_collection("abc").metadata is None


@pytest.mark.parametrize(
    "metadata",
    [{}, {"a": ["x"]}, {"a": {}}, {"chroma:x": 1}, "x", {"hnsw:foo": 1}, {"hnsw:M": "x"}, {"hnsw:space": "ip"}],
)
def test_bad_new_metadata_changes_nothing(client: Client, metadata: Any) -> None:
    collection = client.create_collection("abc", metadata={"a": 1})
    with pytest.raises(ValueError, match="Expected"):
        collection.modify(name="other", metadata=metadata)
    for handle in (collection, client.get_collection("abc")):
        assert (handle.name, handle.metadata) == ("abc", {"a": 1})
        assert handle.configuration_json["hnsw"]["space"] == "l2"


def test_a_new_configuration(client: Client) -> None:
    collection = client.create_collection("abc", configuration={"hnsw": {"space": "ip", "ef_search": 50}})
    collection.modify(configuration={"hnsw": {"ef_search": 77, "max_neighbors": 8}})
    collection.modify(metadata={"hnsw:construction_ef": 55})
    for handle in (collection, client.get_collection("abc")):
        hnsw = handle.configuration_json["hnsw"]
        assert (hnsw["space"], hnsw["ef_search"], hnsw["max_neighbors"], hnsw["ef_construction"]) == ("ip", 77, 8, 55)


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"hnsw": {"space": "angle"}}, "one of l2, ip, cosine"),
        ({"hnsw": {"ef_search": 0}}, "ef_search"),
        ({"hnsw": {"foo": 1}}, "'foo'"),
        ({"foo": 1}, "'foo'"),
        ("x", "configuration to be a dict"),
    ],
)
def test_a_bad_new_configuration_changes_nothing(client: Client, configuration: Any, message: str) -> None:
    collection = client.create_collection("abc")
    before = collection.configuration_json
    with pytest.raises(InvalidArgumentError, match=message):
        collection.modify(configuration=configuration, metadata={"a": 1})
    assert client.get_collection("abc").configuration_json == before
    assert client.get_collection("abc").metadata is None


# --- embedding functions -----------------------------------------------------------------------------


class Length(chromadb.EmbeddingFunction[Any]):
    """Embeds a text as (its length, a constant)."""

    def __init__(self, constant: int) -> None:
        self.constant = constant

    def __call__(self, input: Any) -> Any:
        return [np.array([len(text), self.constant], dtype=np.float32) for text in input]

    @staticmethod
    def name() -> str:
        return "length"

    def get_config(self) -> dict[str, Any]:
        return {"constant": self.constant}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Length:
        return Length(config["constant"])


class Other(Length):
    @staticmethod
    def name() -> str:
        return "other"


class Cosine(Length):
    @staticmethod
    def name() -> str:
        return "cosine_length"

    def default_space(self) -> Any:
        return "cosine"


class Legacy:
    def __call__(self, input: Any) -> Any:
        return [[float(len(text)), 1.0] for text in input]


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register Length for one test."""
    monkeypatch.setattr(known_embedding_functions, "_entries", dict(known_embedding_functions._entries))
    register_embedding_function(Length)


def vector(collection: chromadb.Collection, id: str) -> list[float]:
    result: Any = collection.get(id, include=["embeddings"])["embeddings"]
    return result[0].tolist()  # type: ignore[no-any-return]


def test_a_function_is_stored_and_used_again(client: Client, own_registry: None) -> None:
    made = client.create_collection("abc", embedding_function=Length(7))
    stored = {"type": "known", "name": "length", "config": {"constant": 7}}
    assert made.configuration_json["embedding_function"] == stored
    for number, handle in enumerate(
        (made, client.get_collection("abc"), client.get_or_create_collection("abc"), client.get_collection(id=made.id))
    ):
        assert isinstance(handle.configuration["embedding_function"], Length)
        handle.add(ids=str(number), documents="word")
        assert vector(handle, str(number)) == [4, 7]
        assert handle.query(query_texts="four", n_results=1)["distances"] == [[0.0]]


def test_a_function_in_the_configuration_counts_the_same(client: Client, own_registry: None) -> None:
    client.create_collection("abc", configuration={"embedding_function": Length(5)})
    client.get_collection("abc").add(ids="a", documents="word")
    assert vector(client.get_collection("abc"), "a") == [4, 5]
    function = Length(5)
    client.create_collection("both", configuration={"embedding_function": function}, embedding_function=function)
    with pytest.raises(EmbeddingFunctionError, match="one embedding function, got"):
        client.create_collection("clash", configuration={"embedding_function": Length(5)}, embedding_function=Other(5))
    none = client.create_collection("none", configuration={"embedding_function": None}, embedding_function=None)
    assert none.configuration_json["embedding_function"] is None


def test_another_function_than_the_stored_one_is_refused_and_both_are_named(client: Client) -> None:
    client.create_collection("abc", embedding_function=Length(1))
    for get in (client.get_collection, client.get_or_create_collection, client.list_collections()[0].id):
        call = get if callable(get) else (lambda _, id=get, **given: client.get_collection_by_id(id, **given))
        for given in (Other(1), Legacy()):
            with pytest.raises(EmbeddingFunctionError, match="'length'") as error:
                call("abc", embedding_function=given)
            assert ("'other'" if isinstance(given, Other) else "Legacy") in str(error.value)
            assert isinstance(error.value, ValueError)
    assert client.count_collections() == 1


def test_the_default_function_is_refused_where_another_is_stored(client: Client) -> None:
    from chromadb.utils.embedding_functions import DefaultEmbeddingFunction, ONNXMiniLM_L6_V2

    client.create_collection("abc", embedding_function=Length(1))
    with pytest.raises(EmbeddingFunctionError, match=r"'length'.*'default'"):
        client.get_collection("abc", embedding_function=DefaultEmbeddingFunction())
    client.create_collection("default")
    stored = client.get_collection("default").configuration_json["embedding_function"]
    assert (stored["type"], stored["name"]) == ("known", "default")
    client.get_collection("default", embedding_function=DefaultEmbeddingFunction())
    client.get_collection("default", embedding_function=ONNXMiniLM_L6_V2())
    with pytest.raises(EmbeddingFunctionError, match=r"'default'.*'length'"):
        client.get_collection("default", embedding_function=Length(1))


def test_the_same_function_with_another_configuration_is_taken(client: Client) -> None:
    client.create_collection("abc", embedding_function=Length(1))
    client.get_collection("abc", embedding_function=Length(2)).add(ids="a", documents="word")
    assert vector(client.get_collection("abc"), "a") == [4, 2]


def test_no_function_means_no_function(client: Client, own_registry: None) -> None:
    client.create_collection("abc", embedding_function=Length(1))
    client.create_collection("none", embedding_function=None)
    for collection in (
        client.get_collection("abc", embedding_function=None),
        client.create_collection("fresh", embedding_function=None),
    ):
        with pytest.raises(EmbeddingFunctionError, match="opened with embedding_function=None") as error:
            collection.add(ids="a", documents="word")
        assert isinstance(error.value, ValueError)
        with pytest.raises(EmbeddingFunctionError, match="Pass the embeddings yourself"):
            collection.query(query_texts="word")
        collection.add(ids="a", documents="word", embeddings=[1, 2])
        assert collection.count() == 1


def test_a_collection_that_stores_no_function_takes_any(client: Client) -> None:
    client.create_collection("abc", embedding_function=None)
    client.get_collection("abc", embedding_function=Length(3)).add(ids="a", documents="word")
    assert vector(client.get_collection("abc"), "a") == [4, 3]


def test_a_function_without_a_name_must_be_given_again(client: Client) -> None:
    client.create_collection("abc", embedding_function=Legacy()).add(ids="a", documents="word")
    stored = client.get_collection("abc").configuration_json["embedding_function"]
    assert stored["type"] == "legacy"
    assert "Legacy" in stored["class"]
    with pytest.raises(EmbeddingFunctionError, match=r"Legacy.*embedding_function="):
        client.get_collection("abc").query(query_texts="word")
    again = client.get_collection("abc", embedding_function=Legacy())
    assert again.query(query_texts="four")["distances"] == [[0.0]]
    plain = client.create_collection("plain", embedding_function=lambda texts: [[1.0] for _ in texts])
    plain.add(ids="a", documents="x")
    assert plain.count() == 1


@pytest.mark.parametrize("function", ["text", 5, {"type": "known"}, object()])
def test_a_function_must_be_callable(client: Client, function: Any) -> None:
    with pytest.raises(EmbeddingFunctionError, match="to be callable"):
        client.create_collection("abc", embedding_function=function)
    with pytest.raises(EmbeddingFunctionError, match="to be callable"):
        client.create_collection("abc", configuration={"embedding_function": function})
    assert client.count_collections() == 0
    client.create_collection("abc", embedding_function=None)
    with pytest.raises(EmbeddingFunctionError, match="to be callable"):
        client.get_collection("abc", embedding_function=function)


def test_the_space_that_a_function_asks_for(client: Client) -> None:
    assert client.create_collection("a-1", embedding_function=Cosine(1)).configuration_json["hnsw"]["space"] == "cosine"
    chosen = client.create_collection("a-2", embedding_function=Cosine(1), metadata={"hnsw:space": "ip"})
    assert chosen.configuration_json["hnsw"]["space"] == "ip"


def test_a_function_that_fails_writes_nothing(client: Client) -> None:
    class Failing(Length):
        def __call__(self, input: Any) -> Any:
            raise ZeroDivisionError("mine")

    class Short(Length):
        def __call__(self, input: Any) -> Any:
            return [[1.0, 2.0]]

    class NotANumber(Length):
        def __call__(self, input: Any) -> Any:
            return [[float("nan"), 1.0] for _ in input]

    for number, (function, error) in enumerate(
        ((Failing(1), ZeroDivisionError), (Short(1), EmbeddingFunctionError), (NotANumber(1), EmbeddingFunctionError))
    ):
        collection = client.create_collection(f"collection-{number}", embedding_function=function)
        for write in (collection.add, collection.upsert, collection.update):
            with pytest.raises(error):
                write(ids=["a", "b"], documents=["x", "y"])
        with pytest.raises(error):
            collection.query(query_texts=["x", "y"])
        assert collection.count() == 0


def test_a_function_may_be_replaced_by_its_like_only(client: Client, own_registry: None) -> None:
    collection = client.create_collection("abc", embedding_function=Length(1))
    with pytest.raises(EmbeddingFunctionError, match=r"'length'.*'other'"):
        collection.modify(configuration={"embedding_function": Other(1)})
    collection.modify(configuration={"embedding_function": Length(9)})
    stored = client.get_collection("abc").configuration_json["embedding_function"]
    assert stored == {"type": "known", "name": "length", "config": {"constant": 9}}
    client.get_collection("abc").add(ids="a", documents="word")
    assert vector(client.get_collection("abc"), "a") == [4, 9]


PROGRAM = """
import chromadb
from chromadb.utils.embedding_functions import register_embedding_function

class Length(chromadb.EmbeddingFunction):
    def __init__(self, constant):
        self.constant = constant
    def __call__(self, input):
        return [[float(len(text)), self.constant] for text in input]
    @staticmethod
    def name():
        return "length"
    def get_config(self):
        return {{"constant": self.constant}}
    @staticmethod
    def build_from_config(config):
        return Length(config["constant"])

if {register}:
    register_embedding_function(Length)
collection = chromadb.PersistentClient({path!r}).get_collection("abc")
try:
    print(collection.query(query_texts="four")["distances"])
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_stored_function_works_in_another_process(tmp_path: Path, python: Callable[..., str]) -> None:
    path = str(tmp_path / "db")
    with chromadb.PersistentClient(path) as client:
        client.create_collection("abc", embedding_function=Length(7)).add(ids="a", documents="word")
    assert python(PROGRAM.format(register=True, path=path)) == "[[0.0]]\n"
    refusal = python(PROGRAM.format(register=False, path=path))
    assert refusal.startswith("EmbeddingFunctionError")
    assert "'length', which is not registered" in refusal


def test_an_enum_of_strings_does_for_names_and_spaces(client: Client) -> None:
    class Text(str, enum.Enum):
        NAME = "docs"
        SPACE = "cosine"
        KEY = "key"

    client.create_collection(Text.NAME, metadata={Text.KEY: Text.NAME}, configuration={"hnsw": {"space": Text.SPACE}})
    found = client.get_collection("docs")
    assert (found.name, found.metadata) == ("docs", {"key": "docs"})
    assert found.configuration_json["hnsw"]["space"] == "cosine"
