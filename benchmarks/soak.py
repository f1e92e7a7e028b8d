"""CIFAR-10 audited again and again in one process: what it leaves behind after each audit.

    python benchmarks/soak.py --work FOLDER [--runs 20] [--processes] [--dataset DIR]

Calls what `labelgate check` calls, with one store. After each run: memory of this process, open
files, threads, children, files in the temp folder and in shared memory, and the store. The first
run measures and the second imports nothing more, so the slope is that of all runs after them.
`--processes` gives every run a process of its own, in which only files can be left behind.
"""

import argparse
import contextlib
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from data import unpack

FLAT_MEBIBYTES = 1.0
"""Memory that a run may add on average: 1,000 audits in one process then take another gigabyte."""

FLAT_OBJECTS = 500.0
"""Objects that a run may add on average: one that keeps its session keeps 10,000."""

SETTLED = 2
"""Runs that are left out of the slope."""

SHARED_MEMORY = Path("/dev/shm")


class State(NamedTuple):
    """What there is after a run.

    Attributes:
        seconds: of the run, on the clock.
        processor: seconds of the processor, with those of its processes.
        mebibytes: of memory, resident.
        objects: of Python, those that garbage collection leaves out among them.
        files: open.
        threads: of this process.
        children: processes that it started and that live.
        temporary: files and folders in the temp folder, and in shared memory under our name.
        store: bytes of the store.
        parts: files of the store.
    """

    seconds: float
    processor: float
    mebibytes: float
    objects: int
    files: int
    threads: int
    children: int
    temporary: int
    store: int
    parts: int


WATCHED = ("files", "threads", "children", "temporary", "store", "parts")
"""What may not grow at all."""


def look(store: Path, seconds: float, processor: float) -> State:
    """Looks around in this process, on this machine."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = re.search(r"VmRSS:\s+(\d+)", status)
    parts = [file for file in store.rglob("*") if file.is_file()]
    left = [
        *Path(tempfile.gettempdir()).iterdir(),
        *SHARED_MEMORY.glob(f"labelgate-{os.getpid()}-*"),
    ]
    return State(
        seconds,
        processor,
        int(resident[1]) / 1024 if resident else 0.0,
        gc.get_freeze_count() + len(gc.get_objects()),
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        len(list(children_of(os.getpid()))),
        len(left),
        sum(file.stat().st_size for file in parts),
        len(parts),
    )


def children_of(parent: int) -> Iterator[int]:
    """Yields processes that a process started; the one that watches shared memory is Python's."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            command = status.with_name("cmdline").read_bytes()
            if int(fields[1]) == parent and b"resource_tracker" not in command:
                yield int(status.parent.name)


def audit(arguments: Sequence[str], apart: bool) -> int:
    """Runs `labelgate check` once, here or in a process of its own; returns its exit code."""
    program = [sys.executable, "-m", "labelgate.plugins.command"]
    if apart:
        return subprocess.run(
            [*program, *arguments], stdout=subprocess.DEVNULL, check=False
        ).returncode
    from labelgate.plugins.command import main

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        return main(list(arguments))


def soak(dataset: Path, work: Path, runs: int, apart: bool, options: Sequence[str]) -> list[State]:
    """Audits a dataset again and again; returns what there was after each run, and prints it."""
    store = work / "store"
    arguments = ["check", str(dataset), f"--store={store}", f"--report={work / 'report'}", *options]
    print("| run | s | s of the processor | " + " | ".join(State._fields[2:]) + " |")
    print("|---:" * (len(State._fields) + 1) + "|", flush=True)
    states: list[State] = []
    for number in range(1, runs + 1):
        began, used = time.perf_counter(), sum(os.times()[:4])
        code = audit(arguments, apart)
        if code not in (0, 1):
            raise SystemExit(f"run {number} ended with {code}")
        states.append(look(store, time.perf_counter() - began, sum(os.times()[:4]) - used))
        told = (
            f"{value:,.1f}" if isinstance(value, float) else f"{value:,}" for value in states[-1]
        )
        print(f"| {number} | {' | '.join(told)} |", flush=True)
    return states


def slope(values: Sequence[float]) -> float:
    """What a run adds on average."""
    return float(np.polyfit(range(len(values)), values, 1)[0])


def judge(states: Sequence[State], mebibytes: float) -> dict[str, str]:
    """Names what grew, by how much a run; {} where nothing did beyond what is flat."""
    settled = states[SETTLED:]
    grown = {
        name: f"{getattr(settled[0], name):,} to {getattr(settled[-1], name):,}"
        for name in WATCHED
        if getattr(settled[-1], name) > getattr(settled[0], name)
    }
    for name, flat in {"mebibytes": mebibytes, "objects": FLAT_OBJECTS}.items():
        added = slope([float(getattr(state, name)) for state in settled])
        grown |= {name: f"{added:.2f} a run"} if added > flat else {}
    return grown


def main() -> None:
    """Prints the table, and what grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument(
        "--processes", action="store_true", help="a process of its own for each run"
    )
    parser.add_argument("--flat", type=float, default=FLAT_MEBIBYTES, help="MiB a run may add")
    parser.add_argument("--dataset", type=Path, help="another dataset than CIFAR-10")
    parser.add_argument("options", nargs="*", help="of labelgate check, behind --")
    given = parser.parse_args()
    work: Path = given.work.resolve()
    (work / "temporary").mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(work / "temporary")
    dataset = given.dataset or unpack("cifar10_dev", work)
    states = soak(dataset.resolve(), work, given.runs, given.processes, given.options)
    memory = slope([state.mebibytes for state in states[SETTLED:]])
    grown = judge(states, given.flat)
    print(f"\n{memory:+.2f} MiB a run after the first {SETTLED}; what grew: {json.dumps(grown)}")
    raise SystemExit(1 if grown else 0)


if __name__ == "__main__":
    main()
