from __future__ import annotations

import gzip
import http.server
import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chromadb.errors import ChromaError, DataLoadError, DataNotFoundError, EmbeddingFunctionError, InvalidArgumentError
from chromadb.utils.data_loaders import ImageLoader

RED = np.full((3, 4, 3), (200, 10, 20), dtype=np.uint8)
NOISE = np.random.default_rng(1).integers(0, 255, (60, 60, 3), dtype=np.uint8)


def encoded(picture: Any, form: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    (Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture).save(file, form, **options)
    return file.getvalue()


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red one.png"
    path.write_bytes(encoded(RED))
    return path


def error_of(loader: ImageLoader, uri: Any) -> DataLoadError:
    with pytest.raises(DataLoadError) as caught:
        loader([uri])
    return caught.value


# --- files -------------------------------------------------------------------------------------------


def test_paths_and_file_urls_are_loaded_in_their_order(red: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(red.parent)
    blue = red.with_name("blue.png")
    blue.write_bytes(encoded(RED[:, :, ::-1]))
    uris = [str(red), "red one.png", "./blue.png", red.as_uri(), f"file://localhost{red.as_uri()[7:]}", None]
    images = ImageLoader(max_workers=4)(uris)
    assert [image is None for image in images] == [False] * 5 + [True]
    for image, pixels in zip(images, (RED, RED, RED[:, :, ::-1], RED, RED), strict=False):
        assert image is not None
        assert image.dtype == np.uint8
        assert np.array_equal(image, pixels)
    assert ImageLoader()([]) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_order_does_not_depend_on_who_is_ready_first(tmp_path: Path, workers: int) -> None:
    uris = []
    for number in range(12):
        path = tmp_path / f"{number}.png"
        size = 400 if number % 2 else 1
        path.write_bytes(encoded(np.full((size, size), number, dtype=np.uint8)))
        uris.append(str(path))
    assert [int(image[0, 0]) for image in ImageLoader(workers)(uris) if image is not None] == list(range(12))


@pytest.mark.parametrize(
    ("picture", "form", "shape"),
    [
        (np.zeros((3, 4), np.uint8), "PNG", (3, 4)),
        (np.zeros((3, 4, 3), np.uint8), "JPEG", (3, 4, 3)),
        (np.zeros((3, 4, 4), np.uint8), "PNG", (3, 4, 4)),
        (Image.new("P", (4, 3)), "GIF", (3, 4, 3)),
        (Image.new("1", (4, 3)), "PNG", (3, 4, 3)),
        (Image.new("CMYK", (4, 3)), "TIFF", (3, 4, 3)),
        (Image.new("LA", (4, 3)), "PNG", (3, 4, 4)),
        (np.zeros((3, 4), np.uint16), "PNG", (3, 4)),
        (np.zeros((3, 4, 3), np.uint8), "WEBP", (3, 4, 3)),
    ],
)
def test_every_kind_of_picture_becomes_bytes_of_grey_or_colour(
    tmp_path: Path, picture: Any, form: str, shape: tuple[int, ...]
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(picture, form))
    (image,) = ImageLoader()([str(path)])
    assert image is not None
    assert (image.shape, image.dtype) == (shape, np.uint8)


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(encoded(np.full((2, 2), 0x8000, dtype=np.uint16)))
    (image,) = ImageLoader()([str(path)])
    assert image is not None
    assert image.tolist() == [[128, 128]] * 2


def test_an_image_stands_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    path = tmp_path / "turned.jpg"
    path.write_bytes(encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif.tobytes()))
    (image,) = ImageLoader()([str(path)])
    assert image is not None
    assert image.shape == (40, 20, 3)


@pytest.mark.parametrize("uri", ["gone.png", "/no/such/folder/a.png", "file:///no/such.png"])
def test_a_missing_file_is_an_error_that_names_it(uri: str) -> None:
    error = error_of(ImageLoader(), uri)
    assert uri in str(error)
    assert isinstance(error, (DataNotFoundError, FileNotFoundError))
    assert isinstance(error, ChromaError)


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        (5, "Expected a URI to be a path or a URL, got 5"),
        ("", "Expected a URI to be a path or a URL"),
        ("a\0b", "Expected a URI"),
        ("file:///a%00b", "without NUL"),
        ("file://elsewhere/a.png", "of this machine"),
        ("file:", "of this machine"),
        ("ftp://host/a.png", "to be a path, or a file:, http: or https: URL"),
        ("data:image/png;base64,AAAA", "to be a path, or"),
        (".", "another kind of entry"),
        ("x" * 5000, "not readable"),
    ],
)
def test_what_is_no_file_is_an_error_that_names_it(uri: Any, text: str) -> None:
    assert text in str(error_of(ImageLoader(), uri))


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes in folders")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "another kind" in str(error_of(ImageLoader(), str(tmp_path / "pipe")))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "to point to an image of the formats"),
        (b"just text", "something else, 9 bytes"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n", "to point to an image of the formats"),
        (encoded(NOISE)[:5_000], "damaged"),
        (encoded(NOISE, "JPEG")[:1_000], "damaged"),
        (encoded(RED)[:20], "damaged|to point to an image"),
    ],
)
def test_what_is_no_image_is_an_error_that_names_it(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "no image.png"
    path.write_bytes(content)
    with pytest.raises(DataLoadError, match=text) as caught:
        ImageLoader()([str(path)])
    assert str(path) in str(caught.value)


def test_a_file_has_at_most_so_many_bytes(red: Path) -> None:
    size = red.stat().st_size
    assert ImageLoader(max_bytes=size)([str(red)])[0] is not None
    assert f"larger than {size - 1} bytes" in str(error_of(ImageLoader(max_bytes=size - 1), str(red)))


def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(encoded(Image.new("1", (6_000, 6_000))))
    assert path.stat().st_size < 20_000
    decoded: list[Any] = []
    monkeypatch.setattr(Image.Image, "load", lambda self: decoded.append(self))
    assert "6000 x 6000 pixels, more than 1,000,000" in str(error_of(ImageLoader(max_pixels=1_000_000), str(path)))
    assert decoded == []


@pytest.mark.parametrize("share", [1.5, 3])
def test_the_limit_of_pillow_is_an_error_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(encoded(Image.new("1", (300, 100))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(30_000 / share))  # from its double on it is an error of Pillow
    assert "more pixels than Pillow takes" in str(error_of(ImageLoader(), str(path)))


# --- the root ----------------------------------------------------------------------------------------


def test_relative_paths_begin_in_the_root_and_nothing_lies_outside_of_it(red: Path, tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    (root / "below").mkdir(parents=True)
    (root / "below" / "in.png").write_bytes(encoded(RED))
    (root / "link.png").symlink_to(red)
    (root / "circle").symlink_to(root / "circle")
    loader = ImageLoader(root=root)
    inside = ["below/in.png", "below/../below/in.png", str(root / "below" / "in.png"), (root / "below/in.png").as_uri()]
    assert all(np.array_equal(image, RED) for image in loader(inside) if image is not None)
    for uri in ("../red one.png", str(red), red.as_uri(), "link.png", "below/../../red one.png", "/etc/passwd"):
        assert "points outside of the folder" in str(error_of(loader, uri))
    for uri in ("circle", "below"):
        error_of(loader, uri)
    with pytest.raises(InvalidArgumentError, match="root to be a folder"):
        ImageLoader(root=root / "none")


# --- failures ----------------------------------------------------------------------------------------


def test_every_failure_is_told_by_its_uri(red: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"bad")
    with pytest.raises(DataLoadError, match=r"bad\.png.* Besides, 1 of 4 cannot be loaded\.$") as caught:
        ImageLoader()([str(red), str(bad), None, "gone.png"])
    assert list(caught.value.failures) == [str(bad), "gone.png"]
    assert isinstance(caught.value.failures["gone.png"], DataNotFoundError)
    assert not isinstance(caught.value, DataNotFoundError)


def test_what_cannot_be_loaded_may_be_none(red: Path, caplog: pytest.LogCaptureFixture) -> None:
    images = ImageLoader(missing_ok=True)(["gone.png", str(red)])
    assert images[0] is None
    assert images[1] is not None
    assert "gone.png" in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [{"max_workers": 0}, {"max_bytes": True}, {"max_pixels": "5"}, {"timeout": -1}, {"allow_http": "example.org"}],
    ids=str,
)
def test_arguments_are_checked(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
        ImageLoader(**arguments)


def test_without_pillow_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(EmbeddingFunctionError, match=r"chromadb\[images\]"):
        ImageLoader()


# --- web servers -------------------------------------------------------------------------------------

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, Answer | Callable[[Any], None]]]]:
    """Run a web server; what it answers is set by path."""
    pages: dict[str, Answer | Callable[[Any], None]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path, (404, {}, b"nothing"))
            if callable(page):
                page(self)
                return
            status, headers, content = page
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", pages
    server.shutdown()
    server.server_close()
    thread.join()


def test_web_servers_are_asked_only_if_allowed(web: Any) -> None:
    url, pages = web
    pages["/red.png"] = (200, {}, encoded(RED))
    assert "allow_http" in str(error_of(ImageLoader(), f"{url}/red.png"))
    assert "not among the hosts of allow_http: example.org" in str(
        error_of(ImageLoader(allow_http=["example.org"]), f"{url}/red.png")
    )
    for allowed in (True, ["127.0.0.1"]):
        (image,) = ImageLoader(allow_http=allowed)([f"{url}/red.png"])
        assert np.array_equal(image, RED)  # type: ignore[arg-type]


def test_redirects_are_followed_within_what_is_allowed(web: Any) -> None:
    url, pages = web
    pages["/red.png"] = (200, {}, encoded(RED))
    pages["/moved"] = (302, {"Location": "/red.png"}, b"")
    pages["/circle"] = (301, {"Location": "/circle"}, b"")
    pages["/file"] = (302, {"Location": "file:///etc/passwd"}, b"")
    pages["/away"] = (302, {"Location": "http://localhost:9/red.png"}, b"")
    loader = ImageLoader(allow_http=["127.0.0.1"])
    assert loader([f"{url}/moved"])[0] is not None
    for path, text in (
        ("/circle", "from one address to the next"),
        ("/file", "leads to 'file:///etc/passwd', which is no http"),
        ("/away", "leads to 'http://localhost:9/red.png', which is on localhost, which is not among"),
    ):
        error = str(error_of(loader, f"{url}{path}"))
        assert text in error
        assert f"{url}{path}" in error


def test_failures_of_web_servers_name_the_url(web: Any) -> None:
    url, pages = web
    pages["/broken"] = (500, {}, b"")
    pages["/packed"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(encoded(RED)))
    pages["/large"] = (200, {}, b"x" * 100_000)
    pages["/text"] = (200, {}, b"<html>")
    loader = ImageLoader(allow_http=True, max_bytes=50_000)
    for path, text in (
        ("/none", "There is nothing where"),
        ("/broken", "status 500"),
        ("/packed", "packed (gzip)"),
        ("/large", "larger than 50,000 bytes"),
        ("/text", "to point to an image"),
    ):
        error = str(error_of(loader, f"{url}{path}"))
        assert text in error
        assert f"{url}{path}" in error
    assert isinstance(error_of(loader, f"{url}/none"), DataNotFoundError)
    for uri in ("http://127.0.0.1:9/a.png", "HTTP://", "http://[::1/a.png", "https:a.png"):
        error_of(loader, uri)


def test_a_server_that_sends_on_and_on_is_given_up(web: Any) -> None:
    url, pages = web
    ended = threading.Event()

    def drip(handler: Any) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not ended.is_set():
            try:
                handler.wfile.write(b"x")
            except OSError:
                return
            time.sleep(0.02)

    pages["/slow"] = drip
    pages["/silent"] = lambda handler: ended.wait(20)
    try:
        for path in ("/slow", "/silent"):
            error = error_of(ImageLoader(allow_http=True, timeout=0.3), f"{url}{path}")
            assert "within 0.3 s" in str(error)
    finally:
        ended.set()
