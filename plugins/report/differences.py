"""The difference of two pictures: what an auditor looks at to believe that they are a pair."""

from __future__ import annotations

import itertools
from functools import cache
from typing import TYPE_CHECKING, Any

from labelgate.plugins.report.thumbnails import PAIR_SIDE, draw_picture, keep_last, tell_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from labelgate.fixtures.alignment import View
    from labelgate.fixtures.transforms import Transform

    RGB = npt.NDArray[np.uint8]


def draw_differences(
    images: Path, thumbnail: Callable[[str], RGB | None]
) -> Callable[[str, str], dict[str, Any]]:
    """Returns what draws the difference image of two paths, once for each pair and direction.

    Args:
        images: The folder of the report's pictures.
        thumbnail: Path to canonical pixels, uint8 (H, W, 3), or None for an image that is not here.

    Returns:
        A function of two paths, a and b, that returns what `draw_picture` does and `transform`, how
        b lies on a in words; only `error` if aligning raised, and `unlaid` if a and b could not be
        laid on each other.
    """
    numbers = itertools.count(1)

    def pixels_of(path: str) -> RGB:
        if (pixels := thumbnail(path)) is None:
            raise FileNotFoundError(f"{path} is not here")
        return pixels

    view_of = keep_last(lambda path: _prepare(pixels_of(path)))

    @cache
    def draw(a: str, b: str) -> dict[str, Any]:
        try:
            transform = _lay(view_of(a), view_of(b))
        except Exception as error:  # the page shows it: no report is lost to a picture
            return {"error": tell_error(error)}
        if transform is None:
            return {"unlaid": True}
        target = images / f"difference-{next(numbers):05d}.webp"
        drawn = draw_picture(
            lambda: _subtract(pixels_of(a), pixels_of(b), transform), target, PAIR_SIDE
        )
        return drawn | {"transform": str(transform)}

    return draw


def _prepare(pixels: RGB) -> View:
    from labelgate.fixtures.alignment import view

    return view(pixels)


def _lay(a: View, b: View) -> Transform | None:
    from labelgate.fixtures.alignment import align

    return align(a, b).transform


def _subtract(a: RGB, b: RGB, transform: Transform) -> RGB:
    from labelgate.fixtures.difference import difference_image

    return difference_image(a, b, transform)
