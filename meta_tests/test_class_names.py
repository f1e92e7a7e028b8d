"""Names of classes: what every alternative changes is exact, and judged on an exact bound."""

import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from labelgate.expectations.judge import judge
from labelgate.expectations.limits import Bound
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures import class_names as stem
from labelgate.fixtures.class_names import NO_LABEL, NO_NAME, NOBODY, PROPERTY, ClassNames
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.errors import EmbedderUnavailableError
from labelgate.fixtures.measurements import Measurement, Measurements, gather
from labelgate.fixtures.name_trials import net_bounds, try_names
from labelgate.fixtures.predictors.prompts import owners
from labelgate.fixtures.predictors.texts import Texts
from labelgate.fixtures.predictors.zero_shot import ZeroShot
from labelgate.fixtures.renaming import Names, best_two, rename_one, rescore, retake

CLIP = "open_clip:fake"
Shown = Mapping[str, Sequence[str]]
"""What the images of each class show: the word that a model would say."""


def silent(_title: str, _total: int | None) -> Any:  # noqa: ANN401
    return nullcontext(lambda done: None)


# --- rescoring ----------------------------------------------------------------------------------


@st.composite
def scored(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.int64], Names]:
    """Scores of few values, so that many are equal, and alternatives that may share columns."""
    n, c, t = draw(st.integers(0, 7)), draw(st.integers(1, 5)), draw(st.integers(1, 8))
    s, a = draw(st.integers(0, 3)), draw(st.integers(0, 6))
    numbers = np.random.default_rng(draw(st.integers(0, 2**32)))
    scores = numbers.integers(0, 4, (n, t)).astype(np.float32)
    columns = [numbers.integers(0, t, shape) for shape in (c, (s, c), a)]
    names = Names(columns[0], columns[1], numbers.integers(0, c, a), columns[2])
    return scores, numbers.integers(0, c, n), names


def blocks(scores: NDArray[np.float32], size: int) -> list[tuple[slice, NDArray[np.float32]]]:
    starts = range(0, len(scores), size)
    return [(slice(i, min(i + size, len(scores))), scores[i : i + size]) for i in starts]


def rename_fully(scores: NDArray[np.float32], names: Names, synonym: int) -> NDArray[np.int64]:
    """All classes scored again, with one of them under a synonym."""
    columns = names.official.copy()
    columns[names.label[synonym]] = names.synonym[synonym]
    return scores[:, columns].argmax(axis=1)


@given(case=scored())
def test_one_renamed_class_is_the_whole_list_rescored(case: Any) -> None:  # noqa: ANN401
    scores, _, names = case
    chosen = scores[:, names.official]
    best = best_two(chosen.copy())
    found = rename_one(*best, chosen, scores[:, names.synonym], names.label)
    for synonym in range(len(names.label)):
        now = rename_fully(scores, names, synonym)
        assert np.array_equal(found[:, synonym], now == names.label[synonym])
        kept = np.where(best[0] == names.label[synonym], best[1], best[0])
        assert np.array_equal(now, np.where(found[:, synonym], names.label[synonym], kept))


@given(case=scored(), size=st.integers(1, 8))
def test_what_alternatives_change_is_that_of_a_slow_count(case: Any, size: int) -> None:  # noqa: ANN401
    scores, labels, names = case
    found = rescore(retake(blocks(scores, size), len(scores), names), labels, names)
    official = scores[:, names.official].argmax(axis=1)
    assert np.array_equal(found.official, official)
    for place, columns in enumerate(names.sets):
        assert np.array_equal(found.sets[place], scores[:, columns].argmax(axis=1))
    gained, lost = [], []
    for synonym, label in enumerate(names.label):
        now = rename_fully(scores, names, synonym)
        assert found.right[synonym] == (now == labels).sum()
        for image in np.flatnonzero(labels == label).tolist():
            if (now[image] == label) != (official[image] == label):
                (gained if now[image] == label else lost).append([image, synonym])
    assert found.gained.tolist() == gained
    assert found.lost.tolist() == lost


# --- bounds -------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    n=st.integers(1, 60),
    share=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    tried=st.integers(1, 9),
    level=st.sampled_from([0.8, 0.95]),
)
def test_bounds_are_exact_at_their_part_of_the_level(
    n: int, share: tuple[float, float], tried: int, level: float
) -> None:
    gains = int(share[0] * n)
    losses = int(share[1] * (n - gains))
    counts = (np.array([each]) for each in (gains, losses, n, tried))
    (low,), (high,) = net_bounds(*counts, level)
    tail = (1 - level) / (2 * tried)
    edges = np.linspace(0, 1, 20_001)
    least = [edges[binom.sf(k - 1, n, edges) >= tail].min() if k else 0.0 for k in (gains, losses)]
    most = [edges[binom.cdf(k, n, edges) >= tail].max() for k in (gains, losses)]
    assert low == pytest.approx(least[0] - most[1], abs=2e-4)
    assert high == pytest.approx(most[0] - least[1], abs=2e-4)
    assert low <= (gains - losses) / n <= high


def test_bounds_of_no_image_say_nothing() -> None:
    zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    assert [float(each[0]) for each in net_bounds(zero, zero, zero, one, 0.95)] == [-1.0, 1.0]


def test_more_alternatives_make_bounds_wider() -> None:
    same = np.full(3, 30), np.full(3, 5), np.full(3, 50)
    low, high = net_bounds(*same, np.array([1, 2, 10]), 0.95)
    assert (np.diff(low) < 0).all()
    assert (np.diff(high) > 0).all()


# --- a model that sees well and knows few words -------------------------------------------------


def look(
    shown: Shown, columns: Mapping[str, Mapping[str, str]], *, unseen: int = 0, least: int = 10
) -> ClassNames:
    """Tries all names on images whose vectors are those of the words that they show.

    A name that nobody shows is far from every image, and all of these are equally far; a word may
    be another name's too ("tower+crane"). `unseen` images of the first class have no pixels.
    """
    rows = [(label, word) for label in sorted(shown) for word in shown[label]]
    paths = [f"val/{label}/{i:03}" for i, (label, _) in enumerate(rows)]
    split = SplitNames("val", paths, [label for label, _ in rows])
    dataset = assemble("memory", Path("/nowhere"), [split])
    dataset = replace(dataset, class_columns=columns)
    names = sorted(owners(dataset))
    words = sorted({word for _, word in rows})
    texts = np.array([[word in name.split("+") for word in words] for name in names], np.float32)
    images = np.eye(len(words), dtype=np.float16)
    row = np.array([words.index(word) for _, word in rows])
    row[:unseen] = -1
    place = {name: i for i, name in enumerate(names)}
    fake = ZeroShot(CLIP, images, row, Texts(texts, place, 10.0, 0.0, 0, 0))
    return ClassNames(dataset, {CLIP: try_names(fake, dataset, 0.95, silent)}, {}, least, 1.0)


def rows_of(found: ClassNames) -> dict[str, Measurement]:
    return {row.subject: row for row in found.measurements()}


def verdict(row: Measurement, limit: float | None = None) -> bool | None:
    limits = read_limits(None)
    if limit is not None:
        bound = Bound(None, limit, "planted")
        mine = replace(limits.properties[PROPERTY], bounds=(bound,))
        limits = replace(limits, properties={PROPERTY: mine})
    (only,) = judge(Measurements((row,), {}, (), {}), limits).verdicts
    return only.passed


def sorrel(rescued: int, n: int = 50) -> ClassNames:
    """A class with a name that nobody knows; that many of its images show what another name says.

    The others show what its official name says as well ("red").
    """
    shown = {"ant": ["ant"] * n, "sorrel": ["horse"] * rescued + ["red"] * (n - rescued)}
    better = {"sorrel": "red+horse"}
    columns = {"name": {"sorrel": "red"}, "name_better": better}
    return look(shown, columns)


@pytest.mark.parametrize(("rescued", "passes"), [(0, True), (14, True), (15, False), (50, False)])
def test_a_misleading_name_fails_when_the_data_show_it(rescued: int, passes: bool) -> None:
    """Of 50 images 15 are surely more than 0.17 of all, and 0 losses surely fewer than 0.07."""
    row = rows_of(sorrel(rescued))["sorrel"]
    assert (row.value, row.n, row.judged) == (rescued / 50, 50, row.low)
    assert verdict(row) is passes


@pytest.mark.parametrize("rescued", [12, 30])
def test_the_limit_itself_is_tolerated(rescued: int) -> None:
    row = rows_of(sorrel(rescued))["sorrel"]
    assert row.judged is not None
    assert verdict(row, row.judged) is True
    assert verdict(row, float(np.nextafter(row.judged, -1))) is False


def test_a_failure_names_both_names_and_the_images() -> None:
    found = sorrel(30)
    row = rows_of(found)["sorrel"]
    assert row.examples == [list(range(50, 80))]
    better = "as 'red+horse' (the names 'better')"
    assert row.captions == [f"predicted as 'ant', right {better} ({CLIP})"]
    told = f"30 are wrong as 'red' and right {better}, 0 the other way round: val/sorrel/050"
    assert row.note.startswith(told)
    verdicts = judge(gather({"class_names": found}), read_limits(None)).verdicts
    (told,) = (each.message for each in verdicts if each.passed is False)
    assert told.startswith("sorrel")
    assert f"{CLIP}: a share of 0.6 of 50 images is understood only under another name" in told
    assert "evidence/class_names.csv" in told


def test_a_name_that_changes_another_class_counts_for_that_class() -> None:
    """Espresso machine: its own name stays, and a class that took its images is renamed."""
    shown = {"coffeemaker": ["pot"] * 20, "espresso": ["machine"] * 20}
    columns = {
        "name": {"coffeemaker": "machine+pot", "espresso": "machine"},
        "name_better": {"coffeemaker": "pot"},
    }
    row = rows_of(look(shown, columns))["espresso"]
    assert row.value == 1.0
    assert "under the names 'better', which leave its own as it is" in row.note


def test_a_single_synonym_renames_one_class_and_may_harm_another() -> None:
    shown = {"canoe": ["kayak"] * 30, "raft": ["wood"] * 30}
    columns = {"name": {"raft": "wood"}, "synonyms": {"canoe": "boat|kayak|kayak+wood"}}
    found = look(shown, columns)
    row = rows_of(found)["canoe"]
    assert (row.value, verdict(row)) == (0.0, True), "all ties go to the first class"
    table = found.evidence()["class_names.csv"].set_index("alternative")
    assert table.loc["kayak+wood", "dataset_change"] == -0.5
    assert table.loc["kayak", "dataset_change"] == 0
    assert set(table["kind"]) == {"synonym"}


def test_of_two_classes_with_one_name_the_second_is_not_understood() -> None:
    """Crane and crane: all images go to the first, until the second has a name of its own."""
    shown = {"crane": ["bird"] * 20, "crane_2": ["machine"] * 20}
    columns = {"name": dict.fromkeys(shown, "bird+machine"), "synonyms": {"crane_2": "machine"}}
    rows = rows_of(look(shown, columns))
    assert rows["crane"].reason == NO_NAME
    assert (rows["crane_2"].value, verdict(rows["crane_2"])) == (0.0, True)
    columns["name_both"] = {"crane": "bird", "crane_2": "machine"}
    rows = rows_of(look(shown, columns))
    assert (rows["crane_2"].value, verdict(rows["crane_2"])) == (1.0, False)
    assert (rows["crane"].value, verdict(rows["crane"])) == (0.0, True)


def test_the_best_alternative_is_the_one_with_the_best_bound() -> None:
    """30 gained and 19 lost are won by more images than 10 and 0, and show less."""
    shown = {"ant": ["x"] * 9, "bee": ["a"] * 19 + ["b"] * 30 + ["c"] * 10}
    columns = {"name": {"bee": "a"}, "synonyms": {"bee": "b|a+c"}}
    found = look(shown, columns)
    row = rows_of(found)["bee"]
    assert (row.value, row.n) == (10 / 59, 59)
    table = found.evidence()["class_names.csv"].set_index("alternative")
    assert table.loc["b", ["gains", "losses"]].tolist() == [30, 19]
    assert table.loc["a+c", ["gains", "losses"]].tolist() == [10, 0]
    assert table["low"].is_monotonic_decreasing


# --- what is told -------------------------------------------------------------------------------


def test_evidence_has_every_alternative_of_every_class() -> None:
    shown = {"ant": ["ant"] * 12, "bee": ["wasp"] * 8 + ["bee"] * 4}
    columns = {"name_b": {"bee": "wasp"}, "name_a": {"ant": "emmet"}, "synonyms": {"bee": "drone"}}
    found = look(shown, columns)
    table = found.evidence()["class_names.csv"]
    key = ["class", "kind", "alternative"]
    rows = sorted(table[key].itertuples(index=False, name=None))
    assert rows == [
        *(("ant", "set", name) for name in "ab"),
        *(("bee", "set", name) for name in "ab"),
        ("bee", "synonym", "drone"),
    ]
    best = table.set_index(key).loc["bee", "set", "b"]
    assert best[["official_name", "name", "predictor", "n"]].tolist() == ["bee", "wasp", CLIP, 12]
    assert best[["accuracy", "official_accuracy"]].tolist() == [0.6667, 0.3333]
    assert best[["gains", "losses", "dataset_change"]].tolist() == [8, 4, round(4 / 24, 6)]
    assert found.figures() == [
        (f"zero-shot accuracy under the official names ({CLIP})", 0.6667),
        (f"zero-shot accuracy under the names 'a' ({CLIP})", 0.6667),
        (f"zero-shot accuracy under the names 'b' ({CLIP})", 0.8333),
    ]


def test_cut_prompts_are_told() -> None:
    found = sorrel(3)
    cut = ClassNames(found.dataset, {CLIP: replace(found.trials[CLIP], cut=7)}, {}, 10, 1.0)
    assert (f"prompts cut to the context of the model ({CLIP})", 7) in cut.figures()


# --- what is not measured -----------------------------------------------------------------------


@pytest.mark.parametrize(("n", "measured"), [(9, False), (10, True)])
def test_few_images_are_not_measured(n: int, measured: bool) -> None:
    row = rows_of(sorrel(n, n))["sorrel"]
    assert (row.value is not None) is measured
    assert measured or row.reason == "9 images with a prediction, at least 10 are needed"


def test_images_without_a_prediction_are_not_measured_unless_allowed() -> None:
    shown, columns = {"bee": ["wasp"] * 20, "cat": ["cat"]}, {"synonyms": {"bee": "wasp"}}
    found = look(shown, columns, unseen=1)
    row = rows_of(found)["bee"]
    assert row.value is None
    assert (
        row.reason
        == f"{CLIP} says something about 19 of 20 images, a share of at least 1 is needed"
    )
    wide = ClassNames(found.dataset, found.trials, {}, 10, 0.95)
    assert rows_of(wide)["bee"].n == 19


def test_without_another_name_a_class_is_not_measured() -> None:
    rows = rows_of(look({"ant": ["x"] * 20, "bee": ["b"] * 20}, {"synonyms": {"bee": "b"}}))
    assert (rows["ant"].value, rows["ant"].reason) == (None, NO_NAME)
    assert rows["bee"].value is not None


def refuse(name: str) -> ZeroShot:
    raise EmbedderUnavailableError(f"The weights of {name} cannot be had.")


def ask(dataset: Dataset, *predictors: str) -> ClassNames:
    """The fixture's own function, where no predictor can be had."""
    asked = types.SimpleNamespace(predictors=predictors)
    given = (dataset, refuse, asked, 0.95, 10, 1.0, silent)
    found: ClassNames = stem.class_names.__wrapped__(*given)
    return found


def test_without_a_predictor_nothing_is_measured() -> None:
    dataset = sorrel(3).dataset
    for predictors in ((), ("knn",)):
        rows = list(ask(dataset, *predictors).measurements())
        assert [(row.subject, row.value, row.reason) for row in rows] == [
            (label, None, NOBODY) for label in dataset.labels
        ]


def test_without_any_other_name_no_predictor_is_opened() -> None:
    dataset = replace(sorrel(3).dataset, class_columns={"name": {"ant": "emmet"}})
    rows = list(ask(dataset, CLIP).measurements())
    assert {(row.predictor, row.reason) for row in rows} == {(CLIP, NO_NAME)}


def test_a_predictor_that_cannot_be_had_is_a_reason() -> None:
    found = ask(sorrel(3).dataset, CLIP, "knn")
    rows = list(found.measurements())
    why = f"The weights of {CLIP} cannot be had"
    assert {(row.predictor, row.reason) for row in rows} == {(CLIP, why)}
    assert found.evidence()["class_names.csv"].empty


def test_images_without_a_label_have_no_name(lay_out: Callable[..., Any]) -> None:
    dataset = lay_out({"val/cat/1": 1, "test/1": 2, "test/2": 3})[0]
    rows = {row.subject: row for row in ask(dataset).measurements()}
    assert (rows["(unlabelled)"].reason, rows["(unlabelled)"].n) == (NO_LABEL, 2)
