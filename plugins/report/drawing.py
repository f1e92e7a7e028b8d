"""Draws the pictures of a report, while the dataset is there to draw them from.

`pictures.json` describes them, so that the pages can be rendered again from the folder alone: on
another machine, without the dataset, or after reports of several shards were laid together. Files
are named by the path of their image, so that those of two shards never stand in each other's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelgate.fixtures.report_json import write_json
from labelgate.plugins.report.pictures import PICTURES, SCHEMA, name_pair, name_picture
from labelgate.plugins.report.thumbnails import SIDE, keep_last, write_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from labelgate.fixtures.alignment import View
    from labelgate.fixtures.transforms import Transform

    RGB = npt.NDArray[np.uint8]
    Describe = Callable[[str], tuple[str, str | None]]
    Decode = Callable[[str], RGB | None]


def draw_pictures(
    folder: Path,
    wanted: Iterable[tuple[Sequence[str], bool]],
    describe: Describe,
    decode: Decode,
) -> None:
    """Draws groups of images into `images/` and writes `pictures.json`; nothing is drawn twice.

    Args:
        folder: The report folder, which exists.
        wanted: Groups of paths, and of each whether it is a pair that is laid on each other.
        describe: Path to split and label; the label is None for an unlabelled image.
        decode: Path to canonical pixels, uint8 (H, W, 3), or None for an image that is not here.
            What it raises is told in place of the picture.
    """
    (folder / "images").mkdir(exist_ok=True)
    decode_once = keep_last(decode)
    view_once = keep_last(lambda path: _view(_need(decode_once, path)))
    images: dict[str, dict[str, Any]] = {}
    pairs: dict[tuple[str, str], dict[str, Any]] = {}
    for paths, compared in wanted:
        for path in paths:
            if path not in images:
                images[path] = _stand(describe, path) | draw_image(
                    folder / "images" / name_picture(path), path, decode_once
                )
        if compared and len(paths) == 2 and not any(images[path].get("absent") for path in paths):
            pair = paths[0], paths[1]
            if pair not in pairs:
                pairs[pair] = _draw_pair(folder, pair, decode_once, view_once)
    told = [{"a": a, "b": b, **drawn} for (a, b), drawn in pairs.items()]
    content = {"schema": SCHEMA, "images": images, "pairs": told}
    write_json(folder / PICTURES, content)


def _stand(describe: Describe, path: str) -> dict[str, Any]:
    split, label = describe(path)
    return {"split": split, "label": label}


def draw_image(target: Path, path: str, decode: Decode, side: int = SIDE) -> dict[str, Any]:
    """Draws the small copy of an image, of `side` pixels at most, into a file.

    Returns:
        `pixels`, the size of the original, or `absent`, or `error`: why there is no picture.
    """
    try:
        pixels = decode(path)
        if pixels is None:
            return {"absent": True}
        write_thumbnail(pixels, target, side)
    except Exception as error:  # whatever a decoder raises is a finding, and the page shows it
        return {"error": _tell(error)}
    return {"pixels": [pixels.shape[1], pixels.shape[0]]}


def _draw_pair(
    folder: Path, pair: tuple[str, str], decode: Decode, view_of: Callable[[str], View]
) -> dict[str, Any]:
    """Draws b as it lies on a, and their difference.

    Returns:
        `transform`, how b lies on a in words, and `size` of both pictures; or `unlaid` if a and b
        could not be laid on each other; or only `error`.
    """
    from labelgate.fixtures.alignment import align
    from labelgate.fixtures.difference import difference_image, laid_image

    try:
        transform: Transform | None = align(view_of(pair[0]), view_of(pair[1])).transform
        if transform is None:
            return {"unlaid": True}
        a, b = (_need(decode, path) for path in pair)
        laid = laid_image(a, b, transform, SIDE)
        drawn = {"laid": laid, "difference": difference_image(a, b, transform, SIDE)}
        for kind, pixels in drawn.items():
            write_thumbnail(pixels, folder / "images" / name_pair(kind, *pair))
    except Exception as error:  # the page shows it: no report is lost to a picture
        return {"error": _tell(error)}
    return {"transform": str(transform), "size": [laid.shape[1], laid.shape[0]]}


def _need(decode: Decode, path: str) -> RGB:
    if (pixels := decode(path)) is None:
        raise FileNotFoundError(f"{path} is not here")
    return pixels


def _view(pixels: RGB) -> View:
    from labelgate.fixtures.alignment import view

    return view(pixels)


def _tell(error: Exception) -> str:
    return str(error) or type(error).__name__
