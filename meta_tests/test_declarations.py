"""What a dataset.toml declares of its classes, and every mistake in one sentence."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.declarations import PredictionsFile, ProblemGroup
from labelgate.fixtures.errors import DatasetError
from labelgate.fixtures.readers import read_dataset

SHARED = Path(__file__).resolve().parents[1].parent / "shared" / "data"
SPLITS = '[splits.train]\nimages = "train"\n'
CLASSES = '[classes]\ntable = "classes.csv"\n'
GROUPS = CLASSES + 'groups = "groups.json"\n'
TEMPLATES = CLASSES + 'templates = "templates.txt"\n'
MULTILABELS = '[multilabels]\ntable = "multilabels.csv"\n'
PREDICTIONS = '[[predictions]]\nname = "net"\ntable = "scores.csv"\n'
IMAGES = ("train/cat/1.png", "train/cat/2.png", "train/dog/1.png")
TABLE = "class,name,index,note\ncat,tabby,7,\ndog,,8\nfox,red fox,9,shy\n"

Read = Callable[..., Dataset]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads three images with a description and files; a file that is no text is JSON."""

    def run(description: str, **files: Any) -> Dataset:  # noqa: ANN401
        for path in IMAGES:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        (tmp_path / "dataset.toml").write_text(SPLITS + description, encoding="utf-8")
        for name, content in {"classes_csv": TABLE, **files}.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / name.replace("_", ".")).write_text(text, encoding="utf-8", newline="")
        return read_dataset(tmp_path)

    return run


def refusal(read: Read, description: str, **files: Any) -> str:  # noqa: ANN401
    with pytest.raises(DatasetError) as told:
        read(description, **files)
    message = str(told.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# --- the class table ----------------------------------------------------------------------------


def test_every_other_column_of_the_class_table_has_a_value_per_class(read: Read) -> None:
    dataset = read(CLASSES)
    assert dataset.class_table == {"cat", "dog", "fox"}
    assert dataset.class_columns == {
        "name": {"cat": "tabby", "dog": "", "fox": "red fox"},
        "index": {"cat": "7", "dog": "8", "fox": "9"},
        "note": {"cat": "", "dog": "", "fox": "shy"},
    }


def test_without_declarations_there_are_none(read: Read) -> None:
    dataset = read("")
    assert (dict(dataset.class_columns), dataset.groups, dataset.templates) == ({}, (), ())
    assert (dataset.multilabels, dataset.predictions) == (None, ())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("class\ncat\ndog\ncat\n", ["line 4", "'cat' stands there twice"]),
        ("class,name\ncat,a\n,b\n", ["line 3", "'class' is empty"]),
        ("class,name,name\ncat,a,b\n", ["'name' twice"]),
        ("class,name\ncat,tench, Tinca tinca\n", ["line 2", "in quotes"]),
        ("wnid,name\nn01,a\n", ["lacks the column 'class'"]),
    ],
)
def test_a_mistake_in_the_class_table_is_one_sentence(
    read: Read, table: str, words: list[str]
) -> None:
    said = refusal(read, CLASSES, classes_csv=table)
    for word in ["classes.csv", *words]:
        assert word in said


# --- groups -------------------------------------------------------------------------------------


def test_groups_name_classes_in_a_list_or_with_what_they_mean(read: Read) -> None:
    listed = {"classes": ["fox", "cat"], "category": [6, 2, 6], "name": "furry"}
    assert read(GROUPS, groups_json=[listed]).groups == (
        ProblemGroup("furry", ("cat", "fox"), (2, 6)),
    )
    named = {"classes": {"dog": "a dog", "cat": "a cat"}}
    assert read(GROUPS, groups_json=[named]).groups == (ProblemGroup("cat / dog", ("cat", "dog")),)


def test_groups_may_name_classes_by_their_index(read: Read) -> None:
    groups = read(GROUPS, groups_json=[{"classes": {"9": "red fox", "7": "tabby"}}]).groups
    assert groups == (ProblemGroup("cat / fox", ("cat", "fox")),)


def test_names_that_are_class_ids_are_never_read_as_an_index(read: Read) -> None:
    table = "class,index\ncat,2\ndog,1\n1,dog\n2,cat\n"
    groups = read(GROUPS, classes_csv=table, groups_json=[{"classes": ["1", "2"]}]).groups
    assert groups[0].classes == ("1", "2")


def test_a_file_without_groups_declares_none(read: Read) -> None:
    assert read(GROUPS, groups_json=[]).groups == ()


def a_group(*classes: str, **more: object) -> dict[str, object]:
    return {"classes": list(classes), **more}


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([a_group("cat", "wolf")], ["1 of its 2 classes", "'wolf'", "column 'index'"]),
        ([a_group("cat", "7")], ["1 of its 2 classes", "'7'"]),
        ([a_group("cat", "dog"), a_group("fox", "cat")], ["class 'cat' stands there 2 times"]),
        ([a_group("cat", "cat")], ["class 'cat' stands there 2 times"]),
        ([a_group("cat")], ["'cat' has 1 classes", "at least 2"]),
        ([a_group()], ["has 0 classes"]),
        (
            [a_group("cat", "dog", name="x"), a_group("fox", "wolf", name="x")],
            ["1 of its 4 classes", "'wolf'"],
        ),
        ([a_group("cat", "dog", category=[0])], ["group 1, category.0", "from 1 to 6"]),
        ([a_group("cat", "dog", category=[7])], ["group 1, category.0"]),
        ([a_group("cat", "dog", category=2)], ["group 1, category", "list"]),
        ([a_group("cat", "dog", category=[True])], ["group 1, category.0", "integer"]),
        ([a_group("cat", "dog", category=["2"])], ["group 1, category.0", "integer"]),
        ([a_group("cat", "dog", kind=2)], ["group 1, kind"]),
        ([a_group("cat", "dog"), {"category": [1]}], ["group 2, classes", "required"]),
        ([a_group("cat", "dog", name=3)], ["group 1, name"]),
        ([["cat", "dog"]], ["group 1"]),
        ({"classes": ["cat", "dog"]}, ["the file", "list"]),
        (3, ["the file"]),
        ("", ["cannot be read as JSON"]),
        ("[" * 100_000, ["cannot be read as JSON"]),
        ("[" * 100_000 + "]" * 100_000, ["cannot be read as JSON"]),
        ("[" + "1" * 10_000 + "]", ["cannot be read as JSON"]),
        ("[NaN]", ["group 1"]),
        ('[{"classes": {"cat": "a", "cat": "b", "dog": "c"}}]', ["the key 'cat' stands twice"]),
        ('[{"classes": ["cat", "dog"], "name": "\\ud800"}]', ["group 1, name"]),
        (" " * (2**24 + 1), ["16,777,217 bytes", "at most 16,777,216"]),
    ],
    ids=lambda value: f"{value[:9]} {len(value)}" if isinstance(value, str) else None,
)
def test_a_mistake_in_the_groups_is_one_sentence(
    read: Read, groups: object, words: list[str]
) -> None:
    said = refusal(read, GROUPS, groups_json=groups)
    for word in ["groups.json", *words]:
        assert word in said


def test_two_groups_of_one_name_are_refused(read: Read) -> None:
    table = "class\ncat\ndog\nfox\nwolf\n"
    groups = [a_group("cat", "dog", name="x"), a_group("fox", "wolf", name="x")]
    said = refusal(read, GROUPS, classes_csv=table, groups_json=groups)
    assert "the group name 'x' stands there 2 times" in said


def test_an_index_that_two_classes_have_names_none(read: Read) -> None:
    table = "class,index\ncat,1\ndog,1\nfox,2\n"
    said = refusal(read, GROUPS, classes_csv=table, groups_json=[a_group("1", "2")])
    assert "the index '1' stands there 2 times" in said


def test_the_problem_groups_of_imagenet_have_their_known_counts(read: Read, tmp_path: Path) -> None:
    import csv
    from zipfile import ZipFile

    if not SHARED.is_dir():
        pytest.skip(f"the real data is not at {SHARED}")
    with ZipFile(SHARED / "imagenet_classes_dev.zip") as archive:
        text = archive.read("imagenet_classes/imagenet_classes.csv").decode()
    rows = [{"class": row["wnid"], **row} for row in csv.DictReader(text.splitlines())]
    with (tmp_path / "table.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows([*rows, {"class": "cat"}, {"class": "dog"}])
    with ZipFile(SHARED / "relabel_dev.zip") as archive:
        groups = json.loads(archive.read("relabel/clusters.json"))
    dataset = read(GROUPS, classes_csv=(tmp_path / "table.csv").read_text(), groups_json=groups)
    found = dataset.groups
    assert (len(found), len({label for group in found for label in group.classes})) == (48, 151)
    sizes = Counter(len(group.classes) for group in found)
    assert sizes == {2: 20, 3: 15, 4: 8, 5: 2, 6: 1, 8: 1, 10: 1}
    categories = Counter(number for group in found for number in group.categories)
    assert categories == {1: 12, 2: 7, 3: 8, 4: 8, 5: 4, 6: 32}
    in_table = {row["wnid"] for row in rows if row["group_id"]}
    assert in_table == {label for group in found for label in group.classes}


# --- templates ----------------------------------------------------------------------------------


def test_templates_are_lines_and_empty_ones_are_passed_over(read: Read) -> None:
    text = "\ufeffa photo of a {}.\r\n\r\n  {} on a table \n"
    assert read(TEMPLATES, templates_txt=text).templates == ("a photo of a {}.", "{} on a table")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a photo of a {}.\na photo.\n", ["line 2", "'a photo.'", "exactly one {}"]),
        ("{} and {}\n", ["line 1", "exactly one {}"]),
        ("a {name}\n", ["line 1"]),
        ("a {} in {place}\n", ["line 1"]),
        ("a { }\n", ["line 1"]),
        ("a {{}}\n", ["line 1"]),
        ("\n \n", ["0 prompts", "at least 1"]),
        ("a {}\na {} \n", ["the prompt 'a {}' stands there 2 times"]),
    ],
)
def test_a_mistake_in_the_templates_is_one_sentence(
    read: Read, text: str, words: list[str]
) -> None:
    said = refusal(read, TEMPLATES, templates_txt=text)
    for word in ["templates.txt", *words]:
        assert word in said


# --- several labels -----------------------------------------------------------------------------


def test_labels_of_an_image_are_sorted_each_once_and_need_not_hold_its_own(read: Read) -> None:
    table = f"path,labels\n{IMAGES[0]},fox|cat|fox\n{IMAGES[2]},cat\n"
    dataset = read(CLASSES + MULTILABELS, multilabels_csv=table)
    assert dataset.multilabels == {IMAGES[0]: ("cat", "fox"), IMAGES[2]: ("cat",)}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"{IMAGES[1]},cat|wolf", ["'wolf' is no class"]),
        (f"{IMAGES[1]},cat|", ["'' is no class"]),
        (f"{IMAGES[1]},cat | dog", ["' dog' is no class"]),
        (f"{IMAGES[1]},", ["'labels' is empty"]),
        ("cat/2.png,cat", ["'cat/2.png' is no image", f"like '{IMAGES[0]}'"]),
        (f"{IMAGES[0]},cat", [f"'{IMAGES[0]}' has labels already"]),
    ],
)
def test_a_mistake_in_the_table_of_several_labels_is_one_sentence(
    read: Read, row: str, words: list[str]
) -> None:
    table = f"path,labels\n{IMAGES[0]},cat|dog\n{row}\n"
    said = refusal(read, MULTILABELS, multilabels_csv=table)
    for word in ["multilabels.csv, line 3", *words]:
        assert word in said


# --- predictions --------------------------------------------------------------------------------


def test_imported_predictions_are_named_and_read_later(read: Read, tmp_path: Path) -> None:
    array = '[[predictions]]\nname = "other"\ntable = "a.npy"\npaths = "p.txt"\nclasses = "c.txt"\n'
    files = {"scores_csv": "no table", "a_npy": "", "p_txt": "", "c_txt": ""}
    dataset = read(PREDICTIONS + array + 'unknown_classes = "drop"\n', **files)
    places = [tmp_path.resolve() / name for name in ("a.npy", "p.txt", "c.txt")]
    assert dataset.predictions == (
        PredictionsFile("net", tmp_path.resolve() / "scores.csv"),
        PredictionsFile("other", *places, unknown_classes="drop"),
    )


@pytest.mark.parametrize(
    ("description", "words"),
    [
        (PREDICTIONS + PREDICTIONS, ["predictions[2].name = 'net' stands there twice"]),
        (PREDICTIONS.replace("net", " "), ["predictions[1].name is empty"]),
        (PREDICTIONS.replace("scores.csv", "no.csv"), ["predictions[1].table", "does not exist"]),
        (PREDICTIONS.replace("scores.csv", "../a.csv"), ["predictions[1].table", "leads out"]),
        (PREDICTIONS.replace("scores.csv", "classes.xls"), ["ends in '.xls'", ".parquet"]),
        (PREDICTIONS.replace("scores.csv", "a.npy"), ["'a.npy' needs the keys"]),
        (PREDICTIONS + 'paths = "classes.csv"\n', ["paths = 'classes.csv' is of use"]),
        (PREDICTIONS + 'classes = "no.txt"\n', ["predictions[1].classes", "does not exist"]),
        (PREDICTIONS + 'unknown_classes = "keep"\n', ["unknown_classes", "'other' or 'drop'"]),
        (PREDICTIONS + "k = 5\n", ["unknown key", "unknown_classes"]),
        ("[predictions]\nname = 'x'\n", ["predictions", "list"]),
        ('[[predictions]]\ntable = "scores.csv"\n', ["predictions.0.name' is missing"]),
        ('[multilabels]\nfile = "x"\n', ["multilabels.table"]),
        ('[classes]\ngroups = "x"\n', ["classes.table"]),
        (CLASSES + 'groups = "no.json"\n', ["classes.groups", "does not exist"]),
        (CLASSES + 'templates = "../x"\n', ["classes.templates", "leads out"]),
        (CLASSES + 'groups = "train"\n', ["train cannot be read"]),
        (CLASSES + 'templates = "train"\n', ["train cannot be read"]),
    ],
)
def test_a_mistake_about_declarations_in_dataset_toml_is_one_sentence(
    read: Read, description: str, words: list[str]
) -> None:
    files = {"scores_csv": "", "classes_xls": "", "a_npy": ""}
    said = refusal(read, description, **files)
    for word in words:
        assert word in said


def test_files_that_describe_are_no_images_of_a_flat_split(tmp_path: Path, read: Read) -> None:
    read("")
    shutil.rmtree(tmp_path / "train")
    names = ("1.png", "g.json", "t.txt", "m.csv", "s.npy", "p.txt", "c.txt")
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "g.json").write_text("[]")
    (tmp_path / "t.txt").write_text("a {}")
    (tmp_path / "m.csv").write_text("path,labels\n")
    (tmp_path / "dataset.toml").write_text(
        '[splits.all]\nimages = "."\nlabels = false\n'
        '[classes]\ntable = "classes.csv"\ngroups = "g.json"\ntemplates = "./t.txt"\n'
        '[multilabels]\ntable = "m.csv"\n'
        '[[predictions]]\nname = "x"\ntable = "s.npy"\npaths = "p.txt"\nclasses = "c.txt"\n'
    )
    assert read_dataset(tmp_path).paths == ("1.png",)
