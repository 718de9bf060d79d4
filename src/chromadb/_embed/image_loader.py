"""Load images from files, and if asked from web servers."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from chromadb._embed.fetch import connect, fetch
from chromadb._embed.images import import_pillow
from chromadb._model.names import describe, shorten
from chromadb.errors import DataLoadError, DataNotFoundError, InvalidArgumentError

logger = logging.getLogger(__name__)

# Formats that Pillow reads by itself: others call programs (EPS) or are no pictures.
_FORMATS = ("AVIF", "BMP", "GIF", "ICO", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TGA", "TIFF", "WEBP")
# "C:/picture.png" is a path; names of schemes have two letters or more.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


class ImageLoader:
    """A data loader for images: file names and URLs in, arrays out.

    A URI is a path, absolute or relative to `root`, a ``file:`` URL, or, if allowed, an ``http:`` or ``https:`` URL.

    Args:
        max_workers: how many images are loaded at once.
        root: the folder that relative paths begin in, and that no file may lie outside of, symbolic links followed.
            None: relative paths begin in the working directory, and any file that this process may read is loaded.
        allow_http: whether URLs of web servers are loaded: False, True, or a list of the hosts that may be asked.
        max_bytes: of a file, at most.
        max_pixels: of an image, at most, known before it is decoded.
        timeout: seconds that a web server may take for one image.
        missing_ok: whether an image that cannot be loaded is None in the result, and logged, instead of an error.

    Raises:
        InvalidArgumentError: an argument is not allowed.
        EmbeddingFunctionError: Pillow is not installed.
    """

    def __init__(
        self,
        max_workers: int = 2,
        *,
        root: str | os.PathLike[str] | None = None,
        allow_http: bool | Sequence[str] = False,
        max_bytes: int = 50_000_000,
        max_pixels: int = 50_000_000,
        timeout: float = 30.0,
        missing_ok: bool = False,
    ) -> None:
        import_pillow()
        limits = {"max_workers": max_workers, "max_bytes": max_bytes, "max_pixels": max_pixels, "timeout": timeout}
        for name, value in limits.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
                raise InvalidArgumentError(f"Expected {name} to be a number above 0, got {describe(value)}.")
        if isinstance(allow_http, str):
            raise InvalidArgumentError(
                f"Expected allow_http to be a bool or a list of hosts, got {describe(allow_http)}. Pass a list."
            )
        self._max_workers = int(max_workers)
        self._root = None if root is None else Path(root).resolve()
        if self._root is not None and not self._root.is_dir():
            raise InvalidArgumentError(f"Expected root to be a folder, got {str(root)!r}. Create it, or name another.")
        self._asks = bool(allow_http)
        self._hosts = None if isinstance(allow_http, bool) else frozenset(host.lower() for host in allow_http)
        self._max_bytes = int(max_bytes)
        self._max_pixels = int(max_pixels)
        self._timeout = float(timeout)
        self._missing_ok = bool(missing_ok)

    def __call__(self, uris: Sequence[str | None]) -> list[NDArray[np.uint8] | None]:
        """Return the images in order: of shape (height, width) for grey ones, else (height, width, 3 or 4).

        Of an animation it is the first picture. Images are turned as their camera says (EXIF). None stays None.

        Raises:
            DataLoadError: images cannot be loaded; the first is named, `failures` has all of them by URI.
            DataNotFoundError: the first of them is not there.
        """
        listed = [uris] if isinstance(uris, str) else list(uris)
        with ExitStack() as stack:
            client = None
            if self._asks and any(isinstance(uri, str) and uri[:4].lower() == "http" for uri in listed):
                client = stack.enter_context(connect(self._timeout))
            if len(listed) < 2 or self._max_workers == 1:
                loaded = [self._attempt(uri, client) for uri in listed]
            else:
                pool = stack.enter_context(ThreadPoolExecutor(min(self._max_workers, len(listed)), "chroma-images"))
                loaded = list(pool.map(self._attempt, listed, repeat(client)))
        failures = {
            str(uri): found for uri, found in zip(listed, loaded, strict=True) if isinstance(found, DataLoadError)
        }
        if failures and not self._missing_ok:
            first = next(iter(failures.values()))
            more = f" Besides, {len(failures) - 1} of {len(listed)} cannot be loaded." if len(failures) > 1 else ""
            raise type(first)(f"{first.message()}{more}", failures=failures) from first
        for failure in failures.values():
            logger.warning("%s", failure.message())
        return [None if isinstance(found, DataLoadError) else found for found in loaded]

    def _attempt(self, uri: Any, client: Any) -> NDArray[np.uint8] | DataLoadError | None:
        if uri is None:
            return None
        try:
            return self._decode(self._read(uri, client), uri)
        except DataLoadError as error:
            return error

    # --- bytes ------------------------------------------------------------------------------------

    def _read(self, uri: str, client: Any) -> bytes:
        if not isinstance(uri, str) or not uri or "\0" in uri:
            raise DataLoadError(f"Expected a URI to be a path or a URL, got {describe(uri)}.")
        scheme = _SCHEME.match(uri)
        if scheme is None:
            return self._read_file(uri, uri)
        if scheme[1].lower() == "file":
            return self._read_file(_path_of(uri), uri)
        if scheme[1].lower() in ("http", "https"):
            if client is None:
                raise DataLoadError(
                    f"The URI {shorten(uri)} is on a web server, which this loader does not ask. Allow it with "
                    "ImageLoader(allow_http=True), or name the hosts in allow_http."
                )
            return fetch(client, uri, self._hosts, self._max_bytes, self._timeout)
        raise DataLoadError(
            f"Expected the URI {shorten(uri)} to be a path, or a file:, http: or https: URL. Write a path whose first "
            "name has a colon with ./ before it."
        )

    def _read_file(self, name: str, uri: str) -> bytes:
        path = Path(name) if self._root is None else self._root / name
        try:
            if self._root is not None:
                path = path.resolve()
                if not path.is_relative_to(self._root):
                    raise DataLoadError(
                        f"The URI {shorten(uri)} points outside of the folder {self._root}, which is the root of this "
                        "loader. Put the file below it, or change root."
                    )
            # A pipe would block at open, a device would never end.
            if not path.is_file():
                if not path.exists():
                    raise DataNotFoundError(
                        f"There is no file where the URI {shorten(uri)} points to, {path.absolute()}. "
                        "Put it there, or change the URI."
                    )
                raise DataLoadError(f"Expected the URI {shorten(uri)} to point to a file, got another kind of entry.")
            with path.open("rb") as file:
                content = file.read(self._max_bytes + 1)
        except DataLoadError:
            raise
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
            raise DataLoadError(f"The file of the URI {shorten(uri)} is not readable ({error}).") from error
        if len(content) > self._max_bytes:
            raise DataLoadError(
                f"The file of the URI {shorten(uri)} is larger than {self._max_bytes:,} bytes. Raise max_bytes."
            )
        return content

    # --- pixels -----------------------------------------------------------------------------------

    def _decode(self, content: bytes, uri: str) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps, UnidentifiedImageError

        Image.init()
        formats = [name for name in _FORMATS if name in Image.OPEN]
        try:
            with Image.open(io.BytesIO(content), formats=formats) as picture:
                width, height = picture.size
                if width * height > self._max_pixels:
                    raise DataLoadError(
                        f"The image of the URI {shorten(uri)} has {width} x {height} pixels, more than "
                        f"{self._max_pixels:,}. Raise max_pixels."
                    )
                # Also refuses what is cut short.
                picture.load()
                return _as_array(ImageOps.exif_transpose(picture))
        except DataLoadError:
            raise
        except UnidentifiedImageError:
            raise DataLoadError(
                f"Expected the URI {shorten(uri)} to point to an image of the formats {', '.join(formats)}; got "
                f"something else, {len(content):,} bytes."
            ) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise DataLoadError(
                f"The image of the URI {shorten(uri)} has more pixels than Pillow takes ({error})."
            ) from error
        except Exception as error:  # decoders raise what they like
            raise DataLoadError(
                f"The image of the URI {shorten(uri)} is damaged ({type(error).__name__}: {error})."
            ) from error


def _as_array(picture: Any) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        wide = np.asarray(picture)
        return (wide >> 8).astype(np.uint8)
    if picture.mode not in ("L", "RGB", "RGBA"):
        opaque = "transparency" not in picture.info and "A" not in picture.getbands()
        picture = picture.convert("RGB" if opaque else "RGBA")
    return np.array(picture)


def _path_of(uri: str) -> str:
    """Return the path of a ``file:`` URL.

    Raises:
        DataLoadError: it names another machine, or no file.
    """
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise DataLoadError(
            f"Expected the URI {shorten(uri)} to name a file of this machine, as file:///folder/picture.png does."
        )
    path = unquote(parts.path)
    if "\0" in path:
        raise DataLoadError(f"Expected the URI {shorten(uri)} to be without NUL.")
    # file:///C:/picture.png
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path
