"""Prepared pictures that go from worker to worker's parent through shared memory, or a pipe."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from spawned import importable

from labelgate.fixtures import handing
from labelgate.fixtures.handing import Handed, Handing, prepare_all, take_over
from labelgate.fixtures.preparing import Prepared

TASKS = """
import os, signal
import numpy as np
from labelgate.fixtures.preparing import Prepared

def draw(batch):
    numbers = np.array(batch)
    shape = len(batch), 5, 5, 3
    return Prepared(numbers, np.broadcast_to(numbers[:, None, None, None], shape).astype(np.uint8))

def fail(batch):
    if 7 in batch:
        raise ValueError("seven")
    return draw(batch)
"""

HALFWAY = """
import tasks_of_handing
from labelgate.fixtures.handing import prepare_all

if __name__ == "__main__":
    batches = prepare_all(tasks_of_handing.draw, [[n] for n in range(40)], 2)
    next(batches)
    batches.close()
"""

linux = pytest.mark.skipif(not handing.SHARED.exists(), reason="no /dev/shm on this system")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tasks_of_handing.py").write_text(TASKS)
    (folder / "halfway.py").write_text(HALFWAY)
    return folder


@pytest.fixture(scope="module")
def tasks(folder: Path) -> Iterator[ModuleType]:
    with importable(folder, "tasks_of_handing") as module:
        yield module


@pytest.fixture
def nothing_left() -> Iterator[None]:
    yield
    assert not list(handing.SHARED.glob(f"labelgate-{os.getpid()}-*"))


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_arrive_as_they_were_prepared(tasks: ModuleType, workers: int) -> None:
    found = prepare_all(tasks.draw, [[1, 2, 3], [4], [5, 6]], workers)
    arrived = {tuple(batch.numbers): batch.images for batch in found}
    assert set(arrived) == {(1, 2, 3), (4,), (5, 6)}
    for numbers, images in arrived.items():
        assert images.shape == (len(numbers), 5, 5, 3)
        assert images[:, 0, 0, 0].tolist() == list(numbers)
        assert images.flags.writeable, "torch warns of arrays that cannot be written"


@linux
@pytest.mark.usefixtures("nothing_left")
def test_a_worker_lays_pictures_into_memory_that_is_given_back(tasks: ModuleType) -> None:
    prefix = f"labelgate-{os.getpid()}-alone-"
    handed = Handing(tasks.draw, prefix)([8, 9])  # type: ignore[list-item]
    assert isinstance(handed, Handed)
    assert (handing.SHARED / handed.name).stat().st_size == 2 * 75
    np.testing.assert_array_equal(take_over(handed).images, tasks.draw([8, 9]).images)


def no_room(descriptor: int, start: int, size: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("lacking", ["room", "a place", "a free name"])
def test_without_shared_memory_pictures_go_through_the_pipe(
    tasks: ModuleType, lacking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Handing(tasks.draw, f"labelgate-{os.getpid()}-lacking-")
    if lacking == "room":
        monkeypatch.setattr(os, "posix_fallocate", no_room)
    elif lacking == "a place":
        monkeypatch.setattr(handing, "SHARED", Path("/nowhere"))
    else:
        left = hand([5])  # type: ignore[list-item]
    batch = hand([5])  # type: ignore[list-item]
    assert isinstance(batch, Prepared)
    assert take_over(batch) is batch
    if lacking == "a free name":
        take_over(left)


@pytest.mark.usefixtures("nothing_left")
def test_an_error_of_a_worker_leaves_nothing_behind(tasks: ModuleType) -> None:
    with pytest.raises(ValueError, match="seven"):
        list(prepare_all(tasks.fail, [[n] for n in range(20)], 2))


def test_who_stops_halfway_leaves_nothing_behind_and_says_nothing(folder: Path) -> None:
    command = (sys.executable, "halfway.py")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=folder, text=True, **pipes) as run:
        told = run.communicate(timeout=60)
    assert (run.returncode, *told) == (0, "", "")
    assert not list(handing.SHARED.glob(f"labelgate-{run.pid}-*"))
