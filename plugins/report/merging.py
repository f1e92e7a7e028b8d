"""Puts the reports of all shards together, as if their checks had been one run.

A shard that is missing, unfinished or of another dataset is an error and never a pass.
"""

import platform
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from labelgate.fixtures.errors import SettingsError
from labelgate.plugins.report.contents import decide_verdict, partial_notices
from labelgate.plugins.report.provenance import command
from labelgate.plugins.report.summary import OUTCOMES

Report = dict[str, Any]

OF_ONE_SHARD = (
    *("verdict", "checks", "shard", "provenance", "counts", "notices", "results"),
    *("figures", "findings"),  # the same in all, unless devices round differently
)
"""Keys of a report that each shard has of its own; all others are the same in all shards."""

OF_ONE_RUN = (
    *("command", "host", "platform", "started", "seconds", "exit_code", "store"),
    *("images_decoded", "images_read", "decode_seconds"),
)
"""Keys of the provenance that each shard has of its own; all others are the same in all shards."""

SUMMED = ("images_decoded", "images_read", "decode_seconds")


def order_shards(shards: Sequence[tuple[Path, Report]]) -> list[tuple[Path, Report]]:
    """Sorts shards by number, and refuses what is not all of them, each once and finished.

    Args:
        shards: folder and report of each, in any order.

    Raises:
        SettingsError: one is missing, twice, unfinished, or no shard; or they do not fit together.
    """
    for folder, report in shards:
        if report["shard"] is None:
            raise SettingsError(
                f"{folder} is the report of a whole run and no shard; name reports of runs with "
                "--shard."
            )
    shards = sorted(shards, key=lambda shard: int(shard[1]["shard"]["number"]))
    for one, other in pairwise(shards):
        _refuse_pair(one, other)
    _refuse_missing([report["shard"] for _, report in shards])
    for folder, report in shards:
        _refuse_unfinished(folder, report)
    _refuse_unlike([report for _, report in shards])
    return shards


def _refuse_pair(one: tuple[Path, Report], other: tuple[Path, Report]) -> None:
    first, second = one[1]["shard"], other[1]["shard"]
    if first["of"] != second["of"]:
        raise SettingsError(
            f"{one[0]} is shard {first['number']} of {first['of']} and {other[0]} is shard "
            f"{second['number']} of {second['of']}; name the shards of one run."
        )
    if first["number"] == second["number"]:
        raise SettingsError(
            f"Shard {first['number']} of {first['of']} is there twice, in {one[0]} and in "
            f"{other[0]}; name each shard once."
        )


def _refuse_missing(shards: Sequence[dict[str, int]]) -> None:
    of = shards[0]["of"]
    missing = sorted(set(range(1, of + 1)) - {shard["number"] for shard in shards})
    if missing:
        more = f" (and {len(missing) - 1:,} more)" if len(missing) > 1 else ""
        raise SettingsError(
            f"Shard {missing[0]} of {of} is missing{more}: a lost shard is an error, not a pass; "
            f"run it again with --shard={missing[0]}/{of} and name its report."
        )


def _refuse_unfinished(folder: Path, report: Report) -> None:
    code = report["provenance"]["exit_code"]
    if code not in (0, 1):
        raise SettingsError(
            f"{_name(report)} ended early, with exit code {code} ({folder}); run it again."
        )


def _refuse_unlike(reports: Sequence[Report]) -> None:
    """Refuses shards that rest on different facts, limits or versions, or ran other checks."""
    broken = [report for report in reports if not report["dataset"]["fingerprint"]]
    if broken and len(broken) < len(reports):
        raise SettingsError(
            f"{_name(broken[0])} broke while it was measured, others did not; read its report, "
            "mend what it names and run it again."
        )
    first, *others = reports
    for report in others:
        different = _find_different(first, report)
        if different:
            raise SettingsError(
                f"{_name(first)} and {_name(report).lower()} differ in {different}; run all shards "
                "on the same dataset, with the same options and versions."
            )
    whole = [report["checks"]["run"] >= report["shard"]["checks"] for report in reports]
    failed = [bool(report["provenance"]["exit_code"]) for report in reports]
    for report, is_whole, has_failed in zip(reports, whole, failed, strict=True):
        if any(whole) and not is_whole and not has_failed:
            raise SettingsError(
                f"{_name(report)} ran {report['checks']['run']:,} of its "
                f"{report['shard']['checks']:,} checks, others ran all of theirs; run all shards "
                "with the same selection."
            )


def _find_different(first: Report, other: Report) -> str:
    """Names what two shards do not have in common, "" if they fit together."""
    keys = [("", key) for key in sorted({*first, *other} - {*OF_ONE_SHARD})]
    keys += [("dataset.", key) for key in first["dataset"]]
    named = {*first["provenance"], *other["provenance"]} - {*OF_ONE_RUN}
    keys += [("provenance.", key) for key in sorted(named)]
    for inside, key in sorted(keys, key=lambda each: not each[0]):  # the more exact names first
        sides = [(r[inside[:-1]] if inside else r).get(key) for r in (first, other)]
        if key == "baseline":  # each shard may have its copy elsewhere
            sides = [side and {**side, "report": ""} for side in sides]
        if sides[0] != sides[1]:
            return f"{inside}{key}"
    return ""


def _name(report: Report) -> str:
    return f"Shard {report['shard']['number']} of {report['shard']['of']}"


def merge_reports(reports: Sequence[Report], different: Sequence[str]) -> Report:
    """Makes one report of those of all shards.

    Args:
        reports: as `order_shards` returns them.
        different: names of papers that are not the same in all shards.

    Raises:
        SettingsError: a check is in two shards.
    """
    first = reports[0]
    order = {name: position for position, name in enumerate(first["properties"])}
    results = [result for report in reports for result in report["results"]]
    results.sort(key=lambda result: (order[result["property"]], result["subject"]))
    for one, other in pairwise(results):
        if (one["property"], one["subject"]) == (other["property"], other["subject"]):
            raise SettingsError(
                f"{one['property']}[{one['subject']}] is in 2 shards, 1 is allowed; run all shards "
                "with the same version on the same dataset."
            )
    counts = Counter(result["outcome"] for result in results)
    checks = {"total": first["checks"]["total"], "run": len(results)}
    code = max(report["provenance"]["exit_code"] for report in reports)
    return {
        **first,
        "verdict": decide_verdict(counts, checks, code),
        "checks": checks,
        "shard": None,
        "provenance": _merge_provenance(reports, code),
        "counts": {outcome: counts[outcome] for outcome in OUTCOMES},
        "notices": [*_merge_notices(reports, checks, code), *_tell_different(different)],
        "figures": _merge_figures(reports),
        "results": results,
    }


def _merge_notices(reports: Sequence[Report], checks: dict[str, int], code: int) -> list[str]:
    """The notices of all shards, with what is said of the whole in place of what each is."""
    notices: dict[str, None] = {}
    for report in reports:
        for notice in report["notices"]:
            part = notice.startswith(f"{_name(report)}: ")
            notices |= dict.fromkeys(partial_notices(checks, code) if part else [notice])
    return list(notices)


def _merge_figures(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """The figures of all shards, each once: what was measured is the same in all of them."""
    figures: list[dict[str, Any]] = []
    for report in reports:
        figures += [figure for figure in report["figures"] if figure not in figures]
    return figures


def _tell_different(papers: Sequence[str]) -> list[str]:
    if not papers:
        return []
    more = f" and {len(papers) - 3:,} more" if len(papers) > 3 else ""
    return [
        f"Shards differ in {', '.join(papers[:3])}{more}; this report has those of the first shard."
    ]


def _merge_provenance(reports: Sequence[Report], code: int) -> dict[str, Any]:
    """What the shards share, where they were merged, and what each has of its own."""
    told = [report["provenance"] for report in reports]
    starts = [datetime.fromisoformat(each["started"]).timestamp() for each in told]
    ends = [start + each["seconds"] for start, each in zip(starts, told, strict=True)]
    numbers = [report["shard"]["number"] for report in reports]
    summed = {key: round(sum(e[key] for e in told), 3) for key in SUMMED if key in told[0]}
    return {
        **told[0],
        **summed,
        "command": command(),
        "host": platform.node(),
        "platform": platform.platform(),
        "started": min(each["started"] for each in told),
        "seconds": round(max(ends) - min(starts), 3),
        "exit_code": code,
        "shards": [
            {"number": number, **{key: each[key] for key in OF_ONE_RUN if key in each}}
            for number, each in zip(numbers, told, strict=True)
        ],
    }
