"""Seconds and memory of whole runs of `labelgate check`, imports and report included.

    python benchmarks/whole_suite.py --work FOLDER

Each row is a process of its own; memory is the peak of that process without its workers.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from data import many_classes, one_dataset

RUN = """
import json, resource, sys
from labelgate.plugins.command import main
if __name__ == "__main__":
    code = main(sys.argv[2:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open(sys.argv[1], "w") as stream:
        json.dump({"code": code, "mebibytes": peak / 1024}, stream)
"""


def run(work: Path, *arguments: str) -> tuple[float, dict[str, float]]:
    """Runs the program once; returns seconds, and its exit code and peak memory."""
    script, result = work / "run.py", work / "result.json"
    script.write_text(RUN, encoding="utf-8")
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, str(script), str(result), *arguments],
        stdout=subprocess.DEVNULL,
        check=True,
        cwd=work,
    )
    return time.perf_counter() - started, json.loads(result.read_text())


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(work / "store", ignore_errors=True)
    pictures, classes = one_dataset(work), many_classes(work, 4000)
    where = [f"--store={work / 'store'}", f"--report={work / 'report'}"]
    print("| run | checks | images | seconds | peak memory, MiB | exit code |")
    print("|---|---:|---:|---:|---:|---:|")
    for title, dataset, options in (
        ("collect only", pictures, ["--collect-only", "-q"]),
        ("from an empty store", pictures, []),
        ("again, nothing changed", pictures, []),
        ("from an empty store", classes, []),
        ("again, nothing changed", classes, []),
        ("again, with JUnit", classes, [f"--junitxml={work / 'junit.xml'}"]),
    ):
        seconds, result = run(work, "check", str(dataset), *where, *options)
        report = work / "report" / "report.json"
        content = json.loads(report.read_text()) if not options else {}
        checks = sum(content.get("counts", {}).values()) or ""
        images = sum(s["images"] for s in content["dataset"]["splits"].values()) if content else ""
        print(
            f"| {dataset.name}: {title} | {checks:,} | {images:,} | {seconds:.1f} | "
            f"{result['mebibytes']:.0f} | {result['code']:.0f} |"
            if content
            else f"| {dataset.name}: {title} | | | {seconds:.1f} | {result['mebibytes']:.0f} | "
            f"{result['code']:.0f} |"
        )


if __name__ == "__main__":
    main()
