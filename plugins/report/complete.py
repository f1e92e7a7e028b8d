"""Reads a finished report, and refuses one of which a part is missing."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import REPORT, load_report


def read_complete(path: Path) -> tuple[Path, dict[str, Any]]:
    """Reads a report and checks that it is whole: every key that its schema asks for, every count.

    Args:
        path: a report folder, or the `report.json` in it.

    Returns:
        The report folder, and what its `report.json` says.

    Raises:
        SettingsError: there is none, it cannot be read, or something is missing in it.
    """
    folder, report = load_report(path)
    _refuse_incomplete(folder / REPORT, report)
    return folder, report


def _refuse_incomplete(file: Path, report: dict[str, Any]) -> None:
    missing = find_missing(report, _schema()) or next(_missing_in_results(report), "")
    if missing:
        raise SettingsError(f"{file} is not complete: {missing} is missing; make it again.")
    counted = Counter(result["outcome"] for result in report["results"])
    told = {outcome: n for outcome, n in report["counts"].items() if n}
    if told != dict(counted) or report["checks"]["run"] != len(report["results"]):
        raise SettingsError(
            f"{file} is not complete: it tells of {sum(told.values()):,} checks and holds "
            f"{len(report['results']):,} results; make it again."
        )


def _missing_in_results(report: dict[str, Any]) -> Iterator[str]:
    """Yields what a result lacks: as it is read, a result in short has every key too."""
    full = _schema()["$defs"]["full"]
    for position, result in enumerate(report["results"]):
        yield from filter(None, [find_missing(result, full, f"results[{position}]")])


def find_missing(value: Any, schema: dict[str, Any], name: str = "") -> str:  # noqa: ANN401
    """Names the first key that a schema asks for and a value lacks, "" if there is none.

    Args:
        value: a part of a report.
        schema: what the JSON Schema says of this part.
        name: of the part.
    """
    schema = schema.get("anyOf", [schema])[0]  # a report that was read has no runs of results
    if "$ref" in schema:
        schema = _schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    if schema.get("type") == "array":
        if not isinstance(value, list):
            return name or "everything"
        items = schema.get("items", {})
        found = (find_missing(part, items, f"{name}[{i}]") for i, part in enumerate(value))
        return next(filter(None, found), "")
    if schema.get("type") != "object":
        return ""
    if not isinstance(value, dict):
        return name or "everything"
    lacking = [
        f"{name}.{key}".lstrip(".") for key in schema.get("required", ()) if key not in value
    ]
    known = schema.get("properties", {})
    other = schema.get("additionalProperties") or {}
    parts_ = ((key, known.get(key, other)) for key in value)
    deeper = (find_missing(value[key], part, f"{name}.{key}".lstrip(".")) for key, part in parts_)
    return lacking[0] if lacking else next(filter(None, deeper), "")


@cache
def _schema() -> dict[str, Any]:
    file = Path(__file__).with_name("report.schema.json")
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema
