"""A dataset of old pictures, which a second run may trust, and what the decode pass says of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.pixels import Caps

Measure = Callable[..., tuple[Dataset, Any]]
OLD = 1_600_000_000 * 10**9
CAPS = Caps(pixels=10**6, file_bytes=10**6)


def picture(file: Path, number: int, container: str = "PNG", mtime: int = OLD) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 5 + number % 3), (number % 256, number // 256, 3)).save(file, container)
    age(file, mtime)


def age(file: Path, mtime: int = OLD) -> None:
    os.utime(file, ns=(mtime, mtime))


def facts_of(measured: tuple[Dataset, Any]) -> dict[str, tuple[Any, ...]]:
    dataset, pixels = measured
    return {
        path: (
            pixels.content[i].tobytes(),
            pixels.hashes[i].tobytes(),
            int(pixels.width[i]),
            int(pixels.height[i]),
            pixels.problems.get(i),
        )
        for i, path in enumerate(dataset.paths)
    }


def cost(measured: tuple[Dataset, Any]) -> tuple[int, int]:
    return measured[1].read, measured[1].decoded


def lay_old_pictures(root: Path) -> Path:
    """Twelve old pictures, and two files that are none."""
    for number in range(12):
        picture(root / f"train/c{number % 2}/{number}.png", number)
    for number in range(2):
        (root / f"train/c0/bad{number}.png").write_bytes(b"no picture %d" % number)
        age(root / f"train/c0/bad{number}.png")
    return root
