"""Planted copies: photographs, each altered in every way, and descriptors to compare."""

import multiprocessing
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.embedders.preparation import Preparation

RGB = NDArray[np.uint8]
SEED = 7
"""Of the alterations: number m of photograph n is drawn from [SEED, n, m]."""

Described = dict[str, NDArray[np.generic]]
"""By name: (V, N, ...) arrays, V versions of N photographs; version 0 is the photograph itself."""

QUARTERS = ((0.2, 0.2), (0.0, 0.0), (0.4, 0.0), (0.0, 0.4), (0.4, 0.4))
"""Where further views begin, as shares of the sides: each is 60 % of each side."""


def describe(pixels: RGB, size: int) -> Described:
    """What is kept of one version: the network's input, and descriptors to compare it with."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small.astype(np.float32))[:8, :8].ravel()
    kept = {
        "input": Preparation(size, size, "stretch", "bicubic")(pixels),
        "16x16 RGB": cv2.resize(pixels, (16, 16), interpolation=cv2.INTER_AREA),
        "32x32 grey": small,
        "pHash": low > np.median(low),
    }
    if find_spec("pdqhash"):
        import pdqhash

        forms, _ = pdqhash.compute_dihedral(np.ascontiguousarray(pixels))
        kept["PDQ, eight forms"] = np.array(forms, bool)
    return kept


def versions(numbered: tuple[int, Path], size: int, altered: bool) -> Described:
    """All versions of one photograph, stacked; of the unaltered one also further views."""
    number, file = numbered
    cv2.setNumThreads(0)
    with Image.open(file) as image:
        pixels = np.array(image.convert("RGB"))
    pictures = [pixels]
    if altered:
        for place, alteration in enumerate(ALTERATIONS):
            pictures.append(alteration.apply(pixels, np.random.default_rng([SEED, number, place])))
    described = [describe(picture, size) for picture in pictures]
    stacked = {name: np.stack([one[name] for one in described]) for name in described[0]}
    if altered:
        prepare = Preparation(size, size, "stretch", "bicubic")
        stacked["views"] = np.stack([prepare(view) for view in _views(pixels)])
    return stacked


def _views(pixels: RGB) -> Iterator[RGB]:
    height, width = pixels.shape[:2]
    for left, top in QUARTERS:
        x, y = round(left * width), round(top * height)
        yield pixels[y : y + round(0.6 * height), x : x + round(0.6 * width)]


def plant(files: list[Path], size: int, altered: bool, cache: Path) -> Described:
    """Describes all versions of all photographs in two processes, or reads what an earlier run did.

    Returns:
        (V, N, ...) arrays; "views" is (5, N, size, size, 3).
    """
    if not cache.exists():
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            work = partial(versions, size=size, altered=altered)
            rows = pool.map(work, list(enumerate(files)), 8)
        arrays = {name: np.stack([row[name] for row in rows], 1) for name in rows[0]}
        cache.parent.mkdir(parents=True, exist_ok=True)
        with cache.with_suffix(".part").open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        cache.with_suffix(".part").rename(cache)
    with np.load(cache, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
