"""`labelgate measure`: computes what checks would ask for and the store lacks, and decides nothing.

A plugin that this command names: the checks are collected and selected as in a run, so that the
same is measured, and none of them is called.
"""

import sys
import time
import traceback
from collections import Counter
from pathlib import Path

import pytest

from labelgate.fixtures.errors import LabelgateError
from labelgate.fixtures.measurements import Measurements
from labelgate.fixtures.settings import SETTINGS
from labelgate.plugins.commands import PIPE
from labelgate.plugins.progress import COMPUTED, uncaptured

ENDED = pytest.StashKey[int]()
"""The exit code."""


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Takes pytest's own report away: there is nothing to tell but the facts."""
    config.pluginmanager.unregister(name="terminalreporter")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Measures instead of running checks; does nothing where none is selected."""
    if session.testsfailed or not session.items:
        return None
    parent = session.items[0].parent
    assert parent is not None
    facts = pytest.Function.from_parent(parent, name="facts", callobj=measure_facts)
    facts.ihook.pytest_runtest_protocol(item=facts, nextitem=None)
    return True


def measure_facts(request: pytest.FixtureRequest) -> None:
    """Measures every stem of a selected check, and says what was computed for it."""
    started = time.monotonic()
    stash = request.config.stash
    try:
        measurements: Measurements = request.getfixturevalue("measurements")
    except LabelgateError as error:
        stash[ENDED] = pytest.ExitCode.USAGE_ERROR
        wrong = [str(error)]
    else:
        wrong = [told_of(*each) for each in measurements.broken.items()]
        stash[ENDED] = pytest.ExitCode.TESTS_FAILED if wrong else pytest.ExitCode.OK
    computed = stash.get(COMPUTED, Counter())
    with uncaptured(request.config):
        for sentence in wrong:
            print(f"ERROR: {sentence}", file=sys.stderr)
        try:
            told = closing_line(computed, stash[SETTINGS].store, time.monotonic() - started)
            print(told, flush=True)
        except BrokenPipeError:
            stash[ENDED] = PIPE


def told_of(stem: str, error: Exception) -> str:
    """Says that a measurement broke, and where in the code."""
    return f"measuring {stem} broke\n{''.join(traceback.format_exception(error))}"


def closing_line(computed: Counter[str], store: Path, seconds: float) -> str:
    """Says what was computed, in the order in which it was."""
    done = [f"{title} {count:,}" for title, count in computed.items() if count]
    told = "; ".join(done) if done else "nothing, all of it was stored"
    return f"labelgate: computed in {seconds:.1f} s: {told}; the store is {store}"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Ends with the code of measuring, where something was measured."""
    session.exitstatus = session.config.stash.get(ENDED, exitstatus)
