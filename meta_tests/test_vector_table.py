"""Stored vectors survive damage and kills, merge without loss, and can be read by anybody."""

import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.fixtures import parts as stored_parts
from labelgate.fixtures import vector_table
from labelgate.fixtures.errors import StoreError
from labelgate.fixtures.mapped_rows import forget_pages
from labelgate.fixtures.vector_table import FEW, VectorTable, find_rows


def content(*numbers: int) -> np.ndarray:
    """Contents that differ in their last byte only, and in zeros at the end."""
    return np.array([[0] * 30 + [n // 256, n % 256] for n in numbers], np.uint8).reshape(-1, 32)


def vectors(*numbers: int, dimensions: int = 4) -> np.ndarray:
    return np.array([[n] * dimensions for n in numbers], np.float16).reshape(-1, dimensions)


def append(table: VectorTable, *numbers: int) -> None:
    table.append(content(*numbers), vectors(*numbers))


def stored(table: VectorTable) -> list[int]:
    """The numbers of the rows, each of which must still have its own vector."""
    rows = table.read()
    numbers = rows.content[:, 30:].astype(int) @ [256, 1]
    np.testing.assert_array_equal(rows.vectors, vectors(*numbers))
    return numbers.tolist()


def parts(table: VectorTable) -> list[Path]:
    return sorted(table.folder.glob("part-*.npy"))


@pytest.fixture
def table(tmp_path: Path) -> VectorTable:
    (tmp_path / "vectors").mkdir()
    return VectorTable(tmp_path / "vectors", 4)


def test_rows_come_back_in_the_order_they_were_written(table: VectorTable) -> None:
    assert stored(table) == []
    for numbers in ((3, 1), (2,), (9, 8, 7)):
        append(table, *numbers)
    assert stored(table) == [3, 1, 2, 9, 8, 7]


def test_no_rows_write_nothing(table: VectorTable) -> None:
    append(table)
    assert parts(table) == []


def test_a_table_without_a_folder_is_empty_and_makes_one(tmp_path: Path) -> None:
    table = VectorTable(tmp_path / "none", 4)
    assert stored(table) == []
    append(table, 1)
    assert stored(table) == [1]


def test_parts_become_one_that_is_mapped(table: VectorTable) -> None:
    for number in range(20):
        append(table, number)
    (rows,) = table.read().parts
    assert len(parts(table)) == 1
    assert isinstance(rows, np.memmap)
    assert not rows.flags.writeable
    assert rows["vector"].shape == (20, 4)
    assert np.shares_memory(rows["vector"], rows)


def test_a_large_part_is_left_as_it_is_and_rows_are_gathered_from_all(table: VectorTable) -> None:
    append(table, *range(100))
    (large,) = parts(table)
    for numbers in ((200, 201), (202,), (203, 204)):
        append(table, *numbers)
        rows = table.read()
    assert large.exists()
    assert len(parts(table)) == 2
    assert rows.vectors.shape == (105, 4)
    asked = np.array([104, 0, 99, 100, 104])
    np.testing.assert_array_equal(rows.vectors[asked], vectors(204, 0, 99, 200, 204))
    assert find_rows(content(203, 7, 300), rows.content).tolist() == [103, 7, -1]


def test_whoever_has_a_part_mapped_keeps_it_while_others_merge(table: VectorTable) -> None:
    append(table, 1, 2)
    before = table.read()
    append(table, 3)
    assert stored(table) == [1, 2, 3]
    np.testing.assert_array_equal(before.vectors, vectors(1, 2))
    assert len(list(table.folder.glob(".*.old"))) == 2


def test_a_part_is_read_without_our_code(table: VectorTable) -> None:
    append(table, 5, 6)
    rows = np.load(parts(table)[0], mmap_mode="r", allow_pickle=False)
    assert rows.dtype == np.dtype([("content", "u1", (32,)), ("vector", "<f2", (4,))])
    np.testing.assert_array_equal(rows["vector"], vectors(5, 6))


def test_vectors_of_views_lie_in_the_row_of_their_picture(table: VectorTable) -> None:
    with_views = VectorTable(table.folder, 4, 2)
    stored = np.arange(24).reshape(2, 3, 4).astype(np.float16)
    for n in range(2):
        with_views.append(content(n), stored[n : n + 1])
    assert np.array_equal(with_views.read().vectors, stored)
    assert np.array_equal(with_views.read().own, stored[:, 0])


def test_a_merged_part_is_read_without_our_code(table: VectorTable) -> None:
    append(table, 5)
    append(table, 6, 7)
    table.read()
    rows = np.load(parts(table)[0], mmap_mode="r", allow_pickle=False)
    np.testing.assert_array_equal(rows["vector"], vectors(5, 6, 7))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), unique=True, max_size=9), max_size=6),
    st.integers(1, 5),
)
def test_the_first_of_a_content_counts_in_any_block(batches: list[list[int]], step: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        table = VectorTable(Path(folder), 4)
        patched.setattr(vector_table, "BLOCK", step * table.row.itemsize)
        for numbers in batches:
            append(table, *numbers)
        expected = list(dict.fromkeys(number for numbers in batches for number in numbers))
        assert list(dict.fromkeys(stored(table))) == expected
        assert len(parts(table)) <= 3, "sizes of 2 rows to 10 with their head"


def test_the_first_of_two_vectors_of_a_content_stays(table: VectorTable) -> None:
    table.append(content(1), vectors(1))
    table.append(content(1), vectors(2))
    assert stored(table) == [1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data + b"\0",
        lambda data: bytes(len(data)),
        lambda data: data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
        lambda data: data[:20] + b"9" + data[21:],
        lambda data: b"\x80\x04N.",
    ],
    ids=["empty", "one byte", "half", "longer", "zeros", "bit", "header", "pickle"],
)
def test_a_damaged_part_is_removed_and_only_its_rows_are_absent(
    table: VectorTable, damage: Callable[[bytes], bytes]
) -> None:
    for numbers in ((1, 2), (3, 4), (5, 6)):
        append(table, *numbers)
    part = parts(table)[1]
    part.write_bytes(damage(part.read_bytes()))
    assert stored(table) == [1, 2, 5, 6]
    assert len(parts(table)) == 1
    append(table, 3, 4)
    assert stored(table) == [1, 2, 5, 6, 3, 4]


def test_vectors_of_another_length_are_not_taken_for_ours(table: VectorTable) -> None:
    VectorTable(table.folder, 5).append(content(1), vectors(1, dimensions=5))
    append(table, 2)
    assert stored(table) == [2]


def test_what_a_killed_run_left_is_ignored(table: VectorTable) -> None:
    append(table, 1)
    (table.folder / ".00000-abc.tmp").write_bytes(parts(table)[0].read_bytes())
    assert stored(table) == [1]


MERGE = """
import os, sys
from pathlib import Path
from labelgate.fixtures import parts as stored_parts
from labelgate.fixtures import vector_table
real = vector_table.add_part
def add_part(folder, blocks, suffix, stamp):
    if sys.argv[2] == "after":
        real(folder, blocks, suffix, stamp)
    else:
        real(folder, [next(iter(blocks)), (os.kill(os.getpid(), 9), b"")[1]], suffix, stamp)
    os.kill(os.getpid(), 9)
vector_table.add_part = add_part
vector_table.VectorTable(Path(sys.argv[1]), 4).read()
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_while_it_merges_loses_nothing(table: VectorTable, when: str) -> None:
    for numbers in ((1, 2), (3, 4)):
        append(table, *numbers)
    arguments = [sys.executable, "-c", MERGE, str(table.folder), when]
    assert subprocess.run(arguments, check=False).returncode == -9
    assert sorted(stored(table)) == [1, 2, 3, 4]
    assert len(parts(table)) == 1


def test_a_full_disk_is_one_sentence_and_loses_nothing(
    table: VectorTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(table, 1)
    append(table, 2)

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="No space left on device"):
            append(table, 3)
        with pytest.raises(StoreError, match="make room"):
            table.read()
    assert stored(table) == [1, 2]
    assert [file.name for file in table.folder.iterdir() if file.suffix == ".tmp"] == []


def test_merging_takes_a_few_blocks_of_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = VectorTable(tmp_path, 1024)
    block = np.zeros((2000, 1024), np.float16)
    for first in range(0, 8000, 2000):
        table.append(content(*range(first, first + 2000)), block)
    monkeypatch.setattr(vector_table, "BLOCK", 2**20)
    monkeypatch.setattr(stored_parts, "BLOCK", 2**20)
    tracemalloc.start()
    (rows,) = table.read().parts
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows.nbytes == 8000 * (2048 + 32)
    assert peak < rows.nbytes / 3, "16 MB are merged in blocks of 1 MB, and 0.3 MB of contents"


@given(st.lists(st.binary(min_size=32, max_size=32)), st.lists(st.binary(min_size=32, max_size=32)))
def test_rows_are_found_by_all_bytes(wanted: list[bytes], known: list[bytes]) -> None:
    first, second = (
        np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 32) for rows in (wanted, known)
    )
    expected = [known.index(row) if row in known else -1 for row in wanted]
    found = find_rows(first, second)
    assert found.tolist() == expected
    assert found.dtype == np.int64
    assert find_rows(second, second).tolist() == [known.index(row) for row in known]


@given(
    st.lists(st.integers(0, 40), max_size=3),
    st.lists(st.integers(0, 20), min_size=2 * FEW - 1, max_size=3 * FEW + 1),
)
def test_few_rows_are_found_where_many_would_be(wanted: list[int], known: list[int]) -> None:
    """Just below, at and above the share from which what is stored is tabulated."""
    expected = [known.index(number) if number in known else -1 for number in wanted]
    assert find_rows(content(*wanted), content(*known)).tolist() == expected


def mapped_bytes() -> int:
    """Pages of files that count as part of this process."""
    told = Path("/proc/self/status").read_text()
    return int(told.partition("RssFile:")[2].split()[0]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells what is mapped")
def test_pages_that_were_looked_at_are_given_back_and_read_again(tmp_path: Path) -> None:
    table = VectorTable(tmp_path, 4096)
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4000, 4096)).astype(np.float16)  # 33 MB
    table.append(rng.integers(256, size=(4000, 32)).astype(np.uint8), vectors)
    stored = table.read().vectors
    before = mapped_bytes()
    assert np.array_equal(stored[np.arange(4000)], vectors)
    seen = mapped_bytes()
    forget_pages()
    after = mapped_bytes()
    assert seen - before > 2**24
    assert seen - after > 2**24
    assert np.array_equal(stored[np.arange(4000)], vectors)
