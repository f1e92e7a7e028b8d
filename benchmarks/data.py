"""The real pictures that the benchmarks run on, unpacked once into a working folder."""

import io
import os
import zipfile
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
"""Where the archives of real data lie, beside the project; see the README of that folder."""


def unpack(name: str, work: Path) -> Path:
    """Unpacks one archive, unless an earlier run did; returns the folder inside it."""
    target = work / name
    if not target.exists():
        with zipfile.ZipFile(SHARED / f"{name}.zip") as archive:
            archive.extractall(target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)
    return next(path for path in sorted(target.iterdir()) if path.is_dir())


def full_size(work: Path, copies: int = 10, workers: int = 1) -> Path:
    """Makes `copies` slightly different JPEG files of each of 250 full-size photographs.

    Up to seven rows and columns are cut off and brightness is shifted, by the number of the copy,
    and the file written with quality 90, so that every file has its own bytes and pixels: 2,500
    files of about 100 kB in one class folder.
    """
    target = work / f"full_size_{copies}"
    if target.exists():
        return target
    folder = target.with_suffix(".part") / "train" / "photographs"
    folder.mkdir(parents=True)
    files = sorted(unpack("imagenet_samples_dev", work).glob("*.JPEG"))
    with get_context("spawn").Pool(workers) as pool:
        pool.map(partial(_alter, folder, copies), files, chunksize=1)
    target.with_suffix(".part").rename(target)
    return target


def _alter(folder: Path, copies: int, file: Path) -> None:
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB")).astype(np.int16)
    for copy in range(copies):
        stream = io.BytesIO()
        cut = pixels[copy % 8 :, copy // 8 % 8 :]
        shifted = np.clip(cut + 2 * (copy % 10), 0, 255).astype(np.uint8)
        Image.fromarray(shifted).save(stream, "JPEG", quality=90)
        (folder / f"{file.stem}_{copy}.jpg").write_bytes(stream.getvalue())


def one_dataset(work: Path) -> Path:
    """Puts CIFAR-10 (30,000), Tiny ImageNet (11,000) and 21,000 unlabelled photographs together."""
    target = work / "one_dataset"
    if target.exists():
        return target
    part = target.with_suffix(".part")
    cifar, tiny = unpack("cifar10_dev", work), unpack("tiny_imagenet_dev", work)
    for source, split in (
        (cifar / "train", "train"),
        (cifar / "test", "val"),
        (tiny / "train", "train"),
    ):
        for folder in sorted(source.iterdir()):
            _link_all(folder, part / split / folder.name)
    _link_all(unpack("photos_train", work), part / "test")
    rows = (line.split(",") for line in (tiny / "index.csv").read_text().splitlines()[1:])
    for split, label, _, path in rows:
        if split == "val":
            link(tiny / path, part / "val" / label / Path(path).name)
    manifest = ['[splits.train]\nimages = "train"', '[splits.val]\nimages = "val"']
    manifest.append('[splits.test]\nimages = "test"\nlabels = false')
    (part / "dataset.toml").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    part.rename(target)
    return target


def many_classes(work: Path, classes: int) -> Path:
    """Draws a dataset of many classes with one tiny picture a class in train and in val."""
    target = work / f"classes_{classes}"
    if target.exists():
        return target
    noise = np.random.default_rng(0).integers(0, 256, (2 * classes, 4, 4, 3), dtype=np.uint8)
    for number, pixels in enumerate(noise):
        split, label = ("train", "val")[number % 2], f"class {number // 2:05d}"
        folder = target.with_suffix(".part") / split / label
        folder.mkdir(parents=True)
        Image.fromarray(pixels).save(folder / "0.png")
    target.with_suffix(".part").rename(target)
    return target


def _link_all(source: Path, target: Path) -> None:
    for file in sorted(source.rglob("*")):
        if file.is_file():
            link(file, target / file.relative_to(source))


def link(source: Path, target: Path) -> None:
    """Makes a second name of a file, in a folder that is made if it is not there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
