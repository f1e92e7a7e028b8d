"""Rows in a table of the store, as its tests write and read them."""

from pathlib import Path

import pyarrow as pa

from labelgate.fixtures.store import Table

SCHEMA = pa.schema({"content": pa.binary(4), "problem": pa.string(), "width": pa.int32()})


def rows(first: int, count: int = 3) -> pa.Table:
    numbers = range(first, first + count)
    columns = [[n.to_bytes(4, "big") for n in numbers], [f"no {n}" for n in numbers], list(numbers)]
    return pa.table(columns, schema=SCHEMA)


def widths(table: Table) -> list[int]:
    return table.read(SCHEMA)["width"].to_pylist()


def part_of(table: Table, number: int = 0) -> Path:
    return sorted(table.folder.glob("part-*.parquet"))[number]
