"""A run asks no other machine for anything, unless an option or the dataset names one."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from conftest import PROGRAM, clean_environment

HERE = Path(__file__).parent


def watch(folder: Path) -> dict[str, str]:
    """Makes every process that runs with these variables watched."""
    shutil.copy(HERE / "watched.py", folder)
    (folder / "sitecustomize.py").write_text("import watched\n")
    settings = ("GX_", "HF_", "RAY_", "DO_NOT_TRACK", "NO_PROXY")  # what could keep a library quiet
    kept = {k: v for k, v in clean_environment().items() if not k.startswith(settings)}
    return kept | {"PYTHONPATH": str(folder)}


def run(folder: Path, *arguments: str) -> "CompletedProcess[str]":
    environment = watch(folder)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def test_a_run_of_every_stem_reaches_no_other_machine(
    tmp_path: Path, draw: Callable[[Path, Mapping[str, int]], Path]
) -> None:
    pictures = {
        f"{split}/{label}/{i}.png": 100 * s + 20 * c + i
        for s, split in enumerate(("train", "val"))
        for c, label in enumerate("ab")
        for i in range(12)
    }
    draw(tmp_path / "data", pictures)
    store = f"--store={tmp_path / 'store'}"
    options = ("--predictor=knn", "--workers=2", "-q", "-p", "no:cacheprovider", store)
    ended = run(tmp_path, *PROGRAM, "check", "data", "--report=report", *options)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert lines_of(tmp_path / "attempts.log") == []
    assert len({*lines_of(tmp_path / "watched.log")}) >= 3  # the run, and its workers


REACH = {
    "connects": "socket.create_connection(('192.0.2.1', 9), 1)",
    "asks for a name": "socket.getaddrinfo('example.org', 80)",
    "sends": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))",
}


@pytest.mark.parametrize("reach", REACH.values(), ids=REACH)
def test_an_attempt_is_refused_and_noted(tmp_path: Path, reach: str) -> None:
    ended = run(tmp_path, "-c", f"import socket; {reach}")
    assert "this run has no network" in ended.stderr
    assert len(lines_of(tmp_path / "attempts.log")) == 1
