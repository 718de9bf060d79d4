from __future__ import annotations

import enum
import math
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from chromadb._model.configuration import (
    Configuration,
    HnswConfiguration,
    hnsw_from_dict,
    parse_configuration,
    update_configuration,
)
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

DEFAULTS = {
    "space": "l2",
    "ef_construction": 100,
    "ef_search": 100,
    "max_neighbors": 16,
    "resize_factor": 1.2,
    "sync_threshold": 1000,
}
EVERYTHING = {
    "space": "ip",
    "ef_construction": 50,
    "ef_search": 60,
    "max_neighbors": 8,
    "num_threads": 3,
    "batch_size": 10,
    "sync_threshold": 500,
    "resize_factor": 1.5,
}


def test_the_defaults() -> None:
    assert parse_configuration(None, None) == HnswConfiguration()
    assert parse_configuration({"note": "x"}, {}) == HnswConfiguration()
    assert HnswConfiguration().to_dict() == DEFAULTS
    shown = Configuration().to_dict()
    assert shown == {"hnsw": DEFAULTS, "spann": None, "embedding_function": None}


def test_what_is_set_is_shown() -> None:
    assert HnswConfiguration(**EVERYTHING).to_dict() == EVERYTHING
    function = {"type": "known", "name": "x", "config": {}}
    assert Configuration(HnswConfiguration(), function).to_dict()["embedding_function"] == function


@pytest.mark.parametrize(
    "metadata",
    [
        {
            "hnsw:space": "ip",
            "hnsw:construction_ef": 50,
            "hnsw:search_ef": 60,
            "hnsw:M": 8,
            "hnsw:num_threads": 3,
            "hnsw:batch_size": 10,
            "hnsw:sync_threshold": 500,
            "hnsw:resize_factor": 1.5,
            "other": "x",
        },
        {
            "hnsw:ef_construction": 50,
            "hnsw:ef_search": 60,
            **{
                f"hnsw:{key}": EVERYTHING[key]
                for key in ("space", "num_threads", "batch_size", "sync_threshold", "resize_factor")
            },
            "hnsw:M": 8,
        },
    ],
)
def test_parameters_in_the_metadata(metadata: dict[str, Any]) -> None:
    assert parse_configuration(metadata, None) == HnswConfiguration(**EVERYTHING)


@pytest.mark.parametrize(
    "configuration",
    [
        {"hnsw": EVERYTHING},
        {"hnsw_configuration": EVERYTHING},
        {"hnsw": {**EVERYTHING, "max_neighbors": 8}, "spann": None, "embedding_function": None},
        MappingProxyType({"hnsw": MappingProxyType(EVERYTHING)}),
    ],
)
def test_parameters_in_the_configuration(configuration: Any) -> None:
    assert parse_configuration(None, configuration) == HnswConfiguration(**EVERYTHING)


def test_older_names_in_the_configuration() -> None:
    parsed = parse_configuration(None, {"hnsw": {"M": 8, "construction_ef": 50, "search_ef": 60}})
    assert parsed == HnswConfiguration(max_neighbors=8, ef_construction=50, ef_search=60)


@pytest.mark.parametrize("configuration", [{}, {"hnsw": {}}, {"hnsw": None}, {"hnsw": {"ef_search": None}}])
def test_nothing_asked_for_is_the_default(configuration: Any) -> None:
    assert parse_configuration(None, configuration) == HnswConfiguration()


def test_metadata_and_configuration_add_up_and_must_agree() -> None:
    both = parse_configuration({"hnsw:space": "cosine"}, {"hnsw": {"ef_search": 77}})
    assert (both.space, both.ef_search) == ("cosine", 77)
    assert parse_configuration({"hnsw:space": "ip"}, {"hnsw": {"space": "ip"}}).space == "ip"
    with pytest.raises(InvalidArgumentError, match="one value of space, got 'cosine' in the metadata and 'ip' in the"):
        parse_configuration({"hnsw:space": "cosine"}, {"hnsw": {"space": "ip"}})


def test_the_space_of_an_embedding_function_is_the_last_resort() -> None:
    assert parse_configuration(None, None, "cosine").space == "cosine"
    assert parse_configuration({"hnsw:space": "ip"}, None, "cosine").space == "ip"
    assert parse_configuration(None, {"hnsw": {"space": "l2"}}, "cosine").space == "l2"
    with pytest.raises(InvalidArgumentError, match="the default space to be one of l2, ip, cosine; got 'hamming'"):
        parse_configuration(None, None, "hamming")


def test_spann_gives_the_parameters_that_exist_here() -> None:
    spann = {"space": "cosine", "ef_construction": 50, "ef_search": 60, "max_neighbors": 8, "write_nprobe": 32}
    parsed = parse_configuration(None, {"spann": spann})
    assert parsed == HnswConfiguration(space="cosine", ef_construction=50, ef_search=60, max_neighbors=8)


BAD: list[tuple[str, Any, str]] = [
    ("space", "foo", "one of l2, ip, cosine; got 'foo' (str)"),
    ("space", "L2", "got 'L2' (str)"),
    ("space", 5, "got 5 (int)"),
    ("max_neighbors", 1, "an int from 2 to 512, got 1 (int)"),
    ("max_neighbors", 0, "got 0 (int)"),
    ("max_neighbors", 513, "got 513 (int)"),
    ("max_neighbors", "x", "got 'x' (str)"),
    ("max_neighbors", 1.5, "got 1.5 (float)"),
    ("max_neighbors", True, "got True (bool)"),
    ("ef_construction", 0, "an int from 1 to 100000, got 0 (int)"),
    ("ef_construction", 100_001, "got 100001 (int)"),
    ("ef_search", 0, "an int from 1 to 1000000, got 0 (int)"),
    ("ef_search", -1, "got -1 (int)"),
    ("ef_search", "x", "got 'x' (str)"),
    ("ef_search", 2.0, "got 2.0 (float)"),
    ("num_threads", -1, "got -1 (int)"),
    ("num_threads", 1025, "got 1025 (int)"),
    ("batch_size", 0, "got 0 (int)"),
    ("sync_threshold", 0, "got 0 (int)"),
    ("sync_threshold", 2**40, "got 1099511627776 (int)"),
    ("resize_factor", 0, "a float above 0, got 0 (int)"),
    ("resize_factor", -1.0, "got -1.0 (float)"),
    ("resize_factor", True, "got True (bool)"),
    ("resize_factor", "1.2", "got '1.2' (str)"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_a_bad_value_in_the_configuration(name: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        parse_configuration(None, {"hnsw": {name: value}})
    assert f"Expected configuration['hnsw']['{name}'] to be " in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize(("name", "value", "message"), BAD)
def test_a_bad_value_in_the_metadata(name: str, value: Any, message: str) -> None:
    key = "hnsw:M" if name == "max_neighbors" else f"hnsw:{name}"
    with pytest.raises(InvalidArgumentError) as error:
        parse_configuration({key: value}, None)
    assert f"Expected metadata['{key}'] to be " in str(error.value)
    assert message in str(error.value)


@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_a_factor_that_is_not_finite_is_refused(factor: float) -> None:
    with pytest.raises(InvalidArgumentError, match="resize_factor"):
        parse_configuration(None, {"hnsw": {"resize_factor": factor}})


def test_a_bad_value_of_spann() -> None:
    with pytest.raises(InvalidArgumentError, match=r"configuration\['spann'\]\['space'\] to be one of l2, ip, cosine"):
        parse_configuration(None, {"spann": {"space": "foo"}})
    with pytest.raises(InvalidArgumentTypeError, match=r"configuration\['spann'\] to be a dict, got 'x' \(str\)"):
        parse_configuration(None, {"spann": "x"})


def test_hnsw_and_spann_exclude_each_other() -> None:
    with pytest.raises(InvalidArgumentError, match="either hnsw or spann in the configuration, got both"):
        parse_configuration(None, {"hnsw": {"space": "l2"}, "spann": {"space": "l2"}})


def test_unknown_names_are_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidArgumentError, match=r"prefix 'hnsw:' to be among hnsw:space, .*; got 'hnsw:foo'"):
        parse_configuration({"hnsw:foo": 1}, None)
    with pytest.raises(InvalidArgumentError, match=r"among hnsw, spann, embedding_function; got 'foo'"):
        parse_configuration(None, {"foo": 1})
    with pytest.raises(InvalidArgumentError, match=r"configuration\['hnsw'\] to be among space, .*; got 'foo'"):
        parse_configuration(None, {"hnsw": {"foo": 1}})


@pytest.mark.parametrize("configuration", ["x", 5, ["hnsw"], True])
def test_a_configuration_that_is_no_dict(configuration: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match=r"Expected configuration to be a dict such as .*, got"):
        parse_configuration(None, configuration)
    with pytest.raises(InvalidArgumentTypeError, match=r"configuration\['hnsw'\] to be a dict, got"):
        parse_configuration(None, {"hnsw": configuration})


def test_an_enum_of_strings_names_a_space() -> None:
    class Distance(str, enum.Enum):
        COSINE = "cosine"

    assert parse_configuration(None, {"hnsw": {"space": Distance.COSINE}}).to_dict()["space"] == "cosine"
    assert parse_configuration({"hnsw:space": Distance.COSINE}, None).space == "cosine"


def test_numbers_of_numpy_are_numbers() -> None:
    parsed = parse_configuration(None, {"hnsw": {"ef_search": np.int64(77), "resize_factor": np.float32(1.5)}})
    assert (parsed.ef_search, parsed.resize_factor) == (77, 1.5)


# --- changing it -------------------------------------------------------------------------------------


def test_everything_but_the_space_can_be_changed() -> None:
    current = HnswConfiguration(space="ip")
    changes = {name: value for name, value in EVERYTHING.items() if name != "space"}
    assert update_configuration(current, None, {"hnsw": changes}) == HnswConfiguration(**EVERYTHING)
    assert update_configuration(current, {"hnsw:search_ef": 60, "x": 1}, None).ef_search == 60
    assert update_configuration(current, None, None) == current
    assert update_configuration(current, None, {}) == current


def test_metadata_cannot_change_the_space() -> None:
    with pytest.raises(InvalidArgumentError, match="space of the collection to stay 'l2', got 'cosine'") as error:
        update_configuration(HnswConfiguration(), {"hnsw:space": "cosine"}, None)
    assert isinstance(error.value, ValueError)
    assert 'configuration={"hnsw": {"space": ...}}' in str(error.value)


def test_configuration_can_change_the_space() -> None:
    assert update_configuration(HnswConfiguration(), None, {"hnsw": {"space": "cosine"}}).space == "cosine"


def test_naming_the_same_space_changes_nothing() -> None:
    current = HnswConfiguration(space="cosine")
    assert update_configuration(current, {"hnsw:space": "cosine"}, None) == current


def test_changes_are_checked() -> None:
    with pytest.raises(InvalidArgumentError, match=r"configuration\['hnsw'\]\['ef_search'\]"):
        update_configuration(HnswConfiguration(), None, {"hnsw": {"ef_search": 0}})
    with pytest.raises(InvalidArgumentTypeError, match="configuration to be a dict"):
        update_configuration(HnswConfiguration(), None, "x")


def test_what_was_stored_comes_back() -> None:
    everything = HnswConfiguration(**EVERYTHING)
    assert hnsw_from_dict(everything.to_dict()) == everything
    assert hnsw_from_dict(HnswConfiguration().to_dict()) == HnswConfiguration()
    assert hnsw_from_dict({"space": "ip", "of_a_newer_version": 1}) == HnswConfiguration(space="ip")


def test_zero_threads_are_the_default() -> None:
    assert parse_configuration(None, {"hnsw": {"num_threads": 0}}) == HnswConfiguration()


@pytest.mark.parametrize("quantization", ["binary", "int8", "float16", "float32", "auto"])
def test_quantization_is_set_in_either_place_and_shown_if_it_was_set(quantization: str) -> None:
    parsed = parse_configuration({"hnsw:quantization": quantization}, None)
    assert parsed == parse_configuration(None, {"hnsw": {"quantization": quantization}})
    assert parsed.quantization == quantization
    assert parsed.to_dict().get("quantization", "auto") == quantization
    assert ("quantization" in parsed.to_dict()) == (quantization != "auto")
    assert hnsw_from_dict(parsed.to_dict()) == parsed


@pytest.mark.parametrize("value", ["int4", "", 8, None, True])
def test_an_unknown_quantization_is_refused_with_those_there_are(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="one of auto, binary, int8, float16, float32"):
        parse_configuration({"hnsw:quantization": value}, None)
