"""Mutation testing: which changes of our code do our tests not notice?

    pip install mutmut
    python benchmarks/mutation.py --work F --mutate expectations/limits.py --tests test_limits.py

Copies the tracked files into `F/labelgate`, mutates the named files with mutmut, and runs the
named modules of `meta_tests/` on each mutant, in a fork of one process. Tests that run the suite in
processes of their own are left out, since they would take an hour for a hundred mutants: a mutant
that survives here may still be killed there, so the score is a lower bound. Prints a row a file,
and the changes that survived. `meta_tests/` themselves, docstrings and messages are in it: a mutant
of a message is killed by a test that reads it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

PLUGIN = """
import pytest

def pytest_collection_modifyitems(config, items):
    apart = {"suite", "python", "sample", "visit", "browser", "warm", "sharded", "at_once"}
    left = [item for item in items if apart & set(getattr(item, "fixturenames", ()))]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
"""
"""What leaves out the tests that run the suite elsewhere."""

KILLED, SURVIVED, UNTESTED = "killed", "survived", "no test"

OUTCOMES = {0: SURVIVED, 33: UNTESTED}
"""mutmut's exit codes of a mutant; every other one that was recorded killed it."""


def prepare(work: Path, mutate: Sequence[str], tests: Sequence[str]) -> None:
    """Copies the project, and writes what mutmut is told."""
    shutil.rmtree(work / "mutants", ignore_errors=True)
    shutil.rmtree(work / "labelgate", ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (work / "labelgate" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, work / "labelgate" / name)
    (work / "plugin").mkdir(exist_ok=True)  # mutmut makes the files beside it impossible to import
    (work / "plugin" / "left_out.py").write_text(PLUGIN, encoding="utf-8")
    told = {
        "source_paths": sorted({f"labelgate/{Path(name).parent}" for name in mutate}),
        "only_mutate": [f"labelgate/{name}" for name in mutate],
        "also_copy": ["labelgate/"],
        "pytest_add_cli_args": [
            *("-c", "labelgate/pyproject.toml", "-p", "left_out", "-p", "no:cacheprovider")
        ],
        "pytest_add_cli_args_test_selection": [f"labelgate/meta_tests/{name}" for name in tests],
    }
    lines = [f"{key} = {json.dumps(value)}" for key, value in told.items()]
    text = "\n".join(["[tool.mutmut]", *lines, ""])
    (work / "pyproject.toml").write_text(text, encoding="utf-8")
    (work / "mutants").mkdir()  # a path that is not there when Python starts is never looked at


def mutmut(work: Path, *arguments: str) -> str:
    """Runs mutmut where the mutants are imported in the place of an installed labelgate."""
    paths = os.pathsep.join(map(str, (work / "plugin", work / "mutants")))
    env = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "mutmut", *arguments]
    run = subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(run.stdout[-3000:] + run.stderr[-3000:])
    return run.stdout


def outcomes_of(work: Path, name: str) -> dict[str, str]:
    """Reads what became of each mutant of a file."""
    kept = work / "mutants" / "labelgate" / f"{name}.meta"
    codes = json.loads(kept.read_text(encoding="utf-8"))["exit_code_by_key"]
    return {
        mutant: OUTCOMES.get(code, KILLED) for mutant, code in codes.items() if code is not None
    }


def main() -> None:
    """Prints a row a file, and what survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--mutate", nargs="+", required=True, help="files, from the project's root")
    parser.add_argument("--tests", nargs="+", required=True, help="modules of meta_tests/")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    prepare(work, given.mutate, given.tests)
    mutmut(work, "run", f"--max-children={given.processes}")
    print(
        "| file | mutants | killed | survived | no test | score |\n|---|---:|---:|---:|---:|---:|"
    )
    alive = []
    for name in given.mutate:
        found = outcomes_of(work, name)
        counts = Counter(found.values())
        cells = (counts[each] for each in (KILLED, SURVIVED, UNTESTED))
        score = counts[KILLED] / max(1, len(found))
        print(f"| {name} | {len(found)} | {' | '.join(map(str, cells))} | {score:.0%} |")
        alive += [mutant for mutant, outcome in found.items() if outcome == SURVIVED]
    for mutant in alive:
        shown = mutmut(work, "show", mutant).splitlines()
        print(f"\n{mutant}", *(line for line in shown if line[:2] in ("- ", "+ ")), sep="\n")


if __name__ == "__main__":
    main()
