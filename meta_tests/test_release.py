"""What a release changed: flips without a review, moves, properties that got worse."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from compared import compare, judge_rows, make_dataset, report_of, stand

from labelgate.expectations.worsening import compare_verdicts, look_back
from labelgate.fixtures.change_tables import list_class_changes, show_changes
from labelgate.fixtures.changes import Changes
from labelgate.fixtures.class_changes import ClassChanges
from labelgate.fixtures.dataset import UNLABELLED, Dataset
from labelgate.fixtures.declarations import Review
from labelgate.fixtures.measurements import ROWS_SHOWN, Measurement
from labelgate.fixtures.release import REVIEWED, STAY, WORSE, Release
from labelgate.fixtures.standing import Standings

BEFORE: dict[str, str | None] = {
    **{f"train/{label}{i}": label for label in ("cat", "dog", "owl") for i in range(30)},
    **{f"val/{label}{i}": label for label in ("cat", "dog", "owl") for i in range(10)},
    **{f"test/{i}": None for i in range(5)},
}

Rows = dict[tuple[str, str, str], Measurement]


def rows_of(dataset: Dataset, changes: Changes | None, standings: Standings | None = None) -> Rows:
    stem = Release(dataset, changes, standings or Standings())
    return {(row.property, row.subject, row.split): row for row in stem.measurements()}


def released(after: dict[str, str | None], *reviews: Review, **pixels: str) -> Rows:
    return rows_of(make_dataset(after), compare(BEFORE, after, reviews, pixels))


def judged(rows: Rows) -> dict[tuple[str, str, str], bool | None]:
    told = judge_rows(*rows.values())
    return {
        (v.measurement.property, v.measurement.subject, v.measurement.split): v.passed for v in told
    }


def failing(rows: Rows) -> set[tuple[str, str, str]]:
    return {cell for cell, passed in judged(rows).items() if passed is False}


def test_without_a_baseline_nothing_is_measured() -> None:
    rows = rows_of(make_dataset(BEFORE), None)
    assert {row.value for row in rows.values()} == {None}
    assert {row.reason for row in rows.values()} == {
        "there is no earlier report to compare with (--baseline)"
    }
    subjects = {(name, subject) for name, subject, _ in rows}
    assert subjects == {
        (name, s) for name in (REVIEWED, STAY, WORSE) for s in ("cat", "dog", "owl", UNLABELLED)
    }


def test_a_release_that_changes_nothing_passes() -> None:
    told = judged(released(dict(BEFORE)))
    assert failing(released(dict(BEFORE))) == set()
    assert told[REVIEWED, "cat", "train"] is True
    assert told[STAY, UNLABELLED, "test"] is True
    assert told[REVIEWED, UNLABELLED, "test"] is None


@pytest.mark.parametrize("flips", [0, 1, 2])
def test_flips_count_for_the_old_and_for_the_new_class(flips: int) -> None:
    rows = released(BEFORE | {f"val/cat{i}": "dog" for i in range(flips)})
    for label in ("cat", "dog"):
        assert rows[REVIEWED, label, "val"].value == flips
    cells = {(REVIEWED, "cat", "val"), (REVIEWED, "dog", "val")}
    assert failing(rows) == (cells if flips else set())


def test_a_flip_names_its_image_both_labels_and_shows_it() -> None:
    dataset = make_dataset(BEFORE | {"val/cat3": "dog"})
    rows = rows_of(dataset, compare(BEFORE, BEFORE | {"val/cat3": "dog"}))
    row = rows[REVIEWED, "cat", "val"]
    assert row.note == "val/cat3 (cat, now dog)"
    assert [[dataset.paths[i] for i in group] for group in row.examples] == [["val/cat3"]]
    assert row.n == 10
    assert rows[REVIEWED, "dog", "val"].n == 11


def test_a_reviewed_flip_passes() -> None:
    review = Review("val/cat3", "", "label", "ann", "2026-01-01", "dog")
    assert failing(released(BEFORE | {"val/cat3": "dog"}, review)) == set()


def test_the_last_image_of_a_class_in_a_split_still_names_the_class_that_it_left() -> None:
    before = {**BEFORE, "val/yak": "yak", "train/yak": "yak"}
    after = {**before, "val/yak": "owl"}
    rows = rows_of(make_dataset(after), compare(before, after))
    assert (rows[REVIEWED, "yak", "val"].value, rows[REVIEWED, "yak", "val"].n) == (1, 1)


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_move_counts_for_the_class_in_the_split_that_it_came_to(moves: int) -> None:
    after = dict(BEFORE)
    pixels = {}
    for i in range(moves):
        after[f"val/was{i}"] = after.pop(f"train/cat{i}")
        pixels[f"val/was{i}"] = f"train/cat{i}"
    rows = released(after, **pixels)
    assert rows[STAY, "cat", "val"].value == moves
    assert failing(rows) == ({(STAY, "cat", "val")} if moves else set())


def test_a_move_says_from_where_to_where_and_what_left_training_stands_first() -> None:
    after = dict(BEFORE)
    after["val/a"], after["val/b"] = "cat", "cat"
    pixels = {"val/a": "test/0", "val/b": "train/cat0"}
    del after["test/0"], after["train/cat0"]
    assert released(after, **pixels)[STAY, "cat", "val"].note == (
        "val/b (from train to val); val/a (from test to val)"
    )


def test_an_image_that_moves_to_the_unlabelled_split_is_found_there() -> None:
    after = {**BEFORE, "test/x": None}
    del after["train/owl7"]
    rows = released(after, **{"test/x": "train/owl7"})
    assert failing(rows) == {(STAY, UNLABELLED, "test")}


def told(row: Measurement) -> list[tuple[str | float, ...]]:
    (table,) = row.tables
    return [(name, *values) for name, values in zip(table.rows, table.values, strict=True)]


def test_added_and_removed_images_are_counted_and_do_not_fail() -> None:
    after = {**BEFORE, "val/owl-new": "owl"}
    del after["val/owl1"], after["val/owl2"], after["train/owl1"]
    rows = released(after)
    assert failing(rows) == set()
    assert told(rows[REVIEWED, "owl", "train"]) == [
        ("1 image", "added", "", "val, owl"),
        ("1 image", "removed", "train, owl", ""),
        ("2 images", "removed", "val, owl", ""),
    ]
    assert not rows[REVIEWED, "owl", "train"].tables[0].always, "no page for this alone"


@pytest.mark.parametrize("reviewed", [False, True])
def test_a_page_tells_what_an_image_was_and_is(reviewed: bool) -> None:
    after: dict[str, str | None] = {**BEFORE, "val/a": "cat", "val/cat3": "dog"}
    del after["train/cat0"]
    review = Review("val/cat3", "", "label", "ann", "2026-01-01", "dog" if reviewed else "owl")
    changes = compare(BEFORE, after, [review], {"val/a": "train/cat0"})
    table = show_changes(changes)["cat"]
    said = "flipped, reviewed" if reviewed else "flipped, not reviewed"
    assert [(name, *values) for name, values in zip(table.rows, table.values, strict=True)] == [
        ("val/a", "moved", "train, cat, train/cat0", "val, cat"),
        ("val/cat3", said, "val, cat", "val, dog"),
    ]


def test_images_without_a_label_are_counted_as_well() -> None:
    after = {path: label for path, label in BEFORE.items() if path not in ("test/0", "train/cat1")}
    tables = show_changes(compare(BEFORE, after))
    assert [(name, *table.values) for name, table in tables.items()] == [
        ("cat", ["removed", "train, cat", ""]),
        (UNLABELLED, ["removed", "test", ""]),
    ]


@pytest.mark.parametrize("flips", [ROWS_SHOWN - 2, ROWS_SHOWN - 1, ROWS_SHOWN])
def test_an_image_with_another_label_is_named_as_long_as_there_is_room(flips: int) -> None:
    before = {f"train/{i:02}": "cat" for i in range(ROWS_SHOWN)} | {"train/x": "owl"}
    after = {path: "owl" if i < flips else name for i, (path, name) in enumerate(before.items())}
    table = show_changes(compare(before, {**after, "train/new": "owl"}))["owl"]
    assert table.rows[-1] == "1 image", "what is counted always stands there"
    assert len(table.rows) == min(flips + 1, ROWS_SHOWN)
    assert (table.total, table.always) == (flips + 1, True)


def test_the_images_of_a_renamed_class_count_nowhere() -> None:
    after = {path: "tomcat" if label == "cat" else label for path, label in BEFORE.items()}
    rows = released(after)
    assert failing(rows) == set()
    assert rows[REVIEWED, "tomcat", "val"].n == 10


def test_a_class_that_the_baseline_does_not_have_is_not_measured() -> None:
    row = released({**BEFORE, "val/new": "yak"})[REVIEWED, "yak", ""]
    assert (row.value, row.reason) == (None, "the baseline has no labelled image of it")


def test_evidence_has_every_change_and_figures_count_them() -> None:
    after = {**BEFORE, "val/cat3": "dog", "val/new": "owl"}
    stem = Release(make_dataset(after), compare(BEFORE, after), Standings())
    table = stem.evidence()["changes.csv"]
    assert table["change"].tolist() == ["flipped", "added"]
    assert table.loc[0, "reviewed"] == "no"
    assert stem.evidence()["class_changes.csv"].empty
    figures = dict(stem.figures())
    assert figures["since the baseline: labels flipped"] == 1
    assert figures["images that the baseline has too"] == len(BEFORE)


def test_what_became_of_the_classes_is_listed_kind_by_kind() -> None:
    classes = ClassChanges(
        renamed=(("cat", "tomcat"),),
        merged=((("crow", "jay"), "bird"),),
        split=(("boat", ("canoe", "kayak")),),
        added=("yak",),
        removed=("emu",),
    )
    assert list_class_changes(replace(SAME, classes=classes)) == [
        ("renamed", "cat", "tomcat"),
        ("merged", "crow|jay", "bird"),
        ("split", "boat", "canoe|kayak"),
        ("added", "", "yak"),
        ("removed", "emu", ""),
    ]


WITHIN = "no_exact_duplicates_within_a_split"
SAME = compare(BEFORE, BEFORE)
INDEX = {path: i for i, path in enumerate(sorted(BEFORE))}


def count(value: float, *paths: str, split: str = "train", subject: str = "cat") -> Measurement:
    """A count of duplicates with the images behind it; the note is what a baseline remembers."""
    groups = [[INDEX[path] for path in paths]] if paths else []
    return Measurement(WITHIN, subject, split, value, 30, note=" ".join(paths), examples=groups)


NOTHING = replace(count(0), value=None, reason="not here")
TWO = ("train/cat1", "train/cat2")
THREE = (*TWO, "train/cat3")


@pytest.mark.parametrize(
    ("before", "now", "worse"),
    [
        ([count(0)], [count(0)], 0),
        ([count(0)], [count(1, "train/cat1")], 1),
        ([count(2, *TWO)], [count(0)], 0),
        ([count(2, *TWO)], [count(1, "train/cat1")], 0),
        ([count(2, *TWO)], [count(2, *TWO)], 0),
        ([count(2, *TWO)], [count(3, *THREE)], 1),
        ([count(2, *TWO)], [count(2, "train/cat1", "train/cat3")], 1),
        (
            [count(2, *TWO), count(0, split="val")],
            [count(2, *TWO), count(1, "val/cat1", split="val")],
            1,
        ),
    ],
    ids=["clean", "new", "mended", "fewer", "same", "more", "other images", "other split"],
)
def test_a_class_gets_worse_by_a_failure_that_it_did_not_have_or_had_less(
    before: Sequence[Measurement], now: Sequence[Measurement], worse: int
) -> None:
    standings = stand(before, now, SAME)
    row = rows_of(make_dataset(BEFORE), SAME, standings)[WORSE, "cat", ""]
    assert (row.value, row.n) == (worse, 1)
    assert (WITHIN in row.note) == bool(worse)
    failed = any(m.value for m in now)
    assert standings.old == (frozenset({(WITHIN, "cat")}) if failed and not worse else frozenset())


def rate(judged: float, value: float = 0.5) -> Measurement:
    return Measurement("label_error_rate_is_low", "cat", "val", value, 10, "m", 0.1, 0.9, judged)


@pytest.mark.parametrize(("judged", "worse"), [(0.29, 0), (0.3, 0), (0.31, 1)])
def test_a_rate_is_beyond_its_old_value_only_if_its_bound_is(judged: float, worse: int) -> None:
    standings = stand([rate(0.2, value=0.3)], [rate(judged)], SAME)
    assert len(standings.of["class", "cat"].worse) == worse


@pytest.mark.parametrize(("judged", "worse"), [(0.29, 1), (0.3, 0), (0.31, 0)])
def test_below_a_floor_less_is_worse(judged: float, worse: int) -> None:
    then = replace(rate(0.2, value=0.3), property="class_accuracy_meets_its_floor")
    now = replace(then, value=0.2, judged=judged)
    assert len(stand([then], [now], SAME).of["class", "cat"].worse) == worse


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ([rate(0.05, 0.09)], rate(0.3), "in val, by m, passed then with 0.09, 0.5 now"),
        ([rate(0.2, 0.25)], rate(0.3), "in val, by m, 0.25 then, 0.5 now"),
        ([count(0)], count(1, TWO[0]), "in train, passed then with 0, 1 now"),
        ([count(1, TWO[0])], count(1, TWO[1]), "in train, 1 then and 1 now, of other images"),
        ([count(0, split="val")], count(1, TWO[0]), "in train, not measured then, 1 now"),
        (
            [count(0, split="val"), NOTHING],
            count(1, TWO[0]),
            "in train, not measured then, 1 now",
        ),
        ([count(0)], NOTHING, "in train, 0 then, not measured now"),
        (
            [count(0, split="val")],
            NOTHING,
            "in train, not measured then, not measured now",
        ),
    ],
)
def test_what_got_worse_says_where_by_whom_and_how(
    before: Sequence[Measurement], now: Measurement, told: str
) -> None:
    standings = stand(before, [now], SAME)
    assert [worse.told for worse in standings.of["class", "cat"].worse] == [told]


def test_a_failure_by_the_first_image_of_all_is_old_as_any_other() -> None:
    first = count(1, min(INDEX), split="test", subject=UNLABELLED)
    assert stand([first], [first], SAME).old == {(WITHIN, UNLABELLED)}


@pytest.mark.parametrize("named", [*sorted(BEFORE)[:2], TWO[0]])
def test_a_failure_by_an_image_that_was_not_there_is_new(named: str) -> None:
    after = BEFORE | {"train/cat99": "cat"}
    changes, now = compare(BEFORE, after), count(1, named)
    assert stand([now], [now], changes).old == {(WITHIN, "cat")}
    added = replace(now, examples=((sorted(after).index("train/cat99"),),))
    assert stand([now], [added], changes).old == frozenset()


def test_what_was_not_decided_at_the_baseline_is_new_but_not_worse() -> None:
    standings = stand([NOTHING], [count(1, "train/cat1")], SAME)
    assert standings.old == frozenset()
    assert standings.of == {}
    row = rows_of(make_dataset(BEFORE), SAME, standings)[WORSE, "cat", ""]
    assert (row.value, row.reason) == (
        None,
        "no other property of it was decided at the baseline and in this run",
    )


def test_what_stands_behind_what_was_not_decided_is_compared_all_the_same() -> None:
    now = [count(1, TWO[0]), count(1, "train/dog1", subject="dog")]
    standings = stand([NOTHING, count(0, subject="dog")], now, SAME)
    assert {of: standing.compared for of, standing in standings.of.items()} == {("class", "dog"): 1}


def test_what_is_required_and_not_measured_is_old_only_if_it_was_so_then() -> None:
    assert stand([NOTHING], [NOTHING], SAME).old == {(WITHIN, "cat")}
    assert stand([count(0)], [NOTHING], SAME).old == frozenset()


def test_of_two_cells_that_are_new_the_first_is_told() -> None:
    before = [count(0), count(0, split="val")]
    now = [count(1, TWO[0]), count(2, "val/cat1", "val/cat2", split="val")]
    (worse,) = stand(before, now, SAME).of["class", "cat"].worse
    assert (worse.property, worse.told) == (WITHIN, "in train, passed then with 0, 1 now")


def test_what_is_said_of_verdicts_is_not_compared_with_itself() -> None:
    row = Measurement(REVIEWED, "cat", "val", 1.0, 10)
    standings = stand([replace(row, value=0.0), count(0)], [row, count(0)], SAME)
    assert (standings.old, standings.of["class", "cat"].compared) == (frozenset(), 1)


@pytest.mark.parametrize(
    ("outcome", "compared"), [("known", 1), ("failed", 1), ("error", 0), ("not_measured", 0)]
)
def test_only_what_was_decided_then_can_get_worse(outcome: str, compared: int) -> None:
    baseline = report_of(count(0))
    baseline.report["results"][0]["outcome"] = outcome
    earlier = look_back(baseline, SAME)
    told = compare_verdicts(judge_rows(count(1, TWO[0])), earlier).of
    assert len(told) == compared
    assert all(len(each.worse) == 1 for each in told.values())


def test_a_renamed_class_keeps_its_history() -> None:
    after = {path: "tomcat" if label == "cat" else label for path, label in BEFORE.items()}
    standings = stand([count(2, *TWO)], [count(2, *TWO, subject="tomcat")], compare(BEFORE, after))
    assert standings.old == {(WITHIN, "tomcat")}


@pytest.mark.parametrize(("worse", "passed"), [(0, True), (1, False)])
def test_one_property_that_got_worse_is_one_too_many(worse: int, passed: bool) -> None:
    now = count(worse, *TWO[:worse])
    rows = rows_of(make_dataset(BEFORE), SAME, stand([count(0)], [now], SAME))
    assert judged(rows)[WORSE, "cat", ""] is passed
