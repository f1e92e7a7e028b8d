"""What a report says of the baseline: what it was, what changed, what it said of each result."""

from typing import Any

from labelgate.fixtures.baseline import Baseline
from labelgate.fixtures.changes import CLASS_KINDS
from labelgate.fixtures.earlier_names import EarlierNames
from labelgate.fixtures.settings import Settings

TOLD = ("value", "low", "high", "n")
"""What is told of an earlier result or cell beside its outcome."""


OTHERS = ("added", "removed", "replaced", "labelled", "unlabelled", "renamed")
"""What else may have happened to images."""


def describe_comparison(
    settings: Settings, baseline: Baseline | None, handed: dict[str, Any]
) -> dict[str, Any]:
    """Makes the keys of `report.json` that say what is kept, and what it was compared with."""
    return {
        "gate": settings.gate,
        "baseline": None if baseline is None else baseline.describe(settings.dataset),
        "changes": handed["changes"],
        "release": handed["release"],
        "findings": handed["findings"],
    }


def add_before(
    result: dict[str, Any], baseline: Baseline | None, names: EarlierNames
) -> dict[str, Any]:
    """Adds to a result and its cells under `before` what the baseline said of it; None for nothing.

    Args:
        result: of the report; it is changed, and returned.
        baseline: the earlier report, None without one.
        names: what classes and splits were called then.
    """
    check = result["property"], result["subject"]
    was = baseline.result_of(*check, names) if baseline else None
    result["before"] = _tell(was, was["outcome"]) if was else None
    for cell in result["cells"]:
        there = cell["split"], cell["predictor"]
        old = baseline.cell_of(check, *there, names) if baseline else None
        cell["before"] = _tell(old, _OUTCOMES[old["passed"]]) if old else None
    return result


_OUTCOMES = {True: "passed", False: "failed", None: "not_measured"}


def _tell(earlier: dict[str, Any], outcome: str) -> dict[str, Any]:
    return {"outcome": outcome, **{key: earlier[key] for key in TOLD}}


def tell_comparison(report: dict[str, Any]) -> str:
    """Says in one sentence what the release was compared with and what changed; "" without one."""
    baseline, changes = report.get("baseline"), report.get("changes")
    if baseline is None or changes is None:
        return ""
    unreviewed, leaked = changes["flipped"] - changes["reviewed"], changes["moved_into_evaluation"]
    told = [
        (changes["flipped"], "label", f" flipped ({unreviewed:,} not reviewed)"),
        (changes["moved"], "image", f" moved ({leaked:,} out of training)"),
        *((changes[kind], "image", f" {kind}") for kind in OTHERS),
        *((changes[f"classes_{what}"], "class", f" {what}") for what in CLASS_KINDS),
    ]
    many = {"label": "labels", "image": "images", "class": "classes"}
    parts = ", ".join(f"{n:,} {one if n == 1 else many[one]}{what}" for n, one, what in told if n)
    was = f"{baseline['name']} of {baseline['started'][:10]} ({baseline['verdict']})"
    return f"Compared with {was}: {parts or 'no image, label or split changed'}."
