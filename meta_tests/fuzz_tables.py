"""Ways to spoil tables and archives that stay what they are: Parquet, Arrow, NumPy, tar, zip."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_mutations import TOKENS, spoil_bytes

NAMES = (*TOKENS[:40], "a/b.jpg", "./cat/1.jpg", "cat//1.jpg", "/cat/1.jpg", "cat/../../1.jpg")
"""What members, columns and rows may be called."""


def spoil_parquet(random: Random, data: bytes) -> bytes:
    """Changes columns, their types and rows; or bytes."""
    if not random.randrange(4):
        return spoil_bytes(random, data)
    stream = pa.BufferOutputStream()
    table = _spoil_table(random, pq.read_table(pa.BufferReader(data)))
    pq.write_table(table, stream, compression=random.choice(("none", "zstd", "snappy")))
    return bytes(stream.getvalue())


def spoil_arrow(random: Random, data: bytes) -> bytes:
    """The same for a stream of Arrow."""
    if not random.randrange(4):
        return spoil_bytes(random, data)
    with pa.ipc.open_stream(data) as reader:
        table = _spoil_table(random, reader.read_all())
    stream = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=random.choice((None, None, "zstd")))
    with pa.ipc.new_stream(stream, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=random.choice((1, 3, 1000)))
    return bytes(stream.getvalue())


def spoil_index(random: Random, data: bytes) -> bytes:
    """The same for a file of Arrow, with numbers that point elsewhere."""
    how = random.randrange(4)
    if how == 0:
        return spoil_bytes(random, data)
    with pa.ipc.open_file(data) as reader:
        table = reader.read_all()
    if how == 1:
        table = _spoil_table(random, table)
    else:
        name = random.choice(("container", "group", "offset", "length", "check"))
        values = table[name].to_pylist()
        values[random.randrange(len(values))] = random.choice((-1, 1, 7, 2**31 - 1, 2**40))
        at = table.schema.get_field_index(name)
        column = pa.array(values).cast(table.schema.field(name).type)
        table = table.set_column(at, table.schema.field(name), column)
    stream = pa.BufferOutputStream()
    with pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(stream.getvalue())


def _spoil_table(random: Random, table: pa.Table) -> pa.Table:
    for _ in range(random.choice((1, 1, 2))):
        at = random.randrange(max(1, table.num_columns))
        how = random.randrange(7)
        if not table.num_columns or how == 0:
            table = table.append_column(random.choice(NAMES), pa.nulls(len(table)))
        elif how == 1:
            table = table.remove_column(at)
        elif how == 2:
            table = table.append_column(table.schema.field(at).name, table.column(at))
        elif how == 3:
            rows = (
                [random.randrange(len(table)) for _ in range(random.randrange(9))] if table else []
            )
            table = table.take(pa.array(rows, pa.int64()))
        elif how == 4:
            names = table.column_names
            names[at] = random.choice((*NAMES, *names))
            table = table.rename_columns(names)
        elif how == 5:
            told = {random.choice((b"huggingface", b"pandas", b"labelgate")): _metadata(random)}
            table = table.replace_schema_metadata({**(table.schema.metadata or {}), **told})
        else:
            table = table.set_column(at, table.column_names[at], _spoil_column(random, table[at]))
    return table


def _metadata(random: Random) -> bytes:
    return random.choice((b"", b"{", b"[]", b"{}", b"null", b"[" * 9999, b"\xff", b'{"info": []}'))


def _spoil_column(random: Random, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Another type, nulls, other values or another order."""
    values = column.to_pylist()
    ways: list[Callable[[], Any]] = [
        lambda: pa.array([None] * len(values)),
        lambda: pa.array([None if random.randrange(3) else value for value in values], column.type),
        lambda: pa.array([random.choice(NAMES)] * len(values)),
        lambda: pa.array([random.choice((0, -1, 2**62, None)) for _ in values], pa.int64()),
        lambda: pa.array([random.choice((0.5, float("nan"), -1e300)) for _ in values]),
        lambda: pa.array([str(value).encode() for value in values], pa.large_binary()),
        lambda: pa.array([[value] for value in values]),
        lambda: pa.array([{"bytes": str(value).encode(), "path": None} for value in values]),
        lambda: pa.array(list(map(str, values)), pa.large_string()).dictionary_encode(),
        lambda: pa.array(random.sample(values, len(values)), column.type),
        lambda: pa.array([True] * len(values)),
    ]
    return pa.chunked_array([random.choice(ways)()])


def spoil_npy(random: Random, data: bytes) -> bytes:
    """Another type or shape in the header, numbers that are none, a pickle; or bytes."""
    if not random.randrange(3):
        return spoil_bytes(random, data)
    array = np.load(io.BytesIO(data))
    stream = io.BytesIO()
    how = random.randrange(6)
    if how == 0:
        np.save(stream, array.astype(object), allow_pickle=True)
    elif how == 1:
        kinds = ("<f2", ">f4", "<f8", "<i8", "|b1", "<c8", "<U3", "|S4", "<M8[s]", "|V8")
        np.save(stream, array.astype("<f4").astype(random.choice(kinds[:6])))
    elif how == 2 and array.dtype.names is None:
        array = array.copy()
        array.flat[random.randrange(array.size)] = random.choice((np.nan, np.inf, 0, 6e4))
        np.save(stream, array)
    elif how == 3:
        np.save(stream, array[..., :1] if random.randrange(2) else array[:1])
    if how > 3 or not stream.tell():
        shape = random.choice(
            (b"(0, 0)", b"(-1, 3)", b"(9999999999999, 3)", b"()", b"(3,)", b"[3]")
        )
        head, _, tail = data.partition(b"'shape': ")
        return head + b"'shape': " + shape + tail[tail.index(b")") + 1 :]
    return stream.getvalue()


def spoil_tar(random: Random, data: bytes) -> bytes:
    """Members with other names, kinds, sizes and orders, their checksums right; or bytes."""
    if not random.randrange(3):
        return spoil_bytes(random, data)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        members = [(info, (archive.extractfile(info) or io.BytesIO()).read()) for info in archive]
    for _ in range(random.choice((1, 1, 2))):
        info, content = random.choice(members)
        how = random.randrange(6)
        if how == 0:
            info.name = random.choice(NAMES).replace("\0", "") or "x"
        elif how == 1:
            kinds = b"1234567xgLKSV"
            info.type = bytes([random.choice(kinds)])
            info.linkname = random.choice(("/etc/passwd", "../x", "cat/1.jpg"))
        elif how == 2:
            members.append((info, spoil_bytes(random, content)))
        elif how == 3:
            members.remove((info, content))
            members = members or [(info, content)]
        elif how == 4:
            info.pax_headers = {"size": random.choice(("-1", "9" * 30, "x", "0"))}
        else:
            info.pax_headers = {"path": random.choice(NAMES).replace("\0", "")}
    return _written(random, members)


def _written(random: Random, members: list[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    stream = io.BytesIO()
    form = random.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    for info, content in members:
        info.size = len(content)
        header = info.tobuf(form, "utf-8", "surrogateescape")
        if not random.randrange(6):
            header = _reseal(random, header)
        stream.write(header + content + bytes(-len(content) % 512))
    return stream.getvalue() + bytes(random.choice((0, 512, 1024, 10240)))


def _reseal(random: Random, header: bytes) -> bytes:
    """Spoils the last block of a header, and makes its checksum right again."""
    block = bytearray(spoil_bytes(random, header[-512:])[:512].ljust(512, b"\0"))
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return header[:-512] + bytes(block)


def spoil_zip(random: Random, data: bytes) -> bytes:
    """Members with other names, compressions and attributes; or bytes, most in the directory."""
    how = random.randrange(3)
    if how == 0:
        return spoil_bytes(random, data)
    if how == 1:
        start = data.rindex(b"PK\1\2") if b"PK\1\2" in data else 0
        return data[:start] + spoil_bytes(random, data[start:])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name if random.randrange(3) else random.choice(NAMES) or "x")
            info.external_attr = random.choice((0, 0, 0o120777 << 16, 0o40755 << 16))
            info.create_system = 3
            info.compress_type = random.choice((0, 8, 8, 12, 14))
            archive.writestr(info, content if random.randrange(3) else bytes(random.randrange(9)))
    return stream.getvalue()
