"""Kills runs at every stage, kills workers, fills disks: and is the next run as it should be?

    python benchmarks/faults.py --work FOLDER [--only WORD]

Each row is a store of its own: a run that is struck there (`meta_tests/struck.py`), then one that
is not. The store must be whole in between, and the report of the second run that of a run that was
never struck. Eleven small pictures, so that a row takes some seconds; all stages are run through.
Disks are full for real, on a `tmpfs` of a few sizes, which root alone can mount.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from determinism import META_TESTS, differences
from soak import children_of

from labelgate.fixtures.parts import is_whole

CHECK = (sys.executable, "-m", "labelgate.plugins.command", "check", "data", "--tau=0.3", "-q")

STAGES = (
    *("store", "pixels", "fingerprinting", "exact_duplicates", "embedder", "embeddings"),
    *("proposals", "planted_copies", "tau", "near_pairs", "near_duplicates", "sources"),
    *("calibration", "shift", "predictions", "groups", "accuracy", "label_errors", "taxonomy"),
    *("measurements", "judgement", "inventory", "candidates", "check"),
    *("papers", "handover", "drawing", "pages", "report"),
)
"""Fixtures, by the name of the one that is set up, and what the report is written by."""

PARTS = range(1, 11)
"""Writes into the store, each of which is struck when half of it is written."""

DEATHS = 6
"""Runs of which a worker is killed, at a moment drawn at random."""

SIZES = ("64k", "256k", "512k", "1m", "2m", "4m")
"""Of disks."""


def check(work: Path, name: str, *options: str, **variables: str) -> "subprocess.Popen[str]":
    """Starts a run with a report and a store of its own."""
    where = (f"--report={work / name / 'report'}", f"--store={work / name / 'store'}")
    path = os.pathsep.join([str(META_TESTS), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [*CHECK, *where, *options],
        cwd=work,
        env=os.environ | {"PYTHONPATH": path} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(run: "subprocess.Popen[str]") -> tuple[int, str]:
    """Waits for a run; returns its code and what it said."""
    told, _ = run.communicate(timeout=600)
    return run.returncode, told


def next_run(work: Path, name: str, *options: str) -> str:
    """Runs once more where a run was struck, and says what is not as it should be."""
    broken = [part.name for part in (work / name / "store").rglob("part-*") if not is_whole(part)]
    code, told = finish(check(work, name, *options))
    if code != 1:  # the pictures are no fit dataset
        return f"the next run ended with {code}: {told[-500:]}"
    other = differences(work / "undisturbed" / "report", work / name / "report")
    return ", ".join([*broken, *other]) or "nothing"


def kill_at(work: Path, place: str) -> tuple[str, str]:
    """Kills a run at a place."""
    name = place.replace(":", "-")
    code, _ = finish(check(work, name, "--workers=0", "-p", "struck", STRIKE=f"SIGKILL@{place}"))
    return f"killed: {code == -signal.SIGKILL}", next_run(work, name, "--workers=0")


def kill_a_worker(work: Path, number: int) -> tuple[str, str]:
    """Kills one of two workers of a run some time after it was started, until that succeeds."""
    rng = random.Random(number)
    name = f"worker-{number}"
    run = check(work, name, "--workers=2")
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
    code, told = finish(run)
    sentence = next((line for line in told.splitlines() if line.startswith("ERROR")), "")
    return f"{killed} killed, code {code} {sentence}".strip(), next_run(work, name, "--workers=2")


@contextmanager
def disk(place: Path, size: str) -> Iterator[None]:
    """A disk of a few bytes at a folder."""
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def fill_disk(work: Path, what: str, size: str) -> tuple[str, str]:
    """Runs with a store or report folder on a disk of this size; then there is room again."""
    name = f"full-{what}-{size}"
    place = work / name / what
    with disk(place, size):
        code, told = finish(check(work, name, "--workers=0"))
        kept = work / name / "kept"
        shutil.copytree(place, kept)
    lines = [line for line in told.splitlines() if line.startswith("ERROR")]
    place.rmdir()
    kept.rename(place)
    plain = "no traceback" if "Traceback" not in told else "a traceback"
    return f"code {code}, {len(lines)} sentence, {plain}", next_run(work, name, "--workers=0")


def rows(work: Path) -> Iterator[tuple[str, Callable[[], tuple[str, str]]]]:
    """Yields what is struck, and how."""
    for place in STAGES:
        yield f"kill -9 at {place}", lambda place=place: kill_at(work, place)
    for number in PARTS:
        yield f"kill -9 in write {number}", lambda n=number: kill_at(work, f"part:{n}")
    for number in range(DEATHS):
        yield f"two workers killed, {number}", lambda n=number: kill_a_worker(work, n)
    if os.geteuid() == 0:
        for what in ("store", "report"):
            for size in SIZES:
                yield (
                    f"a {what} with room for {size}",
                    lambda w=what, s=size: fill_disk(work, w, s),
                )


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
    code, told = finish(check(work, "undisturbed", "--workers=0"))
    if code != 1:
        raise SystemExit(told)
    print(
        "| struck | what came of it | what differs after the next run |\n|---|---|---|", flush=True
    )
    for name, strike in rows(work):
        if given.only in name:
            print(f"| {name} | {' | '.join(strike())} |", flush=True)


if __name__ == "__main__":
    main()
