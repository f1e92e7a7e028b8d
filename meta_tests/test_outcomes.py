"""Outcomes and exit codes: nothing unmeasured passes, nothing that broke is a finding."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Literal

import pytest

from labelgate.fixtures.report_json import load_report
from labelgate.plugins.cells import Cell
from labelgate.plugins.known_failures import KnownEntry
from labelgate.plugins.outcomes import Decision, accept, decide, outcome_of

Suite = Callable[..., "CompletedProcess[str]"]
Draw = Callable[[Path, Mapping[str, int]], Path]

CRASH = """
def pytest_sessionstart():
    from labelgate.fixtures import exact_duplicates

    def propose_groups(hashes):
        raise ZeroDivisionError("planted by a meta test")

    exact_duplicates.propose_groups = propose_groups
"""

UNJUDGED = """
def pytest_sessionstart():
    from labelgate.plugins import verdicts

    def judge(*given):
        raise ZeroDivisionError("planted by a meta test")

    verdicts.judge = judge
"""

FULL = """
import errno


def pytest_sessionstart():
    import pyarrow.parquet as parquet

    def write_table(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    parquet.write_table = write_table
"""

KNOWN = """
[[known]]
test = "test_exact_duplicates::test_no_exact_duplicates_across_splits[cat]"
reason = "the split is published"
owner = "meta tests"
expires = 2099-12-31
"""


def two_classes() -> dict[str, int]:
    labels = ("cat", "dog")
    return {
        f"train/{label}/{i}.png": 20 * n + i for n, label in enumerate(labels) for i in range(9)
    }


def sentence_of(run: "CompletedProcess[str]") -> str:
    """The one line that says what is wrong; nothing else of a traceback may be there."""
    text = run.stdout + run.stderr
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    told = [line for line in text.splitlines() if line.startswith("ERROR: ")]
    assert len(told) == 1, text
    return told[0]


@pytest.fixture(scope="module")
def crashed(
    tmp_path_factory: pytest.TempPathFactory, suite: Suite, draw: Draw
) -> tuple["CompletedProcess[str]", dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("crashed")
    draw(folder / "data", two_classes())
    (folder / "crash.py").write_text(CRASH)
    (folder / "known.toml").write_text(KNOWN)
    run = suite(folder, "-p", "crash", "--known-failures=known.toml", "--junitxml=junit.xml")
    return run, load_report(folder / "report")[1], folder


def test_a_stem_whose_measuring_raises_is_an_error_of_all_its_tests(
    crashed: tuple["CompletedProcess[str]", dict[str, Any], Path],
) -> None:
    run, report, _ = crashed
    broken = {r["property"] for r in report["results"] if r["outcome"] == "error"}
    labels = ("accuracy", "class_names", "label_errors", "multilabel", "relabels", "taxonomy")
    stems = ("files", "shift", "release", *labels)
    whole = {name for name, p in report["properties"].items() if p["stem"] in stems}
    assert broken == set(report["properties"]) - whole  # all others need the groups
    others = [r for r in report["results"] if r["property"] in whole]
    assert report["counts"]["error"] == report["checks"]["total"] - len(others)
    assert run.returncode == 1
    assert report["verdict"] == "error"


def test_the_other_stem_is_still_judged(
    crashed: tuple["CompletedProcess[str]", dict[str, Any], Path],
) -> None:
    _, report, _ = crashed
    told = {(r["property"], r["subject"]): r["outcome"] for r in report["results"]}
    assert told["every_image_decodes", "cat"] == "passed"
    assert told["classes_have_enough_images", "cat"] == "failed"


def test_an_error_says_what_was_raised(
    crashed: tuple["CompletedProcess[str]", dict[str, Any], Path],
) -> None:
    run, report, _ = crashed
    told = next(r for r in report["results"] if r["outcome"] == "error")
    assert "ZeroDivisionError: planted by a meta test" in told["message"]
    assert "planted by a meta test" in run.stdout


def test_an_error_under_a_known_failure_stays_an_error(
    crashed: tuple["CompletedProcess[str]", dict[str, Any], Path],
) -> None:
    _, report, _ = crashed
    told = {(r["property"], r["subject"]): r["outcome"] for r in report["results"]}
    assert told["no_exact_duplicates_across_splits", "cat"] == "error"
    assert report["counts"]["known"] == 0


def test_a_judge_that_breaks_leaves_a_report_that_says_so(
    tmp_path: Path, suite: Suite, draw: Draw
) -> None:
    draw(tmp_path / "data", two_classes())
    (tmp_path / "unjudged.py").write_text(UNJUDGED)
    run = suite(tmp_path, "-p", "unjudged")
    assert run.returncode == 1
    assert "planted by a meta test" in run.stdout
    report = load_report(tmp_path / "report")[1]
    assert report["verdict"] == "error"
    assert report["counts"]["error"] == report["checks"]["total"] > 0


@pytest.mark.parametrize("processes", [(), ("-n2",)])
def test_a_store_that_fills_up_is_one_sentence_and_exit_4(
    tmp_path: Path, suite: Suite, draw: Draw, processes: tuple[str, ...]
) -> None:
    draw(tmp_path / "data", two_classes())
    (tmp_path / "full.py").write_text(FULL)
    run = suite(tmp_path, "-p", "full", "--workers=0", *processes)
    assert run.returncode == 4, run.stdout + run.stderr
    assert "No space left on device" in sentence_of(run)
    assert not (tmp_path / "report" / "report.json").exists()


MISTAKES: dict[str, tuple[tuple[str, ...], str]] = {
    "unknown option": (("--treshold=3",), "--treshold"),
    "dataset that is not there": (("--dataset=nowhere",), "nowhere"),
    "workers that are no number": (("--workers=abc",), "--workers=abc"),
    "negative workers": (("--workers=-1",), "--workers=-1"),
    "broken dataset.toml": (("--dataset=broken",), "dataset.toml"),
    "unknown key in dataset.toml": (("--dataset=unknown",), "splits.train.lables"),
    "limits that are no TOML": (("--limits=broken/dataset.toml",), "broken/dataset.toml"),
    "limits that are not there": (("--limits=nowhere.toml",), "nowhere.toml"),
    "report folder of others": (("--report=others",), "--report="),
    "report that cannot be written": (("--report=data.txt/x",), "--report="),
    "report that is a file": (("--report=data.txt",), "--report="),
    "store that cannot be written": (("--store=data.txt/x",), "--store"),
    "known failures that are not there": (("--known-failures=none.toml",), "none.toml"),
    "override of a class that is not there": (("--limits=limits.toml",), "'lion'"),
}


@pytest.fixture(scope="module")
def mistakes(
    tmp_path_factory: pytest.TempPathFactory,
    suite: Suite,
    draw: Draw,
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> dict[str, "CompletedProcess[str]"]:
    folder = tmp_path_factory.mktemp("mistakes")
    draw(folder / "data", two_classes())
    files = {
        "data.txt": "no folder",
        "others/thesis.txt": "not ours",
        "broken/dataset.toml": "[splits.train",
        "unknown/dataset.toml": '[splits.train]\nimages = "train"\nlables = "x"\n',
        "limits.toml": (
            "[[files.classes_have_enough_images.overrides]]\n"
            'class = "lion"\nmin = 1\nsource = "x"\n'
        ),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    runs: dict[str, Callable[[], Any]] = {
        name: lambda given=given: suite(folder, *given)  # type: ignore[misc]
        for name, (given, _) in MISTAKES.items()
    }
    return at_once(runs)


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_and_ends_with_4(
    mistakes: dict[str, "CompletedProcess[str]"], name: str
) -> None:
    run = mistakes[name]
    assert run.returncode == 4, run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert MISTAKES[name][1] in run.stderr


@pytest.mark.parametrize("name", [name for name in MISTAKES if name != "unknown option"])
def test_a_mistake_in_data_or_options_is_one_line_and_nothing_else(
    mistakes: dict[str, "CompletedProcess[str]"], name: str
) -> None:
    (line,) = (mistakes[name].stdout + mistakes[name].stderr).strip().splitlines()
    assert line.startswith("ERROR: ")
    assert line.endswith(".")


def test_a_refused_report_folder_keeps_every_file_of_others(
    tmp_path: Path, suite: Suite, draw: Draw
) -> None:
    draw(tmp_path / "data", two_classes())
    (tmp_path / "report" / "evidence").mkdir(parents=True)
    (tmp_path / "report" / "evidence" / "mine.csv").write_text("a,b\n")
    assert suite(tmp_path).returncode == 4
    assert (tmp_path / "report" / "evidence" / "mine.csv").read_text() == "a,b\n"


def test_without_a_dataset_the_checks_refuse_to_run(
    tmp_path: Path, python: Callable[..., "CompletedProcess[str]"]
) -> None:
    run = python(tmp_path, "-m", "pytest", "--pyargs", "labelgate.dataset_tests", "-q")
    assert run.returncode == 4
    assert "labelgate needs a dataset: give --dataset=DIR" in sentence_of(run)


def test_nothing_selected_is_5_and_no_report_says_passed(
    tmp_path: Path, suite: Suite, draw: Draw
) -> None:
    draw(tmp_path / "data", two_classes())
    run = suite(tmp_path, "-k", "nothing")
    assert run.returncode == 5
    assert not (tmp_path / "report" / "report.json").exists()
    assert "Fit to release" not in run.stdout


def cell(passed: bool | None, within: bool = False) -> Cell:
    empty = dict.fromkeys(Cell._fields, "")
    told = {
        "passed": passed,
        "message": "told",
        "reason": "told",
        "judged": 0.5,
        "split": "val",
        "within": within,
    }
    return Cell(**{**empty, **told})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cells", "required", "outcome"),
    [
        ([True], False, "passed"),
        ([True, None], False, "passed"),
        ([True, None], True, "failed"),
        ([None, False], True, "failed"),
        ([True, False], False, "failed"),
        ([None, False], False, "failed"),
        ([None], False, "not measured"),
        ([None, None], True, "failed"),
        ([], False, "not measured"),
        ([], True, "failed"),
    ],
)
def test_no_measured_cell_is_never_passed(
    cells: list[bool | None], required: bool, outcome: str
) -> None:
    assert decide([cell(passed) for passed in cells], required).outcome == outcome


def known(value: float | None = None) -> KnownEntry:
    return KnownEntry(
        property="p", subject="cat", reason="why", owner="ann", expires=date(2030, 1, 2),
        value=value,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cells", "required", "value", "days_left", "outcome", "told"),
    [
        ([cell(False)], False, None, 0, "known", "why (ann, until 2030-01-02)"),
        ([cell(False)], False, None, -1, "failed", "expired on 2030-01-02, 1 day ago; mend"),
        ([cell(True)], False, None, 9, "failed", "cat: passes now"),
        ([cell(True)], False, None, -9, "failed", "cat: passes now"),
        ([cell(None)], False, None, 9, "not measured", "told"),
        ([cell(None)], False, None, -9, "failed", "expired on 2030-01-02, 9 days ago"),
        ([cell(None)], True, None, 9, "failed", "not that it is not measured"),
        ([cell(False), cell(None)], True, None, 9, "failed", "not that it is not measured"),
        ([cell(False), cell(None)], False, None, 9, "known", "why"),
        ([], True, None, 9, "failed", "not that it is not measured"),
        ([cell(False, within=True)], False, 0.5, 0, "known", "why"),
        ([cell(False)], False, 0.4, 0, "failed", "cat: 0.5 in val is worse than 0.4, the worst"),
        ([cell(False, within=True), cell(False)], False, 0.4, 0, "failed", "worse than 0.4"),
        ([cell(False, within=True), cell(True)], False, 0.5, 0, "known", "why"),
    ],
)
def test_an_entry_accepts_a_measured_failure_up_to_its_value_and_day(
    cells: list[Cell], required: bool, value: float | None, days_left: int, outcome: str, told: str
) -> None:
    decision = accept(decide(cells, required), "cat", cells, known(value), days_left)
    assert decision.outcome == outcome
    assert told in decision.sentence


def test_nothing_that_an_entry_names_ever_passes() -> None:
    for passed in (True, False, None):
        for days_left in (-1, 0):
            before = decide([cell(passed)], False)
            assert accept(before, "cat", [cell(passed)], known(), days_left) != Decision(
                "passed", ""
            )


@pytest.mark.parametrize(
    ("when", "outcome", "told", "expected"),
    [
        ("setup", "failed", None, "error"),
        ("teardown", "failed", "passed", "error"),
        ("setup", "passed", None, None),
        ("call", "failed", None, "error"),
        ("call", "passed", None, "error"),
        ("call", "skipped", None, "error"),
        ("call", "failed", "failed", "failed"),
        ("call", "failed", "passed", "error"),
        ("call", "skipped", "passed", "error"),
        ("call", "skipped", "known", "known"),
        ("call", "passed", "known", "error"),
        ("call", "failed", "known", "error"),
        ("call", "skipped", "failed", "failed"),
        ("call", "skipped", "not measured", "not measured"),
        ("call", "passed", "passed", "passed"),
    ],
)
def test_only_a_check_that_said_so_passed(
    when: Literal["setup", "call", "teardown"],
    outcome: Literal["passed", "failed", "skipped"],
    told: str | None,
    expected: str | None,
) -> None:
    told_by_check = [("property", "p"), ("subject", "s"), *([("outcome", told)] if told else [])]
    report = pytest.TestReport(
        "x.py::t", ("x.py", 0, "t"), {}, outcome, None, when, user_properties=told_by_check
    )
    assert outcome_of(report) == expected
