"""A dataset.toml at a URL says what it would say here, and what it names must be there."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import packed_images as packed
import pytest
from declared import by_path
from remote_reads import rows
from servers import gs_server, http_server, s3_server, upload, upload_to_google
from small_wordnet import NOUNS, write_wordnet

from labelgate.fixtures.containers import remote
from labelgate.fixtures.containers.lookup import open_index
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import describe, options_of, read_dataset
from labelgate.fixtures.readers import remote_manifest as fetching

pytestmark = pytest.mark.usefixtures("nothing_is_remembered")

TEXT = """
[splits.train]
images = "train"
[splits.val]
images = "flat"
labels = "flat/labels.csv"
[splits.test]
images = "flat2"
labels = false
[splits.shards]
images = "shards/*.tar"
[splits.archive]
images = "all.zip/val"
[classes]
table = "tables/classes.csv"
groups = "tables/groups.json"
templates = "tables/templates.txt"
[sources]
table = "tables/sources.csv"
[multilabels]
table = "tables/multilabels.csv"
[wordnet]
folder = "dict"
[[reviews]]
table = "tables/review.csv"
[[predictions]]
name = "net"
table = "tables/scores.npy"
paths = "tables/paths.txt"
classes = "tables/names.txt"
[[relabels]]
study = "real"
table = "tables/real.csv"
[options]
limits = "limits.toml"
known_failures = "./tables/../known.toml"
predictor = "knn, open_clip:ViT-B-32/openai"
"""

TABLES = {
    "flat/labels.csv": "path,label\nflat/1.png,cat\nflat/2.png,dog\n",
    "flat/.hidden": "x",
    "flat2/.hidden": "x",
    "limits.toml": "# none",
    "known.toml": "# none",
    "tables/classes.csv": "class,name\ncat,a cat\ndog,a dog\nowl,an owl\n",
    "tables/groups.json": '[{"classes": ["cat", "dog"], "category": [2]}]',
    "tables/templates.txt": "a photo of {}\n",
    "tables/sources.csv": "path,source\nflat/1.png,film\n",
    "tables/multilabels.csv": "path,labels\nflat/1.png,cat|dog\n",
    "tables/review.csv": (
        "path_a,path_b,decision,label,reviewer,date\n"
        "flat/1.png,flat/2.png,different,,ann,2026-01-01\n"
    ),
    "tables/paths.txt": "flat/1.png\nflat/2.png\n",
    "tables/names.txt": "cat\ndog\n",
    "tables/real.csv": "path,labels\nflat/1.png,cat\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset that uses every key that names a file."""
    root = tmp_path_factory.mktemp("described") / "data"
    pictures = {f"train/{c}/{c}{i}.png": f"{c}{i}" for c in ("cat", "dog") for i in range(2)}
    pictures |= {f"{name}/{i}.png": f"{name}{i}" for name in ("flat", "flat2") for i in (1, 2)}
    for path, text in {**TABLES, **pictures, "dataset.toml": TEXT}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode() * (5 if path.endswith(".png") else 1))
    for name in ("0000", "0001"):
        packed.tar(root / f"shards/{name}.tar", [(f"{name}.png", b"s"), (f"{name}.cls", b"cat")])
    shutil.copytree(root / "train", root.parent / "zipped" / "val")
    shutil.make_archive(str(root / "all"), "zip", root.parent / "zipped")
    np.save(root / "tables/scores.npy", np.eye(2))
    write_wordnet(root / "dict", NOUNS)
    return root


@pytest.fixture(scope="module")
def s3(folder: Path) -> Iterator[str]:
    with s3_server():
        upload(folder.parent, "described")
        yield "s3://described"


def told(dataset: Dataset) -> dict[str, object]:
    """All that a description declares; files by their content."""
    (net,), (real,) = dataset.predictions, dataset.relabels
    assert dataset.wordnet is not None
    return {
        "rows": rows(dataset),
        "files": [file.read_bytes() for file in (net.table, net.paths, net.classes, real.table)]
        + [file.read_bytes() for file in sorted(dataset.wordnet.iterdir())],
        "labels": (dataset.labels, dataset.class_table, dataset.class_columns, dataset.groups),
        "said": (dataset.templates, by_path(dataset), dataset.multilabels, dataset.reviews),
        "splits": (dataset.name, dataset.splits, dataset.labelled.tolist()),
    }


def check_same(url: str, root: str, folder: Path) -> None:
    here, there = describe(folder), describe(url)
    assert told(read_dataset(url)) == told(read_dataset(folder))
    assert read_dataset(url).root == root
    assert options_of(there).keys() == options_of(here).keys() == {"limits", "known_failures"}
    assert all(file.is_file() for file in options_of(there).values())


@pytest.mark.parametrize("name", ["data", "data/", "data/dataset.toml"])
def test_a_description_in_a_bucket_is_that_of_the_folder(s3: str, folder: Path, name: str) -> None:
    check_same(f"{s3}/{name}", f"{s3}/data", folder)


def test_a_description_in_a_google_bucket_is_that_of_the_folder(folder: Path) -> None:
    with gs_server() as url:
        upload_to_google(url, folder.parent, "described")
        check_same("gs://described/data", "gs://described/data", folder)


def test_a_description_over_http_is_that_of_the_folder(folder: Path) -> None:
    with http_server(folder.parent) as (url, _):
        check_same(f"{url}/data", f"{url}/data", folder)
        remote.file_system.cache_clear()
        check_same(f"{url}/data/dataset.toml", f"{url}/data", folder)


def test_a_large_table_is_copied_in_ranges(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WINDOW", 7)
    with http_server(folder) as (url, handler):
        copy = describe(url).folder / "tables/sources.csv"
    assert copy.read_bytes() == (folder / "tables/sources.csv").read_bytes()
    assert handler.asked.count("GET /tables/sources.csv") == 4, "28 bytes"


def states(url: str) -> list[tuple[int, int]]:
    """Size and modification time of every image, as the decode pass is told."""
    remote.file_system.cache_clear()
    fsspec.filesystem("http").invalidate_cache()
    index = read_dataset(url).index
    assert index is not None
    found = open_index(index).rows
    return list(zip(found["length"].to_pylist(), found["check"].to_pylist(), strict=True))


def test_the_state_of_an_image_over_http_changes_with_its_file(folder: Path) -> None:
    image = folder.parent / "zipped/val/cat/cat0.png"
    with http_server(folder.parent) as (url, _):
        before = states(f"{url}/zipped")
        packed.age(image)
        after = states(f"{url}/zipped")
    assert [size for size, _ in before] == [20] * 4
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, *[True] * 3]


def test_without_a_description_a_url_is_a_folder_and_one_that_is_named_must_be_there(
    folder: Path,
) -> None:
    with http_server(folder.parent) as (url, _):
        assert read_dataset(f"{url}/zipped").splits == ("val",)
        with pytest.raises(DatasetError, match=r"zipped/dataset.toml does not exist; correct"):
            read_dataset(f"{url}/zipped/dataset.toml")
        with pytest.raises(DatasetError, match=r"/nowhere names 0 files, at least 1 is needed"):
            read_dataset(f"{url}/nowhere")


def test_images_may_lie_at_another_url(folder: Path, tmp_path: Path) -> None:
    with http_server(folder) as (other, _):
        text = f'[splits.train]\nimages = "{other}/train"\n'
        (tmp_path / "dataset.toml").write_text(text)
        with http_server(tmp_path) as (url, _):
            found = rows(read_dataset(url))
    assert [row[0] for row in found] == [
        f"{other}/train/{c}/{c}{i}.png" for c in ("cat", "dog") for i in range(2)
    ]
    assert {row[2] for row in found} == {"cat", "dog"}
