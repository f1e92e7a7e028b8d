"""Images in tar and zip archives: what is read, what is a finding, and what ends the run."""

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import packed_images as packed
import pytest

from labelgate.fixtures.containers import tar as tar_module
from labelgate.fixtures.containers.archives import LABEL_BYTES
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.pixels import Caps, UndecodableError
from labelgate.fixtures.readers import Memory, read_dataset
from labelgate.fixtures.reading import read_file
from labelgate.fixtures.reading_order import in_reading_order

CAPS = Caps(pixels=10_000, file_bytes=1_000)


def read(dataset: Dataset, path: str, caps: Caps = CAPS) -> bytes:
    return read_file(dataset.location, path, caps).data


def labels(dataset: Dataset) -> dict[str, str | None]:
    return {path: dataset.label_of(image) for image, path in enumerate(dataset.paths)}


def refusal(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(path)
    return str(caught.value)


def problem(dataset: Dataset, path: str, caps: Caps = CAPS) -> str:
    with pytest.raises(UndecodableError) as caught:
        read(dataset, path, caps)
    return str(caught.value)


@pytest.mark.parametrize(
    ("sidecar", "content"),
    [
        ("cls", b"cat\n"),
        ("txt", b" cat "),
        ("json", b'{"label": "cat"}'),
        ("json", b'{"cls":"cat"}'),
    ],
)
def test_a_label_stands_beside_its_image(tmp_path: Path, sidecar: str, content: bytes) -> None:
    members = [("a/1.jpg", b"one"), (f"a/1.{sidecar}", content)]
    packed.tar(tmp_path / "train-0.tar", members)
    dataset = read_dataset(tmp_path)
    assert labels(dataset) == {"train-0.tar/a/1.jpg": "cat"}
    assert read(dataset, "train-0.tar/a/1.jpg") == b"one"


def test_numbers_are_class_ids_unless_the_class_table_says_which_they_mean(tmp_path: Path) -> None:
    packed.tar(tmp_path / "train-0.tar", [("1.jpg", b"one"), ("1.cls", b"7")])
    assert labels(read_dataset(tmp_path)) == {"train-0.tar/1.jpg": "7"}
    (tmp_path / "classes.csv").write_text("class,index\ncat,7\n")
    (tmp_path / "dataset.toml").write_text(
        '[splits.train]\nimages = "*.tar"\n[classes]\ntable = "classes.csv"\n'
    )
    assert labels(read_dataset(tmp_path)) == {"train-0.tar/1.jpg": "cat"}


def test_folders_in_an_archive_are_classes(tmp_path: Path) -> None:
    packed.tar(
        tmp_path / "train.tar", [("./cat/1.jpg", b"one"), ("dog/deep/2.odd", b"2"), ("._x", b"")]
    )
    (tmp_path / "dataset.toml").write_text('[splits.train]\nimages = "train.tar"\n')
    dataset = read_dataset(tmp_path)
    assert labels(dataset) == {"train.tar/cat/1.jpg": "cat", "train.tar/dog/deep/2.odd": "dog"}
    assert dataset.notices == (
        "1 left out as hidden (their names begin with a dot); the first is 'train.tar/._x'.",
    )


def test_a_labels_table_speaks_of_members(tmp_path: Path) -> None:
    packed.tar(tmp_path / "val.tar", [("1.jpg", b"one")])
    (tmp_path / "val.csv").write_text("path,label\nval.tar/1.jpg,cat\n")
    (tmp_path / "dataset.toml").write_text('[splits.val]\nimages = "val.tar"\nlabels = "val.csv"\n')
    assert labels(read_dataset(tmp_path)) == {"val.tar/1.jpg": "cat"}


def test_some_labels_missing_is_one_sentence(tmp_path: Path) -> None:
    packed.tar(tmp_path / "train-0.tar", [("1.jpg", b"1"), ("1.cls", b"cat"), ("2.jpg", b"2")])
    said = refusal(tmp_path)
    assert "beside 1 of its 2 images" in said
    assert "the first without is '2.jpg'" in said


def test_shards_with_and_without_labels_are_no_split(tmp_path: Path) -> None:
    packed.tar(tmp_path / "train-0.tar", [("1.jpg", b"1"), ("1.cls", b"cat")])
    packed.tar(tmp_path / "train-1.tar", [("2.jpg", b"2")])
    assert "1 of the 2 shards of split 'train' have labels" in refusal(tmp_path)


@pytest.mark.parametrize("length", [LABEL_BYTES - 3, LABEL_BYTES + 1])
def test_a_label_is_capped_before_it_is_read(tmp_path: Path, length: int) -> None:
    packed.tar(tmp_path / "train-0.tar", [("1.jpg", b"1"), ("1.cls", b"cat" + b" " * length)])
    if length < LABEL_BYTES:
        assert labels(read_dataset(tmp_path)) == {"train-0.tar/1.jpg": "cat"}
    else:
        assert "1,048,576 are allowed" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content", [b"a photo\nof a cat", b"x" * 256, b"\xff", b"{", b'{"label":[]}']
)
def test_a_caption_is_no_label(tmp_path: Path, content: bytes) -> None:
    kind = "json" if content.startswith(b"{") else "txt"
    packed.tar(tmp_path / "train-0.tar", [("1.jpg", b"1"), (f"1.{kind}", content)])
    assert f"The label '1.{kind}' of train-0.tar is no" in refusal(tmp_path)


def hostile(file: Path) -> Path:
    with tarfile.open(file, "w") as archive:
        for name, kind in (
            *(("cat/link.jpg", tarfile.SYMTYPE), ("cat/hard.jpg", tarfile.LNKTYPE)),
            *(("cat/pipe.jpg", tarfile.FIFOTYPE), ("../../cat/out.jpg", tarfile.REGTYPE)),
            *(("/cat/root.jpg", tarfile.REGTYPE), ("cat/good.jpg", tarfile.REGTYPE)),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            info.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"data"))
    return packed.age(file)


def test_links_and_names_that_lead_out_are_findings_by_name(tmp_path: Path) -> None:
    hostile(tmp_path / "train-0.tar")
    dataset = read_dataset(tmp_path)
    assert read(dataset, "train-0.tar/cat/good.jpg") == b"data"
    assert (
        problem(dataset, "train-0.tar/cat/link.jpg") == "is a link in its archive, to '/etc/passwd'"
    )
    assert (
        problem(dataset, "train-0.tar/cat/hard.jpg") == "is a link in its archive, to '/etc/passwd'"
    )
    assert problem(dataset, "train-0.tar/cat/pipe.jpg") == "is no regular file in its archive"
    outside = "has a name that leads out of its archive"
    assert problem(dataset, "train-0.tar/../../cat/out.jpg") == outside
    assert problem(dataset, "train-0.tar/cat/root.jpg") == outside
    assert set(labels(dataset).values()) == {"cat"}


@pytest.mark.parametrize("cut", [1, 512, 1024, 1536, 2600])
def test_a_truncated_tar_names_the_shard_and_what_was_read(tmp_path: Path, cut: int) -> None:
    file = packed.tar(tmp_path / "train-0.tar", [(f"cat/{i}.jpg", b"x" * 600) for i in range(3)])
    with tarfile.open(file) as archive:
        end = archive.getmembers()[-1].offset_data + 1024  # what follows is the end marker
    with file.open("r+b") as stream:
        stream.truncate(end - cut + 512)
    said = refusal(tmp_path)
    assert said.startswith("train-0.tar is truncated, damaged or no plain tar archive: ")
    read_count = 3 if cut <= 512 else 2 if cut <= 2048 else 1
    assert f": {read_count} members could be read" in said
    assert said.endswith("copy or pack it again, uncompressed.")


def test_a_tar_without_its_end_marker_is_truncated(tmp_path: Path) -> None:
    file = packed.tar(tmp_path / "train-0.tar", [("cat/1.jpg", b"x" * 512)])
    with file.open("r+b") as stream:
        stream.truncate(1024)
    assert "1 members could be read" in refusal(tmp_path)


def test_rubbish_between_members_ends_the_run(tmp_path: Path) -> None:
    file = packed.tar(tmp_path / "train-0.tar", [(f"cat/{i}.jpg", b"x" * 512) for i in range(3)])
    with file.open("r+b") as stream:
        stream.seek(1024)
        stream.write(b"\xaa" * 512)
    assert "1 members could be read" in refusal(tmp_path)


def test_a_header_of_a_gigabyte_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tar_module, "HEADER_BYTES", 4096)
    file = tmp_path / "train-0.tar"
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("cat/" + "x" * 5000))
    assert "a header of" in refusal(tmp_path)


def test_a_member_of_negative_size_ends_the_run(tmp_path: Path) -> None:
    file = packed.tar(tmp_path / "train-0.tar", [(f"cat/{i}.jpg", b"x" * 512) for i in range(3)])
    data = bytearray(file.read_bytes())
    header = tarfile.TarInfo("cat/1.jpg")
    header.size = -1024
    data[1024:1536] = header.tobuf(tarfile.GNU_FORMAT)
    file.write_bytes(data)
    assert "1 members could be read" in refusal(tmp_path)


def test_no_archive_at_all_is_one_sentence(tmp_path: Path) -> None:
    for name, said in (("train-0.tar", "no plain tar"), ("train.zip", "no zip archive")):
        (tmp_path / name).write_bytes(b"no archive" * 100)
        (tmp_path / "dataset.toml").write_text(f'[splits.train]\nimages = "{name}"\n')
        assert said in refusal(tmp_path)


def test_a_member_twice_is_one_sentence(tmp_path: Path) -> None:
    packed.tar(tmp_path / "train-0.tar", [("cat/1.jpg", b"1"), ("cat/1.jpg", b"2")])
    assert "holds 'cat/1.jpg' 2 times, once is allowed" in refusal(tmp_path)


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_the_cap_holds_for_members(tmp_path: Path, size: int) -> None:
    packed.tar(tmp_path / "train-0.tar", [("cat/1.jpg", b"x" * size)])
    dataset = read_dataset(tmp_path)
    if size <= 1000:
        assert len(read(dataset, "train-0.tar/cat/1.jpg")) == size
    else:
        assert "1,001 bytes, over the cap of 1,000" in problem(dataset, "train-0.tar/cat/1.jpg")


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[..., Dataset]:
    def write(members: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Dataset:
        file = tmp_path / "train.zip"
        with zipfile.ZipFile(file, "w", how) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        (tmp_path / "dataset.toml").write_text('[splits.train]\nimages = "train.zip"\n')
        return read_dataset(tmp_path)

    return write


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [0, 999, 1000, 1001, 1_000_000])
def test_a_zip_bomb_is_stopped_at_the_cap(
    zipped: Callable[..., Dataset], size: int, how: int
) -> None:
    dataset = zipped({"cat/1.jpg": b"\0" * size}, how)
    if size <= 1000:
        assert read(dataset, "train.zip/cat/1.jpg") == b"\0" * size
    else:
        assert "the cap of 1,000" in problem(dataset, "train.zip/cat/1.jpg")


def test_a_damaged_member_of_a_zip_is_a_finding(
    zipped: Callable[..., Dataset], tmp_path: Path
) -> None:
    zipped({"cat/1.jpg": b"abcdefgh" * 20}, zipfile.ZIP_STORED)
    file = tmp_path / "train.zip"
    data = file.read_bytes()
    file.write_bytes(data.replace(b"abcdefgh", b"abcdefgX", 1))
    dataset = read_dataset(tmp_path)
    assert "is damaged in its archive (CRC-32)" in problem(dataset, "train.zip/cat/1.jpg")


def test_links_and_other_compressions_in_a_zip_are_findings(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as archive:
        link = zipfile.ZipInfo("cat/link.jpg")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("cat/lzma.jpg", b"x" * 100, zipfile.ZIP_LZMA)
    (tmp_path / "dataset.toml").write_text('[splits.train]\nimages = "train.zip"\n')
    dataset = read_dataset(tmp_path)
    assert problem(dataset, "train.zip/cat/link.jpg") == "is a link in its archive"
    assert "is compressed in its archive in a way (14)" in problem(
        dataset, "train.zip/cat/lzma.jpg"
    )


def test_a_truncated_zip_is_one_sentence(zipped: Callable[..., Dataset], tmp_path: Path) -> None:
    zipped({"cat/1.jpg": b"1" * 500})
    file = tmp_path / "train.zip"
    file.write_bytes(file.read_bytes()[:-10])
    said = refusal(tmp_path)
    assert "train.zip is truncated, damaged or no zip archive" in said
    assert "0 members are known" in said


def test_a_folder_in_an_archive_may_be_a_split(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("all/a/cat/1.jpg", b"1")
        archive.writestr("all/b/dog/2.jpg", b"2")
    assert read_dataset(tmp_path).splits == ("a", "b")
    assert read_dataset(tmp_path / "all.zip").splits == ("a", "b")
    (tmp_path / "dataset.toml").write_text('[splits.train]\nimages = "all.zip/all/a"\n')
    assert labels(read_dataset(tmp_path)) == {"all.zip/all/a/cat/1.jpg": "cat"}


def test_one_shard_in_two_splits_is_refused(tmp_path: Path) -> None:
    packed.tar(tmp_path / "a.tar", [("cat/1.jpg", b"1")])
    (tmp_path / "dataset.toml").write_text(
        '[splits.train]\nimages = "a.tar"\n[splits.val]\nimages = "a.tar"\n'
    )
    assert "'a.tar/cat/1.jpg' stands in 2 splits" in refusal(tmp_path)


def test_a_shard_outside_of_the_root_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    packed.tar(tmp_path / "train-0.tar", [("cat/1.jpg", b"1")])
    (root / "train-0.tar").symlink_to(tmp_path / "train-0.tar")
    assert "is a link out of the dataset" in refusal(root)
    for named in ("../train-0.tar", str(tmp_path / "train-0.tar"), "../*.tar"):
        (root / "dataset.toml").write_text(f'[splits.train]\nimages = "{named}"\n')
        assert "leads out of" in refusal(root)


def test_a_compressed_tar_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "dataset.toml").write_text('[splits.train]\nimages = "train.tar.gz"\n')
    assert "unpack it to a plain .tar" in refusal(tmp_path)


def test_an_index_is_made_once_and_again_for_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, listed = Memory(tmp_path / "store"), []
    real = tar_module.list_tar

    def watched(path: str, *arguments: Any) -> Any:  # noqa: ANN401
        listed.append(path)
        return real(path, *arguments)

    monkeypatch.setattr(tar_module, "list_tar", watched)
    root = tmp_path / "data"
    for number in range(3):
        packed.tar(root / f"train-{number}.tar", [("cat/1.jpg", b"%d" % number)])
    read_dataset(root, memory)
    assert listed == ["train-0.tar", "train-1.tar", "train-2.tar"]
    again = read_dataset(root, memory)
    assert len(listed) == 3
    file = packed.tar(root / "train-1.tar", [("cat/1.jpg", b"new"), ("cat/2.jpg", b"two")])
    os.utime(file, (packed.OLD + 1, packed.OLD + 1))
    (root / "train-0.tar").unlink()
    changed = read_dataset(root, memory)
    assert listed[3:] == ["train-1.tar"]
    assert read(changed, "train-1.tar/cat/2.jpg") == b"two"
    assert read(changed, "train-2.tar/cat/1.jpg") == b"2"
    assert "changed with train-1.tar" in problem(again, "train-1.tar/cat/1.jpg")
    assert again.index is not None


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "store")
    packed.tar(tmp_path / "data/train-0.tar", [("cat/1.jpg", b"1")])
    first = read_dataset(tmp_path / "data", memory)
    assert first.index is not None
    data = bytearray(first.index.read_bytes())
    data[len(data) // 2] ^= 1
    first.index.write_bytes(data)
    assert read(read_dataset(tmp_path / "data", memory), "train-0.tar/cat/1.jpg") == b"1"


def test_images_are_read_as_they_stand_in_their_shards(tmp_path: Path) -> None:
    for number in range(2):
        members = [(f"cat/{name}.jpg", b"x") for name in "dbca"]
        packed.tar(tmp_path / f"train-{number}.tar", members)
    dataset = read_dataset(tmp_path)
    order = in_reading_order(dataset, np.arange(8))
    names = [dataset.paths[image] for image in order]
    assert names == [f"train-{n}.tar/cat/{name}.jpg" for n in range(2) for name in "dbca"]


def test_files_beside_containers_keep_their_own_names(tmp_path: Path) -> None:
    (tmp_path / "val/dog").mkdir(parents=True)
    (tmp_path / "val/dog/2.jpg").write_bytes(b"two")
    packed.tar(tmp_path / "train/0.tar", [("cat/1.jpg", b"1")])
    dataset = read_dataset(tmp_path)
    assert labels(dataset) == {"train/0.tar/cat/1.jpg": "cat", "val/dog/2.jpg": "dog"}
    assert read(dataset, "val/dog/2.jpg") == b"two"
