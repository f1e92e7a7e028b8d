"""Whole processes, one after the other in each round: labelgate and cleanvision on the same folder.

    python benchmarks/peers.py --work FOLDER --cleanvision PYTHON [--rounds 3]

`PYTHON` is an interpreter of an environment with cleanvision (`pip install cleanvision`). It is
asked for exact duplicates alone; labelgate does all it does, from an empty store, report included.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from data import full_size, unpack

CLEANVISION = """
import sys
from cleanvision import Imagelab
if __name__ == "__main__":
    lab = Imagelab(data_path=sys.argv[1])
    lab.find_issues({"exact_duplicates": {}}, n_jobs=2, verbose=False)
"""


def seconds(*command: str) -> float:
    """Runs a whole process and returns how long it took."""
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cleanvision", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    store, report = given.work / "peer-store", given.work / "peer-report"
    program = [sys.executable, "-m", "labelgate.plugins.command", "check"]
    print("| files | labelgate, s | cleanvision, s | labelgate / cleanvision |")
    print("|---|---:|---:|---:|")
    for root in (full_size(given.work, copies=40), unpack("cifar10_dev", given.work)):
        pairs = []
        for _ in range(given.rounds):
            shutil.rmtree(store, ignore_errors=True)
            ours = seconds(*program, str(root), f"--store={store}", f"--report={report}")
            pairs.append((ours, seconds(given.cleanvision, "-c", CLEANVISION, str(root))))
        medians = [statistics.median(times) for times in zip(*pairs, strict=True)]
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"| {root.name} | {medians[0]:.1f} | {medians[1]:.1f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
