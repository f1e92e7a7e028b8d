"""Seconds and memory of relabel studies and of several labels, at the size of ImageNet's val.

    python benchmarks/relabels.py [--images 50000] [--classes 1000] [--studies 4]

Studies are synthetic, with a seed: of each image three quarters one label, mostly its own, the rest
two or three labels of the same five classes. Everything is counted: reading the tables, comparing
the studies, the rows of all four properties, Great Expectations, and writing the evidence.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from stages import HEADER, stage

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import RelabelStudy
from labelgate.fixtures.label_status import find_status
from labelgate.fixtures.label_witnesses import find_witnesses
from labelgate.fixtures.measurements import gather
from labelgate.fixtures.multilabel import Multilabel, find_pairs
from labelgate.fixtures.opinions import Opinions
from labelgate.fixtures.relabel_studies import collect_studies
from labelgate.fixtures.relabels import Relabels
from labelgate.fixtures.study_agreement import find_agreement
from labelgate.plugins.report.evidence import write_evidence


def make_dataset(folder: Path, images: int, classes: int, studies: int) -> Dataset:
    """A split of labels without images, and a table a study that speaks of all of them."""
    rng = np.random.default_rng(0)
    names = [f"n{number:08}" for number in range(classes)]
    label = rng.integers(classes, size=images)
    paths = [f"val/{i:08}.JPEG" for i in range(images)]
    split = SplitNames("val", paths, [names[one] for one in label.tolist()])
    entries = []
    for study in range(studies):
        near = (label[:, None] // 5 * 5 + rng.integers(5, size=(images, 3))) % classes
        near[:, 0] = np.where(rng.random(images) < 0.8, label, near[:, 0])
        size = rng.choice([0, 1, 2, 3], size=images, p=[0.05, 0.75, 0.15, 0.05]).tolist()
        lines = [
            f"{path},{'|'.join(names[one] for one in said[:n])}\n"
            for path, said, n in zip(paths, near.tolist(), size, strict=True)
        ]
        table = folder / f"{study}.csv"
        table.write_text("path,labels\n" + "".join(lines), encoding="utf-8")
        entries.append(RelabelStudy(f"study {study}", table))
    return replace(assemble("synthetic", folder, [split]), relabels=tuple(entries))


def run(dataset: Dataset, report: Path) -> None:
    """Measures, judges and writes everything."""
    with stage("reading the tables"):
        studies = collect_studies(dataset)
    with stage("statuses"):
        status = find_status(dataset, studies)
    with stage("agreement, alpha"):
        agreement = find_agreement(len(dataset.labels), studies, status)
    with stage("pairs of classes"):
        witnesses = find_witnesses(dataset, status, ())
        pairs = find_pairs(dataset, witnesses)
    stems = {
        "relabels": Relabels(dataset, studies, status, agreement, 0.95, 10),
        "multilabel": Multilabel(
            dataset, Opinions(dataset, studies, status), witnesses, pairs, 0.95, 10
        ),
    }
    with stage("rows and tables"):
        measurements = gather(stems)
    with stage("Great Expectations"):
        judge(measurements, read_limits(None))
    report.mkdir()
    with stage("writing the evidence"):
        write_evidence(report, measurements.evidence)
    print(f"{len(measurements.rows):,} rows; {len(dataset.paths):,} images")


def main() -> None:
    """Runs all of it once, in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--studies", type=int, default=4)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        root = Path(folder)
        dataset = make_dataset(root, given.images, given.classes, given.studies)
        print(HEADER, flush=True)
        with stage("all"):
            run(dataset, root / "report")


if __name__ == "__main__":
    main()
