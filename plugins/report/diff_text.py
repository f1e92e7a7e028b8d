"""A comparison of two reports, written for a terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from labelgate.fixtures.change_kinds import KINDS
from labelgate.fixtures.printing import printable
from labelgate.plugins.report.diff import VERDICTS

FIRST = 5
"""Rows of each kind that are written out; JSON and HTML have the others."""

WHAT = {
    "moved": "moved to another split",
    "flipped": "under another label",
    "replaced": "with other pixels under their path",
    "added": "added",
    "removed": "removed",
    "labelled": "labelled for the first time",
    "unlabelled": "without the label that they had",
    "renamed": "renamed",
}
"""What happened to images of each kind."""


def tell_difference(found: dict[str, Any]) -> Iterator[str]:
    """Yields the lines of a comparison, schema `labelgate.diff/1`: what is worst first."""
    yield from (_tell_release(which, found[which]) for which in ("old", "new"))
    yield "nothing got worse" if not found["worse"] else f"worse: {'; '.join(found['worse'])}"
    yield from _tell_classes(found)
    if found["old"]["limits_sha256"] != found["new"]["limits_sha256"]:
        yield "note: the two were judged by other limits; a verdict may differ for that alone"
    for kind in KINDS:
        yield from _tell_images(kind, found)
    told = Counter(row["change"] for row in found["verdicts"])
    for change in VERDICTS:
        rows = [row for row in found["verdicts"] if row["change"] == change]
        if rows:
            yield ""
            yield f"{told[change]:,} {_plural('verdict', told[change])}: {change}"
            yield from (f"  {tell_verdict(row)}" for row in rows[:FIRST])
            yield from _tell_rest(len(rows))


def tell_verdict(row: dict[str, Any]) -> str:
    """Says of a cell what it was and what it is, with bounds and limit."""
    where = ", ".join(filter(None, (row["split"], row["predictor"])))
    subject = f"{row['subject']} ({where})" if where else row["subject"]
    told = f"{tell_value(row['before'])} -> {tell_value(row['now'])} {row['unit']}"
    return printable(f"{row['property']} {subject}: {told}, limit {row['limit']}")


def tell_value(cell: dict[str, Any] | None) -> str:
    """Writes a value with its interval and n."""
    if cell is None or cell["value"] is None:
        return "not measured"
    bounds = "" if cell["low"] is None else f" [{cell['low']:.3g}, {cell['high']:.3g}]"
    return f"{cell['value']:.4g}{bounds} of {cell['n']:,}"


def tell_image(row: dict[str, str]) -> str:
    """Says where an image is and what it is labelled, before and now, naming what is equal once."""
    paths = _change(row["path_before"], row["path"])
    splits = _change(row["split_before"], row["split"])
    labels = _change(row["label_before"] or "no label", row["label"] or "no label")
    if not row["path"] or not row["path_before"]:  # only one release has it
        labels = row["label"] or row["label_before"] or "no label"
    return printable(f"{paths} ({splits}, {labels})")


def _change(before: str, now: str) -> str:
    return f"{before} -> {now}" if before and now and before != now else now or before


def _tell_release(which: str, release: dict[str, Any]) -> str:
    checks = f"{release['checks']['run']:,} of {release['checks']['total']:,} checks"
    told = f"{release['images']:,} images, {release['verdict']}, {checks}, {release['started']}"
    return printable(f"{which}: {release['name']} ({told})")


def _tell_classes(found: dict[str, Any]) -> Iterator[str]:
    splits = [{"change": "renamed", "before": a, "after": b} for a, b in found["splits"].items()]
    for kind, rows in (("classes", found["classes"]), ("splits", splits)):
        for change, number in Counter(row["change"] for row in rows).items():
            yield f"{kind} {change}: {number:,}"
            ours = [row for row in rows if row["change"] == change]
            for row in ours[:FIRST]:
                yield printable(f"  {' -> '.join(filter(None, (row['before'], row['after'])))}")
            yield from _tell_rest(number)


def _tell_images(kind: str, found: dict[str, Any]) -> Iterator[str]:
    images, counts = found["images"][kind], found["counts"]
    if not images["total"]:
        return
    more = {
        "moved": f", {counts['moved_into_evaluation']:,} of them out of training",
        "flipped": f", {counts['reviewed']:,} of them reviewed",
    }
    yield ""
    number = images["total"]
    yield f"{number:,} {_plural('image', number)} {WHAT[kind]}{more.get(kind, '')}"
    if kind == "flipped" and number > FIRST:
        pairs = found["flips"]
        told = [f"{p['images']:,} {p['before']} -> {p['now']}" for p in pairs[:FIRST]]
        rest = f" and {len(pairs) - FIRST:,} more pairs" if len(pairs) > FIRST else ""
        yield printable(f"  most often: {', '.join(told)}{rest}")
    for row in images["rows"][:FIRST]:
        review = f", {'reviewed' if row['reviewed'] == 'yes' else 'not reviewed'}"
        yield f"  {tell_image(row)}{review if row['reviewed'] else ''}"
    yield from _tell_rest(number)


def _tell_rest(number: int) -> Iterator[str]:
    if number > FIRST:
        yield f"  and {number - FIRST:,} more (--json, --html)"


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
