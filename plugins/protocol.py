"""Runs a check in one step, where nothing but the check takes part in it.

Around each test, and around each of its set-up, call and tear-down, stand a dozen plugins of
pytest: 0.8 ms and 2 kB a test, minutes and gigabytes for half a million checks. A check only looks
its verdict up, so its function is called as it stands, and what it tells is reported as every test
is. Where somebody else could take part (a fixture that is not ours, a plugin that does something at
each test, a debugger), and where something is to be set up or torn down, it runs as pytest runs all
tests.
"""

from contextlib import suppress
from functools import cache, partial
from itertools import islice, zip_longest
from pathlib import Path
from typing import Literal

import pytest

from labelgate.fixtures.checks import OURS, name_check
from labelgate.plugins.idle import only_idle
from labelgate.plugins.light import Check
from labelgate.plugins.outcomes import GATE, SKIPPED_AT, Decision, Gate, end

HOOKS = (
    *(f"pytest_runtest_{each}" for each in ("setup", "call", "teardown", "makereport")),
    *("pytest_pyfunc_call", "pytest_fixture_post_finalizer"),
)
"""Hooks of pytest by which a plugin takes part in every test."""

AROUND = ("pytest_runtestloop", "pytest_runtest_protocol")
"""Hooks in which one runs the tests, or does something around each."""

CHECKS = Path(__file__).parents[1] / "dataset_tests"
"""Where our checks stand, which warn of nothing and leave nothing open."""

INTERACTIVE = ("usepdb", "trace", "setuponly", "setupshow", "setupplan")
"""Options under which a person wants to see each step."""

LEAVING = pytest.exit.Exception, KeyboardInterrupt
"""What ends the run, and not only a check."""

DEAF = ("_pytest.terminal", "_pytest.logging", "_pytest.main", "labelgate")
"""Modules whose plugins do nothing with the report of a tear-down that was in order."""

LISTENED = pytest.StashKey[bool]()
"""Whether somebody else does."""

ALONE = pytest.StashKey[bool]()
"""Whether checks of this run may be run in one step."""


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Runs all tests one after the other, as pytest does, and checks of ours in one step.

    What stands around a test, to catch its warnings and the like, takes twice as long as a check.
    `labelgate measure` has a loop of its own, which comes before this one.
    """
    if session.testsfailed or not _is_one_loop(session.config):
        return None
    ours = cache(lambda parent: parent.path.parent.samefile(CHECKS))
    for item, nextitem in zip_longest(session.items, islice(session.items, 1, None)):
        if not (isinstance(item, Check) and ours(item.parent) and _run_alone(item, nextitem)):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
    return True


def _is_one_loop(config: pytest.Config) -> bool:
    """Tells whether tests run here and one after the other, and nobody else stands around them."""
    elsewhere = config.pluginmanager.has_plugin("dsession") or hasattr(config, "workerinput")
    return not (elsewhere or config.option.collectonly) and only_idle(config, AROUND)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Runs a check in one step; leaves it to pytest where that would not do."""
    return _run_alone(item, nextitem) or None


def _run_alone(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Runs a check in one step, and tells whether that was done."""
    gate = item.config.stash.get(GATE, None)
    if gate is None or not isinstance(item, Check) or not _has_nothing_to_set_up(item, nextitem):
        return False  # the first check sets up what all need, the last of a module tears down
    hook, address, location = item.ihook, item.nodeid, item.location
    hook.pytest_runtest_logstart(nodeid=address, location=location)
    _report(item, gate)
    hook.pytest_runtest_logfinish(nodeid=address, location=location)
    return True


def _has_nothing_to_set_up(item: Check, nextitem: pytest.Item | None) -> bool:
    if nextitem is None or nextitem.parent is not item.parent or not item.is_light:
        return False
    if ALONE not in item.config.stash:
        item.config.stash[ALONE] = _are_alone(item.config)
    marked = next(item.iter_markers(), None) is not None
    return item.config.stash[ALONE] and not marked and OURS.issuperset(item.fixturenames)


def _are_alone(config: pytest.Config) -> bool:
    """Tells whether no plugin but pytest's and ours takes part in every test."""
    if any(config.getoption(option, False) for option in INTERACTIVE):
        return False
    return only_idle(config, HOOKS)


def _report(item: Check, gate: Gate) -> None:
    """Runs a check and reports what comes of it, as pytest does after a test."""
    hook, told = item.ihook, name_check(item)
    call = pytest.CallInfo.from_call(partial(_run, item, gate, told), "call", reraise=LEAVING)
    report = _tell_shortly(item, call, told)
    if report is None:
        item.user_properties[:] = told
        if call.excinfo is None and call.result is not None:
            call = pytest.CallInfo.from_call(partial(end, call.result), "call", reraise=LEAVING)
        report = hook.pytest_runtest_makereport(item=item, call=call)
    hook.pytest_runtest_logreport(report=report)
    if report.failed:
        hook.pytest_exception_interact(node=item, call=call, report=report)
    if _is_listened_to(item.config):
        hook.pytest_runtest_logreport(report=_make_report(item, "teardown", call, told))


def _is_listened_to(config: pytest.Config) -> bool:
    """Tells whether a report of a tear-down in which nothing was torn down is of any use."""
    if LISTENED not in config.stash:
        config.stash[LISTENED] = not only_idle(config, ["pytest_runtest_logreport"], DEAF)
    return config.stash[LISTENED]


class _Ended(BaseException):
    """Leaves a check that is decided."""


def _run(item: Check, gate: Gate, told: list[tuple[str, object]]) -> Decision | None:
    """Calls the function of a check, and returns what was decided; None if nothing was."""
    decisions: list[Decision] = []

    def decided(name: str, subject: str) -> None:
        decisions.append(gate.decide(name, subject, told))
        raise _Ended

    with suppress(_Ended):
        item.obj(gate=decided, **item.arguments())
    return decisions[0] if decisions else None


def _tell_shortly(
    item: Check, call: pytest.CallInfo[Decision | None], told: list[tuple[str, object]]
) -> pytest.TestReport | None:
    """Reports a check that passed or was not measured; None if it ended otherwise.

    Nearly all checks of a large dataset are such, and what pytest raises, catches and formats to
    skip a test takes several times as long as the check.
    """
    decision = None if call.excinfo else call.result
    if call.excinfo is None and (decision is None or decision.outcome == "passed"):
        return _make_report(item, "call", call, told)
    if decision is None or decision.outcome != "not measured":
        return None
    report = _make_report(item, "call", call, told)
    report.outcome = "skipped"
    report.longrepr = (*SKIPPED_AT, f"Skipped: {decision.sentence}")
    return report


def _make_report(
    item: Check,
    when: Literal["call", "teardown"],
    call: pytest.CallInfo[Decision | None],
    told: list[tuple[str, object]],
) -> pytest.TestReport:
    start = call.start if when == "call" else call.stop
    return pytest.TestReport(
        *(item.nodeid, item.location, {}, "passed", None, when),
        duration=call.stop - start,
        start=start,
        stop=call.stop,
        user_properties=told,
    )
