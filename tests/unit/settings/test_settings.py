from __future__ import annotations

import copy
import enum
import os
import pickle
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

import chromadb.config
from chromadb._settings.sources import REMOVED_AUTH_SETTINGS
from chromadb._settings.table import SETTINGS
from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings
from chromadb.errors import ChromaError, InvalidArgumentError

ROOT = Path(__file__).parents[3]
SECRET = "s3cr3t-v4lue"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.lower() in SETTINGS or name.lower() in REMOVED_AUTH_SETTINGS:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write_dotenv(text: str) -> None:
    Path(".env").write_text(text, encoding="utf-8")


# --- where a value comes from ---------------------------------------------------------------------


def test_without_anything_given_every_setting_has_its_default() -> None:
    settings = Settings()
    assert settings.model_dump() == {name: field.default for name, field in SETTINGS.items()}
    assert settings.is_persistent is False
    assert settings.persist_directory == "./chroma"
    assert settings.chroma_server_http_port is None
    assert settings.chroma_synchronous == "full"
    assert settings.chroma_busy_timeout_seconds == 30.0
    assert settings.chroma_max_open_collections == 256
    assert settings.chroma_server_auth_ignore_paths["/api/v2/heartbeat"] == ["GET"]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_default_is_an_allowed_value_of_its_field(name: str) -> None:
    field = SETTINGS[name]
    converted = field.convert(field.default, "test")
    assert converted == field.default
    assert type(converted) is type(field.default)


def test_argument_wins_over_environment_over_dotenv_over_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().persist_directory == "./chroma"
    write_dotenv("PERSIST_DIRECTORY=from-dotenv\nALLOW_RESET=true\n")
    assert Settings().persist_directory == "from-dotenv"
    monkeypatch.setenv("PERSIST_DIRECTORY", "from-environment")
    assert Settings().persist_directory == "from-environment"
    assert Settings(persist_directory="from-argument").persist_directory == "from-argument"
    assert Settings().allow_reset is True


@pytest.mark.parametrize("name", ["CHROMA_SERVER_HOST", "chroma_server_host", "Chroma_Server_Host"])
def test_names_in_the_environment_are_matched_in_any_case(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "example.org")
    assert Settings().chroma_server_host == "example.org"


@pytest.mark.skipif(sys.platform == "win32", reason="names of the environment have no case there")
def test_upper_case_name_wins_over_lower_case_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("chroma_server_host", "lower")
    monkeypatch.setenv("CHROMA_SERVER_HOST", "upper")
    assert Settings().chroma_server_host == "upper"


def test_empty_environment_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_SERVER_HTTP_PORT", "")
    monkeypatch.setenv("PERSIST_DIRECTORY", "")
    monkeypatch.setenv("CHROMA_SERVER_AUTH_PROVIDER", "")
    write_dotenv("PERSIST_DIRECTORY=from-dotenv\nCHROMA_SERVER_HOST=\nIS_PERSISTENT\n")
    settings = Settings()
    assert settings.chroma_server_http_port is None
    assert settings.chroma_server_host is None
    assert settings.is_persistent is False
    assert settings.persist_directory == "from-dotenv"


def test_empty_string_as_argument_stands_for_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_CLIENT_AUTH_CREDENTIALS", SECRET)
    settings = Settings(chroma_client_auth_credentials="", persist_directory="", chroma_server_http_port="")
    assert settings.chroma_client_auth_credentials is None
    assert settings.persist_directory == "./chroma"
    assert settings.chroma_server_http_port is None


def test_foreign_names_in_environment_and_dotenv_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_AUTH_TOKEN", SECRET)
    monkeypatch.setenv("CHROMA_API_KEY", SECRET)
    write_dotenv("# a comment\nOPENAI_API_KEY=x\nDATABASE_URL='postgres://a'\nexport ALLOW_RESET=TRUE\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Settings() == Settings(allow_reset=True)


def test_dotenv_is_read_in_the_working_directory_of_the_moment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_dotenv("ALLOW_RESET=true\n")
    assert Settings().allow_reset is True
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert Settings().allow_reset is False


def test_dotenv_with_byte_order_mark_is_read() -> None:
    Path(".env").write_bytes(b"\xef\xbb\xbfALLOW_RESET=true\n")
    assert Settings().allow_reset is True


def test_virtual_environment_called_dotenv_is_no_trouble() -> None:
    Path(".env").mkdir()
    assert Settings() == Settings()


def test_dotenv_that_is_not_text_is_refused() -> None:
    Path(".env").write_bytes(b"ALLOW_RESET=\xff\xfe")
    with pytest.raises(InvalidArgumentError, match=r"\.env in the working directory .* cannot be read"):
        Settings()


# --- conversion -----------------------------------------------------------------------------------

CONVERSIONS: list[tuple[str, str, Any]] = [
    ("is_persistent", "TRUE", True),
    ("is_persistent", "1", True),
    ("is_persistent", "yes", True),
    ("is_persistent", "On", True),
    ("anonymized_telemetry", "False", False),
    ("anonymized_telemetry", "0", False),
    ("anonymized_telemetry", "no", False),
    ("anonymized_telemetry", "off", False),
    ("chroma_server_http_port", "8000", 8000),
    ("chroma_server_http_port", " 8000 ", 8000),
    ("chroma_busy_timeout_seconds", "2.5", 2.5),
    ("chroma_busy_timeout_seconds", "5", 5.0),
    ("chroma_synchronous", "NORMAL", "normal"),
    ("chroma_auth_token_transport_header", "AUTHORIZATION", "Authorization"),
    ("chroma_auth_token_transport_header", "x-chroma-token", "X-Chroma-Token"),
    ("chroma_server_ssl_verify", "false", False),
    ("chroma_server_ssl_verify", "True", True),
    ("chroma_server_ssl_verify", "/etc/ca.pem", "/etc/ca.pem"),
    ("chroma_client_auth_credentials", "null", "null"),
    ("chroma_client_auth_credentials", "12345", "12345"),
    ("chroma_client_auth_credentials", " spaces kept ", " spaces kept "),
    ("chroma_server_cors_allow_origins", '["http://a.b", "*"]', ["http://a.b", "*"]),
    ("chroma_server_headers", '{"X-A": "b"}', {"X-A": "b"}),
    ("chroma_otel_collection_headers", "{}", {}),
    ("chroma_server_auth_ignore_paths", '{"/x": ["GET", "POST"]}', {"/x": ["GET", "POST"]}),
]


@pytest.mark.parametrize(("name", "text", "value"), CONVERSIONS)
def test_text_becomes_the_type_of_the_setting_from_every_source(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: Any
) -> None:
    from_argument = Settings(**{name: text})
    assigned = Settings()
    setattr(assigned, name, text)
    monkeypatch.setenv(name.upper(), text)
    for settings in (from_argument, assigned, Settings()):
        assert getattr(settings, name) == value
        assert type(getattr(settings, name)) is type(value)


def test_dotenv_values_are_converted_too() -> None:
    write_dotenv("CHROMA_SERVER_HTTP_PORT=9000\nCHROMA_SERVER_CORS_ALLOW_ORIGINS='[\"*\"]'\n")
    assert Settings().chroma_server_http_port == 9000
    assert Settings().chroma_server_cors_allow_origins == ["*"]


class Transport(str, enum.Enum):
    X_CHROMA_TOKEN = "X-Chroma-Token"


def test_arguments_may_be_paths_enumerations_tuples_and_whole_numbers(tmp_path: Path) -> None:
    settings = Settings(
        persist_directory=tmp_path,
        chroma_auth_token_transport_header=Transport.X_CHROMA_TOKEN,
        chroma_server_cors_allow_origins=("a", "b"),
        chroma_busy_timeout_seconds=7,
    )
    assert settings.persist_directory == str(tmp_path)
    assert type(settings.chroma_auth_token_transport_header) is str
    assert settings.chroma_auth_token_transport_header == "X-Chroma-Token"
    assert settings.chroma_server_cors_allow_origins == ["a", "b"]
    assert settings.chroma_busy_timeout_seconds == 7.0


# --- bad values -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("chroma_server_http_port", "abc", r"an integer \(at least 0, at most 65535\) or None"),
        ("chroma_server_http_port", 65536, "at most 65535"),
        ("chroma_server_http_port", -1, "at least 0"),
        ("chroma_server_http_port", True, "an integer"),
        ("chroma_server_http_port", 80.5, "an integer"),
        ("chroma_max_open_collections", 0, r"an integer \(at least 1\)"),
        ("chroma_max_open_collections", "-5", "at least 1"),
        ("chroma_memory_limit_bytes", -1, "at least 0"),
        ("chroma_busy_timeout_seconds", 0, r"a number \(above 0, at most 86400\)"),
        ("chroma_busy_timeout_seconds", -1.0, "above 0"),
        ("chroma_busy_timeout_seconds", float("nan"), "above 0"),
        ("chroma_busy_timeout_seconds", "nan", "above 0"),
        ("chroma_busy_timeout_seconds", float("inf"), "at most 86400"),
        ("chroma_synchronous", "off", '"full" or "normal"'),
        ("migrations", "later", '"none", "validate" or "apply"'),
        ("is_persistent", "maybe", "true or false"),
        ("is_persistent", 2, "true or false"),
        ("is_persistent", None, "true or false"),
        ("persist_directory", 5, "a string"),
        ("persist_directory", None, "a string"),
        ("persist_directory", b"x", "a string"),
        ("chroma_server_cors_allow_origins", "*", "a list of strings.*JSON"),
        ("chroma_server_cors_allow_origins", [1], "a list of strings"),
        ("chroma_server_cors_allow_origins", '"\ud800"', "a list of strings"),
        ("chroma_server_auth_ignore_paths", {"/x": "GET"}, "lists of strings.*JSON"),
        ("chroma_server_ssl_verify", 1.5, "true, false, a string or None"),
    ],
)
def test_bad_value_is_refused_with_name_value_source_and_what_is_allowed(name: str, value: Any, allowed: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"setting {name} to be .*{allowed}") as caught:
        Settings(**{name: value})
    assert repr(value) in str(caught.value)
    assert "(argument)" in str(caught.value)
    assert isinstance(caught.value, ValueError)
    settings = Settings()
    with pytest.raises(InvalidArgumentError, match=r"\(assignment\)"):
        setattr(settings, name, value)
    assert settings == Settings()


def test_bad_value_names_the_environment_variable_or_the_dotenv_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write_dotenv("Allow_Reset=perhaps\n")
    with pytest.raises(InvalidArgumentError, match=r"'perhaps' \(\.env file, Allow_Reset\)"):
        Settings()
    monkeypatch.setenv("ALLOW_RESET", "surely")
    with pytest.raises(InvalidArgumentError, match=r"'surely' \(environment variable ALLOW_RESET\)"):
        Settings()
    assert Settings(allow_reset=True).allow_reset is True


def test_long_bad_value_is_shortened_in_the_message() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        Settings(migrations="x" * 10_000)
    assert len(str(caught.value)) < 400


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("chroma_client_auth_credentials", [SECRET]),
        ("chroma_server_authn_credentials", {SECRET: 1}),
        ("chroma_server_authz_config", [SECRET]),
        ("chroma_auth_token_transport_header", SECRET),
        ("chroma_server_headers", SECRET),
        ("chroma_server_headers", f'{{"Authorization": "{SECRET}"'),
        ("chroma_otel_collection_headers", {"x-api-key": [SECRET]}),
    ],
)
def test_secret_values_are_never_shown_in_errors(name: str, bad: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=f"{name} .*not shown") as caught:
        Settings(**{name: bad})
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_repr_shows_what_differs_from_the_defaults_and_masks_secrets() -> None:
    assert repr(Settings()) == "Settings()"
    settings = Settings(
        is_persistent=True,
        allow_reset=False,
        chroma_client_auth_credentials=SECRET,
        chroma_server_headers={"Authorization": SECRET},
        chroma_server_authz_config=SECRET,
    )
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert repr(settings) == (
        "Settings(is_persistent=True, chroma_server_headers=***, chroma_client_auth_credentials=***, "
        "chroma_server_authz_config=***)"
    )


def test_every_field_that_carries_a_secret_is_masked() -> None:
    assert {name for name, field in SETTINGS.items() if field.secret} >= {
        "chroma_client_auth_credentials",
        "chroma_server_authn_credentials",
        "chroma_server_authn_credentials_file",
        "chroma_server_authz_config",
        "chroma_server_headers",
        "chroma_otel_collection_headers",
    }


# --- names that are no settings -------------------------------------------------------------------


def test_unknown_argument_warns_with_the_closest_name_and_has_no_effect() -> None:
    with pytest.warns(UserWarning, match="no setting persist_dir.*no effect.*persist_directory") as caught:
        settings = Settings(persist_dir="./x")
    assert caught[0].filename == __file__
    assert settings == Settings()
    assert not hasattr(settings, "persist_dir")
    with pytest.warns(UserWarning, match="no setting zzz: it has no effect.$"):
        Settings(zzz=1)


def test_unknown_attribute_warns_and_is_kept_aside() -> None:
    settings = Settings()
    with pytest.warns(UserWarning, match="no setting allow_rest.*allow_reset") as caught:
        settings.allow_rest = True
    assert caught[0].filename == __file__
    assert vars(settings)["allow_rest"] is True
    assert settings == Settings()
    assert "allow_rest" not in settings.model_dump()


@pytest.mark.parametrize("name", REMOVED_AUTH_SETTINGS)
def test_former_authentication_settings_are_refused_from_every_source(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    new_name = next(word for word in REMOVED_AUTH_SETTINGS[name].split() if word.strip(",").startswith("chroma_"))
    assert new_name.strip(",") in SETTINGS
    with pytest.raises(InvalidArgumentError, match=rf"{name} \(argument\).*{new_name}") as caught:
        Settings(**{name: SECRET})
    assert SECRET not in str(caught.value)
    with pytest.raises(InvalidArgumentError, match=rf"{name} \(assignment\).*{new_name}"):
        setattr(Settings(), name, SECRET)
    write_dotenv(f"{name.upper()}={SECRET}\n")
    with pytest.raises(InvalidArgumentError, match=rf"\(\.env file, {name.upper()}\).*{new_name}"):
        Settings()
    write_dotenv("")
    monkeypatch.setenv(name.upper(), SECRET)
    with pytest.raises(InvalidArgumentError, match=rf"environment variable {name.upper()}.*{new_name}") as caught:
        Settings()
    assert SECRET not in str(caught.value)


def test_mistyped_authentication_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgumentError, match="Did you mean chroma_client_auth_credentials"):
        Settings(chroma_client_auth_credential=SECRET)
    monkeypatch.setenv("CHROMA_SERVER_AUTHN_PROVIDR", "x")
    with pytest.raises(InvalidArgumentError, match="Did you mean chroma_server_authn_provider"):
        Settings()


def test_former_authentication_setting_without_a_value_only_warns() -> None:
    with pytest.warns(UserWarning, match="no setting chroma_server_auth_provider"):
        assert Settings(chroma_server_auth_provider=None) == Settings()


@pytest.mark.parametrize("value", ["duckdb+parquet", "duckdb", "clickhouse", "DuckDB+Parquet"])
def test_storage_of_before_0_4_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    with pytest.raises(ValueError, match=r"before 0\.4.*PersistentClient.*chroma-migrate") as caught:
        Settings(chroma_db_impl=value, persist_directory="x")
    assert isinstance(caught.value, InvalidArgumentError)
    settings = Settings()
    with pytest.raises(ChromaError, match=r"before 0\.4"):
        settings.chroma_db_impl = value
    assert settings.chroma_db_impl is None
    monkeypatch.setenv("CHROMA_DB_IMPL", value)
    with pytest.raises(InvalidArgumentError, match="environment variable CHROMA_DB_IMPL"):
        Settings()


# --- as an object ---------------------------------------------------------------------------------


def test_settings_are_read_by_attribute_subscript_and_require() -> None:
    settings = Settings(chroma_server_host="h")
    assert settings.chroma_server_host == settings["chroma_server_host"] == "h"
    assert settings.require("chroma_server_host") == "h"
    assert settings.require("is_persistent") is False
    with pytest.raises(ValueError, match=r"chroma_server_http_port .*CHROMA_SERVER_HTTP_PORT"):
        settings.require("chroma_server_http_port")
    with pytest.raises(InvalidArgumentError, match=r"no setting 'allow_rest'.*allow_reset"):
        settings["allow_rest"]
    with pytest.raises(InvalidArgumentError, match="no setting 'model_dump'"):
        settings.require("model_dump")


def test_sequence_of_mem0() -> None:
    settings = Settings(anonymized_telemetry=False)
    settings.chroma_api_impl = "chromadb.api.fastapi.FastAPI"
    settings.chroma_server_host = "localhost"
    settings.chroma_server_http_port = "8000"  # type: ignore[assignment]
    settings.persist_directory = "db"
    settings.is_persistent = True
    assert settings == Settings(
        anonymized_telemetry=False,
        chroma_api_impl="chromadb.api.fastapi.FastAPI",
        chroma_server_host="localhost",
        chroma_server_http_port=8000,
        persist_directory="db",
        is_persistent=True,
    )


def test_calls_of_crewai_and_semantic_kernel_pass_without_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Settings(persist_directory="./d", allow_reset=True, is_persistent=True, anonymized_telemetry=False)
        Settings(is_persistent=True, persist_directory="./d")


def test_settings_are_equal_by_value_and_have_no_hash() -> None:
    assert Settings(chroma_server_http_port="1") == Settings(chroma_server_http_port=1)
    assert Settings(allow_reset=True) != Settings()
    assert Settings() != "Settings()"
    with pytest.raises(TypeError):
        hash(Settings())


def test_copies_are_equal_and_share_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(chroma_server_cors_allow_origins=["a"], allow_reset=True)
    copies = [
        settings.copy(),
        settings.model_copy(),
        copy.deepcopy(settings),
        pickle.loads(pickle.dumps(settings)),
        Settings(**settings.model_dump()),
    ]
    for other in copies:
        assert type(other) is Settings
        assert other == settings
        other.chroma_server_cors_allow_origins.append("b")
        other.allow_reset = False
    assert settings.chroma_server_cors_allow_origins == ["a"]
    assert settings.allow_reset is True
    monkeypatch.setenv("PERSIST_DIRECTORY", "elsewhere")
    assert settings.copy().persist_directory == "./chroma"


def test_copy_with_update_checks_the_changes() -> None:
    settings = Settings()
    assert settings.model_copy(update={"chroma_server_http_port": "80"}).chroma_server_http_port == 80
    assert settings.chroma_server_http_port is None
    with pytest.raises(InvalidArgumentError, match="chroma_server_http_port"):
        settings.model_copy(update={"chroma_server_http_port": "x"})
    with pytest.warns(UserWarning, match="no setting port"):
        settings.copy(update={"port": 1})


def test_dump_is_a_plain_dictionary_of_its_own() -> None:
    settings = Settings()
    dumped = settings.model_dump()
    assert type(dumped) is dict
    assert dumped == settings.dict()
    assert list(dumped) == list(SETTINGS)
    dumped["chroma_server_auth_ignore_paths"].clear()
    dumped["chroma_server_cors_allow_origins"].append("*")
    assert settings == Settings()


def test_changing_a_list_in_place_leaves_the_defaults_of_others_alone() -> None:
    Settings().chroma_server_cors_allow_origins.append("*")
    Settings().chroma_server_auth_ignore_paths["/api/v2"].append("POST")
    assert Settings().chroma_server_cors_allow_origins == []
    assert Settings().chroma_server_auth_ignore_paths["/api/v2"] == ["GET"]


def test_setting_cannot_be_deleted() -> None:
    settings = Settings()
    with pytest.raises(AttributeError, match="allow_reset"):
        del settings.allow_reset
    assert settings.allow_reset is False


# --- the module and the documentation -------------------------------------------------------------


def test_facade_offers_settings_and_the_default_names() -> None:
    assert (DEFAULT_TENANT, DEFAULT_DATABASE) == ("default_tenant", "default_database")
    assert chromadb.config.Settings is Settings


def test_module_imports_nothing_heavy_and_dotenv_only_for_a_file() -> None:
    program = """
import sys, types
package = types.ModuleType("chromadb")
package.__path__ = [sys.argv[1]]
sys.modules["chromadb"] = package
import chromadb.config
chromadb.config.Settings()
third_party = {"pydantic", "numpy", "httpx", "yaml", "onnxruntime", "faiss", "apsw", "dotenv"}
assert not third_party & set(sys.modules), third_party & set(sys.modules)
open(".env", "w").write("ALLOW_RESET=1")
assert chromadb.config.Settings().allow_reset and "dotenv" in sys.modules
"""
    package = str(ROOT / "src" / "chromadb")
    subprocess.run([sys.executable, "-c", program, package], check=True)


def test_documentation_lists_every_setting_with_its_default() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_settings_docs.py"))
    document = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in SETTINGS.items():
        assert document.count(script["row"](field)) == 1, f"run scripts/write_settings_docs.py: {name}"
    assert script["render"](document) == document


def test_documentation_names_every_former_authentication_setting() -> None:
    document = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name in REMOVED_AUTH_SETTINGS:
        assert f"`{name}`" in document
