"""Reports made by hand, and their pages: what the tests of pages and of browsers read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelgate.fixtures.report_json import save_report
from labelgate.plugins.report.drawing import draw_pictures
from labelgate.plugins.report.groups import wanted
from labelgate.plugins.report.html import render

RGB = NDArray[np.uint8]

KINDS = {
    "every_image_decodes": ("files", "class"),
    "no_exact_duplicates_within_a_split": ("exact_duplicates", "class"),
    "no_augmented_copies_across_splits": ("near_duplicates", "class"),
    "no_source_dominates": ("sources", "class"),
    "splits_show_the_same_kind_of_images": ("shift", "class"),
    "class_accuracy_meets_its_floor": ("accuracy", "class"),
    "group_accuracy_meets_its_floor": ("accuracy", "group"),
    "planted_copies_are_found": ("calibration", "alteration"),
    "strangers_are_not_called_copies": ("calibration", "dataset"),
}
NAMES: dict[str, str] = {}
ABSENT = "absent.png"
"""The name of every image that is not here."""

PAIRS = "no_augmented_copies_across_splits"


def entry(stem: str, per: str) -> dict[str, Any]:
    told = {key: key for key in ("rule", "limit", "unit", "source", "remedy")}
    told |= {"stem": stem, "per": per, "severity": "info"}
    return told | {"overrides": [], "required": True, "evidence": None}


def result(name: str, subject: str, outcome: str = "passed", **given: Any) -> dict[str, Any]:  # noqa: ANN401
    groups = given.pop("examples", [])
    failed = outcome != "passed"
    cell = {"split": "val", "predictor": None, "value": 1.0, "n": 10, "low": None, "high": None}
    return {
        "property": name, "subject": subject, "split": "val", "outcome": outcome, "value": 1.0,
        "limit": "at most 0", "unit": "images", "n": 10, "low": None, "high": None,
        "severity": "info", "message": "something" if failed else "", "reason": None,
        "evidence": "evidence/near_duplicates.csv", "examples": groups,
        "captions": [""] * len(groups), "sizes": [len(group) for group in groups],
        "groups": len(groups), "tables": [], "known": None,
        "cells": [cell | {"limit": "at most 0", "passed": not failed, "reason": None}],
    } | given  # fmt: skip


def make_report(results: list[dict[str, Any]]) -> dict[str, Any]:
    outcomes = [each["outcome"] for each in results]
    counted = ("passed", "failed", "known", "not_measured", "error")
    return {
        "schema": "labelgate.report/1",
        "verdict": "failed" if "failed" in outcomes else "passed",
        "checks": {"total": len(results), "run": len(results)},
        "dataset": {"name": "by hand", "fingerprint": "0" * 64, "splits": {}, "names": NAMES},
        "provenance": {"labelgate": "0"},
        "counts": {name: outcomes.count(name) for name in counted},
        "notices": [],
        "figures": [],
        "shard": None,
        "properties": {name: entry(*kind) for name, kind in KINDS.items()},
        "results": results,
    }


def write_folder(folder: Path, report: dict[str, Any], draw: Callable[[str], RGB]) -> Path:
    """Writes what the end of a run writes: report, pictures and pages; a path says where it is."""

    def describe(path: str) -> dict[str, Any]:
        split, label, *_, name = path.split("/")
        told: dict[str, Any] = {"split": split, "label": label}
        return told | {"absent": True} if name == ABSENT else told

    save_report(folder, report)
    draw_pictures(folder, wanted(report), describe, draw)
    render(folder)
    return folder
