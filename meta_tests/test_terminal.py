"""The terminal: each failure told once, in few lines, on any terminal; crashes keep a traceback."""

from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any, cast

import pytest

from labelgate.expectations.limits_file import read_limits
from labelgate.plugins.report.summary import expiring, to_markdown
from labelgate.plugins.report.terminal import FAILURES, _table, told_apart

Suite = Callable[..., "CompletedProcess[str]"]
Runs = dict[str, "CompletedProcess[str]"]

WITHIN = "no_exact_duplicates_within_a_split"
LONG = "a very long name of a class " * 4 + "x" * 60
LABELS = (*(f"class {number:02}" for number in range(11)), LONG)

CRASH = """
def pytest_sessionstart():
    from labelgate.fixtures import exact_duplicates

    def propose_groups(hashes):
        raise ZeroDivisionError("planted by a meta test")

    exact_duplicates.propose_groups = propose_groups
"""


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    draw: Callable[[Path, Mapping[str, int]], Path],
    suite: Suite,
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> Runs:
    """Twelve classes with two equal pictures each, checked in several ways."""
    folder = tmp_path_factory.mktemp("terminal")
    draw(folder / "data", {f"train/{i:02}.png": i // 2 for i in range(2 * len(LABELS))})
    rows = [f"train/{i:02}.png,{LABELS[i // 2]}" for i in range(2 * len(LABELS))]
    (folder / "data" / "train.csv").write_text("\n".join(["path,label", *rows]))
    (folder / "data" / "dataset.toml").write_text(
        '[dataset]\nname = "twelve \\u732b"\n'
        '[splits.train]\nimages = "train"\nlabels = "train.csv"\n'
    )
    (folder / "crash.py").write_text(CRASH)
    select = ("-k", WITHIN, "--workers=0", "-ra")
    ascii_only = {"COLUMNS": "60", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ways: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
        "plain": ((), {}),
        "q": (("-q",), {}),
        "qq": (("-qq",), {}),
        "v": (("-v",), {}),
        "two": (("-n2",), {}),
        "narrow": ((), ascii_only),
        "crash": (("-p", "crash"), {}),
    }

    def ask(way: str) -> "CompletedProcess[str]":
        arguments, variables = ways[way]
        return suite(folder, *select, f"--report={way}", *arguments, **variables)

    return at_once({way: lambda way=way: ask(way) for way in ways})  # type: ignore[misc]


def lines(run: "CompletedProcess[str]", start: str) -> list[str]:
    return [line for line in run.stdout.splitlines() if line.startswith(start)]


@pytest.mark.parametrize("way", ["plain", "two", "narrow"])
def test_the_first_ten_failures_are_told_once_each(runs: Runs, way: str) -> None:
    run = runs[way]
    assert run.returncode == 1, run.stdout + run.stderr
    assert len(lines(run, f"FAILED {WITHIN}: ")) == FAILURES
    assert "and 2 more failed: all of them with -v" in run.stdout
    assert run.stdout.count("2 of 2 images") == FAILURES
    assert "FAILURES" not in run.stdout
    assert "short test summary" not in run.stdout


def test_v_tells_all_of_them(runs: Runs) -> None:
    assert len(lines(runs["v"], f"FAILED {WITHIN}: ")) == len(LABELS)
    assert "more failed" not in runs["v"].stdout


@pytest.mark.parametrize("way", ["q", "qq"])
def test_q_tells_the_verdict_and_nothing_else(runs: Runs, way: str) -> None:
    run = runs[way]
    assert run.returncode == 1
    (line,) = run.stdout.split("\n\n")[-1].strip().splitlines()
    assert run.stdout.strip() == line
    assert line.startswith("Not fit to release: 12 of 12 checks failed, in 12 classes. Report: ")


def test_pytest_still_counts_every_failure(runs: Runs) -> None:
    assert "12 failed" in runs["plain"].stdout.splitlines()[-1]


def test_the_header_says_what_is_judged_and_by_what(runs: Runs) -> None:
    told = "\n".join(lines(runs["plain"], "labelgate: "))
    for expected in ("twelve 猫", "24 images", "store ", "embedder builtin", "device "):
        assert expected in told


@pytest.mark.parametrize("way", ["plain", "two", "v"])
def test_the_table_has_a_row_a_property(runs: Runs, way: str) -> None:
    (title,) = lines(runs[way], "property ")
    assert title.split() == ["property", "passed", "failed", "known", "not", "measured", "error"]
    (row,) = (line for line in lines(runs[way], WITHIN) if "::" not in line)
    assert row.split()[1:] == ["0", "12", "0", "0", "0"]


def test_a_row_of_every_property_fits_into_80_columns() -> None:
    names = read_limits(None).properties
    results = [{"property": name, "outcome": "not_measured"} for name in names]
    report = {"properties": names, "results": results}
    terminal = SimpleNamespace(_tw=SimpleNamespace(fullwidth=80))
    table = _table(report, cast("pytest.TerminalReporter", terminal))
    assert len(table) == len(names) + 1
    assert max(map(len, table)) <= 80


def test_a_narrow_terminal_that_knows_ascii_only_gets_all_of_it(runs: Runs) -> None:
    run = runs["narrow"]
    assert f"{WITHIN}\n  12 failed\n" in run.stdout
    assert "twelve \\u732b" in run.stdout
    assert "Traceback" not in run.stdout + run.stderr


def test_a_crash_keeps_one_traceback_and_every_error_is_counted(runs: Runs) -> None:
    run = runs["crash"]
    assert run.returncode == 1
    assert run.stdout.count("Traceback (most recent call last)") == 1
    assert "planted by a meta test" in run.stdout
    assert "12 errors" in run.stdout.splitlines()[-1]
    assert "Not decided: 12 of 12 checks broke" in run.stdout


def report_of(outcome: str, number: int) -> pytest.TestReport:
    told = [("property", "p"), ("subject", str(number)), ("outcome", outcome)]
    return pytest.TestReport(
        f"t.py::t[{number}]", ("t.py", 0, "t"), {}, "failed", f"E   sentence {number}", "call",
        user_properties=told,
    )  # fmt: skip


def test_pytest_has_its_own_reports_back_afterwards() -> None:
    failed = [report_of("failed", number) for number in range(3)]
    other = pytest.TestReport("o.py::o", ("o.py", 0, "o"), {}, "failed", "mine", "call")
    before = {"failed": [*failed, other], "error": [report_of("error", 1), report_of("error", 1)]}
    terminal = SimpleNamespace(stats=dict(before))
    with told_apart(cast("pytest.TerminalReporter", terminal)):
        assert terminal.stats["failed"] == [other]
        assert terminal.stats["error"] == before["error"][:1]
    assert {key: terminal.stats[key] for key in before} == before


def accepted(days_left: int, outcome: str = "known", by: str = "entry") -> dict[str, Any]:
    known = {
        "by": by, "reason": "why", "owner": "ann", "expires": "2030-01-02",
        "days_left": days_left, "issue": None, "value": None,
    }  # fmt: skip
    return {
        "property": WITHIN, "subject": f"c{days_left}", "outcome": outcome, "message": "m",
        "known": known if by else None,
    }  # fmt: skip


def test_accepted_failures_that_expire_within_a_month_are_told_first_to_last() -> None:
    results = [accepted(days) for days in (31, 30, 0, 1)] + [
        accepted(5, "failed"),
        accepted(2, by=""),
    ]
    results[-1]["outcome"] = "passed"
    assert expiring({"results": results}) == [
        f"{WITHIN}[c0] is accepted until 2030-01-02 only, 0 days left: why (ann)",
        f"{WITHIN}[c1] is accepted until 2030-01-02 only, 1 day left: why (ann)",
        f"{WITHIN}[c30] is accepted until 2030-01-02 only, 30 days left: why (ann)",
    ]


def test_the_summary_names_five_of_them_and_counts_the_others() -> None:
    results = [accepted(days) for days in range(8)]
    report = {
        "verdict": "passed", "dataset": {"name": "d"}, "properties": {WITHIN: {"per": "class"}},
        "results": results, "notices": [], "checks": {"total": 8, "run": 8},
        "counts": {"passed": 0, "failed": 0, "known": 8, "not_measured": 0, "error": 0},
    }  # fmt: skip
    told = to_markdown(report).partition("### Accepted failures that expire soon")[2].splitlines()
    assert sum("left: why" in line for line in told) == 5
    assert "- and 3 more, all of them in report.json" in told
