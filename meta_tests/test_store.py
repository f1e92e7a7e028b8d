"""The store gives back what was put in, whoever writes, waits or merges at the same time."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_rows import SCHEMA, rows, widths

from labelgate.fixtures import store as store_module
from labelgate.fixtures.errors import StoreError
from labelgate.fixtures.part_columns import ADDED
from labelgate.fixtures.parts import parts_of
from labelgate.fixtures.store import PARTS, Table, key, open_store


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return open_store(tmp_path / "store").table("facts", "decoder 1")


def test_rows_come_back_as_they_went_in_and_in_order(table: Table) -> None:
    assert table.read(SCHEMA).equals(SCHEMA.empty_table())
    for first in (0, 10, 20):
        table.append(rows(first))
    assert table.read(SCHEMA).equals(pa.concat_tables([rows(0), rows(10), rows(20)]))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted by Linux")
def test_rows_are_read_without_leaving_threads_behind(table: Table) -> None:
    table.append(rows(0))
    script = (
        "import os, sys, pyarrow as pa, pyarrow.parquet; from pathlib import Path\n"
        "from labelgate.fixtures.store import Table\n"
        f"schema = pa.ipc.read_schema(pa.py_buffer({SCHEMA.serialize().to_pybytes()!r}))\n"
        "before = os.listdir('/proc/self/task')\n"
        "assert Table(Path(sys.argv[1])).read(schema).num_rows == 3\n"
        "assert os.listdir('/proc/self/task') == before\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script, str(table.folder)], capture_output=True, check=False
    )
    assert found.returncode == 0, found.stderr.decode()


def test_rows_that_another_run_merges_meanwhile_are_read(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in (0, 10):
        table.append(rows(first))
    listed, merged = parts_of, []

    def merge_after_listing(folder: Path, suffix: str) -> list[Path]:
        parts = listed(folder, suffix)
        if not merged:
            merged.append(True)
            table.merge(lambda all_rows: all_rows, SCHEMA)
        return parts

    monkeypatch.setattr(store_module, "parts_of", merge_after_listing)
    assert widths(table) == [0, 1, 2, 10, 11, 12]


def test_nothing_is_written_for_no_rows(table: Table) -> None:
    table.append(rows(0, 0))
    assert not table.folder.exists()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=4, max_size=4), st.none() | st.text())))
def test_any_text_and_null_survives(values: list[tuple[bytes, str | None]]) -> None:
    schema = pa.schema([SCHEMA.field("content"), SCHEMA.field("problem")])
    written = pa.table([[v[0] for v in values], [v[1] for v in values]], schema=schema)
    with tempfile.TemporaryDirectory() as folder:
        table = Table(Path(folder, "facts"))
        table.append(written)
        assert table.read(schema).equals(written)


WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from labelgate.fixtures.store import Table
schema = pa.schema({"content": pa.binary(4), "problem": pa.string(), "width": pa.int32()})
table, first = Table(Path(sys.argv[1])), int(sys.argv[2])
for n in range(first, first + 40):
    table.append(pa.table([[n.to_bytes(4, "big")], ["-"], [n]], schema=schema))
    if n % 10 == 9:
        table.merge(lambda rows: rows, schema)
"""


def test_writers_at_once_lose_nothing(table: Table) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(table.folder), str(first)])
        for first in (0, 1000)
    ]
    while any(writer.poll() is None for writer in writers):
        assert len(widths(table)) <= 160
    assert [writer.wait() for writer in writers] == [0, 0]
    assert set(widths(table)) == {*range(40), *range(1000, 1040)}


def test_merging_keeps_the_chosen_rows_in_one_part(table: Table) -> None:
    for first in range(PARTS + 1):
        table.append(rows(first * 10))
    assert table.has_many_parts()
    before = table.read(SCHEMA)
    table.merge(lambda found: found, SCHEMA)
    assert table.read(SCHEMA).equals(before)
    assert len(list(table.folder.glob("part-*"))) == 1
    table.append(rows(5000))
    assert widths(table)[-3:] == [5000, 5001, 5002]


def test_merging_to_the_rows_of_the_newest_part_keeps_them(table: Table) -> None:
    for first in (0, 10):
        table.append(rows(first))
    table.merge(lambda found: found.slice(3), SCHEMA)
    assert widths(table) == [10, 11, 12]
    assert len(parts_of(table.folder, ".parquet")) == 1


def test_a_store_of_another_version_stays_as_it_is(tmp_path: Path) -> None:
    old = tmp_path / "v0" / "facts"
    old.mkdir(parents=True)
    (old / "part-0.parquet").write_bytes(b"an older layout")
    store = open_store(tmp_path)
    store.table("facts").append(rows(0))
    assert widths(store.table("facts")) == [0, 1, 2]
    assert (old / "part-0.parquet").read_bytes() == b"an older layout"


def test_what_a_table_depends_on_tells_it_apart(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.table("facts", "decoder 1", 5).append(rows(0))
    assert widths(store.table("facts", "decoder 2", 5)) == []
    assert widths(store.table("facts", "decoder 1", 6)) == []
    assert widths(store.table("facts", "decoder 1", 5)) == [0, 1, 2]
    assert key("ab", "c") != key("a", "bc")


def test_a_second_run_is_told_that_it_waits_and_then_goes_on(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    told: list[str] = []
    code = (
        "import sys, time; from pathlib import Path\n"
        "from labelgate.fixtures.store import Store\n"
        "with Store(Path(sys.argv[1])).lock('decode', print):\n"
        "    print('mine', flush=True); time.sleep(1.3)\n"
    )
    argv = [sys.executable, "-c", code, str(store.folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        with store.lock("decode", lambda: told.append("waiting")):
            assert other.poll() is not None or other.wait(1) == 0
    assert told == ["waiting"]


def test_a_lock_of_a_killed_run_does_not_stop_the_next(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from labelgate.fixtures.store import Store\n"
        "with Store(Path(sys.argv[1])).lock('decode', print):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(store.folder)], check=False)
    assert killed.returncode == -9
    with store.lock("decode", lambda: pytest.fail("nobody holds it")):
        pass


def test_the_store_is_flushed_before_it_is_renamed(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    flush, rename = os.fsync, Path.rename
    monkeypatch.setattr(os, "fsync", lambda file: (order.append("flush"), flush(file)))
    monkeypatch.setattr(Path, "rename", lambda a, b: (order.append("rename"), rename(a, b))[1])
    table.append(rows(0))
    assert order == ["flush", "rename"]


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path)
    (tmp_path / "v0").mkdir()
    (tmp_path / "v12 kept").mkdir()
    open_store(tmp_path)
    (tmp_path / "v2").mkdir()
    with pytest.raises(StoreError, match=r"newer labelgate \(layout 2; this one knows up to 1\)"):
        open_store(tmp_path)


GROWN = SCHEMA.append(pa.field("depth", pa.int16(), metadata=ADDED))


def grown(first: int) -> pa.Table:
    depth = pa.array([7, 8, 9], pa.int16())
    return pa.table([*rows(first).columns, depth], schema=GROWN)


def test_a_column_that_was_added_is_null_in_older_parts(table: Table) -> None:
    table.append(rows(0))
    table.append(grown(10))
    assert table.read(GROWN)["depth"].to_pylist() == [None] * 3 + [7, 8, 9]
    table.merge(lambda found: found, GROWN)
    assert len(parts_of(table.folder, ".parquet")) == 1
    assert table.read(GROWN)["depth"].to_pylist() == [None] * 3 + [7, 8, 9]
    assert widths(table) == [0, 1, 2, 10, 11, 12]


def test_an_older_version_reads_newer_parts_and_does_not_merge_them(table: Table) -> None:
    for first in (0, 10):
        table.append(grown(first))
        table.append(rows(first + 100))
    table.merge(lambda found: found, SCHEMA)
    assert len(parts_of(table.folder, ".parquet")) == 3
    assert widths(table) == [0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112]
    assert sorted(table.read(GROWN)["depth"].to_pylist(), key=str)[:6] == [7, 7, 8, 8, 9, 9]


@pytest.mark.parametrize(
    "other",
    [
        SCHEMA.set(2, pa.field("width", pa.int64())),
        SCHEMA.remove(1),
        SCHEMA.set(1, pa.field("sentence", pa.string())),
    ],
    ids=["type", "without", "renamed"],
)
def test_a_part_that_does_not_fit_is_neither_read_nor_removed(
    table: Table, other: pa.Schema
) -> None:
    chosen = {"content": [b"\0\0\0\1"], "problem": ["x"], "sentence": ["x"], "width": [3]}
    table.append(pa.table({n: chosen[n] for n in other.names}, schema=other))
    (its,) = parts_of(table.folder, ".parquet")
    for first in (0, 10):
        table.append(rows(first))
    table.merge(lambda found: found, SCHEMA)
    assert widths(table) == [0, 1, 2, 10, 11, 12]
    assert its.exists()
    assert len(parts_of(table.folder, ".parquet")) == 2
