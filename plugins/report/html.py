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

from labelgate.plugins.report.changes_page import PAGE, SOURCE, make_changes_page
from labelgate.plugins.report.comparison import tell_comparison
from labelgate.plugins.report.formats import (
    flatten,
    format_number,
    format_percent,
    shorten_number,
)
from labelgate.plugins.report.groups import show_groups
from labelgate.plugins.report.matrix import (
    FINDINGS,
    OUTCOMES,
    UNDESCRIBED,
    collect_gaps,
    has_section,
    make_sections,
    tell_verdict,
)
from labelgate.plugins.report.pictures import read_pictures
from labelgate.plugins.report.review import ASSETS as REVIEW_ASSETS
from labelgate.plugins.report.review import render_review

if TYPE_CHECKING:
    from jinja2 import Environment

    from labelgate.plugins.report.pictures import Pictures

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = ("report.css", "report.js", "report.svg")

FINDINGS_OPEN = 200
"""Findings listed in the open on the first page; the others stand in a closed list below them."""


def render(folder: Path) -> None:
    """Writes every page of a report, from `report.json` and `pictures.json` of its folder.

    Pages of an earlier rendering are removed; equal files give equal pages, byte by byte.
    """
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    prepare_folder(folder)
    environment = load_templates()
    results: list[dict[str, Any]] = report["results"]
    properties = dict(report["properties"])
    for result in results:
        properties.setdefault(result["property"], UNDESCRIBED)
    names = report["dataset"]["names"]
    sections = make_sections(results, properties, names)
    subjects = [subject for section in sections for subject in section["subjects"]]
    shared = {
        "report": report,
        "properties": properties,
        "names": names,
        "verdict": tell_verdict(report, subjects),
        "comparison": tell_comparison(report),
        "outcomes": OUTCOMES,
        "reviewable": render_review(folder, environment, report),
    }
    index = environment.get_template("index.html").render(
        shared,
        root="./",
        subjects=subjects,
        sections=sections,
        findings=[
            (r, s["page"]) for s in subjects for r in s["results"] if r["outcome"] in FINDINGS
        ],
        findings_open=FINDINGS_OPEN,
        gaps=collect_gaps(results),
        tallies=Counter((result["property"], result["outcome"]) for result in results),
        provenance=list(flatten(report["provenance"])),
    )
    write_page(folder / "index.html", index)
    _write_class_pages(folder, environment, shared, subjects)
    if (folder / SOURCE).is_file():
        found = json.loads((folder / SOURCE).read_text(encoding="utf-8"))
        write_page(folder / PAGE, make_changes_page(found, environment, in_report=True))


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
    for name in (*ASSETS, *REVIEW_ASSETS):
        shutil.copyfile(TEMPLATES / name, folder / "assets" / name)


def load_templates() -> Environment:
    """Returns the templates, with escaping on for every text."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": format_number,
        "short": shorten_number,
        "percent": format_percent,
    }
    environment.filters["words"] = lambda name: str(name).replace("_", " ")
    return environment


def write_page(target: Path, text: str) -> None:
    """Writes a page; a file name that is not valid Unicode is shown with its raw bytes escaped."""
    target.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def _write_class_pages(
    folder: Path,
    environment: Environment,
    shared: dict[str, Any],
    subjects: list[dict[str, Any]],
) -> None:
    """Writes a page for every subject with a finding."""
    pictures = read_pictures(folder)
    template = environment.get_template("class.html")
    pages = [subject for subject in subjects if subject["page"]]
    for before, subject, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        text = template.render(
            shared, root="../", subject=subject, before=before, after=after,
            findings=[_shown(r, shared, pictures) for r in subject["results"] if has_section(r)],
            others=[r for r in subject["results"] if not has_section(r)],
        )  # fmt: skip
        write_page(folder / subject["page"], text)


def _shown(
    result: dict[str, Any], shared: dict[str, Any], pictures: Pictures
) -> tuple[dict[str, Any], dict[str, Any]]:
    stem = shared["properties"][result["property"]]["stem"]
    return result, show_groups(result, stem, pictures)
