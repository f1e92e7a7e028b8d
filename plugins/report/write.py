"""Writes the report folder from the outcomes of the tests and the verdicts behind them."""

from pathlib import Path
from typing import Any

import pytest

from labelgate.expectations.limits import LIMITS, Limits
from labelgate.fixtures.baseline import BASELINE, Baseline
from labelgate.fixtures.dataset import DATASET, Dataset
from labelgate.fixtures.report_json import save_report, write_json
from labelgate.fixtures.settings import SETTINGS
from labelgate.plugins.cells import read_cells
from labelgate.plugins.report.collect import Collected
from labelgate.plugins.report.contents import compose
from labelgate.plugins.report.folder import CELLS, release
from labelgate.plugins.report.summary import to_markdown
from labelgate.plugins.verdicts import read_handover


def write_report(config: pytest.Config, collected: Collected, exitstatus: int) -> int:
    """Writes the report of a run that decided something.

    Returns:
        The exit status of the session: usage error where the data could not be used.
    """
    settings, dataset = config.stash[SETTINGS], config.stash[DATASET]
    handed = read_handover(settings.report)
    if not handed:
        return exitstatus
    if handed["unusable"]:
        collected.unusable = handed["unusable"]
        return int(pytest.ExitCode.USAGE_ERROR)
    limits, baseline = config.stash[LIMITS], config.stash.get(BASELINE, None)
    cells = read_cells(settings.report / CELLS)
    report = compose(settings, dataset, limits, collected, handed, cells, exitstatus, baseline)
    del cells
    if baseline is not None and report["release"] and report["findings"]:
        _write_changes(baseline, Baseline(settings.report, report), dataset)
    _write(settings.report, report, dataset, limits)
    collected.report = report
    release(settings.report)
    return exitstatus


def _write_changes(baseline: Baseline, this: Baseline, dataset: Dataset) -> None:
    """Writes the file that the page of what changed since the baseline is made from."""
    from labelgate.plugins.report.changes_page import ROWS, SOURCE
    from labelgate.plugins.report.diff import describe_difference

    found = describe_difference(baseline, this, dataset.reviews, ROWS)
    write_json(this.folder / SOURCE, found)


def _write(folder: Path, report: dict[str, Any], dataset: Dataset, limits: Limits) -> None:
    from labelgate.fixtures.colours import RGB
    from labelgate.fixtures.pixels import decode
    from labelgate.fixtures.reading import read_file
    from labelgate.plugins.report.drawing import draw_pictures
    from labelgate.plugins.report.groups import wanted
    from labelgate.plugins.report.html import render
    from labelgate.plugins.report.review import draw_review

    def describe(path: str) -> tuple[str, str | None]:
        image = dataset.index_of[path]
        return dataset.split_of(image), dataset.label_of(image)

    def pixels_of(path: str) -> RGB | None:
        if dataset.split_of(dataset.index_of[path]) in dataset.absent:
            return None
        return decode(read_file(dataset.location, path, limits.caps).data, limits.caps).pixels

    save_report(folder, report)
    draw_pictures(folder, wanted(report), describe, pixels_of)
    draw_review(folder, pixels_of)
    render(folder, report)
    (folder / "summary.md").write_text(to_markdown(report), encoding="utf-8")
