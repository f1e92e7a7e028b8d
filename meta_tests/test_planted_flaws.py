"""Flaws just below, at and just above a limit fail exactly their cells, through the whole road."""

from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.sample.build import read_planted

DECODES = "every_image_decodes"
ENOUGH = "classes_have_enough_images"
ACROSS = "no_exact_duplicates_across_splits"
WITHIN = "no_exact_duplicates_within_a_split"
ONE_LABEL = "identical_pixels_have_one_label"
PROPERTIES = (DECODES, ENOUGH, ACROSS, WITHIN, ONE_LABEL)

Sample = tuple[Path, dict[str, "CompletedProcess[str]"]]
Cells = dict[tuple[str, str], str]

CLASSES = (
    *("decode0", "decode1", "decode2", "nine", "ten", "eleven", "across0", "across1", "across2"),
    *("within0", "within2", "within3", "twin1a", "twin1b", "twin2a", "twin2b"),
)

FAILED_BY_DEFAULT = {
    DECODES: {"decode1", "decode2"},
    ENOUGH: {"nine"},
    ACROSS: {"across1", "across2"},
    WITHIN: {"within2", "within3", "twin1a", "twin1b", "twin2a", "twin2b"},
    ONE_LABEL: {"twin1a", "twin1b", "twin2a", "twin2b"},
}

LIMITS = """
[files.every_image_decodes]
max = 1
source = "meta test"

[files.classes_have_enough_images]
min = 11
required = true
source = "meta test"
overrides = [
    {split = "train", min = 10, source = "both splits are let down to ten"},
    {split = "val", min = 10, source = "both splits are let down to ten"},
    {class = "eleven", min = 11, source = "a class: ten images in val are too few"},
    {class = "nine", split = "train", min = 9, source = "both at once"},
    {class = "within0", split = "val", min = 99, source = "both at once"},
    {class = "ten", min = 99, source = "the next one replaces it"},
    {class = "ten", min = 10, source = "the last one counts"},
]

[exact_duplicates.no_exact_duplicates_across_splits]
max = 1
source = "meta test"

[exact_duplicates.no_exact_duplicates_within_a_split]
max = 1
source = "meta test"
overrides = [{class = "within2", max = 2, source = "its two copies are accepted"}]

[exact_duplicates.identical_pixels_have_one_label]
max = 1
source = "meta test"
overrides = [{class = "twin2b", split = "train", max = 2, source = "exactly at its limit"}]
"""

FAILED_WITH_LIMITS = {
    DECODES: {"decode2"},
    ENOUGH: {"eleven", "within0", "(unlabelled)"},
    ACROSS: {"across2"},
    WITHIN: {"within3", "twin2a", "twin2b"},
    ONE_LABEL: {"twin2a"},
}


def plant() -> dict[str, int]:
    """Ten pictures of each class in train and in val, one in test, and the flaws of CLASSES."""
    pictures = {"test/1.png": 9000}
    for number, label in enumerate(CLASSES):
        for image in range(10):
            pictures[f"train/{label}/{image}.png"] = 100 * number + image
            pictures[f"val/{label}/{image}.png"] = 100 * number + 50 + image
    pictures |= {f"train/decode{n}/{image}.png": -1 for n in (1, 2) for image in range(n)}
    del pictures["train/nine/9.png"]
    pictures["train/eleven/10.png"] = 9001
    for label in ("across1", "across2"):
        for image in range(int(label[-1])):
            pictures[f"val/{label}/{image}.png"] = pictures[f"train/{label}/{image}.png"]
    for label in ("within2", "within3"):
        for image in range(1, int(label[-1])):
            pictures[f"train/{label}/{image}.png"] = pictures[f"train/{label}/0.png"]
    for n in (1, 2):
        for image in range(n):
            pictures[f"train/twin{n}a/{image}.png"] = pictures[f"train/twin{n}b/{image}.png"]
    return pictures


@pytest.fixture(scope="module")
def planted(
    tmp_path_factory: pytest.TempPathFactory,
    draw: Callable[[Path, Mapping[str, int]], Path],
    suite: Callable[..., "CompletedProcess[str]"],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
    outcomes: Callable[[Path], Cells],
) -> dict[str, tuple[int, Cells, Path]]:
    """Exit code, outcomes and report of the planted dataset, judged twice at once on one store."""
    folder = tmp_path_factory.mktemp("planted")
    draw(folder / "data", plant())
    (folder / "limits.toml").write_text(LIMITS, encoding="utf-8")
    runs = at_once(
        {
            "default": lambda: suite(folder, "--report=default"),
            "limits": lambda: suite(folder, "--report=limits", "--limits=limits.toml"),
        }
    )
    return {
        name: (run.returncode, outcomes(folder / name), folder / name) for name, run in runs.items()
    }


def subjects_of(cells: Cells, name: str, outcome: str) -> set[str]:
    return {subject for (each, subject), told in cells.items() if (each, told) == (name, outcome)}


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize(
    ("run", "expected"), [("default", FAILED_BY_DEFAULT), ("limits", FAILED_WITH_LIMITS)]
)
def test_exactly_the_cells_over_their_limit_fail(
    planted: dict[str, tuple[int, Cells, Path]],
    run: str,
    expected: dict[str, set[str]],
    name: str,
) -> None:
    code, cells, _ = planted[run]
    assert code == 1
    assert subjects_of(cells, name, "failed") == expected[name]


def test_everything_else_passes_or_was_not_measured(
    planted: dict[str, tuple[int, Cells, Path]],
) -> None:
    cells = {cell: told for cell, told in planted["default"][1].items() if cell[0] in PROPERTIES}
    asked = {(name, subject) for name in PROPERTIES for subject in (*CLASSES, "(unlabelled)")}
    unmeasured = {(ENOUGH, "(unlabelled)"), (ONE_LABEL, "(unlabelled)")}
    failed = {(name, subject) for name, told in FAILED_BY_DEFAULT.items() for subject in told}
    assert cells.keys() == asked
    assert {cell for cell, told in cells.items() if told == "not_measured"} == unmeasured
    assert {cell for cell, told in cells.items() if told == "passed"} == asked - unmeasured - failed


def test_a_required_property_that_was_not_measured_fails_and_says_so(
    planted: dict[str, tuple[int, Cells, Path]],
) -> None:
    results = load_report(planted["limits"][2])[1]["results"]
    told = {(r["property"], r["subject"]): r for r in results}[ENOUGH, "(unlabelled)"]
    assert (told["outcome"], told["value"]) == ("failed", None)
    assert told["message"].endswith("It is required.")


def test_the_cell_that_fails_names_its_own_limit_and_split(
    planted: dict[str, tuple[int, Cells, Path]],
) -> None:
    results = load_report(planted["limits"][2])[1]["results"]
    told = {(r["property"], r["subject"]): r for r in results}
    assert (told[ENOUGH, "within0"]["split"], told[ENOUGH, "within0"]["limit"]) == (
        "val",
        "at least 99",
    )
    limits = {cell["split"]: cell["limit"] for cell in told[ENOUGH, "nine"]["cells"]}
    assert limits == {"train": "at least 9", "val": "at least 10"}


def test_a_failure_names_subject_number_limit_files_and_evidence(
    planted: dict[str, tuple[int, Cells, Path]],
) -> None:
    results = load_report(planted["default"][2])[1]["results"]
    told = {(r["property"], r["subject"]): r for r in results}[WITHIN, "within3"]["message"]
    for part in ("within3 in train", "3 of 10", "at most 0", "train/within3/2.png", "duplicates.c"):
        assert part in told


def test_the_demo_finds_exactly_what_is_planted(sample: Sample) -> None:
    folder, runs = sample
    flaws = read_planted(folder / "data")
    closed = f"the gate is closed: {len(flaws)} planted flaws, {len(flaws)} found; report in demo"
    assert runs["demo"].returncode == 0
    assert runs["demo"].stdout.splitlines()[-1] == closed


@pytest.mark.parametrize("run", ["demo", "check", "copied"])
def test_each_planted_flaw_fails_its_cells_and_nothing_else_fails(
    sample: Sample, outcomes: Callable[[Path], Cells], run: str
) -> None:
    folder, _ = sample
    flaws = read_planted(folder / "data")
    expected = {cell: "known" if flaw.known else "failed" for flaw in flaws for cell in flaw.cells}
    found = outcomes(folder / run)
    bad = {cell: told for cell, told in found.items() if told not in ("passed", "not_measured")}
    assert bad == expected


def test_check_on_the_sample_ends_with_1(sample: Sample) -> None:
    assert sample[1]["check"].returncode == 1


def test_the_sample_without_flaws_passes_with_0(
    sample: Sample, outcomes: Callable[[Path], Cells]
) -> None:
    folder, runs = sample
    assert runs["clean"].returncode == 0, runs["clean"].stdout
    assert set(outcomes(folder / "clean").values()) == {"passed", "not_measured"}


def test_an_expired_entry_fails_and_says_whose_it_was(
    sample: Sample, outcomes: Callable[[Path], Cells]
) -> None:
    folder, runs = sample
    results = load_report(folder / "expired")[1]["results"]
    (told,) = [r for r in results if (r["property"], r["subject"]) == (WITHIN, "dam")]
    assert runs["expired"].returncode == 1
    assert told["outcome"] == "failed"
    for part in ("sample maintainers", "expired on 2020-01-01", "renew", "3 of 27 images"):
        assert part in told["message"]


def test_the_audit_counts_groups_within_and_across(sample: Sample) -> None:
    report = load_report(sample[0] / "demo")[1]
    counted = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert (
        counted.items()
        >= {
            "groups of identical pixels": 12,
            "groups within test": 1,
            "groups within train": 2,
            "groups within val": 2,
            "groups across test and train": 1,
            "groups across test and val": 0,
            "groups across train and val": 6,
            "groups under several labels": 7,
            "files that are no acceptable image": 3,
            "pairs that people rejected": 1,
            "near duplicates confirmed by people": 1,
        }.items()
    )
