"""Kills runs at every stage, kills workers, fills disks: and is the next run as it should be?

    python benchmarks/faults.py --work FOLDER [--only WORD]

Each row is a store of its own: a run that is struck there (`meta_tests/struck.py`), then one that
is not. The store must be whole in between, and the report of the second run that of a run that was
never struck. Eleven small pictures, so that a row takes some seconds; all stages are run through.
Disks are full for real, on a `tmpfs` of a few sizes, which root alone can mount.
"""

import argparse
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from determinism import META_TESTS, differences
from soak import children_of

from labelgate.fixtures.parts import is_whole

CHECK = ("-m", "labelgate.plugins.command", "check", "data", "--tau=0.3", "-q")

STAGES = (
    *("store", "pixels", "fingerprinting", "exact_duplicates", "embedder", "embeddings"),
    *("proposals", "planted_copies", "tau", "near_pairs", "near_duplicates", "sources"),
    *("calibration", "shift", "predictions", "groups", "accuracy", "label_errors", "taxonomy"),
    *("measurements", "judgement", "inventory", "candidates", "check"),
    *("papers", "handover", "drawing", "pages", "report"),
)
"""Fixtures, by the name of the one that is set up, and what the report is written by."""

PARTS = 1, 2, 3, 4, 6, 8, 10
"""Writes into the store, each of which is struck when half of it is written."""

DEATHS = 6
"""Runs of which a worker is killed, at a moment drawn at random."""

SIZES = ("256k", "1m", "4m")
"""Of disks."""


Run = tuple[int, str]
"""Exit code, negative for a signal, and what was said."""


class Suite:
    """Runs of the suite in one folder: forks of a process that has the large libraries already."""

    def __init__(self, work: Path, address: str) -> None:
        """Takes the folder, and the socket of that process (`meta_tests/warm.py`)."""
        self.work, self.address = work, address

    def _where(self, name: str) -> tuple[str, ...]:
        return f"--report={self.work / name / 'report'}", f"--store={self.work / name / 'store'}"

    def check(self, name: str, *options: str, **variables: str) -> Run:
        """Runs once, with a report and a store of its own."""
        from warm import PATIENCE, ask

        said = self.work / f"{name}.txt"
        said.unlink(missing_ok=True)
        job = {
            "arguments": [*CHECK[1:], *self._where(name), *options],
            "cwd": str(self.work),
            "env": environment() | variables,
            "stdout": str(said),
            "stderr": str(said),
        }
        code = ask(self.address, job, PATIENCE)
        return code, said.read_text(encoding="utf-8")

    def start(self, name: str, *options: str) -> "subprocess.Popen[str]":
        """Starts a run as a process of its own."""
        return subprocess.Popen(
            [sys.executable, *CHECK, *self._where(name), *options],
            cwd=self.work,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def lend_copies(self, name: str) -> None:
        """Lays the planted copies of the first run into a store: most of what a run takes."""
        (planted,) = self.work.glob("undisturbed/store/v1/planted-*/")
        shutil.copytree(planted, self.work / name / "store" / "v1" / planted.name)


def environment() -> dict[str, str]:
    """The environment, with the plugin that strikes on the path."""
    path = os.pathsep.join([str(META_TESTS), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path}


def next_run(suite: Suite, name: str) -> str:
    """Runs once more where a run was struck, and says what is not as it should be."""
    here = suite.work / name
    broken = [part.name for part in (here / "store").rglob("part-*") if not is_whole(part)]
    code, told = suite.check(name, "--workers=0")
    if code != 1:  # the pictures are no fit dataset
        return f"the next run ended with {code}: {told[-500:]}"
    other = differences(suite.work / "undisturbed" / "report", here / "report")
    return ", ".join([*broken, *other]) or "nothing"


def kill_at(suite: Suite, place: str) -> tuple[str, str]:
    """Kills a run at a place."""
    name = place.replace(":", "-")
    if ":" not in place:
        suite.lend_copies(name)
    code, told = suite.check(name, "--workers=0", "-p", "struck", STRIKE=f"SIGKILL@{place}")
    return "killed" if code == -signal.SIGKILL else f"{code} {told[-99:]}", next_run(suite, name)


def kill_a_worker(suite: Suite, number: int) -> tuple[str, str]:
    """Kills workers of a run, twice, some time after it was started."""
    rng = random.Random(number)
    name = f"worker-{number}"
    suite.lend_copies(name)
    run = suite.start(name, "--workers=2")
    killed = 0
    for _ in range(2000):
        workers = [pid for pid in children_of(run.pid) if run.poll() is None]
        if run.poll() is not None:
            break
        if workers and rng.random() < 0.1:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(workers), signal.SIGKILL)
                killed += 1
            if killed == 2:
                break
        time.sleep(0.05)
    told, _ = run.communicate(timeout=900)
    said = next((line for line in told.splitlines() if line.startswith("ERROR")), "")
    return f"{killed} killed, code {run.returncode} {said}".strip(), next_run(suite, name)


@contextmanager
def disk(place: Path, size: str) -> Iterator[None]:
    """A disk of a few bytes at a folder."""
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def fill_disk(suite: Suite, what: str, size: str) -> tuple[str, str]:
    """Runs with a store or report folder on a disk of this size; then there is room again."""
    name = f"full-{what}-{size}"
    place, kept = suite.work / name / what, suite.work / name / "kept"
    if what == "report":
        suite.lend_copies(name)
    with disk(place, size):
        code, told = suite.check(name, "--workers=0")
        shutil.copytree(place, kept)
    lines = [line for line in told.splitlines() if line.startswith("ERROR")]
    place.rmdir()
    kept.rename(place)
    plain = "no traceback" if "Traceback" not in told else "a traceback"
    return f"code {code}, {len(lines)} sentence, {plain}", next_run(suite, name)


def rows(suite: Suite) -> Iterator[tuple[str, Callable[[], tuple[str, str]]]]:
    """Yields what is struck, and how."""
    for place in STAGES:
        yield f"kill -9 at {place}", partial(kill_at, suite, place)
    for number in PARTS:
        yield f"kill -9 in write {number}", partial(kill_at, suite, f"part:{number}")
    for number in range(DEATHS):
        yield f"workers killed, {number}", partial(kill_a_worker, suite, number)
    if os.geteuid() == 0:
        for what, size in itertools.product(("store", "report"), SIZES):
            yield f"a {what} with room for {size}", partial(fill_disk, suite, what, size)


def main() -> None:
    """Prints the table."""
    sys.path.insert(0, str(META_TESTS))
    from test_layouts import draw_photos

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="", help="rows whose name has this word")
    given = parser.parse_args()
    work: Path = given.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    draw_photos(work / "data")
    with warm(str(work / "socket")) as address:
        suite = Suite(work, address)
        code, told = suite.check("undisturbed", "--workers=0")
        if code != 1:
            raise SystemExit(told)
        print("| struck | what came of it | what differs after the next run |\n|---|---|---|")
        for name, strike in rows(suite):
            if given.only in name:
                print(f"| {name} | {' | '.join(strike())} |", flush=True)


@contextmanager
def warm(address: str) -> Iterator[str]:
    """Starts the process that runs are forks of."""
    with subprocess.Popen(
        [sys.executable, META_TESTS / "warm.py", address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield address
        process.communicate()


if __name__ == "__main__":
    main()
