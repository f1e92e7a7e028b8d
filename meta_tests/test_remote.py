"""Datasets at URLs: the same names and bytes as on this machine, and servers that do not answer."""

from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import packed_images as packed
import pytest
from remote_reads import CAPS, rows
from servers import gs_server, http_server, s3_server, upload, upload_to_google

from labelgate.fixtures.containers import index, opening, remote
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.pixels import UndecodableError
from labelgate.fixtures.readers import Memory, read_dataset
from labelgate.fixtures.reading import read_file

pytestmark = pytest.mark.usefixtures("nothing_is_remembered")


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    for split, label, name in (
        *(("train", "cat", "1"), ("train", "dog", "2"), ("train", "dog", "3")),
        *(("val", "cat", "4"), ("val", "dog", "5")),
    ):
        file = folder / "folder" / split / label / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode() * 10)
    for name, write in packed.LAYOUTS.items():
        write(folder / "folder", folder / name)
    return folder


@pytest.fixture(scope="module")
def s3(layouts: Path) -> Iterator[str]:
    with s3_server():
        upload(layouts, "layouts")
        yield "s3://layouts"


@pytest.fixture(scope="module")
def gs(layouts: Path) -> Iterator[str]:
    with gs_server() as url:
        upload_to_google(url, layouts, "layouts")
        yield "gs://layouts"


@pytest.mark.parametrize("layout", ["folder", *packed.LAYOUTS])
def test_a_google_bucket_holds_what_the_folder_holds(gs: str, layouts: Path, layout: str) -> None:
    assert rows(read_dataset(f"{gs}/{layout}")) == rows(read_dataset(layouts / layout))


def test_a_google_bucket_that_is_not_there_is_one_sentence(gs: str) -> None:
    with pytest.raises(DatasetError, match=r"gs://nowhere/x names 0 files, at least 1 is needed"):
        read_dataset("gs://nowhere/x")


@pytest.mark.parametrize("layout", ["folder", *packed.LAYOUTS])
def test_a_bucket_holds_what_the_folder_holds(s3: str, layouts: Path, layout: str) -> None:
    assert rows(read_dataset(f"{s3}/{layout}")) == rows(read_dataset(layouts / layout))


def test_a_manifest_names_splits_in_a_bucket(s3: str, layouts: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset.toml").write_text(
        f'[splits.train]\nimages = "{s3}/webdataset/train/*.tar"\n'
        f'[splits.val]\nimages = "{s3}/folder/val"\n'
    )
    dataset = read_dataset(tmp_path)
    here = rows(read_dataset(layouts / "webdataset"))[:3]
    there = rows(read_dataset(layouts / "folder"))[3:]
    assert rows(dataset) == [
        *((f"{s3}/folder/{path}", *told) for path, *told in there),
        *((f"{s3}/webdataset/{path}", *told) for path, *told in here),
    ]


def test_the_state_of_a_remote_file_changes_with_its_content(
    s3: str, tmp_path: Path, layouts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "RACY_NS", -(10**10))  # it was written just now
    upload(layouts / "webdataset", "changing")
    memory = Memory(tmp_path)
    first = read_dataset("s3://changing", memory)
    again = read_dataset("s3://changing", memory)
    assert first.index == again.index
    system = fsspec.filesystem("s3")
    data = system.cat_file("changing/train/0000.tar")
    system.pipe_file("changing/train/0000.tar", data.replace(b"dog", b"cow"))
    remote.file_system.cache_clear()
    system.invalidate_cache()
    changed = read_dataset("s3://changing", memory)
    assert changed.index != first.index
    assert "cow" in changed.labels


def test_a_remote_image_over_the_cap_is_not_read(s3: str, tmp_path: Path) -> None:
    file = tmp_path / "train/cat/1.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 1_001)
    upload(tmp_path, "large")
    dataset = read_dataset("s3://large")
    with pytest.raises(UndecodableError, match=r"1,001 bytes, over the cap of 1,000"):
        read_file(dataset.location, "train/cat/1.png", CAPS)


def test_a_bucket_that_is_not_there_is_one_sentence(s3: str) -> None:
    with pytest.raises(DatasetError, match=r"s3://nowhere/x names 0 files, at least 1 is needed"):
        read_dataset("s3://nowhere/x")


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[BaseException]], list[str]]:
    """Lets the next reads fail with given errors, and notes which were asked for."""

    def install(errors: list[BaseException]) -> list[str]:
        asked: list[str] = []
        real = remote._call

        def failing(url: str, method: str, *arguments: object, **options: object) -> object:
            asked.append(method)
            if method == "cat_file" and errors:
                raise errors.pop(0)
            return real(url, method, *arguments, **options)

        monkeypatch.setattr(remote, "_call", failing)
        return asked

    return install


@pytest.mark.parametrize("failures", [remote.TRIES - 1, remote.TRIES])
def test_a_server_that_stops_half_way_is_asked_again_and_then_ends_the_run(
    s3: str,
    impatient: list[float],
    breaking: Callable[[list[BaseException]], list[str]],
    failures: int,
) -> None:
    dataset = read_dataset(f"{s3}/folder")
    read_file(dataset.location, dataset.paths[0], CAPS)
    breaking([TimeoutError("no answer") for _ in range(failures)])
    if failures < remote.TRIES:
        assert read_file(dataset.location, dataset.paths[1], CAPS).data == b"2" * 10
        assert impatient == [0.5, 1, 2]
        return
    with pytest.raises(DatasetError) as caught:
        read_file(dataset.location, dataset.paths[1], CAPS)
    assert str(caught.value) == (
        f"{s3}/folder/{dataset.paths[1]} could not be read in 4 tries of at most 60 s "
        "(TimeoutError no answer); check the server and run again: what was measured is kept."
    )


def test_a_server_that_never_answers_is_given_up(
    s3: str, impatient: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = read_dataset(f"{s3}/folder")
    monkeypatch.setattr(remote, "TIMEOUT", 1e-6)
    with pytest.raises(DatasetError, match=r"could not be read in 4 tries of at most 1e-06 s"):
        read_file(dataset.location, dataset.paths[0], CAPS)
    assert len(impatient) == remote.TRIES - 1


def test_a_refusal_is_not_asked_again(
    s3: str, impatient: list[float], breaking: Callable[[list[BaseException]], list[str]]
) -> None:
    dataset = read_dataset(f"{s3}/folder")
    breaking([PermissionError("Forbidden")])
    with pytest.raises(DatasetError, match=r"may not be read \(PermissionError Forbidden\)"):
        read_file(dataset.location, dataset.paths[0], CAPS)
    assert impatient == []


def test_an_image_that_is_gone_from_a_google_bucket_is_a_finding(gs: str) -> None:
    dataset = read_dataset(f"{gs}/folder")
    fsspec.filesystem("gs").rm_file("layouts/folder/val/cat/4.png")
    with pytest.raises(UndecodableError, match="it is gone since it was listed"):
        read_file(dataset.location, "val/cat/4.png", CAPS)


def test_an_image_that_is_gone_is_a_finding(s3: str, layouts: Path) -> None:
    upload(layouts / "folder", "leaving")
    dataset = read_dataset("s3://leaving")
    fsspec.filesystem("s3").rm_file("leaving/val/cat/4.png")
    with pytest.raises(UndecodableError, match="it is gone since it was listed"):
        read_file(dataset.location, "val/cat/4.png", CAPS)


def test_shards_are_read_over_http_in_ranges(layouts: Path, tmp_path: Path) -> None:
    with http_server(layouts) as (url, handler):
        (tmp_path / "dataset.toml").write_text(
            f'[splits.train]\nimages = "{url}/webdataset/train/{{0000..0001}}.tar"\n'
            f'[splits.val]\nimages = "{url}/parquet/data/val-00001-of-00002.parquet"\n'
        )
        with pytest.raises(DatasetError, match=r"val-00000-of-00002\.parquet is missing"):
            read_dataset(tmp_path)
        text = (tmp_path / "dataset.toml").read_text()
        pattern = "val-{00000..00001}-of-00002"
        (tmp_path / "dataset.toml").write_text(text.replace("val-00001-of-00002", pattern))
        found = rows(read_dataset(tmp_path, Memory(tmp_path / "store")))
        assert sorted(row[1:] for row in found) == sorted(
            row[1:] for row in rows(read_dataset(layouts / "folder"))
        )
        handler.asked.clear()
        read_dataset(tmp_path, Memory(tmp_path / "store"))
        assert {asked.split()[0] for asked in handler.asked} == {"HEAD"}


def test_a_server_without_ranges_is_one_sentence(layouts: Path) -> None:
    with http_server(layouts) as (url, handler):
        dataset = read_dataset(f"{url}/class_tars/train-000000.tar")
        opening._open_url.cache_clear()
        handler.answers_ranges = False
        with pytest.raises(DatasetError, match="does not answer ranges"):
            remote.read_range(f"{url}/class_tars/train-000000.tar", 0, 100)
    assert dataset.splits == ("train",)


def test_a_memory_file_system_holds_a_dataset(layouts: Path) -> None:
    system = fsspec.filesystem("memory")
    system.put(str(layouts / "folder"), "/held", recursive=True)
    try:
        assert rows(read_dataset("memory://held")) == rows(read_dataset(layouts / "folder"))
    finally:
        system.rm("/held", recursive=True)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing://x", "cannot be read here"),
        ("file:///etc", "is no place that is read"),
        ("zip://x::s3://y", "is no place that is read"),
        ("https://me:secret@host/x", "holds a password"),
    ],
)
def test_a_url_that_cannot_be_used_is_one_sentence(url: str, said: str) -> None:
    with pytest.raises(DatasetError) as caught:
        read_dataset(url)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)
