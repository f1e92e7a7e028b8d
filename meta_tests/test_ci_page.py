"""docs/ci.md: each step of both platforms, run as shell on a dataset, and what must end red."""

import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ci_platforms import GitHub, GitLab

from labelgate.fixtures.report_json import load_report

PAGE = Path(__file__).parents[1] / "docs" / "ci.md"
CHOSEN = {"PYTEST_ADDOPTS": '-k "exact_duplicates or every_image_decodes"'}
"""What makes a run short: steps are what is tested here."""


def read_page() -> tuple[dict[str, Any], dict[str, Any]]:
    """The workflow of GitHub and the pipeline of GitLab, as they stand on the page."""
    github, gitlab = re.findall(
        r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S
    )
    return yaml.safe_load(github), yaml.safe_load(gitlab)


def halve() -> tuple[dict[str, Any], dict[str, Any]]:
    """The same with two shards, which say what four would say."""
    github, gitlab = read_page()
    github["env"]["SHARDS"] = gitlab["variables"]["SHARDS"] = gitlab["check"]["parallel"] = 2
    github["jobs"]["check"]["strategy"]["matrix"]["shard"] = [1, 2]
    return github, gitlab


GITHUB, GITLAB = read_page()
STEPS = [(name, step) for name, job in GITHUB["jobs"].items() for step in job["steps"]]


def test_actions_are_pinned_by_major() -> None:
    used = [step["uses"] for _, step in STEPS if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z/-]+@v\d+", name) for name in used)


def test_a_job_may_do_no_more_than_it_needs() -> None:
    assert GITHUB["permissions"] == {"contents": "read"}
    more = {
        name: job["permissions"] for name, job in GITHUB["jobs"].items() if "permissions" in job
    }
    assert more == {"publish": {"contents": "write"}}


def test_no_expression_stands_in_a_script() -> None:
    assert not [step for _, step in STEPS if "${{" in step.get("run", "")]


def test_every_shard_is_run_and_each_says_its_own() -> None:
    check = GITHUB["jobs"]["check"]
    assert check["strategy"]["matrix"]["shard"] == list(range(1, GITHUB["env"]["SHARDS"] + 1))
    assert check["strategy"]["fail-fast"] is False
    assert GITLAB["check"]["parallel"] == GITLAB["variables"]["SHARDS"]


def test_merging_comes_last_and_whatever_happened() -> None:
    merge = GITHUB["jobs"]["merge"]
    assert (merge["needs"], merge["if"]) == ("check", "always()")
    assert GITLAB["merge"]["when"] == "always"
    assert GITLAB["stages"] == ["measure", "check", "merge"]


def test_reports_and_junit_are_kept_whatever_happened() -> None:
    kept = [step for _, step in STEPS if step.get("uses", "").startswith("actions/upload")]
    assert all(step["if"] == "always()" for step in kept)
    assert {step["with"]["name"] for step in kept} >= {"labelgate-report", "junit"}
    assert all(GITLAB[name]["artifacts"]["when"] == "always" for name in ("check", "merge"))


def test_a_cache_is_new_in_each_run_and_the_latest_is_restored() -> None:
    caches = [step["with"] for _, step in STEPS if step.get("uses", "").startswith("actions/cache")]
    assert len(caches) == 2
    for cache in caches:
        assert "github.run_id" in cache["key"]
        assert cache["key"].startswith(cache["restore-keys"])


def test_the_page_names_every_exit_code() -> None:
    assert all(
        re.search(rf"^\| [\d, ]*{code}[\d, ]* \|", PAGE.read_text(), re.M) for code in range(6)
    )


@pytest.fixture(scope="module")
def repository(
    tmp_path_factory: pytest.TempPathFactory, draw: Callable[[Path, Mapping[str, int]], Path]
) -> Path:
    """Two classes, of which one has two equal pictures; known failures: none."""
    folder = tmp_path_factory.mktemp("ci") / "repository"
    pictures = {f"data/train/{c}/{i}.png": 20 * n + i for n, c in enumerate("ab") for i in range(3)}
    draw(folder, pictures | {"data/train/a/copy.png": 0})
    (folder / "known_failures.toml").write_text("")
    return folder


@pytest.fixture(scope="module")
def first(repository: Path, warm: str) -> GitHub:
    """The first pipeline: no release has a report yet."""
    platform = GitHub(repository.parent / "first", repository, warm, CHOSEN)
    platform.run(halve()[0])
    return platform


@pytest.fixture(scope="module")
def later(
    first: GitHub,
    repository: Path,
    draw: Callable[[Path, Mapping[str, int]], Path],
    at_once: Callable[[Mapping[str, Callable[[], Any]]], dict[str, Any]],
) -> dict[str, GitHub | GitLab]:
    """Pipelines after a release with that report: of the same dataset, and of a worse one."""
    worse = shutil.copytree(repository, repository.parent / "worse")
    draw(worse, {"data/train/b/copy.png": 20})
    known = CHOSEN | {"BASELINE": str(first.folder / "artifacts" / "labelgate-report")}
    platforms: dict[str, Any] = {
        "same": (GitLab(repository.parent / "same", repository, first.warm, known), halve()[1]),
        "worse": (GitHub(repository.parent / "later", worse, first.warm, known), halve()[0]),
    }
    shutil.copytree(first.folder / "cache", platforms["worse"][0].folder / "cache")
    del platforms["worse"][1]["jobs"]["measure"]  # the latest cache is as good
    at_once({name: lambda each=each: each[0].run(each[1]) for name, each in platforms.items()})
    return {name: each[0] for name, each in platforms.items()}


def codes(platform: GitHub | GitLab) -> dict[str, int]:
    return {name: ended.code for name, ended in platform.ended.items()}


def read(report: Path) -> dict[str, Any]:
    content: dict[str, Any] = load_report(report)[1]
    return content


def failed(report: Path) -> Iterator[tuple[str, str]]:
    return (
        (r["property"], r["subject"]) for r in read(report)["results"] if r["outcome"] == "failed"
    )


TWINS = "no_exact_duplicates_within_a_split"


def test_without_a_baseline_every_failure_counts(first: GitHub) -> None:
    expected = {"measure": 0, "check-1": 1, "check-2": 0, "merge": 1}
    assert codes(first) == expected, {n: e.told for n, e in first.ended.items()}
    report = first.folder / "artifacts" / "labelgate-report"
    assert list(failed(report)) == [(TWINS, "a")]
    assert read(report)["shard"] is None
    assert (report / "index.html").is_file()


def test_shards_find_in_the_store_what_the_first_job_measured(first: GitHub) -> None:
    told = read(first.folder / "artifacts" / "labelgate-report")["provenance"]["shards"]
    assert [shard["images_decoded"] for shard in told] == [0, 0]


def test_the_page_of_the_job_shows_the_summary(first: GitHub) -> None:
    assert first.ended["merge"].summary.startswith("## labelgate: data\n")
    assert "Not fit to release: 1 of " in first.ended["merge"].summary


def test_junit_files_of_all_shards_are_kept(first: GitHub) -> None:
    kept = first.folder / "artifacts" / "junit"
    found = [file.relative_to(kept).as_posix() for file in sorted(kept.rglob("*.xml"))]
    assert found == ["shard-1/junit.xml", "shard-2/junit.xml"]


def test_what_failed_at_the_release_does_not_block(later: dict[str, GitHub | GitLab]) -> None:
    ended = later["same"].ended
    assert set(codes(later["same"]).values()) == {0}, {n: e.told for n, e in ended.items()}
    assert len(ended) == 4
    report = later["same"].folder / "artifacts" / "labelgate-report"
    assert read(report)["counts"]["known"] == 1
    assert "Fit to release" in ended["merge"].told or "Not decided" in ended["merge"].told


def test_a_new_failure_blocks(later: dict[str, GitHub | GitLab]) -> None:
    report = later["worse"].folder / "artifacts" / "labelgate-report"
    assert codes(later["worse"])["merge"] == 1
    assert list(failed(report)) == [(TWINS, "b")]
    told = json.loads((report / "changes.json").read_text(encoding="utf-8"))
    assert [row["subject"] for row in told["verdicts"] if row["broke"]] == ["b"]
    assert (report / "changes.html").is_file()


def test_a_lost_shard_ends_red(first: GitHub, tmp_path: Path) -> None:
    shutil.copytree(first.folder / "artifacts", tmp_path / "artifacts")
    shutil.rmtree(tmp_path / "artifacts" / "shard-2")
    platform = GitHub(tmp_path, first.checkout, first.warm, CHOSEN)
    ended = platform.run_job(halve()[0], "merge")
    assert ended.code == 4
    assert "Shard 2 of 2 is missing: a lost shard is an error, not a pass" in ended.told
    assert ended.summary.startswith("**No verdict")


def test_a_lost_shard_ends_red_on_gitlab(later: dict[str, GitHub | GitLab], tmp_path: Path) -> None:
    shutil.copytree(
        later["same"].folder / "artifacts" / "shards", tmp_path / "artifacts" / "shards"
    )
    shutil.rmtree(tmp_path / "artifacts" / "shards" / "1")
    platform = GitLab(tmp_path, later["same"].checkout, later["same"].warm, CHOSEN)
    ended = platform.run_job(halve()[1], "merge")
    assert ended.code == 4
    assert "Shard 1 of 2 is missing" in ended.told
    assert "No verdict" in ended.told


def test_no_shard_at_all_ends_red(first: GitHub, tmp_path: Path) -> None:
    (tmp_path / "artifacts").mkdir()
    ended = GitHub(tmp_path, first.checkout, first.warm, CHOSEN).run_job(halve()[0], "merge")
    assert ended.code == 4


def test_a_release_keeps_its_report_if_it_speaks_of_it(first: GitHub, tmp_path: Path) -> None:
    variables = CHOSEN | {"RELEASED": str(tmp_path / "released.tar.gz")}
    platform = GitHub(tmp_path, first.checkout, first.warm, variables)
    shutil.copytree(first.folder / "artifacts", tmp_path / "artifacts")
    ended = platform.run_job(halve()[0], "publish")
    assert ended.code == 0, ended.told
    assert "Yes: labelgate-report speaks of data" in ended.told
    with tarfile.open(tmp_path / "released.tar.gz") as released:
        assert "labelgate-report/report.json" in released.getnames()
