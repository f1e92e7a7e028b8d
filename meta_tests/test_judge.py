"""Great Expectations is the only judge, and judges every measured cell exactly once."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelgate.expectations.judge import (
    FOLDER,
    Judgement,
    begin_to_judge,
    failing_cells,
    judge,
    judgement,
    unexpected_rows,
    validate,
)
from labelgate.expectations.limits import Bound, Limit, Limits
from labelgate.expectations.limits_file import read_limits
from labelgate.fixtures.aside import at_once, work_aside
from labelgate.fixtures.measurements import Measurement, Measurements, Table
from labelgate.fixtures.report_json import load_report

if TYPE_CHECKING:
    import great_expectations as gx

pytestmark = pytest.mark.filterwarnings("ignore")  # of Great Expectations and what it imports

RERUN = """
import json
import sys
from pathlib import Path

import great_expectations as gx
import pandas as pd

import labelgate.expectations.suites

folder = Path(sys.argv[1])
context = gx.get_context(mode="ephemeral")
told = {}
for file in sorted(folder.glob("*.suite.json")):
    stem = file.name.removesuffix(".suite.json")
    suite = gx.ExpectationSuite(**json.loads(file.read_text(encoding="utf-8")))
    table = pd.read_parquet(folder / f"{stem}.parquet")
    asset = context.data_sources.add_pandas(stem).add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})
    columns = ["property", "subject", "split"]
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": columns}
    result = batch.validate(suite, result_format=wanted)
    rows = [row for each in result.results for row in each.result["unexpected_index_list"] or []]
    told[stem] = [bool(result.success), sorted([row[key] for key in columns] for row in rows)]
print(json.dumps(told))
"""


def built_in() -> Limits:
    return read_limits(None)


def only(limits: Limits, name: str, *bounds: Bound) -> Limits:
    """The limits of one property, with these bounds."""
    return replace(limits, properties={name: replace(limits.properties[name], bounds=bounds)})


def cell(value: float | None, subject: str = "cat", split: str = "val") -> Measurement:
    return Measurement("every_image_decodes", subject, split, value, 10)


def verdicts(rows: Sequence[Measurement], *bounds: Bound) -> list[bool | None]:
    measurements = Measurements(tuple(rows), {}, (), {})
    limits = only(built_in(), "every_image_decodes", *bounds)
    return [verdict.passed for verdict in judge(measurements, limits).verdicts]


Sample = tuple[Path, dict[str, "CompletedProcess[str]"]]


@pytest.fixture(scope="module")
def rerun(
    sample: Sample, tmp_path_factory: pytest.TempPathFactory, python: Callable[..., Any]
) -> dict[str, Any]:
    """What a Great Expectations user gets in a fresh process from the papers of a report."""
    folder = tmp_path_factory.mktemp("rerun")
    (folder / "rerun.py").write_text(RERUN)
    run = python(folder, "rerun.py", str(sample[0] / "check" / "expectations"))
    assert run.returncode == 0, run.stderr
    told: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("stem", ["files", "exact_duplicates"])
def test_a_saved_suite_gives_the_same_verdicts_in_a_fresh_process(
    sample: Sample, rerun: dict[str, Any], stem: str
) -> None:
    report = load_report(sample[0] / "check")[1]
    of_stem = {name for name, entry in report["properties"].items() if entry["stem"] == stem}
    failing = [
        [result["property"], result["subject"], told["split"]]
        for result in report["results"]
        if result["property"] in of_stem
        for told in result["cells"]
        if told["passed"] is False
    ]
    assert rerun[stem] == [False, sorted(failing)]


def test_saved_results_say_what_the_report_says(sample: Sample) -> None:
    folder = sample[0] / "check" / "expectations"
    for stem in ("files", "exact_duplicates"):
        result = json.loads((folder / f"{stem}.result.json").read_text())
        assert result["success"] is False
        assert len(result["results"]) == len(
            json.loads((folder / f"{stem}.suite.json").read_text())["expectations"]
        )


def test_the_saved_table_has_every_cell_of_the_report(sample: Sample) -> None:
    folder = sample[0] / "check"
    results = load_report(folder)[1]["results"]
    told = sorted(
        (r["property"], r["subject"], c["split"] or "", c["n"]) for r in results for c in r["cells"]
    )
    table = pd.read_parquet(folder / "expectations" / "measurements.parquet")
    columns = ["property", "subject", "split", "n"]
    assert sorted(table[columns].itertuples(index=False, name=None)) == told
    unmeasured = sum(c["value"] is None for r in results for c in r["cells"])
    assert table["value"].isna().sum() == unmeasured > 2


def test_a_null_fails_our_expectation_where_the_built_in_one_succeeds() -> None:
    import great_expectations as gx

    from labelgate.expectations.suites import ExpectMeasurementsToMeetLimit

    rows = pd.DataFrame({"cell": [0, 1], "judged": [np.nan, np.nan]}).assign(
        property="p", subject="s", split="", predictor=""
    )

    def success(expectation: "gx.expectations.Expectation") -> Any:  # noqa: ANN401
        return validate(rows, gx.ExpectationSuite("nulls", expectations=[expectation])).success

    built_in_one = gx.expectations.ExpectColumnValuesToBeBetween(
        column="judged", min_value=0, max_value=1, mostly=1.0
    )
    assert success(built_in_one) is True
    assert success(ExpectMeasurementsToMeetLimit(column="judged", max_value=1.0)) is False


def test_a_cell_that_was_not_measured_is_neither_passed_nor_failed() -> None:
    assert verdicts([cell(None, "a"), cell(0, "b")], Bound(None, 0.0, "x")) == [None, True]


@settings(max_examples=6)
@given(
    low=st.floats(-1e9, 1e9) | st.none(),
    width=st.floats(0, 1e9),
    values=st.lists(st.floats(-2e9, 2e9), max_size=6),
)
def test_at_the_limit_passes_and_one_float_beyond_fails(
    low: float | None, width: float, values: list[float]
) -> None:
    high = (low or 0.0) + width
    edges = [edge for edge in (low, high) if edge is not None]
    values = [*values, *edges, *(math.nextafter(e, s * math.inf) for e in edges for s in (-1, 1))]
    rows = [cell(value, str(number)) for number, value in enumerate(values)]
    plain = [(low is None or low <= value) and value <= high for value in values]
    assert verdicts(rows, Bound(low, high, "x")) == plain


def test_infinity_meets_no_ceiling() -> None:
    rows = [cell(math.inf, "a"), cell(-math.inf, "b")]
    assert verdicts(rows, Bound(None, 5.0, "x")) == [False, True]


def test_overrides_count_whatever_class_and_split_are_called() -> None:
    names = [
        "it's",
        'say "x"',
        "a\\b",
        "猫",
        "x == 1 or True",
        "col('y')",
        " ",
        "{a}",
        "line\nbreak",
    ]
    rows = [cell(1, name, split) for name in names for split in ('v"al', "t'rain")]
    bounds = [Bound(None, 0.0, "x")]
    bounds += [Bound(None, 1.0, "x", subject=name, split='v"al') for name in names]
    assert verdicts(rows, *bounds) == [True, False] * len(names)


def test_of_the_overrides_that_apply_the_last_counts() -> None:
    bounds = [
        Bound(None, 0.0, "x"),
        Bound(None, 5.0, "x", split="val"),
        Bound(None, 3.0, "x", subject="cat"),
        Bound(None, 4.0, "x", subject="cat", split="val"),
    ]
    rows = [cell(4), cell(4, split="train"), cell(5, "dog"), cell(1, "dog", "train")]
    assert verdicts(rows, *bounds) == [True, False, True, False]
    assert verdicts(rows, *bounds, Bound(None, 0.0, "x", split="val"))[0] is False


def test_an_override_may_count_for_one_predictor_alone() -> None:
    rows = [replace(cell(4), predictor=who) for who in ("", "knn", "net")]
    bounds = Bound(None, 0.0, "x"), Bound(None, 5.0, "y", predictor="net")
    assert verdicts(rows, *bounds) == [False, False, True]


def test_a_verdict_names_the_limit_that_counts_for_its_cell() -> None:
    bounds = Bound(None, 0.0, "x"), Bound(None, 5.0, "y", split="val")
    limits = only(built_in(), "every_image_decodes", *bounds)
    rows = cell(4), cell(4, split="train")
    told = judge(Measurements(rows, {}, (), {}), limits).verdicts
    assert [verdict.bound for verdict in told] == [bounds[1], bounds[0]]
    assert [verdict.limit for verdict in told] == [limits.properties["every_image_decodes"]] * 2


def validated(limit: Limit, rows: pd.DataFrame, copies: int = 1) -> set[int]:
    from labelgate.expectations.suites import build_suite

    suite = build_suite("files", [limit] * copies)
    return failing_cells(validate(rows, suite), rows)


@pytest.fixture
def one_row() -> tuple[Limit, pd.DataFrame]:
    from labelgate.expectations.suites import with_limits

    limit = built_in().properties["every_image_decodes"]
    return limit, with_limits(Measurements((cell(0),), {}, (), {}).table(), [limit])


def test_a_row_that_no_expectation_judges_raises(one_row: tuple[Limit, pd.DataFrame]) -> None:
    limit, rows = one_row
    with pytest.raises(RuntimeError) as told:
        validated(limit, rows.assign(limit=7))
    assert str(told.value) == "rows were left out: {('every_image_decodes', 7): 1}"


def test_a_row_that_is_judged_twice_raises(one_row: tuple[Limit, pd.DataFrame]) -> None:
    limit, rows = one_row
    other = replace(limit, bounds=(Bound(None, 1.0, "another limit of the same rows"),))
    from labelgate.expectations.suites import build_suite

    result = validate(rows, build_suite("files", [limit, other]))
    with pytest.raises(RuntimeError) as told:
        failing_cells(result, rows)
    assert str(told.value) == "rows were judged twice: ('every_image_decodes', 0)"


def test_one_row_left_out_and_one_judged_twice_do_not_cancel() -> None:
    from labelgate.expectations.suites import build_suite, with_limits

    limit = built_in().properties["every_image_decodes"]
    rows = with_limits(Measurements((cell(0, "a"), cell(9, "b")), {}, (), {}).table(), [limit])
    narrow = replace(limit, bounds=(Bound(None, 0.0, "x", subject="a"),))
    again = replace(limit, bounds=(Bound(None, 1.0, "y", subject="a"),))
    result = validate(rows, build_suite("files", [narrow, again]))
    with pytest.raises(RuntimeError, match="judged"):
        failing_cells(result, rows)


def test_a_missing_column_raises_and_is_no_pass(one_row: tuple[Limit, pd.DataFrame]) -> None:
    limit, rows = one_row
    with pytest.raises(RuntimeError, match="could not be evaluated"):
        validated(limit, rows.drop(columns="judged"), 1)


def test_a_property_without_a_limit_is_refused() -> None:
    row = replace(cell(0), property="no_such_property")
    with pytest.raises(KeyError):
        judge(Measurements((row,), {}, (), {}), built_in())


def test_nothing_measured_is_nothing_judged() -> None:
    assert judge(Measurements((), {}, (), {}), built_in()).verdicts == ()


def test_judging_leaves_no_file_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    verdicts([cell(1)], Bound(None, 0.0, "x"))
    assert list(tmp_path.iterdir()) == []
    assert tempfile.tempdir == str(tmp_path)


def test_a_project_of_great_expectations_where_a_run_starts_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gx").mkdir()
    (tmp_path / "gx" / "great_expectations.yml").write_text("config_version: nonsense\n")
    monkeypatch.chdir(tmp_path)
    assert verdicts([cell(1)], Bound(None, 0.0, "x")) == [False]


def test_another_process_judges_as_this_one_does(tmp_path: Path) -> None:
    rows = tuple(cell(value, f"c{i}") for i, value in enumerate((0.0, 1.0, None, 3.0)))
    measured, limits = Measurements(rows, {}, (), {}), built_in()
    here = judge(measured, limits, papers=tmp_path / "here" / "papers")
    with work_aside(1) as start:
        there = judge(measured, limits, start, tmp_path / "there" / "papers")
    assert there == replace(here, table=there.table)
    assert there.table.equals(here.table)
    assert [verdict.passed for verdict in there.verdicts] == [True, False, None, False]
    for name in ("files.parquet", "files.suite.json"):
        papers = [(tmp_path / place / "papers" / name).read_bytes() for place in ("here", "there")]
        assert papers[0] == papers[1]


def test_a_stem_whose_evidence_breaks_after_its_rows_is_judged_by_nobody(tmp_path: Path) -> None:
    rows = cell(1.0), Measurement("no_near_synonyms", "cat", "", 0.0, 10)
    first, limits = Measurements(rows, {}, (), {}), built_in()
    begun = begin_to_judge(first, limits, papers=tmp_path / FOLDER)
    decide: Callable[..., Judgement] = judgement.__wrapped__  # type: ignore[attr-defined]
    given: Any = limits, at_once, SimpleNamespace(report=tmp_path)
    assert decide(begun, first, first, *given) == begun()
    assert {paper.name.partition(".")[0] for paper in (tmp_path / FOLDER).iterdir()} == {
        "files", "taxonomy"
    }  # fmt: skip
    left = Measurements(rows[:1], {}, (), {"taxonomy": ValueError("no evidence")})
    assert decide(begun, first, left, *given) == judge(left, limits)
    assert {paper.name.partition(".")[0] for paper in (tmp_path / FOLDER).iterdir()} == {"files"}


def outcome(*, success: bool, cells: Sequence[int] | None, raised: bool = False) -> SimpleNamespace:
    """What the library says of one expectation, by our own hand."""
    rows = None if cells is None else [{"cell": number} for number in cells]
    return SimpleNamespace(
        success=success,
        result={"unexpected_index_list": rows},
        exception_info={"raised_exception": raised},
        expectation_config="of a test",
    )


def test_unexpected_rows_are_named_and_none_where_it_succeeds() -> None:
    assert unexpected_rows(outcome(success=False, cells=[3, 5])) == {3, 5}
    assert unexpected_rows(outcome(success=True, cells=[])) == set()
    assert unexpected_rows(outcome(success=True, cells=None)) == set()


@pytest.mark.parametrize(("success", "cells"), [(True, [3]), (False, []), (False, None)])
def test_a_success_that_contradicts_its_rows_raises(success: bool, cells: list[int] | None) -> None:
    with pytest.raises(RuntimeError, match="contradicts its own rows: of a test"):
        unexpected_rows(outcome(success=success, cells=cells))


def test_an_expectation_that_raised_or_does_not_say_so_raises() -> None:
    silent = outcome(success=True, cells=[])
    silent.exception_info = {}
    for each in (outcome(success=True, cells=[], raised=True), silent):
        with pytest.raises(RuntimeError, match=r"could not be evaluated: \{"):
            unexpected_rows(each)


def test_only_a_failing_cell_keeps_what_it_would_show() -> None:
    tables = [Table("text", name, "", [], [], [], always=name == "b") for name in "ab"]
    shown = {"examples": [[1]], "captions": ["one"], "tables": tables}
    rows = [replace(cell(value, str(value)), **shown) for value in (0.0, 2.0, None)]
    told = judge(Measurements(tuple(rows), {}, (), {}), built_in()).verdicts
    assert [verdict.passed for verdict in told] == [True, False, None]
    less = {"examples": (), "captions": (), "tables": [tables[1]]}
    assert [verdict.measurement for verdict in told] == [
        replace(rows[0], **less),
        rows[1],
        replace(rows[2], **less),
    ]


@pytest.mark.parametrize("key", ["examples", "captions", "tables"])
def test_each_of_what_a_cell_would_show_is_dropped_where_it_passes(key: str) -> None:
    shown = {"examples": [[1]], "captions": ["one"], "tables": [Table("text", "", "", (), (), ())]}
    row = replace(cell(0.0), **{key: shown[key]})
    (told,) = judge(Measurements((row,), {}, (), {}), built_in()).verdicts
    assert not any((told.measurement.examples, told.measurement.captions, told.measurement.tables))


def test_cells_behind_others_are_judged_by_their_own_numbers() -> None:
    limits = built_in()
    first = judge(Measurements((cell(0, "a"), cell(1, "b")), {}, (), {}), limits)
    row = Measurement("label_changes_are_reviewed", "a", "val", 1.0, 10)
    later = judge(Measurements((row, replace(row, value=0.0)), {}, (), {}, first=2), limits)
    both = first.joined(later)
    assert [verdict.passed for verdict in both.verdicts] == [True, False, False, True]
    assert list(both.suites) == ["files", "release"]
    assert both.table.column("cell").to_pylist() == [0, 1, 2, 3]


def test_no_cells_join_to_none_and_to_others() -> None:
    none = judge(Measurements((), {}, (), {}), built_in())
    some = judge(Measurements((cell(0),), {}, (), {}), built_in())
    assert len(none.joined(none).table) == 0
    for both in (none.joined(some), some.joined(none)):
        assert (both.table.equals(some.table), both.verdicts) == (True, some.verdicts)


def test_a_suite_says_what_it_expects_of_which_rows_and_why() -> None:
    override = Bound(2.0, None, "two", subject="cat", split="val", predictor="net")
    limits = only(built_in(), "every_image_decodes", Bound(None, 0.0, "one"), override)
    limit = replace(limits.properties["every_image_decodes"], severity="info")
    limits = replace(limits, properties={limit.property: limit})
    (suite,) = judge(Measurements((cell(0),), {}, (), {}), limits).suites.values()
    first, second = suite["expectations"]
    assert suite["name"] == "files"
    assert first["type"] == "expect_measurements_to_meet_limit"
    assert set(first["kwargs"]) == {"column", "max_value", "row_condition"}
    assert (first["kwargs"]["column"], first["kwargs"]["max_value"]) == ("judged", 0.0)
    assert (second["kwargs"]["min_value"], "max_value" in second["kwargs"]) == (2.0, False)
    assert [each["meta"] for each in (first, second)] == [
        {"property": "every_image_decodes", "limit": n, "source": told}
        for n, told in enumerate(("one", "two"))
    ]
    assert first["description"] == "every_image_decodes: at most 0 files"
    assert first["severity"] == "info"
    for name in ("subject", "split", "predictor"):
        assert (name in str(first["kwargs"]), name in str(second["kwargs"])) == (False, True)


def test_papers_are_written_a_line_a_value_in_any_script(tmp_path: Path) -> None:
    rows = (cell(0, "猫"), cell(0, "ant"), cell(None, "bat"), cell(0, "cow"))
    folder = tmp_path / "a" / "report" / "papers"
    judged = judge(Measurements(rows, {}, (), {}), built_in(), papers=folder)
    assert sorted(file.name for file in folder.iterdir()) == [
        *("files.parquet", "files.result.json", "files.suite.json")
    ]
    text = (folder / "files.suite.json").read_text(encoding="utf-8")
    assert text == json.dumps(judged.suites["files"], indent=1, ensure_ascii=False) + "\n"
    result = json.loads((folder / "files.result.json").read_text(encoding="utf-8"))
    assert (result["success"], result["suite_name"]) == (True, "files")
    assert pd.read_parquet(folder / "files.parquet")["subject"].tolist() == [*("猫", "ant", "cow")]
    columns = pq.read_schema(folder / "files.parquet").names
    assert columns == [*judged.table.column_names, "limit"]


def test_what_people_may_open_has_no_escapes_and_no_numbers_that_are_none(tmp_path: Path) -> None:
    from labelgate.expectations.papers import write_readable

    write_readable(tmp_path / "a.json", {"猫": Path("a")})
    assert (tmp_path / "a.json").read_bytes() == '{\n "猫": "a"\n}\n'.encode()
    with pytest.raises(ValueError, match="JSON compliant"):
        write_readable(tmp_path / "b.json", [math.nan])
