"""Small copies of pictures, as files of the report folder."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    RGB = npt.NDArray[np.uint8]

T = TypeVar("T")

SIDE = 320
"""Pixels of the long side: four stand side by side on a page of 1,400 px, and a screen of two dots
a pixel shows five smaller ones without blur."""

QUALITY = 85
"""WebP quality of a picture that was made smaller; the evidence is the original file."""

EFFORT = 2
"""WebP's scale of 0 to 6. On photographs 4, its default, takes 1.6 times as long and saves 2 %."""


def keep_last(make: Callable[[str], T]) -> Callable[[str], T]:
    """Decodes or prepares an image once for all that is made of it one after the other.

    Two images are kept, because a pair needs two and a picture may take hundreds of megabytes.
    """
    return lru_cache(maxsize=2)(make)


def stored_size(width: int, height: int, side: int = SIDE) -> tuple[int, int]:
    """Returns width and height of the copy of a picture: its own, if no side is longer than `side`.

    Args:
        width: Pixels, at least 1.
        height: Pixels, at least 1.
        side: Pixels, at least 1.
    """
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def write_thumbnail(pixels: RGB, target: str | Path, side: int = SIDE) -> None:
    """Writes a copy of an image whose long side is at most `side`.

    An image that is small enough keeps every pixel and is stored without loss, because a single
    differing pixel may be what the reader looks for. Nothing is ever enlarged.

    Args:
        pixels: uint8 array (H, W, 3), canonical RGB pixels, H and W at least 1.
        target: The file to write, with the suffix `.webp`.
        side: Pixels, at least 1.

    Raises:
        ValueError: If the array is not (H, W, 3) of uint8, or has no pixels.
    """
    from PIL import Image

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != "uint8" or not pixels.size:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not uint8 (H, W, 3)")
    image = Image.fromarray(pixels)
    size = stored_size(*image.size, side)
    whole = size == image.size
    if not whole:
        image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    image.save(target, "WEBP", lossless=whole, quality=QUALITY, method=EFFORT)
