"""Shards: every check in exactly one, whatever the order of files, and none decides alone."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_reports import check_form

from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.shards import Shard, read_shard, refuse_empty, share_of
from labelgate.fixtures.subjects import subjects_of
from labelgate.plugins.report.summary import headline

KINDS = ("class", "group", "alteration", "dataset")
Runs = tuple[Path, dict[str, "CompletedProcess[str]"]]


def dataset_of(labels: list[str]) -> Dataset:
    paths = [f"train/{number}.png" for number in range(len(labels))]
    return assemble("memory", Path("/nowhere"), [SplitNames("train", paths, labels)])


@pytest.mark.parametrize(
    ("text", "number", "of"), [("1/1", 1, 1), ("2/4", 2, 4), ("1000/1000", 1000, 1000)]
)
def test_a_shard_is_a_part_of_a_whole(text: str, number: int, of: int) -> None:
    assert read_shard(text) == Shard(number, of)


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "x", "", "1", "1/0", "-1/4", "1/4/", "1.0/4", "²/4"]
)
def test_other_texts_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SettingsError, match="no part of a whole; give i/n") as caught:
        read_shard(text)
    assert "\n" not in str(caught.value)


@given(
    st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, unique=True),
    st.data(),
)
def test_each_check_is_in_exactly_one_shard_whatever_the_order(
    labels: list[str], data: st.DataObject
) -> None:
    dataset, other = dataset_of(labels), dataset_of(data.draw(st.permutations(labels)))
    of = data.draw(st.integers(1, len(labels)))
    shares = [share_of(Shard(number, of), dataset) for number in range(1, of + 1)]
    assert shares == [share_of(Shard(number, of), other) for number in range(1, of + 1)]
    every = {(kind, subject) for kind in KINDS for subject in subjects_of(kind, dataset)}
    assert sum(map(len, shares)) == len(every)
    assert set().union(*shares) == every
    for kind in KINDS:
        sizes = [sum(each == kind for each, _ in share) for share in shares]
        assert max(sizes) - min(sizes) <= 1
    assert all(any(kind == "class" for kind, _ in share) for share in shares)


def test_more_shards_than_classes_are_refused() -> None:
    refuse_empty(Shard(2, 2), dataset_of(["a", "b"]))
    with pytest.raises(SettingsError, match=r"memory has 2 classes, .* give at most 2 shards"):
        refuse_empty(Shard(1, 3), dataset_of(["a", "b"]))


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("incomplete", "Shard 2 of 4: none of 3 checks failed; labelgate merge decides"),
        ("failed", "Shard 2 of 4: Not fit to release: 1 of 4"),
        ("error", "Shard 2 of 4: Not decided: 0 of 3 checks broke"),
    ],
)
def test_the_headline_names_the_shard(verdict: str, told: str) -> None:
    failed = int(verdict == "failed")
    counts = {"passed": 3, "failed": failed, "known": 0, "not_measured": 0, "error": 0}
    report: dict[str, Any] = {"verdict": verdict, "counts": counts, "results": []}
    report |= {"shard": {"number": 2, "of": 4, "checks": 9}, "checks": {"total": 36, "run": 3}}
    assert headline(report).startswith(told)


def read(folder: Path) -> dict[str, Any]:
    return load_report(folder)[1]


def results_of(report: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(result["property"], result["subject"]): result for result in report["results"]}


def test_shards_end_as_one_run_does_each_check_once(sharded: Runs) -> None:
    folder, _ = sharded
    whole, *shards = (results_of(read(folder / name)) for name in ("whole", "1", "2"))
    assert not shards[0].keys() & shards[1].keys()
    assert shards[0] | shards[1] == whole


def test_known_failures_of_other_shards_are_no_mistake(sharded: Runs) -> None:
    folder, ended = sharded
    assert {name: run.returncode for name, run in ended.items()} == {"whole": 1, "1": 1, "2": 0}
    outcomes = {key: result["outcome"] for key, result in results_of(read(folder / "2")).items()}
    assert outcomes["no_exact_duplicates_within_a_split", "b"] == "known"


def test_a_shard_says_that_it_is_one_and_never_passes_alone(sharded: Runs) -> None:
    folder, ended = sharded
    whole, report = read(folder / "whole"), read(folder / "2")
    assert report["verdict"] == "incomplete"
    assert report["checks"] == {"total": whole["checks"]["total"], "run": len(report["results"])}
    assert (report["shard"]["number"], report["shard"]["of"]) == (2, 2)
    assert any(notice.startswith("Shard 2 of 2: ") for notice in report["notices"])
    assert "Shard 2 of 2: none of " in ended["2"].stdout
    assert "Shard 2 of 2" in (folder / "2" / "summary.md").read_text()
    assert "Shard 2 of 2" in (folder / "2" / "index.html").read_text()
    assert whole["shard"] is None


def test_the_report_of_a_shard_has_the_form_that_its_schema_says(sharded: Runs) -> None:
    for name in ("whole", "1", "2"):
        check_form(sharded[0] / name)


def test_shards_rest_on_the_same_suites_and_libraries(sharded: Runs) -> None:
    told = [read(sharded[0] / name)["provenance"] for name in ("whole", "1", "2")]
    for key in ("suites_sha256", "versions", "known_failures_sha256", "embedder", "predictors"):
        assert told[0][key] == told[1][key] == told[2][key], key


def test_the_checks_of_all_shards_are_all_checks(sharded: Runs) -> None:
    reports = [read(sharded[0] / name) for name in ("1", "2")]
    assert sum(each["shard"]["checks"] for each in reports) == reports[0]["checks"]["total"]


def test_papers_are_those_of_one_run_byte_for_byte(sharded: Runs) -> None:
    def papers(name: str) -> dict[str, bytes]:
        return {
            file.relative_to(sharded[0] / name).as_posix(): file.read_bytes()
            for part in ("evidence", "expectations")
            for file in (sharded[0] / name / part).rglob("*")
            if not file.name.endswith(".result.json")  # Great Expectations writes times into them
        }

    assert papers("1") == papers("2") == papers("whole")


@pytest.mark.parametrize("shard", ["0/4", "5/4", "x", "1/9"])
def test_a_shard_that_cannot_be_ends_with_4(
    sharded: Runs, suite: Callable[..., "CompletedProcess[str]"], shard: str
) -> None:
    run = suite(sharded[0], f"--shard={shard}", "--report=none")
    assert run.returncode == 4
    assert f"--shard={shard}" in run.stderr
    assert not (sharded[0] / "none").exists()
