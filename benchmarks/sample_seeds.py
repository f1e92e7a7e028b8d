"""The sample dataset under other seeds: a clean one must pass, a flawed one fail as planted.

    python benchmarks/sample_seeds.py --work FOLDER --seeds 8

A run takes half a minute of one core. Ends with 1 if a cell of any run is not what it must be.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.sample.build import build_sample

PROGRAM = "labelgate.plugins.command"


def wrong_cells(folder: Path, store: Path, seed: int, flawed: bool) -> list[str]:
    """Builds and checks one sample; names each cell whose outcome is not the planted one."""
    flaws = build_sample(folder, seed=seed, flawed=flawed)
    report = folder.with_name(f"{folder.name}-report")
    where = [str(folder), f"--store={store}", f"--report={report}"]
    command = [sys.executable, "-m", PROGRAM, "check", *where]
    subprocess.run(command, capture_output=True, check=False)
    results = load_report(report)[1]["results"]
    planted = {cell: "known" if flaw.known else "failed" for flaw in flaws for cell in flaw.cells}
    wrong = []
    for result in results:
        expected = planted.get((result["property"], result["subject"]), "")
        if result["outcome"] not in ((expected,) if expected else ("passed", "not_measured")):
            cell = f"{result['property']}[{result['subject']}]"
            wrong.append(f"{cell} is {result['outcome']}, not {expected or 'passed'}")
    return wrong


def main() -> int:
    """Prints a line a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=8)
    given = parser.parse_args()
    bad = 0
    for seed in range(given.seeds):
        for flawed in (False, True):
            name, started = f"{'flawed' if flawed else 'clean'}-{seed}", time.perf_counter()
            wrong = wrong_cells(given.work / name, given.work / f"store-{seed}", seed, flawed)
            bad += len(wrong)
            told = "; ".join(wrong) or "as planted"
            print(f"{name}: {told} ({time.perf_counter() - started:.0f} s)", flush=True)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
