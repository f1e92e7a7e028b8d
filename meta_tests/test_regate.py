"""Labels alone change verdicts where they must and nowhere else; new images cost themselves."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
from old_pictures import age

from labelgate.fixtures.alterations import ALTERATIONS
from labelgate.fixtures.report_json import load_report

Suite = Callable[..., "CompletedProcess[str]"]
Draw = Callable[[Path, Mapping[str, int]], Path]
Reports = dict[str, dict[str, Any]]

CLASSES = ("cat", "dog", "owl")
TRAIN, VAL = 14, 11

FLIPPED, EQUAL = "train/2.png", "train/1.png"
"""Two files of one picture, both labelled cat at first."""

NEW = 10

VIEWS = 5
"""Views of a picture that the embedder `builtin` has."""

COUNT_PAIRS = """
import json
from labelgate.fixtures import neighbor_search, planted_rivals

pairs = {"neighbours": 0, "planted copies": 0}
propose, count_above = neighbor_search.propose, planted_rivals.count_above


def propose_counted(pool, asked, *rest):
    pairs["neighbours"] += len(asked.queries) * len(asked.candidates)
    return propose(pool, asked, *rest)


def count_counted(queries, limits, own, others, *rest):
    pairs["planted copies"] += len(queries) * len(others)
    return count_above(queries, limits, own, others, *rest)


neighbor_search.propose, planted_rivals.count_above = propose_counted, count_counted


def pytest_unconfigure():
    with open("pairs.json", "w") as file:
        json.dump(pairs, file)
"""
"""A plugin that counts the pairs of vectors that are compared."""


def labels_of(split: str, total: int) -> dict[str, str]:
    return {f"{split}/{i}.png": CLASSES[i // total] for i in range(len(CLASSES) * total)}


def write_labels(root: Path, split: str, labels: Mapping[str, str]) -> None:
    rows = "".join(f"{path},{label}\n" for path, label in labels.items())
    (root / f"{split}.csv").write_text(f"path,label\n{rows}")


def number_vectors(store: Path) -> int:
    """Counts the stored vectors."""
    parts = store.glob("v1/vectors-*/part-*.npy")
    return sum(len(np.load(part, mmap_mode="r")) for part in parts)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, suite: Suite, draw: Draw) -> Reports:
    """What is told of a dataset, of one flipped label, and of new images; vectors counted."""
    folder = tmp_path_factory.mktemp("regate")
    root = folder / "data"
    labels = labels_of("train", TRAIN)
    numbers = {path: i for i, path in enumerate((*labels, *labels_of("val", VAL)))}
    draw(root, numbers | {FLIPPED: numbers[EQUAL]})
    for file in root.rglob("*.png"):
        age(file)  # a file that was just written is read again
    write_labels(root, "val", labels_of("val", VAL))
    splits = (f'[splits.{s}]\nimages = "{s}"\nlabels = "{s}.csv"\n' for s in ("train", "val"))
    (root / "dataset.toml").write_text("".join(splits))
    (folder / "count_pairs.py").write_text(COUNT_PAIRS)
    told: Reports = {}

    def check(name: str, *arguments: str) -> None:
        write_labels(root, "train", labels)
        run = suite(
            folder,
            f"--report={name}",
            "--workers=0",
            "--predictor=knn",
            "-p",
            "count_pairs",
            *arguments,
        )
        assert run.returncode == 1, run.stdout
        told[name] = load_report(folder / name)[1]
        told[name]["vectors"] = number_vectors(folder / "store")
        told[name]["pairs"] = json.loads((folder / "pairs.json").read_text())

    check("first")
    labels[FLIPPED] = "dog"
    check("flipped", "--baseline=first")
    added = {f"train/new{i}.png": 200 + i for i in range(NEW)}
    draw(root, added)
    labels |= dict.fromkeys(added, "owl")
    check("added")
    for table in ("neighbors", "found-copies", "standing", "states"):
        for part in folder.glob(f"store/v1/{table}-*"):
            shutil.rmtree(part) if part.is_dir() else part.unlink()
    check("sought anew")
    return told


def verdicts(report: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Results by property and subject, without what speaks of the baseline."""
    return {
        (each["property"], each["subject"]): without_before(each)
        | {"cells": [without_before(cell) for cell in each["cells"]]}
        for each in report["results"]
        if report["properties"][each["property"]]["stem"] != "release"
    }


def without_before(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != "before"}


def test_one_flipped_label_changes_what_is_told_of_its_two_classes_only(reports: Reports) -> None:
    before, after = verdicts(reports["first"]), verdicts(reports["flipped"])
    assert before.keys() == after.keys()
    changed = {key for key in before if before[key] != after[key]}
    assert {subject for _, subject in changed} == {"cat", "dog", "dataset"}
    other = {key for key in changed if before[key]["outcome"] != after[key]["outcome"]}
    assert other == {
        ("identical_pixels_have_one_label", "cat"),
        ("identical_pixels_have_one_label", "dog"),
        ("no_exact_duplicates_within_a_split", "dog"),  # of cat it failed before
    }
    assert {after[key]["outcome"] for key in other} == {"failed"}


def test_the_release_says_which_label_it_was(reports: Reports) -> None:
    failed = [
        each
        for each in reports["flipped"]["results"]
        if each["property"] == "label_changes_are_reviewed" and each["outcome"] == "failed"
    ]
    assert {each["subject"] for each in failed} == {"cat", "dog"}  # what it was, and what it is
    assert all(FLIPPED in each["message"] for each in failed)


def test_labels_alone_read_no_file_and_encode_no_picture(reports: Reports) -> None:
    provenance = reports["flipped"]["provenance"]
    assert (provenance["images_read"], provenance["images_decoded"]) == (0, 0)
    assert reports["flipped"]["vectors"] == reports["first"]["vectors"]


def test_ten_new_images_are_ten_images_read_decoded_and_encoded(reports: Reports) -> None:
    provenance = reports["added"]["provenance"]
    assert (provenance["images_read"], provenance["images_decoded"]) == (NEW, NEW)
    assert reports["added"]["vectors"] - reports["flipped"]["vectors"] == NEW


def test_labels_alone_compare_no_vectors(reports: Reports) -> None:
    assert reports["flipped"]["pairs"] == {"neighbours": 0, "planted copies": 0}


def test_ten_new_images_are_compared_with_all_and_all_with_them(reports: Reports) -> None:
    train, val = len(CLASSES) * TRAIN - 1, len(CLASSES) * VAL  # two files are one picture
    before, now = train + val, train + val + NEW
    searches = 1 + VIEWS + 1  # the whole, its views, and those that vote
    whole, added = (reports[name]["pairs"] for name in ("first", "added"))
    assert whole["neighbours"] >= searches * before**2
    assert added["neighbours"] < 1.2 * searches * (NEW * now + before * NEW)  # few are asked again
    asking = len(ALTERATIONS) * (1 + VIEWS) + VIEWS  # the copies of a picture, and its own views
    assert whole["planted copies"] == asking * (train**2 + val**2)
    assert added["planted copies"] == asking * (NEW * (train + NEW) + train * NEW)


def test_what_is_told_of_new_images_is_what_a_whole_search_tells(reports: Reports) -> None:
    whole, anew = (reports[name]["pairs"] for name in ("first", "sought anew"))
    assert all(anew[what] > whole[what] for what in whole)
    assert verdicts(reports["added"]) == verdicts(reports["sought anew"])
