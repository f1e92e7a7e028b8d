"""Writes the report folder from the outcomes of the tests and the verdicts behind them."""

import gc
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import pytest

from labelgate.expectations.limits import LIMITS, Limits
from labelgate.fixtures.baseline import BASELINE, Baseline
from labelgate.fixtures.dataset import DATASET, Dataset
from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import save_report, write_json
from labelgate.fixtures.settings import SETTINGS, Settings
from labelgate.fixtures.writing import writing
from labelgate.plugins.cells import read_cells
from labelgate.plugins.commands import INTERRUPTED
from labelgate.plugins.outcomes import GATE
from labelgate.plugins.report.collect import Collected
from labelgate.plugins.report.contents import compose
from labelgate.plugins.report.folder import CELLS, make_room, release, withdraw
from labelgate.plugins.report.summary import to_markdown
from labelgate.plugins.verdicts import hand_nothing, read_handover


def write_report(config: pytest.Config, collected: Collected, exitstatus: int) -> int:
    """Writes the report of a run that decided something, or was interrupted before it did.

    One that is interrupted while it writes says so in place of what it began: what is known,
    without pictures. `report.json` comes last: where a process was killed, there is none.

    Returns:
        The exit status of the session: usage error where the data could not be used, or the report
        cannot be written.
    """
    folder = config.stash[SETTINGS].report
    try:
        with writing(folder):
            try:
                return _write_report(config, collected, exitstatus, draw=True)
            except KeyboardInterrupt:
                withdraw(folder)
                return _write_report(config, collected, INTERRUPTED, draw=False)
    except SettingsError as error:
        withdraw(folder)
        collected.unusable = str(error)
        return int(pytest.ExitCode.USAGE_ERROR)


def _write_report(
    config: pytest.Config, collected: Collected, exitstatus: int, *, draw: bool
) -> int:
    settings, dataset = config.stash[SETTINGS], config.stash[DATASET]
    handed = read_handover(settings.report)
    if not handed:
        if exitstatus != INTERRUPTED:
            return exitstatus
        make_room(settings.report)  # what was begun by then is no evidence
        handed = hand_nothing()
    if handed["unusable"]:
        collected.unusable = handed["unusable"]
        return int(pytest.ExitCode.USAGE_ERROR)
    limits, baseline = config.stash[LIMITS], config.stash.get(BASELINE, None)
    gate = config.stash.get(GATE, None)  # which a process has that ran checks
    cells = gate.verdicts.cells if gate else read_cells(settings.report / CELLS)
    report = compose(settings, dataset, limits, collected, handed, cells, exitstatus, baseline)
    del cells
    gc.freeze()  # as in `verdicts`
    if baseline is not None and report["release"] and report["findings"]:
        _write_changes(baseline, Baseline(settings.report, report), dataset)
    _write(settings, report, dataset, limits, draw=draw)
    collected.report = report
    release(settings.report)
    return exitstatus


def _write_changes(baseline: Baseline, this: Baseline, dataset: Dataset) -> None:
    """Writes the file that the page of what changed since the baseline is made from."""
    from labelgate.plugins.report.changes_page import ROWS, SOURCE
    from labelgate.plugins.report.diff import describe_difference

    found = describe_difference(baseline, this, dataset.reviews, ROWS)
    write_json(this.folder / SOURCE, found)


def _write(
    settings: Settings, report: dict[str, Any], dataset: Dataset, limits: Limits, *, draw: bool
) -> None:
    from labelgate.plugins.report.drawing import draw_pictures
    from labelgate.plugins.report.groups import wanted
    from labelgate.plugins.report.html import render
    from labelgate.plugins.report.measured import decode_file, read_contents
    from labelgate.plugins.report.review import draw_review

    def describe(path: str) -> dict[str, Any]:
        image = dataset.index_of[path]
        split, label = dataset.split_of(image), dataset.label_of(image)
        told: dict[str, Any] = {"split": split, "label": label}
        return told | {"absent": True} if split in dataset.absent else told

    folder, workers = settings.report, settings.workers if draw else 0
    decode: Callable[..., Any] = partial(decode_file, dataset.location, limits.caps)
    decode, measured = decode if draw else _leave_out, partial(read_contents, folder, report)
    draw_pictures(folder, wanted(report), describe, decode, workers, measured)
    draw_review(folder, decode, dataset.absent, workers, measured)
    render(folder, report, workers)
    (folder / "summary.md").write_text(to_markdown(report), encoding="utf-8")
    save_report(folder, report)


def _leave_out(path: str, content: str = "") -> NoReturn:
    del path, content
    raise InterruptedError("not drawn, because the run was interrupted")
