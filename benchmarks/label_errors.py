"""Seconds and memory of confident learning at the size of ImageNet.

    python benchmarks/label_errors.py [--images 1330000] [--classes 1000] [--kind float16]
                                      [--folder DIR]

Probabilities are synthetic, with a seed, in an `.npy` (float16: 2.7 GB) as somebody would import
them: of 90 % of the images the label is the likeliest class. Writing the file is not counted.
"""

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from stages import HEADER, stage

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.confident_learning import doubt_labels
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.declarations import PredictionsFile
from labelgate.fixtures.label_errors import LabelErrors
from labelgate.fixtures.measurements import gather
from labelgate.fixtures.out_of_sample import from_array, steps
from labelgate.fixtures.reviews import settle_labels


def make_dataset(images: int, classes: int, rng: np.random.Generator) -> Dataset:
    """A dataset of one labelled split without files."""
    label = np.sort(rng.integers(classes, size=images)).astype(np.int32)
    names = tuple(f"n{number:08}" for number in range(classes))
    return Dataset(
        name="synthetic",
        root=Path("/nowhere"),
        paths=tuple(f"{names[one]}/{i:08}.JPEG" for i, one in enumerate(label.tolist())),
        splits=("train",),
        labels=names,
        split_index=np.zeros(images, np.int16),
        label_index=label,
        labelled=np.ones(1, np.bool_),
        class_table=None,
        notices=(),
    )


def write_probabilities(
    dataset: Dataset, kind: str, folder: Path, rng: np.random.Generator
) -> None:
    """Writes the three files of a `[[predictions]]`, a block at a time."""
    shape = len(dataset.paths), len(dataset.labels)
    array = np.lib.format.open_memmap(folder / "said.npy", "w+", np.dtype(kind), shape)
    for block in steps(*shape):
        label = dataset.label_index[block]
        rows = rng.random((len(label), shape[1]), np.float32) ** 8
        wrong = rng.integers(shape[1], size=len(label))
        top = np.where(rng.random(len(label)) < 0.9, label, wrong)
        rows[np.arange(len(label)), top] += 300 * rng.random(len(label), np.float32)
        array[block] = rows / rows.sum(axis=1, keepdims=True)
    array.flush()
    (folder / "paths.txt").write_text("\n".join(dataset.paths))
    (folder / "classes.txt").write_text("\n".join(dataset.labels))


def run(images: int, classes: int, kind: str, folder: Path) -> None:
    """Prints the table; the peak has the pages of the mapped file that memory had room for."""
    rng = np.random.default_rng(0)
    dataset = make_dataset(images, classes, rng)
    write_probabilities(dataset, kind, folder, rng)
    files = [folder / name for name in ("said.npy", "paths.txt", "classes.txt")]
    print(HEADER, flush=True)
    with stage("all"):
        with stage("reading, checking"):
            said = from_array(PredictionsFile("net", *files), dataset)
        with stage("confident learning"):
            doubts = doubt_labels(said, dataset.label_index, classes)
        found = LabelErrors(dataset, [doubts], settle_labels(dataset), 0.95, 10, 1.0, 0.6)
        with stage("measurements, tables, figures"):
            measured = gather({"label_errors": found})
        with stage("Great Expectations"):
            judge(measured, read_limits(None))
    print(f"{said.reason or int(doubts.doubted.sum())} doubted of {images:,}")


def main() -> None:
    """Runs the benchmark in a temporary folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=1_330_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--kind", choices=("float16", "float32"), default="float16")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.folder) as folder:
        run(given.images, given.classes, given.kind, Path(folder))


if __name__ == "__main__":
    main()
