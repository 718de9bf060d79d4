"""Images: arrays as callers pass them, and pictures as models and files have them."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chromadb._model.names import describe
from chromadb.errors import EmbeddingFunctionError

if TYPE_CHECKING:
    from PIL import Image

_JPEG_QUALITY = 95


def import_pillow() -> Any:
    """Return the module ``PIL.Image``.

    Raises:
        EmbeddingFunctionError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise EmbeddingFunctionError(
            "The package Pillow is not installed; it reads and writes images. Run pip install 'chromadb[images]'."
        ) from error
    return Image


def to_picture(image: Any, place: str) -> Image.Image:
    """Return an array as a picture: grey, in colours, or in colours with opacity.

    Args:
        image: of shape (height, width), (height, width, 1), (height, width, 3) or (height, width, 4), the fourth being
            opacity. Integers are from 0 to 255; floats too, or from 0 to 1 where none is above 1.
        place: of the image, for messages.

    Raises:
        EmbeddingFunctionError: it is no such array, or Pillow is not installed.
    """
    if not isinstance(image, np.ndarray):
        raise EmbeddingFunctionError(f"Expected {place} to be a text or an image (numpy array), got {describe(image)}.")
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] not in (1, 3, 4)):
        raise EmbeddingFunctionError(
            f"Expected {place} to be of shape (height, width) or (height, width, 1, 3 or 4), got shape {image.shape}. "
            "Put the colours last, and leave nothing empty."
        )
    values = _as_bytes(image, place)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    picture: Image.Image = import_pillow().fromarray(np.ascontiguousarray(values))
    return picture


def _as_bytes(image: NDArray[Any], place: str) -> NDArray[np.uint8]:
    if image.dtype == np.uint8:
        return image
    if image.dtype == np.bool_:
        return image.astype(np.uint8) * np.uint8(255)
    if image.dtype.kind not in "iuf":
        raise EmbeddingFunctionError(f"Expected {place} to be of integers or floats, got the type {image.dtype}.")
    least, most = image.min(), image.max()
    if not (least >= 0 and most <= 255):  # NaN is neither
        raise EmbeddingFunctionError(
            f"Expected {place} to have values from 0 to 255, or floats from 0 to 1; got values from {least} to {most}."
        )
    if image.dtype.kind == "f" and most <= 1:
        image = image * 255
    values: NDArray[np.uint8] = np.rint(image).astype(np.uint8)
    return values


def jpeg_base64(picture: Image.Image) -> str:
    """Return a picture as a JPEG file in base64, in colours without opacity."""
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    return base64.b64encode(file.getvalue()).decode("ascii")
