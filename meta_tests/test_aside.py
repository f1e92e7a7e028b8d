"""What other processes do beside this one is what this one would do."""

import os
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from labelgate.fixtures.aside import LARGE, Start, beside, work_aside


def add(one: int, other: int) -> tuple[int, int]:
    """Adds, and says which process did."""
    return one + other, os.getpid()


def refuse(number: int) -> None:
    raise ValueError(f"{number} is refused")


def die_elsewhere(home: int) -> str:
    """Ends its process, as the kernel does that is out of memory, unless it is the one at home."""
    if os.getpid() != home:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@pytest.mark.parametrize("workers", [0, 1])
def test_work_aside_is_done_in_a_process_of_its_own_where_there_is_one(workers: int) -> None:
    with work_aside(workers) as start:
        waits = [start(add, number, 1) for number in range(3)]
        refused = pytest.raises(ValueError, match="7 is refused")
        done = [wait() for wait in waits]
        with refused:
            start(refuse, 7)()
    assert [total for total, _ in done] == [1, 2, 3]
    assert all((process == os.getpid()) == (workers == 0) for _, process in done)


def test_what_a_process_dies_of_is_done_here() -> None:
    with work_aside(1) as start:
        assert start(die_elsewhere, os.getpid())() == "done"
        assert start(add, 1, 1)() == (2, os.getpid())


@pytest.mark.parametrize(("images", "workers", "here"), [
    (LARGE - 1, 2, True), (LARGE, 2, False), (LARGE, 0, True),
])  # fmt: skip
def test_a_large_dataset_alone_starts_processes(images: int, workers: int, here: bool) -> None:
    settings, dataset = SimpleNamespace(workers=workers), SimpleNamespace(paths=range(images))
    made: Callable[..., Iterator[Start]] = beside.__wrapped__  # type: ignore[attr-defined]
    lent = made(settings, dataset)
    assert (next(lent)(add, 1, 1)()[1] == os.getpid()) == here
