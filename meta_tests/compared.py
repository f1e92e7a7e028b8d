"""Releases in memory, compared with a baseline of an earlier one and its verdicts."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelgate.expectations.judge import judge
from labelgate.expectations.limits_file import read_limits
from labelgate.expectations.verdict import Verdict
from labelgate.expectations.worsening import compare_verdicts, look_back
from labelgate.fixtures.baseline import Baseline
from labelgate.fixtures.changes import Changes, compare_releases, confirm
from labelgate.fixtures.dataset import Dataset, SplitNames, assemble
from labelgate.fixtures.declarations import Review
from labelgate.fixtures.findings import COLUMNS as FINDING
from labelgate.fixtures.findings import Findings
from labelgate.fixtures.inventory import COLUMNS, Inventory, list_images
from labelgate.fixtures.measurements import Measurement, gather
from labelgate.fixtures.standing import Standings

Images = Mapping[str, str | None]
"""The label of each `split/name`; None for an image of a split without labels."""


def make_dataset(images: Images) -> Dataset:
    splits = []
    for name in sorted({path.partition("/")[0] for path in images}):
        paths = [path for path in images if path.startswith(f"{name}/")]
        labels = [images[path] for path in paths]
        named = [label for label in labels if label is not None]
        splits.append(SplitNames(name, paths, named or None))
    return assemble("memory", Path("/nowhere"), splits)


def list_release(images: Images, pixels: Mapping[str, str] | None = None) -> Inventory:
    """An image's pixels are called as its path unless `pixels` says otherwise."""
    rows = {
        "path": list(images),
        "split": [path.partition("/")[0] for path in images],
        "label": list(images.values()),
        "content": [None for _ in images],
        "pixels": [(pixels or {}).get(path, path) for path in images],
    }
    return list_images({name: rows[name] for name in COLUMNS.names})


def compare(
    before: Images,
    after: Images,
    reviews: Sequence[Review] = (),
    pixels: Mapping[str, str] | None = None,
) -> Changes:
    found = compare_releases(list_release(before), list_release(after, pixels))
    return confirm(found, reviews)


class Rows:
    """A stem whose rows are given."""

    def __init__(self, *rows: Measurement) -> None:
        self.rows = rows

    def measurements(self) -> Iterable[Measurement]:
        return iter(self.rows)

    def evidence(self) -> dict[str, Any]:
        return {}

    def figures(self) -> list[Any]:
        return []


def judge_rows(*rows: Measurement) -> tuple[Verdict, ...]:
    stem: Any = Rows(*rows)
    return judge(gather({"any": stem}), read_limits(None)).verdicts


def report_of(*rows: Measurement) -> Baseline:
    """The baseline whose run measured these rows; outcomes as its tests would have told them."""
    results: dict[tuple[str, str], dict[str, Any]] = {}
    findings: list[tuple[str, ...]] = []
    for verdict in judge_rows(*rows):
        row = verdict.measurement
        cell = {"split": row.split or None, "predictor": row.predictor or None}
        cell |= {"value": row.value, "low": row.low, "high": row.high, "n": row.n}
        cell["passed"] = verdict.passed
        result = results.setdefault(
            (row.property, row.subject),
            {"property": row.property, "subject": row.subject, "cells": []},
        )
        result["cells"].append(cell)
        where = row.property, row.subject, row.split, row.predictor
        findings += [(*where, path) for path in row.note.split()]
    for result in results.values():
        passed = [cell["passed"] for cell in result["cells"]]
        told = "failed" if False in passed else "passed" if True in passed else "not_measured"
        result["outcome"] = told
    baseline = Baseline(Path("/nowhere"), {"results": list(results.values())})
    texts = [pa.array(column, pa.string()) for column in zip(*findings, strict=True)]
    table = pa.table(texts, FINDING.names).cast(FINDING) if texts else FINDING.empty_table()
    baseline.__dict__["findings"] = Findings(table)  # what would be read from findings.parquet
    return baseline


def stand(before: Sequence[Measurement], now: Sequence[Measurement], changes: Changes) -> Standings:
    """How verdicts stand against a baseline's; a note of its rows names the images behind them."""
    return compare_verdicts(judge_rows(*now), look_back(report_of(*before), changes))
