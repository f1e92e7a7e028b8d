"""The store survives damage, full disks and missing rights, and never returns a wrong row."""

import contextlib
import errno
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from stored_rows import SCHEMA, part_of, rows, widths

from labelgate.fixtures.errors import StoreError
from labelgate.fixtures.parts import is_whole
from labelgate.fixtures.store import Table, open_store


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return open_store(tmp_path / "store").table("facts", "decoder 1")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: b"PAR1",
        lambda data: b"garbage " * 100,
        lambda data: bytes(len(data)),
        lambda data: data + b"more",
        lambda data: data[:8] + bytes([data[8] ^ 1]) + data[9:],
        lambda data: data[:60] + bytes(200) + data[260:],
    ],
    ids=["empty", "one byte", "half", "head", "garbage", "zeros", "longer", "bit", "hole"],
)
def test_a_damaged_part_is_removed_and_only_its_rows_are_absent(
    table: Table, damage: Callable[[bytes], bytes]
) -> None:
    for first in (0, 10, 20):
        table.append(rows(first))
    part = part_of(table, 1)
    part.write_bytes(damage(part.read_bytes()))
    assert widths(table) == [0, 1, 2, 20, 21, 22]
    assert not part.exists()
    table.append(rows(10))
    assert widths(table) == [0, 1, 2, 20, 21, 22, 10, 11, 12]


def test_a_flipped_bit_never_makes_a_wrong_row(table: Table) -> None:
    table.append(rows(0, 40))
    part = part_of(table)
    good = part.read_bytes()
    known = set(map(str, rows(0, 40).to_pylist()))
    for position in range(len(good)):
        flipped = bytearray(good)
        flipped[position] ^= 1 << position * 5 % 8
        part.write_bytes(flipped)
        found = set(map(str, table.read(SCHEMA).to_pylist()))
        assert found <= known, f"bit {position * 5 % 8} of byte {position}: {found - known}"


def test_what_a_killed_writer_left_is_ignored(table: Table) -> None:
    table.append(rows(0))
    part = part_of(table)
    (table.folder / ".00000000000000000000-abc.tmp").write_bytes(part.read_bytes()[:99])
    (table.folder / "part-1.parquet.tmp").write_bytes(b"")
    assert widths(table) == [0, 1, 2]


def test_merging_leaves_damaged_rows_out_and_good_ones_in(table: Table) -> None:
    for first in (0, 10, 20):
        table.append(rows(first))
    part_of(table, 1).write_bytes(b"garbage")
    table.merge(lambda found: found, SCHEMA)
    assert widths(table) == [0, 1, 2, 20, 21, 22]


def test_a_merge_that_fails_loses_nothing(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    table.append(rows(0))
    table.append(rows(10))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(pq, "write_table", full)
        with pytest.raises(StoreError):
            table.merge(lambda found: found, SCHEMA)
    assert widths(table) == [0, 1, 2, 10, 11, 12]


def assert_one_sentence(error: StoreError, folder: Path, why: str) -> None:
    assert str(folder) in str(error)
    assert why in str(error)
    assert "--store" in str(error)
    assert "\n" not in str(error)


def test_a_full_disk_is_one_sentence(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(StoreError) as caught:
        table.append(rows(0))
    assert_one_sentence(caught.value, table.folder, "No space left on device")
    assert not list(table.folder.glob("*"))


FULL = """
import signal, sys
from pathlib import Path
import pyarrow as pa
from labelgate.fixtures.errors import StoreError
from labelgate.fixtures.store import Table
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
import os
try:
    Table(Path(sys.argv[1])).append(pa.table([[os.urandom(32) for _ in range(9000)]], names=["a"]))
except StoreError as error:
    print(error)
"""


def test_a_file_that_cannot_grow_is_one_sentence_and_leaves_nothing(table: Table) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(table.folder)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536)),
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert_one_sentence(StoreError(run.stdout.strip()), table.folder, "File too large")
    assert list(table.folder.iterdir()) == []


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder, and no rights of root while the test runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for path in ("readable", "store"):
            (folder / path).mkdir(mode=0o755)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        yield folder
        if root:
            os.seteuid(0)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755)


def as_owner(action: Callable[[], object]) -> None:
    was = os.geteuid()
    if os.getuid() == 0:
        os.seteuid(0)
    action()
    if os.getuid() == 0:
        os.seteuid(was)


def test_a_folder_that_cannot_be_written_is_one_sentence(unprivileged: Path) -> None:
    as_owner(lambda: unprivileged.chmod(0o555))
    with pytest.raises(StoreError) as caught:
        open_store(unprivileged / "store" / "here")
    assert_one_sentence(caught.value, unprivileged, "Permission denied")


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        open_store(tmp_path / "store")
    assert_one_sentence(caught.value, tmp_path, "Not a directory")


def test_a_damaged_part_that_cannot_be_removed_is_told_and_no_traceback(
    unprivileged: Path,
) -> None:
    table = Table(unprivileged / "readable")

    def prepare() -> None:
        table.append(rows(0))
        part_of(table).write_bytes(b"garbage")
        part_of(table).chmod(0o644)
        table.folder.chmod(0o555)

    as_owner(prepare)
    try:
        assert widths(table) == []
    except StoreError as error:
        assert_one_sentence(error, table.folder, "Permission denied")


def test_a_part_that_cannot_be_read_now_is_not_destroyed(table: Table) -> None:
    table.append(rows(0))
    table.append(rows(10))

    def exhausted(part: object, **_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pq, "read_table", exhausted)
        with contextlib.suppress(OSError, StoreError):
            table.read(SCHEMA)
    assert widths(table) == [0, 1, 2, 10, 11, 12]


def test_a_part_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be used \(No such file or directory\)"):
        is_whole(tmp_path / "part-1.npy")
