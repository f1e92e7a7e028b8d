"""How often a gate closes on clean data: the sample without flaws, CIFAR-10 dealt out at random.

    python benchmarks/false_alarms.py --work FOLDER --seeds 20 [--first 1] [--only sample|cifar]
        [--ask shift] [--pictures 1000]

The sample is drawn anew under each seed, without flaws; every property is asked. CIFAR-10's five
classes keep their pictures, and train and test are dealt out anew under each seed, with the sizes
that they have: so no two splits differ but by chance, and shift and sources are asked (`--ask`
chooses: sources need neighbours and alignments, minutes of two cores at first, and a minute for
each seed; `--pictures` takes so many of a class, in the shares that they have). Prints, for
each property, the cells that were measured, those that failed, and the upper end of a one-sided
95 % Clopper-Pearson interval of their rate. Cells of a class under several seeds share pictures.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from data import unpack
from scipy.stats import beta

from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.sample.build import build_sample

Counts = Counter[tuple[str, bool]]
"""Cells by property and whether they passed."""


def check(data: Path, store: Path, *more: str) -> Counts:
    """Runs the suite on a dataset, and counts its measured cells."""
    report = data.with_name(f"{data.name}-report")
    command = [sys.executable, "-m", "labelgate.plugins.command", "check", str(data), "-q"]
    where = [f"--store={store}", f"--report={report}"]
    run = subprocess.run([*command, *where, *more], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        raise SystemExit(run.stdout + run.stderr)
    rows = load_report(report)[1]["results"]
    cells = ((row["property"], each["passed"]) for row in rows for each in row["cells"])
    return Counter((name, passed) for name, passed in cells if passed is not None)


def clean_samples(work: Path, seeds: range, _: str, __: int) -> Iterator[Counts]:
    """Draws and checks the sample without flaws under each seed but 0, which it was made with."""
    for seed in seeds:
        data = work / f"clean-{seed}"
        build_sample(data, seed=seed, flawed=False)
        yield check(data, work / f"store-{seed}")


def dealt_out(work: Path, seeds: range, asked: str, pictures: int) -> Iterator[Counts]:
    """Deals CIFAR-10 out to train and test under each seed, and checks it."""
    source = unpack("cifar10_dev", work)
    for seed in seeds:
        data = work / f"dealt-{pictures}-{seed}"
        for folder in sorted((source / "train").iterdir()):
            deal(source, folder.name, data, Random(f"{seed} {folder.name}"), pictures)
        yield check(data, work / "store", "-k", asked, "--predictor=none")


def deal(source: Path, label: str, data: Path, random: Random, pictures: int) -> None:
    """Gives the pictures of one class second names in train and test, as many as there were."""
    files = {split: sorted((source / split / label).iterdir()) for split in ("train", "test")}
    whole = sum(map(len, files.values()))
    files = {split: each[: len(each) * pictures // whole] for split, each in files.items()}
    dealt = [file for each in files.values() for file in each]
    random.shuffle(dealt)
    for split, before in files.items():
        folder = data / split / label
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(len(before)):
            file = dealt.pop()
            target = folder / f"{number:04d}.jpg"
            if not target.exists():
                os.link(file, target)


def main() -> None:
    """Prints a table a dataset."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1, help="the first of the seeds")
    parser.add_argument("--pictures", type=int, default=6000, help="of each class of CIFAR-10")
    parser.add_argument("--only", choices=("sample", "cifar"))
    parser.add_argument("--ask", default="shift or sources")
    given = parser.parse_args()
    kinds = {"sample": clean_samples, "cifar": dealt_out}
    seeds = range(given.first, given.first + given.seeds)
    for name in [given.only] if given.only else kinds:
        total: Counts = Counter()
        each = kinds[name](given.work.resolve(), seeds, given.ask, given.pictures)
        for seed, counts in zip(seeds, each, strict=True):
            failed = sum(count for (_, passed), count in counts.items() if not passed)
            print(f"{name}, seed {seed}: {failed} of {counts.total()} cells failed", flush=True)
            total += counts
        print(f"\n| {name}, {given.seeds} seeds | cells | failed | rate, at most |")
        print("|---|---:|---:|---:|")
        for prop in sorted({prop for prop, _ in total}):
            print(row_of(prop, total[prop, False], total[prop, False] + total[prop, True]))
        failed = sum(count for (_, passed), count in total.items() if not passed)
        print(row_of("all", failed, total.total()))


def row_of(name: str, failed: int, cells: int) -> str:
    """A property, its cells and the bound of its rate."""
    most = 1.0 if failed == cells else float(beta.ppf(0.95, failed + 1, cells - failed))
    return f"| {name} | {cells} | {failed} | {most:.2%} |"


if __name__ == "__main__":
    main()
