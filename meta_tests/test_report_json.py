"""`report.json`: short where there is little to say, and read back as it was."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import SCHEMA, load_report, save_report
from labelgate.fixtures.short_results import shorten_results

PROPERTY = {"limit": "at most 0", "unit": "images", "severity": "info", "evidence": None}
NUMBERS = st.none() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5])
TEXTS = st.none() | st.sampled_from(["", "at most 0", "val", "train", "knn"])
BEFORE = st.none() | st.fixed_dictionaries({"outcome": st.just("passed"), "value": NUMBERS})
CELL = st.fixed_dictionaries(
    {
        **dict.fromkeys(("split", "predictor", "limit", "reason"), TEXTS),
        **dict.fromkeys(("value", "n", "low", "high"), NUMBERS),
        **{"passed": st.sampled_from([True, False, None]), "before": BEFORE},
    }
)
RESULT = st.fixed_dictionaries(
    {
        "property": st.sampled_from(["p", "not described"]),
        "subject": st.sampled_from(["cat", "dog", ""]),
        "outcome": st.sampled_from(["passed", "not_measured", "failed", "known", "error"]),
        **dict.fromkeys(("split", "limit", "unit", "severity", "message", "reason"), TEXTS),
        **dict.fromkeys(("value", "n", "low", "high", "groups"), NUMBERS),
        **dict.fromkeys(("examples", "captions", "sizes", "tables"), st.sampled_from([[], [1]])),
        **{"evidence": TEXTS, "known": st.none(), "before": BEFORE, "cells": st.lists(CELL)},
    }
)


def report_of(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {"schema": SCHEMA, "properties": {"p": PROPERTY}, "results": results}


@given(st.lists(RESULT, max_size=5))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, results: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("report")
    report = report_of(results)
    kept = copy.deepcopy(report)
    save_report(folder, report)
    read = load_report(folder)[1]
    assert report == kept, "writing changes nothing"
    assert repr(sort(read)) == repr(sort(report)), "1, 1.0 and true are told apart"


@given(st.lists(RESULT.map(lambda result: result | {"property": "p"}), max_size=4))
def test_results_in_short_are_read_and_written_as_in_full(
    tmp_path_factory: pytest.TempPathFactory, results: list[dict[str, Any]]
) -> None:
    report, folder = report_of(results), tmp_path_factory.mktemp("report")
    save_report(folder, report)
    in_full = (folder / "report.json").read_bytes()
    short, properties = shorten_results(copy.deepcopy(results), report["properties"])
    save_report(folder, report | {"results": short, "properties": properties})
    assert (folder / "report.json").read_bytes() == in_full
    for said, told in zip(short, results, strict=True):
        cells = zip(said["cells"], told["cells"], strict=True)
        read = [{key: cell[key] for key in full} for cell, full in cells]
        assert repr({key: said[key] for key in told} | {"cells": read}) == repr(told)


def sort(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        return {key: sort(value[key]) for key in sorted(value)}
    return [sort(each) for each in value] if isinstance(value, list) else value


def one(outcome: str, **given_: Any) -> dict[str, Any]:  # noqa: ANN401
    cell = dict.fromkeys(("split", "predictor", "low", "high", "reason", "before"))
    cell |= {"split": "val", "value": 0, "n": 9, "limit": "at most 0"}
    passed = {"passed": True, "failed": False}.get(outcome)
    result = dict.fromkeys(("known", "reason", "before", "low", "high"))
    result |= {key: [] for key in ("examples", "captions", "sizes", "tables")}
    return {
        **{"property": "p", "subject": "cat", "outcome": outcome, "message": "", "groups": 0},
        **{"split": "val", "value": 0, "n": 9, **PROPERTY, **result},
        **{"cells": [cell | {"passed": passed}], **given_},
    }


def test_what_most_say_stands_with_the_property_and_is_not_said_again(tmp_path: Path) -> None:
    def other(subject: str, outcome: str, **told: Any) -> dict[str, Any]:  # noqa: ANN401
        cells = [one(outcome)["cells"][0] | told]
        return one(outcome, subject=subject, cells=cells, **told)

    unknown = {"value": None, "reason": "r"}
    cats = [one("passed"), other("dog", "passed"), other("cow", "passed", n=7)]
    rest = [other("emu", "not_measured", **unknown), other("fox", "failed", n=7)]
    save_report(tmp_path, report_of([*cats, *rest]))
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["properties"]["p"]["usual"] == {"split": "val", "value": 0, "n": 9}
    assert written["results"][:3] == [
        {"property": "p", "outcome": "passed", "subjects": ["cat", "dog"]},
        {"property": "p", "subject": "cow", "outcome": "passed", "n": 7},
        {"property": "p", "subject": "emu", "outcome": "not_measured"} | unknown,
    ]


def test_what_neighbours_say_alike_is_said_once_and_the_rest_in_lists(tmp_path: Path) -> None:
    def said(subject: str, n: int) -> dict[str, Any]:
        return one("passed", subject=subject, n=n, message="m")

    usual = [said(subject, 9) for subject in "uvw"]
    failed = [one("failed", subject="c"), one("failed", subject="d")]
    save_report(tmp_path, report_of([said("a", 7), said("b", 8), *failed, *usual]))
    run, *findings, last = json.loads((tmp_path / "report.json").read_text())["results"]
    same = {"property": "p", "outcome": "passed", "message": "m"}
    assert run == same | {"subjects": ["a", "b"], "cells": [{"n": 9}], "each": {"n": [7, 8]}}
    assert findings == failed, "a finding stands alone"
    assert last == same | {"subjects": ["u", "v", "w"]}


@pytest.mark.parametrize(
    "results",
    [
        [{"subjects": ["a", "b"], "each": {"n": [1]}}],
        [{"subjects": 3}],
        [{"subjects": ["a"], "each": 3}],
        [3],
        3,
    ],
)
def test_results_of_no_form_are_told_in_one_sentence(tmp_path: Path, results: Any) -> None:  # noqa: ANN401
    content = report_of([]) | {"results": results}
    (tmp_path / "report.json").write_text(json.dumps(content))
    with pytest.raises(SettingsError, match=r"says of its results what no report says .*again\.$"):
        load_report(tmp_path)


def test_what_differs_from_the_usual_is_told(tmp_path: Path) -> None:
    given_ = {"limit": "at most 3", "cells": []}
    save_report(tmp_path, report_of([one("not_measured", **given_)]))
    (written,) = json.loads((tmp_path / "report.json").read_text())["results"]
    assert {key: written[key] for key in given_} == given_


@pytest.mark.parametrize("outcome", ["failed", "known", "error"])
def test_a_finding_is_told_with_every_key(tmp_path: Path, outcome: str) -> None:
    save_report(tmp_path, report_of([one(outcome)]))
    assert json.loads((tmp_path / "report.json").read_text())["results"] == [one(outcome)]


def test_a_report_in_full_is_read_as_it_is(tmp_path: Path) -> None:
    report = report_of([one("passed"), one("not_measured", value=None)])
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert load_report(tmp_path)[1] == report


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "is no report"),
        ("[", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "has the schema None"),
        ('{"schema": "labelgate.report/2"}', "has the schema 'labelgate.report/2'"),
    ],
)
def test_what_is_no_report_is_told_in_one_sentence(
    tmp_path: Path, text: str | None, told: str
) -> None:
    if text is not None:
        (tmp_path / "report.json").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_report(tmp_path, "--baseline=x")
    assert told in str(caught.value)
    assert str(caught.value).startswith("--baseline=x")
    assert "\n" not in str(caught.value)
