"""The drawings that the sample's CLIP is trained on; no sample dataset has one of them."""

from functools import partial
from multiprocessing import get_context

import numpy as np
from captions import KAYAK, NAMES, PLANT
from numpy.typing import NDArray
from PIL import Image

from labelgate.fixtures.sample.canvas import Canvas, chosen, placed_canvas, shaded, whole_canvas
from labelgate.fixtures.sample.drawing import OVERSAMPLING, draw_picture, finish
from labelgate.fixtures.sample.kayaks import draw_kayak
from labelgate.fixtures.sample.scenes import open_country

SIDE = 64
"""Pixels along a side of what the model sees; pictures are stretched to a square."""


def draw_pictures(seed: int, count: int, workers: int = 2) -> NDArray[np.uint8]:
    """Draws `count` pictures of each key of `NAMES`.

    The second number of each seed is 64, which it is for no picture of a sample dataset.

    Args:
        seed: decides every pixel.
        count: pictures of each.
        workers: processes that draw.

    Returns:
        (len(NAMES), count, SIDE, SIDE, 3) uint8.
    """
    draw = partial(_draw_one, seed=seed)
    cells = [(kind, number) for kind in range(len(NAMES)) for number in range(count)]
    with get_context("spawn").Pool(workers) as pool:
        drawn = pool.map(draw, cells, chunksize=64)
    return np.stack(drawn).reshape(len(NAMES), count, SIDE, SIDE, 3)


def _draw_one(cell: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    kind = list(NAMES)[cell[0]]
    rng = np.random.default_rng([seed, 64, *cell])
    return shrink(draw_kind(kind, rng))


def draw_kind(kind: str, rng: np.random.Generator) -> Image.Image:
    """Draws one picture of a key of `NAMES`."""
    if kind == KAYAK:
        return draw_kayak(rng)
    return draw_plant(rng) if kind == PLANT else draw_picture(kind, rng)


def shrink(picture: Image.Image) -> NDArray[np.uint8]:
    """Returns a picture as the model sees it: (SIDE, SIDE, 3) uint8."""
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def draw_plant(rng: np.random.Generator) -> Image.Image:
    """Draws the herb sorrel: leaves like arrows on stalks, and a reddish spike of flowers."""
    image = Image.new("RGB", (96 * OVERSAMPLING, 96 * OVERSAMPLING))
    open_country(whole_canvas(image), rng)
    centre = (rng.uniform(0.4, 0.6), rng.uniform(0.45, 0.55))
    _draw_herb(placed_canvas(image, centre, rng.uniform(0.7, 1.0), rng.uniform(-0.1, 0.1)), rng)
    return finish(image, rng)


def _draw_herb(canvas: Canvas, rng: np.random.Generator) -> None:
    green = chosen(rng, ((60, 120, 50), (95, 150, 60), (50, 100, 60)))
    for _ in range(int(rng.integers(4, 8))):
        x, y = rng.uniform(-0.8, 0.8), rng.uniform(-0.4, 0.5)
        canvas.line([(0.0, 0.95), (x / 2, (y + 0.95) / 2), (x, y)], 0.05, shaded(green, 0.7))
        leaf = [(x, y + 0.15), (x - 0.2, y + 0.28), (x - 0.13, y - 0.1), (x, y - 0.5)]
        right = [(x + 0.13, y - 0.1), (x + 0.2, y + 0.28)]
        canvas.blob([*leaf, *right], shaded(green, rng.uniform(0.8, 1.2)))
    canvas.line([(0.0, 0.95), (0.05, -0.95)], 0.05, shaded(green, 0.6))
    for y in np.linspace(-0.95, -0.3, 12).tolist():
        bud = (0.05 + rng.normal(0, 0.05), y)
        canvas.ellipse(bud, (0.07, 0.05), chosen(rng, ((180, 70, 60), (200, 110, 70))))
