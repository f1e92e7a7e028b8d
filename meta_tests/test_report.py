"""The report: valid, complete, the same however it was made, and readable without a network."""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from importlib.resources import files as files_of
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.measurements import PATHS_SHOWN
from labelgate.plugins.report.folder import claim
from labelgate.plugins.report.summary import to_markdown
from labelgate.plugins.report.write import _verdict

Sample = tuple[Path, dict[str, "CompletedProcess[str]"]]
RUNS = ("demo", "check", "copied", "expired", "clean", "part")
SAME = ("check", "copied")
FINDINGS = ("failed", "error", "known")


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return content


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
def test_the_report_has_the_form_that_its_schema_says(
    sample: Sample, schema: Draft202012Validator, run: str
) -> None:
    schema.validate(read(sample[0] / run))


def test_the_report_of_a_broken_run_has_that_form_and_is_no_pass(
    broken: Path, schema: Draft202012Validator
) -> None:
    report = read(broken)
    schema.validate(report)
    assert report["verdict"] == "error"
    assert report["counts"] == {
        "passed": 0, "failed": 0, "known": 0, "not_measured": 0, "error": report["checks"]["total"]
    }  # fmt: skip


def test_the_schema_knows_every_key(sample: Sample, schema: Draft202012Validator) -> None:
    report = read(sample[0] / "check")
    for holder in (report, report["provenance"], report["results"][0], report["counts"]):
        holder["surprise"] = 1
        assert not schema.is_valid(report)
        del holder["surprise"]
    assert schema.is_valid(report)


@pytest.mark.parametrize("run", SAME)
def test_workers_store_root_and_xdist_do_not_change_the_report(sample: Sample, run: str) -> None:
    first, other = (read(sample[0] / name) for name in ("demo", run))
    assert first.pop("provenance")["limits_sha256"] == other.pop("provenance")["limits_sha256"]
    assert first == other


@pytest.mark.parametrize("run", SAME)
def test_the_evidence_is_the_same_byte_for_byte(sample: Sample, run: str) -> None:
    def evidence(name: str) -> dict[str, bytes]:
        return {file.name: file.read_bytes() for file in (sample[0] / name).glob("evidence/*")}

    assert evidence("demo") == evidence(run)
    assert {"duplicates.csv", "near_duplicates.csv", "label_conflicts.csv"} <= set(evidence("demo"))


@pytest.mark.parametrize("run", SAME)
def test_the_pages_are_the_same_but_for_the_provenance(sample: Sample, run: str) -> None:
    def pages(name: str) -> dict[str, str]:
        return {file.name: file.read_text() for file in (sample[0] / name).glob("classes/*")}

    assert pages("demo") == pages(run)
    images = [sorted(f.name for f in (sample[0] / r).glob("images/*")) for r in ("demo", run)]
    assert images[0] == images[1]


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
    assert len(groups) == 7


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
    assert [row["label"] for row in rows] == ["crane", "sorrel", "tusker"]
    assert all(row["problem"] and row["path"].startswith("train/") for row in rows)


def test_junit_names_property_and_subject_of_every_check(sample: Sample) -> None:
    tree = ElementTree.parse(sample[0] / "junit.xml")
    told = set()
    for case in tree.iter("testcase"):
        named = {p.attrib["name"]: p.attrib["value"] for p in case.iter("property")}
        told.add((named["property"], named["subject"]))
    assert told == {(r["property"], r["subject"]) for r in read(sample[0] / "check")["results"]}


def test_an_old_report_is_gone_before_anything_is_measured(tmp_path: Path) -> None:
    claim(tmp_path)
    for name in ("report.json", "index.html", "summary.md", "evidence/x.csv", "images/x.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    claim(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [".labelgate", "notes.txt"]


@pytest.mark.parametrize("name", ["thesis.txt", "report.json", "evidence/x.csv"])
def test_a_folder_without_our_marker_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(SettingsError, match="no labelgate report"):
        claim(tmp_path)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["evidence", "images", ".labelgate"])
def test_a_link_in_the_report_folder_is_never_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("mine")
    report = tmp_path / "report"
    (report / ".labelgate").mkdir(parents=True)
    if name == ".labelgate":
        (report / name).rmdir()
    (report / name).symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(SettingsError):
        claim(report)
    assert (tmp_path / "outside" / "file").read_text() == "mine"


class Links(HTMLParser):
    """Every `href`, `src` and `id` of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]
        self.ids += [value or "" for name, value in attrs if name == "id"]


def links_of(page: Path) -> Links:
    links = Links()
    links.feed(page.read_text(encoding="utf-8"))
    return links


@pytest.mark.parametrize("run", RUNS)
def test_every_link_and_picture_is_there(sample: Sample, run: str) -> None:
    for page in (sample[0] / run).rglob("*.html"):
        for target in links_of(page).targets:
            parts = urlsplit(target)
            file = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert file.is_file(), f"{page.name}: {target}"
            assert file.is_relative_to(sample[0] / run), f"{page.name}: {target}"
            if parts.fragment and file.suffix == ".html":
                assert parts.fragment in links_of(file).ids, f"{page.name}: {target}"


@pytest.mark.parametrize("run", RUNS)
def test_there_is_a_page_for_each_subject_with_a_finding_and_no_other(
    sample: Sample, run: str
) -> None:
    bad = {r["subject"] for r in read(sample[0] / run)["results"] if r["outcome"] in FINDINGS}
    pages = [file.read_text() for file in (sample[0] / run).glob("classes/*.html")]
    named = [re.search(r'<h1><bdi class="name">(.*?)</bdi>', page) for page in pages]
    assert {match.group(1) for match in named if match} == bad
    assert len(pages) == len(bad)


@pytest.mark.parametrize("run", RUNS)
def test_nothing_in_the_report_asks_the_network(sample: Sample, run: str) -> None:
    for file in (sample[0] / run).rglob("*.*"):
        if file.suffix in (".html", ".css", ".js"):
            assert "https://" not in file.read_text(encoding="utf-8"), file.name
            assert "http://" not in file.read_text(encoding="utf-8"), file.name
            assert "url(//" not in file.read_text(encoding="utf-8"), file.name


def test_a_page_shows_the_copies_side_by_side_with_split_and_label(sample: Sample) -> None:
    (page,) = (sample[0] / "check").glob("classes/mousetrap-*.html")
    text = page.read_text()
    for part in ("train/mouse/0025.jpg", "val/0046.jpg", ">mouse<", ">mousetrap<", "thumbnail-"):
        assert part in text


def test_the_bad_file_is_shown_with_its_reason(sample: Sample) -> None:
    (page,) = (sample[0] / "check").glob("classes/tusker-*.html")
    assert "No picture" in page.read_text()


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
    assert _verdict(Counter(counts), checks, exitstatus) == verdict


def test_nothing_but_unmeasured_checks_is_no_pass() -> None:
    assert _verdict(Counter(not_measured=3), {"total": 3, "run": 3}, 0) == "incomplete"


def test_a_part_of_the_checks_is_no_pass() -> None:
    assert _verdict(Counter(passed=3), {"total": 4, "run": 3}, 0) == "incomplete"


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
