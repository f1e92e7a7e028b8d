"""Reads spoilt inputs in a process that is killed where one hangs or takes too much memory.

    python fuzz_run.py FOLDER TARGETS SEED FIRST COUNT

FOLDER holds the good inputs as `seeds`, TARGETS are names with | in between, which take turns. A
line an input goes to FOLDER/log: its number, and what came out. Where the process dies, the number
after the last line is the input that killed it; `drive` notes that and goes on behind it.
"""

import os
import re
import resource
import shutil
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz_mutations import spoil_bytes
from pyarrow import ArrowException

CPU_SECONDS, SECONDS = 20, 300
"""What one input may take, of the processor and of the clock; then its process is killed."""

MEMORY = 2**31
"""Bytes of addresses that a process may take beyond those it has when it begins: a picture at the
cap of 89 million pixels takes 16 for each of them, whatever its mode."""

IMAGE = "image"
"""The name of what is spoilt where there are several good inputs, each a file of its own."""

BROKEN = "BROKEN"
"""What begins the line of an input that no error of ours answers."""

OURS = "error of ours"
"""What is told of an input that a reader refuses as it should."""

CANNOT_BE_WRITTEN = (ArrowException, ValueError, TypeError, LookupError, AttributeError)
"""What libraries say of tables and archives that they cannot write; bytes are spoilt then."""

Launch = Callable[[Path, list[str]], int]
"""Runs this module with arguments, in a folder; returns the exit code, negative for a signal."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file that somebody reads.

    Attributes:
        name: what it is.
        file: where it stands in the folder of seeds; a pattern that several fit stands for files
            of which one at a time is spoilt, and read as `IMAGE`.
        way: how it is spoilt.
        read: reads all that is read of it in a folder, and says in a word what came out.
    """

    name: str
    file: str
    way: Callable[[Random, bytes], bytes]
    read: Callable[[Path], str]

    def spoil(self, good: bytes, seed: int, number: int) -> bytes:
        """The input of a number."""
        random = Random(f"{self.name} {seed} {number}")
        try:
            return self.way(random, good)
        except CANNOT_BE_WRITTEN:
            return spoil_bytes(random, good)


@dataclass(slots=True)
class Tried:
    """What came of inputs.

    Attributes:
        outcomes: how many ended in each way, by name of the target.
        broken: target, number and story of each that no error of ours answers.
        peak: MiB of memory at most.
        seconds: of the processor.
    """

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    broken: list[tuple[str, int, str]] = field(default_factory=list)
    peak: int = 0
    seconds: float = 0.0

    def count(self, target: str, number: int, said: str) -> None:
        """Notes what came of an input."""
        self.outcomes.setdefault(target, Counter())[said] += 1
        if said.startswith(BROKEN):
            self.broken.append((target, number, said))


def drive(
    launch: Launch, folder: Path, targets: Sequence[str], seed: int, first: int, count: int
) -> Tried:
    """Has inputs read by processes, one after another where they die.

    Args:
        launch: starts a process.
        folder: with `seeds` in it.
        targets: names of what is spoilt in turn.
        seed: of all inputs.
        first: number of the first one.
        count: how many.
    """
    tried, log, end = Tried(), folder / "log", first + count
    while first < end:
        log.unlink(missing_ok=True)
        code = launch(
            folder, [str(folder), "|".join(targets), *map(str, (seed, first, end - first))]
        )
        *lines, last = (log.read_text(encoding="utf-8") if log.exists() else "").splitlines() or [
            ""
        ]
        whole = last.startswith("end\t")
        for line in lines if whole else filter(None, (*lines, last)):
            number, _, said = line.partition("\t")
            tried.count(targets[int(number) % len(targets)], int(number), said)
            first = int(number) + 1
        if whole:
            peak, seconds = last.split("\t")[1:]
            tried.peak, tried.seconds = max(tried.peak, int(peak)), tried.seconds + float(seconds)
        else:
            said = f"{BROKEN} the process ended with {code}"
            tried.count(targets[first % len(targets)], first, said)
            first += 1
    return tried


@dataclass(frozen=True, slots=True)
class _Work:
    """The folder in which one target is spoilt.

    Attributes:
        target: what is spoilt.
        seeds: the folder of good inputs.
        work: its copy.
        files: the file or files to spoil.
        good: their content, and of what their reading changes.
    """

    target: Target
    seeds: Path
    work: Path
    files: list[Path]
    good: dict[Path, bytes]

    def read(self, seed: int, number: int) -> str:
        """Spoils the input of a number, reads it and puts everything back."""
        if self.target.file.startswith("store"):
            shutil.rmtree(self.work / "store")
            shutil.copytree(self.seeds / "store", self.work / "store")
        several = self.files
        file = several[number % len(several)]
        place = IMAGE if len(several) > 1 else file.relative_to(self.seeds)
        (self.work / place).write_bytes(self.target.spoil(self.good[file], seed, number))
        said = read_one(self.target.read, self.work)
        for each, content in self.good.items() if len(several) == 1 else ():
            (self.work / each.relative_to(self.seeds)).write_bytes(content)
        return said


def main(folder: Path, names: Sequence[str], seed: int, first: int, count: int) -> None:
    """Reads inputs, one after another, with limits."""
    from fuzz_targets import readers

    seeds, work = folder / "seeds", folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(seeds, work, ignore=shutil.ignore_patterns("corpus"))
    known = readers()
    works = []
    for name in names:
        good = sorted(seeds.glob(known[name].file))
        kept = {file: file.read_bytes() for file in (*good, *good[0].parent.glob("report.json"))}
        works.append(_Work(known[name], seeds, work, good, kept))
    if any(known[name].file.startswith("weights") for name in names):
        _import_networks()
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    _limit()
    for number in range(first, first + count):
        said = works[number % len(works)].read(seed, number)
        os.write(log, f"{number}\t{said}\n".encode())
    used = resource.getrusage(resource.RUSAGE_SELF)
    os.write(log, f"end\t{peak_memory()}\t{used.ru_utime + used.ru_stime:.1f}\n".encode())


def read_one(read: Callable[[Path], str], work: Path) -> str:
    """What comes out of one input: a word of the reader's, the sentence of an error, or a story."""
    import pytest

    from labelgate.fixtures.errors import LabelgateError

    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        said = read(work)
    except LabelgateError as error:
        said = answer(str(error))
    except pytest.UsageError as error:
        said = answer(*map(str, error.args))
    except BaseException as error:  # whatever it is, it is told
        said = f"{BROKEN} {tell(error)}"
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return said


def answer(*sentences: str) -> str:
    """Whether a reader refuses an input as it should: in sentences that a terminal can show."""
    try:
        for sentence in sentences:
            refuse_sentence(sentence)
    except AssertionError as error:
        return f"{BROKEN} {tell(error)}"
    return OURS


def refuse_sentence(said: str) -> None:
    """Refuses what is no sentence that a terminal can show."""
    assert said, "an error that says nothing"
    assert said.isprintable(), f"not printable: {said[:300]!r}"


def tell(error: BaseException) -> str:
    """An error in a line: its kind, the last place of ours, what it says."""
    frames = [
        f"{Path(f.filename).name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)
    ]
    ours = [f for f in frames if not f.startswith(("fuzz_", "<"))]
    said = re.sub(r"\s+", " ", ascii(str(error)))[:200]
    return f"{type(error).__name__} at {' '.join(ours[-3:])}: {said}"


def _import_networks() -> None:
    """Imports what networks are built with: more addresses than any input may take."""
    from labelgate.fixtures.embedders.open_clip_model import import_open_clip

    import_open_clip()
    import timm  # noqa: F401


def _limit() -> None:
    """Limits memory, leaves no core, and lets the kernel kill what takes too long."""
    import pandas  # noqa: F401 - Arrow imports it when it likes

    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)


def peak_memory() -> int:
    """MiB of this process at most."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main(Path(sys.argv[1]), sys.argv[2].split("|"), *map(int, sys.argv[3:]))
