"""Disks and mounts that fail, slowly or suddenly: told as what they are, never as a bad image."""

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import packed_images as packed
import pyarrow as pa
import pytest
from old_pictures import OLD, Measure, age, cost, facts_of, lay_old_pictures, picture
from PIL import Image

from labelgate.fixtures import preparing, reading
from labelgate.fixtures.containers import opening, placed
from labelgate.fixtures.decode_pass import FLUSH_SECONDS
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.location import Location
from labelgate.fixtures.pixels import Caps
from labelgate.fixtures.preparing import decode_again
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.reading import FAILING, PAUSES
from labelgate.fixtures.store import Table
from labelgate.fixtures.verifying import align_files

CAPS = Caps(pixels=10**6, file_bytes=10**6)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return lay_old_pictures(tmp_path / "data")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Makes a pause cost nothing, and notes it."""
    noted: list[float] = []
    monkeypatch.setattr(reading.time, "sleep", noted.append)
    return noted


Fail = Callable[..., list[str]]


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fail]:
    """Lets `os.open` or `os.read` of reading fail for paths that end so, a number of times."""
    opened: dict[int, str] = {}
    real_open, real_read = os.open, os.read

    def arrange(call: str, ending: str, code: int, times: int = 1000) -> list[str]:
        failed: list[str] = []

        def struck(path: str, when: str) -> None:
            if call == when and path.endswith(ending) and len(failed) < times:
                failed.append(path)
                raise OSError(code, os.strerror(code))

        def open_(path: Any, *rest: Any) -> int:  # noqa: ANN401
            struck(str(path), "open")
            descriptor = real_open(path, *rest)
            opened[descriptor] = str(path)
            return descriptor

        def read(descriptor: int, size: int) -> bytes:
            struck(opened.get(descriptor, ""), "read")
            return real_read(descriptor, size)

        monkeypatch.setattr(reading.os, "open", open_)
        monkeypatch.setattr(reading.os, "read", read)
        return failed

    yield arrange
    monkeypatch.undo()


@pytest.mark.parametrize("call", ["open", "read"])
@pytest.mark.parametrize("code", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EMFILE])
def test_a_disk_that_fails_for_a_moment_is_tried_again(
    root: Path, store: Path, measure: Measure, fail: Fail, waits: list[float], call: str, code: int
) -> None:
    failed = fail(call, "c0/0.png", code, times=len(PAUSES))
    measured = measure(root, store)
    assert len(failed) == len(PAUSES)
    assert waits == list(PAUSES)
    assert facts_of(measured)["train/c0/0.png"][4] is None
    assert cost(measure(root, store)) == (0, 0)


@pytest.mark.parametrize("call", ["open", "read"])
@pytest.mark.parametrize("code", sorted(FAILING))
def test_a_disk_that_fails_ends_the_run_and_is_no_finding(
    root: Path, store: Path, measure: Measure, fail: Fail, call: str, code: int
) -> None:
    fail(call, "c1/1.png", code)
    with pytest.raises(DatasetError) as told:
        measure(root, store)
    sentence = str(told.value)
    assert sentence.startswith(
        f"'train/c1/1.png' could not be read in 3 tries ({os.strerror(code)}"
    )
    assert sentence.endswith("run again: what was measured is kept.")


def test_the_next_run_reads_again_what_could_not_be_read_and_keeps_the_rest(
    root: Path,
    tmp_path: Path,
    store: Path,
    measure: Measure,
    fail: Fail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = facts_of(measure(root, tmp_path / "fresh"))
    fail("read", "c1/1.png", errno.EIO)
    with pytest.raises(DatasetError):
        measure(root, store)
    monkeypatch.undo()
    measured = measure(root, store)
    assert facts_of(measured) == expected
    assert 0 < measured[1].read < len(expected)
    assert cost(measure(root, store)) == (0, 0)


def test_a_slow_mount_loses_nothing_and_what_it_gave_is_stored_meanwhile(
    root: Path, tmp_path: Path, store: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = facts_of(measure(root, tmp_path / "fresh"))
    real_read, now, stored = os.read, [0.0], list[int]()

    def read(descriptor: int, size: int) -> bytes:
        now[0] += FLUSH_SECONDS
        stored.append(sum(1 for _ in store.rglob("pixels-*/part-*.parquet")))
        return real_read(descriptor, size)

    monkeypatch.setattr(reading.os, "read", read)
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    assert facts_of(measure(root, store)) == expected
    assert stored[0] == 0 < stored[-1]


@pytest.mark.parametrize(
    ("code", "why"), [(errno.EACCES, "Permission denied"), (errno.ENOENT, "No such file")]
)
def test_what_is_wrong_with_one_file_is_a_finding_of_its_own(
    root: Path, store: Path, measure: Measure, fail: Fail, waits: list[float], code: int, why: str
) -> None:
    fail("open", "c0/0.png", code)
    facts = facts_of(measure(root, store))
    assert why in facts["train/c0/0.png"][4]
    assert facts["train/c1/1.png"][4] is None
    assert waits == []


def test_a_later_look_at_an_image_says_what_failed(root: Path, fail: Fail) -> None:
    content = hashlib.sha256((root / "train/c0/0.png").read_bytes()).digest()
    file = ("train/c0/0.png", content)
    fail("read", "c0/0.png", errno.ESTALE)
    for look in (
        lambda: decode_again(Location(str(root)), CAPS, *file),
        lambda: align_files(Location(str(root)), CAPS, [(b"key", file, file)]),
    ):
        with pytest.raises(DatasetError, match="could not be read in 3 tries"):
            look()


def test_memory_that_runs_out_in_a_later_look_is_one_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(preparing, "decode", exhausted)
    content = hashlib.sha256((root / "train/c0/0.png").read_bytes()).digest()
    with pytest.raises(
        DatasetError, match=r"^'train/c0/0\.png' did not fit into memory; run again"
    ):
        decode_again(Location(str(root)), CAPS, "train/c0/0.png", content)


# --- images in containers ------------------------------------------------------------------------


@pytest.fixture(params=["webdataset", "parquet", "saved", "zip"])
def layout(request: pytest.FixtureRequest, root: Path, tmp_path: Path) -> Path:
    packed.LAYOUTS[request.param](root, tmp_path / "packed")
    return tmp_path / "packed"


def test_a_container_whose_disk_fails_is_no_finding(
    layout: Path, tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = facts_of(measure(layout, tmp_path / "fresh"))
    dataset = read_dataset(layout)
    refresh()
    with monkeypatch.context() as patched:
        patched.setattr(opening.LocalFile, "_ask", broken)
        with pytest.raises(
            DatasetError, match=r"could not be read in 3 tries \(Input/output error"
        ):
            measure(dataset, tmp_path / "store")
    refresh()
    assert facts_of(measure(layout, tmp_path / "store")) == expected


def test_a_read_of_a_container_that_stops_early_goes_on(
    layout: Path, tmp_path: Path, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = facts_of(measure(layout, tmp_path / "fresh"))
    refresh()
    ask = opening.LocalFile._ask
    monkeypatch.setattr(opening.LocalFile, "_ask", lambda file, size: ask(file, min(size, 7)))
    assert facts_of(measure(layout, tmp_path / "store")) == expected
    refresh()


def broken(*_: object) -> bytes:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def refresh() -> None:
    """Lets go of the containers that are open."""
    opening._open_local.cache_clear()
    placed._open_table.cache_clear()


# --- clocks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [3600, 10**9], ids=["an hour", "thirty years"])
def test_a_file_of_the_future_is_read_again_each_time(
    root: Path, store: Path, measure: Measure, ahead: int
) -> None:
    age(root / "train/c0/0.png", time.time_ns() + ahead * 10**9)
    measure(root, store)
    assert cost(measure(root, store)) == (1, 0)
    Image.new("RGB", (6, 5), (9, 9, 9)).save(root / "train/c0/0.png")
    age(root / "train/c0/0.png", time.time_ns() + ahead * 10**9)
    assert cost(measure(root, store)) == (1, 1)


@pytest.mark.parametrize("jump", [-(10**9), -5, 5, 10**9])
def test_a_clock_that_jumps_between_runs_makes_nothing_stale(
    root: Path,
    tmp_path: Path,
    store: Path,
    measure: Measure,
    monkeypatch: pytest.MonkeyPatch,
    jump: int,
) -> None:
    measure(root, store)
    now = time.time_ns
    with monkeypatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: now() + jump * 10**9)
        picture(root / "train/c0/0.png", 200, mtime=OLD + 1)
        picture(root / "train/c0/2.png", 202, mtime=OLD)  # of the same size and time: not seen
        measure(root, store)
        picture(root / "train/c0/4.png", 204, mtime=OLD + 2)
        jumped = measure(root, store)
    (root / "train/c0/2.png").touch()
    after = measure(root, store)
    expected = facts_of(measure(root, tmp_path / "fresh"))
    assert facts_of(after) == expected
    told = facts_of(jumped)
    assert {path for path in expected if told[path] != expected[path]} <= {"train/c0/2.png"}


def test_what_was_stored_before_the_clock_went_back_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table(tmp_path)
    now = time.time_ns
    table.append(stored_rows(1))
    monkeypatch.setattr(time, "time_ns", lambda: now() - 10**18)
    table.append(stored_rows(2))
    assert table.read(stored_rows(1).schema)["value"].to_pylist() == [1, 2]


def stored_rows(value: int) -> pa.Table:
    return pa.table({"value": pa.array([value], pa.int64())})
