"""Seconds and memory of what is made of predictions, at the size of ImageNet.

    python benchmarks/predictions.py [--images 1330000] [--classes 1000 21841] [--predictors 1]

Predictions are synthetic, with a seed: of each image 70 % right, 20 % a class of the same five, the
rest anything, so that most cells of the confusion have one image: the most that there can be. Each
number of classes runs in a process of its own; processor seconds are beside those of the clock.
"""

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from stages import HEADER, stage

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.accuracy import Accuracy
from labelgate.fixtures.confusion import count_all
from labelgate.fixtures.coverage import Coverage, find_coverage
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.declarations import ProblemGroup
from labelgate.fixtures.groups import find_groups
from labelgate.fixtures.measurements import gather
from labelgate.fixtures.predictions import K, Predictions
from labelgate.fixtures.protocols import SINGLE, Hits, find_hits
from labelgate.fixtures.recount import (
    ACROSS,
    EXACT,
    NEAR,
    SEVEN,
    WITHIN,
    Flags,
    Recount,
    count_again,
    flag_exact,
)
from labelgate.plugins.report.evidence import write_evidence

VAL = 26
"""One of so many images is in val: 50,000 of 1.33 million."""


def make_dataset(images: int, classes: int, rng: np.random.Generator) -> Dataset:
    """A dataset of two labelled splits, and 48 groups of three classes, without files."""
    label = np.sort(rng.integers(classes, size=images)).astype(np.int32)
    names = tuple(f"n{number:08}" for number in range(classes))
    groups = [names[5 * number : 5 * number + 3] for number in range(48)]
    return Dataset(
        name="synthetic",
        root=Path("/nowhere"),
        paths=tuple(f"{names[one]}/{i:08}.JPEG" for i, one in enumerate(label.tolist())),
        splits=("train", "val"),
        labels=names,
        split_index=(np.arange(images) % VAL == 0).astype(np.int16),
        label_index=label,
        labelled=np.ones(2, np.bool_),
        class_table=None,
        notices=(),
        groups=tuple(ProblemGroup(" / ".join(group), group) for group in groups),
    )


def make_predictions(dataset: Dataset, who: str, rng: np.random.Generator) -> Predictions:
    """What a predictor might say."""
    images, classes = len(dataset.paths), len(dataset.labels)
    top = rng.integers(classes, size=(images, K)).astype(np.int32)
    near = (dataset.label_index // 5 * 5 + rng.integers(5, size=images)) % classes
    kind = rng.random(images)
    top[:, 0] = np.where(kind < 0.7, dataset.label_index, np.where(kind < 0.9, near, top[:, 0]))
    scores = np.tile(-np.arange(K, dtype=np.float32), (images, 1))
    return Predictions(who, dataset.labels, top, scores, np.ones(classes, np.bool_))


def run(images: int, classes: int, predictors: int) -> None:
    """Prints the table of one number of classes."""
    print(f"{classes:,} classes\n\n{HEADER}", flush=True)
    rng = np.random.default_rng(0)
    dataset = make_dataset(images, classes, rng)
    said = [make_predictions(dataset, f"p{i}", rng) for i in range(predictors)]
    pairs = list(rng.permutation(images)[: images // 500 * 2].reshape(-1, 2))
    with stage("all"):
        with stage("coverage, protocols"):
            coverage = [find_coverage(dataset, each) for each in said]
            hits = [find_hits(dataset, each) for each in said]
        with stage("confusion"):
            confusion = [count_all(dataset, each) for each in said]
        with stage("groups"):
            groups = [find_groups(each, 0.05) for each in confusion]
        with stage("recount"):
            exact = flag_exact(pairs, dataset.split_index)
            near = {(NEAR, place): exact[EXACT, place] for place in (WITHIN, ACROSS)}
            recounts = list(recount(dataset, coverage, hits, {**exact, **near}))
        facts = said, coverage, hits, [one for each in confusion for one in each], groups, recounts
        with stage("measurements, tables, figures"):
            found = gather({"accuracy": Accuracy(dataset, *facts, 0.95, 10, 1.0)})
        with stage("verdicts (with the import of Great Expectations)"):
            judge(found, read_limits(None))
        with stage("evidence written"), TemporaryDirectory() as folder:
            write_evidence(Path(folder), found.evidence)


def recount(
    dataset: Dataset, coverage: list[Coverage], hits: list[Hits], flags: Flags
) -> Iterator[Recount]:
    """The recounts of every predictor and split."""
    assert set(flags) == set(SEVEN["all"])
    for covered, each in zip(coverage, hits, strict=True):
        right = each.right[SINGLE, 1]
        for split, name in enumerate(dataset.splits):
            counted = covered.counted & (dataset.split_index == split)
            images = int(counted.sum()), int((counted & right).sum())
            yield Recount(each.predictor, name, images, count_again(right, counted, flags))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_330_000)
    parser.add_argument("--classes", type=int, nargs="+", default=[1_000, 21_841])
    parser.add_argument("--predictors", type=int, default=1)
    given = parser.parse_args()
    if len(given.classes) == 1:
        run(given.images, *given.classes, given.predictors)
        return
    for classes in given.classes:
        arguments = [f"--images={given.images}", f"--classes={classes}"]
        arguments.append(f"--predictors={given.predictors}")
        subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()
