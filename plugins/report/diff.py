"""Two reports side by side: what changed in the release, and what that did to the verdicts.

The document, schema `labelgate.diff/1`, is what `labelgate diff --json` writes, and what its text
and the page `changes.html` are made of.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from labelgate.fixtures.baseline import Baseline
from labelgate.fixtures.change_kinds import KINDS
from labelgate.fixtures.change_tables import list_changes, list_class_changes
from labelgate.fixtures.changes import Changes, compare_releases, confirm
from labelgate.fixtures.declarations import Review
from labelgate.fixtures.measurements import LATER

SCHEMA = "labelgate.diff/1"

VERDICTS = ("new failure", "worse", "better", "mended", "not measured now")
"""What can happen to a cell. `new failure`: it fails now, and passed or was not decided then;
`worse` and `better`: it fails now and then, with another value; `not measured now`: it was decided
then. Cells that pass now and then are not told, whatever their values."""

Row = dict[str, Any]


def describe_difference(
    old: Baseline, new: Baseline, reviews: Sequence[Review] = (), most: int | None = None
) -> dict[str, Any]:
    """Compares two reports.

    Args:
        old: the earlier one.
        new: the later one.
        reviews: which of the flipped labels people confirmed.
        most: images that are listed of each kind of change; None for all.
    """
    changes = confirm(compare_releases(old.inventory, new.inventory), reviews)
    verdicts = sorted(_compare_cells(old, new, changes), key=_rank)
    return {
        "schema": SCHEMA,
        "labelgate": version("labelgate"),
        "old": _identify(old),
        "new": _identify(new),
        "worse": list(_tell_worse(changes.counts(), verdicts)),
        "counts": changes.counts(),
        "classes": [
            dict(zip(("change", "before", "after"), row, strict=True))
            for row in list_class_changes(changes)
        ],
        "splits": dict(changes.splits),
        "images": {kind: _list(changes, kind, most) for kind in KINDS},
        "flips": _count_flips(changes),
        "verdicts": verdicts,
    }


def join_differences(shards: Sequence[dict[str, Any]], new: dict[str, Any]) -> dict[str, Any]:
    """Joins what shards say of one comparison: the same but for the verdicts, which they share out.

    Args:
        shards: documents of all shards.
        new: the report that they were merged into.
    """
    verdicts = [row for shard in shards for row in shard["verdicts"]]
    verdicts.sort(key=_rank)
    first = shards[0]
    told = {"verdict": new["verdict"], "checks": new["checks"]}
    told["started"] = new["provenance"]["started"]
    worse = list(_tell_worse(first["counts"], verdicts))
    return first | {"new": first["new"] | told, "worse": worse, "verdicts": verdicts}


def _rank(row: Row) -> tuple[int, str, str]:
    return VERDICTS.index(row["change"]), row["property"], row["subject"]


def _identify(report: Baseline) -> Row:
    told = report.report
    return {
        "name": told["dataset"]["name"],
        "fingerprint": told["dataset"]["fingerprint"],
        "started": told["provenance"]["started"],
        "verdict": told["verdict"],
        "images": len(report.inventory),
        "checks": told["checks"],
        "limits_sha256": told["provenance"]["limits_sha256"],
    }


def _list(changes: Changes, kind: str, most: int | None) -> Row:
    rows = list_changes(changes, (kind,))
    listed = rows.slice(0, most).drop_columns(["change"]).to_pylist()
    return {"total": rows.num_rows, "rows": listed}


def _count_flips(changes: Changes) -> list[Row]:
    """Counts the flips of each pair of labels, most frequent first."""
    rows = list_changes(changes, ("flipped",))
    columns = (rows[name].to_pylist() for name in ("label_before", "label", "reviewed"))
    flips: Counter[tuple[str, str]] = Counter()
    reviewed: Counter[tuple[str, str]] = Counter()
    for before, now, review in zip(*columns, strict=True):
        flips[before, now] += 1
        reviewed[before, now] += review == "yes"
    return [
        {"before": pair[0], "now": pair[1], "images": n, "reviewed": reviewed[pair]}
        for pair, n in sorted(flips.items(), key=lambda each: (-each[1], each[0]))
    ]


def _tell_worse(counts: dict[str, int], verdicts: Sequence[Row]) -> Iterator[str]:
    """Says what got worse: what a release should not do, a sentence each."""
    broken = {(r["property"], r["subject"]) for r in verdicts if r["broke"]}
    unreviewed = counts["flipped"] - counts["reviewed"]
    out = "moved from training into another split"
    for number, one, many in (
        (counts["moved_into_evaluation"], f"image {out}", f"images {out}"),
        (unreviewed, "label was flipped without a review", "labels were flipped without a review"),
        (len(broken), "check passed and fails now", "checks passed and fail now"),
    ):
        if number:
            yield f"{number:,} {one if number == 1 else many}"


def _compare_cells(old: Baseline, new: Baseline, changes: Changes) -> Iterator[Row]:
    """Yields the cells of which the verdict or a failing value changed."""
    names = changes.earlier_names
    for (name, subject), result in new.results.items():
        if new.report["properties"][name]["stem"] in LATER:
            continue
        for cell in result["cells"]:
            before = old.cell_of((name, subject), cell["split"], cell["predictor"], names)
            change = _classify(before, cell)
            if change:
                yield {
                    "change": change,
                    "broke": change == "new failure" and bool(before and before["passed"]),
                    "property": name,
                    "subject": subject,
                    "split": cell["split"],
                    "predictor": cell["predictor"],
                    "unit": result["unit"],
                    "limit": cell["limit"],
                    "before": _tell(before),
                    "now": _tell(cell),
                }


def _classify(before: Row | None, now: Row) -> str:
    was = before["passed"] if before else None
    if now["passed"] is False:
        return _compare_values(before, now) if before and was is False else "new failure"
    if now["passed"] and was is False:
        return "mended"
    return "not measured now" if now["passed"] is None and was is not None else ""


def _compare_values(before: Row, now: Row) -> str:
    """Says which of two failing values is further from the limit; "" for equal ones."""
    if before["value"] is None or now["value"] is None or before["value"] == now["value"]:
        return ""
    more = now["value"] > before["value"]
    return "worse" if more == now["limit"].startswith("at most") else "better"


def _tell(cell: Row | None) -> Row | None:
    if cell is None:
        return None
    return {key: cell[key] for key in ("passed", "value", "low", "high", "n", "reason")}
