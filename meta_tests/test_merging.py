"""Merging: the report of all shards is that of one run; one that is lost is never a pass."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from sample_reports import check_form

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import load_report
from labelgate.plugins import command
from labelgate.plugins.report.complete import find_wrong, read_complete
from labelgate.plugins.report.diff import join_differences
from labelgate.plugins.report.joining import join_reports

BASELINE = {
    **{"name": "earlier", "fingerprint": "0" * 64, "started": "2026-01-01T00:00:00+00:00"},
    **{"labelgate": "0", "verdict": "passed", "report": "earlier"},
}

Runs = tuple[Path, dict[str, "CompletedProcess[str]"]]
Change = Callable[[dict[str, Any]], Any]


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = load_report(folder)[1]
    return content


@pytest.fixture(scope="module")
def merged(sharded: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("merged") / "report"
    join_reports([sharded[0] / "2", sharded[0] / "1"], target)
    return target


@pytest.fixture
def shards(sharded: Runs, tmp_path: Path) -> list[Path]:
    """Copies of both shards."""
    return [shutil.copytree(sharded[0] / name, tmp_path / name) for name in ("1", "2")]


def change(folder: Path, how: Change) -> None:
    report = read(folder)
    how(report)
    (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")


def refusal(shards: list[Path], tmp_path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        join_reports(shards, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_shards_merge_into_the_report_of_one_run(sharded: Runs, merged: Path) -> None:
    whole, report = read(sharded[0] / "whole"), read(merged)
    told = whole.pop("provenance"), report.pop("provenance")
    assert report == whole
    same = {*told[0]} - {"command", "started", "seconds", "images_decoded", "images_read"}
    same -= {"decode_seconds"}
    assert {key: told[0][key] for key in same} == {key: told[1][key] for key in same}


def test_the_folder_is_that_of_one_run(sharded: Runs, merged: Path) -> None:
    def papers(folder: Path) -> dict[str, bytes]:
        found = [file for file in folder.rglob("*") if file.is_file()]
        timed = {"report.json", "pictures.json", "index.html"}
        return {
            file.relative_to(folder).as_posix(): file.read_bytes()
            for file in found
            if file.name not in timed and not file.name.endswith(".result.json")
        }

    assert papers(merged) == papers(sharded[0] / "whole")
    told = [json.loads((f / "pictures.json").read_text()) for f in (merged, sharded[0] / "whole")]
    assert told[0]["images"] == told[1]["images"]
    assert told[0]["images"]
    assert {"review.json", "review.html", "summary.md"} <= set(papers(merged))


def test_the_merged_report_has_the_form_that_its_schema_says(merged: Path) -> None:
    check_form(merged)


def test_a_reader_sees_where_each_shard_ran(sharded: Runs, merged: Path) -> None:
    told = read(merged)["provenance"]
    commands = [read(sharded[0] / name)["provenance"]["command"] for name in ("1", "2")]
    assert [shard["number"] for shard in told["shards"]] == [1, 2]
    assert [shard["command"] for shard in told["shards"]] == commands
    assert told["images_decoded"] == sum(shard["images_decoded"] for shard in told["shards"])


def test_merge_ends_as_one_run_would_have(
    sharded: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sharded[0]
    given = ["merge", str(folder / "1"), str(folder / "2"), f"--report={tmp_path / 'r'}"]
    assert command.main(given) == sharded[1]["whole"].returncode == 1
    assert capsys.readouterr().out.startswith("Not fit to release: 1 of ")


def test_shards_without_a_failure_merge_with_0(shards: list[Path], tmp_path: Path) -> None:
    change(shards[0], take_failures_away)
    report = join_reports(shards, tmp_path / "merged")
    assert report["provenance"]["exit_code"] == 0
    assert report["verdict"] == "incomplete", "-k left checks out"


def take_failures_away(report: dict[str, Any]) -> None:
    report["provenance"]["exit_code"] = 0
    for result in report["results"]:
        if result["outcome"] == "failed":
            result["outcome"] = "passed"
            report["counts"]["failed"] -= 1
            report["counts"]["passed"] += 1


def test_all_checks_passed_in_all_shards_is_a_pass(shards: list[Path], tmp_path: Path) -> None:
    change(shards[0], take_failures_away)
    for shard in shards:
        change(shard, lambda report: report["checks"].update(total=total(shards)))
    report = join_reports(shards, tmp_path / "merged")
    assert (report["verdict"], report["shard"]) == ("passed", None)
    assert not any("are in this report" in notice for notice in report["notices"])


def total(shards: list[Path]) -> int:
    return sum(len(read(shard)["results"]) for shard in shards)


def test_a_check_that_broke_makes_the_whole_an_error(shards: list[Path], tmp_path: Path) -> None:
    def break_one(report: dict[str, Any]) -> None:
        report["results"][0] |= {"outcome": "error", "message": "it broke"}
        report["counts"]["passed"] -= 1
        report["counts"]["error"] += 1
        report["provenance"]["exit_code"] = 1

    change(shards[1], break_one)
    report = join_reports(shards, tmp_path / "merged")
    assert (report["verdict"], report["provenance"]["exit_code"]) == ("error", 1)


def test_a_lost_shard_is_an_error_and_no_pass(
    shards: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(shards[1:], tmp_path)
    assert told.startswith("Shard 1 of 2 is missing: a lost shard is an error, not a pass")
    assert command.main(["merge", str(shards[1]), f"--report={tmp_path / 'merged'}"]) == 4
    assert capsys.readouterr().err == f"ERROR: {told}\n"


def test_a_shard_without_a_report_is_refused(shards: list[Path], tmp_path: Path) -> None:
    (shards[0] / "report.json").unlink()
    assert "report.json is no report (No such file" in refusal(shards, tmp_path)


@pytest.mark.parametrize("text", ["", "{"])
def test_a_shard_with_a_damaged_file_is_refused(
    shards: list[Path], tmp_path: Path, text: str
) -> None:
    (shards[0] / "pictures.json").write_text(text)
    assert "pictures.json is no JSON" in refusal(shards, tmp_path)


def test_a_shard_that_is_there_twice_is_refused(shards: list[Path], tmp_path: Path) -> None:
    told = refusal([*shards, shards[0]], tmp_path)
    assert told.startswith("Shard 1 of 2 is there twice")


def test_a_whole_run_is_no_shard(sharded: Runs, shards: list[Path], tmp_path: Path) -> None:
    assert "whole run and no shard" in refusal([*shards, sharded[0] / "whole"], tmp_path)


@pytest.mark.parametrize("code", [2, 3, 4])
def test_a_shard_that_ended_early_is_refused(shards: list[Path], tmp_path: Path, code: int) -> None:
    change(shards[1], lambda report: report["provenance"].update(exit_code=code))
    assert refusal(shards, tmp_path).startswith(
        f"Shard 2 of 2 ended early, with exit code {code} ({shards[1]})"
    )


UNLIKE: dict[str, Change] = {
    "dataset.fingerprint": lambda report: report["dataset"].update(fingerprint="0" * 64),
    "dataset.name": lambda report: report["dataset"].update(name="other"),
    "provenance.limits_sha256": lambda r: r["provenance"].update(limits_sha256="0" * 64),
    "provenance.suites_sha256": lambda r: r["provenance"].update(suites_sha256="0" * 64),
    "provenance.known_failures_sha256": lambda r: r["provenance"].update(
        known_failures_sha256=None
    ),
    "provenance.labelgate": lambda report: report["provenance"].update(labelgate="9"),
    "provenance.versions": lambda report: report["provenance"]["versions"].update(torch="9"),
    "provenance.decoder": lambda report: report["provenance"].update(decoder="other"),
    "provenance.device": lambda report: report["provenance"].update(device="cuda"),
    "gate": lambda report: report.update(gate="new"),
    "baseline": lambda report: report.update(baseline=BASELINE),
}


@pytest.mark.parametrize("what", UNLIKE)
def test_shards_that_do_not_fit_together_are_refused(
    shards: list[Path], tmp_path: Path, what: str
) -> None:
    change(shards[1], UNLIKE[what])
    told = refusal(shards, tmp_path)
    assert told.startswith(f"Shard 1 of 2 and shard 2 of 2 differ in {what};")


def test_copies_of_one_baseline_may_lie_elsewhere(shards: list[Path], tmp_path: Path) -> None:
    for shard in shards:
        told = BASELINE | {"report": str(shard)}
        change(shard, lambda report, told=told: report.update(baseline=told))
    assert join_reports(shards, tmp_path / "merged")["baseline"]["report"] == str(shards[0])


def test_what_changed_is_told_of_all_shards_together(shards: list[Path], tmp_path: Path) -> None:
    counts = {"flipped": 3, "reviewed": 1, "moved_into_evaluation": 0}
    row = {"change": "new failure", "broke": True, "property": "p"}
    parts = [
        {"new": {"images": 38}, "counts": counts, "verdicts": [row | {"subject": name}]}
        for name in ("b", "a")
    ]
    found = join_differences(parts, read(shards[0]))
    assert [each["subject"] for each in found["verdicts"]] == ["a", "b"]
    assert found["worse"] == [
        "2 labels were flipped without a review",
        "2 checks passed and fail now",
    ]
    assert found["new"]["images"] == 38
    assert found["new"]["verdict"] == "failed"


def test_shards_of_two_divisions_are_refused(shards: list[Path], tmp_path: Path) -> None:
    change(shards[1], lambda report: report["shard"].update(of=3))
    assert "shard 1 of 2 and " in refusal(shards, tmp_path)


def test_a_shard_that_broke_alone_is_refused(shards: list[Path], tmp_path: Path) -> None:
    change(shards[1], lambda report: report["dataset"].update(fingerprint=""))
    assert refusal(shards, tmp_path).startswith("Shard 2 of 2 broke while it was measured")


def test_a_check_in_two_shards_is_refused(shards: list[Path], tmp_path: Path) -> None:
    def repeat(report: dict[str, Any]) -> None:
        extra = read(shards[0])["results"][0]
        report["results"].append(extra)
        report["counts"][extra["outcome"]] += 1
        report["checks"]["run"] += 1

    change(shards[1], repeat)
    assert "is in 2 shards, 1 is allowed" in refusal(shards, tmp_path)


def test_shards_with_unlike_selections_are_refused(shards: list[Path], tmp_path: Path) -> None:
    change(shards[0], lambda report: report["shard"].update(checks=len(report["results"])))
    told = refusal(shards, tmp_path)
    assert "others ran all of theirs; run all shards with the same selection" in told


def test_papers_that_differ_are_named(shards: list[Path], tmp_path: Path) -> None:
    first = (shards[0] / "evidence" / "duplicates.csv").read_bytes()
    (shards[1] / "evidence" / "duplicates.csv").write_bytes(b"other\n")
    report = join_reports(shards, tmp_path / "merged")
    told = "Shards differ in evidence/duplicates.csv; this report has those of the first shard."
    assert report["notices"][-1] == told
    assert (tmp_path / "merged" / "evidence" / "duplicates.csv").read_bytes() == first


def test_a_link_in_a_shard_is_not_followed(shards: list[Path], tmp_path: Path) -> None:
    (shards[0] / "evidence" / "passwd.csv").symlink_to("/etc/passwd")
    join_reports(shards, tmp_path / "merged")
    assert not (tmp_path / "merged" / "evidence" / "passwd.csv").exists()


def test_a_shard_is_never_overwritten(shards: list[Path]) -> None:
    with pytest.raises(SettingsError, match="is one of the shards, and would be replaced"):
        join_reports(shards, shards[0])
    assert (shards[0] / "report.json").is_file()


def test_a_folder_of_others_is_left_alone(shards: list[Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(SettingsError, match="no labelgate report"):
        join_reports(shards, tmp_path / "mine")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def delete(*keys: str | int) -> Change:
    def how(report: Any) -> None:  # noqa: ANN401
        for key in keys[:-1]:
            report = report[key]
        del report[keys[-1]]

    return how


def finding(report: dict[str, Any]) -> dict[str, Any]:
    return next(result for result in report["results"] if result["outcome"] == "failed")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (delete("dataset"), "dataset is missing or damaged"),
        (delete("shard"), "shard is missing or damaged"),
        (delete("provenance", "suites_sha256"), "provenance.suites_sha256 is missing or damaged"),
        (delete("results", 3, "outcome"), "results[3].outcome is missing or damaged"),
        (lambda report: finding(report).pop("cells"), "].cells is missing or damaged"),
        (lambda report: finding(report)["cells"][0].pop("n"), "].cells[0].n is missing or damaged"),
        (
            delete("dataset", "splits", "train", "images"),
            "dataset.splits.train.images is missing or damaged",
        ),
        (delete("results", 3), "results; make it again"),
        (lambda report: report["counts"].update(passed=0), "results; make it again"),
        (lambda report: report.update(schema="labelgate.report/2"), "has the schema"),
    ],
)
def test_a_report_of_which_a_part_is_missing_is_refused(
    shards: list[Path], how: Change, told: str
) -> None:
    read_complete(shards[0])
    change(shards[0], how)
    with pytest.raises(SettingsError) as caught:
        read_complete(shards[0])
    assert told in str(caught.value)


def test_a_part_that_may_be_anything_is_not_looked_into() -> None:
    anything = {"type": "array", "items": {"type": "array"}}
    assert find_wrong([["a", 1], []], anything, "values") == ""
    assert find_wrong([["a", 1], None], anything, "values") == "values[1]"


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "[" * 100_000, "\udcff"])
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError):
        read_complete(tmp_path)
