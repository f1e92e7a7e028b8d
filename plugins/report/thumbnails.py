"""The pictures of the report: groups of images side by side, each as a small copy of its pixels."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.measurements import GROUPS_SHOWN, PATHS_SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

LONG_SIDE = 200
"""Pixels. Five pictures stand side by side on a page of 1,280 px, and a copy is seen as one."""

QUALITY = 85
"""WebP quality of a picture that was made smaller; the evidence is the original file."""

LARGEST_SCALE = 8
"""A picture of a few pixels is not blown up to a wall of colour."""


def draw_once(
    images: Path, thumbnail: Callable[[str], npt.NDArray[np.uint8]]
) -> Callable[[str], dict[str, Any]]:
    """Returns `draw_picture` for a folder: each image is decoded once and given the next number."""
    numbers = itertools.count(1)

    @cache
    def draw(path: str) -> dict[str, Any]:
        return draw_picture(path, thumbnail, images / f"thumbnail-{next(numbers):05d}.webp")

    return draw


def draw_picture(
    path: str, thumbnail: Callable[[str], npt.NDArray[np.uint8]], target: Path
) -> dict[str, Any]:
    """Stores the thumbnail of one image and says how large a page shows it.

    Args:
        path: The image, relative to the dataset root.
        thumbnail: Path to canonical pixels, uint8 (H, W, 3).
        target: The file to write.

    Returns:
        `file`, `width`, `height` (as shown, CSS pixels) and `enlarged`; or only `error`, the reason
        why the image has no pixels.
    """
    try:
        pixels = thumbnail(path)
    except Exception as error:  # whatever a decoder raises is a finding, and the page shows it
        return {"error": str(error) or type(error).__name__}
    width, height = write_thumbnail(pixels, target)
    scale = max(1, min(LARGEST_SCALE, LONG_SIDE // max(width, height)))
    shown = {"width": width * scale, "height": height * scale, "enlarged": scale > 1}
    return {"file": target.name, **shown}


def write_thumbnail(pixels: npt.NDArray[np.uint8], target: Path) -> tuple[int, int]:
    """Writes a copy of an image whose long side is at most `LONG_SIDE`.

    An image that is small enough keeps every pixel and is stored without loss, because a single
    differing pixel may be what the reader looks for. Nothing is ever enlarged.

    Args:
        pixels: uint8 array (H, W, 3), canonical RGB pixels, H and W at least 1.
        target: The file to write, with the suffix `.webp`.

    Returns:
        Width and height of the stored picture.

    Raises:
        ValueError: If the array is not (H, W, 3) of uint8, or has no pixels.
    """
    from PIL import Image

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != "uint8" or not pixels.size:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not uint8 (H, W, 3)")
    image = Image.fromarray(pixels)
    scale = LONG_SIDE / max(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    image.save(target, "WEBP", lossless=scale >= 1, quality=QUALITY)
    return image.width, image.height


def show_groups(
    groups: list[list[str]],
    sizes: list[int],
    describe: Callable[[str], tuple[str, str | None]],
    show: Callable[[str], dict[str, Any]],
) -> list[dict[str, Any]]:
    """Makes the groups of images that a page shows, each with what its images disagree about.

    Args:
        groups: Groups of paths; the first `GROUPS_SHOWN` are shown.
        sizes: How many images each group has, those left out of it included.
        describe: Path to split and label; the label is None for an unlabelled image.
        show: Path to what `draw_picture` returns for it.

    Returns:
        A dictionary a group: `members`, the first `PATHS_SHOWN` images; `size`; `splits` and
        `labels` of the paths given, unlabelled images left out of `labels`.
    """
    views = []
    for paths, size in zip(groups[:GROUPS_SHOWN], sizes, strict=False):
        described = [describe(path) for path in paths]
        members = [
            {"path": path, "split": split, "label": label, **show(path)}
            for path, (split, label) in zip(paths[:PATHS_SHOWN], described, strict=False)
        ]
        splits = sorted({split for split, _ in described})
        labels = sorted({label for _, label in described if label is not None})
        views.append({"members": members, "size": size, "splits": splits, "labels": labels})
    return views
