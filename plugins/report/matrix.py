"""What the first page is made of: rows of subjects, in one matrix for each kind of subject."""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections import Counter, defaultdict
from typing import Any

from labelgate.fixtures.short_results import FINDINGS

OUTCOMES = ("failed", "error", "known", "not_measured", "passed")
"""Worst first: the order of results on a page, and what a row of the matrix is filtered by."""

KINDS = {
    "class": ("Classes", "A row is a class, or the images without a label."),
    "group": (
        "Problem groups",
        "A row is a group of classes that are declared to be confused with each other.",
    ),
    "alteration": (
        "Alterations",
        "A row is a way to alter a picture, tried on copies of the dataset's own images.",
    ),
    "dataset": ("Dataset", "The row is the dataset as a whole."),
}
"""Title and explanation of each kind of subject, in the order of the page."""

PAGES_FOR_ALL = 300
"""Subjects up to which each has a page; a page without a finding takes 10 kB, and a report of
thousands of classes would be made of them. Beyond it, subjects with something to show have one."""

UNDESCRIBED = {
    "stem": "other",
    "rule": "This property is not described in the report.",
    "per": "class",
}


def make_slug(name: str) -> str:
    """Names a subject's page: readable, unique, and safe on every file system and in every URL.

    Upper and lower case are folded because file systems fold them; the hash keeps them apart.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    prefix = re.sub(r"[^a-z0-9]+", "-", plain)[:40].strip("-") or "subject"
    return f"{prefix}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def make_sections(
    results: list[dict[str, Any]],
    properties: dict[str, dict[str, Any]],
    names: dict[str, str],
) -> list[dict[str, Any]]:
    """Makes a matrix for each kind of subject that there are results of.

    Args:
        results: Results of the report, of any kinds of subject.
        properties: Every property of the results; its `per` is the kind of its subjects.
        names: What people call classes and groups, where their ids say something else.

    Returns:
        A dictionary a kind: `per`, `title`, `told`, `columns` (names of properties), `stems` (name
        and number of columns) and `subjects` (see `rank_subjects`). Subjects of two kinds are two
        subjects, even if a class has the name of an alteration.
    """
    every = (
        len({(properties[r["property"]]["per"], r["subject"]) for r in results}) <= PAGES_FOR_ALL
    )
    of_kind: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for name, entry in properties.items():
        of_kind.setdefault(entry["per"], []).append(name)
    sections = []
    for kind, columns in of_kind.items():
        asked = set(columns)
        own = [result for result in results if result["property"] in asked]
        if own:
            title, told = KINDS.get(kind, (kind, ""))
            stems = itertools.groupby(properties[name]["stem"] for name in columns)
            sections.append(
                {
                    "per": kind,
                    "title": title,
                    "told": told,
                    "columns": columns,
                    "stems": [(stem, len(list(group))) for stem, group in stems],
                    "subjects": rank_subjects(own, columns, kind, names, every),
                }
            )
    return sections


def rank_subjects(
    results: list[dict[str, Any]],
    columns: list[str],
    kind: str,
    names: dict[str, str],
    every: bool,
) -> list[dict[str, Any]]:
    """Makes the rows of a matrix: most failures first, then known failures, then by name.

    A cell is the worst result of its property, or None where the property does not apply. A subject
    has a page if there is something to show, or if `every` one has.
    """
    order = {name: position for position, name in enumerate(columns)}
    of_subject: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        of_subject[result["subject"]].append(result)
    folder = "classes/" if kind == "class" else f"classes/{kind}."  # no slug has a full stop
    rows = []
    for name, own in of_subject.items():
        own.sort(key=lambda result: (OUTCOMES.index(result["outcome"]), order[result["property"]]))
        cells = {result["property"]: result for result in reversed(own)}
        counts = Counter(result["outcome"] for result in own)
        shown = every or any(map(has_section, own))
        rows.append(
            {
                "name": name,
                "called": names.get(name, "") if kind in ("class", "group") else "",
                "kind": kind,
                "results": own,
                "counts": counts,
                "worst": own[0]["outcome"],
                "broken": counts["failed"] + counts["error"],
                "page": f"{folder}{make_slug(name)}.html" if shown else "",
                "cells": [cells.get(column) for column in columns],
            }
        )
    return sorted(rows, key=lambda row: (-row["broken"], -row["counts"]["known"], row["name"]))


def has_section(result: dict[str, Any]) -> bool:
    """Tells whether a result is shown at length: a finding, or one with something to draw."""
    return result["outcome"] in FINDINGS or bool(result.get("tables"))


def collect_gaps(results: list[dict[str, Any]]) -> list[tuple[str, str, list[str]]]:
    """Groups what was not measured: property, reason, and every subject concerned."""
    gaps: dict[tuple[str, str], list[str]] = defaultdict(list)
    for result in results:
        if result["outcome"] == "not_measured":
            reason = result["reason"] or result["message"] or "no reason was given"
            gaps[result["property"], reason].append(result["subject"])
    return [(name, reason, sorted(names)) for (name, reason), names in gaps.items()]


def find_unmeasured(results: list[dict[str, Any]]) -> frozenset[str]:
    """Finds the properties that were measured of no subject at all."""
    measured = {r["property"] for r in results if r["outcome"] != "not_measured"}
    return frozenset(result["property"] for result in results) - measured
