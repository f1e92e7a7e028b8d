"""Recall and precision of a whole check on copies that lie in a dataset as files.

    python benchmarks/planted_files.py --work FOLDER --pictures full-size|small

The pictures are photographs that `builtin` never saw: the 250 samples of ImageNet of about
500 x 375 (`full-size`) or 1,000 of 64 x 64 (`small`). They are the split `train`; altered copies,
six of each full-size one and two of each small one, so that every alteration has 50 or 66 copies
at least, are the split `val`, as PNG files. `labelgate check` then looks for duplicates, exact and
near, calibrating tau on copies of its own. A copy whose pixels equal the original's (JPEG 75 of a
JPEG 75) is found as an exact one. A pair is false if the two do not come from one photograph.
Seconds are those of the whole process; what the store holds from an earlier run is not done again.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
from data import link, unpack
from PIL import Image

from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.report_json import load_report

sys.path.insert(0, str(Path(__file__).with_name("builtin")))
from pictures import Folders, full_size_files, small_files

ARCHIVE = {"full-size": "imagenet_samples_dev", "small": "photos_train"}
COPIES = {"full-size": 6, "small": 2}
"""Copies of a photograph: fewer than k = 5 asks for of the copies of one and another split."""

MANIFEST = """\
[splits.train]
images = "train"
labels = false
[splits.val]
images = "val"
labels = false
"""


def plant(files: list[Path], copies: int, root: Path) -> dict[str, tuple[int, str]]:
    """Writes the dataset; returns of each path which photograph it shows, and altered how."""
    shows = {}
    for number, file in enumerate(files):
        original = f"train/{number:04}{file.suffix}"
        link(file, root / original)
        shows[original] = number, ""
        with Image.open(file) as image:
            pixels = np.array(image.convert("RGB"))
        for turn in range(copies):
            how = ALTERATIONS[(number * copies + turn) % len(ALTERATIONS)]
            rng = np.random.default_rng([number, zlib.crc32(how.name.encode())])
            path = f"val/{number:04}_{turn}.png"
            (root / "val").mkdir(exist_ok=True)
            Image.fromarray(how.apply(pixels, rng)).save(root / path)
            shows[path] = number, how.name
    (root / "dataset.toml").write_text(MANIFEST)
    return shows


def judge(shows: dict[str, tuple[int, str]], evidence: Path) -> None:
    """Prints a row an alteration, and the false pairs."""
    planted = Counter(how for _, how in shows.values() if how)
    found: dict[str, Counter[str]] = {how: Counter() for how in planted}
    false, pairs = [], 0
    for path_a, path_b, kind in (*near_pairs(evidence), *exact_pairs(evidence)):
        one, other = shows[path_a], shows[path_b]
        pairs += 1
        if one[0] != other[0]:
            false.append((path_a, path_b, kind))
        elif not (one[1] and other[1]):
            found[one[1] or other[1]][kind] += 1
    print("| alteration | copies | found | exact | similar views |\n|---|---:|---:|---:|---:|")
    for how, n in planted.items():
        kinds = found[how]
        print(f"| {how} | {n} | {kinds.total() / n:.3f} | ", end="")
        print(f"{kinds['exact']} | {kinds['similar_view']} |")
    recall = sum(each.total() for each in found.values()) / planted.total()
    print(f"| all | {planted.total():,} | {recall:.4f} | | |")
    print(f"{pairs:,} pairs reported, {len(false)} of them of two photographs: {false[:20]}")


def near_pairs(evidence: Path) -> Iterator[tuple[str, str, str]]:
    """Yields the paths and the kind of each near pair."""
    with (evidence / "near_duplicates.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            yield row["path_a"], row["path_b"], row["kind"]


def exact_pairs(evidence: Path) -> Iterator[tuple[str, str, str]]:
    """Yields the paths of each two images with equal pixels."""
    groups: dict[str, list[str]] = {}
    with (evidence / "duplicates.csv").open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["kind"] == "exact":
                groups.setdefault(row["group"], []).append(row["path"])
    for paths in groups.values():
        for one, other in combinations(paths, 2):
            yield one, other, "exact"


def print_figures(report: Path, seconds: float) -> None:
    """Prints seconds, and what the report says of tau and of the pairs compared."""
    print(f"{seconds:.1f} s")
    for figure in load_report(report)[1]["figures"]:
        if figure["name"].startswith(("pairs of pictures compared", "tau")):
            print(f"{figure['name']}: {figure['value']}")


def main() -> None:
    """Plants, checks, and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--pictures", choices=tuple(ARCHIVE), required=True)
    given = parser.parse_args()
    kind, work = given.pictures, given.work
    unpack(ARCHIVE[kind], work)
    files = full_size_files(Folders(work)) if kind == "full-size" else small_files(Folders(work))
    root, report = work / f"planted_{kind}", work / f"planted_{kind}_report"
    shutil.rmtree(root, ignore_errors=True)
    shows = plant(files, COPIES[kind], root)
    command = "import sys; from labelgate.plugins.command import main; sys.exit(main())"
    check = ["check", str(root), f"--report={report}", f"--store={work / 'planted_store'}"]
    run = [sys.executable, "-c", command, *check, "-k", "duplicates or calibration", "-q"]
    started = time.perf_counter()
    code = subprocess.run(run, stdout=subprocess.DEVNULL, check=False).returncode
    if code != 1:
        sys.exit(f"labelgate check ended with {code}, and not with 1 (copies found)")
    seconds = time.perf_counter() - started
    judge(shows, report / "evidence")
    print_figures(report, seconds)


if __name__ == "__main__":
    main()
