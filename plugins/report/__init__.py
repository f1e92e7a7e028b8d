"""The report of a run: collected while tests report, written when the session ends.

An entry-point plugin: it is loaded in every pytest of the environment, so it imports only pytest
and the standard library until a run with `--dataset` has decided something.
"""

import time
from collections.abc import Generator
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from labelgate.plugins.report.collect import Collected


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Registers the reporter in the process that reports, when a dataset is given."""
    from labelgate.fixtures.settings import SETTINGS

    if writes_report(config) and SETTINGS in config.stash:
        config.pluginmanager.register(Reporter(config), "labelgate-reporter")
        if config.option.xmlpath:
            from labelgate.plugins.report.junit import stream_junit

            stream_junit(config)
        # conftest.py names it too, but where pytest-xdist hands tests out nobody reads that
        config.pluginmanager.import_plugin("labelgate.plugins.stopping")


def writes_report(config: pytest.Config) -> bool:
    """Tells whether this process writes a report: the one that runs checks, or hands them out."""
    decides = not config.option.collectonly and not config.pluginmanager.has_plugin(
        "labelgate.plugins.facts"
    )
    return decides and not hasattr(config, "workerinput")


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
        """Says what is judged, by what, and where results and the report go."""
        from labelgate.plugins.report.terminal import header

        return header(self.config)

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """Shows our outcomes by our names; under -q a check that ended shows nothing."""
        from labelgate.plugins.report.collect import status_of

        status = status_of(report)
        return (status[0], "", "") if status and self.config.get_verbosity() < 0 else status

    @cached_property
    def _counting(self) -> pytest.TerminalReporter | None:
        """What shows the run, where it need not keep all that it counts."""
        from labelgate.plugins.report.terminal import makes_sums

        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        return terminal if makes_sums(self.config) else None

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keeps the outcome of a check, and no more of it than that."""
        from labelgate.plugins.report.terminal import let_go

        self.collected.add(report)
        if self._counting is not None:
            let_go(self._counting, report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Writes the report, if anything was decided."""
        from labelgate.plugins.report.write import write_report

        session.exitstatus = write_report(self.config, self.collected, int(exitstatus))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """Tells the outcome of each property, the first failures, and where the report is."""
        from labelgate.plugins.report.terminal import tell, told_apart

        with told_apart(terminalreporter):
            yield
        tell(terminalreporter, self.collected)
