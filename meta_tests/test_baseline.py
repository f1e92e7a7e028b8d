"""The earlier report that a release is compared with: read whole, or refused in one sentence."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from compared import list_release
from hypothesis import given
from hypothesis import strategies as st

from labelgate.fixtures.baseline import Baseline, read_baseline, read_gate, refuse_own_report
from labelgate.fixtures.earlier_names import EarlierNames
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.findings import COLUMNS as FINDING
from labelgate.fixtures.findings import write_findings
from labelgate.fixtures.inventory import Inventory, read_inventory, write_inventory
from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.sealed_tables import Seal

IMAGES = {"train/a": "cat", "train/b": "dog", "test/c": None}
PROVENANCE = {"started": "2026-01-01T00:00:00+00:00", "labelgate": "0.1.0", "limits_sha256": "l"}


def seal_told(seal: Seal) -> dict[str, Any]:
    return {"file": seal.file, "sha256": seal.sha256, "rows": seal.rows}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A report folder of a whole run."""
    folder = tmp_path / "earlier"
    folder.mkdir()
    rows = {name: ["p" if name == "property" else "train/a"] for name in FINDING.names}
    findings = pa.table(rows).cast(FINDING)
    content = {
        "schema": "labelgate.report/1",
        "verdict": "failed",
        "checks": {"total": 2, "run": 2},
        "dataset": {"name": "earlier", "fingerprint": "f"},
        "provenance": PROVENANCE,
        "results": [{"property": "p", "subject": "cat", "outcome": "failed", "cells": []}],
        "release": seal_told(write_inventory(folder, list_release(IMAGES))),
        "findings": seal_told(write_findings(folder, findings)),
    }
    (folder / "report.json").write_text(json.dumps(content))
    return folder


@pytest.fixture
def change(report: Path) -> Callable[..., Path]:
    def write(**changed: Any) -> Path:  # noqa: ANN401
        file = report / "report.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changed))
        return report

    return write


def refused(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read_baseline(path, "--baseline=x")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def reseal(report: Path, table: pa.Table) -> None:
    """Writes another table in the place of the inventory, with its hash in the report."""
    pq.write_table(table, report / "release.parquet")
    sha256 = hashlib.sha256((report / "release.parquet").read_bytes()).hexdigest()
    content = load_report(report)[1]
    content["release"]["sha256"] = sha256
    (report / "report.json").write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["", "report.json"])
def test_a_report_is_read_by_its_folder_or_by_its_file(report: Path, name: str) -> None:
    baseline = read_baseline(report / name, "--baseline=x")
    assert baseline.folder == report
    assert baseline.inventory.table["path"].to_pylist() == sorted(IMAGES)
    assert baseline.inventory.classes == ("cat", "dog")
    assert baseline.inventory.splits == ("test", "train")
    assert baseline.findings.table["path"].to_pylist() == ["train/a"]
    assert baseline.findings.rows_of(("p", *["train/a"] * 3)).tolist() == [0]
    assert not len(baseline.findings.rows_of(("p", "train/a", "val", "")))
    assert baseline.results["p", "cat"]["outcome"] == "failed"


def test_an_inventory_comes_back_as_it_was_written(tmp_path: Path) -> None:
    inventory = list_release(IMAGES)
    seal = write_inventory(tmp_path, inventory)
    assert seal.rows == len(IMAGES)
    assert read_inventory(tmp_path, seal.sha256) == inventory
    assert isinstance(inventory, Inventory)


def test_the_same_inventory_is_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    turned = dict(reversed(IMAGES.items()))
    one = write_inventory(tmp_path, list_release(IMAGES))
    assert write_inventory(tmp_path / "other", list_release(turned)).sha256 == one.sha256


def test_nothing_there_is_no_report(tmp_path: Path) -> None:
    assert "--baseline=x is no report" in refused(tmp_path / "none")
    assert "--baseline=x is no report" in refused(tmp_path)


def test_a_file_that_is_no_json_is_refused(report: Path) -> None:
    (report / "report.json").write_text("{")
    assert "is no JSON" in refused(report)


@pytest.mark.parametrize("schema", ["labelgate.report/2", "other", None])
def test_another_schema_is_refused(change: Callable[..., Path], schema: str | None) -> None:
    assert f"has the schema {schema!r}" in refused(change(schema=schema))


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"verdict": 3}, "verdict: input should be"),
        ({"results": [{"property": 3}]}, "results.0.property: input should be a valid string"),
    ],
)
def test_a_report_with_values_of_other_types_is_refused(
    change: Callable[..., Path], changed: dict[str, Any], place: str
) -> None:
    said = refused(change(**changed))
    assert f"--baseline=x: its report.json is damaged or of another program: {place}" in said
    assert said.endswith("; check that release again.")


@pytest.mark.parametrize("table", ["release", "findings"])
def test_a_report_without_its_tables_is_of_an_older_version(
    change: Callable[..., Path], table: str
) -> None:
    assert f"names no {table}.parquet" in refused(change(**{table: None}))


@pytest.mark.parametrize("table", ["release", "findings"])
def test_a_table_that_is_missing_is_refused(report: Path, table: str) -> None:
    (report / f"{table}.parquet").unlink()
    assert f"{table}.parquet cannot be read (No such file or directory)" in refused(report)


def test_a_table_that_was_changed_is_refused(report: Path) -> None:
    with (report / "release.parquet").open("ab") as stream:
        stream.write(b" ")
    assert "was changed after the run" in refused(report)


def test_a_table_of_other_columns_is_refused(report: Path) -> None:
    told = {b"labelgate": b'{"schema": "labelgate.release/1"}'}
    reseal(report, pa.table({"path": ["a"]}).replace_schema_metadata(told))
    assert "has the columns path, the form labelgate.release/1 has path, split" in refused(report)


def test_a_table_of_a_newer_form_is_refused(report: Path) -> None:
    told = {b"labelgate": b'{"schema": "labelgate.release/2"}'}
    reseal(report, pa.table({"path": ["a"]}).replace_schema_metadata(told))
    assert "has the form labelgate.release/2, this version reads labelgate.release/1" in refused(
        report
    )


@pytest.mark.parametrize("told", [None, {b"labelgate": b"[1]"}])
def test_any_other_table_is_refused(report: Path, told: dict[bytes, bytes] | None) -> None:
    reseal(report, pa.table({"path": ["a"]}).replace_schema_metadata(told))
    assert "has the form of no labelgate table" in refused(report)


def test_what_is_no_table_is_refused(report: Path) -> None:
    (report / "release.parquet").write_bytes(b"PAR1 and nothing else")
    content = load_report(report)[1]
    content["release"]["sha256"] = hashlib.sha256(b"PAR1 and nothing else").hexdigest()
    (report / "report.json").write_text(json.dumps(content))
    assert "cannot be read as Parquet" in refused(report)


@pytest.mark.parametrize(
    ("changed", "notice"),
    [
        ({}, None),
        ({"checks": {"total": 2, "run": 1}}, "has only 1 of its 2 checks"),
        ({"verdict": "error"}, "broke or ended early"),
        ({"provenance": PROVENANCE | {"limits_sha256": "k"}}, "by other limits"),
    ],
    ids=str,
)
def test_a_partial_baseline_is_a_notice(
    change: Callable[..., Path], changed: dict[str, Any], notice: str | None
) -> None:
    told = read_baseline(change(**changed), "--baseline=x").notices("l")
    assert len(told) == (notice is not None)
    assert not notice or notice in told[0]


def test_a_report_says_what_its_baseline_was(report: Path, tmp_path: Path) -> None:
    baseline = read_baseline(report, "--baseline=x")
    inside, outside = baseline.describe(tmp_path), baseline.describe(tmp_path / "elsewhere" / "d")
    assert inside["report"] == "earlier"
    assert outside["report"] == str(report)
    assert inside["name"] == "earlier"
    assert inside["verdict"] == "failed"


@pytest.mark.parametrize("name", ["", "report.json"])
def test_the_new_report_may_not_replace_its_baseline(report: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="would be replaced"):
        refuse_own_report(report / name, report)
    refuse_own_report(report / name, report.parent / "new")


@pytest.mark.parametrize("value", [None, "all"])
def test_by_default_every_failure_fails(value: str | None) -> None:
    assert read_gate(value, None) == "all"


def test_new_failures_need_a_baseline_to_be_told_by() -> None:
    assert read_gate("new", Path("x")) == "new"
    with pytest.raises(SettingsError, match="name one with --baseline"):
        read_gate("new", None)


def test_another_mode_is_refused() -> None:
    with pytest.raises(SettingsError, match="is none of all, new"):
        read_gate("old", Path("x"))


def test_a_baseline_is_told_without_all_of_its_results() -> None:
    assert "results" not in repr(Baseline(Path("x"), {"results": [1]}))


@given(st.permutations(["train", "val", "test"]))
def test_a_cell_of_two_splits_is_found_though_both_were_renamed(names: list[str]) -> None:
    """Two splits stand in the order of their names, which renaming may turn round."""
    one, other, _ = then = ["train", "val", "test"]
    now = dict(zip(then, names, strict=True))
    cell = {"split": " and ".join(sorted([one, other])), "predictor": None}
    result = {"property": "p", "subject": "cat", "cells": [{"split": one} | cell, cell]}
    told = Baseline(Path(), {"results": [result]})
    both = " and ".join(sorted([now[one], now[other]]))
    earlier = EarlierNames({"kitten": "cat"}, {new: old for old, new in now.items()})
    assert told.cell_of(("p", "kitten"), both, "", earlier) == cell
    assert told.cell_of(("p", "kitten"), "train", None, earlier) is None
    assert told.cell_of(("p", "dog"), both, None, earlier) is None
