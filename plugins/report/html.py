"""The HTML report: a matrix of subjects and properties, and a page per subject with findings.

The pages are read from disk, months later and without a network, so everything they need lies in
the folder beside them. Every text is escaped by the templates; nothing is marked as safe.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.plugins.report.differences import draw_differences
from labelgate.plugins.report.matrix import (
    FINDINGS,
    OUTCOMES,
    UNDESCRIBED,
    collect_gaps,
    has_section,
    make_sections,
    tell_verdict,
)
from labelgate.plugins.report.thumbnails import draw_once, keep_last, show_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt
    from jinja2 import Environment

    Describe = Callable[[str], tuple[str, str | None]]
    Thumbnail = Callable[[str], npt.NDArray[np.uint8] | None]

TEMPLATES = Path(__file__).parent / "templates"
ASSETS = ("report.css", "report.js", "report.svg")

COMPARED = ("near_duplicates", "calibration")
"""Stems whose groups of two images are pairs that were laid on each other."""

FINDINGS_OPEN = 200
"""Findings listed in the open on the first page; the others stand in a closed list below them."""


def write_html(
    folder: Path,
    report: dict[str, Any],
    describe: Describe,
    thumbnail: Thumbnail,
) -> None:
    """Writes the report's pages, their assets and their thumbnails.

    Args:
        folder: The report folder, which exists. Pages of an earlier report are removed.
        report: The report, schema `labelgate.report/1`.
        describe: Path to split and label; the label is None for an unlabelled image.
        thumbnail: Path to canonical pixels, uint8 (H, W, 3), or None for an image that is not here.
            What it raises stands on the page in place of the picture.
    """
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
        "outcomes": OUTCOMES,
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
    write_class_pages(folder, environment, shared, subjects, describe, thumbnail)


def prepare_folder(folder: Path) -> None:
    """Makes the sub-folders, removes the pages of an earlier report and copies the assets.

    Only names that this module gives are removed: the folder may hold the user's own files.
    """
    for name in ("assets", "classes", "images"):
        (folder / name).mkdir(exist_ok=True)
    for page in (folder / "classes").glob("*.html"):
        if re.search(r"-[0-9a-f]{12}\.html$", page.name):
            page.unlink()
    for picture in (folder / "images").glob("*.webp"):
        if re.fullmatch(r"(thumbnail|difference)-\d{5,}\.webp", picture.name):
            picture.unlink()
    for name in ASSETS:
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


def format_number(value: Any) -> str:  # noqa: ANN401 - a figure is a number or a text
    """Shows a number with four digits, and all of them where four would make it a whole number.

    A share of 0.99996 is not shown as 1: it may have failed a limit of 1.
    """
    if value is None or isinstance(value, bool | str):
        return "\N{EN DASH}" if value is None else str(value)
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    short = f"{value:.4g}"
    return repr(float(value)) if float(short).is_integer() else short


def format_percent(share: float) -> str:
    """Shows a share in whole per cent; nothing for none, and never 0 or 100 for what is neither."""
    if share <= 0:
        return ""
    if share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{share:.0%}".replace("%", " %")


def shorten_number(value: float | str) -> str:
    """Shows a number in the five characters of a cell, never as a whole number that it is not."""
    if isinstance(value, str) or not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e4:
        return f"{value / 1e3:,.0f}k"
    short = f"{value:.{2 if abs(value) < 10 else 1 if abs(value) < 100 else 0}f}"
    if float(value).is_integer() or not float(short).is_integer():
        return format_number(float(short))
    return f"{'<' if float(short) > value else '>'}{float(short):,.0f}"


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields every key of nested dictionaries with its value as text; no key is left out."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value if isinstance(value, str) else json.dumps(value, default=str)


def write_class_pages(
    folder: Path,
    environment: Environment,
    shared: dict[str, Any],
    subjects: list[dict[str, Any]],
    describe: Describe,
    thumbnail: Thumbnail,
) -> None:
    """Writes a page for every subject with a finding; no picture is drawn twice."""
    recent = keep_last(thumbnail)
    show = draw_once(folder / "images", recent)
    differ = draw_differences(folder / "images", recent)
    template = environment.get_template("class.html")
    pages = [subject for subject in subjects if subject["page"]]
    for before, subject, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        findings = [r for r in subject["results"] if has_section(r)]
        stems = [shared["properties"][result["property"]]["stem"] for result in findings]
        shown = [
            show_groups(result, stem in COMPARED, describe, show, differ)
            for result, stem in zip(findings, stems, strict=True)
        ]
        text = template.render(
            shared, root="../", subject=subject, before=before, after=after,
            findings=list(zip(findings, shown, strict=True)),
            others=[r for r in subject["results"] if not has_section(r)],
        )  # fmt: skip
        write_page(folder / subject["page"], text)
