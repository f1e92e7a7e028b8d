"""What stands in `report.json`: outcomes of the tests, the verdicts behind them, their ground."""

import inspect
from collections import Counter
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Any

from labelgate.expectations.limits import Limit, Limits
from labelgate.fixtures.baseline import Baseline
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.declarations import BETWEEN
from labelgate.fixtures.predictors.prompts import short_names
from labelgate.fixtures.report_json import SCHEMA
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.shards import Shard, share_of
from labelgate.fixtures.subjects import subjects_of
from labelgate.plugins.report.baseline import add_before, describe_comparison
from labelgate.plugins.report.collect import Collected, Outcome
from labelgate.plugins.report.provenance import compose_provenance
from labelgate.plugins.report.summary import OUTCOMES

KEYS = {"not measured": "not_measured"}
"""Outcomes whose name in the report differs from the one that people read."""


def compose(
    settings: Settings,
    dataset: Dataset,
    limits: Limits,
    collected: Collected,
    handed: dict[str, Any],
    exitstatus: int,
    baseline: Baseline | None = None,
) -> dict[str, Any]:
    """Makes the content of `report.json`, schema `labelgate.report/1`."""
    written = {file.name for file in (settings.report / "evidence").glob("*")}
    results = _results(limits, collected, handed["cells"], written)
    add_before(results, baseline, handed)
    counts = Counter(result["outcome"] for result in results)
    asked = (len(subjects_of(limit.per, dataset)) for limit in limits.properties.values())
    checks = {"total": sum(asked), "run": len(results)}
    return {
        "schema": SCHEMA,
        "verdict": decide_verdict(counts, checks, exitstatus),
        "checks": checks,
        "shard": _shard(settings, dataset, limits),
        "dataset": _dataset(dataset, handed),
        **describe_comparison(settings, baseline, handed),
        "provenance": compose_provenance(settings, limits, collected.started, handed, exitstatus),
        "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
        "notices": [
            *dataset.notices,
            *partial_notices(checks, exitstatus, settings.shard),
            *(baseline.notices(limits.sha256) if baseline else ()),
        ],
        "figures": [{"name": name, "value": value} for name, value in handed["figures"]],
        "properties": {
            limit.property: _property(limit, written) for limit in limits.properties.values()
        },
        "results": results,
    }


def _results(
    limits: Limits, collected: Collected, told: list[dict[str, Any]], written: Collection[str]
) -> list[dict[str, Any]]:
    """One result a check that ran, in the order of the limits and of the subjects."""
    cells: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for cell in told:
        cells.setdefault((cell["property"], cell["subject"]), []).append(cell)
    order = {name: position for position, name in enumerate(limits.properties)}
    return [
        _result(limits.properties[name], subject, outcome, cells.get((name, subject), []), written)
        for (name, subject), outcome in sorted(
            collected.outcomes.items(), key=lambda entry: (order[entry[0][0]], entry[0][1])
        )
    ]


def decide_verdict(counts: Counter[str], checks: dict[str, int], exitstatus: int) -> str:
    """Says passed only of a whole dataset of which something was measured.

    Returns:
        error after a crash or an interruption; failed; incomplete if nothing failed, but checks
        were left out or none could be measured; passed.
    """
    if counts["error"] or exitstatus not in (0, 1):
        return "error"
    if exitstatus or counts["failed"]:
        return "failed"
    measured = counts["passed"] + counts["known"]
    return "passed" if measured and checks["run"] == checks["total"] else "incomplete"


def _result(
    limit: Limit,
    subject: str,
    outcome: Outcome,
    cells: list[dict[str, Any]],
    written: Collection[str],
) -> dict[str, Any]:
    """One check; value, limit and n are those of its first failing, measured, or only cell."""
    failing = [cell for cell in cells if cell["passed"] is False]
    measured = [cell for cell in cells if cell["passed"] is not None]
    head = (failing or measured or cells or [{}])[0]
    sentences = [cell["message"] for cell in failing]
    known = outcome.outcome == "known"
    return {
        "property": limit.property,
        "subject": subject,
        "split": head.get("split") or None,
        "outcome": KEYS.get(outcome.outcome, outcome.outcome),
        "value": head.get("value"),
        "limit": head.get("limit", limit.bounds[0].text),
        "unit": limit.unit,
        "n": head.get("n"),
        "low": head.get("low"),
        "high": head.get("high"),
        "severity": limit.severity,
        "message": _tell(outcome, head, sentences),
        "known": outcome.known,
        "reason": outcome.sentence if known else head.get("reason") or None,
        "evidence": _evidence(limit, written),
        "examples": [group for cell in failing for group in cell["examples"]],
        "captions": [caption for cell in failing for caption in cell["captions"]],
        "sizes": [size for cell in failing for size in cell["sizes"]],
        "groups": sum(cell["groups"] for cell in failing),
        "tables": [
            _table(table) | {"split": cell["split"] or None, "predictor": cell["predictor"]}
            for cell in cells
            for table in cell["tables"]
        ],
        "cells": [_cell(cell) for cell in cells],
    }


def _tell(outcome: Outcome, head: dict[str, Any], sentences: Sequence[str]) -> str:
    """Says what is wrong; nothing where the reason why it was not measured says it all."""
    if outcome.outcome == "known":
        return "\n".join(sentences)
    return "" if outcome.outcome == "not measured" and head.get("reason") else outcome.sentence


def _evidence(limit: Limit, written: Collection[str]) -> str | None:
    """The table with all rows, None where this run wrote none."""
    return f"evidence/{limit.evidence}" if limit.evidence in written else None


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    told = ["split", "predictor", "value", "n", "low", "high", "limit", "passed", "reason"]
    if cell["passed"] is False:
        told += ["judged", "side"]
    return {key: None if cell[key] == "" else cell[key] for key in told}


def _table(table: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in table.items() if key != "always"}
    return told | {"total": table["total"] or len(table["rows"])}


def _dataset(dataset: Dataset, handed: dict[str, Any]) -> dict[str, Any]:
    counts = dataset.count()
    splits = {
        name: {
            "images": int(counts[:, split].sum()),
            "classes": int((counts[: len(dataset.labels), split] > 0).sum()),
            "labelled": bool(dataset.labelled[split]),
        }
        for split, name in enumerate(dataset.splits)
    }
    fingerprint = handed["provenance"].get("fingerprint", "")
    names = _names(dataset)
    return {"name": dataset.name, "fingerprint": fingerprint, "splits": splits, "names": names}


def _names(dataset: Dataset) -> dict[str, str]:
    """What people call each class, and each group of classes, that ids say something else of."""
    of_class = dict(zip(dataset.labels, short_names(dataset), strict=True))
    of_group = {
        group.name: BETWEEN.join(of_class[label] for label in group.classes)
        for group in dataset.groups
        if group.unnamed
    }
    return {name: called for name, called in (of_group | of_class).items() if name != called}


def _shard(settings: Settings, dataset: Dataset, limits: Limits) -> dict[str, int] | None:
    """Says which shard this is, and how many checks belong to it, whatever `-k` chose of them."""
    if settings.shard is None:
        return None
    kinds = [kind for kind, _ in share_of(settings.shard, dataset)]
    share = sum(kinds.count(limit.per) for limit in limits.properties.values())
    return {"number": settings.shard.number, "of": settings.shard.of, "checks": share}


def partial_notices(
    checks: dict[str, int], exitstatus: int, shard: Shard | None = None
) -> list[str]:
    """Says when a report does not speak of the whole dataset."""
    notices = []
    if checks["run"] < checks["total"]:
        told = f"{checks['run']:,} of {checks['total']:,} checks are in this report; the others"
        why = "were not selected, or the run ended before them."
        notices.append(
            f"{str(shard).capitalize()}: {told} are in other shards, or {why}"
            if shard
            else f"Only {told} {why}"
        )
    if exitstatus not in (0, 1):
        notices.append(f"The run ended early, with exit code {exitstatus}.")
    return notices


def _property(limit: Limit, written: Collection[str]) -> dict[str, Any]:
    module = import_module(f"labelgate.dataset_tests.test_{limit.stem}")
    rule = inspect.getdoc(getattr(module, f"test_{limit.property}")) or ""
    default, *overrides = limit.bounds
    return {
        "stem": limit.stem,
        "rule": rule,
        "per": limit.per,
        "limit": default.text,
        "overrides": [
            {
                "class": b.subject,
                "split": b.split,
                "predictor": b.predictor,
                "limit": b.text,
                "source": b.source,
            }
            for b in overrides
        ],
        "unit": limit.unit,
        "severity": limit.severity,
        "required": limit.required,
        "source": default.source,
        "evidence": _evidence(limit, written),
        "remedy": limit.remedy,
    }
