"""The report of a run: collected while tests report, written when the session ends.

An entry-point plugin: it is loaded in every pytest of the environment, so it imports only pytest
and the standard library until a run with `--dataset` has decided something.
"""

import time
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from labelgate.plugins.report.collect import Collected


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Registers the reporter in the process that reports, when a dataset is given."""
    from labelgate.fixtures.settings import SETTINGS

    reports = not hasattr(config, "workerinput") and not config.option.collectonly
    if reports and SETTINGS in config.stash:
        config.pluginmanager.register(Reporter(config), "labelgate-reporter")


def _drop_silent_phases(terminal: pytest.TerminalReporter) -> None:
    """Forgets set-ups and tear-downs that printed nothing.

    For each failure pytest looks through all of them for captured output of its tear-down: with
    20,000 checks and 4,000 failures that took 100 s (benchmarks/README.md).
    """
    phases = terminal.stats.get("", [])
    terminal.stats[""] = [report for report in phases if getattr(report, "sections", ())]


class Reporter:
    """Collects outcomes and writes the report; hooks of pytest only."""

    def __init__(self, config: pytest.Config) -> None:
        """Starts the clock of the run."""
        self.config = config
        self.started = time.time()

    @cached_property
    def collected(self) -> "Collected":
        """What is known so far; made late, so that nothing is imported before its plugin is."""
        from labelgate.plugins.report.collect import Collected

        return Collected(self.started)

    def pytest_report_header(self) -> str:
        """Says what is judged, and where results and the report go."""
        from labelgate.plugins.report.summary import header

        return header(self.config)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Shows our outcomes by our names."""
        from labelgate.plugins.report.collect import status_of

        return status_of(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the outcome of a check."""
        self.collected.add(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes the report, if anything was decided."""
        from labelgate.plugins.report.write import write_report

        session.exitstatus = write_report(self.config, self.collected, int(exitstatus))
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None:
            _drop_silent_phases(terminal)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tells the outcome of each property, and where the report is."""
        from labelgate.plugins.report.summary import tell

        tell(terminalreporter, self.collected)
