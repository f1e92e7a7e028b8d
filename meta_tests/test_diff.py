"""`labelgate diff`: what it tells of two reports, in words, as JSON and as a page."""

import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, find_barriers
from compared import list_release
from jsonschema import Draft202012Validator

from labelgate.fixtures.findings import COLUMNS as FINDING
from labelgate.fixtures.findings import write_findings
from labelgate.fixtures.inventory import write_inventory
from labelgate.plugins import command
from labelgate.plugins.report.diff import join_differences

HOSTILE = "<script>alert(1)</script>"
BEFORE: dict[str, str | None] = {
    **{f"train/{label}{i:02}": label for label in ("cat", "dog") for i in range(20)},
    "val/cat": "cat",
}

Cells = Mapping[tuple[str, str], tuple[bool | None, float | None]]
"""Whether a check passed, and its value, by property and subject."""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a report folder of images and cells."""
    import pyarrow as pa

    def report(name: str, images: Mapping[str, str | None], cells: Cells, **pixels: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        release = write_inventory(folder, list_release(images, pixels))
        empty = pa.table({column: pa.array([], pa.string()) for column in FINDING.names})
        findings = write_findings(folder, empty.cast(FINDING))
        results = [_result(*check, *told) for check, told in cells.items()]
        content = {
            "schema": "labelgate.report/1",
            "verdict": "failed",
            "checks": {"total": len(cells), "run": len(cells)},
            "dataset": {"name": name, "fingerprint": "f"},
            "provenance": {"started": "2026", "labelgate": "0", "limits_sha256": "l"},
            "properties": {p: {"stem": "release" if p == "r" else "s"} for p, _ in cells},
            "results": results,
            "release": {"file": release.file, "sha256": release.sha256, "rows": release.rows},
            "findings": {"file": findings.file, "sha256": findings.sha256, "rows": 0},
        }
        (folder / "report.json").write_text(json.dumps(content))
        return folder

    return report


def _result(name: str, subject: str, passed: bool | None, value: float | None) -> dict[str, Any]:
    cell = {"split": "val", "predictor": None, "value": value, "low": None, "high": None, "n": 9}
    cell |= {"limit": "at least 5" if name == "least" else "at most 0", "passed": passed}
    outcome = {True: "passed", False: "failed", None: "not_measured"}[passed]
    told = {"property": name, "subject": subject, "outcome": outcome, "unit": "images"}
    return {**told, "cells": [cell | {"reason": None}]}


def diff(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = command.main(["diff", *map(str, arguments)])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_equal_releases_end_with_0(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    cells: Cells = {("p", "cat"): (False, 1)}
    code, told = diff(capsys, write("a", BEFORE, cells), write("b", BEFORE, cells))
    assert code == 0
    assert told.splitlines()[2:] == ["nothing got worse"]


WORSE: dict[str, tuple[dict[str, str | None], Cells, str]] = {
    "flip": ({"val/cat": "dog"}, {}, "1 label was flipped without a review"),
    "failure": ({}, {("p", "cat"): (False, 1)}, "1 check passed and fails now"),
}


@pytest.mark.parametrize("what", WORSE)
def test_what_got_worse_ends_with_1_and_is_said(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], what: str
) -> None:
    images, cells, sentence = WORSE[what]
    old = write("a", BEFORE, {("p", "cat"): (True, 0)})
    new = write("b", BEFORE | images, {("p", "cat"): (True, 0)} | dict(cells))
    code, told = diff(capsys, old, new)
    assert code == 1
    assert f"worse: {sentence}" in told


def test_a_move_out_of_training_ends_with_1_and_into_it_with_0(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    moved = dict(BEFORE)
    del moved["train/cat03"]
    moved["val/x"] = "cat"
    one, other = write("a", BEFORE, {}), write("b", moved, {}, **{"val/x": "train/cat03"})
    code, told = diff(capsys, one, other)
    assert code == 1
    assert "  train/cat03 -> val/x (train -> val, cat)" in told
    assert diff(capsys, other, one)[0] == 0


def test_a_reviewed_flip_ends_with_0(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    reviews = tmp_path / "review.csv"
    header = "path_a,path_b,decision,reviewer,date,label"
    reviews.write_text(f"{header}\nval/cat,,label,ann,2026-01-01,dog\n")
    old, new = write("a", BEFORE, {}), write("b", BEFORE | {"val/cat": "dog"}, {})
    code, told = diff(capsys, old, new, "--reviews", reviews)
    assert code == 0
    assert "(val, cat -> dog), reviewed" in told


def test_verdicts_are_told_by_what_happened_to_them(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    old: Cells = {
        ("broke", "cat"): (True, 0), ("mended", "cat"): (False, 2), ("least", "cat"): (False, 2),
        ("most", "cat"): (False, 2), ("most", "dog"): (False, 2), ("same", "cat"): (False, 2),
        ("gone", "cat"): (True, 0), ("p", "cat"): (True, 3), ("r", "cat"): (True, 0),
    }  # fmt: skip
    new: Cells = {
        ("broke", "cat"): (False, 1), ("mended", "cat"): (True, 0), ("least", "cat"): (False, 3),
        ("most", "cat"): (False, 3), ("most", "dog"): (False, 1), ("same", "cat"): (False, 2),
        ("gone", "cat"): (None, None), ("p", "cat"): (True, 4), ("r", "cat"): (False, 1),
        ("new", "cat"): (False, 1),
    }  # fmt: skip
    file = tmp_path / "d.json"
    code, told = diff(capsys, write("a", BEFORE, old), write("b", BEFORE, new), "--json", file)
    found = json.loads(file.read_text())
    assert [(r["change"], r["property"], r["subject"], r["broke"]) for r in found["verdicts"]] == [
        ("new failure", "broke", "cat", True),
        ("new failure", "new", "cat", False),
        ("worse", "most", "cat", False),
        ("better", "least", "cat", False),
        ("better", "most", "dog", False),
        ("mended", "mended", "cat", False),
        ("not measured now", "gone", "cat", False),
    ]
    assert code == 1
    assert "most cat (val): 2 of 9 -> 3 of 9 images, limit at most 0" in told


def test_json_has_the_form_of_its_schema_and_all_images(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    schema = files("labelgate.plugins.report") / "diff.schema.json"
    validator = Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))
    after = {**BEFORE, **{f"train/new{i:03}": "cat" for i in range(300)}, "val/cat": "dog"}
    old = write("a", BEFORE, {("p", "cat"): (True, 0)})
    new = write("b", after, {("p", "cat"): (False, 1)})
    code, told = diff(capsys, old, new, "--json", tmp_path / "d.json")
    found = json.loads((tmp_path / "d.json").read_text())
    validator.validate(found)
    assert (len(found["images"]["added"]["rows"]), code) == (300, 1)
    assert "  and 295 more (--json, --html)" in told
    assert found["flips"] == [{"before": "cat", "now": "dog", "images": 1, "reviewed": 0}]
    assert not validator.is_valid({k: v for k, v in found.items() if k != "worse"})


def test_the_page_escapes_what_the_data_say_and_asks_the_network_for_nothing(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    after = {**BEFORE, f"val/{HOSTILE}": HOSTILE, "val/cat": HOSTILE}
    old, new = write("a", BEFORE, {}), write("b", after, {("p", HOSTILE): (False, 1)})
    diff(capsys, old, new, "--html", tmp_path / "page")
    page = (tmp_path / "page" / "changes.html").read_text()
    assert HOSTILE not in page
    assert page.count("&lt;script&gt;") >= 3
    assert "Content-Security-Policy" in page
    assert "http://" not in page
    assert "https://" not in page
    for name in ("assets/report.css", "evidence/changes.csv", "changes.json"):
        assert (tmp_path / "page" / name).is_file()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_has_no_barriers_in_a_browser(
    write: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    visit: Visit,
    dark: bool,
) -> None:
    after = {**BEFORE, f"val/{HOSTILE}": HOSTILE, "val/cat": HOSTILE}
    old, new = write("a", BEFORE, {}), write("b", after, {("p", HOSTILE): (False, 1)})
    diff(capsys, old, new, "--html", tmp_path / "page")
    page = visit(tmp_path / "page", "changes.html", dark=dark)
    assert find_barriers(page) == []
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_page_that_leaves_rows_out_says_so(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    after = {**BEFORE, **{f"train/new{i:03}": "cat" for i in range(201)}}
    diff(capsys, write("a", BEFORE, {}), write("b", after, {}), "--html", tmp_path / "page")
    page = (tmp_path / "page" / "changes.html").read_text()
    assert "200 of 201 shown" in page
    assert len((tmp_path / "page/evidence/changes.csv").read_text().splitlines()) == 202


def test_control_characters_do_not_reach_the_terminal(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    new = write("b", {**BEFORE, "val/\x1b[31m\nred": "cat"}, {})
    _, told = diff(capsys, write("a", BEFORE, {}), new)
    assert "\x1b" not in told
    assert "val/\\x1b[31m\\nred" in told


@pytest.mark.parametrize("which", ["old", "new", "reviews"])
def test_what_cannot_be_read_ends_with_4_and_one_sentence(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], tmp_path: Path, which: str
) -> None:
    there, nothing = write("a", BEFORE, {}), tmp_path / "nothing"
    paths = [nothing if which == side else there for side in ("old", "new")]
    more = ("--reviews", nothing) if which == "reviews" else ()
    code, told = diff(capsys, *paths, *more)
    assert code == 4
    assert told.startswith("ERROR: ")
    assert len(told.splitlines()) == 1


def test_an_unknown_option_ends_with_4(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["diff", "a", "b", "--jsn", "x"])
    assert ended.value.code == 4


def test_what_shards_say_is_joined(write: Callable[..., Path], tmp_path: Path) -> None:
    old = write("a", BEFORE, {("p", "cat"): (True, 0), ("p", "dog"): (True, 0)})
    shards = []
    for label in ("dog", "cat"):
        new = write(label, BEFORE, {("p", label): (False, 1)})
        command.main(["diff", str(old), str(new), "--json", str(tmp_path / "d.json")])
        shards.append(json.loads((tmp_path / "d.json").read_text()))
    whole = {"verdict": "failed", "checks": {"total": 2, "run": 2}, "provenance": {"started": "x"}}
    joined = join_differences(shards, whole)
    assert [row["subject"] for row in joined["verdicts"]] == ["cat", "dog"]
    assert joined["worse"] == ["2 checks passed and fail now"]
    assert joined["new"]["checks"]["run"] == 2
