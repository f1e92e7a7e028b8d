"""Datasets as their names tell them, and every mistake in one sentence."""

import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labelgate.fixtures.dataset import UNLABELLED, Dataset, SplitNames, assemble
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset, read_options

Place = Callable[[Iterable[str]], Path]
HOSTILE = ["a,b", 'say "no"', "it's", "a\nb", " space ", "猫", "🎉", "<b>&amp;", "%s{}", "-rf", "~"]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Makes empty files and, where the path ends with a slash, folders."""

    def make(paths: Iterable[str]) -> Path:
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        for path in paths:
            file = root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.mkdir(exist_ok=True) if path.endswith("/") else file.touch()
        return root

    return make


@pytest.fixture
def describe(place: Place) -> Callable[..., Path]:
    """Writes a dataset.toml beside `train/cat/1.png`, `val/1.png` and `val/2.png`, and tables."""

    def write(text: str, **tables: str) -> Path:
        root = place(["train/cat/1.png", "val/1.png", "val/2.png"])
        (root / "dataset.toml").write_text(text, encoding="utf-8")
        for name, table in tables.items():
            (root / f"{name}.csv").write_bytes(table.encode())
        return root

    return write


def images_of(dataset: Dataset) -> dict[str, tuple[str, str | None]]:
    return {
        path: (dataset.split_of(i), dataset.label_of(i)) for i, path in enumerate(dataset.paths)
    }


def refusal(root: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        read_dataset(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- folders ------------------------------------------------------------------------------------


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


def read_or_refuse(root: Path) -> Dataset | str:
    try:
        return read_dataset(root)
    except DatasetError as error:
        return str(error)


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


# --- dataset.toml -------------------------------------------------------------------------------

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
        assert read_options(given_path) == {
            "limits": root / "limits.toml",
            "known_failures": root / "known.toml",
        }


def test_a_split_can_do_without_its_labels(describe: Callable[..., Path]) -> None:
    root = describe('[splits.train]\nimages = "train"\nlabels = false\n')
    assert images_of(read_dataset(root)) == {"train/cat/1.png": ("train", None)}


BOTH = (
    '[splits.train]\nimages="train"\nlabels="all.csv"\n[splits.val]\nimages="val"\nlabels="all.csv"'
)


def test_one_table_with_a_split_column_labels_several_splits(describe: Callable[..., Path]) -> None:
    rows = "split,path,label\nval,val/1.png,a\ntrain,train/cat/1.png,b\nval,val/2.png,b\n"
    assert images_of(read_dataset(describe(BOTH, all=rows))) == {
        "train/cat/1.png": ("train", "b"),
        "val/1.png": ("val", "a"),
        "val/2.png": ("val", "b"),
    }


def test_a_row_of_a_split_that_is_none_is_told(describe: Callable[..., Path]) -> None:
    rows = "split,path,label\nval,val/1.png,a\ntrain,train/cat/1.png,b\nval,val/2.png,b\n"
    said = refusal(describe(BOTH, all=rows.replace("val,val/2", "vla,val/2")))
    assert "val/2.png" in said


@pytest.mark.parametrize("label", [*HOSTILE, "a/b", "..", "\ufeff", "NULL", "0"])
def test_a_label_of_a_table_may_be_any_text(describe: Callable[..., Path], label: str) -> None:
    quoted = label.replace('"', '""')
    root = describe(
        '[splits.val]\nimages = "val"\nlabels = "val.csv"',
        val=f'path,label\nval/1.png,"{quoted}"\r\nval/2.png,plain\r\n',
    )
    assert images_of(read_dataset(root))["val/1.png"] == ("val", label)


@pytest.mark.parametrize("label", [label for label in HOSTILE if label != "~"])
def test_a_class_folder_may_have_any_name(place: Place, label: str) -> None:
    assert read_dataset(place([f"train/{label}/1.png"])).labels == (label,)


def test_a_table_may_begin_with_a_byte_order_mark(describe: Callable[..., Path]) -> None:
    root = describe(
        '[splits.val]\nimages = "val"\nlabels = "val.csv"',
        val="\ufeffpath,label\nval/1.png,a\nval/2.png,b\n",
    )
    assert read_dataset(root).labels == ("a", "b")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("path,label\nval/1.png,a\n", ["1 of the 2 images", "'val'", "'val/2.png'"]),
        ("path,label\nval/1.png,a\nval/3.png,b\n", ["line 3", "'val/3.png'", "like 'val/1.png'"]),
        ("path,label\n1.png,a\n2.png,b\n", ["line 2", "'1.png'", "relative to the dataset root"]),
        ("path,label\nval/1.png,a\nval/1.png,b\n", ["line 3", "'val/1.png'", "one row"]),
        ("path,label\nval/1.png,\nval/2.png,b\n", ["line 2", "'label' is empty"]),
        ("path,label\nval/1.png\nval/2.png,b\n", ["line 2", "'label' is empty"]),
        ("path,label\n,a\nval/2.png,b\n", ["line 2", "'path' is empty"]),
        ("path;label\nval/1.png;a\n", ["lacks the column 'path'", "path, label"]),
        ("file,label\nval/1.png,a\n", ["lacks the column 'path'"]),
        ("path,klass\nval/1.png,a\n", ["lacks the column 'label'"]),
        ("", ["lacks the column 'path'"]),
        ('path,label\nval/1.png,"a\n', ["cannot be read as UTF-8 CSV"]),
        ('path,label\nval/1.png,"a"b\n', ["cannot be read as UTF-8 CSV"]),
        (f"path,label\nval/1.png,a\nval/2.png,{UNLABELLED}\n", ["'(unlabelled)'", "rename"]),
    ],
)
def test_a_mistake_in_a_labels_table_is_one_sentence(
    describe: Callable[..., Path], table: str, words: list[str]
) -> None:
    root = describe('[splits.val]\nimages = "val"\nlabels = "val.csv"', val=table)
    said = refusal(root)
    for word in words:
        assert word in said


def test_a_table_in_another_encoding_is_one_sentence(describe: Callable[..., Path]) -> None:
    root = describe('[splits.val]\nimages = "val"\nlabels = "val.csv"')
    (root / "val.csv").write_bytes("path,label\nval/1.png,ä\n".encode("latin-1"))
    assert "val.csv cannot be read as UTF-8 CSV" in refusal(root)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("class\ncat\ncat\n", ["line 3", "'cat'", "twice"]),
        ("class\ncat\n\n \n", None),
        ("class,name\ncat,\n,x\n", ["line 3", "'class' is empty"]),
        ("name\ncat\n", ["lacks the column 'class'"]),
    ],
)
def test_a_mistake_in_the_class_table_is_one_sentence(
    describe: Callable[..., Path], table: str, words: list[str] | None
) -> None:
    root = describe('[splits.t]\nimages="train"\n[classes]\ntable="classes.csv"', classes=table)
    if words is None:
        assert "cat" in read_dataset(root).labels
        return
    said = refusal(root)
    for word in words:
        assert word in said


TRAIN = '[splits.train]\nimages = "train"\n'


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


@pytest.mark.parametrize("value", ["..", "../other", "train/../../other", "/etc", "link", "link/x"])
@pytest.mark.parametrize("key", ["images", "labels", "table"])
def test_no_path_of_a_description_leaves_the_root(
    describe: Callable[..., Path], key: str, value: str
) -> None:
    text = {
        "images": f'[splits.val]\nimages = "{value}"',
        "labels": f'[splits.val]\nimages = "val"\nlabels = "{value}"',
        "table": f'{TRAIN}[classes]\ntable = "{value}"',
    }[key]
    root = describe(text)
    (root.parent / "other").mkdir()
    (root / "link").symlink_to(root.parent)
    said = refusal(root)
    assert f"'{value}' leads out of {root}" in said
    assert "below the folder" in said


def test_no_option_of_a_description_leaves_the_root(describe: Callable[..., Path]) -> None:
    root = describe(TRAIN + '[options]\nlimits = "../limits.toml"')
    with pytest.raises(DatasetError, match=r"options\.limits = .* leads out of"):
        read_options(root)


@pytest.mark.parametrize("value", ["a\\u0000b", "x" * 300, "x/" * 3000, "loop", "loop/a", " "])
@pytest.mark.parametrize("key", ["images", "labels", "table"])
def test_a_path_that_no_file_can_have_is_one_sentence(
    describe: Callable[..., Path], key: str, value: str
) -> None:
    text = {
        "images": f'[splits.val]\nimages = "{value}"',
        "labels": f'[splits.val]\nimages = "val"\nlabels = "{value}"',
        "table": f'{TRAIN}[classes]\ntable = "{value}"',
    }[key]
    root = describe(text)
    (root / "loop").symlink_to("loop")
    with pytest.raises(DatasetError):
        read_dataset(root)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(st.characters(exclude_characters='"\\', exclude_categories=["Cc", "Cs"])))
def test_any_text_as_a_path_is_a_dataset_or_one_sentence(
    describe: Callable[..., Path], text: str
) -> None:
    root = describe(f'[splits.val]\nimages = "{text}"')
    told = read_or_refuse(root)
    assert told
    if isinstance(told, Dataset):
        assert all((root / path).is_file() for path in told.paths)


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


# --- assembling ---------------------------------------------------------------------------------

names = st.text(min_size=1, max_size=3).filter(lambda text: text != UNLABELLED)


@st.composite
def split_names(draw: st.DrawFn) -> list[SplitNames]:
    splits = []
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        files = draw(st.lists(st.sampled_from("0123456789猫"), min_size=1, unique=True))
        labels = None if draw(st.booleans()) else [draw(st.sampled_from("xyz")) for _ in files]
        empty = draw(st.lists(st.sampled_from("vwx"), max_size=2)) if labels else []
        splits.append(SplitNames(name, [f"{name}/{file}" for file in files], labels, empty))
    return splits


def shuffle(split: SplitNames, order: list[int]) -> SplitNames:
    labels = split.labels
    return SplitNames(
        split.name,
        [split.paths[i] for i in order],
        None if labels is None else [labels[i] for i in order],
        list(reversed(split.empty_labels)),
    )


@settings(max_examples=100, deadline=None)
@given(split_names(), st.data())
def test_the_order_of_names_does_not_matter(splits: list[SplitNames], drawn: st.DataObject) -> None:
    one = assemble("x", Path("/x"), splits)
    shuffled = [shuffle(s, drawn.draw(st.permutations(range(len(s.paths))))) for s in splits]
    other = assemble("x", Path("/x"), drawn.draw(st.permutations(shuffled)))
    for name in ("paths", "splits", "labels", "subjects"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("split_index", "label_index", "labelled"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@settings(max_examples=100, deadline=None)
@given(split_names())
def test_a_dataset_says_of_each_image_what_its_reader_said(splits: list[SplitNames]) -> None:
    dataset = assemble("x", Path("/x"), splits)
    expected = {
        path: (split.name, split.labels[i] if split.labels else None)
        for split in splits
        for i, path in enumerate(split.paths)
    }
    assert images_of(dataset) == expected
    assert int(dataset.count().sum()) == len(dataset.paths) == len(expected)
    for (subject, split), n in np.ndenumerate(dataset.count()):
        label = dataset.subjects[subject]
        cell = (dataset.splits[split], None if label == UNLABELLED else label)
        assert n == list(expected.values()).count(cell)


def test_a_path_in_two_splits_is_refused() -> None:
    splits = [SplitNames("a", ["x"], None), SplitNames("b", ["x"], ["y"])]
    with pytest.raises(DatasetError, match="'x' stands in 2 splits"):
        assemble("x", Path("/x"), splits)


def test_a_path_twice_in_one_split_is_refused() -> None:
    with pytest.raises(DatasetError):
        assemble("x", Path("/x"), [SplitNames("a", ["x", "x"], ["y", "z"])])
