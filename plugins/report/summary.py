"""The report in few lines: the verdict in a sentence, and Markdown for a pull request."""

import re
from collections import Counter
from typing import Any

from labelgate.plugins.report.baseline import tell_comparison

OUTCOMES = ("passed", "failed", "known", "not_measured", "error")

LINES = 60
"""Lines of `summary.md` at the most: what a pull request shows without scrolling far."""

SOON = 30
"""Days left from which on it is told that an accepted failure expires: a month to mend it."""

SOON_SHOWN = 5
"""Of these, as many as `summary.md` names."""


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
    for name, counts in by_property(report).items():
        numbers = " | ".join(f"{counts[outcome]:,}" for outcome in OUTCOMES)
        lines.append(f"| {name} | {numbers} |")
    notices = [f"> {escape(notice)}" for notice in report["notices"]]
    soon = _soon(report)
    failures = _failures(report, LINES - len(lines) - len(notices) - len(soon) - 5)
    return "\n".join([*lines, *failures, *soon, "", *notices]).rstrip() + "\n"


def expiring(report: dict[str, Any]) -> list[str]:
    """Says which accepted failures expire within `SOON` days, the first to expire first."""
    soon = [
        result
        for result in report["results"]
        if result["outcome"] == "known" and result["known"]["by"] == "entry"
        if result["known"]["days_left"] <= SOON
    ]
    return [
        f"{result['property']}[{result['subject']}] is accepted until {known['expires']} only, "
        f"{known['days_left']:,} {'day' if known['days_left'] == 1 else 'days'} left: "
        f"{known['reason']} ({known['owner']})"
        for result in sorted(soon, key=lambda result: int(result["known"]["days_left"]))
        for known in (result["known"],)
    ]


def _soon(report: dict[str, Any]) -> list[str]:
    """Names the accepted failures that expire first, and how many more there are."""
    told = [f"- {escape(sentence)}" for sentence in expiring(report)]
    more = [f"- and {len(told) - SOON_SHOWN:,} more, all of them in report.json"]
    shown = [*told[:SOON_SHOWN], *(more if len(told) > SOON_SHOWN else [])]
    return ["", "### Accepted failures that expire soon", "", *shown] if told else []


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


def by_property(report: dict[str, Any]) -> dict[str, Counter[str]]:
    """Counts the outcomes of each property, in the order of the report."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in report["properties"]}
    for result in report["results"]:
        counts[result["property"]][result["outcome"]] += 1
    return counts
