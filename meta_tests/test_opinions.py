"""What studies say, as pages show it: names instead of ids, captions, and the bars of a chart."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabelled import EXPERT, Said, judge_labels, lay_out_studies, row_of

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.measurements import Table, gather
from labelgate.fixtures.opinions import BARS, FOREIGN, NO_LABEL, OTHER, OWN, REST, SEVERAL, Opinions
from labelgate.fixtures.predictors.prompts import short_names
from labelgate.fixtures.relabels import AGREE, SURVIVE

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

NAMES = {"a": "mink, Mustela", "b": "weasel", "c": "crane", "d": "crane, machine", "e": "E"}


def chart(said: dict[str, str | None], count: int, study: str = EXPERT) -> Table:
    """The bars of what a study says of `count` images of class a."""
    facts = lay_out_studies(["a"] * count + ["b", "c", "d"], {study: said})
    return Opinions(*facts).chart(0, 0, np.arange(count), always=True)


def test_classes_are_called_by_their_first_names_and_by_their_ids_where_two_share_one() -> None:
    dataset, _, _ = lay_out_studies(list("abcde"), {}, class_columns={"name": NAMES})
    assert short_names(dataset) == ("mink", "weasel", "crane (c)", "crane (d)", "e")
    dataset, _, _ = lay_out_studies(["space_bar", "x"], {}, class_columns={"name": {"x": " , y"}})
    assert short_names(dataset) == ("space_bar", "x")
    odd = {"a": "b", "b": "lynx"}
    dataset, _, _ = lay_out_studies(["a", "b"], {}, class_columns={"name": odd})
    assert short_names(dataset) == ("b (a)", "lynx")


def test_bars_begin_with_the_own_label_and_go_on_by_share_with_what_they_are() -> None:
    said = ["a"] * 2 + ["b"] * 3 + ["a|b"] * 4 + ["b|a"] + ["tayra"] * 2 + [""] * 1 + [None] * 2
    table = chart({f"val/{i:03}": text for i, text in enumerate(said)}, len(said))
    assert list(zip(table.columns, table.marks, strict=True)) == [
        ("a", OWN),
        ("a, b", SEVERAL),
        ("b", OTHER),
        ("no consensus", NO_LABEL),
        ("tayra", FOREIGN),
        ("none, or ambiguous", NO_LABEL),
    ]
    assert [round(share * 15) for share in table.values[0]] == [2, 5, 3, 2, 2, 1]
    assert (table.rows, table.n, table.kind) == ([EXPERT], [15], "bars")


def test_the_own_label_has_a_bar_where_nobody_names_it() -> None:
    table = chart({"val/000": "tayra"}, 1)
    assert (table.columns, table.values) == (["a", "tayra"], [[0, 1]])


@pytest.mark.parametrize("answers", [BARS, BARS + 1, BARS + 2, 40])
def test_the_last_bar_has_the_rest_and_says_how_many_answers_it_is(answers: int) -> None:
    table = chart({f"val/{i:03}": f"animal {i:03}" for i in range(answers)}, answers)
    assert len(table.columns) <= BARS + 2
    if answers > BARS + 1:
        rest = answers - BARS
        assert (table.columns[-1], table.marks[-1]) == (f"{rest} other answers", REST)
        assert table.values[0][-1] == rest / answers
    else:
        assert REST not in table.marks


TEXTS = st.sampled_from([None, "", "a", "b", "a|b", "b|a", "a|b|c", "vole", "a|vole"])


@given(st.lists(TEXTS, min_size=1, max_size=30))
def test_bars_are_all_images_once_as_a_plain_count_finds_them(said: list[str | None]) -> None:
    table = chart({f"val/{i:03}": text for i, text in enumerate(said)}, len(said))
    silent = {None: "no consensus", "": "none, or ambiguous"}
    counts = Counter(silent.get(s) or ", ".join(sorted((s or "").split("|"))) for s in said)
    shown = dict(zip(table.columns, table.values[0], strict=True))
    assert {name: round(share * len(said)) for name, share in shown.items() if share} == counts
    assert sum(table.values[0]) == pytest.approx(1)


def test_a_caption_tells_every_study_in_names_that_people_know() -> None:
    said: Said = {
        "real": {"val/000": "a"} | {f"val/{i:03}": "a" for i in range(1, 12)},
        "wide": {"val/000": "b|a"},
        EXPERT: {"val/000": "tayra", "val/001": ""},
    }
    labels, columns = ["a"] * 12 + list("bcde"), {"name": NAMES}
    told = Opinions(*lay_out_studies(labels, said, class_columns=columns))
    assert told.caption(0) == [
        "real: mink", "wide: mink, weasel", "expert: tayra", "agreed on: mink (inconsistent)"
    ]  # fmt: skip
    row = row_of(judge_labels(labels, said, class_columns=columns), SURVIVE, "a")
    assert row.captions == [
        "real: mink\nexpert: none, or ambiguous\nagreed on: nothing (inconsistent)"
    ]
    assert row.note == "val/001 (real: mink; expert: none, or ambiguous)"


def test_the_charts_of_experts_stay_where_a_class_is_well_and_those_of_studies_do_not() -> None:
    every = {f"val/{i:03}": "a" for i in range(50)}
    found = judge_labels(["a"] * 50 + ["b"], {"x": every, "y": every, EXPERT: every})
    verdicts = judge(gather({"stem": found}), read_limits(None)).verdicts
    rows = [verdict.measurement for verdict in verdicts if verdict.measurement.subject == "a"]
    drawn = {(row.property, row.predictor): [t.rows[0] for t in row.tables] for row in rows}
    assert drawn == {(AGREE, ""): [], (SURVIVE, ""): [], (SURVIVE, EXPERT): [EXPERT]}


def test_a_class_that_fails_has_the_charts_of_all_studies() -> None:
    every = {f"val/{i:03}": "b" for i in range(50)}
    found = judge_labels(["a"] * 50 + ["b"], {"x": every, "y": {}, EXPERT: every})
    verdicts = judge(gather({"stem": found}), read_limits(None)).verdicts
    rows = [verdict.measurement for verdict in verdicts if verdict.measurement.subject == "a"]
    drawn = {(row.property, row.predictor): [t.rows[0] for t in row.tables] for row in rows}
    assert drawn[SURVIVE, ""] == ["x"]
    assert drawn[SURVIVE, EXPERT] == [EXPERT]


def test_figures_leave_experts_out_once_since_they_look_at_chosen_images() -> None:
    said: Said = {"x": {"val/000": "a", "val/001": "a"}, EXPERT: {"val/000": "b"}}
    told = dict(judge_labels(["a", "a", "b", "b"], said).figures())
    assert told["images by number of studies"] == "2 by 0, 1 by 1, 1 by 2"
    assert told["images by number of studies (experts left out)"] == "2 by 0, 2 by 1"
    assert told["share of images that two studies or more speak of"] == 0.25
    assert told["share of images that two studies or more speak of (experts left out)"] == 0
    for alone in ({"x": said["x"]}, {EXPERT: said[EXPERT]}):
        names = [name for name, _ in judge_labels(["a", "a", "b", "b"], alone).figures()]
        assert not any("left out" in name for name in names)


def test_nobody_is_quoted_who_says_nothing() -> None:
    facts = lay_out_studies(["a", "b"], {"x": {"val/000": "a"}})
    assert Opinions(*facts).caption(1) == []
    assert Opinions(*facts).tell(0, [0]) == ["x: a"]
