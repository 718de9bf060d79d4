from __future__ import annotations

import enum
import uuid
from typing import Any

import pytest

from chromadb._model.names import (
    check_collection_id,
    check_collection_name,
    check_space_name,
    check_text,
    describe,
    shorten,
)
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError, InvalidUUIDError


@pytest.mark.parametrize("name", ["abc", "123", "a.b", "a_b-c.d", "Abc", "a" * 63, "1.2.3", "1.2.3.4.5", "1.2.3.four"])
def test_a_name_within_the_rules_is_returned_as_it_is(name: str) -> None:
    assert check_collection_name(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "3 to 63 characters long; it has 0; got ''"),
        ("ab", "3 to 63 characters long; it has 2; got 'ab'"),
        ("a" * 64, "3 to 63 characters long; it has 64"),
        ("-ab", "a letter or a digit at both ends; got '-ab'"),
        ("ab-", "a letter or a digit at both ends; got 'ab-'"),
        ("_ab", "at both ends"),
        ("ab_", "at both ends"),
        (".ab", "at both ends"),
        ("ab\n", "letters, digits"),
        ("a b", "letters, digits, '.', '_' and '-'"),
        ("a/b", "letters, digits"),
        ("a+b", "letters, digits"),
        ("añb", "letters, digits"),
        ("a٣b", "letters, digits"),
        ("a\ud800b", "letters, digits"),
        ("a..b", "without two dots in a row; got 'a..b'"),
        ("1.2.3.4", "something else than an IPv4 address; got '1.2.3.4'"),
        ("192.168.001.001", "IPv4"),
    ],
)
def test_a_name_that_breaks_a_rule_is_refused_with_the_rule(name: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        check_collection_name(name)
    assert message in str(error.value)
    assert str(error.value).startswith("Expected the collection name to be ")


@pytest.mark.parametrize("name", [5, None, b"abc", ["abc"], 1.5])
def test_a_name_that_is_no_text_is_a_type_error_too(name: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="collection name to be a str, got") as error:
        check_collection_name(name)
    assert isinstance(error.value, (TypeError, ValueError))
    assert type(name).__name__ in str(error.value)


@pytest.mark.parametrize("kind", ["tenant", "database"])
def test_tenants_and_databases_have_at_least_three_characters(kind: str) -> None:
    assert check_space_name("abc", kind) == "abc"
    assert check_space_name("müller & söhne / " + "x" * 200, kind)
    with pytest.raises(InvalidArgumentError, match=f"the {kind} name to have at least 3 characters, got 'ab'"):
        check_space_name("ab", kind)
    with pytest.raises(InvalidArgumentTypeError, match=f"the {kind} name to be a str, got 7 \\(int\\)"):
        check_space_name(7, kind)
    with pytest.raises(InvalidArgumentError, match=f"the {kind} name to be valid Unicode text"):
        check_space_name("abc\udcff", kind)


def test_a_collection_id_is_a_uuid_or_its_text() -> None:
    value = uuid.uuid4()
    assert check_collection_id(value) is value
    assert check_collection_id(str(value)) == value
    assert check_collection_id(value.hex) == value


@pytest.mark.parametrize("value", ["", "abc", 5, None, b"x", ["x"]])
def test_something_else_than_a_uuid_is_refused(value: Any) -> None:
    with pytest.raises(InvalidUUIDError, match="collection id to be a UUID, got") as error:
        check_collection_id(value)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize("text", ["", "plain", "naïve", "\0", "😀", "\uffff", "\u0301", "日本語"])
def test_unicode_text_is_kept(text: str) -> None:
    assert check_text(text, "x") == text


@pytest.mark.parametrize(("text", "position"), [("\ud800", 0), ("ab\udfff", 2), ("é\udc80c", 1)])
def test_a_lone_surrogate_is_refused_with_its_place_and_the_way_out(text: str, position: int) -> None:
    with pytest.raises(InvalidArgumentError, match=r"documents.3. to be valid Unicode text") as error:
        check_text(text, "documents[3]")
    assert f"at position {position}" in str(error.value)
    assert "encode('utf-8', 'replace')" in str(error.value)


def test_values_in_messages_are_cut() -> None:
    assert shorten("a" * 1000) == "'" + "a" * 78 + "…"
    assert shorten(list(range(1000))) == "[0, 1, 2, 3, 4, 5, 6, 7, ...]"
    assert len(shorten({"k" * 200: 1})) == 80
    assert shorten("short") == "'short'"
    assert len(shorten("x" * 1000, 200)) == 200


def test_values_in_messages_carry_their_type() -> None:
    assert describe(5) == "5 (int)"
    assert describe("5") == "'5' (str)"
    assert describe(None) == "None (NoneType)"


def test_a_number_of_many_digits_can_be_shown() -> None:
    # Python refuses to write out ints of more than 4300 digits.
    assert shorten(10**5000)


def test_an_enum_of_strings_is_a_name() -> None:
    class Name(str, enum.Enum):
        DOCS = "docs"

    assert check_collection_name(Name.DOCS) == "docs"
