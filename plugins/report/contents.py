"""What stands in `report.json`: outcomes of the tests, the verdicts behind them, their ground."""

import inspect
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from labelgate.expectations.limits import Limit, Limits
from labelgate.fixtures.baseline import Baseline
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.declarations import BETWEEN
from labelgate.fixtures.earlier_names import EarlierNames
from labelgate.fixtures.predictors.prompts import short_names
from labelgate.fixtures.report_json import SCHEMA
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.shards import Shard, share_of
from labelgate.fixtures.short_results import shorten_results
from labelgate.fixtures.subjects import subjects_of
from labelgate.plugins.cells import Cell, Check
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
    cells: Mapping[Check, Sequence[Cell]],
    exitstatus: int,
    baseline: Baseline | None = None,
) -> dict[str, Any]:
    """Makes the content of `report.json`, schema `labelgate.report/1`; results stand in short."""
    written = {file.name for file in (settings.report / "evidence").glob("*")}
    properties = {limit.property: _property(limit, written) for limit in limits.properties.values()}
    names = EarlierNames(**handed.get("renamed", {}))
    full = _results(limits, collected, cells, written)
    told = (add_before(result, baseline, names) for result in full)
    results, properties = shorten_results(told, properties)
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
        "properties": properties,
        "results": results,
    }


def _results(
    limits: Limits,
    collected: Collected,
    cells: Mapping[Check, Sequence[Cell]],
    written: Collection[str],
) -> Iterator[dict[str, Any]]:
    """Yields a result a check that ran, in the order of the limits and of the subjects."""
    order = {name: position for position, name in enumerate(limits.properties)}
    for name, subject in sorted(collected.outcomes, key=lambda check: (order[check[0]], check[1])):
        of, outcome = cells.get((name, subject), ()), collected.outcomes[name, subject]
        yield _result(limits.properties[name], subject, outcome, of, written)


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
    cells: Sequence[Cell],
    written: Collection[str],
) -> dict[str, Any]:
    """One check; value, limit and n are those of its first failing, measured, or only cell."""
    failing = [cell for cell in cells if cell.passed is False]
    measured = [cell for cell in cells if cell.passed is not None]
    head = next(iter(failing or measured or cells), None)
    known = outcome.outcome == "known"
    return {
        "property": limit.property,
        "subject": subject,
        "split": (head.split or None) if head else None,
        "outcome": KEYS.get(outcome.outcome, outcome.outcome),
        "value": head.value if head else None,
        "limit": head.limit if head else limit.bounds[0].text,
        "unit": limit.unit,
        "n": head.n if head else None,
        "low": head.low if head else None,
        "high": head.high if head else None,
        "severity": limit.severity,
        "message": _tell(outcome, head, failing),
        "known": outcome.known,
        "reason": outcome.sentence if known else (head.reason or None) if head else None,
        "evidence": _evidence(limit, written),
        "examples": [group for cell in failing for group in cell.examples],
        "captions": [caption for cell in failing for caption in cell.captions],
        "sizes": [size for cell in failing for size in cell.sizes],
        "groups": sum(cell.groups for cell in failing),
        "tables": [
            _table(table) | {"split": cell.split or None, "predictor": cell.predictor}
            for cell in cells
            for table in cell.tables
        ],
        "cells": [_cell(cell) for cell in cells],
    }


def _tell(outcome: Outcome, head: Cell | None, failing: Sequence[Cell]) -> str:
    """Says what is wrong; nothing where the reason why it was not measured says it all."""
    if outcome.outcome == "known":
        return "\n".join(cell.message for cell in failing)
    explained = outcome.outcome == "not measured" and head is not None and head.reason
    return "" if explained else outcome.sentence


def _evidence(limit: Limit, written: Collection[str]) -> str | None:
    """The table with all rows, None where this run wrote none."""
    return f"evidence/{limit.evidence}" if limit.evidence in written else None


def _cell(cell: Cell) -> dict[str, Any]:
    told = {
        "split": cell.split or None,
        "predictor": cell.predictor or None,
        "value": cell.value,
        "n": cell.n,
        "low": cell.low,
        "high": cell.high,
        "limit": cell.limit or None,
        "passed": cell.passed,
        "reason": cell.reason or None,
    }
    return told | {"judged": cell.judged, "side": cell.side} if cell.passed is False else told


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
