"""Mutation testing: which changes of our code do our tests not notice?

    pip install mutmut
    python benchmarks/mutation.py --work F --mutate expectations/limits.py --tests test_limits.py
    python benchmarks/mutation.py --work F --mutate fixtures --draw 1000 --seed 1

Copies the tracked files into `F/labelgate`, mutates the named files, and those in named folders,
with mutmut, and runs the named modules of `meta_tests/` on each mutant, in a fork of one process:
of those tests the ones that reach the mutated function, until one fails. Without names, all modules
but those that say nothing about one function (`APART`). Tests that run the suite in processes of
their own are left out, since they would take an hour for a hundred mutants: a mutant that survives
here may still be killed there, so the score is a lower bound. `--draw` tries a simple random sample
of all mutants, the first ones of a seeded shuffle: a larger draw contains a smaller one. `--go-on`
tries more of them, or some of other files, of those that F was made with, and keeps what F has of
it. The score of a sample has its 95 % Clopper-Pearson interval.

Prints a row a file, one for all, and the changes that survived. Docstrings are not changed;
messages are: such a mutant is killed by a test that reads the message.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from scipy.stats import binomtest

ROOT = Path(__file__).resolve().parents[1]

APART = (
    *("architecture", "packaging", "types", "ci_page", "faults_page", "store_page", "no_network"),
    *("browser", "browser_matrix", "browser_pages", "hub", "remote", "remote_manifest"),
    *("remote_mistakes", "ray_engine", "faults_interrupts", "faults_killed", "fuzz", "soak"),
    *("determinism", "every_gate_closes", "real_data", "relabels_real"),
)
"""Modules of tests about the project as a whole, with servers, browsers or processes of theirs."""

PLUGIN = ROOT / "benchmarks" / "left_out.py"
"""Chooses and orders the tests of each run, where mutmut starts pytest."""

KILLED, SURVIVED, UNTESTED = "killed", "survived", "no test"

OUTCOMES = {0: SURVIVED, 5: UNTESTED, 33: UNTESTED}
"""mutmut's exit codes of a mutant; every other one that was recorded killed it."""

HEAD = "| file | mutants | killed | survived | no test | score |\n|---|---:|---:|---:|---:|---:|"


def sources(named: Iterable[str]) -> list[str]:
    """Returns the named files, and those in named folders, from the project's root."""
    paths = [ROOT / name for name in named]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))]
    return sorted({file.relative_to(ROOT).as_posix() for file in files})


def modules() -> list[str]:
    """Returns the modules of tests that run where mutants are."""
    found = (ROOT / "meta_tests").glob("test_*.py")
    return sorted(file.name for file in found if file.stem.removeprefix("test_") not in APART)


def prepare(work: Path) -> None:
    """Copies the project, and puts our plugin beside it."""
    for name in ("mutants", "labelgate", "plugin"):
        shutil.rmtree(work / name, ignore_errors=True)
    (work / "all_mutants.json").unlink(missing_ok=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (work / "labelgate" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, work / "labelgate" / name)
    (work / "plugin").mkdir()  # mutmut makes the files beside it impossible to import
    shutil.copy(PLUGIN, work / "plugin")
    (work / "mutants").mkdir()  # a path that is not there when Python starts is never looked at


class Draw(NamedTuple):
    """The first ones of all mutants, shuffled by a seed; all of them without a size."""

    size: int | None
    seed: int


def configure(work: Path, mutate: Sequence[str], tests: Sequence[str], *, first: bool) -> None:
    """Writes what mutmut is told; copying the project once more would undo the mutants."""
    told = {
        "source_paths": sorted({f"labelgate/{name.partition('/')[0]}" for name in mutate}),
        "only_mutate": [f"labelgate/{name}" for name in mutate],
        "also_copy": ["labelgate/"] if first else [],
        "timeout_constant": 20.0,  # s, times 15: a busy machine is no endless loop
        "pytest_add_cli_args": [
            *("-c", "labelgate/pyproject.toml", "-p", "left_out", "-p", "no:cacheprovider")
        ],
        "pytest_add_cli_args_test_selection": [f"labelgate/meta_tests/{name}" for name in tests],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    text = "\n".join(["[tool.mutmut]", *lines, ""])
    (work / "pyproject.toml").write_text(text, encoding="utf-8")


def mutmut(work: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs mutmut where the mutants are imported in the place of an installed labelgate."""
    paths = os.pathsep.join(map(str, (work / "plugin", work / "mutants")))
    alone = {"OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}  # threads do not survive a fork
    env = os.environ | alone | {"PYTHONPATH": paths, "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    return subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)


def must(run: subprocess.CompletedProcess[str]) -> str:
    """Returns what was printed, or ends with it."""
    if run.returncode:
        raise SystemExit(run.stdout[-3000:] + run.stderr[-3000:])
    return run.stdout


def generate(work: Path, processes: int) -> None:
    """Makes all mutants, and learns which test reaches which function.

    mutmut has no command for this alone. One that is to run a mutant that is not there does it.
    """
    run = mutmut(work, "run", f"--max-children={processes}", "nothing")
    if not (work / "mutants" / "mutmut-stats.json").exists():
        must(run)


def meta_of(work: Path, name: str) -> Path:
    """Returns the file in which mutmut remembers what became of the mutants of a file."""
    return work / "mutants" / "labelgate" / f"{name}.meta"


def list_mutants(work: Path, made: Iterable[str]) -> dict[str, str]:
    """Returns the file of every mutant that the folder was made with."""
    listed = work / "all_mutants.json"
    if not listed.exists():
        found = {mutant: name for name in made for mutant in codes_of(work, name)}
        listed.write_text(json.dumps(found), encoding="utf-8")
    every: dict[str, str] = json.loads(listed.read_text(encoding="utf-8"))
    return every


def choose(work: Path, every: dict[str, str], mutate: Sequence[str], draw: Draw) -> None:
    """Makes mutmut forget the mutants that are not drawn; one that was tried keeps its outcome.

    It counts all that it knows after each one that it tries: 42,000 took most of the time.
    """
    names = sorted(mutant for mutant, name in every.items() if name in mutate)
    Random(draw.seed).shuffle(names)
    drawn = set(names[: draw.size])
    for file in set(every.values()):
        content = json.loads(meta_of(work, file).read_text(encoding="utf-8"))
        told = {m: code for m, code in content["exit_code_by_key"].items() if code is not None}
        new = (m for m, name in every.items() if name == file and m in drawn)
        kept = (m for m in told if file not in mutate)
        content["exit_code_by_key"] = {mutant: told.get(mutant) for mutant in (*new, *kept)}
        meta_of(work, file).write_text(json.dumps(content, indent=4), encoding="utf-8")


def codes_of(work: Path, name: str) -> dict[str, int | None]:
    """Reads mutmut's exit code of each mutant of a file; None for one that was not tried."""
    file = meta_of(work, name)
    content = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    codes: dict[str, int | None] = content.get("exit_code_by_key", {})
    return codes


def outcomes_of(work: Path, name: str) -> dict[str, str]:
    """Reads what became of each mutant of a file that was tried."""
    codes = codes_of(work, name).items()
    return {mutant: OUTCOMES.get(code, KILLED) for mutant, code in codes if code is not None}


def row(name: str, outcomes: Iterable[str], *, sampled: bool) -> str:
    """Returns a row of the table."""
    counts = Counter(outcomes)
    total = counts.total()
    score = f"{counts[KILLED] / max(1, total):.0%}"
    if sampled:
        ends = binomtest(counts[KILLED], total).proportion_ci(0.95, "exact")
        score += f" ({ends.low:.0%} to {ends.high:.0%})"
    cells = (str(counts[each]) for each in (KILLED, SURVIVED, UNTESTED))
    return f"| {name} | {total} | {' | '.join(cells)} | {score} |"


def main() -> None:
    """Prints a row a file, and what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--mutate", nargs="+", required=True, help="files or folders, from the root"
    )
    parser.add_argument("--tests", nargs="+", help="modules of meta_tests/")
    parser.add_argument("--draw", type=int, help="how many of all mutants are tried")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--go-on", action="store_true", help="with what the folder has")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    files = sources(given.mutate)
    tests = given.tests or modules()
    if not given.go_on:
        prepare(work)
        configure(work, files, tests, first=True)
        generate(work, given.processes)
    every = list_mutants(work, files)
    configure(work, sorted(set(every.values())), tests, first=False)  # others lose their mutants
    choose(work, every, files, Draw(given.draw, given.seed))
    must(mutmut(work, "run", f"--max-children={given.processes}"))
    show(work, files, sampled=given.draw is not None)


def show(work: Path, files: Sequence[str], *, sampled: bool) -> None:
    """Prints the table and the changes that survived."""
    found = {name: outcomes_of(work, name) for name in files}
    print(HEAD)
    for name, of in found.items():
        print(row(name, of.values(), sampled=False))
    everything = [outcome for of in found.values() for outcome in of.values()]
    print(row("all", everything, sampled=sampled))
    for mutant in (m for of in found.values() for m, told in of.items() if told == SURVIVED):
        shown = must(mutmut(work, "show", mutant)).splitlines()
        print(f"\n{mutant}", *(line for line in shown if line[:2] in ("- ", "+ ")), sep="\n")


if __name__ == "__main__":
    main()
