"""The report: of the form its schema says, complete, and the same however it was made."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files as files_of
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator
from sample_reports import RUNS, Sample, check_form, read

from labelgate.plugins.report.folder import claim


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    file = files_of("labelgate.plugins.report") / "report.schema.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(content)
    return Draft202012Validator(content)


@pytest.fixture(scope="module")
def broken(
    tmp_path_factory: pytest.TempPathFactory,
    suite: Callable[..., "CompletedProcess[str]"],
    draw: Callable[[Path, Mapping[str, int]], Path],
) -> Path:
    """A report of a run in which every stem broke; it lies where an older report was."""
    folder = tmp_path_factory.mktemp("broken")
    draw(folder / "data", {"train/cat/1.png": 1, "test/1.png": 2})
    (folder / "crash.py").write_text(
        "def pytest_sessionstart():\n"
        "    from labelgate.fixtures import decode_pass\n"
        "    decode_pass.measure_pixels = None\n"
    )
    claim(folder / "report")
    old = ("report.json", "evidence/old.csv", "classes/old-0123456789ab.html")
    for name in old:
        (folder / "report" / name).parent.mkdir(exist_ok=True)
        (folder / "report" / name).write_text("old")
    assert suite(folder, "-p", "crash").returncode == 1
    assert not any((folder / "report" / name).exists() for name in old[1:])
    return folder / "report"


@pytest.mark.parametrize("run", RUNS)
def test_the_report_has_the_form_that_its_schema_says(sample: Sample, run: str) -> None:
    check_form(sample[0] / run)


def test_the_report_of_a_broken_run_has_that_form_and_is_no_pass(
    broken: Path,
) -> None:
    check_form(broken)
    report = read(broken)
    assert report["verdict"] == "error"
    by_stem = {report["properties"][r["property"]]["stem"]: r["outcome"] for r in report["results"]}
    labels = (
        *("accuracy", "class_names", "label_errors", "multilabel", "relabels", "release"),
        "taxonomy",
    )
    of_labels = {stem: by_stem.pop(stem) for stem in labels}
    assert "error" not in of_labels.values(), "they ask for no pixel here"
    assert set(by_stem.values()) == {"error"}


def test_the_schema_knows_every_key(sample: Sample, schema: Draft202012Validator) -> None:
    report = read(sample[0] / "check")
    for holder in (report, report["provenance"], report["results"][0], report["counts"]):
        holder["surprise"] = 1
        assert not schema.is_valid(report)
        del holder["surprise"]
    assert schema.is_valid(report)


def test_facts_are_computed_once_under_xdist(sample: Sample) -> None:
    folder, _ = sample
    images = sum(split["images"] for split in read(folder / "copied")["dataset"]["splits"].values())
    contents = len({file.read_bytes() for file in pictures(folder / "data")})
    assert read(folder / "copied")["provenance"]["images_read"] == images
    assert rows_stored(folder / "s2", "files") == images
    assert contents <= rows_stored(folder / "s2", "pixels") <= images


def test_a_second_run_decodes_nothing(sample: Sample) -> None:
    assert read(sample[0] / "check")["provenance"]["images_decoded"] == 0
    assert read(sample[0] / "demo")["provenance"]["images_decoded"] > 0


def pictures(root: Path) -> Iterator[Path]:
    return (file for split in ("train", "val", "test") for file in (root / split).rglob("*.*"))


def rows_stored(store: Path, table: str) -> int:
    import pyarrow.parquet as pq

    parts = store.glob(f"v*/{table}-*/part-*.parquet")
    return sum(int(pq.read_metadata(part).num_rows) for part in parts)


@pytest.mark.parametrize("run", RUNS)
def test_counts_are_those_of_pytest(sample: Sample, run: str) -> None:
    folder, runs = sample
    report = read(folder / run)
    summary = next(line for line in reversed(runs[run].stdout.splitlines()) if " in " in line
                   and line.startswith("="))  # fmt: skip
    told = {name: int(n) for n, name in re.findall(r"(\d+) ([a-z ]+?)(?=,| in )", summary)}
    told.pop("deselected", None)
    assert {k.replace("_", " "): n for k, n in report["counts"].items() if n} == told
    assert Counter(result["outcome"] for result in report["results"]) == Counter(report["counts"])


def test_a_partial_run_says_that_it_is_one(sample: Sample) -> None:
    report = read(sample[0] / "part")
    assert [(r["property"], r["subject"]) for r in report["results"]] == [
        ("every_image_decodes", "dam"),
        ("classes_have_enough_images", "dam"),
    ]
    total = read(sample[0] / "check")["checks"]["total"]
    assert total > 2
    assert any(notice.startswith(f"Only 2 of {total} checks") for notice in report["notices"])


def test_junit_names_property_and_subject_of_every_check(sample: Sample) -> None:
    tree = ElementTree.parse(sample[0] / "junit.xml")
    told = set()
    for case in tree.iter("testcase"):
        named = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        told.add((named["property"], named["subject"]))
    assert told == {(r["property"], r["subject"]) for r in read(sample[0] / "check")["results"]}
