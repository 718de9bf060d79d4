"""What the functions of Google take beside a model and a key."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wire_formats.base import KEY, Fault, Provider

import chromadb
from chromadb import errors
from chromadb.utils import embedding_functions as ef

Run = Callable[[str], Provider]


def limited(delay: str) -> Fault:
    """Return the fault of too many requests with the pause that Google names in the body."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}]
    error = {"code": 429, "message": "You exceeded your current quota", "status": "RESOURCE_EXHAUSTED"}
    return Fault(429, body={"error": {**error, "details": details}})


@pytest.mark.parametrize("name", ["google_gemini", "google_vertex"])
def test_the_pause_that_google_names_in_the_body_is_kept(run: Run, name: str, waits: list[float]) -> None:
    there = run(name)
    there.faults = [limited("17s"), limited("1.5s")]
    assert len(there.wire.function(there.url)(["text"])) == 1
    assert waits == [17.0, 1.5]


@pytest.mark.parametrize("name", ["google_gemini", "google_vertex"])
@pytest.mark.parametrize(
    ("task", "documents", "queries"),
    [
        (None, None, None),
        ("RETRIEVAL_DOCUMENT", "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY"),
        ("CLUSTERING", "CLUSTERING", "CLUSTERING"),
    ],
)
def test_queries_get_the_task_that_goes_with_that_of_documents(
    run: Run, name: str, task: str | None, documents: str | None, queries: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run(name)
    monkeypatch.setattr(type(there.wire), "purpose", lambda self, asked: None)
    function = there.wire.function(there.url, task_type=task)
    function(["text"])
    function.embed_query(["text"])
    sent = [
        asked.body["requests"][0].get("taskType")
        if name == "google_gemini"
        else asked.body["instances"][0].get("task_type")
        for asked in there.asked
    ]
    assert sent == [documents, queries]


@pytest.mark.parametrize("name", ["google_gemini", "google_vertex"])
def test_a_dimension_is_asked_for_and_checked(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run(name)
    assert there.wire.function(there.url, dimension=4)(["text"])[0].shape == (4,)
    monkeypatch.setattr(type(there.wire), "dimension", lambda self, asked: 6)
    with pytest.raises(errors.EmbeddingAnswerError, match="dimension 4, as asked, got dimension 6"):
        there.wire.function(there.url, dimension=4)(["text"])


def test_google_genai_is_another_name_of_google_gemini(run: Run) -> None:
    assert ef.GoogleGenaiEmbeddingFunction is ef.GoogleGeminiEmbeddingFunction
    assert ef.known_embedding_functions["google_genai"] is ef.known_embedding_functions["google_gemini"]
    there = run("google_gemini")
    config = there.wire.function(there.url).get_config()
    again = ef.config_to_embedding_function({"name": "google_genai", "config": config})
    assert len(again(["text"])) == 1


def test_what_the_published_package_stores_of_gemini_makes_the_function(run: Run) -> None:
    run("google_gemini")
    stored = {
        "model_name": "gemini-embedding-001",
        "api_key_env_var": "GEMINI_API_KEY",
        "vertexai": None,
        "project": None,
        "location": None,
    }
    function = ef.config_to_embedding_function({"name": "google_gemini", "config": stored})
    assert stored.items() <= function.get_config().items()


def test_the_other_variable_of_googles_documentation_counts_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run("google_gemini")
    monkeypatch.delenv("GEMINI_API_KEY")
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    assert len(there.wire.function(there.url)(["text"])) == 1


def test_a_project_without_vertexai_is_an_error(run: Run) -> None:
    run("google_gemini")
    with pytest.raises(errors.EmbeddingFunctionError, match="vertexai=True"):
        ef.GoogleGeminiEmbeddingFunction(project="project-1")


def test_gemini_models_get_one_text_with_a_request_at_vertex(run: Run) -> None:
    there = run("google_vertex")
    there.wire.function(there.url, model_name="gemini-embedding-001")(["a", "b", "c"])
    assert there.texts() == [["a"], ["b"], ["c"]]


def test_a_request_to_vertex_keeps_to_the_tokens_that_go_with_one(run: Run) -> None:
    there = run("google_vertex")
    there.wire.function(there.url)(["x" * 4_000] * 7)
    assert [len(texts) for texts in there.texts()] == [5, 2]


def test_vertex_cuts_off_long_texts_unless_told_otherwise(run: Run) -> None:
    there = run("google_vertex")
    there.wire.function(there.url, truncation=True)(["text"])
    there.wire.function(there.url, truncation=False)(["text"])
    assert [asked.body["parameters"]["autoTruncate"] for asked in there.asked] == [True, False]


def test_an_access_token_is_sent_as_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run("google_vertex")
    monkeypatch.setattr(type(there.wire), "has_key", False)
    monkeypatch.setenv("CHROMA_GOOGLE_VERTEX_API_KEY", "ya29.a-token")
    there.wire.function(there.url)(["text"])
    assert there.asked[0].headers["authorization"] == "Bearer ya29.a-token"
    assert "x-goog-api-key" not in there.asked[0].headers


# --- credentials of the machine -------------------------------------------------------------------


@pytest.fixture
def tokens() -> Iterator[tuple[str, list[Any]]]:
    """Run Google's address for tokens: what comes first is accepted, then nothing."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            good = {"access_token": "ya29.of-a-service-account", "expires_in": 3600, "token_type": "Bearer"}
            bad = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
            body = json.dumps(good if len(asked) == 1 else bad).encode()
            self.send_response(200 if len(asked) == 1 else 400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/token", asked
    server.shutdown()
    server.server_close()
    thread.join()


def service_account(folder: Path, token_uri: str) -> Path:
    """Write the file of a service account, with a key of its own."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "account.json"
    account = {
        "type": "service_account",
        "project_id": "project-1",
        "private_key_id": "1",
        "private_key": key.decode(),
        "client_email": "embed@project-1.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    file.write_text(json.dumps(account))
    return file


def test_without_a_key_vertex_is_asked_with_the_credentials_of_the_machine(
    run: Run, tokens: tuple[str, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run("google_vertex")
    monkeypatch.setattr(type(there.wire), "has_key", False)
    monkeypatch.delenv("CHROMA_GOOGLE_VERTEX_API_KEY")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(tmp_path, tokens[0])))
    function = there.wire.function(there.url, batch_size=1)
    assert len(function(["a", "b"])) == 2
    assert [asked.headers["authorization"] for asked in there.asked] == ["Bearer ya29.of-a-service-account"] * 2
    assert len(tokens[1]) == 1, "a token is asked for once"
    assert "account" not in json.dumps(function.get_config())
    with pytest.raises(errors.EmbeddingAuthenticationError, match="Log in again"):
        there.wire.function(there.url)(["a"])


def test_without_a_key_gemini_is_asked_at_vertex_with_the_credentials_of_the_machine(
    run: Run, tokens: tuple[str, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run("google_vertex")
    monkeypatch.setattr(type(there.wire), "has_key", False)
    monkeypatch.setattr(type(there.wire), "knows", lambda self, asked: True)
    monkeypatch.setattr(type(there.wire), "model", lambda self, asked: "text-embedding-005")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(service_account(tmp_path, tokens[0])))
    function = ef.GoogleGeminiEmbeddingFunction(
        "text-embedding-005",
        "RETRIEVAL_DOCUMENT",
        vertexai=True,
        project="project-1",
        location="us-central1",
        api_base=there.url,
    )
    assert len(function(["a", "b"])) == 2
    asked = there.asked[0]
    assert asked.path.endswith(
        "/projects/project-1/locations/us-central1/publishers/google/models/text-embedding-005:predict"
    )
    assert asked.headers["authorization"] == "Bearer ya29.of-a-service-account"
    assert function.get_config()["project"] == "project-1"


# --- PaLM -----------------------------------------------------------------------------------------


def test_palm_says_that_it_is_no_more_and_what_to_use(tmp_path: Path) -> None:
    with pytest.raises(errors.EmbeddingDiscontinuedError, match="GoogleGeminiEmbeddingFunction") as caught:
        ef.GooglePalmEmbeddingFunction(api_key="a-key", model_name="models/embedding-gecko-001")
    assert isinstance(caught.value, errors.EmbeddingFunctionError)
    assert "a-key" not in caught.value.message()
    stored = {"model_name": "models/embedding-gecko-001", "api_key_env_var": "CHROMA_GOOGLE_PALM_API_KEY"}
    with pytest.raises(errors.EmbeddingDiscontinuedError, match="switched off"):
        ef.config_to_embedding_function({"name": "google_palm", "config": stored})


def test_vectors_of_palm_can_still_be_read(tmp_path: Path) -> None:
    class Former:
        def __call__(self, input: list[str]) -> Any:
            return [[1.0, 2.0]] * len(input)

        @staticmethod
        def name() -> str:
            return "google_palm"

        def get_config(self) -> dict[str, Any]:
            return {"model_name": "models/embedding-gecko-001"}

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Former:
            return Former()

    with chromadb.PersistentClient(tmp_path) as client:
        client.create_collection("old", embedding_function=Former()).add(ids=["1"], documents=["text"])
    with chromadb.PersistentClient(tmp_path) as client:
        found = client.get_collection("old", embedding_function=None).get(include=["embeddings"])
        assert found["embeddings"].tolist() == [[1.0, 2.0]]
