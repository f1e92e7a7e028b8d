"""The runs on the sample dataset whose reports are read by several modules."""

import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

Sample = tuple[Path, dict[str, "CompletedProcess[str]"]]
RUNS = ("demo", "check", "copied", "expired", "clean", "part")
SAME = ("check", "copied")


def read(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return content
