"""The report in few lines: for the terminal, and as Markdown for a pull request."""

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from labelgate.fixtures.dataset import DATASET
from labelgate.fixtures.settings import SETTINGS
from labelgate.plugins.report.comparison import tell_comparison

if TYPE_CHECKING:  # the header is told before conftest.py names the plugins that this imports
    from labelgate.plugins.report.collect import Collected

OUTCOMES = ("passed", "failed", "known", "not_measured", "error")

LINES = 60
"""Lines of `summary.md` at the most: what a pull request shows without scrolling far."""


def header(config: pytest.Config) -> str:
    """Says in two lines what is judged, and where results and the report go."""
    settings, dataset = config.stash[SETTINGS], config.stash[DATASET]
    images, classes = len(dataset.paths), len(dataset.labels)
    size = f"{images:,} images, {len(dataset.splits)} splits, {classes:,} classes"
    return (
        f"labelgate: {dataset.name} ({size}) in {dataset.root}\n"
        f"labelgate: store {settings.store}, report {settings.report}, {settings.workers} workers"
    )


def tell(terminal: pytest.TerminalReporter, collected: "Collected") -> None:
    """Prints one row a property, and where the report is."""
    report = collected.report
    if collected.unusable:
        terminal.write_line(f"ERROR: {collected.unusable}", red=True)
    if report is None or terminal.verbosity < -1:
        return
    terminal.section("labelgate")
    ran = {name: counts for name, counts in _by_property(report).items() if counts.total()}
    width = max([len("property"), *map(len, ran)])
    titles = [outcome.replace("_", " ") for outcome in OUTCOMES]
    terminal.write_line("  ".join([f"{'property':{width}}", *(f"{t:>12}" for t in titles)]))
    for name, counts in ran.items():
        numbers = (f"{counts[outcome]:>12,}" for outcome in OUTCOMES)
        terminal.write_line("  ".join([f"{name:{width}}", *numbers]))
    for notice in report["notices"]:
        terminal.write_line(f"note: {notice}")
    if told := tell_comparison(report):
        terminal.write_line(told)
    fit = report["verdict"] == "passed"
    terminal.write_line(f"{headline(report)} Report: {_where(terminal)}", green=fit, red=not fit)


def headline(report: dict[str, Any]) -> str:
    """Says the verdict in one sentence; a shard never decides on the whole dataset."""
    shard, verdict = report.get("shard"), str(report["verdict"])
    opening = f"Shard {shard['number']:,} of {shard['of']:,}: " if shard else ""
    return opening + _sentences(report)["shard" if shard and verdict == "incomplete" else verdict]


def _sentences(report: dict[str, Any]) -> dict[str, str]:
    """What is said of each verdict, and of a shard in which nothing failed."""
    counts, total = report["counts"], sum(report["counts"].values())
    others = {"known": counts["known"], "not measured": counts["not_measured"]}
    beside = ", ".join(f"{number:,} {name}" for name, number in others.items() if number)
    told = f" ({beside})" if beside else ""
    return {
        "passed": f"Fit to release: none of {total:,} checks failed{told}.",
        "failed": (
            f"Not fit to release: {counts['failed']:,} of {total:,} checks failed, "
            f"in {_where_failed(report)}."
        ),
        "incomplete": (
            f"Not decided: {total:,} of {report['checks']['total']:,} checks ran, "
            f"none failed{told}."
        ),
        "shard": (
            f"none of {total:,} checks failed{told}; labelgate merge decides on the whole dataset."
        ),
        "error": f"Not decided: {counts['error']:,} of {total:,} checks broke, or the run "
        "ended early.",
    }


def _where_failed(report: dict[str, Any]) -> str:
    """Counts the subjects that failed: "13 classes", "1 class, 2 alterations, the dataset"."""
    failed = {
        (report["properties"][result["property"]]["per"], result["subject"])
        for result in report["results"]
        if result["outcome"] == "failed"
    }
    of_kind = Counter(kind for kind, _ in failed)
    told = [
        f"{of_kind[kind]:,} {one if of_kind[kind] == 1 else many}"
        for kind, one, many in (
            ("class", "class", "classes"),
            ("alteration", "alteration", "alterations"),
        )
        if of_kind[kind]
    ]
    return ", ".join([*told, *(["the dataset as a whole"] if of_kind["dataset"] else [])])


def to_markdown(report: dict[str, Any]) -> str:
    """Makes `summary.md`: verdict, a row a property, as many failures as fit into `LINES`."""
    titles = [outcome.replace("_", " ") for outcome in OUTCOMES]
    lines = [
        f"## labelgate: {escape(report['dataset']['name'])}",
        "",
        f"**{headline(report)}**",
        "",
        *([escape(told), ""] if (told := tell_comparison(report)) else []),
        f"| property | {' | '.join(titles)} |",
        f"|---|{'---:|' * len(titles)}",
    ]
    for name, counts in _by_property(report).items():
        numbers = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
        lines.append(f"| {name} | {numbers} |")
    notices = [f"> {escape(notice)}" for notice in report["notices"]]
    failures = _failures(report, LINES - len(lines) - len(notices) - 5)
    return "\n".join([*lines, *failures, "", *notices]).rstrip() + "\n"


def _failures(report: dict[str, Any], most: int) -> list[str]:
    """Names the first failures, and how many more there are."""
    bad = [result for result in report["results"] if result["outcome"] in ("failed", "error")]
    if not bad:
        return []
    told = [f"- **{r['property']}** {escape(r['message'])}" for r in bad[: max(most, 0)]]
    if len(bad) > len(told):
        told.append(f"- and {len(bad) - len(told):,} more, all of them in report.json")
    return ["", "### Failures", "", *told]


def escape(text: str) -> str:
    """Makes any text harmless in Markdown and in the HTML that it may contain, on one line."""
    for letter in "\\`*_{}[]()#+-!|~>":
        text = text.replace(letter, f"\\{letter}")
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")
    text = text.replace("://", "&#58;//")  # bare addresses would become links
    return " ".join(re.sub("www\\.", "www&#46;", text, flags=re.IGNORECASE).split())


def _by_property(report: dict[str, Any]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {name: Counter() for name in report["properties"]}
    for result in report["results"]:
        counts[result["property"]][result["outcome"]] += 1
    return counts


def _where(terminal: pytest.TerminalReporter) -> str:
    return str(terminal.config.stash[SETTINGS].report / "index.html")
