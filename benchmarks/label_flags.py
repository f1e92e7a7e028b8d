"""How many of the doubted labels are wrong: by what people say, and by labels flipped at random.

    python benchmarks/label_flags.py people --dataset CIFAR --report REPORT
    python benchmarks/label_flags.py flips --dataset DATA --work FOLDER [--store STORE]

`people` compares `evidence/label_errors.csv` of a report of `labelgate check --predictor=knn` with
the studies of CIFAR-10 in `../shared/data`. `flips` runs `labelgate check --predictor=knn` over the
same images with some labels, drawn with seed 0 from all splits, exchanged for another class, each
as likely. A store that knows the images saves most of the time.
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.readers import read_dataset

SHARES = (0.0, 0.02, 0.05, 0.1)

Judged = dict[str, "pd.Series[bool]"]
"""Of each way to ask people: which of the images, by path, have a wrong label."""


def ask_people(dataset: Path) -> Judged:
    """What CIFAR-10N says of train, CIFAR-10H and label-errors of test."""
    folder = dataset / "relabel"
    n = pd.read_csv(folder / "cifar10n_train.csv", index_col="path")
    h = pd.read_csv(folder / "cifar10h_test_counts.csv", index_col="path")
    five = pd.read_csv(folder / "label_errors_test.csv", index_col="path")
    three = n[["annotator1", "annotator2", "annotator3"]]
    other = three.ne(n["original_label"], axis=0)
    votes = h.filter(regex="^n_").rename(columns=lambda column: column[2:])
    own = pd.Series([votes.at[i, label] for i, label in h["original_label"].items()], h.index)
    kept = (five["votes_given"] + five["votes_both"]).reindex(h.index, fill_value=5)
    return {
        "train: all three annotators of CIFAR-10N give one other class": (
            other.all(axis=1) & (three.nunique(axis=1) == 1)
        ),
        "train: the aggregate of CIFAR-10N is another class": n["aggregate"] != n["original_label"],
        "train: any annotator of CIFAR-10N gives another class": other.any(axis=1),
        "test: CIFAR-10H votes most for another class": votes.max(axis=1) > own,
        "test: at least a tenth of CIFAR-10H's votes is for other classes": (
            1 - own / votes.sum(axis=1) >= 0.1
        ),
        "test: fewer than three of label-errors' five reviewers keep the label": kept < 3,
    }


def score(wrong: "pd.Series[bool]", doubted: "pd.Index[str]") -> str:
    """The cells wrong, precision and recall of a row, of the images that are judged."""
    flagged = wrong.index.isin(doubted)
    hits = int((wrong & flagged).sum())
    share = f"{wrong.sum():,} ({100 * wrong.mean():.1f} %)"
    return f"{share} | {hits / flagged.sum():.3f} | {hits / wrong.sum():.3f}"


def read_doubts(report: Path) -> tuple["pd.Index[str]", str]:
    """The paths of the doubted images, and the shares of labels doubted and consistent."""
    folder = report / "evidence"
    doubted = pd.read_csv(folder / "label_errors.csv")
    rates = pd.read_csv(folder / "label_error_rates.csv")
    rates, doubted = (table[table["predictor"] == "knn"] for table in (rates, doubted))
    consistent = np.average(rates["consistent"], weights=rates["images"])
    shares = f"{len(doubted) / rates['images'].sum():.3f} | {consistent:.3f}"
    return pd.Index(doubted["path"]), shares


def flip(dataset: Dataset, share: float) -> list[str]:
    """The label of every image, where a share of the labelled ones has another class."""
    rng = np.random.default_rng(0)
    labelled = np.flatnonzero(dataset.label_index >= 0)
    chosen = rng.permutation(labelled)[: round(share * len(labelled))]
    step = rng.integers(1, len(dataset.labels), len(chosen))
    label = dataset.label_index.copy()
    label[chosen] = (label[chosen] + step) % len(dataset.labels)
    return [dataset.labels[each] if each >= 0 else "" for each in label.tolist()]


def copy_with(dataset: Dataset, labels: list[str], folder: Path) -> None:
    """Lays the same files out with labels from a table."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in dataset.paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(dataset.root / path, folder / path)
    splits = [dataset.splits[split] for split in dataset.split_index.tolist()]
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = zip(dataset.paths, labels, splits, strict=True)
        csv.writer(stream).writerows([("path", "label", "split"), *(r for r in rows if r[1])])
    lines = [
        f'[splits.{name}]\nimages = "{name}"\nlabels = ' + ('"labels.csv"\n' if told else "false\n")
        for name, told in zip(dataset.splits, dataset.labelled, strict=True)
    ]
    (folder / "dataset.toml").write_text("".join(lines), encoding="utf-8")


def try_flips(dataset: Dataset, work: Path, store: Path, shares: list[float]) -> Iterator[str]:
    """Runs the gate for each share; yields the rows of the table."""
    true = flip(dataset, 0)
    for share in shares:
        labels, folder, report = flip(dataset, share), work / "flipped", work / "report"
        copy_with(dataset, labels, folder)
        where = [str(folder), f"--store={store}", f"--report={report}", "--predictor=knn"]
        command = [sys.executable, "-m", "labelgate.plugins.command", "check", *where]
        with (work / "log.txt").open("w") as log:
            done = subprocess.run(
                [*command, "-k", "label_error_rate"], stdout=log, stderr=log, check=False
            )
        assert done.returncode in (0, 1), f"see {work / 'log.txt'}"
        doubted, seen = read_doubts(report)
        wrong = pd.Series(np.array(true) != np.array(labels), list(dataset.paths))
        scored = score(wrong, doubted).split(" | ", 1)[1] if share else "- | -"
        yield f"| {dataset.name}, {100 * share:g} % | {seen} | {scored} |"


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("people", "flips"))
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    given = parser.parse_args()
    if given.what == "people":
        doubted, seen = read_doubts(given.report)
        print(f"doubted | consistent: {seen}; {len(doubted):,} labels")
        print("| a label is wrong if | wrong | precision | recall |\n|---|---:|---:|---:|")
        for name, wrong in ask_people(given.dataset).items():
            print(f"| {name} | {score(wrong, doubted)} |")
        return
    given.work.mkdir(parents=True, exist_ok=True)
    print("| flipped | doubted | consistent | precision | recall |\n|---|---:|---:|---:|---:|")
    store = (given.store or given.work / "store").resolve()
    for row in try_flips(read_dataset(given.dataset), given.work.resolve(), store, given.shares):
        print(row, flush=True)


if __name__ == "__main__":
    main()
