"""What other processes and threads do beside this one is what this one would do."""

import os
import threading
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from spawned import importable

from labelgate.fixtures.aside import (
    LARGE,
    Awaited,
    beside,
    in_thread,
    meanwhile,
    pytest_configure,
    work_aside,
)
from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.settings import SETTINGS

TASKS = """
import os
import signal

def add(one, other):
    return one + other, os.getpid()

def refuse(number):
    raise ValueError(f"{number} is refused")

def die_elsewhere(home):
    if os.getpid() != home:  # as the kernel does that is out of memory
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "tasks_aside.py").write_text(TASKS)
    with importable(folder, "tasks_aside") as module:
        yield module


@pytest.mark.parametrize("workers", [0, 1])
def test_work_aside_is_done_in_a_process_of_its_own_where_there_is_one(
    tasks: ModuleType, workers: int
) -> None:
    with work_aside(workers) as start:
        waits = [start(tasks.add, number, 1) for number in range(3)]
        refused = pytest.raises(ValueError, match="7 is refused")
        done = [wait() for wait in waits]
        with refused:
            start(tasks.refuse, 7)()
    assert [total for total, _ in done] == [1, 2, 3]
    assert all((process == os.getpid()) == (workers == 0) for _, process in done)


def test_what_a_process_dies_of_is_done_here(tasks: ModuleType) -> None:
    with work_aside(1) as start:
        assert start(tasks.die_elsewhere, os.getpid())() == "done"
        assert start(tasks.add, 1, 1)() == (2, os.getpid())


def test_a_thread_works_while_this_one_goes_on_and_its_error_is_raised_here() -> None:
    gate, refused = threading.Event(), ValueError("7 is refused")

    def refuse() -> None:
        raise refused

    results = Awaited([in_thread(gate.wait, 60), in_thread(refuse)])
    assert len(results) == 2  # and nobody waited for the first, which waits for us
    gate.set()
    assert results[0] is True
    assert list(results[:1]) == [True]
    with pytest.raises(ValueError, match="7 is refused") as raised:
        list(results)
    assert raised.value is refused


@pytest.mark.parametrize(("images", "workers", "here"), [
    (LARGE - 1, 2, True), (LARGE, 2, False), (LARGE, 0, True),
])  # fmt: skip
def test_a_large_dataset_alone_starts_processes(
    tasks: ModuleType, images: int, workers: int, here: bool
) -> None:
    ends: list[Callable[[], None]] = []
    stash = pytest.Stash()
    stash[SETTINGS] = SimpleNamespace(workers=workers)  # type: ignore[assignment]
    stash[DATASET] = SimpleNamespace(paths=range(images))  # type: ignore[assignment]
    config: Any = SimpleNamespace(stash=stash, add_cleanup=ends.append)
    pytest_configure(config)
    processes, threads = (each.__wrapped__(config) for each in (beside, meanwhile))  # type: ignore[attr-defined]
    assert (processes(tasks.add, 1, 1)()[1] == os.getpid()) == here
    assert (threads(threading.get_ident)() == threading.get_ident()) == here
    for end in ends:
        end()
