"""Reads a finished report, and refuses one of which a part is missing or damaged."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from labelgate.fixtures.errors import SettingsError
from labelgate.fixtures.report_json import REPORT, load_report, read_json


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
    wrong = find_wrong(report, _schema()) or next(_wrong_in_results(report), "")
    _refuse(file, wrong)
    counted = Counter(result["outcome"] for result in report["results"])
    told = {outcome: n for outcome, n in report["counts"].items() if n}
    if told != dict(counted) or report["checks"]["run"] != len(report["results"]):
        raise SettingsError(
            f"{file} is not complete: it tells of {sum(told.values()):,} checks and holds "
            f"{len(report['results']):,} results; make it again."
        )


def read_part(file: Path, form: str) -> Any:  # noqa: ANN401
    """Reads a JSON file beside `report.json`, as a run writes it.

    Args:
        file: the file.
        form: the name of its schema, `<form>.schema.json`.

    Raises:
        SettingsError: it cannot be read, or something is missing in it.
    """
    content = read_json(file)
    _refuse(file, find_wrong(content, _schema(form), form=form))
    return content


def _refuse(file: Path, wrong: str) -> None:
    if wrong:
        raise SettingsError(
            f"{file} is not complete: {wrong} is missing or damaged; make it again."
        )


def _wrong_in_results(report: dict[str, Any]) -> Iterator[str]:
    """Yields what is wrong with a result: as it is read, one in short has every key too.

    A failing cell says which number missed its limit, and on which side.
    """
    full = _schema()["$defs"]["full"]
    for position, result in enumerate(report["results"]):
        name = f"results[{position}]"
        yield from filter(None, [find_wrong(result, full, name)])
        for number, cell in enumerate(result["cells"]):
            if cell["passed"] is False:
                lacking = (key for key in ("judged", "side") if cell.get(key) is None)
                yield from (f"{name}.cells[{number}].{key}" for key in lacking)


_TYPES: dict[str, tuple[type, ...]] = {
    **{"array": (list,), "object": (dict,), "string": (str,), "null": (type(None),)},
    **{"integer": (int,), "number": (int, float), "boolean": (bool,)},
}


def find_wrong(value: Any, schema: dict[str, Any], name: str = "", form: str = "report") -> str:  # noqa: ANN401
    """Names the first part of a value that is missing, or not what a schema asks for.

    Of JSON Schema it knows what our schemas say of types, keys, words and least numbers; jsonschema
    knows the rest, and takes ten times as long for the results of a large dataset.

    Args:
        value: a part of a report.
        schema: what the JSON Schema says of this part.
        name: of the part.
        form: of which schema it is a part.

    Returns:
        Its name, "" if there is none.
    """
    one_of = schema.get("oneOf") or schema.get("anyOf") or [schema]
    schema = one_of[len(one_of) - 1 if "oneOf" in schema and value is not None else 0]
    if "$ref" in schema:
        schema = _schema(form)["$defs"][schema["$ref"].rpartition("/")[2]]
    if not _fits(value, schema):
        return name or "everything"
    if isinstance(value, dict):
        lacking = [key for key in schema.get("required", ()) if key not in value]
        if lacking:
            return f"{name}.{lacking[0]}".lstrip(".")
    found = (
        find_wrong(part, its, f"{name}{key}".lstrip("."), form)
        for key, part, its in _parts(value, schema)
    )
    return next(filter(None, found), "")


def _parts(value: Any, schema: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:  # noqa: ANN401
    """Yields place, value and schema of each part of a list or object."""
    if isinstance(value, list):
        yield from ((f"[{i}]", part, schema.get("items", {})) for i, part in enumerate(value))
    elif isinstance(value, dict):
        known, other = schema.get("properties", {}), schema.get("additionalProperties") or {}
        (usual,) = schema.get("patternProperties", {"": other}).values()
        yield from ((f".{key}", part, known.get(key, usual)) for key, part in value.items())


def _fits(value: Any, schema: dict[str, Any]) -> bool:  # noqa: ANN401
    """Tells whether a value is of a type, word or size that a schema allows."""
    kinds = schema.get("type", ())
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(type(value) in _TYPES[kind] for kind in kinds):
        return False
    if value not in schema.get("enum", [schema.get("const", value)]):
        return False
    if isinstance(value, str):
        return re.search(schema.get("pattern", ""), value) is not None
    return not isinstance(value, int | float) or bool(value >= schema.get("minimum", value))


@cache
def _schema(form: str = "report") -> dict[str, Any]:
    file = Path(__file__).with_name(f"{form}.schema.json")
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema
