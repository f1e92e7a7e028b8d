"""The report of the sample dataset in other worlds, one after the other: the same or not.

    python benchmarks/determinism.py --work FOLDER [--only WORD ...]

Each row is a run of its own from a store that has the planted copies of the first run, half of its
time, and nothing else, unless the row says that the store is warm. It is compared with the first:
`report.json` but for its provenance, every evidence table, page and picture byte by byte.
`meta_tests/test_determinism.py` does most of it at once, in two runs.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.sample.build import build_sample

META_TESTS = Path(__file__).resolve().parents[1] / "meta_tests"
"""Where the plugin stands that shuffles listings, and the writers of other layouts."""

CHECK = (sys.executable, "-m", "labelgate.plugins.command", "check")

BYTES = ("evidence/*.csv", "classes/*", "images/*", "pictures.json", "*.parquet")
"""Files of a report that are equal byte by byte."""

PLACES = ("sample", "s p a c e/\N{LATIN SMALL LETTER U WITH DIAERESIS}/sample")
"""Where the dataset lies, and where else."""


@dataclass(frozen=True, slots=True)
class World:
    """What is another one in a run.

    Attributes:
        name: of the row.
        options: of `labelgate check`.
        variables: of the environment.
        change: turns a copy of the dataset into another one that says the same.
        place: where the dataset lies, relative to the working folder.
        warm: whether the store of the first run is used.
    """

    name: str
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[Path], object] | None = None
    place: str = PLACES[0]
    warm: bool = False


def worlds() -> list[World]:
    """All rows, as far as this machine has what they need."""
    sys.path.insert(0, str(META_TESTS))
    from shuffled import reverse_tables

    told = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    locales = [name for name in told.split() if name not in ("C", "POSIX")]
    return [
        World("as the first run"),
        *(World(f"{n} workers", (f"--workers={n}",)) for n in (0, 1, 4)),
        *(World(f"pytest-xdist, {n} processes", (f"-n{n}",)) for n in (1, 2, 3)),
        World("folders listed in another order", ("-p", "shuffled")),
        World("rows of every table in reverse", change=reverse_tables),
        World("a path with blanks and other letters", place=PLACES[1]),
        World("modification times of the future", change=age(3600 * 24 * 365)),
        World("modification times of 1980", change=age(None)),
        *(World(f"locale {name}", variables={"LC_ALL": name}) for name in ("C", *locales)),
        World("a locale of ASCII", variables=ASCII),
        *(World(f"time zone {zone}", variables={"TZ": zone}) for zone in ("XXX-14", "YYY+12")),
        *(World(f"hash seed {n}", variables={"PYTHONHASHSEED": n}) for n in ("0", "1", "77")),
        *(World(f"{n} threads", variables={"OMP_NUM_THREADS": n}) for n in ("1", "2", "3")),
        World("a warm store", warm=True),
        World("a warm store, every file read again", ("--rehash",), warm=True),
        *(World("CUDA", ("--device=cuda",)) for _ in range(has_cuda())),
    ]


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}


def age(seconds: int | None) -> Callable[[Path], None]:
    """Gives every file a time that lies as far in the future, or one of the first of FAT."""

    def change(folder: Path) -> None:
        then = 315_619_200 if seconds is None else time.time() + seconds
        for file in folder.rglob("*"):
            os.utime(file, (then, then))

    return change


def has_cuda() -> bool:
    """Tells whether vectors can be computed on a GPU here."""
    import torch

    return bool(torch.cuda.is_available())


def run(work: Path, world: World, first: bool = False) -> tuple[Path, float]:
    """Checks the sample in a world; returns the report folder and seconds of the processor."""
    name = re.sub(r"\W+", "-", world.name)
    here = work / name
    shutil.rmtree(here, ignore_errors=True)
    (here / world.place).parent.mkdir(parents=True)
    shutil.copytree(work / "data", here / world.place)
    if world.change is not None:
        world.change(here / world.place)
    store = work / "first" / "store" if world.warm and not first else here / "store"
    for planted in () if first else work.glob("first/store/v1/planted-*/"):
        shutil.copytree(planted, here / "store" / "v1" / planted.name)
    path = [str(META_TESTS), os.environ.get("PYTHONPATH", "")]
    where = (world.place, f"--report={here / 'report'}", f"--store={store}")
    before = os.times()
    ended = subprocess.run(
        [*CHECK, *where, "-q", *world.options],
        cwd=here,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path)} | dict(world.variables),
        capture_output=True,
        check=False,
    )
    after = os.times()
    if ended.returncode != 1:  # the sample is not fit
        raise SystemExit(f"{world.name}: {ended.returncode}\n{ended.stdout!r}\n{ended.stderr!r}")
    used = after.children_user + after.children_system
    return here / "report", used - before.children_user - before.children_system


def differences(one: Path, other: Path) -> list[str]:
    """Names what differs between two reports beside the provenance."""
    reports: list[dict[str, Any]] = [load_report(folder)[1] for folder in (one, other)]
    found = [
        key for key in reports[0] if key != "provenance" and reports[0][key] != reports[1].get(key)
    ]
    for pattern in BYTES:
        files: list[dict[str, bytes]] = [
            {file.name: file.read_bytes() for file in folder.glob(pattern)}
            for folder in (one, other)
        ]
        names = sorted(files[0].keys() | files[1].keys())
        found += [name for name in names if files[0].get(name) != files[1].get(name)]
    return found


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[""], help="rows whose name has such a word")
    given = parser.parse_args()
    work: Path = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    build_sample(work / "data")
    first, _ = run(work, World("first"), first=True)
    print("| what is another one | seconds of the processor | what differs |")
    print("|---|---:|---|", flush=True)
    for world in (each for each in worlds() if any(word in each.name for word in given.only)):
        report, seconds = run(work, world)
        told = differences(first, report)
        print(f"| {world.name} | {seconds:.0f} | {', '.join(told) or 'nothing'} |", flush=True)


if __name__ == "__main__":
    main()
