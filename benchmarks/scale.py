"""What a re-gate costs as datasets grow: each stage by size, and how it grows.

    python benchmarks/scale.py --work FOLDER [--images 10000 100000 1431167] [--classes 1000]
                               [--lenient]

For each size a dataset without pixels is made (`big_dataset`), its store is filled with facts that
are made up (`synthetic_facts`), one label is flipped, and then the program is run as it is, with
every property measured, beside the report of the run before. Printed are seconds of the processor
and the peak of the main process by the end of each stage (`stage_times`), the cost of an image, and
the exponent of growth: the slope of a line through log(seconds) over log(images); and what workers
took beside, what the clock showed, and how busy the machine was. With `--lenient` the limits are
those of `lenient.toml`, which nearly all checks meet.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from big_dataset import flip_label, make_dataset

HERE = Path(__file__).parent

LEAST = 0.3
"""Seconds below which a stage is not listed, whatever the size."""

ALL = "all"

BESIDE, CLOCK = "workers", "by the clock"


def run(dataset: Path, work: Path, report: str, *arguments: str) -> dict[str, Any]:
    """Checks a dataset in a process of its own; returns what `stage_times` says."""
    told = work / "stages.json"
    variables = {**os.environ, "PYTHONPATH": str(HERE), "STAGE_TIMES": str(told)}
    program = "from labelgate.plugins.command import main; raise SystemExit(main())"
    where = [f"--store={work / 'store'}", f"--report={work / report}", "-q", "-p", "stage_times"]
    command = [sys.executable, "-c", program, "check", str(dataset), *where, *arguments]
    done = subprocess.run(command, env=variables, cwd=work, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return json.loads(told.read_text(encoding="utf-8"))


def measure(work: Path, images: int, classes: int, rest: list[str]) -> dict[str, Any]:
    """Fills the store, flips a label, and measures the run after that."""
    dataset = make_dataset(work, images, classes)
    run(dataset, work, "before", "-p", "synthetic_facts", "--workers=0", *rest)
    flip_label(dataset)
    return run(dataset, work, "after", f"--baseline={work / 'before'}", *rest)


def exponent(sizes: list[int], seconds: list[float]) -> str:
    """The slope in log-log, where there are two sizes and every one takes a time to speak of."""
    if len(sizes) < 2 or min(seconds) < LEAST / 10:
        return ""
    return f"{np.polyfit(np.log(sizes), np.log(seconds), 1)[0]:.2f}"


def table(sizes: list[int], found: list[dict[str, Any]]) -> list[str]:
    """The rows of the table, the most expensive stage of the largest size first."""
    stages = {stage: None for told in found for stage in told["seconds"]}
    for told in found:
        told["seconds"][ALL] = sum(told["seconds"].values())
        told["seconds"][CLOCK] = sum(told["clock"].values())
        told["seconds"][BESIDE] = told["workers"]
        told["mebibytes"][ALL] = max(told["mebibytes"].values())
    largest = found[-1]["seconds"]
    shown = [s for s in stages if max(told["seconds"].get(s, 0) for told in found) >= LEAST]
    rows = []
    for stage in [CLOCK, ALL, BESIDE, *sorted(shown, key=lambda s: -largest.get(s, 0))]:
        seconds = [told["seconds"].get(stage, 0.0) for told in found]
        peaks = [told["mebibytes"].get(stage, 0) for told in found]
        cells = [
            f"{each:.1f} / {peak:,}" if peak else f"{each:.1f}"
            for each, peak in zip(seconds, peaks, strict=True)
        ]
        cost = f"{1e6 * seconds[-1] / sizes[-1]:.1f}"
        rows.append(f"| {stage} | {' | '.join(cells)} | {cost} | {exponent(sizes, seconds)} |")
    return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_431_167])
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--lenient", action="store_true")
    given, rest = parser.parse_known_args()
    given.work.mkdir(parents=True, exist_ok=True)
    work, sizes = given.work.resolve(), sorted(given.images)
    rest += [f"--limits={HERE / 'lenient.toml'}"] if given.lenient else []
    found = [measure(work, images, given.classes, rest) for images in sizes]
    load = ", ".join(f"{told['load'][0]:.0f}" for told in found)
    print(
        f"{given.classes:,} classes, {found[-1]['checks']:,} checks: seconds / MiB; load {load}\n"
    )
    print(f"| stage | {' | '.join(f'{n:,} images' for n in sizes)} | µs an image | exponent |")
    print(f"|---|{'---:|' * (len(sizes) + 2)}")
    print("\n".join(table(sizes, found)))


if __name__ == "__main__":
    main()
