"""Images per second of the decode pass from shards, tables and archives, beside the same in files.

    python benchmarks/layouts.py --work FOLDER [--rounds 3] [--workers 2] [--members 1431167]

The same real pictures are packed in every layout, in an order of their own. Each round runs every
layout once, in turn, from an empty store. Seconds are those of the processor, workers included,
since other processes run beside. Then the index: how long containers take to list, and
what an index of as many members as ImageNet-1k has costs to open, to search and to hold.
"""

import argparse
import io
import json
import random
import resource
import shutil
import statistics
import tarfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from data import full_size, unpack
from decode_pass import decode_pass

from labelgate.fixtures.containers import Container
from labelgate.fixtures.containers.lookup import INDEX, META, Known, open_index
from labelgate.fixtures.readers import Memory, read_dataset

SHARD = 5_000
"""Images a shard; of 100 kB each, a shard has the usual size of some 100 MB."""

GROUP = 100
"""Rows a group of Parquet, as Hugging Face writes tables of images."""

Image = tuple[str, str, bytes]
"""Class, name and bytes."""


def shards(images: Sequence[Image]) -> list[Sequence[Image]]:
    """Divides images."""
    return [images[i : i + SHARD] for i in range(0, len(images), SHARD)]


def write_tar(images: Sequence[Image], folder: Path) -> None:
    """WebDataset: a class beside each image."""
    for number, shard in enumerate(shards(images)):
        with tarfile.open(folder / f"train-{number:06d}.tar", "w") as archive:
            for place, (label, _, data) in enumerate(shard):
                for suffix, content in (("jpg", data), ("cls", label.encode())):
                    info = tarfile.TarInfo(f"{place:06d}.{suffix}")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))


def write_zip(images: Sequence[Image], folder: Path) -> None:
    """One archive of class folders, deflated."""
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for label, name, data in images:
            archive.writestr(f"train/{label}/{name}", data)


def table(images: Sequence[Image]) -> pa.Table:
    """Lays images out as Hugging Face does."""
    pictures = [{"bytes": data, "path": f"{label}-{name}"} for label, name, data in images]
    struct = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return pa.table({"image": pa.array(pictures, struct), "label": [i[0] for i in images]})


def write_parquet(images: Sequence[Image], folder: Path) -> None:
    """Shards of rows."""
    for number, shard in enumerate(shards(images)):
        pq.write_table(table(shard), folder / f"train-{number:05d}.parquet", row_group_size=GROUP)


def write_saved(images: Sequence[Image], folder: Path) -> None:
    """What `datasets.save_to_disk` writes."""
    rows = table(images)
    with pa.ipc.new_stream(folder / "data-00000-of-00001.arrow", rows.schema) as writer:
        writer.write_table(rows, max_chunksize=GROUP)
    files = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_split": "train"}
    (folder / "state.json").write_text(json.dumps(files), encoding="utf-8")


LAYOUTS: dict[str, Callable[[Sequence[Image], Path], None]] = {
    "tar": write_tar,
    "parquet": write_parquet,
    "save_to_disk": write_saved,
    "zip": write_zip,
}


def pack(source: Path, target: Path) -> dict[str, Path]:
    """Packs the folder `source/train` in every layout; returns where each is."""
    files = [file for file in sorted((source / "train").rglob("*")) if file.is_file()]
    random.Random(0).shuffle(files)
    folders = {"folder": target / "folder"}
    for name, write in {"folder": None, **LAYOUTS}.items():
        folders[name] = folder = target / name
        if folder.exists():
            continue
        (part := target / f"{name}.part").mkdir(parents=True)
        if write is None:
            shutil.copytree(source / "train", part / "train")
        else:
            relative = ((f, f.relative_to(source / "train").parts) for f in files)
            write([(p[0], "-".join(p[1:]), f.read_bytes()) for f, p in relative], part)
        part.rename(folder)
    return folders


def busy() -> float:
    """Seconds that the processor worked for this process and the workers that have ended."""
    used = [resource.getrusage(of) for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def compare(name: str, source: Path, work: Path, rounds: int, workers: int) -> None:
    """Times the decode pass on every layout, and the listing."""
    folders = pack(source, work / "layouts" / name)
    seconds: dict[str, list[float]] = {layout: [] for layout in folders}
    first: dict[str, float] = {}
    again: dict[str, float] = {}
    for turn in range(rounds):
        for layout, folder in folders.items():
            memory = Memory(work / "layouts" / "index" / str(turn))
            started = busy()
            read_dataset(folder, memory)
            first[layout], started = busy() - started, busy()
            dataset = read_dataset(folder, memory)
            again[layout], started = busy() - started, busy()
            decode_pass(dataset, work, workers)
            seconds[layout].append(busy() - started)
    shutil.rmtree(work / "layouts" / "index")
    count = len(dataset.paths)
    print(f"\n{name}: {count:,} images, {workers} processes, {rounds} rounds\n")
    print("| layout | listing, s | again, s | images/s a core | seconds / folder's (median) |")
    print("|---|---:|---:|---:|---:|")
    for layout, times in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(times, seconds["folder"], strict=True))
        rate = count / statistics.median(times)
        listing = f"{first[layout]:.2f} | {again[layout]:.2f}"
        print(f"| {layout} | {listing} | {rate:,.0f} | {ratio:.2f} |")


def weigh_index(members: int, work: Path) -> None:
    """Makes an index of members that are nowhere, opens it and searches it."""
    number = np.arange(members)
    names = (f"train-{i // SHARD:06d}.tar/{i % SHARD:06d}.jpg" for i in range(members))
    path = pa.array(names, pa.large_string(), size=members)
    zeros = pa.array(np.zeros(members, np.int64))
    container = pa.array((number // SHARD).astype(np.int32))
    labels = pa.array(number % 1000).cast(pa.string())
    columns = [path, container, zeros, pa.array(number), zeros, zeros, labels]
    rows = pa.table([*columns, pa.nulls(members, pa.string())], schema=INDEX)
    known = [
        Known(Container(f"train-{i:06d}.tar", "tar", 1, 1), 0, True, (), (0, ""), (0, ""))
        for i in range(members // SHARD + 1)
    ]
    told = {META: json.dumps([asdict(each) for each in known])}
    file = work / "index.arrow"
    with pa.ipc.new_file(file, rows.schema.with_metadata(told)) as writer:
        writer.write_table(rows.replace_schema_metadata(told).combine_chunks())
    texts = [path[i].as_py() for i in range(0, members, max(1, members // 10_000))]
    del rows, columns, path, labels, zeros, container
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    index = open_index(file)
    opened = time.perf_counter() - started
    started = time.perf_counter()
    assert all(index.find(text) is not None for text in texts)
    found = (time.perf_counter() - started) / len(texts)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"\nAn index of {members:,} members: {file.stat().st_size / 1e6:,.0f} MB on disk, ")
    print(f"{file.stat().st_size / members:.0f} bytes a member, opened in {opened * 1e3:.0f} ms, ")
    print(f"{found * 1e6:.0f} us to find one anywhere, peak {grown // 1024} MiB higher after that.")
    file.unlink()


def main() -> None:
    """Prints one table a dataset, and what is said of the index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--members", type=int, default=1_431_167)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    weigh_index(given.members, given.work)
    for name, source in (
        ("CIFAR-10, 32 x 32", unpack("cifar10_dev", given.work)),
        ("Tiny ImageNet, 64 x 64", unpack("tiny_imagenet_dev", given.work)),
        ("ImageNet-size photographs", full_size(given.work)),
    ):
        compare(name, source, given.work, given.rounds, given.workers)


if __name__ == "__main__":
    main()
