"""A plugin of pytest for `mutation.py`: which tests run on a mutant, the fastest first.

Left out are tests that run the suite elsewhere, where no mutant is, that fail where mutants run
before anything is changed, and that look at a clock. What all tests import is imported before
mutmut forks.
"""

import json
import logging
import os
import warnings
from collections.abc import Generator
from importlib import import_module
from inspect import getsource
from pathlib import Path

import pytest

HERE = Path(__file__).parent

FAILED = HERE / "fails_unchanged.txt"
"""Names of the tests that failed when mutmut learnt which test reaches which function."""

STATISTICS = HERE.parent / "mutants" / "mutmut-stats.json"
"""What it learnt then, the seconds of each test too."""

ELSEWHERE = {"suite", "python", "sample", "visit", "browser", "warm", "sharded", "at_once"}
"""Fixtures that start processes."""

MUTANT = "MUTANT_UNDER_TEST"
"""What mutmut says in the environment: a mutant, "stats", or nothing for code as it is."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves tests out, and puts the fastest first."""
    known = set(FAILED.read_text().splitlines()) if FAILED.exists() else set()
    taken = json.loads(STATISTICS.read_text())["duration_by_test"] if STATISTICS.exists() else {}
    kept = [item for item in items if not is_left_out(item, known)]
    kept.sort(key=lambda item: taken.get(item.nodeid, 0))
    if os.environ.get(MUTANT) == "":  # all have just passed unchanged, for the statistics
        kept = kept[:9]
        import_large()
    config.hook.pytest_deselected(items=list(set(items) - set(kept)))
    items[:] = kept


def is_left_out(item: pytest.Item, failed: set[str]) -> bool:
    """Tells whether a test says nothing about a mutant."""
    elsewhere = ELSEWHERE & set(getattr(item, "fixturenames", ()))
    clock = isinstance(item, pytest.Function) and "monotonic()" in getsource(item.function)
    return bool(elsewhere) or clock or item.nodeid in failed


def import_large() -> None:
    """Imports the libraries that a fork would import each time."""
    from warm import LARGE  # meta_tests/warm.py

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LARGE:
            import_module(name)
        logging.captureWarnings(False)  # Great Expectations turned it on


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remembers which tests fail before anything is changed; mutmut would end with the first."""
    report = yield
    if os.environ.get(MUTANT) == "stats" and report.failed:
        with FAILED.open("a") as file:
            file.write(f"{item.nodeid}\n")
        report.outcome = "skipped"
        report.longrepr = (str(item.path), 1, "fails unchanged")
    return report
