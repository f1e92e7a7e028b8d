"""Spoils inputs of every reader for a stated time; what is no error of ours is told.

    python benchmarks/fuzz.py --work FOLDER --minutes 10 [--seed 1] [--only NAME ...]
    python benchmarks/fuzz.py --work FOLDER --images 100000

Readers take turns, a few hundred inputs each, in processes whose memory and time are limited. An
input is known by reader, seed and number: what a row of the first table names as broken is written
to FOLDER/broken, to be made as small as it can be and kept in meta_tests/fuzz_cases. The images are
those of ../shared/data where it is there. Ends with 1 where something is broken.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "meta_tests"))

import fuzz_run
from fuzz_images import write_images
from fuzz_run import BROKEN, Tried, drive
from fuzz_seeds import write_reports, write_seeds, write_store
from fuzz_targets import readers
from real_data import DATA

HARNESS = Path(fuzz_run.__file__)
"""What a process of its own runs."""

TURN = 250
"""Inputs of a reader in a row; a process takes 1 to 2 s of the processor before the first one."""

KINDS = 12
"""Problems of images that are told."""


def launch(folder: Path, arguments: Sequence[str]) -> int:
    """Reads inputs in a process of its own."""
    run = [sys.executable, str(HARNESS), *arguments]
    return subprocess.run(run, stderr=subprocess.DEVNULL, check=False, cwd=folder).returncode


def prepare(folder: Path, images: bool) -> None:
    """Writes the good inputs, once; images take longest, and are written where they are spoilt."""
    seeds = folder / "seeds"
    if not seeds.exists():
        write_seeds(seeds)
        write_store(seeds)
        write_reports(seeds)
    if images and not (seeds / "corpus").exists():
        with hushed():
            number = write_images(seeds / "corpus", DATA.is_dir())
        print(f"{number:,} images to spoil")


@contextmanager
def hushed() -> Iterator[None]:
    """Keeps the terminal from what libtiff writes to it of each odd file."""
    terminal = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def turns(folder: Path, names: Sequence[str], seed: int, minutes: float) -> Tried:
    """Has every reader read inputs, in turns, until the minutes of the processor are over.

    What came of them so far is told as well where somebody interrupts.
    """
    tried = Tried()
    with suppress(KeyboardInterrupt):
        for number, name in enumerate(cycle(names)):
            if tried.seconds > 60 * minutes:
                break
            first = number // len(names) * TURN
            add(tried, drive(launch, folder, [name], seed, first, TURN))
    return tried


def add(whole: Tried, part: Tried) -> None:
    """Adds what came of some inputs to what came of all."""
    for name, counted in part.outcomes.items():
        whole.outcomes.setdefault(name, Counter()).update(counted)
    whole.broken += part.broken
    whole.peak = max(whole.peak, part.peak)
    whole.seconds += part.seconds


def keep_broken(folder: Path, tried: Tried, seed: int) -> None:
    """Writes the first input of each kind that is broken."""
    told: set[str] = set()
    for name, number, said in tried.broken:
        kind = f"{name} {said.partition(':')[0]}"
        if kind in told:
            continue
        told.add(kind)
        target = readers()[name]
        good = sorted((folder / "seeds").glob(target.file))
        place = folder / "broken" / re.sub(r"[^A-Za-z0-9.]+", "-", f"{name}-{seed}-{number}")
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(target.spoil(good[number % len(good)].read_bytes(), seed, number))
        print(f"{name}, input {number} of seed {seed}: {said}\n  {place}")


def tell(tried: Tried) -> None:
    """Prints a row a reader."""
    print("| reader | inputs | read | refused | broken |\n|---|---:|---:|---:|---:|")
    for name, counted in tried.outcomes.items():
        broken = sum(n for said, n in counted.items() if said.startswith(BROKEN))
        refused = sum(n for said, n in counted.items() if said.startswith(("error", "problem")))
        total = counted.total()
        print(f"| {name} | {total:,} | {total - broken - refused:,} | {refused:,} | {broken:,} |")
    inputs = sum(counted.total() for counted in tried.outcomes.values())
    print(
        f"\n{inputs:,} inputs, {tried.seconds:,.0f} s of the processor, {tried.peak:,} MiB at most"
    )


def tell_kinds(counted: Counter[str]) -> None:
    """Prints what the images were, most frequent first."""
    kinds: Counter[str] = Counter()
    for said, number in counted.items():
        kinds[re.sub(r"[0-9][0-9a-fx,.]*", "N", said.partition("; it begins")[0])[:90]] += number
    print(f"\n{len(kinds):,} kinds of outcomes:")
    for said, number in kinds.most_common(KINDS):
        print(f"{number:9,} {said}")


def main(given: argparse.Namespace) -> int:
    """Runs what was asked for."""
    given.work.mkdir(parents=True, exist_ok=True)
    folder = given.work.resolve()
    prepare(folder, bool(given.images))
    started = time.monotonic()
    if given.images:
        tried = drive(launch, folder, ["images"], given.seed, 0, given.images)
    else:
        names = [name for name in readers() if name != "images" and chosen(name, given.only)]
        tried = turns(folder, names, given.seed, given.minutes)
    tell(tried)
    if given.images:
        tell_kinds(tried.outcomes["images"])
    print(f"{time.monotonic() - started:,.0f} s by the clock")
    keep_broken(folder, tried, given.seed)
    return 1 if tried.broken else 0


def chosen(name: str, only: Iterable[str]) -> bool:
    """Whether a reader is asked for; all are where none is named."""
    only = tuple(only)
    return not only or any(word in name for word in only)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--images", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=[])
    sys.exit(main(parser.parse_args()))
