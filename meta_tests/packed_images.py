"""Packs folders of split/class/image into every other layout, members in an order of their own."""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

OLD = 1_600_000_000
"""A dataset is older than its audit: what was just written is read again the next time."""

Image = tuple[str, str, str, bytes]
"""Split, class, name of the file and its bytes."""


def images_of(root: Path) -> list[Image]:
    """All images of a folder dataset, in an order that is nobody else's."""
    files = [file for file in root.rglob("*") if file.is_file()]
    parts = [(file.relative_to(root).parts, file.read_bytes()) for file in files]
    images = [(p[0], p[1], "-".join(p[2:]), data) for p, data in parts if len(p) > 2]
    return sorted(images, key=lambda image: (len(image[3]) % 7, image[3], image))


def tar(file: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    """Writes a tar archive."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return age(file)


def age(file: Path) -> Path:
    """Makes a file as old as a dataset is."""
    os.utime(file, (OLD, OLD))
    return file


def table(
    images: Iterable[tuple[bytes | None, str | None, int | str | None]],
    names: Iterable[str] | None,
) -> pa.Table:
    """Lays images out as Hugging Face does: bytes, path and label of each."""
    rows = list(images)
    pictures = [{"bytes": data, "path": path} for data, path, _ in rows]
    features: dict[str, object] = {"image": {"_type": "Image"}}
    if names is not None:
        features["label"] = {"names": list(names), "_type": "ClassLabel"}
    struct = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    columns = {"image": pa.array(pictures, struct), "label": pa.array([row[2] for row in rows])}
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.table(columns).replace_schema_metadata(told)


def parquet(file: Path, rows: pa.Table, group: int = 5) -> Path:
    """Writes a Parquet file with groups of a few rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, file, row_group_size=group)
    return age(file)


def saved(folder: Path, rows: pa.Table, batch: int = 4) -> Path:
    """Writes one split as `datasets.save_to_disk` does."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "data-00000-of-00001.arrow"
    with pa.ipc.new_stream(file, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=batch)
    state = {"_data_files": [{"filename": file.name}], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return age(file)


def _split_tables(root: Path) -> dict[str, pa.Table]:
    images = images_of(root)
    names = sorted({label for _, label, _, _ in images})
    return {
        split: table(
            [(d, f"{label}-{n}", names.index(label)) for s, label, n, d in images if s == split],
            names,
        )
        for split in sorted({image[0] for image in images})
    }


def to_webdataset(root: Path, target: Path) -> None:
    """Shards of two images, with the class beside each; the key says nothing of it."""
    for split in sorted({image[0] for image in images_of(root)}):
        images = [image for image in images_of(root) if image[0] == split]
        for number, start in enumerate(range(0, len(images), 2)):
            members: list[tuple[str, bytes]] = []
            for place, (_, label, name, data) in enumerate(images[start : start + 2]):
                key = f"{start + place:05d}"
                members += [
                    (f"{key}.cls", label.encode()),
                    (f"{key}.{name.rpartition('.')[2]}", data),
                ]
            tar(target / split / f"{number:04d}.tar", members)


def to_class_tars(root: Path, target: Path) -> None:
    """One archive a split, with class folders in it, in a folder of the split's name."""
    for split in sorted({image[0] for image in images_of(root)}):
        members = [(f"./{split}/{c}/{n}", data) for s, c, n, data in images_of(root) if s == split]
        tar(target / f"{split}-000000.tar", members)


def to_zip(root: Path, target: Path) -> None:
    """Everything in one archive."""
    target.mkdir()
    with zipfile.ZipFile(target / "everything.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for split, label, name, data in images_of(root):
            archive.writestr(f"{split}/{label}/{name}", data)
    age(target / "everything.zip")


def to_parquet(root: Path, target: Path) -> None:
    """Two shards a split in `data`, as a hub has them."""
    for split, rows in _split_tables(root).items():
        half = len(rows) // 2
        for number, part in enumerate((rows[:half], rows[half:])):
            parquet(target / "data" / f"{split}-{number:05d}-of-00002.parquet", part)


def to_saved(root: Path, target: Path) -> None:
    """A DatasetDict on disk."""
    tables = _split_tables(root)
    for split, rows in tables.items():
        saved(target / split, rows)
    (target / "dataset_dict.json").write_text(json.dumps({"splits": list(tables)}))


LAYOUTS: Mapping[str, Callable[[Path, Path], None]] = {
    "webdataset": to_webdataset,
    "class_tars": to_class_tars,
    "zip": to_zip,
    "parquet": to_parquet,
    "saved": to_saved,
}
"""Every local layout beside the folder."""
