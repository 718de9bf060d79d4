"""Search pictures by words and by pictures, and see the answers on one sheet.

    python examples/pictures.py                  draw 360 pictures, index them, write ./pictures-data/sheet.png
    python examples/pictures.py --open-clip      the same with a model that knows the world (weights are fetched)

It needs Pillow: pip install 'chromadb[images]'. The pictures are drawn here: shapes of one colour on a background,
large and small. The embedding function of this example, `ColoursAndShapes`, is no model: it compares colours and
outlines, and understands the ten colours, the six shapes and the two sizes below, and no other word. What it shows is
how texts and pictures meet in one collection; the rest stays the same with a real model.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import chromadb
from chromadb import EmbeddingFunction, Embeddings
from chromadb.errors import ChromaError
from chromadb.utils.data_loaders import ImageLoader
from chromadb.utils.embedding_functions import OpenCLIPEmbeddingFunction, register_embedding_function

SEED, SIDE = 20, 96
COLOURS = {
    "red": (214, 40, 40),
    "orange": (245, 140, 20),
    "yellow": (245, 220, 40),
    "green": (40, 150, 60),
    "turquoise": (50, 200, 190),
    "blue": (40, 80, 200),
    "purple": (130, 50, 170),
    "pink": (245, 130, 180),
    "brown": (120, 75, 40),
    "black": (25, 25, 25),
}
BACKGROUNDS = ((255, 255, 255), (235, 235, 225), (222, 228, 236))
Points = list[tuple[float, float]]


def corners(radii: list[float], turn: float) -> Points:
    """Return the corners of a shape whose distances from the centre repeat, at equal angles, for a radius of 1."""
    angles = [turn + 2 * math.pi * number / len(radii) - math.pi / 2 for number in range(len(radii))]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in zip(radii, angles, strict=True)]


OUTLINES: dict[str, Points] = {
    "circle": corners([1.0] * 60, 0),
    "square": corners([1.0] * 4, math.pi / 4),
    "triangle": corners([1.0] * 3, 0),
    "star": corners([1.0, 0.42] * 5, 0),
    "diamond": [(0, -1), (0.62, 0), (0, 1), (-0.62, 0)],
    "cross": [(x, y) for x, y in (
        *((-0.3, -1), (0.3, -1), (0.3, -0.3), (1, -0.3), (1, 0.3), (0.3, 0.3)),
        *((0.3, 1), (-0.3, 1), (-0.3, 0.3), (-1, 0.3), (-1, -0.3), (-0.3, -0.3)),
    )],
}  # fmt: skip
SIZES = {"small": 18.0, "large": 36.0}


def draw(shape: str, colour: str, size: str, random: np.random.Generator) -> Image.Image:
    """Return a picture of one shape, somewhere, a little turned, in a shade of its colour."""
    scale = 4  # drawn larger and made smaller, so that edges are smooth
    radius = SIZES[size] * random.uniform(0.9, 1.1)
    margin = min(radius + 3, SIDE / 2)
    x, y = random.uniform(margin, SIDE - margin, 2)
    turn = random.uniform(-0.12, 0.12)
    shade = tuple(int(np.clip(part + random.integers(-14, 15), 0, 255)) for part in COLOURS[colour])
    picture = Image.new("RGB", (SIDE * scale, SIDE * scale), BACKGROUNDS[random.integers(len(BACKGROUNDS))])
    points = [
        (
            scale * (x + radius * (px * math.cos(turn) - py * math.sin(turn))),
            scale * (y + radius * (px * math.sin(turn) + py * math.cos(turn))),
        )
        for px, py in OUTLINES[shape]
    ]
    ImageDraw.Draw(picture).polygon(points, fill=shade)
    return picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def draw_all(folder: Path) -> list[tuple[str, dict[str, str]]]:
    """Draw three pictures of each combination; return their file names and what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    drawn = []
    for shape in OUTLINES:
        for colour in COLOURS:
            for size in SIZES:
                for number in range(3):
                    name = f"{size}-{colour}-{shape}-{number}.png"
                    draw(shape, colour, size, random).save(folder / name)
                    drawn.append((name, {"shape": shape, "colour": colour, "size": size}))
    return drawn


# --- texts and pictures in one space ----------------------------------------------------------------------------


@register_embedding_function
class ColoursAndShapes(EmbeddingFunction[Any]):
    """Embed pictures and texts by colour, outline and size: one number for each word that it knows.

    A picture is compared with the colours and outlines themselves; a text has those that it names.
    """

    GRID = 24
    WEIGHTS = (1.0, 1.0, 0.4)

    def __init__(self) -> None:
        self._outlines = [self._mask(points) for points in OUTLINES.values()]

    def __call__(self, input: Any) -> Embeddings:
        return [self._unit(self._words(item) if isinstance(item, str) else self._looks(item)) for item in input]

    def _words(self, text: str) -> list[list[float]]:
        words = {word.strip(".,!?").removesuffix("s") for word in text.lower().split()}
        return [[float(name.removesuffix("s") in words) for name in names] for names in (COLOURS, OUTLINES, SIZES)]

    def _looks(self, image: NDArray[Any]) -> list[list[float]]:
        pixels = image.astype(np.float64).reshape(-1, 3)
        background = np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]), axis=0)
        front = np.linalg.norm(pixels - background, axis=1) > 40
        if not front.any():
            return [[0.0] * len(names) for names in (COLOURS, OUTLINES, SIZES)]
        shade = np.median(pixels[front], axis=0)
        far = np.array([np.linalg.norm(shade - colour) for colour in COLOURS.values()])
        rows, columns = np.nonzero(front.reshape(image.shape[:2]))
        cut = front.reshape(image.shape[:2])[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        grid = np.asarray(Image.fromarray(cut).resize((self.GRID, self.GRID), Image.Resampling.NEAREST))
        overlap = np.array([(grid & mask).sum() / (grid | mask).sum() for mask in self._outlines])
        height = (rows.max() - rows.min()) / image.shape[0]
        large = float(np.clip((height - 0.37) / 0.3, 0, 1))
        return [self._sharp(-far / 25), self._sharp(overlap * 18), [1 - large, large]]

    def _mask(self, points: Points) -> NDArray[np.bool_]:
        """Return an outline as a grid that it fills."""
        low, high = np.min(points, axis=0), np.max(points, axis=0)
        scaled = [tuple((np.array(point) - low) / (high - low) * (self.GRID - 1)) for point in points]
        picture = Image.new("1", (self.GRID, self.GRID))
        ImageDraw.Draw(picture).polygon(scaled, fill=1)
        return np.asarray(picture)

    @staticmethod
    def _sharp(likeness: NDArray[np.float64]) -> list[float]:
        powers = np.exp(likeness - likeness.max())
        return list(powers / powers.sum())

    def _unit(self, parts: list[list[float]]) -> NDArray[np.float32]:
        vector = np.concatenate([weight * np.array(part) for weight, part in zip(self.WEIGHTS, parts, strict=True)])
        length = np.linalg.norm(vector)
        # A text without a word that is known is equally far from everything.
        return np.asarray(vector / length if length else np.full(len(vector), len(vector) ** -0.5), dtype=np.float32)

    @staticmethod
    def name() -> str:
        return "colours_and_shapes"

    def get_config(self) -> dict[str, Any]:
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> ColoursAndShapes:
        return ColoursAndShapes()

    def default_space(self) -> Any:
        return "cosine"


# --- the sheet ----------------------------------------------------------------------------------------------------

Row = tuple[str, "Image.Image | None", list[NDArray[np.uint8]], list[float]]


def sheet(rows: list[Row], title: str) -> Image.Image:
    """Return one picture with a row for each question: what was asked, and the answers, nearest first."""
    gap, left, top, foot = 10, 250, 56, 18
    wide = max(len(images) for _, _, images, _ in rows)
    height = top + len(rows) * (SIDE + foot + gap) + gap
    page = Image.new("RGB", (left + wide * (SIDE + gap) + gap, height), (250, 250, 248))
    pen = ImageDraw.Draw(page)
    large, plain, little = (ImageFont.load_default(size) for size in (20, 16, 12))
    pen.text((gap * 2, 18), title, fill=(30, 30, 30), font=large)
    for number, (asked, example, images, distances) in enumerate(rows):
        y = top + number * (SIDE + foot + gap)
        if example is not None:
            page.paste(example, (left - SIDE - 2 * gap, y))
            pen.rectangle(
                (left - SIDE - 2 * gap - 2, y - 2, left - 2 * gap + 1, y + SIDE + 1), outline=(30, 30, 30), width=2
            )
        pen.text((gap * 2, y + SIDE // 2 - 10), asked, fill=(30, 30, 30), font=plain)
        for place, (image, distance) in enumerate(zip(images, distances, strict=True)):
            x = left + place * (SIDE + gap)
            page.paste(Image.fromarray(image), (x, y))
            pen.rectangle((x - 1, y - 1, x + SIDE, y + SIDE), outline=(205, 205, 200))
            pen.text((x, y + SIDE + 2), f"{distance:.3f}", fill=(110, 110, 110), font=little)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--open-clip", action="store_true", help="embed with OpenCLIP: pip install 'chromadb[open-clip]'"
    )
    parser.add_argument("--directory", type=Path, default=Path("pictures-data"), help="default: %(default)s")
    arguments = parser.parse_args()
    folder = arguments.directory / "pictures"
    function: EmbeddingFunction[Any] = OpenCLIPEmbeddingFunction() if arguments.open_clip else ColoursAndShapes()

    drawn = draw_all(folder)
    with chromadb.PersistentClient(arguments.directory / "database") as client:
        collection = client.get_or_create_collection(
            f"pictures-{function.name()}".replace("_", "-"),
            embedding_function=function,
            data_loader=ImageLoader(root=folder),
        )
        # The pictures stay where they are: the collection stores their vectors, and where they lie.
        collection.upsert(
            ids=[name for name, _ in drawn], uris=[name for name, _ in drawn], metadatas=[shown for _, shown in drawn]
        )
        print(f"{collection.count()} pictures in the collection {collection.name}.")

        rows: list[Row] = []
        for text in ("a red circle", "large green stars", "purple", "small triangles"):
            found = collection.query(query_texts=text, n_results=8, include=["data", "distances"])
            rows.append((f'"{text}"', None, (found["data"] or [])[0], (found["distances"] or [])[0]))
        random = np.random.default_rng(SEED + 1)
        for shape, colour, size in (("cross", "orange", "large"), ("diamond", "blue", "small")):
            example = draw(shape, colour, size, random)
            found = collection.query(query_images=np.asarray(example), n_results=8, include=["data", "distances"])
            rows.append(("this picture", example, (found["data"] or [])[0], (found["distances"] or [])[0]))
        found = collection.query(
            query_uris="large-yellow-star-0.png", where={"shape": "circle"}, n_results=8, include=["data", "distances"]
        )
        example = Image.open(folder / "large-yellow-star-0.png")
        rows.append(("circles like it", example, (found["data"] or [])[0], (found["distances"] or [])[0]))

    path = arguments.directory / "sheet.png"
    sheet(rows, f"{len(drawn)} pictures, searched by words and by pictures ({function.name()})").save(path)
    print(f"The answers are on {path}.")


if __name__ == "__main__":
    try:
        main()
    except ChromaError as error:
        sys.exit(error.message())
