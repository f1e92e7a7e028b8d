"""Lays the folders of all shards together into one report folder."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from labelgate.fixtures.embedders.description import file_sha256
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import save_report, write_json
from labelgate.fixtures.workers import count_processors
from labelgate.plugins.report.changes_page import SOURCE as CHANGES
from labelgate.plugins.report.complete import read_complete, read_part
from labelgate.plugins.report.diff import join_differences
from labelgate.plugins.report.folder import claim, release
from labelgate.plugins.report.html import render
from labelgate.plugins.report.merging import merge_reports, order_shards
from labelgate.plugins.report.pictures import PICTURES
from labelgate.plugins.report.review import REVIEW, merge_reviews
from labelgate.plugins.report.summary import to_markdown

PAPERS = ("evidence", "expectations")
"""Folders whose files are the same in all shards: each shard measures everything."""

TABLES = ("release.parquet", "findings.parquet")
"""Files beside `report.json` of which the same is true."""

DATED = ".result.json"
"""Great Expectations writes the time into these, so they are not compared."""


def join_reports(shards: Sequence[Path], target: Path) -> dict[str, Any]:
    """Writes the report of all shards and returns it.

    Args:
        shards: their report folders, in any order.
        target: the folder to write; new, empty, or an earlier report, which is replaced.

    Raises:
        SettingsError: a shard is missing or unfinished, shards do not fit together, or the folder
            cannot be written.
    """
    for folder in shards:
        if folder.resolve() == target.resolve():
            raise SettingsError(
                f"--report={target} is one of the shards, and would be replaced; name another "
                "folder."
            )
    ordered = order_shards([read_complete(folder) for folder in shards])
    folders = [folder for folder, _ in ordered]
    pictures = _join_pictures([read_part(folder / PICTURES, "pictures") for folder in folders])
    reviews = [read_part(file, "review") for folder in folders for file in _files(folder, REVIEW)]
    changes = [read_part(file, "diff") for folder in folders for file in _files(folder, CHANGES)]
    papers = _papers(folders)
    different = [name for name, files in papers.items() if _differ(name, files)]
    report = merge_reports([report for _, report in ordered], different)
    claim(target)
    for name, files in papers.items():
        _copy(files[0], target / name)
    for folder in folders:
        for picture in _files(folder / "images", "*.webp"):
            _copy(picture, target / "images" / picture.name)
    write_json(target / PICTURES, pictures)
    if reviews:
        same = all(review == reviews[0] for review in reviews)
        write_json(target / REVIEW, reviews[0] if same else merge_reviews(reviews))
    if changes:
        write_json(target / CHANGES, join_differences(changes, report))
    save_report(target, report)
    (target / "summary.md").write_text(to_markdown(report), encoding="utf-8")
    render(target, workers=count_processors())
    release(target)
    return report


def _papers(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """The papers of each name, in the order of the shards."""
    papers: dict[str, list[Path]] = {}
    for folder in folders:
        found = [file for part in PAPERS for file in _files(folder / part)]
        found += [file for name in TABLES for file in _files(folder, name)]
        for file in found:
            papers.setdefault(file.relative_to(folder).as_posix(), []).append(file)
    return dict(sorted(papers.items()))


def _differ(name: str, files: Sequence[Path]) -> bool:
    return not name.endswith(DATED) and len({file_sha256(file) for file in files}) > 1


def _files(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """Yields regular files; a link in a report could lead anywhere."""
    for file in sorted(folder.glob(pattern)):
        if file.is_file() and not file.is_symlink():
            yield file


def _copy(file: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(file, target)


def _join_pictures(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Joins what is known of drawn pictures: each image and each pair once."""
    images = {path: image for content in told for path, image in content["images"].items()}
    pairs = {(pair["a"], pair["b"]): pair for content in told for pair in content["pairs"]}
    return {**told[0], "images": images, "pairs": list(pairs.values())}
