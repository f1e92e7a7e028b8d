"""Runs a check in one step, where nothing but the check takes part in it.

Around each of set-up, call and tear-down of a test stand a dozen plugins of pytest: 0.8 ms and 2 kB
a test, minutes and gigabytes for half a million checks. A check only looks its verdict up, so its
function is called as it stands, and what it tells is reported as every test is. Where somebody else
could take part (a fixture that is not ours, a plugin that does something at each test, a debugger),
and where something is to be set up or torn down, it runs as pytest runs all tests.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

import pytest

from labelgate.fixtures.checks import is_check
from labelgate.plugins.outcomes import GATE
from labelgate.plugins.parametrize import ASKED

OURS = frozenset(("gate", "request", "verdicts", "settings", "limits", "pytestconfig", *ASKED))
"""Fixtures whose set-up the first check of a run does for all, and arguments of parametrization."""

HOOKS = (
    *(f"pytest_runtest_{each}" for each in ("setup", "call", "teardown", "makereport")),
    *("pytest_pyfunc_call", "pytest_fixture_post_finalizer"),
)
"""Hooks of pytest by which a plugin takes part in every test."""

IDLE = ("_pytest", "labelgate", "xdist", "_hypothesis_pytestplugin", "anyio")
"""Packages whose plugins do nothing in these hooks that a check would miss."""

INTERACTIVE = ("usepdb", "trace", "setuponly", "setupshow", "setupplan")
"""Options under which a person wants to see each step."""

LOCATED = pytest.StashKey[dict[object, tuple[str, int | None]]]()
"""File and line of each function."""

ALONE = pytest.StashKey[bool]()
"""Whether checks of this run may be run in one step."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Runs a check in one step; leaves it to pytest where that would not do."""
    gate = item.config.stash.get(GATE, None)
    if gate is None or not _has_nothing_to_set_up(item, nextitem):
        return None  # the first check sets up what all need, the last of a module tears down
    assert isinstance(item, pytest.Function)
    _locate(item)
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    arguments = {"gate": partial(gate, item), **item.callspec.params}
    _report(item, partial(item.obj, **arguments))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _has_nothing_to_set_up(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    if nextitem is None or nextitem.parent is not item.parent or not is_check(item):
        return False
    if ALONE not in item.config.stash:
        item.config.stash[ALONE] = _are_alone(item.config)
    marked = next(item.iter_markers(), None) is not None
    plain = hasattr(item, "callspec") and OURS.issuperset(item.fixturenames)
    return plain and not marked and item.config.stash[ALONE]


def _are_alone(config: pytest.Config) -> bool:
    """Tells whether no plugin but pytest's and ours takes part in every test."""
    if any(config.getoption(option, False) for option in INTERACTIVE):
        return False
    taking_part = (
        impl.plugin for hook in HOOKS for impl in getattr(config.hook, hook).get_hookimpls()
    )
    return all(_module_of(plugin).partition(".")[0] in IDLE for plugin in taking_part)


def _module_of(plugin: object) -> str:
    return str(getattr(plugin, "__name__", type(plugin).__module__))


def _locate(item: pytest.Function) -> None:
    """Says where a check stands: pytest would look that up for each one of a function."""
    known = item.config.stash.setdefault(LOCATED, {})
    if item.function not in known:
        known[item.function] = item.location[:2]
    elif isinstance(item.parent, pytest.Module):
        item.location = (*known[item.function], item.name)


def _report(item: pytest.Function, function: Callable[[], None]) -> None:
    """Calls a function and reports what comes of it, as pytest does after a test."""
    hook = item.ihook
    leaving = pytest.exit.Exception, KeyboardInterrupt
    call = pytest.CallInfo.from_call(function, "call", reraise=leaving)
    if call.excinfo is None:
        report = _nothing_wrong(item, "call", call.start, call.stop)
    else:
        report = hook.pytest_runtest_makereport(item=item, call=call)
    hook.pytest_runtest_logreport(report=report)
    if report.failed:
        hook.pytest_exception_interact(node=item, call=call, report=report)
    hook.pytest_runtest_logreport(report=_nothing_wrong(item, "teardown", call.stop, call.stop))


def _nothing_wrong(
    item: pytest.Function, when: Literal["call", "teardown"], start: float, stop: float
) -> pytest.TestReport:
    return pytest.TestReport(
        *(item.nodeid, item.location, {}, "passed", None, when),
        duration=stop - start,
        start=start,
        stop=stop,
        user_properties=item.user_properties,
    )
