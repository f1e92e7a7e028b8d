"""A pytest plugin that says what each stage of a check costs: seconds, and memory.

    PYTHONPATH=benchmarks STAGE_TIMES=FILE labelgate check DATASET -p stage_times

A stage is a session fixture (what others ask for while it is set up is theirs), or collecting, the
checks themselves, and the report. Seconds are those of the processor, of this process alone, and
those of the clock since the process started; memory is the most that it ever held by the end of a
stage, and the most that a process of its workers held. The plugin takes part in no test and speaks
in no hook at the end: a run with it keeps and does what a run without it does.
"""

import json
import os
import resource
import time
from collections.abc import Generator
from typing import Any

import pytest

STARTED = "imports, names, collecting"

_seconds: dict[str, float] = {}
_clock: dict[str, float] = {}
_peak: dict[str, int] = {}
_running = [STARTED]
_since = [0.0, 0.0]


def _now() -> tuple[float, float]:
    """Seconds of the processor, and of the clock, since the process started."""
    with open("/proc/self/stat", encoding="ascii") as stream:
        ticks = int(stream.read().rpartition(")")[2].split()[19])
    return time.process_time(), time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf(
        "SC_CLK_TCK"
    )


def _switch(name: str | None) -> None:
    """Books what was spent since the last switch; goes on with a stage, or with the outer one."""
    stage, now = _running[-1], _now()
    for spent, since, until in zip((_seconds, _clock), _since, now, strict=True):
        spent[stage] = spent.get(stage, 0.0) + until - since
    _peak[stage] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    _since[:] = now
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


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Times the checks from here on, and the report after them."""
    from labelgate.plugins.report import write

    _switch("checks")
    write_report = write.write_report

    def timed(*given: Any) -> int:  # noqa: ANN401
        _switch(None)
        _switch("report")
        try:
            return write_report(*given)
        finally:
            _switch(None)
            _tell(session)

    write.write_report = timed


def _tell(session: pytest.Session) -> None:
    """Writes what was found."""
    beside = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = {
        **{"seconds": _seconds, "clock": _clock, "mebibytes": _peak},
        **{"workers": beside.ru_utime + beside.ru_stime, "checks": session.testscollected},
        "load": os.getloadavg(),
    }
    with open(os.environ["STAGE_TIMES"], "w", encoding="utf-8") as stream:
        json.dump(told, stream)
