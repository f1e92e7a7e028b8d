"""Measures and judges once per run, whoever asks first: this process or a pytest-xdist worker.

The verdicts are handed over in a file of the report folder, so that every worker and the report
read the same ones.
"""

import gc
import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from labelgate.expectations.judge import Judgement, import_library, judge
from labelgate.expectations.limits import Limits
from labelgate.expectations.papers import FOLDER
from labelgate.fixtures.aside import Start
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.errors import LabelgateError, SettingsError
from labelgate.fixtures.measurements import Measurements
from labelgate.fixtures.report_json import write_json
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.writing import writing
from labelgate.plugins.cells import (
    Cell,
    Cells,
    Check,
    by_check,
    make_cell,
    read_cells,
    write_cells,
)
from labelgate.plugins.keeping import keep_release
from labelgate.plugins.known_failures import KNOWN, KnownFailures, within_accepted
from labelgate.plugins.report.folder import CELLS, HANDOVER, make_room


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was decided in this run.

    Attributes:
        cells: by property and subject.
        broken: what measuring raised, by property.
        old: property and subject of failures that the baseline had too.
    """

    # without repr: pytest shows a part of it beside every error, and writes out all of it for that
    cells: Cells = field(repr=False)
    broken: dict[str, str] = field(repr=False)
    old: frozenset[Check] = field(default=frozenset(), repr=False)

    def cells_of(self, name: str, subject: str) -> tuple[Cell, ...]:
        """Returns the cells of one property and subject, at least one.

        Raises:
            KeyError: it was never measured, or measuring it broke (`broken`): never a pass.
        """
        return self.cells[name, subject]


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest, settings: Settings, limits: Limits) -> Verdicts:
    """What was decided about every cell, measured once per run."""
    file = settings.report / HANDOVER
    cells: Cells = {}
    with FileLock(file.with_suffix(".lock")):
        if not file.exists():
            _hand_over(settings.report, _measure_and_judge(request, settings, limits, cells))
    content = read_handover(settings.report)
    if content["unusable"]:
        request.session.shouldstop = "the dataset cannot be judged"
        pytest.skip(content["unusable"])  # the report plugin says it, and ends with code 4
    cells = cells or read_cells(settings.report / CELLS)
    old = frozenset((name, subject) for name, subject in content["old"])
    return Verdicts(cells, _by_property(content["broken"], limits), old)


def read_handover(report: Path) -> dict[str, Any]:
    """Reads what was handed over in a report folder; {} if nothing was decided."""
    file = report / HANDOVER
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return content


def _hand_over(report: Path, handed: dict[str, Any]) -> None:
    """Writes what was decided; where there is no room for it, there is room for that sentence."""
    try:
        with writing(report):
            write_json(report / HANDOVER, handed)
    except SettingsError as error:
        make_room(report)
        write_json(report / HANDOVER, hand_nothing() | {"unusable": str(error)})


def hand_nothing() -> dict[str, Any]:
    """What is handed over while nothing is known."""
    handed: dict[str, Any] = {"unusable": "", "broken": {}, "figures": []}
    handed |= {"provenance": {}, "suites_sha256": None}
    return handed | {"old": [], "release": None, "findings": None, "changes": None}


def _measure_and_judge(
    request: pytest.FixtureRequest, settings: Settings, limits: Limits, cells: Cells
) -> dict[str, Any]:
    """Measures, judges, writes the papers, and returns what is handed over beside the `cells`."""
    from labelgate.plugins.report.evidence import write_measurements
    from labelgate.plugins.report.provenance import hash_suites
    from labelgate.plugins.report.review import REVIEW, compose_review

    handed = hand_nothing()
    try:
        gc.freeze()  # what stays is not looked through again: 7 % of a re-gate of a million images
        judging = _begin(request)
        measurements, judgement, written = _judge_twice(request, settings, limits)
        gc.freeze()
        handed["broken"] = {stem: _told(error) for stem, error in measurements.broken.items()}
        handed["figures"] = measurements.figures
        handed["suites_sha256"] = hash_suites(judgement.suites)
        handed["provenance"] = _provenance(request, measurements)
        fingerprint = str(handed["provenance"].get("fingerprint", ""))
        asked = compose_review(request.getfixturevalue("candidates"), fingerprint)
        dataset: Dataset = request.getfixturevalue("dataset")
        known = request.config.stash.get(KNOWN, None)
        with writing(settings.report):
            write_measurements(settings.report, judgement.table)
            made = by_check(_cells(dataset, judgement, known, judging))
            write_cells(settings.report / CELLS, chain.from_iterable(made.values()))
            write_json(settings.report / REVIEW, asked)
            if not measurements.broken:
                handed |= keep_release(request, judgement)
            for wait in written:
                wait()
        cells |= made
    except LabelgateError as error:
        handed = hand_nothing() | {"unusable": str(error)}
        make_room(settings.report)
    except Exception as error:  # handed over: every check is an error, in every worker
        handed["broken"] = {limit.stem: _told(error) for limit in limits.properties.values()}
    return handed


def _begin(request: pytest.FixtureRequest) -> Start:
    """Begins what the process does that judges later; returns what begins more there."""
    judging: Start = request.getfixturevalue("judging")
    with suppress(Exception):  # raised again by each stem that needs pixels
        request.getfixturevalue("fingerprinting")
    if request.getfixturevalue("asked_states") is not None:  # which are known by now
        judging(import_library)
    return judging


def _cells(
    dataset: Dataset, judgement: Judgement, known: KnownFailures | None, judging: Start
) -> Iterator[Cell]:
    within = within_accepted(judgement.verdicts, known, judging)
    for number, verdict in enumerate(judgement.verdicts):
        yield make_cell(dataset, verdict, number in within)


def _judge_twice(
    request: pytest.FixtureRequest, settings: Settings, limits: Limits
) -> tuple[Measurements, Judgement, list[Callable[[], None]]]:
    """Measures and judges all stems; those that speak of verdicts come after the others.

    Returns:
        Both, and what waits for their evidence, which is written meanwhile.
    """
    from labelgate.plugins.report.evidence import write_evidence

    beside, judging = map(request.getfixturevalue, ("beside", "judging"))
    request.getfixturevalue("begun_judgement")  # while evidence is laid out
    measurements: Measurements = request.getfixturevalue("measurements")
    written = [beside(write_evidence, settings.report, measurements.evidence)]
    if not measurements.broken:
        with writing(settings.report):
            request.getfixturevalue("release_seal")  # written while Great Expectations judges
    judgement: Judgement = request.getfixturevalue("judgement")
    later: Measurements = request.getfixturevalue("later_measurements")
    written.append(beside(write_evidence, settings.report, later.evidence))
    judged = judgement.joined(judge(later, limits, judging, settings.report / FOLDER))
    return measurements.joined(later), judged, written


def _provenance(request: pytest.FixtureRequest, measurements: Measurements) -> dict[str, Any]:
    return {} if measurements.broken else asdict(request.getfixturevalue("provenance"))


def _told(error: Exception) -> str:
    return "".join(traceback.format_exception(error))


def _by_property(broken: dict[str, str], limits: Limits) -> dict[str, str]:
    return {
        name: broken[limit.stem]
        for name, limit in limits.properties.items()
        if limit.stem in broken
    }
