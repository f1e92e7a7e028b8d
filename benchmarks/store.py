"""Bytes an image in the store, how long it takes to open, and what adding images costs.

    python benchmarks/store.py --work FOLDER [--images 10000 100000] [--dimensions 768] [--bare]

Facts are random and laid into the tables that a run writes, through the same functions and in parts
as large as a pass writes every 5 seconds. Bytes are those of the files, all tables counted.
"""

import argparse
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelgate.fixtures.embeddings import find_rows
from labelgate.fixtures.fact_tables import FILES, PIXELS, file_rows, pixel_rows
from labelgate.fixtures.neighbor_table import Kept
from labelgate.fixtures.proposals import K
from labelgate.fixtures.store import Store, Table, first_of_each, open_store
from labelgate.fixtures.vector_table import VectorTable
from labelgate.fixtures.verification import _store as store_pairs

PART = 5_000
"""Images of a part: 5 seconds of decoding ImageNet-size photographs on two cores."""

SPLITS = 3
"""Each image has K neighbours in each split."""

PAIRS = 0.5
"""Aligned pairs an image; Tiny ImageNet, where images are alike, has 0.5."""

ADDED = 10_000
"""Images that are added."""


def contents(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """(count, 32) random hashes."""
    return rng.integers(0, 256, (count, 32), np.uint8)


def add_facts(store: Store, content: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """What the decode pass stores."""
    n = len(content)
    numbers = rng.integers(10**7, size=n)
    paths = tuple(f"train/n0{i % 1000 + 1440764}/n0{i % 1000 + 1440764}_{i}.JPEG" for i in numbers)
    mtime = 1_340_000_000_000_000_000 + rng.integers(10**15, size=n)
    seen = np.full(n, time.time_ns(), np.int64)
    store.table("files", "root").append(
        file_rows((paths, rng.integers(10**4, 10**6, n), mtime, seen, content.tobytes()))
    )
    side = rng.integers(200, 600, (2, n))
    hashes = rng.integers(0, 256, (n, 16), np.uint8).tobytes()
    columns = (content.tobytes(), hashes, *side, ("RGB",) * n, ("JPEG",) * n, np.ones(n, np.int64))
    store.table("pixels", "decoder").append(pixel_rows(columns, []))


def add_vectors(table: VectorTable, content: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """What the embedding pass stores."""
    vectors = rng.standard_normal((len(content), table.dimensions)).astype(np.float16)
    table.append(content, vectors)


def add_pairs(kept: Kept, count: int, rng: np.random.Generator) -> None:
    """What the search stores."""
    shape = count, SPLITS, K
    index = rng.integers(count, size=shape, dtype=np.int32)
    kept.write("", (index, rng.random(shape).astype(np.float32)))


def add_aligned(table: Table, count: int, rng: np.random.Generator) -> None:
    """What aligning pairs stores; one in ten is a copy."""
    rows = [
        (
            rng.bytes(32),
            "augmentation",
            rng.random(),
            rng.random(6).tolist(),
            *rng.random(3),
            "none",
        )
        if i % 10 == 0
        else (rng.bytes(32), "different", rng.random(), None, None, None, None, None)
        for i in range(count)
    ]
    store_pairs(rows, table)


def timed(action: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def size_of(folder: Path) -> dict[str, int]:
    """Bytes by table, without what was merged and is kept a day."""
    sizes: dict[str, int] = {}
    for part in folder.rglob("part-*"):
        name = part.parent.name.rpartition("-")[0]
        sizes[name] = sizes.get(name, 0) + part.stat().st_size
    return sizes


class Filled:
    """A store with the facts of N images."""

    def __init__(self, folder: Path, count: int, dimensions: int, bare: bool) -> None:
        """Writes them, part by part."""
        self.rng = np.random.default_rng(0)
        self.store = open_store(folder)
        self.files, self.pixels = (
            self.store.table("files", "root"),
            self.store.table("pixels", "decoder"),
        )
        self.vectors = VectorTable(self.store.table("vectors", "embedder").folder, dimensions)
        self.known = contents(self.rng, count)
        self.add(self.known)
        if not bare:
            self.add_pairs(count)

    def add_pairs(self, count: int) -> None:
        """Writes what is stored of pairs."""
        add_pairs(Kept(self.store, (count,), SPLITS, K), count, self.rng)
        add_aligned(self.store.table("aligned", "rules"), int(PAIRS * count), self.rng)

    def add(self, content: NDArray[np.uint8]) -> None:
        """Adds images, and merges as the run does."""
        for first in range(0, len(content), PART):
            add_facts(self.store, content[first : first + PART], self.rng)
            add_vectors(self.vectors, content[first : first + PART], self.rng)
        for table, schema in ((self.files, FILES), (self.pixels, PIXELS)):
            if table.has_many_parts():
                kept = partial(first_of_each, "content") if schema is PIXELS else lambda rows: rows
                table.merge(kept, schema)
        self.vectors.read()

    def open(self) -> tuple[float, float]:
        """Seconds to read the facts, and to map the vectors and find those of all images."""
        facts = timed(lambda: (self.files.read(FILES), self.pixels.read(PIXELS)))
        vectors = timed(lambda: find_rows(self.known, self.vectors.read().content))
        return facts, vectors


def main() -> None:
    """Prints a row for each number of images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_431_167])
    parser.add_argument("--dimensions", type=int, default=768)
    parser.add_argument("--bare", action="store_true", help="no neighbours, no pairs: less memory")
    given = parser.parse_args()
    print("| images | bytes an image | " + " | ".join(TABLES), end=" ")
    print("| parts | open facts, s | open vectors, s | add 10,000, s | written, MB |")
    print("|---:" * (7 + len(TABLES)) + "|")
    for count in given.images:
        shutil.rmtree(given.work / "store", ignore_errors=True)
        print_row(Filled(given.work / "store", count, given.dimensions, given.bare))
    shutil.rmtree(given.work / "store", ignore_errors=True)


def print_row(filled: Filled) -> None:
    """Measures sizes, opening and adding; what is added and merged counts as written."""
    count, folder = len(filled.known), filled.store.folder
    sizes = size_of(folder)
    facts, vectors = filled.open()
    before = set(folder.rglob("part-*"))
    seconds = timed(lambda: filled.add(contents(filled.rng, ADDED)))
    written = sum(part.stat().st_size for part in set(folder.rglob("part-*")) - before) / 1e6
    columns = [f"{sizes.get(name, 0) / count:,.0f}" for name in TABLES]
    print(f"| {count:,} | {sum(sizes.values()) / count:,.0f} | {' | '.join(columns)}", end=" ")
    print(f"| {len(before)} | {facts:.2f} | {vectors:.2f} | {seconds:.2f} | {written:,.0f} |")


TABLES = ("files", "pixels", "vectors", "neighbors", "aligned")
"""The tables that grow with the dataset."""

if __name__ == "__main__":
    main()
