"""Spoilt inputs: every reader answers them with an error of ours, quickly and in little memory.

A short seeded run of every reader; `benchmarks/fuzz.py` is the long one. What it found stands in
`fuzz_cases`, a folder a reader, and is read again here.
"""

import re
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from fuzz_images import write_images
from fuzz_run import BROKEN, OURS, Launch, Target, drive, read_one
from fuzz_seeds import copy_reports, write_seeds, write_store
from fuzz_targets import readers

Python = Callable[..., "CompletedProcess[str]"]

HERE = Path(__file__).parent

INPUTS = 8
"""Of each reader; what a thousand of each found is in `fuzz_cases`."""

IMAGES = 300

MEBIBYTES = 800
"""That a process takes at most, with the libraries of networks and of the warm process in it."""

CASES = sorted((HERE / "fuzz_cases").glob("*/*"))
"""The smallest input of each kind that was no error of ours once."""


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    sharded: tuple[Path, dict[str, "CompletedProcess[str]"]],
) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    seeds = folder / "seeds"
    write_seeds(seeds)
    write_store(seeds)
    copy_reports(sharded[0], seeds)
    write_images(seeds / "corpus", real=False)
    return folder


@pytest.fixture(scope="module")
def launch(python: Python) -> Launch:
    """Runs `fuzz_run` in a fork of the warm process."""

    def run(folder: Path, arguments: list[str]) -> int:
        return python(HERE, "-m", "fuzz_run", *arguments).returncode

    return run


def test_every_reader_answers_spoilt_inputs_with_an_error_of_ours(
    folder: Path, launch: Launch
) -> None:
    names = [name for name in readers() if name != "images"]
    tried = drive(launch, folder, names, 0, 0, INPUTS * len(names))
    assert not tried.broken
    assert {name: counted.total() for name, counted in tried.outcomes.items()} == dict.fromkeys(
        names, INPUTS
    )
    assert tried.peak < MEBIBYTES


def test_every_spoilt_image_decodes_or_has_a_problem(folder: Path, launch: Launch) -> None:
    tried = drive(launch, folder, ["images"], 0, 0, IMAGES)
    assert not tried.broken
    said = tried.outcomes["images"]
    assert said.total() == IMAGES
    assert 0 < said["decodes"] < IMAGES


BAD = """
import os, signal, sys, time
from fuzz_run import Target
from fuzz_mutations import spoil_bytes
from labelgate.fixtures.errors import DatasetError, LabelgateError

class Obeying(LabelgateError):
    def __str__(self):
        return "\\x1b[2J"

def refuse(folder):
    raise DatasetError("no dataset;\\x1b[2J\\n mend it")

def obey(folder):
    raise Obeying

READ = {
    "good": lambda folder: "read",
    "refuses": refuse,
    "dies": lambda folder: os.kill(os.getpid(), signal.SIGSEGV),
    "spins": lambda folder: [None for _ in iter(int, 1)],
    "sleeps": lambda folder: time.sleep(60),
    "fills memory": lambda folder: str(len(bytes(2**33))),
    "raises": lambda folder: {}["no key"],
    "leaves": lambda folder: sys.exit(0),
    "obeys": obey,
}

def readers():
    return {n: Target(n, "seed", spoil_bytes, read) for n, read in READ.items()}
"""
"""Readers that do all that a reader may not do."""


def test_whatever_a_reader_may_not_do_is_told(tmp_path: Path, python: Python) -> None:
    run = (HERE / "fuzz_run.py").read_text(encoding="utf-8")
    limits = "CPU_SECONDS, SECONDS = 20, 300"
    assert limits in run
    (tmp_path / "fuzz_run.py").write_text(run.replace(limits, "CPU_SECONDS, SECONDS = 0.2, 2"))
    (tmp_path / "fuzz_targets.py").write_text(BAD)
    shutil.copy(HERE / "fuzz_mutations.py", tmp_path)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "seed").write_bytes(b"good")
    names = ["good", "refuses", "dies", "spins", "sleeps", "fills memory", "raises", "leaves"]
    tried = drive(
        lambda folder, given: python(folder, "-m", "fuzz_run", *given).returncode,
        *(tmp_path, [*names, "obeys"], 0, 0, 9),
    )
    assert {name: list(tried.outcomes[name]) for name in names[:2]} == {
        "good": ["read"],
        "refuses": [OURS],
    }
    told = {name: said.removeprefix(f"{BROKEN} ").split(":")[0] for name, _, said in tried.broken}
    assert told == {
        "dies": f"the process ended with {-signal.SIGSEGV}",
        "spins": f"the process ended with {-signal.SIGPROF}",
        "sleeps": f"the process ended with {-signal.SIGALRM}",
        "fills memory": "MemoryError at ",
        "raises": "KeyError at ",
        "leaves": "SystemExit at ",
        "obeys": "AssertionError at ",
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: "/".join(case.parts[-2:]))
def test_what_was_no_error_of_ours_once_is_one(folder: Path, tmp_path: Path, case: Path) -> None:
    (target,) = (each for each in readers().values() if name_of(each) == case.parent.name)
    (good,) = (folder / "seeds").glob(target.file)
    file = good.relative_to(folder / "seeds")
    shutil.copytree(folder / "seeds" / file.parts[0], tmp_path / file.parts[0])
    for beside in ("images", "packed") if file.parts[0] == "store" else ():
        shutil.copytree(folder / "seeds" / beside, tmp_path / beside)
    (tmp_path / file).write_bytes(case.read_bytes())
    assert not read_one(target.read, tmp_path).startswith(BROKEN)


def name_of(target: Target) -> str:
    """The folder of its cases."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", target.name)
