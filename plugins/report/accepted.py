"""What entries of the known failures name, for a section of its own on the first page."""

from collections.abc import Sequence
from typing import Any


def collect_accepted(subjects: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    """Returns each result that an entry names, with the page of its subject; first to expire first.

    Args:
        subjects: the rows of the matrix, each with `results` and `page`.
    """
    told = [
        (result, subject["page"])
        for subject in subjects
        for result in subject["results"]
        if result["known"] is not None and result["known"]["by"] == "entry"
    ]
    return sorted(told, key=lambda row: int(row[0]["known"]["days_left"]))
