"""Audits in one process leave nothing behind; `benchmarks/soak.py` makes twenty."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

RUNS = 5

SOAK = Path(__file__).parents[1] / "benchmarks" / "soak.py"


def test_audits_one_after_the_other_leave_nothing_behind(
    tmp_path: Path, draw: Callable[[Path, Mapping[str, int]], Path]
) -> None:
    draw(tmp_path / "data", {f"train/{n % 3}/{n}.png": n // 2 for n in range(60)})
    chosen = ("--", "-k", "files or exact_duplicates", "--workers=1")
    where = ("--work", str(tmp_path / "work"), "--dataset", str(tmp_path / "data"))
    run = subprocess.run(  # memory of three runs is no figure: objects are counted
        [sys.executable, str(SOAK), *where, "--runs", str(RUNS), "--flat=20", *chosen],
        env=os.environ | {"GX_ANALYTICS_ENABLED": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = [line for line in run.stdout.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + RUNS
    assert "what grew: {}" in run.stdout
