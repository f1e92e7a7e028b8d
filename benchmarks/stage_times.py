"""A pytest plugin that says what each stage of a check costs: seconds of the processor, and memory.

    PYTHONPATH=benchmarks STAGE_TIMES=FILE labelgate check DATASET -p stage_times

A stage is a session fixture (what others ask for while it is set up is theirs), or collecting, the
checks themselves, and the report. Seconds are those of this process alone; memory is the most that
the process ever held by the end of a stage.
"""

import json
import os
import resource
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

STARTED = "imports, names, collecting"

_seconds: dict[str, float] = {}
_peak: dict[str, int] = {}
_running = [STARTED]
_since = [0.0]


def _switch(name: str | None) -> None:
    """Books what was spent since the last switch; goes on with a stage, or with the outer one."""
    now = time.process_time()
    stage = _running[-1]
    _seconds[stage] = _seconds.get(stage, 0.0) + now - _since[0]
    _peak[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    _since[0] = now
    if name is None:
        _running.pop()
    else:
        _running.append(name)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    """Times a session fixture."""
    if fixturedef.scope != "session":
        return (yield)
    _switch(fixturedef.argname)
    try:
        return (yield)
    finally:
        _switch(None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop() -> Generator[None, Any, Any]:
    """Times the checks."""
    _switch("checks")
    try:
        return (yield)
    finally:
        _switch(None)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, Any]:
    """Times the report, and writes what was found."""
    _switch("report")
    try:
        return (yield)
    finally:
        _switch(None)
        told = {"seconds": _seconds, "mebibytes": _peak, "checks": session.testscollected}
        Path(os.environ["STAGE_TIMES"]).write_text(json.dumps(told), encoding="utf-8")
