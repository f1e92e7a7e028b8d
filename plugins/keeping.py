"""What a run keeps for later ones: its inventory, the images behind its failures, its changes."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from labelgate.expectations.judge import Judgement
from labelgate.fixtures.aside import Start
from labelgate.fixtures.changes import Changes
from labelgate.fixtures.dataset import Dataset
from labelgate.fixtures.findings import tabulate_findings, write_findings
from labelgate.fixtures.inventory import Inventory, write_inventory
from labelgate.fixtures.sealed_tables import Seal
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.standing import Standings


@pytest.fixture(scope="session")
def release_seal(meanwhile: Start, settings: Settings, inventory: Inventory) -> Callable[[], Seal]:
    """Begins to write `release.parquet`, for which no verdict is needed; waits for its seal."""
    return meanwhile(write_inventory, settings.report, inventory)


def keep_release(request: pytest.FixtureRequest, judgement: Judgement) -> dict[str, Any]:
    """Writes `release.parquet` and `findings.parquet` into the report folder.

    Returns:
        What is handed over: the seals of both, what changed since the baseline in numbers, which
        classes and splits were renamed since, and which failures the baseline excuses.
    """
    settings: Settings = request.getfixturevalue("settings")
    dataset: Dataset = request.getfixturevalue("dataset")
    failing = (each.measurement for each in judgement.verdicts if each.passed is False)
    findings = tabulate_findings(dataset, failing)
    kept: dict[str, Any] = {
        "findings": asdict(write_findings(settings.report, findings)),
        "release": asdict(request.getfixturevalue("release_seal")()),
    }
    changes: Changes | None = request.getfixturevalue("changes")
    if changes is not None:
        standings: Standings = request.getfixturevalue("standings")
        kept["changes"] = changes.counts()
        kept["renamed"] = asdict(changes.earlier_names)
        kept["old"] = sorted(standings.old) if settings.gate == "new" else []
    return kept
