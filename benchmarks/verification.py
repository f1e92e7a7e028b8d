"""Pairs per second of the alignment, for strangers and for copies, and of the whole pass.

    python benchmarks/verification.py --work FOLDER [--pairs 2000] [--workers 2]

Alignment alone runs on one core, on views that are already made; strangers are random pairs and
those that look most alike as 16 x 16 thumbnails, copies are alterations of the same pictures. The
pass reads, decodes and aligns from an empty store, in worker processes, and then once more.
"""

import argparse
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from data import full_size, unpack
from PIL import Image

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.alignment import View, align, view
from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.colours import RGB
from labelgate.fixtures.decode_pass import measure_pixels
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import open_store
from labelgate.fixtures.verification import verify_pairs

Pair = tuple[int, int]


def read(files: Sequence[Path]) -> list[RGB]:
    """Decodes a few pictures."""
    pictures = []
    for file in files:
        with Image.open(file) as image:
            pictures.append(np.asarray(image.convert("RGB")))
    return pictures


def alike(views: Sequence[View]) -> list[Pair]:
    """Pairs each picture with the two that look most like it as 16 x 16 thumbnails."""
    small = [cv2.resize(one.grey, (16, 16), interpolation=cv2.INTER_AREA) for one in views]
    vectors = np.stack(small).reshape(len(views), -1).astype(np.float64)
    vectors -= vectors.mean(1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -2)
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :2]
    return sorted({(min(i, j), max(i, j)) for i, row in enumerate(nearest.tolist()) for j in row})


def time_alignment(name: str, pictures: Sequence[RGB], pairs: int) -> None:
    """Prints rows for making views and for aligning random, alike and altered pairs."""
    cv2.setNumThreads(1)
    started = time.process_time()
    views = [view(picture) for picture in pictures]
    each = (time.process_time() - started) / len(views)
    print(f"| {name} | views | {len(views):,} | {1e3 * each:.2f} | {1 / each:,.0f} | |")
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(views), size=(pairs, 2)).tolist()
    strangers = {"random": [(i, j) for i, j in drawn if i != j], "most alike": alike(views)}
    for kind, chosen in strangers.items():
        tell(name, f"strangers, {kind}", [(views[i], views[j]) for i, j in chosen])
    copies = [
        (views[i], view(how.apply(pictures[i], np.random.default_rng([number, i]))))
        for number, how in enumerate(ALTERATIONS)
        for i in range(number % 8, len(views), max(8, len(views) * len(ALTERATIONS) // pairs))
    ]
    tell(name, "altered copies", copies)


def tell(name: str, what: str, pairs: Sequence[tuple[View, View]]) -> None:
    """Aligns pairs and prints a row."""
    started = time.process_time()
    kinds = [align(a, b).kind for a, b in pairs]
    each = (time.process_time() - started) / len(pairs)
    found = 1 - kinds.count("different") / len(kinds)
    print(
        f"| {name} | {what} | {len(pairs):,} | {1e3 * each:.2f} | {1 / each:,.0f} | {found:.4f} |"
    )


def time_pass(name: str, root: Path, work: Path, pairs: int, workers: int) -> None:
    """Prints rows for the whole pass over random pairs and some copies, and for a second run."""
    dataset = read_dataset(root)
    store = work / "store_of_pairs"
    shutil.rmtree(store, ignore_errors=True)
    settings = Settings(**{**DEFAULT, "dataset": dataset.root, "store": store, "workers": workers})
    caps = read_limits(None).caps
    opened = open_store(store)
    pixels = measure_pixels(dataset, opened, caps, settings, silent)
    rng = np.random.default_rng(0)
    first = rng.integers(len(dataset.paths) - 1, size=pairs)
    second = np.minimum(first + rng.integers(1, 20, pairs), len(dataset.paths) - 1)
    for run in ("first run", "second run"):
        started = time.perf_counter()
        found = verify_pairs(
            dataset, pixels, np.stack([first, second], 1), opened, caps, settings, silent
        )
        seconds = time.perf_counter() - started
        print(
            f"| {name} | {run} | {found.aligned:,} of {pairs:,} | {seconds:.2f} "
            f"| {pairs / seconds:,.0f} |"
        )


DEFAULT = {
    name: {"report": Path(), "rehash": False}.get(name) for name in Settings.__dataclass_fields__
}
"""Settings of no concern here."""


@contextmanager
def silent(_title: str, _total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress that says nothing."""
    yield lambda _: None


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    tiny = unpack("cifar10_dev", given.work)
    sets = {
        "CIFAR-10, 32 x 32": sorted((tiny / "test").glob("*/*.jpg"))[::20],
        "photographs, 64 x 64": sorted(unpack("photos_train", given.work).rglob("*.*"))[::80],
        "ImageNet-size": sorted(unpack("imagenet_samples_dev", given.work).glob("*.JPEG")),
    }
    print("| pictures | what | number | ms of processor time each | a second and core | found |")
    print("|---|---|---:|---:|---:|---:|")
    for name, files in sets.items():
        time_alignment(name, read(files), given.pairs)
    print("\n| dataset | pass | aligned | seconds | pairs/s |\n|---|---|---:|---:|---:|")
    time_pass("CIFAR-10, 30,000", tiny, given.work, 10 * given.pairs, given.workers)
    time_pass("ImageNet-size, 2,500", full_size(given.work), given.work, given.pairs, given.workers)


if __name__ == "__main__":
    main()
