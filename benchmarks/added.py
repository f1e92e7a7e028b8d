"""Seconds of seeking neighbours and planted copies anew, and of bringing them up to date.

    python benchmarks/added.py --work FOLDER [--images 100000] [--added 1000] [--dimensions 768]

A store is filled with what is found among N pictures; then A pictures are added, and then A others
are removed. Each time what the store makes of it is compared with a search from an empty store.
Printed are seconds of the processor, their ratio, and whether both found the same to the last bit.
Vectors are random and of unit length; copies lie at a cosine of 0.8, and no picture has labels.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from neighbors import unit_vectors
from numpy.typing import NDArray

from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.decode_pass import Pixels
from labelgate.fixtures.embeddings import Embeddings
from labelgate.fixtures.neighbor_table import find_nearest
from labelgate.fixtures.pictures import Pictures
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.planted_copies import draw_pictures
from labelgate.fixtures.planted_search import find_copies
from labelgate.fixtures.proposals import K
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import open_store

NEAR = 0.8
"""Cosine of a copy and its original."""


def silent(title: str, total: int | None) -> Any:  # noqa: ANN401
    """Tells nobody."""
    return nullcontext(lambda done: None)


class Made:
    """Some pictures of a large made-up set, all in one split."""

    def __init__(self, vectors: NDArray[np.float16], chosen: NDArray[np.int64]) -> None:
        """Chooses pictures of the set, which keep their hashes and vectors."""
        n, numbers = len(chosen), np.arange(len(chosen))
        hashes = np.random.default_rng(1).integers(0, 256, (len(vectors), 16), np.uint8)[chosen]
        side, content = np.full(n, 8, np.int32), np.hstack([hashes, hashes])
        caps = Caps(10**6, 10**6)
        self.pixels = Pixels(content, hashes, side, side, {}, 0, 0, 0.0, "none", caps)
        nothing = np.zeros(n, np.int32)
        self.pictures = Pictures(*[numbers] * 4, nothing.astype(np.int16), nothing)
        self.embeddings = Embeddings(vectors, chosen, "made up", "sha", 0, 0.0)
        self.drawn = draw_pictures(self.pixels, numbers)
        self.copies = np.stack(
            [copies_of(vectors[row], row) for row in chosen[self.drawn].tolist()]
        )

    def neighbors(self, store: Path) -> tuple[NDArray[Any], ...]:
        """Seeks neighbours in one split."""
        settings = Settings(store, store, None, None, store, 0, False, device="cpu")
        picture = self.pictures.identity
        of = self.pixels, picture, np.zeros_like(picture), 1, K, self.embeddings
        return find_nearest(*of, open_store(store), settings, silent)

    def planted(self, store: Path) -> tuple[NDArray[Any], ...]:
        """Seeks the copies of a hundred pictures."""
        of = self.pixels, self.pictures, self.embeddings, self.copies, self.drawn
        return find_copies(*of, open_store(store))


def copies_of(vector: NDArray[np.float16], row: int) -> NDArray[np.float16]:
    """(A, D) vectors at one cosine from that of an original."""
    whole = vector.astype(np.float32)
    noise = np.random.default_rng(row).standard_normal((len(ALTERATIONS), len(whole)), np.float32)
    noise -= (noise @ whole)[:, None] * whole
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    return (NEAR * whole + (1 - NEAR**2) ** 0.5 * noise).astype(np.float16)


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the processor that one call takes, on all threads."""
    started = time.process_time()
    found = run()
    return time.process_time() - started, found


def compare(made: Made, kept: Path, empty: Path, change: str) -> None:
    """Prints the rows of one change."""
    shutil.rmtree(empty, ignore_errors=True)
    for title in ("neighbors", "planted"):
        took, found = seconds(lambda: getattr(made, title)(kept))  # noqa: B023
        whole, expected = seconds(lambda: getattr(made, title)(empty))  # noqa: B023
        same = all(np.array_equal(*both) for both in zip(found, expected, strict=True))
        row = f"| {change} | {title} | {whole:.1f} | {took:.2f} | {whole / took:.0f} | {same} |"
        print(row, flush=True)


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--added", type=int, default=1_000)
    parser.add_argument("--dimensions", type=int, default=768)
    given = parser.parse_args()
    total, kept, empty = given.images + given.added, given.work / "kept", given.work / "empty"
    vectors = unit_vectors(total, given.dimensions, "cpu")
    shuffled = np.random.default_rng(2).permutation(total)
    shutil.rmtree(kept, ignore_errors=True)
    before = Made(vectors, np.sort(shuffled[: given.images]))
    before.neighbors(kept)
    before.planted(kept)
    print(f"{given.images:,} images of {given.dimensions} numbers\n")
    print(
        "| change | sought | anew, s | up to date, s | ratio | same |\n|---|---|---:|---:|---:|---|"
    )
    compare(Made(vectors, np.arange(total)), kept, empty, f"{given.added:,} added")
    left = np.sort(shuffled[given.added :])
    compare(Made(vectors, left), kept, empty, f"then {given.added:,} removed")


if __name__ == "__main__":
    main()
