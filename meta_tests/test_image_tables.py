"""Images in Parquet and Arrow tables: columns, labels, names, and tables that are damaged."""

import json
from pathlib import Path

import packed_images as packed
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelgate.fixtures.containers import parquet as parquet_module
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.pixels import Caps, UndecodableError
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.reading import read_file

CAPS = Caps(pixels=10_000, file_bytes=1_000)

NAMES = ("cat", "dog")
ROWS: list[tuple[bytes | None, str | None, int | str | None]] = [
    (b"zero", "b.jpg", 0),
    (b"one", "a.jpg", 1),
    (b"two", "c.jpg", 0),
]


def contents(dataset: Dataset, caps: Caps = CAPS) -> dict[str, tuple[bytes, str | None]]:
    read = {path: read_file(dataset.location, path, caps).data for path in dataset.paths}
    return {p: (read[p], dataset.label_of(image)) for image, p in enumerate(dataset.paths)}


def refusal(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(path)
    return str(caught.value)


def problem(dataset: Dataset, path: str) -> str:
    with pytest.raises(UndecodableError) as caught:
        read_file(dataset.location, path, CAPS)
    return str(caught.value)


def test_rows_are_images_with_the_names_of_their_classes(tmp_path: Path) -> None:
    packed.parquet(tmp_path / "train.parquet", packed.table(ROWS, NAMES), group=2)
    assert contents(read_dataset(tmp_path)) == {
        "train.parquet/a.jpg": (b"one", "dog"),
        "train.parquet/b.jpg": (b"zero", "cat"),
        "train.parquet/c.jpg": (b"two", "cat"),
    }


@pytest.mark.parametrize(
    "path", ["b.jpg", None, "", "/etc/a.jpg", "../a.jpg", "a//b.jpg", "a\nb.jpg", ".a.jpg"]
)
def test_rows_are_numbers_where_paths_do_not_name_them(tmp_path: Path, path: str | None) -> None:
    rows = [ROWS[0], (b"one", path, 1)]
    packed.parquet(tmp_path / "train.parquet", packed.table(rows, NAMES))
    assert list(contents(read_dataset(tmp_path))) == [
        "train.parquet/000000",
        "train.parquet/000001",
    ]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, None),
        (1, None),
        (2, "row 1: the label 2 is none of its 2 classes, 0 to 1"),
        (-2, "row 1: the label -2 is none of its 2 classes"),
        (-1, "has no label in 1 of its 2 rows"),
        (None, "has no label in 1 of its 2 rows"),
    ],
)
def test_a_class_index_must_be_one(tmp_path: Path, number: int | None, said: str | None) -> None:
    rows = [ROWS[0], (b"one", "a.jpg", number)]
    packed.parquet(tmp_path / "train.parquet", packed.table(rows, NAMES))
    if said is None:
        assert len(contents(read_dataset(tmp_path))) == 2
    else:
        assert said in refusal(tmp_path)


@pytest.mark.parametrize("number", [-1, None])
def test_a_table_without_labels_is_a_split_without_labels(
    tmp_path: Path, number: int | None
) -> None:
    rows = packed.table([(b"one", "a.jpg", number)], NAMES)
    if number is None:
        rows = rows.set_column(1, "label", pa.array([None], pa.int64()))
    packed.parquet(tmp_path / "test.parquet", rows)
    assert contents(read_dataset(tmp_path)) == {"test.parquet/a.jpg": (b"one", None)}


def test_a_class_without_a_row_is_declared_all_the_same(tmp_path: Path) -> None:
    packed.parquet(tmp_path / "train.parquet", packed.table(ROWS, (*NAMES, "mouse")))
    assert read_dataset(tmp_path).labels == ("cat", "dog", "mouse")


def test_text_is_a_class_id(tmp_path: Path) -> None:
    packed.parquet(tmp_path / "train.parquet", packed.table([(b"1", "a.jpg", "cat")], None))
    assert contents(read_dataset(tmp_path)) == {"train.parquet/a.jpg": (b"1", "cat")}


def test_missing_columns_are_named(tmp_path: Path) -> None:
    file = tmp_path / "train.parquet"
    pq.write_table(pa.table({"picture": [b"1"], "kind": ["cat"]}), file)
    assert "train.parquet has no column of images among its 2: picture, kind" in refusal(tmp_path)
    manifest = (
        '[splits.train]\nimages = "train.parquet"\nimage_column = "%s"\nlabel_column = "%s"\n'
    )
    for image, label, said in (
        ("photo", "kind", "no column 'photo' among its 2"),
        ("picture", "class", "no column 'class' among its 2"),
        ("kind", "kind", "The column 'kind' of train.parquet is string"),
    ):
        (tmp_path / "dataset.toml").write_text(manifest % (image, label))
        assert said in refusal(tmp_path)
    (tmp_path / "dataset.toml").write_text(manifest % ("picture", "kind"))
    assert contents(read_dataset(tmp_path)) == {"train.parquet/000000": (b"1", "cat")}


def test_two_columns_of_images_must_be_told_apart(tmp_path: Path) -> None:
    rows = packed.table(ROWS, NAMES)
    rows = rows.append_column("mask", rows["image"])
    told = {"info": {"features": {n: {"_type": "Image"} for n in ("image", "mask")}}}
    packed.parquet(
        tmp_path / "train.parquet", rows.replace_schema_metadata({"huggingface": json.dumps(told)})
    )
    assert "has 2 columns that may be the image, 1 is needed: image, mask" in refusal(tmp_path)


def test_a_row_without_bytes_is_a_finding(tmp_path: Path) -> None:
    packed.parquet(tmp_path / "train.parquet", packed.table([(None, "/x/a.jpg", 0)], NAMES))
    said = problem(read_dataset(tmp_path), "train.parquet/000000")
    assert said.startswith("has no bytes in its table")


@pytest.mark.parametrize("size", [999, 1000, 1001])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_the_cap_holds_for_rows(tmp_path: Path, size: int, kind: str) -> None:
    rows = packed.table([(b"x" * size, "a.jpg", 0)], NAMES)
    if kind == "parquet":
        packed.parquet(tmp_path / "train.parquet", rows)
    else:
        packed.saved(tmp_path / "train", rows)
    dataset = read_dataset(tmp_path)
    if size <= 1000:
        assert len(contents(dataset)) == 1
    else:
        assert "1,001 bytes, over the cap of 1,000" in problem(dataset, dataset.paths[0])


def test_a_value_repeated_by_a_dictionary_is_not_expanded_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_module, "AT_ONCE", 10_000)
    rows = packed.table([(b"x" * 900, f"{i}.jpg", 0) for i in range(300)], NAMES)
    packed.parquet(tmp_path / "train.parquet", rows, group=300)
    found = contents(read_dataset(tmp_path))
    assert {data for data, _ in found.values()} == {b"x" * 900}


@pytest.mark.parametrize("cut", [1, 8, 200])
def test_a_truncated_parquet_names_the_shard(tmp_path: Path, cut: int) -> None:
    file = packed.parquet(tmp_path / "train.parquet", packed.table(ROWS, NAMES))
    file.write_bytes(file.read_bytes()[:-cut])
    said = refusal(tmp_path)
    assert said.startswith("train.parquet is truncated, damaged or no Parquet file: 0 rows")
    assert said.endswith("copy or write it again.")


def test_damaged_rows_are_findings_and_others_are_read(tmp_path: Path) -> None:
    rows = packed.table([(b"%d" % i * 200, f"{i}.jpg", 0) for i in range(4)], NAMES)
    file = tmp_path / "train.parquet"
    pq.write_table(rows, file, row_group_size=2, write_page_checksum=True, compression="none")
    data = file.read_bytes()
    place = data.index(b"3" * 200)
    file.write_bytes(data[:place] + b"4" + data[place + 1 :])
    dataset = read_dataset(tmp_path)
    assert "cannot be read from its group of rows" in problem(dataset, "train.parquet/3.jpg")
    assert "cannot be read from its group of rows" in problem(dataset, "train.parquet/2.jpg")
    assert read_file(dataset.location, "train.parquet/1.jpg", CAPS).data == b"1" * 200


@pytest.mark.parametrize(("cut", "count"), [(1, 3), (8, 3), (9, 2), (400, 1), (1100, 0)])
def test_a_truncated_stream_names_the_shard_and_what_was_read(
    tmp_path: Path, cut: int, count: int
) -> None:
    file = packed.saved(tmp_path, packed.table(ROWS, NAMES), batch=1)
    file.write_bytes(file.read_bytes()[:-cut])
    said = refusal(tmp_path)
    assert said.startswith("data-00000-of-00001.arrow is truncated, damaged or no Arrow stream: ")
    assert f": {count} rows could be read" in said


def test_a_batch_whose_offsets_point_elsewhere_is_a_finding(tmp_path: Path) -> None:
    file = packed.saved(tmp_path / "train", packed.table(ROWS, NAMES), batch=3)
    data = file.read_bytes()
    offsets = b"".join(n.to_bytes(4, "little") for n in (0, 4, 7, 10))
    assert data.count(offsets) == 1
    wrong = b"".join(n.to_bytes(4, "little") for n in (0, 4, 2_000_000_000, 10))
    file.write_bytes(data.replace(offsets, wrong))
    assert "cannot be read from its batch" in problem(
        read_dataset(tmp_path), "train/data-00000-of-00001.arrow/a.jpg"
    )


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_a_compressed_batch_is_not_unpacked(tmp_path: Path, compression: str | None) -> None:
    file = packed.saved(tmp_path / "train", packed.table(ROWS, NAMES))
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(file, packed.table(ROWS, NAMES).schema, options=options) as writer:
        writer.write_table(packed.table(ROWS, NAMES))
    if compression is None:
        assert len(contents(read_dataset(tmp_path))) == 3
    else:
        assert "0 rows could be read" in refusal(tmp_path)
        assert "a batch is compressed" in refusal(tmp_path)


def test_a_saved_dataset_lists_its_files(tmp_path: Path) -> None:
    packed.saved(tmp_path / "train", packed.table(ROWS, NAMES))
    (tmp_path / "train/data-00000-of-00001.arrow").unlink()
    assert "data-00000-of-00001.arrow cannot be found" in refusal(tmp_path)
    for state in (
        '{"_data_files": [{"filename": "../x.arrow"}]}',
        '{"_data_files": [], "_indices_data_files": [{"filename": "order.arrow"}]}',
    ):
        (tmp_path / "train/state.json").write_text(state)
        assert refusal(tmp_path) == (
            "train/state.json does not list the files of a saved dataset (it was saved with an "
            "order of its own); save it again with flatten_indices()."
        )


def test_a_shard_that_is_missing_is_told(tmp_path: Path) -> None:
    for number in (0, 2):
        packed.parquet(
            tmp_path / f"data/train-{number:05d}-of-00003.parquet", packed.table(ROWS, NAMES)
        )
    said = refusal(tmp_path)
    assert said.startswith("data/train-00001-of-00003.parquet is missing: 2 of 3 shards are there")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-00000-of-00001", "train"),
        ("imagenet-val-000003", "val"),
        ("validation", "validation"),
        ("part-17", "part"),
        ("00017", "data"),
    ],
)
def test_the_name_of_a_shard_says_its_split(tmp_path: Path, name: str, split: str) -> None:
    root = tmp_path / "data"
    packed.parquet(root / f"{name}.parquet", packed.table(ROWS, NAMES))
    assert read_dataset(root).splits == (split,)


def test_patterns_name_shards(tmp_path: Path) -> None:
    for number in range(3):
        packed.parquet(tmp_path / f"s/{number:02d}.parquet", packed.table(ROWS, NAMES))
    for pattern, count in (("s/*.parquet", 9), ("s/{00..01}.parquet", 6), ("s", 9)):
        (tmp_path / "dataset.toml").write_text(f'[splits.train]\nimages = "{pattern}"\n')
        assert len(read_dataset(tmp_path).paths) == count
    for pattern, said in (
        ("s/*.tar", "names 0 files"),
        ("s/{00..03}.parquet", "does not exist"),
        ("s/{3..1}.parquet", "stands for no names"),
        ("s/{0..9999999}.parquet", "stands for no names"),
    ):
        (tmp_path / "dataset.toml").write_text(f'[splits.train]\nimages = "{pattern}"\n')
        assert said in refusal(tmp_path)
