"""The pictures of the report: groups of images side by side, each as a small copy of its pixels."""

from __future__ import annotations

import itertools
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from labelgate.fixtures.measurements import GROUPS_SHOWN, PATHS_SHOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    RGB = npt.NDArray[np.uint8]

T = TypeVar("T")

LONG_SIDE = 200
"""Pixels. Five pictures stand side by side on a page of 1,280 px, and a copy is seen as one."""

PAIR_SIDE = 320
"""The same for a picture of a pair, beside its partner and their difference."""

QUALITY = 85
"""WebP quality of a picture that was made smaller; the evidence is the original file."""

EFFORT = 2
"""WebP's scale of 0 to 6. On photographs 4, its default, takes 1.6 times as long and saves 2 %."""

LARGEST_SCALE = 8
"""A picture of a few pixels is not blown up to a wall of colour."""


def keep_last(make: Callable[[str], T]) -> Callable[[str], T]:
    """Decodes or prepares an image once for all that is made of it one after the other.

    Two images are kept, because a pair needs two and a picture may take hundreds of megabytes.
    """
    return lru_cache(maxsize=2)(make)


def draw_once(
    images: Path, thumbnail: Callable[[str], RGB | None]
) -> Callable[[str, int], dict[str, Any]]:
    """Returns `draw_picture` of a path and a side; a picture is drawn once and numbered."""
    numbers = itertools.count(1)

    @cache
    def draw(path: str, side: int) -> dict[str, Any]:
        target = images / f"thumbnail-{next(numbers):05d}.webp"
        return draw_picture(lambda: thumbnail(path), target, side)

    return draw


def draw_picture(make: Callable[[], RGB | None], target: Path, side: int) -> dict[str, Any]:
    """Stores a picture and says how large a page shows it.

    Args:
        make: Returns its pixels, uint8 (H, W, 3), or None where the image is not here.
        target: The file to write.
        side: The long side that the page has room for, in CSS pixels.

    Returns:
        `file`, `width`, `height` (as shown, CSS pixels), `enlarged`, and `pixels`, the size of the
        original in words; or only `error`, the reason why there is no picture; or only `absent`.
    """
    try:
        pixels = make()
        if pixels is None:
            return {"absent": True}
        width, height = write_thumbnail(pixels, target, side)
    except Exception as error:  # whatever a decoder raises is a finding, and the page shows it
        return {"error": tell_error(error)}
    scale = max(1, min(LARGEST_SCALE, side // max(width, height)))
    shown = {"width": width * scale, "height": height * scale, "enlarged": scale > 1}
    size = f"{pixels.shape[1]:,} \N{MULTIPLICATION SIGN} {pixels.shape[0]:,}"
    return {"file": target.name, **shown, "pixels": size}


def tell_error(error: Exception) -> str:
    """Says why there is no picture."""
    return str(error) or type(error).__name__


def write_thumbnail(pixels: RGB, target: Path, longest: int = LONG_SIDE) -> tuple[int, int]:
    """Writes a copy of an image whose long side is at most `longest`.

    An image that is small enough keeps every pixel and is stored without loss, because a single
    differing pixel may be what the reader looks for. Nothing is ever enlarged.

    Args:
        pixels: uint8 array (H, W, 3), canonical RGB pixels, H and W at least 1.
        target: The file to write, with the suffix `.webp`.
        longest: Pixels.

    Returns:
        Width and height of the stored picture.

    Raises:
        ValueError: If the array is not (H, W, 3) of uint8, or has no pixels.
    """
    from PIL import Image

    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != "uint8" or not pixels.size:
        raise ValueError(f"pixels are {pixels.dtype} {pixels.shape}, not uint8 (H, W, 3)")
    image = Image.fromarray(pixels)
    scale = longest / max(image.size)
    if scale < 1:
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    image.save(target, "WEBP", lossless=scale >= 1, quality=QUALITY, method=EFFORT)
    return image.width, image.height


def show_groups(
    result: dict[str, Any],
    compared: bool,
    describe: Callable[[str], tuple[str, str | None]],
    show: Callable[[str, int], dict[str, Any]],
    differ: Callable[[str, str], dict[str, Any]],
) -> dict[str, Any]:
    """Makes the groups of images that a page shows of a result.

    A group that two splits have in common is among the examples of both, and is shown once.

    Args:
        result: A result of the report.
        compared: Whether groups of two are pairs whose difference is shown.
        describe: Path to split and label; the label is None for an unlabelled image.
        show: Path and long side to what `draw_picture` returns for it.
        differ: Two paths to the same for their difference.

    Returns:
        `groups`, at most `GROUPS_SHOWN`, and `total`, how many there are, or None where that is not
        known because some may have been counted in two splits.
    """
    captions = result.get("captions") or [""] * len(result["examples"])
    distinct: dict[frozenset[str], tuple[list[str], int, str]] = {}
    for paths, size, caption in zip(result["examples"], result["sizes"], captions, strict=True):
        distinct.setdefault(frozenset(paths), (paths, size, caption))
    groups = []
    for paths, size, caption in itertools.islice(distinct.values(), GROUPS_SHOWN):
        pair = compared and len(paths) == size == 2
        group = _show_group(paths, describe, show, PAIR_SIDE if pair else LONG_SIDE)
        seen = not any(member.get("absent") for member in group["members"])
        group |= {"size": size, "caption": caption}
        groups.append(group | {"difference": differ(*paths) if pair and seen else None})
    repeated = len(result["examples"]) - len(distinct)
    complete = result["groups"] == len(result["examples"])
    total = result["groups"] - repeated if complete or not repeated else None
    return {"groups": groups, "total": total}


def _show_group(
    paths: list[str],
    describe: Callable[[str], tuple[str, str | None]],
    show: Callable[[str, int], dict[str, Any]],
    side: int,
) -> dict[str, Any]:
    """Shows the first `PATHS_SHOWN` images of a group, and what all of its images differ in."""
    described = [describe(path) for path in paths]
    members = [
        {"path": path, "split": split, "label": label, **show(path, side)}
        for path, (split, label) in zip(paths[:PATHS_SHOWN], described, strict=False)
    ]
    splits = sorted({split for split, _ in described})
    labels = sorted({label for _, label in described if label is not None})
    alike = len(set(described)) == 1
    return {"members": members, "splits": splits, "labels": labels, "alike": alike}
