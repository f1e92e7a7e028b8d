"""Worker processes: the same results with any number of them, and no death that spreads."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest
from spawned import importable

from labelgate.fixtures.workers import run_batches

TASKS = """
import os, signal, time

def double(batch):
    return [(item, 2 * item) for item in batch]

def pids(batch):
    time.sleep(0.2)
    return [(item, os.getpid()) for item in batch]

def deadly(batch):
    for item in batch:
        if item < 0:
            os._exit(3) if item % 2 else os.kill(os.getpid(), signal.SIGKILL)
    return double(batch)

def failing(batch):
    if 13 in batch:
        raise ValueError("thirteen")
    return double(batch)

def noisy(batch):
    os.write(2, b"libtiff: this is no TIFF")
    return double(batch)

def slow(batch):
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tasks_of_workers.py").write_text(TASKS)
    return folder


@pytest.fixture(scope="module")
def tasks(folder: Path) -> Iterator[ModuleType]:
    with importable(folder, "tasks_of_workers") as module:
        yield module


def batched(items: Sequence[int], size: int) -> list[Sequence[int]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_every_item_has_one_result_with_any_number_of_workers(
    tasks: ModuleType, workers: int
) -> None:
    batches = batched(range(101), 7)
    found = [
        pair for done in run_batches(tasks.double, batches, workers, pytest.fail) for pair in done
    ]
    assert sorted(found) == [(n, 2 * n) for n in range(101)]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_no_work_is_no_result(tasks: ModuleType, workers: int) -> None:
    assert list(run_batches(tasks.double, [], workers, pytest.fail)) == []


def test_work_runs_in_as_many_processes_as_asked_and_not_here(tasks: ModuleType) -> None:
    done = list(run_batches(tasks.pids, batched(range(8), 1), 2, pytest.fail))
    used = {pid for pairs in done for _, pid in pairs}
    assert len(used) == 2
    assert os.getpid() not in used


@pytest.mark.parametrize(
    ("deadly", "workers"),
    [([-1], 1), ([-2], 2), ([-1, -2, -3], 2)],
    ids=["exit", "kill", "three"],
)
def test_an_item_that_kills_its_process_costs_only_itself(
    tasks: ModuleType, deadly: list[int], workers: int
) -> None:
    items = list(range(40))
    for n, item in enumerate(deadly):
        items.insert(13 * n + 5, item)
    died: list[int] = []

    def record(item: int) -> list[tuple[int, int]]:
        died.append(item)
        return [(item, 0)]

    done = run_batches(tasks.deadly, batched(items, 8), workers, record)
    found = Counter(pair for pairs in done for pair in pairs)
    assert found == Counter({(n, 2 * n): 1 for n in range(40)} | {(n, 0): 1 for n in deadly})
    assert sorted(died) == sorted(deadly)


def test_a_process_that_dies_while_work_is_handed_out_costs_only_its_item(
    tasks: ModuleType,
) -> None:
    batches = [[-1], *([n] for n in range(30_000))]
    died: list[int] = []

    def record(item: int) -> list[tuple[int, int]]:
        died.append(item)
        return []

    found = [pair for pairs in run_batches(tasks.deadly, batches, 2, record) for pair in pairs]
    assert died == [-1]
    assert sorted(found) == [(n, 2 * n) for n in range(30_000)]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_exception_reaches_the_caller(tasks: ModuleType, workers: int) -> None:
    with pytest.raises(ValueError, match="thirteen"):
        list(run_batches(tasks.failing, batched(range(40), 4), workers, pytest.fail))


def children_of(pid: int) -> set[int]:
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid and fields[0] != "Z":
                found.add(int(folder.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_a_result_that_nobody_waits_for_leaves_no_process(tasks: ModuleType) -> None:
    before = children_of(os.getpid())
    results = run_batches(tasks.double, batched(range(40), 4), 2, pytest.fail)
    next(results)
    results.close()  # type: ignore[attr-defined]
    left = children_of(os.getpid()) - before
    names = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
    assert [name for name in names if b"resource_tracker" not in name] == []


PARENT = """
import sys
sys.path.insert(0, sys.argv[1])
import tasks_of_workers
from labelgate.fixtures.workers import run_batches
if __name__ == "__main__":
    list(run_batches(tasks_of_workers.{task}, [[n] for n in range(4)], 2, print))
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_no_worker_outlives_its_parent(folder: Path, sent: signal.Signals) -> None:
    script = folder / "parent.py"
    script.write_text(PARENT.format(task="slow"))
    with subprocess.Popen([sys.executable, str(script), str(folder)]) as parent:
        assert wait_for(lambda: len(children_of(parent.pid)) >= 3, 20)  # and the resource tracker
        workers = children_of(parent.pid)
        time.sleep(0.5)
        parent.send_signal(sent)
        parent.wait(20)
    assert wait_for(lambda: not any(map(is_alive, workers)), 5), "a worker outlived its parent"


def test_native_decoders_write_nothing_to_stderr(folder: Path) -> None:
    script = folder / "noisy_parent.py"
    script.write_text(PARENT.format(task="noisy"))
    run = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, check=True, timeout=60
    )
    assert run.stderr == b""
