"""A release beside its baseline through the whole road: what is known, what fails, what is told."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from browser import Visit
from reviewer import begin, choose, export, press
from sample_reports import check_form

from labelgate.fixtures.candidate_kinds import CHANGE
from labelgate.fixtures.report_json import load_report

Suite = Callable[..., "CompletedProcess[str]"]
Cells = dict[tuple[str, str], dict[str, Any]]

WITHIN = "no_exact_duplicates_within_a_split"
REVIEWED, STAY, WORSE = (
    "label_changes_are_reviewed",
    "images_stay_in_their_split",
    "class_does_not_get_worse",
)
SELECTED = ("-k", "exact_duplicates or files or release", "--workers=0")


def plant() -> dict[str, int]:
    """Two splits of three classes; one cat is there twice."""
    pictures = {
        f"{split}/{label}/{i:02}.png": 1000 * s + 100 * c + i
        for s, split in enumerate(("train", "val"))
        for c, label in enumerate(("cat", "dog", "owl"))
        for i in range(11)
    }
    return pictures | {"train/cat/copy.png": pictures["train/cat/01.png"]}


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory,
    suite: Suite,
    draw: Callable[[Path, Mapping[str, int]], Path],
) -> tuple[Path, dict[str, "CompletedProcess[str]"]]:
    """A folder of reports: `first`; the same again under both gates; and a release that is worse.

    `worse` has another cat twice, one label flipped, one image moved, one added, one removed.
    """
    folder = tmp_path_factory.mktemp("gates")
    pictures = plant()
    draw(folder / "data", pictures)
    worse = dict(pictures)
    worse["train/cat/other.png"] = worse["train/cat/02.png"]
    worse["train/owl/moved.png"] = worse.pop("train/dog/03.png")
    worse["val/owl/moved.png"] = worse.pop("train/owl/04.png")
    worse["val/dog/new.png"] = 5000
    del worse["val/dog/05.png"]
    draw(folder / "other", worse)
    ended = {"first": suite(folder, "--report=first", *SELECTED)}
    for name, *arguments in (
        ("all", "--baseline=first"),
        ("new", "--baseline=first", "--gate=new", "-n2"),
        ("strict", "--baseline=first", "--gate=new", "--runxfail"),
        ("worse", "--baseline=first/report.json", "--gate=new", "--dataset=other"),
    ):
        ended[name] = suite(folder, f"--report={name}", *arguments, *SELECTED)
    return folder, ended


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = load_report(folder)[1]
    return content


def cells(folder: Path) -> Cells:
    return {(r["property"], r["subject"]): r for r in read(folder)["results"]}


def failed(folder: Path) -> set[tuple[str, str]]:
    return {check for check, told in cells(folder).items() if told["outcome"] == "failed"}


@pytest.mark.parametrize("name", ["first", "all", "new", "strict", "worse"])
def test_every_report_has_the_form_of_its_schema(runs: tuple[Path, Any], name: str) -> None:
    check_form(runs[0] / name)


@pytest.mark.parametrize(("name", "code"), [("all", 1), ("new", 0), ("strict", 1), ("worse", 1)])
def test_the_exit_code_says_whether_the_gate_is_open(
    runs: tuple[Path, dict[str, "CompletedProcess[str]"]], name: str, code: int
) -> None:
    assert runs[1][name].returncode == code, runs[1][name].stdout


@pytest.mark.parametrize("name", ["all", "strict"])
def test_the_baseline_excuses_nothing_unless_it_is_asked_to(
    runs: tuple[Path, Any], name: str
) -> None:
    assert failed(runs[0] / name) == {(WITHIN, "cat")}


def test_an_old_failure_is_known_by_the_baseline(runs: tuple[Path, Any]) -> None:
    told = cells(runs[0] / "new")[WITHIN, "cat"]
    assert told["outcome"] == "known"
    assert told["known"]["by"] == "baseline"
    assert told["message"].startswith("cat in train: 2 of 12 images")
    assert read(runs[0] / "new")["gate"] == "new"


def test_an_old_failure_with_other_images_is_new(runs: tuple[Path, Any]) -> None:
    assert failed(runs[0] / "worse") == {
        (WITHIN, "cat"),
        (REVIEWED, "dog"),
        (REVIEWED, "owl"),
        (STAY, "owl"),
        (WORSE, "cat"),
    }
    assert "in train, 2 then, 4 now" in cells(runs[0] / "worse")[WORSE, "cat"]["message"]


def test_results_and_cells_say_what_the_baseline_said(runs: tuple[Path, Any]) -> None:
    told = cells(runs[0] / "worse")[WITHIN, "cat"]
    assert told["before"]["outcome"] == "failed"
    train, val = (cell["before"] for cell in told["cells"])
    assert (train["outcome"], train["value"]) == ("failed", 2)
    assert (val["outcome"], val["value"]) == ("passed", 0)
    assert cells(runs[0] / "first")[WITHIN, "cat"]["before"] is None


def test_the_report_counts_what_changed_and_names_its_baseline(runs: tuple[Path, Any]) -> None:
    report = read(runs[0] / "worse")
    changes = {kind: number for kind, number in report["changes"].items() if number}
    assert changes == {
        **{"flipped": 1, "moved": 1, "moved_into_evaluation": 1, "added": 2, "removed": 1}
    }
    assert report["baseline"]["name"] == "data"
    assert report["baseline"]["fingerprint"] == read(runs[0] / "first")["dataset"]["fingerprint"]
    assert report["baseline"]["report"] == str(runs[0] / "first")
    assert (read(runs[0] / "first")["baseline"], read(runs[0] / "first")["changes"]) == (None, None)


def test_the_comparison_is_told_on_the_terminal_and_in_the_summary(
    runs: tuple[Path, dict[str, "CompletedProcess[str]"]],
) -> None:
    told = "1 label flipped (1 not reviewed), 1 image moved (1 out of training), 2 images added"
    assert told in runs[1]["worse"].stdout
    assert "no image, label or split changed" in runs[1]["new"].stdout
    summary = (runs[0] / "worse" / "summary.md").read_text()
    assert "1 label flipped" in summary
    assert "The baseline has only" in summary.replace("\\", "")


def test_the_page_of_changes_is_there_only_beside_a_baseline(runs: tuple[Path, Any]) -> None:
    page = (runs[0] / "worse" / "changes.html").read_text()
    for part in ("train/owl/moved.png", "val/owl/moved.png", "not reviewed", "critical"):
        assert part in page
    assert 'href="changes.html"' in (runs[0] / "worse" / "index.html").read_text()
    assert not (runs[0] / "first" / "changes.html").exists()
    assert "changes.html" not in (runs[0] / "first" / "index.html").read_text()


def test_evidence_has_every_change(runs: tuple[Path, Any]) -> None:
    rows = (runs[0] / "worse" / "evidence" / "changes.csv").read_text().splitlines()
    assert rows[1:] == [
        "moved,train/owl/04.png,val/owl/moved.png,train,val,owl,owl,",
        "flipped,train/dog/03.png,train/owl/moved.png,train,train,dog,owl,no",
        "added,,train/cat/other.png,,train,,cat,",
        "added,,val/dog/new.png,,val,,dog,",
        "removed,val/dog/05.png,,val,,dog,,",
    ]


@pytest.mark.parametrize("arguments", [["--baseline=none"], ["--gate=new"], ["--gate=old"]])
def test_what_cannot_be_compared_ends_with_4_before_any_test(
    runs: tuple[Path, Any], suite: Suite, arguments: list[str]
) -> None:
    run = suite(runs[0], "--report=refused", *arguments)
    assert run.returncode == 4
    assert len((run.stdout + run.stderr).strip().splitlines()) == 1, run.stderr
    assert not (runs[0] / "refused").exists()


def test_the_baseline_is_not_replaced_by_the_new_report(
    runs: tuple[Path, Any], suite: Suite, tmp_path: Path
) -> None:
    shutil.copytree(runs[0] / "first", tmp_path / "first")
    shutil.copytree(runs[0] / "data", tmp_path / "data")
    run = suite(tmp_path, "--report=first", "--baseline=first")
    assert run.returncode == 4
    assert "would be replaced" in run.stderr
    assert (tmp_path / "first" / "report.json").is_file()


def test_a_flip_that_people_confirmed_on_the_page_does_not_block(
    runs: tuple[Path, Any], suite: Suite, visit: Visit, tmp_path: Path
) -> None:
    folder = runs[0]
    flipped = {(REVIEWED, "dog"), (REVIEWED, "owl")}  # it was one of these and is one of those
    page = visit(folder / "worse", "review.html")
    begin(page, "ann")
    choose(page, CHANGE)
    assert page.inner_text("#progress") == "0 of 1 changed labels decided."
    press(page, "1")
    shutil.copytree(folder / "other", tmp_path / "data")
    rows = export(page, tmp_path / "data", ("cat", "dog", "owl"))
    assert [(r.path_a, r.decision, r.label) for r in rows] == [
        ("train/owl/moved.png", "label", "owl")
    ]
    (tmp_path / "data" / "dataset.toml").write_text(
        "".join(f'[splits.{name}]\nimages = "{name}"\n' for name in ("train", "val"))
        + '[[reviews]]\ntable = "review.csv"\n'
    )
    suite(tmp_path, f"--baseline={folder / 'first'}", "--gate=new", *SELECTED)
    assert failed(folder / "worse") - failed(tmp_path / "report") == flipped


@pytest.mark.parametrize("name", ["first", "all", "new"])
def test_the_first_page_says_what_the_release_was_compared_with(
    runs: tuple[Path, Any], visit: Visit, name: str
) -> None:
    told = visit(runs[0] / name).inner_text("body")
    assert ("Compared with data of " in told) == (name != "first")
    assert ("Gate: new. Only what the baseline did not have fails" in told) == (name == "new")
