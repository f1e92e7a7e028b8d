"""The report on the terminal: what is judged, a table of the outcomes, failures, where it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.devices import foresee_device
from labelgate.fixtures.printing import printable
from labelgate.fixtures.settings import SETTINGS
from labelgate.plugins.idle import only_idle
from labelgate.plugins.report.baseline import tell_comparison
from labelgate.plugins.report.summary import OUTCOMES, by_property, expiring, headline

if TYPE_CHECKING:  # the header is told before conftest.py names the plugins that this imports
    from labelgate.plugins.report.collect import Collected

AT_THE_END = ("pytest_terminal_summary", "pytest_sessionfinish", "pytest_unconfigure")
"""Hooks in which a plugin may look at the reports that pytest kept."""

FAILURES = 10
"""Failures told without -v, and accepted failures that expire soon: what a screen shows."""


def header(config: pytest.Config) -> str:
    """Says what is judged, by what, and where results and the report go."""
    settings, dataset = config.stash[SETTINGS], config.stash[DATASET]
    images, classes = len(dataset.paths), len(dataset.labels)
    size = f"{images:,} images, {len(dataset.splits)} splits, {classes:,} classes"
    predictors = f", predictors {', '.join(settings.predictors)}" if settings.predictors else ""
    baseline = [f"baseline {settings.baseline}"] if settings.baseline else []
    lines = [
        f"{dataset.name} ({size}) in {dataset.root}",
        f"store {settings.store}, report {settings.report}, {settings.workers} workers",
        f"embedder {settings.embedder}, device {foresee_device(settings.device)}{predictors}",
        *baseline,
    ]
    return "\n".join(f"labelgate: {printable(line)}" for line in lines)


def makes_sums(config: pytest.Config) -> bool:
    """Tells whether what pytest keeps of a check that ended is counted, and not looked at.

    It is looked at where options ask for it (`--durations`, `-rp`, `-rA`), and by plugins of others
    that speak at the end.
    """
    told = config.option.durations is not None or {*"apAP"} & {*config.option.reportchars}
    return not told and only_idle(config, AT_THE_END)


def let_go(terminal: pytest.TerminalReporter, report: pytest.TestReport) -> None:
    """Lets go of the last report that pytest keeps to count it, where it says nothing of its own.

    Half a million reports take a gigabyte. The first of each kind stands for all that follow.
    """
    for category in ("passed", "not measured", ""):
        kept = terminal.stats.get(category, ())
        if kept and kept[-1] is report and not report.sections:
            kept[-1] = kept[0]


@contextmanager
def told_apart(terminal: pytest.TerminalReporter) -> Iterator[None]:
    """Hides from pytest, while it sums up, what it would tell of checks once more.

    A failed check is told in our own block, so it needs no section and no line of pytest's; of
    several checks that broke in the same way, one keeps its traceback. Of set-ups and tear-downs,
    those that printed nothing are forgotten: for each failure pytest looks through all of them, and
    with 20,000 checks and 4,000 failures that took 100 s (benchmarks/README.md).
    """
    stats = terminal.stats
    stats[""] = [report for report in stats.get("", []) if getattr(report, "sections", ())]
    before: dict[str, list[Any]] = {key: stats[key] for key in ("failed", "error") if key in stats}
    stats |= {key: [*_not_told_by_us(reports)] for key, reports in before.items()}
    try:
        yield
    finally:
        stats |= before


def _not_told_by_us(reports: list[Any]) -> Iterator[Any]:
    """Keeps what is no check, and the first of all checks that broke in one way."""
    from labelgate.plugins.outcomes import outcome_of  # late: see the header

    seen: set[str] = set()
    for report in reports:
        outcome = outcome_of(report)
        how = report.longreprtext.strip().rpartition("\n")[2] if outcome == "error" else ""
        if outcome != "failed" and (not how or how not in seen):
            yield report
        seen.add(how)


def tell(terminal: pytest.TerminalReporter, collected: "Collected") -> None:
    """Prints the table, the first failures and the verdict; under -q the verdict alone."""
    report = collected.report
    if collected.unusable:
        terminal.write_line(f"ERROR: {collected.unusable}", red=True)
    if report is not None and terminal.verbosity >= 0:
        terminal.ensure_newline()
        terminal.section("labelgate")
        for line in (*_table(report, terminal), *_failures(report, terminal), *_notes(report)):
            terminal.write_line(line)
    if report is not None:
        fit = report["verdict"] == "passed"
        where = terminal.config.stash[SETTINGS].report / "index.html"
        terminal.write_line(f"{headline(report)} Report: {where}", green=fit, red=not fit)
    if terminal.verbosity == -1:
        terminal.config.option.verbose = -2  # pytest's own line of counts would come next


def _table(report: dict[str, Any], terminal: pytest.TerminalReporter) -> list[str]:
    """A row a property that ran, or a line with its counts where the terminal is too narrow."""
    ran = {name: counts for name, counts in by_property(report).items() if counts.total()}
    titles = [outcome.replace("_", " ") for outcome in OUTCOMES]
    rows = [["property", *titles]]
    rows += [[name, *(f"{counts[each]:,}" for each in OUTCOMES)] for name, counts in ran.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) <= terminal._tw.fullwidth:
        return [
            "  ".join(
                text.rjust(width) if column else text.ljust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
    told = {
        name: ", ".join(
            f"{counts[each]:,} {title}"
            for each, title in zip(OUTCOMES, titles, strict=True)
            if counts[each]
        )
        for name, counts in ran.items()
    }
    return [line for name, counts in told.items() for line in (name, f"  {counts}")]


def _failures(report: dict[str, Any], terminal: pytest.TerminalReporter) -> list[str]:
    """The sentences of the first failures, of all of them under -v."""
    failed = [result for result in report["results"] if result["outcome"] == "failed"]
    shown = failed if terminal.verbosity > 0 else failed[:FAILURES]
    lines = [""] if failed else []
    for result in shown:
        lines += [
            f"FAILED {result['property']}: {printable(sentence)}"
            for sentence in result["message"].split("\n")
        ]
    if len(shown) < len(failed):
        more = len(failed) - len(shown)
        lines.append(f"and {more:,} more failed: all of them with -v, and in the report")
    return [*lines, ""] if lines else []


def _notes(report: dict[str, Any]) -> list[str]:
    """What else a reader has to know: what was left out, and what will not be accepted for long."""
    soon = expiring(report)
    compared = tell_comparison(report)
    lines = [printable(compared)] if compared else []
    lines += [f"note: {printable(notice)}" for notice in report["notices"]]
    lines += [f"note: {printable(sentence)}" for sentence in soon[:FAILURES]]
    if len(soon) > FAILURES:
        lines.append(f"note: {len(soon) - FAILURES:,} more accepted failures expire soon")
    return lines
