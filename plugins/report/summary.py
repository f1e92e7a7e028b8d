"""The report in few lines: for the terminal, and as Markdown for a pull request."""

from collections import Counter
from typing import Any

import pytest

from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.settings import SETTINGS
from labelgate.plugins.report.collect import Collected

OUTCOMES = ("passed", "failed", "known", "not_measured", "error")

FAILURES = 25
"""Failures that `summary.md` names, so that it stays under 60 lines with all properties."""


def header(config: pytest.Config) -> str:
    """Says in two lines what is judged, and where results and the report go."""
    settings, dataset = config.stash[SETTINGS], config.stash[DATASET]
    images, classes = len(dataset.paths), len(dataset.labels)
    size = f"{images:,} images, {len(dataset.splits)} splits, {classes:,} classes"
    return (
        f"labelgate: {dataset.name} ({size}) in {dataset.root}\n"
        f"labelgate: store {settings.store}, report {settings.report}, {settings.workers} workers"
    )


def tell(terminal: pytest.TerminalReporter, collected: Collected) -> None:
    """Prints one row a property, and where the report is."""
    report = collected.report
    if report is None or terminal.verbosity < -1:
        return
    terminal.section("labelgate")
    names = [name for name, counts in _by_property(report).items() if counts.total()]
    width = max([len("property"), *map(len, names)])
    titles = [outcome.replace("_", " ") for outcome in OUTCOMES]
    terminal.write_line("  ".join([f"{'property':{width}}", *(f"{t:>12}" for t in titles)]))
    for name in names:
        counts = _by_property(report)[name]
        numbers = (f"{counts[outcome]:>12,}" for outcome in OUTCOMES)
        terminal.write_line("  ".join([f"{name:{width}}", *numbers]))
    for notice in report["notices"]:
        terminal.write_line(f"note: {notice}")
    fit = report["verdict"] == "passed"
    terminal.write_line(f"{headline(report)} Report: {_where(terminal)}", green=fit, red=not fit)


def headline(report: dict[str, Any]) -> str:
    """Says the verdict in one sentence."""
    counts = report["counts"]
    total = sum(counts.values())
    if report["verdict"] == "passed":
        beside = [
            f"{counts[k]:,} {k.replace('_', ' ')}" for k in ("known", "not_measured") if counts[k]
        ]
        told = f" ({', '.join(beside)})" if beside else ""
        return f"Fit to release: none of {total:,} checks failed{told}."
    if report["verdict"] == "error":
        return (
            f"Not decided: {counts['error']:,} of {total:,} checks broke, or the run ended early."
        )
    failed = [result for result in report["results"] if result["outcome"] == "failed"]
    subjects = len({result["subject"] for result in failed})
    return (
        f"Not fit to release: {len(failed):,} of {total:,} checks failed, in "
        f"{subjects:,} class{'es' * (subjects != 1)}."
    )


def to_markdown(report: dict[str, Any]) -> str:
    """Makes `summary.md`: verdict, a row a property, the first failures; at most 60 lines."""
    titles = [outcome.replace("_", " ") for outcome in OUTCOMES]
    lines = [
        f"## labelgate: {escape(report['dataset']['name'])}",
        "",
        f"**{headline(report)}**",
        "",
        f"| property | {' | '.join(titles)} |",
        f"|---|{'---:|' * len(titles)}",
    ]
    for name, counts in _by_property(report).items():
        numbers = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
        lines.append(f"| {name} | {numbers} |")
    bad = [result for result in report["results"] if result["outcome"] in ("failed", "error")]
    if bad:
        lines += ["", "### Failures", ""]
        lines += [f"- **{r['property']}** {escape(r['message'])}" for r in bad[:FAILURES]]
    if len(bad) > FAILURES:
        lines.append(f"- and {len(bad) - FAILURES:,} more, all of them in report.json")
    lines += ["", *(f"> {escape(notice)}" for notice in report["notices"])]
    return "\n".join(lines).rstrip() + "\n"


def escape(text: str) -> str:
    """Makes any text harmless in Markdown and in the HTML that it may contain, on one line."""
    for letter in "\\`*_{}[]()#+-!|~>":
        text = text.replace(letter, f"\\{letter}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")
    return " ".join(text.split())


def _by_property(report: dict[str, Any]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {name: Counter() for name in report["properties"]}
    for result in report["results"]:
        counts[result["property"]][result["outcome"]] += 1
    return counts


def _where(terminal: pytest.TerminalReporter) -> str:
    return str(terminal.config.stash[SETTINGS].report / "index.html")
