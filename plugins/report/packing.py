"""The rows of a matrix in a data block: what scripts need of them, in few bytes.

A matrix of 21,841 classes and 30 properties has 655,000 cells. As a table it is a page of 40 MB; as
a letter a cell, with the values of those that show one, it is 2 MB, of which a script draws the
hundred rows that are looked at (benchmarks/README.md).
"""

from __future__ import annotations

from typing import Any

from labelgate.plugins.report.formats import shorten_number

ROWS = 100
"""Rows that a page of a matrix shows; the first ones stand in the page itself, without scripts."""

LETTERS = {"failed": "f", "error": "e", "known": "k", "not_measured": "n", "passed": "p"}
"""The letter of each outcome; "-" stands for a property that does not apply."""

VALUED = "fek"
"""Letters of cells that show their value; where subjects are no classes, `p` does so as well."""


def pack_rows(section: dict[str, Any], properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Packs the rows of a matrix, as `templates/matrix.js` reads them.

    Args:
        section: A section that `make_sections` returns.
        properties: Every property of its columns.

    Returns:
        `columns`, their `severities`, `valued` (letters of cells with a value), and `rows`: name,
        what it is called, name of its page, letters of its cells, values of those that show one.
    """
    valued = VALUED if section["per"] == "class" else f"{VALUED}p"
    return {
        "columns": section["columns"],
        "severities": [properties[name].get("severity", "") for name in section["columns"]],
        "valued": valued,
        "rows": [_pack_row(subject, valued) for subject in section["subjects"]],
    }


def _pack_row(subject: dict[str, Any], valued: str) -> list[Any]:
    cells = subject["cells"]
    letters = "".join("-" if cell is None else LETTERS[cell["outcome"]] for cell in cells)
    values = [
        "" if cell["value"] is None else shorten_number(cell["value"])
        for cell, letter in zip(cells, letters, strict=True)
        if letter in valued
    ]
    page = subject["page"].removeprefix("classes/").removesuffix(".html")
    return [subject["name"], subject["called"], page, letters, values]
