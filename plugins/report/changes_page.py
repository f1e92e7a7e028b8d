"""The page `changes.html`: a release beside the one before it."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from labelgate.plugins.report.diff import VERDICTS
from labelgate.plugins.report.diff_text import WHAT, tell_value

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE, SOURCE = "changes.html", "changes.json"

ROWS = 200
"""Rows of each kind on the page: what a person reads; the tables beside it have all of them."""


def make_changes_page(found: dict[str, Any], environment: "Environment", *, in_report: bool) -> str:
    """Makes the page.

    Args:
        found: what changed, schema `labelgate.diff/1`.
        environment: the templates.
        in_report: whether it stands in the report of the later release, and links to its pages.
    """
    environment.filters["measured"] = tell_value
    return environment.get_template(PAGE).render(
        root="./",
        report={
            "dataset": {"name": found["new"]["name"]},
            "provenance": {"labelgate": found["labelgate"]},
            "schema": found["schema"],
        },
        source=SOURCE,
        found=found,
        what=WHAT,
        most=ROWS,
        verdicts=VERDICTS,
        tallies=Counter(row["change"] for row in found["verdicts"]),
        in_report=in_report,
    )
