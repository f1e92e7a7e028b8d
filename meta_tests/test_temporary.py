"""Folders for one process only: gone with it, or with the next one where it was killed."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from labelgate.fixtures.temporary import LOCK, PREFIX, sweep, temporary_folder

MAKE = """
import os, signal, sys
from labelgate.fixtures.temporary import forgotten
folder = forgotten()
(folder / "dataset.toml").write_text("")
print(folder, flush=True)
how = sys.argv[1]
if how == "exit":
    os._exit(0)  # as forks of many programs end
if how == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
if how == "fork":
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        assert (folder / "dataset.toml").exists(), "a fork took the folder of its parent away"
if how == "wait":
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, for this process and those it starts."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def start(how: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", MAKE, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("how", ["end", "fork"])
def test_a_folder_is_gone_with_its_process(place: Path, how: str) -> None:
    with start(how) as run:
        run.communicate()
    assert run.returncode == 0
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_a_folder_that_was_left_is_gone_with_the_next_process(place: Path, how: str) -> None:
    with start(how) as run:
        told, _ = run.communicate()
    assert run.returncode in (0, -signal.SIGKILL)
    assert Path(told.strip(), "dataset.toml").exists()
    with temporary_folder() as folder:
        assert list(place.iterdir()) == [folder]
    assert list(place.iterdir()) == []


def test_a_folder_of_a_process_that_lives_stays(place: Path) -> None:
    with start("wait") as run:
        assert run.stdout is not None
        folder = Path(run.stdout.readline().strip())
        sweep(place)
        assert (folder / "dataset.toml").exists()
        run.communicate()
    assert list(place.iterdir()) == []


def test_what_is_not_surely_ours_stays(place: Path) -> None:
    (place / f"{PREFIX}other").mkdir()  # without a lock: of another program
    (place / "mine").mkdir()
    (place / "mine" / LOCK).touch()
    (place / f"{PREFIX}link").symlink_to(place / "mine")
    (place / f"{PREFIX}file").write_bytes(b"")
    (place / "mine" / "thesis.txt").write_text("mine")
    sweep(place)
    assert (place / "mine" / "thesis.txt").exists()
    assert (place / f"{PREFIX}other").exists()
    assert (place / f"{PREFIX}file").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user are made by root alone")
def test_a_folder_of_another_user_stays(place: Path) -> None:
    folder = place / f"{PREFIX}others"
    folder.mkdir()
    (folder / LOCK).touch()
    os.chown(folder, 65534, 65534)
    sweep(place)
    assert folder.exists()
