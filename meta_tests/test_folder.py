"""Folders as a dataset: splits, classes, what is left out, and every mistake in one sentence."""

import os
import tempfile
from pathlib import Path

import pytest
from named_datasets import Place, images_of, read_or_refuse, refusal

from labelgate.fixtures.dataset import UNLABELLED, Dataset
from labelgate.fixtures.readers import read_dataset


def test_folders_are_splits_and_classes(place: Place) -> None:
    root = place(["train/cat/1.png", "train/dog/1.png", "val/cat/x.JPEG", "val/猫 🎉/1"])
    dataset = read_dataset(root)
    assert images_of(dataset) == {
        "train/cat/1.png": ("train", "cat"),
        "train/dog/1.png": ("train", "dog"),
        "val/cat/x.JPEG": ("val", "cat"),
        "val/猫 🎉/1": ("val", "猫 🎉"),
    }
    assert dataset.subjects == dataset.labels == ("cat", "dog", "猫 🎉")
    assert dataset.count().tolist() == [[1, 1], [1, 0], [0, 1]]
    assert (dataset.name, dataset.notices, dataset.class_table) == ("data", (), None)


def test_images_in_nested_folders_belong_to_the_class_above(place: Place) -> None:
    root = place(["train/cat/images/a/1.png", "train/cat/images/b/1.png", "train/cat/2.png"])
    assert set(images_of(read_dataset(root)).values()) == {("train", "cat")}
    assert len(read_dataset(root).paths) == 3


def test_hidden_files_and_loose_ones_are_left_out_and_told(place: Place) -> None:
    beside = ["README.md", "docs/a.txt", "train/notes.txt"]
    hidden = [".git/x", "train/.DS_Store", "train/cat/.2.png", "train/.cache/1.png"]
    root = place(["train/cat/1.png", *beside, *hidden])
    dataset = read_dataset(root)
    assert dataset.paths == ("train/cat/1.png",)
    assert dataset.notices == (
        "4 left out as hidden (their names begin with a dot); the first is '.git'.",
        "3 left out as outside every split and class folder; the first is 'README.md'.",
    )


def test_every_file_of_a_class_is_an_image_whatever_it_is_called(place: Place) -> None:
    assert len(read_dataset(place(["train/cat/1.txt", "train/cat/no suffix"])).paths) == 2


def test_an_empty_class_folder_is_a_class_without_images(place: Place) -> None:
    dataset = read_dataset(place(["train/cat/1.png", "train/dog/"]))
    assert dataset.labels == ("cat", "dog")
    assert dataset.count().tolist() == [[1], [0]]


def test_a_class_of_one_split_only_is_counted_in_both(place: Place) -> None:
    dataset = read_dataset(place(["train/cat/1.png", "val/dog/1.png", "val/dog/2.png"]))
    assert dataset.count().tolist() == [[1, 0], [0, 2]]


def test_a_flat_folder_of_images_is_a_split_without_labels(place: Place) -> None:
    dataset = read_dataset(place(["train/cat/1.png", "test/1.JPG", "test/2.webp"]))
    assert images_of(dataset)["test/1.JPG"] == ("test", None)
    assert dataset.labelled.tolist() == [False, True]
    assert dataset.subjects == ("cat", UNLABELLED)
    assert dataset.count().tolist() == [[0, 1], [2, 0]]


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (("train/a/1.png", "train/b/1.png", "val/images/1.png"), True),
        (("train/a/1.png", "train/b/1.png", "val/a/1.png"), False),
        (("train/a/1.png", "train/b/1.png", "val/c/1.png", "val/images/1.png"), False),
        (("train/a/1.png", "val/images/1.png"), False),
        (("train/a/1.png", "train/b/1.png", "val/1.png"), False),
    ],
)
def test_a_split_of_one_folder_that_is_no_class_elsewhere_is_told(
    place: Place, files: tuple[str, ...], told: bool
) -> None:
    notices = read_dataset(place(files)).notices
    assert [("Split 'val' has 1 class, 'images'" in notice) for notice in notices] == [True] * told


def test_one_image_is_a_dataset(place: Place) -> None:
    assert read_dataset(place(["train/cat/1.png"])).count().tolist() == [[1]]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ([], ["no split with images", "train/cat/1.jpg"]),
        (["1.png", "README.md"], ["no split with images"]),
        (["train/cat/1.png", "val/"], ["'val'", "0 images", "at least 1"]),
        (["train/cat/", "train/dog/"], ["'train'", "0 images"]),
        (["train/cat/1.png", "val/.hidden"], ["'val'", "0 images"]),
        (["train/cat/1.png", "train/2.png"], ["1 class folders", "1 images", "train/2.png"]),
        ([f"train/{UNLABELLED}/1.png"], ["'(unlabelled)'", "rename"]),
    ],
)
def test_a_folder_that_is_no_dataset_says_why(
    place: Place, paths: list[str], words: list[str]
) -> None:
    said = refusal(place(paths))
    for word in words:
        assert word in said


@pytest.mark.parametrize("link", ["train", "val", "train/dog", "train/cat/more"])
@pytest.mark.parametrize("target", ["inside", "outside", "."])
def test_a_linked_folder_is_refused_by_name(place: Place, link: str, target: str) -> None:
    root = place(["x/cat/1.png", "inside/cat/1.png"])
    if link.startswith("train/"):
        place(["train/cat/1.png"])
    (root.parent / "outside").mkdir()
    (root / link).symlink_to(root.parent / "outside" if target == "outside" else root / target)
    said = refusal(root)
    assert f"'{link}' is a link to" in said
    assert "copy it" in said


def test_a_linked_file_is_an_image_here_and_judged_by_the_reader(place: Place) -> None:
    root = place(["train/cat/1.png"])
    (root / "train/cat/2.png").symlink_to("/etc/hostname")
    assert len(read_dataset(root).paths) == 2


def test_a_root_behind_a_link_is_its_target(place: Place, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(place(["train/cat/1.png"]))
    assert read_dataset(tmp_path / "link").root == tmp_path / "data"


def test_a_dataset_that_is_not_there_is_told_with_its_option(tmp_path: Path) -> None:
    said = refusal(tmp_path / "nothing")
    assert "--dataset=" in said
    assert "does not exist" in said


@pytest.mark.parametrize("where", ["image", "class", "empty class", "split", "hidden", "loose"])
def test_a_name_that_is_no_utf8_is_refused_or_told_in_utf8(place: Place, where: str) -> None:
    root = place(["train/cat/1.png"])
    path = {
        "image": b"train/cat/\xff.png",
        "class": b"train/\xff/1.png",
        "empty class": b"train/\xff/",
        "split": b"\xff/cat/1.png",
        "hidden": b"train/cat/.\xff",
        "loose": b"\xff.txt",
    }[where]
    file = os.path.join(os.fsencode(root), path)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    if not path.endswith(b"/"):
        with open(file, "wb"):
            pass
    told = read_or_refuse(root)
    if isinstance(told, Dataset):
        told = "".join((*told.labels, *told.splits, *told.paths, *told.notices, "UTF-8"))
    assert "UTF-8" in told
    told.encode()


def test_a_folder_without_permission_is_one_sentence() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        read_or_refuse(root)  # imports what it needs, while this process may read it
        for path in ("train/cat", "val/dog"):
            (root / path).mkdir(parents=True)
            (root / path / "1.png").touch()
        (root / "val").chmod(0)
        try:
            if os.getuid() == 0:
                os.seteuid(65534)
            said = refusal(root)
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
            (root / "val").chmod(0o755)
    assert "cannot be listed (Permission denied)" in said
