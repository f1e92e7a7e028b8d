"""Seconds and memory of comparing two releases at the size of ImageNet-1k, beside a bare merge.

    python benchmarks/releases.py [--images 1331167] [--classes 1000] [--renamed]

Two synthetic releases with a seed: 5,000 labels flipped, 100 images moved out of train, 1,000 added
and 1,000 removed. Without `--renamed` no pixel is known, as in a release of labels alone; with it
every image has another path and is found by the hash of its pixels. The merge is pandas' of the
same two tables on the column by which the images are found, and a count of labels that differ.
"""

import argparse
import hashlib
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from stages import HEADER, stage

from labelgate.fixtures.change_tables import list_changes, show_changes
from labelgate.fixtures.changes import compare_releases
from labelgate.fixtures.inventory import Inventory, list_images, read_inventory, write_inventory


def make_releases(images: int, classes: int, *, renamed: bool) -> tuple[Inventory, Inventory]:
    """Two releases of the same images but for what is planted."""
    rng = np.random.default_rng(0)
    names = np.array([f"n{number:08}" for number in range(classes)])
    label = rng.integers(classes, size=images)
    split = np.where(rng.random(images) < 0.96, "train", "val")
    numbers = np.arange(images)
    hashes = [hashlib.md5(str(i).encode()).hexdigest() if renamed else None for i in range(images)]
    paths = [f"train/{names[one]}/{i:08}.JPEG" for i, one in enumerate(label.tolist())]
    there = numbers < images - 1000, numbers >= 1000
    new_label, new_split = label.copy(), split.copy()
    flipped = rng.choice(images, 5000, replace=False)
    new_label[flipped] = (label[flipped] + 1) % classes
    new_split[rng.choice(np.flatnonzero(split == "train"), 100, replace=False)] = "val"
    new_paths = [path.replace("JPEG", "jpg") for path in paths] if renamed else paths
    return (
        _list(paths, split, names[label], hashes, there[0]),
        _list(new_paths, new_split, names[new_label], hashes, there[1]),
    )


def _list(paths: list[str], split: np.ndarray, label: np.ndarray, hashes: list[str | None],
          there: np.ndarray) -> Inventory:  # fmt: skip
    kept = np.flatnonzero(there).tolist()
    rows = {"path": paths, "split": split.tolist(), "label": label.tolist(), "pixels": hashes}
    rows["content"] = rows["pixels"]
    return list_images({name: [column[i] for i in kept] for name, column in rows.items()})


def write(folder: Path, images: int, classes: int, renamed: bool) -> list[str]:
    """Writes both releases as reports keep them, and returns the hashes of the files."""
    seals = []
    for side, release in zip("ab", make_releases(images, classes, renamed=renamed), strict=True):
        (folder / side).mkdir()
        with stage("writing an inventory"):
            seals.append(write_inventory(folder / side, release).sha256)
    print()
    return seals


def compare(folder: Path, sha256: list[str]) -> tuple[Inventory, Inventory]:
    """What a run with a baseline does beside its checks."""
    with stage("reading both inventories"):
        before, after = (
            read_inventory(folder / name, sha256[side]) for side, name in enumerate("ab")
        )
    with stage("comparing"):
        changes = compare_releases(before, after)
    with stage("table of all changes"):
        rows = list_changes(changes).num_rows
    with stage("tables of the class pages"):
        show_changes(changes)
    told = {kind: number for kind, number in changes.counts().items() if number}
    print(f"\n{rows:,} changes: {told}")
    return before, after


def merge(before: Inventory, after: Inventory, key: str) -> None:
    """The barest comparison: pandas, one key, labels that differ."""
    columns = [key, "split", "label"]
    frames = [release.table.select(columns).to_pandas() for release in (before, after)]
    with stage(f"bare pandas merge on {key}"):
        both = frames[0].merge(frames[1], on=key, how="outer", suffixes=("_before", ""))
        labels = both["label_before"].astype(str), both["label"].astype(str)
        differ = int(labels[0].ne(labels[1]).sum())
    print(f"\n{differ:,} rows differ in label or are on one side only")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_331_167)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--renamed", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        with get_context("spawn").Pool(1) as other:  # what it holds is no part of the peaks below
            seals = other.apply(write, (folder, given.images, given.classes, given.renamed))
        print(HEADER)
        before, after = compare(folder, seals)
        print(f"release.parquet: {(folder / 'a/release.parquet').stat().st_size / 2**20:.0f} MiB\n")
    print(HEADER)
    merge(before, after, "pixels" if given.renamed else "path")


if __name__ == "__main__":
    main()
