"""What the first page says before its matrix: the verdict, and how well copies are found."""

from __future__ import annotations

from typing import Any

from labelgate.plugins.commands import INTERRUPTED

RECALL = "planted_copies_are_found"
"""The property whose subjects are alterations, and whose values are the shares that are found."""

TAU = "tau, cosine distance"
"""The figure of the calibrated threshold."""

LEAST = 5
"""Alterations that the first page names, those that are found least; the matrix has all."""

NO_CHECK = "no check ran"


def tell_verdict(report: dict[str, Any], subjects: list[dict[str, Any]]) -> tuple[str, str]:
    """Returns the verdict in words: what was decided, and on what ground."""
    counts, total = report["counts"], sum(report["counts"].values())
    if not total:
        why = "the run was interrupted before any check" if is_interrupted(report) else NO_CHECK
        return "Nothing was checked", f"{why}, so nothing is known about this dataset"
    headlines = {
        "passed": "Fit to release",
        "failed": "Not fit to release",
        "incomplete": "Not decided, because checks were left out or not measured",
    }
    broke = "the run was interrupted" if is_interrupted(report) else "something broke"
    headline = headlines.get(report["verdict"], f"No verdict, because {broke}")
    if shard := report.get("shard"):
        part = f"Shard {shard['number']:,} of {shard['of']:,}"
        failed = {"failed": "not fit to release", "error": "something broke"}
        headline = f"{part}: {failed.get(report['verdict'], 'no verdict on the whole dataset')}"
    failing = sum(subject["counts"]["failed"] > 0 for subject in subjects)
    if counts["failed"]:
        ground = f"{counts['failed']:,} of {total:,} checks failed, "
        return headline, f"{ground}in {failing:,} of {len(subjects):,} subjects"
    return headline, f"{counts['passed']:,} of {total:,} checks passed"


def is_interrupted(report: dict[str, Any]) -> bool:
    """Tells whether somebody, or CI, ended the run that a report speaks of."""
    return bool(report["provenance"].get("exit_code") == INTERRUPTED)


def tell_recall(report: dict[str, Any], sections: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Returns what the planted copies say of this run, None where none were planted.

    Returns:
        `alterations` and `found`, how many there are and how many meet their limit; `least`, the
        results of those found least; `tau`, None where it is not told; `matrix`, its number.
    """
    results = [result for result in report["results"] if result["property"] == RECALL]
    measured = [result for result in results if result["value"] is not None]
    if not measured:
        return None
    figures = {figure["name"]: figure["value"] for figure in report["figures"]}
    kinds = [section["per"] for section in sections]
    return {
        "alterations": len(results),
        "found": sum(result["outcome"] == "passed" for result in results),
        "least": sorted(measured, key=lambda r: (r["value"], r["subject"]))[:LEAST],
        "tau": figures.get(TAU),
        "matrix": kinds.index("alteration") + 1 if "alteration" in kinds else 1,
    }


def tell_pages(subjects: list[dict[str, Any]]) -> str:
    """Says which subjects have a page."""
    own = sum(bool(subject["page"]) for subject in subjects)
    if own == len(subjects):
        return "Every row has a page with its numbers and images"
    return (
        f"{own:,} of {len(subjects):,} rows have a page: those with a finding or something to "
        "draw; of the others report.json has the numbers"
    )
