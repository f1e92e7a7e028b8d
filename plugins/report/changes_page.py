"""The page `changes.html`: a release beside the one before it."""

from collections import Counter
from pathlib import Path
from typing import Any

from labelgate.plugins.report.diff import VERDICTS
from labelgate.plugins.report.diff_text import WHAT, tell_value
from labelgate.plugins.report.pages import load_templates, write_page

PAGE, SOURCE = "changes.html", "changes.json"

ROWS = 200
"""Rows of each kind on the page: what a person reads; the tables beside it have all of them."""


def write_changes_page(folder: Path, found: dict[str, Any], *, in_report: bool) -> None:
    """Writes the page.

    Args:
        folder: where it stands.
        found: what changed, schema `labelgate.diff/1`.
        in_report: whether it stands in the report of the later release, and links to its pages.
    """
    load_templates().filters["measured"] = tell_value
    shown = {
        "report": {
            "dataset": {"name": found["new"]["name"]},
            "provenance": {"labelgate": found["labelgate"]},
            "schema": found["schema"],
        },
        "source": SOURCE,
        "found": found,
        "what": WHAT,
        "most": ROWS,
        "verdicts": VERDICTS,
        "tallies": Counter(row["change"] for row in found["verdicts"]),
        "in_report": in_report,
    }
    write_page(folder, PAGE, PAGE, shown)
