"""The HTML report: a matrix of subjects and properties, and a page per subject with findings.

`render` makes every page from the files of a report folder alone: `report.json` says what was
decided, `pictures.json` what was drawn. The pages are read from disk, months later and without a
network, so everything they need lies in the folder beside them. Every text is escaped by the
templates; nothing is marked as safe.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.short_results import FINDINGS
from labelgate.plugins.report.accepted import collect_accepted
from labelgate.plugins.report.baseline import tell_comparison
from labelgate.plugins.report.changes_page import SOURCE, write_changes_page
from labelgate.plugins.report.class_pages import write_class_pages
from labelgate.plugins.report.formats import flatten
from labelgate.plugins.report.matrix import (
    OUTCOMES,
    UNDESCRIBED,
    collect_gaps,
    find_unmeasured,
    make_sections,
)
from labelgate.plugins.report.overview import tell_pages, tell_recall, tell_verdict
from labelgate.plugins.report.packing import ROWS, pack_rows
from labelgate.plugins.report.pages import copy_assets, write_page
from labelgate.plugins.report.pictures import read_pictures
from labelgate.plugins.report.review import render_review

if TYPE_CHECKING:
    from pathlib import Path

FINDINGS_SHOWN = 200
"""Findings listed on the first page; the matrix and the pages of subjects have all."""

NAMES_SHOWN = 200
"""Subjects that the first page names beside a reason why they were not measured."""


def render(folder: Path, report: dict[str, Any] | None = None, workers: int = 0) -> None:
    """Writes every page of a report, from `report.json` and `pictures.json` of its folder.

    Pages of an earlier rendering are removed; equal files give equal pages, byte by byte.

    Args:
        folder: the report folder.
        report: what its `report.json` says, where that was just written; by default it is read.
        workers: processes that write the pages of subjects; 0 for none but this one.
    """
    report = load_report(folder)[1] if report is None else report
    prepare_folder(folder)
    results: list[dict[str, Any]] = report["results"]
    properties = dict(report["properties"])
    for result in results:
        properties.setdefault(result["property"], UNDESCRIBED)
    sections = make_sections(results, properties, report["dataset"]["names"])
    subjects = [subject for section in sections for subject in section["subjects"]]
    shared = {
        "report": report,
        "properties": properties,
        "names": report["dataset"]["names"],
        "outcomes": OUTCOMES,
        "pages_told": tell_pages(subjects),
        "nowhere": find_unmeasured(results),
        "subjects": subjects,
        "reviewable": render_review(folder, report),
    }
    overview = _overview(report, sections, subjects, properties)
    write_page(folder, "classes/index.html", "pages.html", shared)
    write_class_pages(folder, shared, read_pictures(folder), workers)
    write_page(
        folder, "index.html", "index.html", shared | overview
    )  # when all it leads to is there
    if (folder / SOURCE).is_file():
        found = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
        write_changes_page(folder, found, in_report=True)


def _overview(
    report: dict[str, Any],
    sections: list[dict[str, Any]],
    subjects: list[dict[str, Any]],
    properties: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """What the first page shows beside what all pages share."""
    results = report["results"]
    findings = [(r, s["page"]) for s in subjects for r in s["results"] if r["outcome"] in FINDINGS]
    return {
        "verdict": tell_verdict(report, subjects),
        "comparison": tell_comparison(report),
        "recall": tell_recall(report, sections),
        "accepted": collect_accepted(subjects),
        "sections": [(section, pack_rows(section, properties)) for section in sections],
        "page_rows": ROWS,
        "severities": [
            name
            for name in ("critical", "warning", "info")
            if any(entry.get("severity") == name for entry in properties.values())
        ],
        "findings": findings[:FINDINGS_SHOWN],
        "findings_total": len(findings),
        "gaps": collect_gaps(results),
        "names_shown": NAMES_SHOWN,
        "tallies": Counter((result["property"], result["outcome"]) for result in results),
        "provenance": list(flatten(report["provenance"])),
    }


def prepare_folder(folder: Path) -> None:
    """Makes the sub-folders, removes the pages of an earlier report and copies the assets.

    Only names that `make_slug` gives are removed: the folder may hold the user's own files.
    """
    (folder / "classes").mkdir(exist_ok=True)
    for page in (folder / "classes").glob("*.html"):
        if re.search(r"-[0-9a-f]{12}\.html$", page.name):
            page.unlink()
    copy_assets(folder)
