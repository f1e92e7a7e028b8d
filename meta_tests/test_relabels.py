"""Relabel studies: statuses, agreement, planted classes at each limit, and what is told."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from krippendorff import alpha
from relabelled import EXPERT, Said, judge_labels, lay_out_studies, row_of, verdict_of
from scipy.stats import binom

from labelgate.fixtures.label_status import STATUSES, LabelStatus
from labelgate.fixtures.readers.tables import read_rows
from labelgate.fixtures.relabel_studies import RelabelStudies
from labelgate.fixtures.relabels import AGREE, SURVIVE, UNDECLARED, Relabels
from labelgate.fixtures.study_agreement import find_alphas

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

MOST_APART, LEAST_KEPT = 0.5, 0.6


def one(said: dict[str, str | None], label: str = "a") -> tuple[str, str, list[str]]:
    """Common status of one image, its agreed labels, and the status in each study."""
    _, studies, found = lay_out_studies(
        [label, "a", "b", "c"], {study: {"val/000": text} for study, text in said.items()}
    )
    agreed = [studies.vocabulary[each] for each in found.label[found.image == 0]]
    each = [STATUSES[status] for status in found.status[:, 0]]
    return STATUSES[found.together[0]], "|".join(agreed), each


# --- statuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("a", "original"),
        ("a|a", "original"),
        ("b", "corrected"),
        ("a|b", "multilabel"),
        ("b|c", "multilabel"),
        ("", "none"),
        (None, "inconsistent"),
    ],
)
def test_the_status_of_an_image_follows_from_its_labels(text: str | None, status: str) -> None:
    agreed = "|".join(sorted(set((text or "").split("|"))))
    assert one({"real": text}) == (status, agreed, [status])


@pytest.mark.parametrize(
    ("said", "status", "agreed"),
    [
        (["a", "a"], "original", "a"),
        (["a|b", "b|a"], "multilabel", "a|b"),
        (["a", "b"], "inconsistent", ""),
        (["a", "a|b"], "inconsistent", "a"),
        (["a", "a", "b"], "inconsistent", "a"),
        (["a", None], "inconsistent", "a"),
        (["a", ""], "inconsistent", ""),
        (["", None], "inconsistent", ""),
        ([None, None], "inconsistent", ""),
        (["", ""], "none", ""),
        (["a", "a", "b", "b"], "inconsistent", ""),
    ],
)
def test_studies_agree_on_labels_that_more_than_half_of_them_name(
    said: list[str | None], status: str, agreed: str
) -> None:
    assert one({f"study {i}": text for i, text in enumerate(said)})[:2] == (status, agreed)


def test_the_order_of_labels_matters_to_the_text_rule_alone() -> None:
    said: Said = {"x": {"val/000": "a|b", "val/001": "a"}, "y": {"val/000": "b|a", "val/001": "a"}}
    _, _, found = lay_out_studies(["a", "b"], said)
    assert found.same_set.tolist() == [True, True]
    assert found.same_text.tolist() == [False, True]


def test_without_studies_nothing_is_agreed_on() -> None:
    _, _, found = lay_out_studies(["a", "b"], {})
    assert (found.studies == 0).all()
    assert (found.together == -1).all()
    assert found.image.size == 0


TEXTS = st.sampled_from([None, "", "a", "b", "a|b", "b|a", "a|b|c"])
TABLES = st.dictionaries(
    st.sampled_from(["x", "y", "z", "w"]),
    st.dictionaries(st.sampled_from([f"val/00{i}" for i in range(6)]), TEXTS),
    max_size=4,
)


def facts(said: Said) -> tuple[RelabelStudies, LabelStatus]:
    _, studies, status = lay_out_studies(["a", "a", "b", "b", "c", "c"], said)
    return studies, status


@settings(deadline=None)
@given(TABLES)
def test_the_order_of_the_studies_changes_nothing(said: Said) -> None:
    _, one_way = facts(said)
    _, other_way = facts(dict(reversed(said.items())))
    assert one_way.together.tolist() == other_way.together.tolist()
    assert one_way.label.tolist() == other_way.label.tolist()
    assert one_way.same_text.tolist() == other_way.same_text.tolist()


@settings(deadline=None)
@given(TABLES)
def test_agreed_labels_are_those_that_a_plain_count_finds(said: Said) -> None:
    studies, found = facts(said)
    for image in range(6):
        texts = [rows[f"val/00{image}"] for rows in said.values() if f"val/00{image}" in rows]
        voices = [set(text.split("|")) for text in texts if text is not None]
        expected = {label for label in "abc" if 2 * sum(label in v for v in voices) > len(voices)}
        got = {studies.vocabulary[label] for label in found.label[found.image == image]}
        assert got == expected


@settings(deadline=None)
@given(TABLES)
def test_alpha_is_that_of_the_library_over_all_units(said: Said) -> None:
    studies, found = facts(said)
    alphas = find_alphas(3, studies, found.answers)
    for label, name in enumerate("abc"):
        rows = [
            [
                float(name in (rows[f"val/00{i}"] or "").split("|"))
                if rows.get(f"val/00{i}") is not None
                else np.nan
                for i in range(6)
            ]
            for rows in said.values()
        ]
        table = np.array(rows).reshape(-1, 6)
        table[:, (~np.isnan(table)).sum(axis=0) < 2] = np.nan
        if len(np.unique(table[~np.isnan(table)])) < 2:
            assert np.isnan(alphas[label])
        else:
            expected = alpha(reliability_data=table, level_of_measurement="nominal")
            assert alphas[label] == pytest.approx(expected)


# --- limits -------------------------------------------------------------------------------------


def studies_of(n: int, kept: int, who: str = "real") -> Relabels:
    """A class of n images, `kept` of which keep their label."""
    return judge_labels(
        ["a"] * n + ["b"], {who: {f"val/{i:03}": "a" if i < kept else "b" for i in range(n)}}
    )


@pytest.mark.parametrize("n", [10, 50, 500])
def test_a_class_fails_when_the_data_show_that_too_few_labels_survive(n: int) -> None:
    edge = min(k for k in range(n + 1) if binom.cdf(k, n, LEAST_KEPT) >= 0.05)
    assert verdict_of(studies_of(n, edge), SURVIVE, "a") is True
    assert verdict_of(studies_of(n, edge - 1), SURVIVE, "a") is False


@pytest.mark.parametrize("n", [10, 50, 500])
def test_a_class_fails_when_the_data_show_that_studies_differ_about_most_of_it(n: int) -> None:
    edge = max(k for k in range(n + 1) if binom.sf(k - 1, n, MOST_APART) >= 0.05)

    def apart(count: int) -> Relabels:
        first = {f"val/{i:03}": "a" for i in range(n)}
        second = {f"val/{i:03}": "a|b" if i < count else "a" for i in range(n)}
        return judge_labels(["a"] * n + ["b"], {"x": first, "y": second})

    assert verdict_of(apart(edge), AGREE, "a") is True
    assert verdict_of(apart(edge + 1), AGREE, "a") is False


def test_the_word_of_an_expert_is_judged_for_itself_as_well() -> None:
    rows = {f"val/{i:03}": "a" for i in range(50)}
    tayras = {f"val/{i:03}": "a" if i < 22 else "tayra" for i in range(50)}
    found = judge_labels(["a"] * 50 + ["b"], {"x": rows, "y": rows, EXPERT: tayras})
    assert row_of(found, SURVIVE, "a").value == 1
    row = row_of(found, SURVIVE, "a", EXPERT)
    assert (row.value, row.n) == (0.44, 50)
    assert verdict_of(found, SURVIVE, "a", EXPERT) is False
    (table,) = row.tables
    assert (table.columns, table.values) == (["a", "tayra"], [[0.44, 0.56]])


def test_images_are_shown_with_what_each_study_says() -> None:
    said: Said = {"x": {"val/000": "b"} | dict.fromkeys((f"val/{i:03}" for i in range(1, 12)), "a")}
    row = row_of(judge_labels(["a"] * 12 + ["b"], said), SURVIVE, "a")
    assert (row.examples, row.captions) == ([[0]], ["x: b\nagreed on: b (corrected)"])
    assert row.note == "val/000 (x: b)"


# --- not measured -------------------------------------------------------------------------------


def test_without_studies_nothing_is_measured() -> None:
    found = judge_labels(["a", "b"], {})
    rows = list(found.measurements())
    assert [(row.property, row.subject) for row in rows] == [
        (name, subject) for name in (AGREE, SURVIVE) for subject in ("a", "b")
    ]
    assert {row.reason for row in rows} == {UNDECLARED}
    assert {row.value for row in rows} == {None}
    assert (found.evidence(), found.figures()) == ({}, [])


def test_a_class_with_few_reviewed_images_is_not_measured() -> None:
    row = row_of(studies_of(9, 0), SURVIVE, "a")
    assert (row.value, row.reason) == (None, "9 reviewed images, at least 10 are needed")
    row = row_of(studies_of(50, 0), AGREE, "a")
    assert row.reason == "0 images that two studies speak of, at least 10 are needed"


def test_images_without_any_consensus_count_in_no_share_but_that_of_differences() -> None:
    nobody: dict[str, str | None] = {f"val/{i:03}": None for i in range(20)}
    found = judge_labels(["a"] * 20, {"x": nobody, "y": nobody})
    assert row_of(found, SURVIVE, "a").value is None
    assert row_of(found, AGREE, "a").value == 0


# --- evidence -----------------------------------------------------------------------------------


def test_the_release_candidate_holds_agreed_classes_and_can_be_declared(tmp_path: Path) -> None:
    said: Said = {
        "x": {"val/000": "a|b", "val/001": "", "val/003": "a"},
        EXPERT: {"val/000": "b|a", "val/002": "tayra", "val/003": "b"},
    }
    table = judge_labels(["a", "a", "b", "b"], said).evidence()["agreed_labels.csv"]
    assert table.values.tolist() == [["val/000", "a|b", 2, "multilabel"]]
    table.to_csv(tmp_path / "agreed.csv", index=False)
    assert read_rows(tmp_path, "agreed.csv", ("path", "labels")) == [(2, ("val/000", "a|b"))]


@pytest.mark.parametrize(
    "said",
    [{"x": {"val/000": "a"}, "y": {"val/000": "b"}}, {"x": {"val/000": ""}}, {"x": {}}],
    ids=["nobody agrees", "everything is ambiguous", "nothing is said"],
)
def test_where_no_label_is_agreed_on_the_tables_are_written_all_the_same(said: Said) -> None:
    found = judge_labels(["a", "b"], said)
    tables = found.evidence()
    assert len(tables["agreed_labels.csv"]) == 0
    assert tables["relabels.csv"]["agreed"].tolist() == [""] * len(next(iter(said.values())))
    assert dict(found.figures())["images by number of studies"].startswith(("1 by 0", "2 by 0"))


def test_evidence_tells_what_every_study_says() -> None:
    said: Said = {"x": {"val/000": "b", "val/001": ""}, "y": {"val/000": None}}
    tables = judge_labels(["a", "b"], said).evidence()
    rows = tables["relabels.csv"].to_dict("records")
    assert [(row["path"], row["status"], row["agreed"]) for row in rows] == [
        ("val/000", "inconsistent", "b"),
        ("val/001", "none", ""),
    ]
    assert [(row["labels_x"], row["labels_y"]) for row in rows] == [
        ("b", "(no consensus)"),
        ("(none)", ""),
    ]
    pairs = tables["study_agreement.csv"].query("studies == 'x & y'")
    assert pairs[["rule", "images", "agree"]].values.tolist() == [["set", 1, 0], ["text", 1, 0]]
    said_of = tables["relabel_breakdown.csv"].to_dict("records")[0]
    assert said_of == {"study": "x", "class": "a", "said": "b", "status": "corrected", "images": 1}


def test_the_table_of_agreement_counts_what_two_studies_or_more_speak_of() -> None:
    said: Said = {
        "x": {"val/000": "a|b", "val/001": "a", "val/002": "a"},
        "y": {"val/000": "b|a", "val/001": "b"},
    }
    table = judge_labels(["a", "a", "b"], said).evidence()["study_agreement.csv"]
    rows = table.query("studies == 'all'")[["class", "rule", "images", "agree", "share"]]
    assert rows.fillna(-1).to_numpy().tolist() == [
        *(["", "set", 2, 1, 0.5], ["", "text", 2, 0, 0]),
        *(["a", "set", 2, 1, 0.5], ["b", "set", 0, 0, -1]),
    ]


def test_figures_tell_the_share_that_all_agree_on_by_both_rules() -> None:
    said: Said = {"x": {"val/000": "a|b", "val/001": "a"}, "y": {"val/000": "b|a", "val/001": "a"}}
    told = dict(judge_labels(["a", "a", "b", "b"], said).figures())
    assert told["share of images that two studies or more speak of"] == 0.5
    assert told["share of images with one set of labels from two studies or more"] == 0.5
    assert told["share of images with one text of labels from two studies or more"] == 0.25
    assert told["of these, original label right (set rule)"] == 0.5
    assert told["of these, original label right (text rule)"] == 1
