"""The photographs that `builtin` is trained and judged on; what is judged is never trained on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pictures = list[NDArray[np.uint8]]
"""Pictures of any size, each (H, W, 3) uint8."""

SEED = 20240
"""Of the draw that keeps photographs back."""

KEPT_BACK = 2000
"""Of photos_train's 21,000: half to choose between variants (`tuning`), half to judge."""

CIFAR = 6000
"""Of CIFAR-10's 25,000 training pictures: at 32 x 32 they teach least."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the archives of ../shared/data are unpacked: one folder each below this one."""

    root: Path

    def files(self, archive: str, pattern: str) -> list[Path]:
        """Files of one archive, sorted by path."""
        return sorted((self.root / archive).glob(pattern))


def read(files: list[Path]) -> Pictures:
    """Decodes files to canonical pixels; these archives hold plain RGB and grey JPEG only."""
    pictures = []
    for file in files:
        with Image.open(file) as image:
            pictures.append(np.array(image.convert("RGB")))
    return pictures


def training_files(folders: Folders) -> list[Path]:
    """Photographs to learn from: 19,000 + 10,000 of 64 x 64, and 6,000 of 32 x 32."""
    photos, _, _ = _photos(folders)
    tiny = folders.files("tiny_imagenet_dev", "*/train/**/*.*")
    cifar = folders.files("cifar10_dev", "*/train/**/*.jpg")
    chosen = np.random.default_rng(SEED).permutation(len(cifar))[:CIFAR]
    return [*photos, *tiny, *(cifar[index] for index in sorted(chosen))]


def crowd_files(folders: Folders) -> list[Path]:
    """19,000 photographs of 64 x 64 to search among; the network has seen them."""
    return _photos(folders)[0]


def tuning_files(folders: Folders) -> list[Path]:
    """1,000 photographs of 64 x 64 for choices between variants; neither trained on nor judged."""
    return _photos(folders)[1]


def small_files(folders: Folders) -> list[Path]:
    """1,000 photographs of 64 x 64 that nothing was learned or chosen from."""
    return _photos(folders)[2]


def full_size_files(folders: Folders) -> list[Path]:
    """250 photographs of about 500 x 375 that nothing was learned from."""
    return folders.files("imagenet_samples_dev", "*/*.JPEG")


def _photos(folders: Folders) -> tuple[list[Path], list[Path], list[Path]]:
    files = folders.files("photos_train", "*/**/*.jpg")
    order = np.random.default_rng(SEED).permutation(len(files))
    parts = np.split(order, [KEPT_BACK // 2, KEPT_BACK])
    tuning, judged, trained = ([files[index] for index in sorted(part)] for part in parts)
    return trained, tuning, judged
