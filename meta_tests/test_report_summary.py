"""The verdict and the summary: a pass only where everything was measured and met."""

from collections import Counter

import pytest
from sample_reports import RUNS, Sample, read

from labelgate.plugins.report.contents import decide_verdict
from labelgate.plugins.report.summary import to_markdown


def test_a_partial_run_does_not_call_the_dataset_fit(sample: Sample) -> None:
    folder, runs = sample
    for text in (runs["part"].stdout, (folder / "part" / "summary.md").read_text()):
        assert "Fit to release: " not in text
    assert "Fit to release:" not in (folder / "part" / "index.html").read_text()


@pytest.mark.parametrize(
    ("counts", "exitstatus", "verdict"),
    [
        ({"passed": 1, "known": 1, "not_measured": 1}, 0, "passed"),
        ({"passed": 1, "failed": 1}, 1, "failed"),
        ({"passed": 1, "failed": 1, "error": 1}, 1, "error"),
        ({"passed": 1}, 2, "error"),
        ({"passed": 1}, 3, "error"),
        ({}, 0, "incomplete"),
        ({}, 5, "error"),
    ],
)
def test_the_verdict_is_passed_only_if_the_run_came_to_its_end(
    counts: dict[str, int], exitstatus: int, verdict: str
) -> None:
    checks = dict.fromkeys(("total", "run"), sum(counts.values()))
    assert decide_verdict(Counter(counts), checks, exitstatus) == verdict


def test_nothing_but_unmeasured_checks_is_no_pass() -> None:
    assert decide_verdict(Counter(not_measured=3), {"total": 3, "run": 3}, 0) == "incomplete"


def test_a_part_of_the_checks_is_no_pass() -> None:
    assert decide_verdict(Counter(passed=3), {"total": 4, "run": 3}, 0) == "incomplete"


@pytest.mark.parametrize("run", [run for run in RUNS if run != "part"])
def test_the_summary_tells_verdict_and_failures(sample: Sample, run: str) -> None:
    text = (sample[0] / run / "summary.md").read_text()
    fit = read(sample[0] / run)["verdict"] == "passed"
    assert ("Fit to release" in text) == fit
    assert ("Not fit to release" in text) == (not fit)
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize("failing", [0, 1, 25, 26, 100])
def test_the_summary_has_at_most_60_lines_with_every_property_planned(
    sample: Sample, failing: int
) -> None:
    report = read(sample[0] / "check")
    (one, *_) = [r for r in report["results"] if r["outcome"] == "failed"]
    report["results"] = [one | {"subject": f"class {i}"} for i in range(failing)]
    report["verdict"] = "failed" if failing else "passed"
    entry = report["properties"][one["property"]]
    report["properties"] = {one["property"]: entry, **{f"planned_{i}": entry for i in range(30)}}
    report["notices"] = ["left out"] * 2
    lines = to_markdown(report).splitlines()
    assert len(lines) <= 60
    assert sum(line.startswith("- **") for line in lines) <= failing
    if failing > 25:
        assert any(f"and {failing} more" in line or " more, all of" in line for line in lines)
