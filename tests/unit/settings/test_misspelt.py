"""Names in the environment that look like settings and are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from chromadb._settings.misspelt import FOREIGN, remarks_on_environment


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CHROMA_SERVER_HTP_PORT", "CHROMA_SERVER_HTTP_PORT"),
        ("CHROMA_SERVER_HTTP_PROT", "CHROMA_SERVER_HTTP_PORT"),
        ("CHROMA_SERVER_CORS_ALLOWED_ORIGINS", "CHROMA_SERVER_CORS_ALLOW_ORIGINS"),
        ("CHROMA_ALOW_RESET", "ALLOW_RESET"),
        ("CHROMA_PERSIST_DIRECTORY", "PERSIST_DIRECTORY"),
        ("CHROMA_PERSIST_DIRECTRY", "PERSIST_DIRECTORY"),
        ("CHROMA_IS_PERSISTENT", "IS_PERSISTENT"),
        ("CHROMA_ANONYMIZED_TELEMETRY", "ANONYMIZED_TELEMETRY"),
        ("ALOW_RESET", "ALLOW_RESET"),
        ("PERSISTENT_DIRECTORY", "PERSIST_DIRECTORY"),
        ("chroma_server_htp_port", "CHROMA_SERVER_HTTP_PORT"),
    ],
)
def test_a_name_that_is_nearly_a_setting_is_remarked_on(
    clean_environment: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    clean_environment.setenv(name, "1")
    said = f"{name} has no effect: there is no such setting. Did you mean {meant}?"
    assert remarks_on_environment() == [said]


def test_the_file_of_the_working_directory_counts_too(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clean_environment.chdir(tmp_path)
    Path(".env").write_text("CHROMA_ALOW_RESET=1\nDATABASE_URL=x\nALLOW_RESET=true\n")
    assert remarks_on_environment() == [
        "CHROMA_ALOW_RESET (.env) has no effect: there is no such setting. Did you mean ALLOW_RESET?"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, "1") for name in sorted(FOREIGN)),
        *((f"CHROMA_{name}_API_KEY", "key") for name in ("OPENAI", "COHERE", "HUGGINGFACE", "GOOGLE_GENAI", "JINA")),
        ("CHROMA_SERVER_PORT", "tcp://10.0.0.7:8000"),
        ("CHROMA_SERVER_SERVICE_HOST", "10.0.0.7"),
        ("CHROMA_SERVER_HTTP_SERVICE_PORT", "8000"),
        ("CHROMA_SERVICE_PORT_CHROMA_HTTP", "8000"),
        ("CHROMA_SERVER_PORT_8000_TCP_ADDR", "10.0.0.7"),
        ("CHROMA_SERVER_HTTP_PORT", "8000"),
        ("CHROMA_SERVER_HTP_PORT", ""),
        ("PERSIST_DIR", "x"),
        ("ENVIRONMENTS", "x"),
        ("RESET", "x"),
    ],
)
def test_names_of_others_are_left_alone(clean_environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    clean_environment.setenv(name, value)
    assert remarks_on_environment() == []


def test_names_that_have_a_meaning_where_it_is_asked_are_left_alone(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("CHROMA_ALLOW_RESET", "1")
    assert remarks_on_environment(["CHROMA_ALLOW_RESET"]) == []
    assert len(remarks_on_environment()) == 1
