"""OpenCLIP: the loading and encoding of the real library, on a tiny model with random weights made here."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._embed import open_clip as module
from chromadb._embed.registry import build, describe
from chromadb.errors import EmbeddingFunctionError
from chromadb.utils.data_loaders import ImageLoader
from chromadb.utils.embedding_functions import OpenCLIPEmbeddingFunction

heavy = [
    pytest.mark.heavy,
    # of torch and of the libraries beside it, about themselves
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(EmbeddingFunctionError, match=r"chromadb\[open-clip\]"):
        OpenCLIPEmbeddingFunction()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Register a tiny architecture with open_clip, and write random weights for it: the function's arguments."""
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("clip")
    (folder / "tiny-clip.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(folder / "tiny-clip.json")
    torch.manual_seed(7)
    weights = folder / "weights.pt"
    torch.save(open_clip.create_model("tiny-clip").state_dict(), weights)
    return {"model_name": "tiny-clip", "checkpoint": str(weights)}


@pytest.fixture
def function(tiny: dict[str, str]) -> Any:
    return OpenCLIPEmbeddingFunction(**tiny)


def image(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).integers(0, 255, shape or (40, 30, 3)).astype(np.uint8)


@pytest.mark.parametrize("with_marks", [pytest.param(None, marks=heavy)])
class TestTheRealLibrary:
    """Run by ``make test-heavy``."""

    def test_texts_and_images_have_unit_vectors_in_one_space(self, with_marks: None, function: Any) -> None:
        inputs = ["a cat", image(1), "a dog", image(2), image(1)]
        vectors = np.array(function(inputs))
        assert (vectors.shape, vectors.dtype) == ((5, 16), np.float32)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(vectors[1], vectors[4], atol=1e-5)
        for row, item in enumerate(inputs):
            np.testing.assert_allclose(vectors[row], function([item])[0], atol=1e-5)
        assert function([]) == []

    def test_vectors_are_those_of_the_library_called_by_itself(
        self, with_marks: None, function: Any, tiny: dict[str, str]
    ) -> None:
        import open_clip
        import torch
        from PIL import Image

        network, _, preprocess = open_clip.create_model_and_transforms(
            tiny["model_name"], pretrained=tiny["checkpoint"]
        )
        network.eval()
        with torch.no_grad():
            text = network.encode_text(open_clip.get_tokenizer("tiny-clip")(["a cat"]))
            pixels = preprocess(Image.fromarray(image(1))).unsqueeze(0)
            picture = network.encode_image(pixels)
        expected = [(each / each.norm()).numpy()[0] for each in (text, picture)]
        np.testing.assert_allclose(function(["a cat", image(1)]), expected, atol=1e-5)

    def test_more_than_a_batch_stays_in_order(self, with_marks: None, function: Any) -> None:
        inputs = [f"text {row}" if row % 2 else image(row, 8, 8, 3) for row in range(90)]
        vectors = function(inputs)
        for row in (0, 1, 44, 45, 88, 89):
            np.testing.assert_allclose(vectors[row], function([inputs[row]])[0], atol=1e-5)

    def test_every_form_of_image_that_is_documented(self, with_marks: None, function: Any) -> None:
        colour = image(3)
        (expected,) = function([colour])
        opaque = np.dstack([colour, np.full((40, 30), 255, np.uint8)])
        for same in (colour.astype(np.int64), colour / 255, colour.astype(np.float32), opaque):
            np.testing.assert_allclose(function([same])[0], expected, atol=1e-5)
        grey = image(4, 40, 30)
        np.testing.assert_allclose(function([grey]), function([grey[:, :, None]]), atol=1e-6)
        np.testing.assert_allclose(function([grey]), function([np.dstack([grey] * 3)]), atol=1e-6)

    @pytest.mark.parametrize("bad", [np.zeros((2, 2, 5)), np.zeros(3), np.full((2, 2), -1), 5, None], ids=str)
    def test_what_is_no_image_is_an_error_with_its_place(self, with_marks: None, function: Any, bad: Any) -> None:
        with pytest.raises(EmbeddingFunctionError, match=r"input\[1\]"):
            function(["a", bad])
        with pytest.raises(EmbeddingFunctionError, match="list of texts and images"):
            function("a")

    def test_long_and_strange_texts_have_vectors(self, with_marks: None, function: Any) -> None:
        vectors = np.array(function(["", "word " * 1000, "a\ud800b", "größer 第四"]))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def test_a_model_or_weights_that_are_not_there_are_an_error(
        self, with_marks: None, tiny: dict[str, str], tmp_path: Path
    ) -> None:
        (tmp_path / "bad.pt").write_bytes(b"no weights")
        for arguments in (
            {"model_name": "no-such-model"},
            {"model_name": "tiny-clip", "checkpoint": "no-such-weights"},
            {"model_name": "tiny-clip", "checkpoint": str(tmp_path / "bad.pt")},
            {"model_name": "tiny-clip", "checkpoint": ""},
            {**tiny, "device": "no-such-device"},
        ):
            with pytest.raises(EmbeddingFunctionError, match="list_pretrained"):
                OpenCLIPEmbeddingFunction(**arguments)

    def test_a_model_is_loaded_once(self, with_marks: None, tiny: dict[str, str]) -> None:
        one, other = OpenCLIPEmbeddingFunction(**tiny), OpenCLIPEmbeddingFunction(**tiny, device=None)
        assert one._model is other._model
        assert len(module._models) == 1

    def test_a_collection_remembers_the_model(self, with_marks: None, function: Any, tiny: dict[str, str]) -> None:
        description = describe(function)
        assert description == {"type": "known", "name": "open_clip", "config": {**tiny, "device": "cpu"}}
        np.testing.assert_array_equal(build(description)(["a"]), function(["a"]))
        function.validate_config_update(description["config"], {"device": "cuda"})
        with pytest.raises(EmbeddingFunctionError, match="checkpoint"):
            function.validate_config_update(description["config"], {"checkpoint": "another"})

    @pytest.mark.parametrize("way", ["embedded", "http", "async"])
    def test_the_guide_of_the_specification_works_as_it_is_written(
        self, with_marks: None, function: Any, tmp_path: Path, start_server: Callable[..., Any], way: str
    ) -> None:
        from PIL import Image

        embedding_function, data_loader = function, ImageLoader()
        paths = [tmp_path / f"{seed}.png" for seed in range(10, 13)]
        for seed, path in zip(range(10, 13), paths, strict=True):
            Image.fromarray(image(seed)).save(path)

        async def guide(client: Any) -> None:
            collection = await client.create_collection(
                name="multimodal_collection", embedding_function=embedding_function, data_loader=data_loader
            )
            await collection.add(ids=["id1", "id2", "id3"], images=[image(1), image(2), image(3)])
            await collection.add(ids=["u1", "u2", "u3"], uris=[str(path) for path in paths])
            await collection.add(
                ids=["id4", "id5", "id6"],
                documents=["This is a document", "This is another document", "This is a third document"],
            )
            results = await collection.query(query_images=[image(2), image(11)], n_results=1)
            assert results["ids"] == [["id2"], ["u2"]]
            results = await collection.query(query_texts=["This is a document"], n_results=1)
            assert results["ids"] == [["id4"]]
            results = await collection.query(query_uris=[str(paths[2])], n_results=1)
            assert results["ids"] == [["u3"]]
            results = await collection.query(query_images=[image(10)], includes=["data", "uris"], n_results=1)
            assert results["uris"] == [[str(paths[0])]]
            assert np.array_equal(results["data"][0][0], image(10))
            await collection.update(ids=["id4", "id5", "id6"], images=[image(4), image(5), image(6)])
            stored = await collection.get(ids=["id4", "id5", "id6"], include=["documents", "embeddings"])
            assert stored["documents"] == [None, None, None]
            np.testing.assert_allclose(stored["embeddings"], function([image(4), image(5), image(6)]), atol=1e-5)
            opened = await client.get_collection("multimodal_collection")
            assert (await opened.query(query_texts=["anything"], n_results=9))["ids"][0]

        async def run() -> None:
            if way == "async":
                client = await chromadb.AsyncHttpClient(host=start_server().url)
                try:
                    await guide(client)
                finally:
                    await client.close()
                return
            with (
                chromadb.HttpClient(host=start_server().url) if way == "http" else chromadb.EphemeralClient() as client
            ):
                await guide(_Awaitable(client))

        asyncio.run(run())


class _Awaitable:
    """A client or collection whose methods can be awaited, so that one text serves both kinds."""

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._wrapped, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            result = method(*args, **kwargs)
            return _Awaitable(result) if isinstance(result, chromadb.Collection) else result

        return call
