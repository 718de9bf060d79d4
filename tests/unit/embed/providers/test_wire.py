"""Every provider's function, with the provider's own client library, against a server that speaks its format."""

from __future__ import annotations

import importlib.util
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wire_formats import FORMATS
from wire_formats.base import DIMENSION, KEY, NO_MODEL, TOO_LONG, Asked, Fault, Provider, WireFormat

import chromadb
from chromadb import errors
from chromadb._embed.table import FUNCTIONS
from chromadb.utils import embedding_functions

ROWS = {row.name: row for row in FUNCTIONS}
TEXTS = ["first", "second, longer", "Drittes: größer", "第四", "fifth"]


def cases(wanted: Callable[[WireFormat], bool] = lambda wire: True) -> list[Any]:
    """Return the formats that a test is about, by name."""
    return [
        pytest.param(wire, id=name, marks=[pytest.mark.heavy] if wire.heavy else [])
        for name, wire in FORMATS.items()
        if wanted(wire)
    ]


every = pytest.mark.parametrize("wire", cases())
with_key = pytest.mark.parametrize("wire", cases(lambda wire: wire.has_key))


def expected(texts: list[str], wire: WireFormat, purpose: str = "document") -> list[list[float]]:
    return [wire.vector(text, purpose if wire.tells_queries else None, DIMENSION) for text in texts]


def plain(vectors: Any) -> list[list[float]]:
    assert all(each.dtype == np.float32 for each in vectors)
    return [each.tolist() for each in vectors]


@every
def test_texts_become_vectors_in_their_order(wire: WireFormat, there: Provider) -> None:
    function = wire.function(there.url)
    assert plain(function(TEXTS)) == expected(TEXTS, wire)
    assert plain(function(texts=TEXTS[:1])) == expected(TEXTS[:1], wire)
    assert function([]) == []


@every
def test_queries_are_told_from_documents_where_the_provider_does(wire: WireFormat, there: Provider) -> None:
    function = wire.function(there.url)
    assert plain(function.embed_query(TEXTS[:2])) == expected(TEXTS[:2], wire, "query")


@every
def test_many_texts_are_sent_in_portions(wire: WireFormat, there: Provider) -> None:
    function = wire.function(there.url, batch_size=2)
    assert plain(function(TEXTS)) == expected(TEXTS, wire)
    assert there.texts() == [TEXTS[:2], TEXTS[2:4], TEXTS[4:]]


@every
def test_by_default_a_request_has_at_most_what_the_provider_documents(wire: WireFormat, there: Provider) -> None:
    function = wire.function(there.url)
    limit = function.provider.inputs
    texts = [f"text {number}" for number in range(limit + 1)]
    assert plain(function(texts)) == expected(texts, wire)
    assert [len(each) for each in there.texts()] == [limit, 1]


@every
def test_a_rate_limit_is_waited_out_for_as_long_as_the_provider_says(
    wire: WireFormat, there: Provider, waits: list[float]
) -> None:
    there.faults = [Fault(429, {"Retry-After": "7"}), Fault(429, {"Retry-After": "2"})]
    assert plain(wire.function(there.url)(TEXTS)) == expected(TEXTS, wire)
    assert waits == [7.0, 2.0]


@every
def test_a_rate_limit_that_does_not_end_is_an_error(wire: WireFormat, there: Provider, waits: list[float]) -> None:
    there.faults = [Fault(429)] * 3
    with pytest.raises(errors.EmbeddingRateLimitError, match="after 3 attempts"):
        wire.function(there.url, max_retries=2)(TEXTS)
    assert len(waits) == 2
    assert len(there.asked) == 3


@every
def test_nobody_waits_for_hours(wire: WireFormat, there: Provider, waits: list[float]) -> None:
    there.faults = [Fault(429, {"Retry-After": "86400"})]
    with pytest.raises(errors.RateLimitError):
        wire.function(there.url)(TEXTS)
    assert waits == []


@every
def test_a_fault_of_the_provider_is_asked_again_with_growing_pauses(
    wire: WireFormat, there: Provider, waits: list[float]
) -> None:
    there.faults = [Fault(500), Fault(502), Fault(503)]
    assert plain(wire.function(there.url)(TEXTS)) == expected(TEXTS, wire)
    assert [0.25 <= waits[0] <= 0.5, 0.5 <= waits[1] <= 1, 1 <= waits[2] <= 2] == [True] * 3


@every
def test_a_provider_that_stays_away_is_an_error_that_names_it(
    wire: WireFormat, there: Provider, waits: list[float]
) -> None:
    there.faults = [Fault(503)] * 2
    function = wire.function(there.url, max_retries=1)
    with pytest.raises(errors.EmbeddingUnavailableError, match=function.provider.title):
        function(TEXTS)


@every
def test_a_slow_provider_is_an_error(wire: WireFormat, there: Provider) -> None:
    there.faults = [Fault(delay=2)]
    with pytest.raises(errors.EmbeddingTimeoutError, match="did not answer in time"):
        wire.function(there.url, timeout=0.2, max_retries=0)(TEXTS)


@every
def test_nobody_there_is_an_error(wire: WireFormat, there: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        for name, value in wire.environment(url).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(errors.EmbeddingUnavailableError, match="network"):
            wire.function(url, max_retries=0)(TEXTS)


@with_key
def test_a_wrong_key_is_an_error_that_does_not_repeat_it(
    wire: WireFormat, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = ROWS[wire.name].key or "SOME_KEY"
    monkeypatch.setenv(variable, "sk-a-wrong-key-987")
    with pytest.raises(errors.EmbeddingAuthenticationError, match=variable) as caught:
        wire.function(there.url)(TEXTS)
    assert "sk-a-wrong-key-987" not in caught.value.message()
    assert len(there.asked) == 1


@pytest.mark.parametrize("wire", cases(lambda wire: wire.has_key and ROWS[wire.name].key is not None))
def test_a_missing_key_is_an_error_that_names_the_variable(
    wire: WireFormat, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = str(ROWS[wire.name].key)
    monkeypatch.delenv(variable)
    with pytest.raises(errors.EmbeddingAuthenticationError, match=variable) as caught:
        wire.function(there.url)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("wire", cases(lambda wire: wire.takes_key))
def test_a_key_that_is_given_is_used_with_a_warning_that_it_is_not_stored(
    wire: WireFormat, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(str(ROWS[wire.name].key), raising=False)
    with pytest.warns(DeprecationWarning, match="not stored"):
        function = wire.function(there.url, api_key=KEY)
    assert plain(function(TEXTS)) == expected(TEXTS, wire)
    assert KEY not in json.dumps(function.get_config())


@pytest.mark.parametrize("wire", cases(lambda wire: wire.model_parameter is not None))
def test_a_model_that_does_not_exist_is_an_error(wire: WireFormat, there: Provider) -> None:
    with pytest.raises(wire.no_model_error, match=NO_MODEL):
        wire.function(there.url, **{str(wire.model_parameter): NO_MODEL})(TEXTS)
    assert len(there.asked) <= 1


@every
def test_a_text_that_is_too_long_is_an_error_that_shows_it(wire: WireFormat, there: Provider) -> None:
    long = "a" * (TOO_LONG + 1)
    with pytest.raises(errors.EmbeddingInputTooLongError, match=rf"The text has {TOO_LONG + 1:,} characters: 'aaaa"):
        wire.function(there.url)(["short", "b" * 10, long])
    assert there.texts() == [["short", "b" * 10, long], ["short"], ["b" * 10, long], ["b" * 10], [long]]


@every
def test_texts_that_are_too_long_together_are_sent_in_smaller_portions(wire: WireFormat, there: Provider) -> None:
    status, body = wire.too_long(Asked("/", {}, {"model": "m", "truncate": False}))
    there.faults = [Fault(status, body=body)] * 2
    assert plain(wire.function(there.url)(TEXTS)) == expected(TEXTS, wire)
    assert there.texts() == [TEXTS, TEXTS[:2], TEXTS[:1], TEXTS[1:2], TEXTS[2:]]


@pytest.mark.parametrize("wire", cases(lambda wire: wire.quota is not None))
def test_a_quota_that_is_used_up_is_an_error_at_once(wire: WireFormat, there: Provider, waits: list[float]) -> None:
    assert wire.quota is not None
    there.faults = [Fault(wire.quota[0], body=wire.quota[1])]
    with pytest.raises(errors.EmbeddingQuotaError, match="used up"):
        wire.function(there.url)(TEXTS)
    assert waits == []


@every
def test_fewer_vectors_than_texts_are_an_error(wire: WireFormat, there: Provider) -> None:
    there.faults = [Fault(fewer=True)]
    with pytest.raises(errors.EmbeddingAnswerError, match="5 vectors"):
        wire.function(there.url)(TEXTS)


@every
@pytest.mark.parametrize("body", [b"<html>Welcome to the portal</html>", {"surprise": 1}, []])
def test_an_answer_in_no_known_form_is_an_error(wire: WireFormat, there: Provider, body: Any) -> None:
    there.faults = [Fault(200, body=body)]
    with pytest.raises(errors.EmbeddingProviderError):
        wire.function(there.url, max_retries=0)(TEXTS)


@every
def test_a_request_that_is_refused_repeats_what_the_provider_says(wire: WireFormat, there: Provider) -> None:
    there.faults = [Fault(400)]
    with pytest.raises(errors.EmbeddingRequestError, match=r"400: .*a fault"):
        wire.function(there.url)(TEXTS)
    assert len(there.asked) == 1


@every
def test_a_configuration_makes_the_same_function_again(wire: WireFormat, there: Provider) -> None:
    function = wire.function(there.url, timeout=12, batch_size=3)
    config = json.loads(json.dumps(function.get_config()))
    again = embedding_functions.config_to_embedding_function({"name": wire.name, "config": config})
    assert type(again) is type(function)
    assert again.get_config() == config
    assert (again.timeout, again.batch_size) == (12, 3)
    assert plain(again(TEXTS)) == expected(TEXTS, wire)
    with pytest.raises(errors.EmbeddingFunctionError, match="surprise"):
        type(function).validate_config({**config, "surprise": 1})
    with pytest.raises(errors.EmbeddingFunctionError, match="timeout"):
        type(function).validate_config({**config, "timeout": "long"})
    if wire.model_parameter:
        with pytest.raises(errors.EmbeddingFunctionError, match="could not be compared"):
            function.validate_config_update(config, {**config, wire.model_parameter: "another"})


@every
def test_a_collection_opened_again_needs_no_function_and_holds_no_secret(
    wire: WireFormat, there: Provider, tmp_path: Path
) -> None:
    with chromadb.PersistentClient(tmp_path) as client:
        collection = client.create_collection("kept", embedding_function=wire.function(there.url))
        assert collection.configuration["hnsw"]["space"] == wire.space
        collection.add(ids=list("abcde"), documents=TEXTS)
    with chromadb.PersistentClient(tmp_path) as client:
        collection = client.get_collection("kept")
        found = collection.get(include=["embeddings"])["embeddings"]
        assert found.tolist() == expected(TEXTS, wire)
        assert collection.query(query_texts=["first"], n_results=1)["ids"] == [[nearest("first", wire)]]
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file


def nearest(query: str, wire: WireFormat) -> str:
    """Return the id of the text that is nearest to a query by angle, or by distance where the space says so."""
    rows = np.array(expected(TEXTS, wire))
    asked = np.array(expected([query], wire, "query")[0])
    if wire.space == "l2":
        return "abcde"[int(np.argmin(np.linalg.norm(rows - asked, axis=1)))]
    return "abcde"[int(np.argmax(rows @ asked / np.linalg.norm(rows, axis=1)))]


# --- the table ------------------------------------------------------------------------------------


def test_every_provider_of_the_table_that_speaks_http_has_a_format() -> None:
    wanted = {row.name for row in FUNCTIONS if row.tests.startswith("tests/unit/embed/providers/test_wire.py")}
    assert wanted == set(FORMATS)
    assert all(row.tests.endswith(f"::{row.name}") for row in FUNCTIONS if row.name in wanted)


@pytest.mark.parametrize("wire", [pytest.param(wire, id=name) for name, wire in FORMATS.items()])
def test_a_missing_library_is_an_error_that_names_the_extra(wire: WireFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ROWS[wire.name]
    about = getattr(embedding_functions, row.class_name).provider
    assert (about.name, about.extra) == (row.name, row.extra)
    if about.package is None:
        assert row.extra is None
        return
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(errors.EmbeddingFunctionError, match=rf"chromadb\[{row.extra}\]"):
        wire.function("http://127.0.0.1:1")
