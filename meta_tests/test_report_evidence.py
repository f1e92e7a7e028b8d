"""The evidence: a row for every image of every group, the same byte for byte."""

import csv

import pytest
from sample_reports import RUNS, Sample, read

from labelgate.fixtures.measurements import PATHS_SHOWN


def test_duplicates_csv_has_a_row_for_every_image_of_every_group(sample: Sample) -> None:
    with (sample[0] / "check" / "evidence" / "duplicates.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kind"] == "exact"]
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(row["path"])
        assert row["path"].startswith(f"{row['split']}/")
    results = read(sample[0] / "check")["results"]
    told = {tuple(g) for r in results if "exact" in r["property"] for g in r["examples"]}
    assert {tuple(group) for group in groups.values()} == told
    assert len(groups) == 12


@pytest.mark.parametrize("run", RUNS)
def test_every_example_says_how_large_its_group_is(sample: Sample, run: str) -> None:
    for result in read(sample[0] / run)["results"]:
        assert len(result["captions"]) == len(result["examples"])
        for paths, size in zip(result["examples"], result["sizes"], strict=True):
            assert len(paths) == min(size, PATHS_SHOWN)
        assert result["groups"] >= len(result["examples"])


def test_undecodable_csv_names_each_bad_file(sample: Sample) -> None:
    with (sample[0] / "check" / "evidence" / "undecodable.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == ["crane", "planetarium", "tusker"]
    assert all(row["problem"] and row["path"].startswith("train/") for row in rows)
