"""Splits whose images are not here: nothing of them is decoded, and nothing unseen passes."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from named_datasets import refusal
from PIL import Image

from labelgate.fixtures.absent_images import why_absent, withhold
from labelgate.fixtures.dataset import SplitNames, assemble
from labelgate.fixtures.measurements import Measurement
from labelgate.fixtures.readers import read_dataset
from labelgate.fixtures.report_json import load_report

ABSENT = "the images of split 'val' are not here (images = false)"
IDS = [f"val/{label}/{number:02}.png" for label in ("cat", "dog") for number in range(10)]
TABLE = "path,label\n" + "".join(f"{path},{path.split('/')[1]}\n" for path in IDS)
VAL = '[splits.val]\nimages = false\nlabels = "val.csv"\n'
TRAIN = '[splits.train]\nimages = "train"\n'
PIXELS = {
    "every_image_decodes",
    "no_exact_duplicates_across_splits",
    "no_exact_duplicates_within_a_split",
    "identical_pixels_have_one_label",
}

Lay = Callable[..., Path]
Suite = Callable[..., "CompletedProcess[str]"]
Results = dict[tuple[str, str, str], dict[str, Any]]


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    """Writes a description and its labels table."""

    def write(toml: str = VAL, table: str = TABLE) -> Path:
        root = tmp_path / "data"
        root.mkdir(exist_ok=True)
        (root / "dataset.toml").write_text(toml)
        (root / "val.csv").write_text(table)
        return root

    return write


def draw(root: Path, equal: bool = False) -> None:
    """Ten noise images of each class in train; the first two of `cat` may be equal."""
    for number, label in enumerate(("cat", "dog")):
        (root / "train" / label).mkdir(parents=True)
        for each in range(10):
            seed = 100 * number + (max(each, 1) if equal else each)
            pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(root / "train" / label / f"{each}.png")


def results_of(folder: Path) -> Results:
    report = load_report(folder / "report")[1]
    return {
        (row["property"], row["subject"], cell["split"]): {**cell, "outcome": row["outcome"]}
        for row in report["results"]
        for cell in row["cells"]
    }


# --- reading ------------------------------------------------------------------------------------


def test_the_labels_table_says_which_images_there_are(lay: Lay) -> None:
    dataset = read_dataset(lay())
    assert list(dataset.paths) == IDS
    assert dataset.absent == {"val"}
    assert not dataset.here.any()
    assert dataset.count().tolist() == [[10], [10]]
    assert "20 images of split 'val' are not here" in dataset.notices[0]


def test_only_rows_of_the_split_count_where_the_table_has_several(lay: Lay) -> None:
    table = "path,label,split\na.png,cat,val\nb.png,cat,other\n"
    assert read_dataset(lay(table=table)).paths == ("a.png",)


@pytest.mark.parametrize("missing", ["", "labels = false\n"])
def test_absent_images_need_a_labels_table(lay: Lay, missing: str) -> None:
    said = refusal(lay("[splits.val]\nimages = false\n" + missing))
    assert "images = false and no labels table" in said


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("path,label\n", "0 rows of split 'val', at least 1 is needed"),
        ("path,label,split\na.png,cat,train\n", "0 rows of split 'val', at least 1 is needed"),
        ("path,label\na.png,cat\na.png,cat\n", "val.csv, line 3: 'a.png' has a label already"),
        ("path,label\n../a.png,cat\n", "line 2: '../a.png' is no path below the dataset root"),
        ("path,label\nval/../../a.png,cat\n", "is no path below the dataset root"),
        ("path,label\n/etc/passwd,cat\n", "'/etc/passwd' is no path below the dataset root"),
        ("path,label\nval//a.png,cat\n", "is no path below the dataset root"),
        ("path,label\na.png,\n", "line 2: the column 'label' is empty"),
        ("path\na.png\n", "lacks the column 'label'"),
    ],
)
def test_a_mistake_in_the_table_is_told_in_one_sentence(lay: Lay, table: str, said: str) -> None:
    assert said in refusal(lay(table=table))


def test_images_true_is_no_way_to_say_it(lay: Lay) -> None:
    assert "splits.val.images" in refusal(lay('[splits.val]\nimages = true\nlabels = "val.csv"\n'))


def test_an_id_may_not_be_an_image_of_another_split(lay: Lay) -> None:
    root = lay(TRAIN + VAL, "path,label\ntrain/cat/0.png,cat\n")
    draw(root)
    assert "'train/cat/0.png' stands in 2 splits" in refusal(root)


# --- rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "split", "value", "left"),
    [
        ("within", "train", 0, 0),
        ("within", "val", 0, None),
        ("across", "train", 0, None),
        ("across", "train", 2, 2),
        ("across", "val", 0, None),
        ("within", "", 1, 1),
    ],
)
def test_what_rests_on_absent_images_loses_its_value(
    name: str, split: str, value: float, left: float | None
) -> None:
    splits = [SplitNames("train", ["a"], ["cat"]), SplitNames("val", ["b"], ["cat"], absent=True)]
    dataset = assemble("pets", Path("/data"), splits)
    row = Measurement(name, "cat", split, value, 1, low=0.0, high=1.0, judged=value)
    (found,) = withhold(dataset, [row], ("across",))
    assert (found.value, found.judged, found.reason) == (
        left,
        left,
        "" if left == value else ABSENT,
    )


def test_several_absent_splits_are_all_named() -> None:
    splits = [SplitNames(name, [name], ["cat"], absent=True) for name in ("test", "val")]
    dataset = assemble("pets", Path("/data"), splits)
    said = "the images of splits 'test', 'val' are not here (images = false)"
    assert why_absent(dataset, *dataset.splits) == said


# --- whole runs ---------------------------------------------------------------------------------


def test_a_dataset_of_labels_alone_is_never_passed_on_pixels(
    lay: Lay, suite: Suite, tmp_path: Path
) -> None:
    root = lay()
    (root / "val" / "cat").mkdir(parents=True)
    (root / "val" / "cat" / "00.png").write_bytes(b"no image, and nobody looks")
    run = suite(tmp_path, "-k", "files or exact")
    assert run.returncode == 1, run.stdout
    found = results_of(tmp_path)
    assert {name for name, _, _ in found} == PIXELS | {"classes_have_enough_images"}
    for (name, subject, split), row in found.items():
        if name in PIXELS:
            assert (row["value"], row["reason"], split) == (None, ABSENT, "val")
        else:
            assert (row["outcome"], row["value"], subject in ("cat", "dog")) == ("passed", 10, True)


def test_no_figure_speaks_of_pixels_that_nobody_saw(lay: Lay, suite: Suite, tmp_path: Path) -> None:
    lay()
    suite(tmp_path, "-k", "files or exact or near_duplicates or sources or calibration")
    report = load_report(tmp_path / "report")[1]
    assert report["figures"] == []
    assert report["counts"]["error"] == 0


def test_a_limits_file_opens_the_gate_for_labels_alone(
    lay: Lay, suite: Suite, tmp_path: Path
) -> None:
    required = sorted(PIXELS - {"identical_pixels_have_one_label"})
    stems = {
        name: "files" if name == "every_image_decodes" else "exact_duplicates" for name in PIXELS
    }
    limits = "".join(f"[{stems[name]}.{name}]\nrequired = false\n" for name in required)
    (lay() / "limits.toml").write_text(limits)
    run = suite(tmp_path, "-k", "files or exact", "--limits=data/limits.toml")
    assert run.returncode == 0, run.stdout
    assert "8 not measured" in run.stdout


def test_images_that_are_here_are_measured_beside_absent_ones(
    lay: Lay, suite: Suite, tmp_path: Path
) -> None:
    draw(lay(TRAIN + VAL), equal=True)
    run = suite(tmp_path, "-k", "files or exact")
    assert run.returncode == 1, run.stdout
    found = results_of(tmp_path)
    assert found["every_image_decodes", "cat", "train"]["value"] == 0
    assert found["no_exact_duplicates_within_a_split", "cat", "train"]["value"] == 2
    for name in PIXELS:
        assert found[name, "cat", "val"]["reason"] == ABSENT
    for split in ("train", "val"):
        across = found["no_exact_duplicates_across_splits", "cat", split]
        assert (across["value"], across["reason"]) == (None, ABSENT)
    report = load_report(tmp_path / "report")[1]
    assert report["provenance"]["images_read"] == 20


def test_near_duplicates_of_absent_images_are_not_measured(
    lay: Lay, suite: Suite, tmp_path: Path
) -> None:
    draw(lay(TRAIN + VAL))
    run = suite(tmp_path, "-k", "near_duplicates or sources or shift")
    assert run.returncode == 1, run.stdout
    found = results_of(tmp_path)
    assert "error" not in {row["outcome"] for row in found.values()}
    for (name, _, split), row in found.items():
        if split == "val":
            assert (row["value"], bool(row["reason"])) == (None, True), name
    assert found["few_near_duplicates_within_a_split", "cat", "train"]["value"] == 0
    assert found["no_similar_views_across_splits", "cat", "train"]["reason"] == ABSENT


def test_imported_predictions_are_judged_without_images(
    lay: Lay, suite: Suite, tmp_path: Path
) -> None:
    root = lay(VAL + '[[predictions]]\nname = "net"\ntable = "net.csv"\n')
    rows = [f"{path},{path.split('/')[1]},0.9\n" for path in IDS]
    (root / "net.csv").write_text("path,class,score\n" + "".join(rows))
    run = suite(tmp_path, "-k", "class_accuracy_meets_its_floor")
    assert run.returncode == 0, run.stdout
    row = results_of(tmp_path)["class_accuracy_meets_its_floor", "cat", "val"]
    assert (row["outcome"], row["value"], row["n"]) == ("passed", 1.0, 10)
