"""The papers behind verdicts: what each suite was, what it was run on, and what came out."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.fixtures.writing import writing

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "expectations"
"""Of a report, where the papers are."""


def write_papers(
    folder: Path, stem: str, rows: "pd.DataFrame", suite: dict[str, Any], result: dict[str, Any]
) -> None:
    """Writes `<stem>.parquet`, the judged rows, `<stem>.suite.json` and `<stem>.result.json`.

    Args:
        folder: of the papers of a report, made if it is not there.
        stem: what the suite is about.
        rows: what it was run on.
        suite: in Great Expectations' own JSON.
        result: what came out, in Great Expectations' own JSON.

    Raises:
        SettingsError: the report folder is full or cannot be written.
    """
    with writing(folder.parent):
        folder.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(folder / f"{stem}.parquet", index=False)
        write_readable(folder / f"{stem}.suite.json", suite)
        write_readable(folder / f"{stem}.result.json", result)


def write_readable(file: Path, content: Any) -> None:  # noqa: ANN401
    """Writes JSON that people may open: a line a value."""
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str)
    file.write_text(text + "\n", encoding="utf-8")
