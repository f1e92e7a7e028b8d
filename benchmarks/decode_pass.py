"""Images per second of the decode pass, beside the barest loops that read and hash the same files.

    python benchmarks/decode_pass.py --work FOLDER [--rounds 3] [--workers 2]

Each round runs every loop once, in turn, so that a machine that slows down slows all of them. All
start from spawned processes and read from the page cache; ours writes its store besides.
"""

import argparse
import multiprocessing
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import simplejpeg
import xxhash
from data import full_size, one_dataset, unpack
from PIL import Image

from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.decode_pass import BATCH, measure_pixels
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.store import open_store


def hash_with_pillow(files: Sequence[str]) -> int:
    """The barest loop with Pillow."""
    for file in files:
        with Image.open(file) as image:
            xxhash.xxh3_128_digest(np.asarray(image.convert("RGB")))
    return len(files)


def hash_with_simplejpeg(files: Sequence[str]) -> int:
    """The barest loop with simplejpeg."""
    for file in files:
        with open(file, "rb") as stream:
            xxhash.xxh3_128_digest(simplejpeg.decode_jpeg(stream.read(), "RGB"))
    return len(files)


def in_processes(function: Callable[[Sequence[str]], int], dataset: Dataset, workers: int) -> None:
    """Runs a bare loop over all files, in batches as large as ours."""
    files = [f"{dataset.root}/{path}" for path in dataset.paths]
    batches = [files[i : i + BATCH] for i in range(0, len(files), BATCH)]
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        assert sum(pool.imap_unordered(function, batches)) == len(files)


def decode_pass(dataset: Dataset, work: Path, workers: int) -> None:
    """Our pass, from an empty store."""
    store = work / "store"
    shutil.rmtree(store, ignore_errors=True)
    settings = Settings(dataset.root, work, None, None, store, workers, rehash=False)
    caps = read_limits(None).caps
    pixels = measure_pixels(dataset, open_store(store), caps, settings, silent)
    assert pixels.decoded + pixels.read >= len(dataset.paths)


@contextmanager
def silent(_title: str, _total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress that says nothing."""
    yield lambda _: None


def main() -> None:
    """Prints one table a dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    for name, root in (
        ("CIFAR-10, 32 x 32", unpack("cifar10_dev", given.work)),
        ("three sets together, 32 x 32 and 64 x 64", one_dataset(given.work)),
        ("ImageNet-size photographs", full_size(given.work)),
    ):
        compare(name, read_dataset(root), given.work, given.rounds, given.workers)


def compare(name: str, dataset: Dataset, work: Path, rounds: int, workers: int) -> None:
    """Runs the loops in turn and prints medians and ratios."""
    loops: dict[str, Callable[[], None]] = {
        "Pillow + xxh3": lambda: in_processes(hash_with_pillow, dataset, workers),
        "simplejpeg + xxh3": lambda: in_processes(hash_with_simplejpeg, dataset, workers),
        "labelgate decode pass": lambda: decode_pass(dataset, work, workers),
    }
    seconds: dict[str, list[float]] = {loop: [] for loop in loops}
    for _ in range(rounds):
        for loop, run in loops.items():
            started = time.perf_counter()
            run()
            seconds[loop].append(time.perf_counter() - started)
    ours = seconds["labelgate decode pass"]
    print(f"\n{name}: {len(dataset.paths):,} files, {workers} processes, {rounds} rounds\n")
    print("| loop | seconds (median) | images/s | ours / this (median of rounds) |")
    print("|---|---:|---:|---:|")
    for loop, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(ours, times, strict=True))
        median = statistics.median(times)
        print(f"| {loop} | {median:.2f} | {len(dataset.paths) / median:,.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
