"""What four studies and an expert say of ImageNet's validation set: the published figures."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from numpy.typing import NDArray
from real_data import archive, read_table

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import RelabelStudy
from labelgate.fixtures.label_status import (
    CORRECTED,
    INCONSISTENT,
    MULTILABEL,
    NONE,
    ORIGINAL,
    STATUSES,
    UNREVIEWED,
    LabelStatus,
    find_status,
)
from labelgate.fixtures.label_witnesses import find_witnesses
from labelgate.fixtures.measurements import gather
from labelgate.fixtures.multilabel import Multilabel, find_pairs
from labelgate.fixtures.opinions import Opinions
from labelgate.fixtures.relabel_studies import RelabelStudies, collect_studies
from labelgate.fixtures.relabels import SURVIVE, Relabels
from labelgate.fixtures.study_agreement import find_agreement

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

WEASELS = {"weasel": 22, "mink": 34, "polecat": 16, "black-footed ferret": 1}
Facts = tuple[Dataset, RelabelStudies, LabelStatus]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("tables")
    with ZipFile(archive("relabel_dev")) as file:
        file.extractall(target)
    return target / "relabel"


@pytest.fixture(scope="module")
def imagenet(folder: Path) -> Dataset:
    """The validation set without its images; classes are called by wnid."""
    classes = read_table("imagenet_classes_dev", "imagenet_classes/imagenet_classes.csv")
    wnid = {row["index"]: row["wnid"] for row in classes}
    with (folder / "relabel_studies.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["study"] == "real"]
    paths = [f"val/{row['image']}" for row in rows]
    split = SplitNames("val", paths, [wnid[row["original_label"]] for row in rows])
    columns = {
        key: {row["wnid"]: row[source] for row in classes}
        for key, source in (("index", "index"), ("name", "name"), ("synonyms", "lemmas"))
    }
    dataset = assemble("imagenet", folder, [split], frozenset(wnid.values()))
    return replace(dataset, class_columns=columns)


@pytest.fixture(scope="module")
def four(imagenet: Dataset, folder: Path) -> Facts:
    """What the four studies say; label-errors by unanimous votes."""
    tidy, votes = folder / "relabel_studies.csv", folder / "label_errors_votes.csv"
    studies = (
        RelabelStudy("real", tidy, "tidy"),
        RelabelStudy("multilabel", folder / "multilabel_detail.csv", "proposed"),
        RelabelStudy("contextualizing", tidy, "tidy"),
        RelabelStudy("label_errors", votes, "unanimous"),
    )
    return look(imagenet, studies)


@pytest.fixture(scope="module")
def five(four: Facts, folder: Path) -> Facts:
    """The same with the review of an expert."""
    review = RelabelStudy("expert", folder / "expert_annotations.csv", "outcome", expert=True)
    return look(four[0], (*four[0].relabels, review))


def look(dataset: Dataset, studies: tuple[RelabelStudy, ...]) -> Facts:
    dataset = replace(dataset, relabels=studies)
    found = collect_studies(dataset)
    return dataset, found, find_status(dataset, found)


def count(status: NDArray[np.int8]) -> list[int]:
    """How many are A, B, M, X, Z."""
    codes = ORIGINAL, CORRECTED, MULTILABEL, INCONSISTENT, NONE
    return [int((status == code).sum()) for code in codes]


def test_most_images_are_reviewed_by_two_studies(four: Facts) -> None:
    reviewed = four[2].studies
    assert np.bincount(reviewed).tolist() == [0, 21_411, 22_166, 5_995, 428]
    assert 100 * (reviewed >= 2).sum() / 50_000 == pytest.approx(57.178)


def test_every_study_says_what_was_published(four: Facts) -> None:
    told = {name: count(four[2].status[i]) for i, name in enumerate(four[1].names)}
    assert told == {
        "real": [35_716, 3_678, 7_443, 0, 3_163],
        "multilabel": [15_499, 393, 3_657, 0, 451],
        "contextualizing": [6_153, 1_375, 2_156, 166, 150],
        "label_errors": [1_016, 468, 129, 3_793, 34],
    }


def test_label_errors_by_majority_is_the_published_variant(imagenet: Dataset, folder: Path) -> None:
    study = RelabelStudy("majority", folder / "label_errors_votes.csv", "votes")
    assert count(look(imagenet, (study,))[2].status[0]) == [2_524, 1_428, 597, 598, 293]


@pytest.mark.parametrize("name", ["majority", "unanimous"])
def test_votes_are_counted_as_the_published_table_counts_them(
    imagenet: Dataset, folder: Path, name: str
) -> None:
    form = {"majority": "votes", "unanimous": "unanimous"}[name]
    votes = RelabelStudy("v", folder / "label_errors_votes.csv", form)  # type: ignore[arg-type]
    tidy = RelabelStudy(f"label_errors_{name}", folder / "relabel_studies.csv", "tidy")
    _, studies, found = look(imagenet, (votes, tidy))
    assert (found.status[0] == found.status[1]).all()
    assert (studies.said[0] == studies.said[1]).all()


def test_the_text_rule_gives_the_published_shares_and_the_set_rule_those_beside_it(
    four: Facts,
) -> None:
    found = four[2]
    two, original = found.studies >= 2, found.together == ORIGINAL
    text, same = two & found.same_text, two & found.same_set
    assert (text.sum(), same.sum()) == (16_297, 16_661)
    assert (text & original).sum() == (same & original).sum() == 15_387
    shares = [100 * kept.sum() / 50_000 for kept in (text, same)]
    assert shares == pytest.approx([32.594, 33.322])
    rights = [100 * 15_387 / kept.sum() for kept in (text, same)]
    assert rights == pytest.approx([94.416, 92.353], abs=0.001)


def test_the_clean_validation_set_is_the_published_one(four: Facts) -> None:
    dataset, _, found = four
    alone = (found.studies == 1) & np.isin(found.together, (ORIGINAL, CORRECTED, MULTILABEL))
    agreed = (found.studies >= 2) & found.same_text & (found.together != NONE)
    ids = {dataset.paths[image].removeprefix("val/") for image in np.flatnonzero(alone | agreed)}
    clean = {row["id"] for row in read_table("relabel_dev", "relabel/clean_validation.csv")}
    assert len(clean) == 36_415
    assert ids == clean


def weasels(dataset: Dataset) -> Iterator[tuple[str, int]]:
    """The four classes that the expert reviewed."""
    for number in range(356, 360):
        (label,) = (key for key, of in dataset.class_columns["index"].items() if of == str(number))
        name = dataset.class_columns["name"][label].partition(",")[0]
        yield name, dataset.labels.index(label)


def test_the_expert_finds_few_weasels(five: Facts) -> None:
    dataset, _, found = five
    told = {}
    for name, label in weasels(dataset):
        mine = found.status[4, dataset.label_index == label]
        assert (mine != UNREVIEWED).sum() == 50
        told[name] = int((mine == ORIGINAL).sum())
    assert told == WEASELS


def test_the_expert_names_what_is_no_class(five: Facts) -> None:
    dataset, studies, _ = five
    assert studies.problems == ()
    assert studies.vocabulary[len(dataset.labels) :] == (
        "domestic ferret",
        "non-ImageNet: Martes",
        "non-ImageNet: Tayra",
        "non-ImageNet: chinese ferret-badger",
        "non-ImageNet: vole",
    )


def test_three_of_the_four_classes_do_not_survive_the_expert(five: Facts) -> None:
    dataset, studies, found = five
    stem = Relabels(*five, find_agreement(len(dataset.labels), studies, found), 0.95, 10)
    judged = {
        verdict.measurement.subject: (verdict.measurement.value, verdict.passed)
        for verdict in judge(gather({"relabels": stem}), read_limits(None)).verdicts
        if verdict.measurement.property == SURVIVE and verdict.measurement.predictor == "expert"
    }
    told = {name: judged[dataset.labels[label]] for name, label in weasels(dataset)}
    expected = {name: (right / 50, name == "mink") for name, right in WEASELS.items()}
    assert told == expected
    assert len(judged) == 4


def test_the_figures_that_the_limits_quote(four: Facts) -> None:
    dataset, studies, found = four
    witnesses = find_witnesses(dataset, found, ())
    stems = {
        "relabels": Relabels(*four, find_agreement(1000, studies, found), 0.95, 10),
        "multilabel": Multilabel(
            dataset, Opinions(*four), witnesses, find_pairs(dataset, witnesses), 0.95, 10
        ),
    }
    failed = {name: 0 for name in ("relabel_studies_agree", SURVIVE)}
    for verdict in judge(gather(stems), read_limits(None)).verdicts:
        name = verdict.measurement.property
        failed[name] = failed.get(name, 0) + (verdict.passed is False)
    assert failed == {
        "relabel_studies_agree": 143,
        "labels_survive_review": 22,
        "images_show_one_class": 38,
        "classes_do_not_always_occur_together": 23,
    }
    two = found.studies >= 2
    assert (two & ~found.same_set).sum() / two.sum() == pytest.approx(0.417, abs=0.0005)
    assert found.has(dataset.label_index).mean() == pytest.approx(0.834, abs=0.0005)


def test_every_row_of_the_published_table_has_the_status_that_its_labels_give(
    imagenet: Dataset, folder: Path
) -> None:
    names = ("real", "multilabel", "contextualizing", "label_errors_majority")
    tidy = folder / "relabel_studies.csv"
    _, _, found = look(imagenet, tuple(RelabelStudy(name, tidy, "tidy") for name in names))
    letters = dict(zip("ABMXZ", STATUSES, strict=True))
    with tidy.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            if row["study"] in names:
                image = imagenet.index_of[f"val/{row['image']}"]
                code = found.status[names.index(row["study"]), image]
                assert STATUSES[code] == letters[row["status"]]
