"""Parts appear whole, are merged by size, and stay a day for those who have them mapped."""

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures import parts
from labelgate.fixtures.parts import (
    GRACE_NS,
    RATIO,
    add_part,
    crowded,
    is_whole,
    parts_of,
    retire,
    stamp_of,
    sweep,
)


def test_a_part_of_any_kind_is_written_block_by_block(tmp_path: Path) -> None:
    add_part(tmp_path / "any", (bytes([n]) * 1000 for n in range(5)), ".npy")
    add_part(tmp_path / "any", [b"later"], ".npy")
    first, second = parts_of(tmp_path / "any", ".npy")
    assert first.read_bytes() == b"".join(bytes([n]) * 1000 for n in range(5))
    assert second.read_bytes() == b"later"
    assert is_whole(first)
    assert parts_of(tmp_path / "any", ".parquet") == []
    first.write_bytes(first.read_bytes()[:-1])
    assert not is_whole(first)


def test_blocks_that_end_early_leave_nothing(tmp_path: Path) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("the rest is missing")

    with pytest.raises(ValueError, match="the rest is missing"):
        add_part(tmp_path, blocks(), ".npy")
    assert list(tmp_path.iterdir()) == []


def test_a_merged_part_stands_where_the_newest_of_its_parts_stood(tmp_path: Path) -> None:
    for text in (b"a", b"b", b"c"):
        add_part(tmp_path, [text], ".npy")
    first, second, third = parts_of(tmp_path, ".npy")
    add_part(tmp_path, [b"ab"], ".npy", stamp_of(second))
    retire([first, second])
    assert [part.read_bytes() for part in parts_of(tmp_path, ".npy")] == [b"ab", b"c"]
    assert stamp_of(third) > stamp_of(second)


@pytest.fixture
def sized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Names of parts, of which the number behind the point is the size."""
    monkeypatch.setattr(parts, "_size", lambda part: int(part.suffix[1:]))
    monkeypatch.setattr(parts, "FULL", 1000)
    return []


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ([], []),
        ([5], []),
        ([5, 5], [[5, 5]]),
        ([10, 5], [[10, 5]]),
        ([11, 5], []),
        ([999, 30, 20, 10, 5], [[30, 20, 10, 5]]),
        ([999, 500, 30, 20], [[999, 500], [30, 20]]),
        ([1000, 1000, 30, 20], [[30, 20]]),
        ([1000, 400, 400, 400, 1000, 7, 8], [[400, 400, 400], [7, 8]]),
        ([400, 400, 400, 400], [[400, 400, 400]]),
    ],
)
def test_parts_of_a_size_are_merged_and_large_ones_are_left(
    sized: list[Path], sizes: list[int], merged: list[list[int]]
) -> None:
    sized.extend(Path(f"part-{n}.{size}") for n, size in enumerate(sizes))
    found = [[int(part.suffix[1:]) for part in group] for group in crowded(sized)]
    assert sorted(found) == sorted(merged)


@given(st.lists(st.integers(1, 400), max_size=300))
def test_a_table_that_grows_has_few_parts_and_writes_rows_few_times(added: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(parts, "_size", lambda part: int(part.suffix[1:]))
        patched.setattr(parts, "FULL", 1000)
        table: list[Path] = []
        numbers = itertools.count()
        written = 0
        for size in added:
            table.append(Path(f"part-{next(numbers):06d}.{size}"))
            for group in crowded(table):
                together = sum(int(part.suffix[1:]) for part in group)
                written += together
                table[table.index(group[0])] = Path(f"part-{next(numbers):06d}.{together}")
                table = [part for part in table if part not in group]
        total = sum(added)
        assert sum(int(part.suffix[1:]) for part in table) == total
        assert len(table) <= total / 1000 * 2 + 8, "below FULL each is more than twice the rest"
        assert written <= total * 18, "log(1000) to the base of 1.5 is 17"
    assert RATIO == 2


def test_what_was_retired_stays_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_part(tmp_path, [b"old"], ".npy")
    (tmp_path / f".{time.time_ns():020d}-killed.tmp").write_bytes(b"half")
    with parts_of(tmp_path, ".npy")[0].open("rb") as mapped:
        retire(parts_of(tmp_path, ".npy"))
        sweep(tmp_path)
        assert parts_of(tmp_path, ".npy") == []
        assert len(os.listdir(tmp_path)) == 2
        assert mapped.read() == b"old"
    later = time.time_ns() + GRACE_NS + 1
    monkeypatch.setattr(time, "time_ns", lambda: later)
    sweep(tmp_path)
    assert os.listdir(tmp_path) == []
