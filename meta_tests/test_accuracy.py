"""Accuracy: planted classes at each limit, what is not measured and why, and what is told."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from predicted import Said, cells_of, lay_out_said, measure_accuracy, predict
from scipy.stats import binom

from labelgate.expectations.judge import judge
from labelgate.expectations.limits import Bound, Limits, check_overrides
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.accuracy import CLASS, CONFUSED, GROUP, MOVED, NO_PREDICTOR, Accuracy
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.measurements import gather
from labelgate.fixtures.predictions import no_predictions
from labelgate.fixtures.recount import ACROSS, EXACT, NEAR, WITHIN
from labelgate.fixtures.statistics import clopper_pearson
from labelgate.fixtures.subjects import NO_GROUPS
from labelgate.plugins.report.evidence import write_evidence

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

FLOOR, GROUP_FLOOR, PEAK, MOST = 0.5, 0.6, 0.2, 0.005


def images(label: str, right: int, wrong: int, to: str = "other", split: str = "val") -> list[Said]:
    return [(split, label, [label])] * right + [(split, label, [to])] * wrong


def least_right(n: int, floor: float) -> int:
    """The fewest right ones of n that do not show, at 95 %, that the rate is below the floor."""
    return min(k for k in range(n + 1) if binom.cdf(k, n, floor) >= 0.05)


def most_wrong(n: int, peak: float) -> int:
    """The most of n that do not show, at 95 %, that the rate is above the peak."""
    return max(k for k in range(n + 1) if binom.sf(k - 1, n, peak) >= 0.05)


def verdicts(found: Accuracy, limits: Limits | None = None) -> dict[tuple[str, ...], bool | None]:
    judged = judge(gather({"accuracy": found}), limits or read_limits(None))
    rows = [(verdict.measurement, verdict.passed) for verdict in judged.verdicts]
    return {(row.property, row.subject, row.predictor): passed for row, passed in rows}


def messages(found: Accuracy) -> dict[tuple[str, str], str]:
    judged = judge(gather({"accuracy": found}), read_limits(None)).verdicts
    return {(v.measurement.property, v.measurement.subject): v.message for v in judged}


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 50, 1300])
def test_a_class_fails_when_the_data_show_that_it_is_below_its_floor(n: int) -> None:
    edge = least_right(n, FLOOR)
    below, at, above = (images(name, k, n - k) for name, k in
                        (("below", edge - 1), ("at", edge), ("above", edge + 1)))  # fmt: skip
    told = verdicts(measure_accuracy(*lay_out_said([*below, *at, *above])))
    assert [told[CLASS, name, "clip"] for name in ("below", "at", "above")] == [False, True, True]


@pytest.mark.parametrize("n", [10, 50, 1300])
def test_a_confusion_fails_when_the_data_show_that_it_is_above_the_limit(n: int) -> None:
    edge = most_wrong(n, PEAK)
    above, at, below = (images(name, n - k, k) for name, k in
                        (("above", edge + 1), ("at", edge), ("below", edge - 1)))  # fmt: skip
    told = verdicts(measure_accuracy(*lay_out_said([*below, *at, *above])))
    assert [told[CONFUSED, name, "clip"] for name in ("below", "at", "above")] == [
        True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(("more", "passes"), [(-1, False), (0, True), (1, True)])
def test_a_group_is_judged_by_all_images_of_its_classes(more: int, passes: bool) -> None:
    right = least_right(60, GROUP_FLOOR) + more
    said = [*images("cup", right - 1, 40 - right + 1), *images("mug", 1, 19)]
    told = verdicts(measure_accuracy(*lay_out_said(said, ("cup", "mug"))))
    assert told[GROUP, "cup / mug", "clip"] is passes


@pytest.mark.parametrize(("wrong", "passes"), [(4, True), (5, True), (6, False)])
def test_duplicates_may_move_accuracy_by_half_a_point_either_way(wrong: int, passes: bool) -> None:
    """Of 1,000 images all but these are right; without them accuracy is 1."""
    dataset, said = lay_out_said(images("cat", 1000 - wrong, wrong))
    copies = np.arange(1000) >= 1000 - wrong
    flags = {(EXACT, WITHIN): copies, (EXACT, ACROSS): ~copies & copies}
    found = measure_accuracy(dataset, said, flags=flags)
    assert verdicts(found)[MOVED, "dataset", "clip"] is passes
    row = cells_of(found, MOVED)["dataset", "val", "clip"]
    assert row.value == pytest.approx(wrong / 1000)
    assert (
        row.note
        == f"{1000 - wrong} of {1000 - wrong} right without exact duplicates within the split, "
        + (f"{1000 - wrong} of 1000 with all images")
    )


def test_an_override_may_name_a_predictor() -> None:
    dataset, clip = lay_out_said(images("cat", 10, 40))
    limits = read_limits(None)
    limit = limits.properties[CLASS]
    bounds = (*limit.bounds, Bound(0.1, None, "kNN is weak", predictor="knn"))
    changed = {**limits.properties, CLASS: replace(limit, bounds=bounds)}
    found = measure_accuracy(dataset, clip, replace(clip, predictor="knn"))
    told = verdicts(found, replace(limits, properties=changed))
    assert [told[CLASS, "cat", who] for who in ("clip", "knn")] == [False, True]


OVERRIDE = "[[accuracy.class_accuracy_meets_its_floor.overrides]]\n"
DECODES = "[[files.every_image_decodes.overrides]]\n"


@pytest.mark.parametrize(
    ("override", "refused"),
    [
        (OVERRIDE + 'predictor = "knn"\nmin = 0.1\n', ""),
        (OVERRIDE + 'predictor = "open_clip:ViT-B-32/openai"\nclass = "cat"\nmin = 0.1\n', ""),
        (OVERRIDE + 'predictor = "mobilnet"\nmin = 0.1\n', "predictor 'mobilnet'"),
        (DECODES + 'predictor = "knn"\nmax = 1\n', "predictor 'knn'"),
        (OVERRIDE + 'split = "vall"\nmin = 0.1\n', "split 'vall'"),
        (OVERRIDE + "min = 0.1\n", "a class, a split or a predictor"),
    ],
)
def test_an_override_of_what_cannot_be_is_refused(
    tmp_path: Path, override: str, refused: str
) -> None:
    file = tmp_path / "limits.toml"
    file.write_text(override + 'source = "x"\n')
    dataset, _ = lay_out_said(images("cat", 1, 0))
    if not refused:
        check_overrides(read_limits(file), dataset)
        return
    with pytest.raises(SettingsError, match=refused):
        check_overrides(read_limits(file), dataset)


# --- measured -----------------------------------------------------------------------------------


def test_a_rate_has_its_exact_bounds() -> None:
    row = cells_of(measure_accuracy(*lay_out_said(images("cat", 30, 20))), CLASS)
    found = row["cat", "val", "clip"]
    low, high = clopper_pearson(30, 50, 0.95)
    assert (found.value, found.n, found.low, found.high) == (0.6, 50, low, high)
    assert found.judged == clopper_pearson(30, 50, 0.95, "high")[1]


def test_a_confusion_inside_a_declared_group_is_known() -> None:
    said = [*images("cup", 20, 25, "mug"), *images("cup", 0, 5, "jug"), *images("mug", 50, 0)]
    inside = cells_of(measure_accuracy(*lay_out_said(said, ("cup", "mug"))), CONFUSED)
    assert inside["cup", "val", "clip"].value == 0.1
    assert inside["cup", "val", "clip"].captions == ["5 of 50 predicted as jug (clip)"]
    assert (
        cells_of(measure_accuracy(*lay_out_said(said)), CONFUSED)["cup", "val", "clip"].value == 0.5
    )


def test_each_predictor_and_labelled_split_has_its_own_cells() -> None:
    said = [*images("cat", 12, 0, split="train"), *images("cat", 6, 6), ("test", None, ["cat"])]
    dataset, clip = lay_out_said(said)
    knn = predict(dataset, {path: ["cat"] for path in dataset.paths}, "knn")
    cells = cells_of(measure_accuracy(dataset, clip, knn), CLASS)
    assert {key: row.value for key, row in cells.items()} == {
        ("cat", "train", "clip"): 1, ("cat", "train", "knn"): 1,
        ("cat", "val", "clip"): 0.5, ("cat", "val", "knn"): 1,
        ("(unlabelled)", "test", ""): None,
    }  # fmt: skip


def test_a_failure_names_first_files_and_shows_all_images_of_every_wrong_cell() -> None:
    said = [*images("cat", 2, 3, "dog"), *images("cat", 0, 7, "lynx")]
    found = measure_accuracy(*lay_out_said(said))
    row = cells_of(found, CLASS)["cat", "val", "clip"]
    assert row.examples == [[5, 6, 7, 8, 9, 10, 11], [2, 3, 4]]
    assert list(row.captions) == [
        "7 of 12 predicted as lynx (clip)", "3 of 12 predicted as dog (clip)",
    ]  # fmt: skip
    (table,) = row.tables
    assert table.columns == ["cat", "lynx", "dog", "other"]
    assert table.values == [[0.1667, 0.5833, 0.25, 0.0]]
    assert messages(found)[CLASS, "cat"].startswith(
        "cat in val, by clip: a share of only 0.166667 of 12 images is predicted as the class, "
        "the limit is at least 0.5: 7 of 12 predicted as lynx (val/cat/00005, val/cat/00006); 3 of"
    )


def test_a_group_shows_the_square_of_its_classes() -> None:
    said = [*images("cup", 10, 10, "mug"), *images("mug", 15, 5, "cup"), *images("mug", 0, 5)]
    row = cells_of(measure_accuracy(*lay_out_said(said, ("cup", "mug"))), GROUP)
    found = row["cup / mug", "val", "clip"]
    assert found.value == 25 / 45
    assert found.note.startswith("0.8889 where a swap inside the group is right; 10 of 20 cup pred")
    assert found.captions[0] == "10 of 20 cup predicted as mug (clip)"
    (table,) = found.tables
    assert table.values == [[0.5, 0.5, 0.0], [0.2, 0.6, 0.2]]
    assert list(table.n) == [20, 25]


# --- not measured -------------------------------------------------------------------------------


def reasons(found: Accuracy, name: str) -> dict[str, str]:
    cells = cells_of(found, name)
    assert all((row.value is None) == bool(row.reason) for row in cells.values())
    return {subject: row.reason for (subject, _, _), row in cells.items()}


@pytest.mark.parametrize(("said", "least", "reason"), [
    (30, 1.0, "clip says something about 30 of 40 images, a share of at least 1 is needed"),
    (30, 0.8, "clip says something about 30 of 40 images, a share of at least 0.8 is needed"),
    (30, 0.75, ""), (12, 0.3, ""), (40, 1.0, ""),
    (9, 0.1, "9 images with a prediction, at least 10 are needed"),
    (10, 0.1, ""),
    (0, 0.1, "clip says something about 0 of 40 images, a share of at least 0.1 is needed"),
])  # fmt: skip
def test_a_class_without_enough_predictions_is_not_measured(
    said: int, least: float, reason: str
) -> None:
    rows: list[Said] = [*images("cat", said, 0), *[("val", "cat", ())] * (40 - said)]
    dataset, clip = lay_out_said(rows, ("cat", "dog"), labels=("cat", "dog"))
    found = replace(measure_accuracy(dataset, clip), least_coverage=least)
    for name in (CLASS, CONFUSED):
        assert reasons(found, name)["cat"] == reason
    assert reasons(found, GROUP)["cat / dog"] == reason
    assert found.evidence()["accuracy.csv"]["reason"].unique().tolist() == [reason]


def test_a_class_that_the_predictor_does_not_know_is_not_measured_and_counts_nowhere() -> None:
    dataset, clip = lay_out_said(
        [*images("cat", 20, 0), *images("dog", 0, 20, "cat")], ("cat", "dog")
    )
    clip = replace(clip, knows=np.array([True, False]))
    found = measure_accuracy(dataset, clip)
    assert reasons(found, CLASS) == {"cat": "", "dog": "clip does not know this class"}
    assert reasons(found, GROUP) == {"cat / dog": "clip does not know 1 of the 2 classes"}
    told = dict(found.figures())
    assert told["classes that clip does not know"] == 1
    assert told["accuracy of clip on val, top-1"] == 1.0


EVERY = {
    (CLASS, "cat"), (CONFUSED, "cat"), (CLASS, "(unlabelled)"), (CONFUSED, "(unlabelled)"),
    (GROUP, NO_GROUPS), (MOVED, "dataset"),
}  # fmt: skip


def test_without_a_predictor_nothing_is_measured_and_the_reason_says_what_to_give() -> None:
    dataset, _ = lay_out_said([*images("cat", 20, 0), ("test", None, [])])
    rows = list(measure_accuracy(dataset).measurements())
    assert {(row.property, row.subject) for row in rows} == EVERY
    assert {row.reason for row in rows} == {NO_PREDICTOR, "these images have no label"}
    assert all(row.value is None for row in rows)


def test_a_predictor_that_cannot_be_had_is_not_measured_and_takes_no_other_with_it() -> None:
    dataset, clip = lay_out_said([*images("cat", 20, 0), ("test", None, [])])
    missing = no_predictions("hub", dataset, "the weights of hub are elsewhere")
    found = measure_accuracy(dataset, missing, clip, flags={})
    rows = [row for row in found.measurements() if row.predictor == "hub"]
    assert {(row.property, row.subject) for row in rows} == {
        (name, subject) for name, subject in EVERY if subject != "(unlabelled)"
    }
    assert {(row.value, row.reason) for row in rows} == {(None, missing.reason)}
    assert cells_of(found, CLASS)["cat", "val", "clip"].value == 1


def test_a_dataset_without_labels_has_a_reason_for_every_check() -> None:
    found = measure_accuracy(*lay_out_said([("test", None, ["cat"])]), flags={})
    rows = list(found.measurements())
    assert {(row.property, row.subject) for row in rows} == {
        (CLASS, "(unlabelled)"), (CONFUSED, "(unlabelled)"), (GROUP, NO_GROUPS), (MOVED, "dataset"),
    }  # fmt: skip
    assert all(row.reason and row.value is None for row in rows)
    assert all(len(table) == 0 for table in found.evidence().values())


def test_unknown_near_duplicates_leave_the_exact_recount_and_a_cell_that_says_so() -> None:
    dataset, clip = lay_out_said(images("cat", 15, 5))
    flags = {(EXACT, WITHIN): np.arange(20) > 15, (EXACT, ACROSS): np.zeros(20, np.bool_)}
    found = measure_accuracy(dataset, clip, flags=flags, reason="the weights are elsewhere")
    measured, unknown = sorted(
        (row for row in found.measurements() if row.property == MOVED), key=lambda row: row.reason
    )
    assert measured.value == pytest.approx(15 / 16 - 15 / 20)
    assert unknown.value is None
    assert unknown.reason == "near duplicates are not known: the weights are elsewhere"
    table = found.evidence()["recount.csv"]
    assert table["images"].isna().tolist() == [False] * 4 + [True] * 4
    assert (table["reason"] != "").tolist() == [False] * 4 + [True] * 4


def test_where_no_image_is_left_nothing_is_said() -> None:
    dataset, clip = lay_out_said(images("cat", 15, 5))
    every = dict.fromkeys(
        [(k, p) for k in (EXACT, NEAR) for p in (WITHIN, ACROSS)], np.ones(20, bool)
    )
    row = cells_of(measure_accuracy(dataset, clip, flags=every), MOVED)["dataset", "val", "clip"]
    assert row.value is None
    assert row.reason.startswith("of 20 images with a label and a prediction none is left")


# --- told ---------------------------------------------------------------------------------------


def test_tables_have_a_row_per_protocol() -> None:
    said: list[Said] = [("val", "cup", ["mug", "cup", "jug", "can", "pot"])] * 30
    several = {"val/cup/00000": ("mug",)}
    dataset, clip = lay_out_said(
        [*said, *images("mug", 10, 0)], ("cup", "mug"), multilabels=several
    )
    table = measure_accuracy(dataset, clip).evidence()["accuracy.csv"]
    columns = ["class", "protocol", "images", "n", "top1", "top5"]
    assert table[columns].to_numpy().tolist() == [
        ["cup", "single", 30, 30, 0.0, 1.0], ["mug", "single", 10, 10, 1.0, 1.0],
        ["cup", "any_of", 30, 30, 0.0333, 1.0], ["mug", "any_of", 10, 10, 1.0, 1.0],
        ["cup", "group_merged", 30, 30, 1.0, 1.0], ["mug", "group_merged", 10, 10, 1.0, 1.0],
    ]  # fmt: skip


def test_figures_tell_accuracy_inside_and_outside_groups() -> None:
    said = [*images("cup", 10, 10, "mug"), *images("mug", 20, 0), *images("cat", 9, 1)]
    told = dict(measure_accuracy(*lay_out_said(said, ("cup", "mug"))).figures())
    of = "accuracy of clip on val, top-1"
    assert told[of] == 0.78
    assert told[f"{of}, inside declared problem groups"] == 0.75
    assert told[f"{of}, outside declared problem groups"] == 0.9
    assert told[f"{of}, a swap inside a declared group is right"] == 0.98


def names_of(folder: Path) -> Sequence[str]:
    return sorted(file.name for file in (folder / "evidence").iterdir())


def test_all_evidence_is_written_and_the_groups_as_json(tmp_path: Path) -> None:
    said = [*images("cup", 10, 10, "mug"), *images("=mug", 20, 40, "cup"), *images("cat", 90, 0)]
    measurements = gather({"accuracy": measure_accuracy(*lay_out_said(said))})
    write_evidence(tmp_path, measurements.evidence)
    assert names_of(tmp_path) == [
        "accuracy.csv", "confusions.csv", "groups.csv", "groups.json", "recount.csv",
    ]  # fmt: skip
    told = json.loads((tmp_path / "evidence" / "groups.json").read_text())
    assert told == [
        {"category": [3], "classes": {"=mug": "=mug", "cup": "cup"}, "name": "=mug / cup"}
    ]
    assert "'=mug,cup,40" in (tmp_path / "evidence" / "confusions.csv").read_text()
