"""The HTML report: a matrix of subjects and properties, and a page per subject with findings.

`render` makes every page from the files of a report folder alone: `report.json` says what was
decided, `pictures.json` what was drawn. The pages are read from disk, months later and without a
network, so everything they need lies in the folder beside them. Every text is escaped by the
templates; nothing is marked as safe.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.report_json import load_report
from labelgate.fixtures.short_results import FINDINGS
from labelgate.plugins.report.accepted import collect_accepted
from labelgate.plugins.report.baseline import tell_comparison
from labelgate.plugins.report.changes_page import PAGE, SOURCE, make_changes_page
from labelgate.plugins.report.formats import (
    flatten,
    format_number,
    format_percent,
    shorten_number,
)
from labelgate.plugins.report.groups import show_groups
from labelgate.plugins.report.matrix import (
    OUTCOMES,
    UNDESCRIBED,
    collect_gaps,
    find_unmeasured,
    has_section,
    make_sections,
)
from labelgate.plugins.report.overview import tell_pages, tell_recall, tell_verdict
from labelgate.plugins.report.packing import ROWS, pack_rows
from labelgate.plugins.report.pictures import read_pictures
from labelgate.plugins.report.review import render_review

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Environment

    from labelgate.plugins.report.pictures import Pictures

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = (".css", ".js", ".svg")

FINDINGS_SHOWN = 200
"""Findings listed on the first page; the matrix and the pages of subjects have all."""

NAMES_SHOWN = 200
"""Subjects that the first page names beside a reason why they were not measured."""


def render(folder: Path, report: dict[str, Any] | None = None) -> None:
    """Writes every page of a report, from `report.json` and `pictures.json` of its folder.

    Pages of an earlier rendering are removed; equal files give equal pages, byte by byte.

    Args:
        folder: the report folder.
        report: what its `report.json` says, where that was just written; by default it is read.
    """
    report = load_report(folder)[1] if report is None else report
    prepare_folder(folder)
    environment = load_templates()
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
        "reviewable": render_review(folder, environment, report),
    }
    write = _writer(folder, environment)
    write("index.html", "index.html", shared | _overview(report, sections, subjects, properties))
    write("classes/index.html", "pages.html", shared)
    _write_class_pages(write, shared, subjects, read_pictures(folder))
    if (folder / SOURCE).is_file():
        found = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
        write_page(folder / PAGE, make_changes_page(found, environment, in_report=True))


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

    Only names that this module gives are removed: the folder may hold the user's own files.
    """
    (folder / "classes").mkdir(exist_ok=True)
    for page in (folder / "classes").glob("*.html"):
        if re.search(r"-[0-9a-f]{12}\.html$", page.name):
            page.unlink()
    copy_assets(folder)


def copy_assets(folder: Path) -> None:
    """Copies what the pages need: styles, scripts and icon."""
    (folder / "assets").mkdir(exist_ok=True)
    for asset in (file for file in TEMPLATES.iterdir() if file.suffix in ASSETS):
        shutil.copyfile(asset, folder / "assets" / asset.name)


def load_templates() -> Environment:
    """Returns the templates, with escaping on for every text."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "number": format_number,
        "short": shorten_number,
        "percent": format_percent,
    }
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    return environment


def write_page(target: Path, text: str) -> None:
    """Writes a page; a file name that is not valid Unicode is shown with its raw bytes escaped."""
    target.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _writer(folder: Path, environment: Environment) -> Callable[[str, str, dict[str, Any]], None]:
    """Returns what writes a page of the folder, by a template and what it shows."""

    def write(name: str, template: str, shown: dict[str, Any]) -> None:
        root = "../" * name.count("/") or "./"
        write_page(folder / name, environment.get_template(template).render(shown, root=root))

    return write


def _write_class_pages(
    write: Callable[[str, str, dict[str, Any]], None],
    shared: dict[str, Any],
    subjects: list[dict[str, Any]],
    pictures: Pictures,
) -> None:
    """Writes the pages of subjects that have one."""
    pages = [subject for subject in subjects if subject["page"]]
    for before, subject, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        told = {
            "subject": subject,
            "before": before,
            "after": after,
            "findings": [_shown(r, shared, pictures) for r in subject["results"] if has_section(r)],
            **_in_short([r for r in subject["results"] if not has_section(r)], shared["nowhere"]),
        }
        write(subject["page"], "class.html", shared | told)


def _shown(
    result: dict[str, Any], shared: dict[str, Any], pictures: Pictures
) -> tuple[dict[str, Any], dict[str, Any]]:
    stem = shared["properties"][result["property"]]["stem"]
    return result, show_groups(result, stem, pictures)


def _in_short(results: list[dict[str, Any]], nowhere: frozenset[str]) -> dict[str, Any]:
    """What a page says of the results without a section: numbers, or why there are none at all.

    Args:
        results: of one subject.
        nowhere: properties that were measured of no subject; the first page says why, once.
    """
    others: list[dict[str, Any]] = []
    unmeasured: dict[str, list[str]] = {}
    for result in results:
        reasons = {cell["reason"] for cell in result["cells"]} or {result["reason"]}
        if result["property"] in nowhere:
            continue
        if result["outcome"] == "not_measured" and len(reasons) == 1:
            unmeasured.setdefault(reasons.pop(), []).append(result["property"])
        else:
            others.append(result)
    silent = sum(result["property"] in nowhere for result in results)
    return {"others": others, "unmeasured": unmeasured, "silent": silent}
