"""The runs on the sample dataset whose reports are read by several modules."""

import json
from importlib.resources import files
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from jsonschema import Draft202012Validator

from labelgate.fixtures.report_json import REPORT, load_report

Sample = tuple[Path, dict[str, "CompletedProcess[str]"]]
RUNS = ("demo", "check", "copied", "expired", "clean", "part")
SAME = ("check", "copied")


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = load_report(folder)[1]
    return content


def check_form(folder: Path) -> None:
    """Validates a report against its schema: as it is written, in short, and as it is read."""
    file = files("labelgate.plugins.report") / "report.schema.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    validator.validate(json.loads((folder / REPORT).read_text(encoding="utf-8")))
    validator.validate(read(folder))
