"""A dataset.toml with all its keys, and every mistake in it in one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest
from named_datasets import TRAIN, Place, images_of, refusal

from labelgate.fixtures.readers import describe as describe_dataset
from labelgate.fixtures.readers import options_of, read_dataset

FULL = """
[dataset]
name = "the pets 猫"
[splits.train]
images = "train"
[splits.val]
images = "val"
labels = "val.csv"
[classes]
table = "classes.csv"
[options]
limits = "limits.toml"
known_failures = "known.toml"
"""


def test_a_description_with_all_its_keys_is_read(describe: Callable[..., Path]) -> None:
    root = describe(
        FULL, val="path,label\nval/2.png,dog\nval/1.png,cat\n", classes="class,x\ncat,\ndog,\nox,\n"
    )
    for name in ("limits", "known"):
        (root / f"{name}.toml").touch()
    for given_path in (root, root / "dataset.toml"):
        dataset = read_dataset(given_path)
        assert dataset.name == "the pets 猫"
        assert images_of(dataset)["val/2.png"] == ("val", "dog")
        assert dataset.class_table == {"cat", "dog", "ox"}
        assert dataset.labels == ("cat", "dog", "ox")
        assert dataset.count().tolist() == [[1, 1], [0, 1], [0, 0]]
        assert options_of(describe_dataset(given_path)) == {
            "limits": root / "limits.toml",
            "known_failures": root / "known.toml",
        }


def test_a_split_can_do_without_its_labels(describe: Callable[..., Path]) -> None:
    root = describe('[splits.train]\nimages = "train"\nlabels = false\n')
    assert images_of(read_dataset(root)) == {"train/cat/1.png": ("train", None)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["'splits' is missing"]),
        ("[splits]\n", ["no split"]),
        ("splits = 3", ["splits"]),
        ("splits.train = 'train'", ["splits.train"]),
        ("[splits.train]\n", ["'splits.train.images' is missing"]),
        ("[splits.train]\nimages = 3", ["splits.train.images", "string"]),
        (TRAIN + "labels = true", ["splits.train.labels"]),
        (TRAIN + "labels = 3", ["splits.train.labels"]),
        (TRAIN + "lables = 'x.csv'", ["unknown key 'splits.train.lables'", "images, labels"]),
        (TRAIN + "[split.val]\nimages = 'val'", ["unknown key 'split'", "dataset, splits"]),
        (TRAIN + "[dataset]\nnmae = 'x'", ["unknown key 'dataset.nmae'", "known keys here: name"]),
        (TRAIN + "[dataset]\nname = 3", ["dataset.name"]),
        (TRAIN + "[classes]\nfile = 'x'", ["classes.table", "missing"]),
        (TRAIN + "[classes]\ntable = 'x'\nother = 1", ["unknown key 'classes.other'"]),
        (TRAIN + "[options]\nworkers = 2", ["unknown key 'options.workers'", "limits"]),
        (TRAIN + "[[classes]]\n", ["classes"]),
        ("[splits.train\n", ["cannot be read as TOML"]),
        ("a = 1\na = 2", ["cannot be read as TOML"]),
        ("a = " + "[" * 5000, ["cannot be read as TOML"]),
        (TRAIN + "[splits.val]\nimages = 'nothing'", ["splits.val.images", "'nothing'", "exist"]),
        (TRAIN + "[splits.val]\nimages = 'val/1.png'", ["cannot be listed"]),
        (TRAIN + "[splits.val]\nimages = 'val'\nlabels = 'no.csv'", ["labels", "'no.csv'"]),
        (TRAIN + "[splits.val]\nimages = 'val'\nlabels = 'train'", ["cannot be read"]),
        (TRAIN + "[classes]\ntable = 'no.csv'", ["classes.table", "'no.csv'", "exist"]),
        (TRAIN + "[splits.copy]\nimages = 'train'", ["train/cat/1.png", "2 splits"]),
        (TRAIN + "[splits.copy]\nimages = './val/../train'", ["train/cat/1.png", "2 splits"]),
        (TRAIN + "[splits.copy]\nimages = 'train/cat'\nlabels=false", ["2 splits"]),
    ],
)
def test_a_mistake_in_a_description_is_one_sentence(
    describe: Callable[..., Path], text: str, words: list[str]
) -> None:
    said = refusal(describe(text))
    for word in words:
        assert word in said


def test_the_root_itself_can_be_a_split_of_class_folders(place: Place) -> None:
    root = place(["cat/1.png", "dog/1.png"])
    (root / "dataset.toml").write_text('[splits.all]\nimages = "."\n')
    assert images_of(read_dataset(root)) == {
        "cat/1.png": ("all", "cat"),
        "dog/1.png": ("all", "dog"),
    }


def test_the_root_itself_and_a_folder_of_it_are_no_separate_splits(place: Place) -> None:
    root = place(["cat/1.png", "dog/1.png"])
    text = '[splits.all]\nimages = "."\n[splits.cats]\nimages = "cat"\nlabels = false\n'
    (root / "dataset.toml").write_text(text)
    assert "'cat/1.png' stands in 2 splits" in refusal(root)


def test_the_root_itself_can_be_a_flat_split_with_a_table(place: Place) -> None:
    root = place(["1.png", "2.png"])
    (root / "labels.csv").write_text("path,label\n1.png,cat\n2.png,dog\n")
    (root / "dataset.toml").write_text('[splits.all]\nimages = "."\nlabels = "labels.csv"\n')
    assert images_of(read_dataset(root)) == {"1.png": ("all", "cat"), "2.png": ("all", "dog")}


def test_tables_beside_the_images_of_a_flat_split_are_no_images(place: Place) -> None:
    root = place(["1.png"])
    (root / "classes.csv").write_text("class\ncat\n")
    (root / "dataset.toml").write_text(
        '[splits.all]\nimages = "."\nlabels = false\n[classes]\ntable = "classes.csv"\n'
    )
    assert read_dataset(root).paths == ("1.png",)
