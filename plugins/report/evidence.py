"""Writes the papers of a run: evidence tables with all rows, measurements, suites and results."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.expectations.judge import Judgement
from labelgate.fixtures.measurements import Measurements
from labelgate.plugins.report.folder import writing

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this is run by spreadsheets; it gets an apostrophe in front.
Source: OWASP, CSV Injection."""


def write_papers(report: Path, measurements: Measurements, judgement: Judgement) -> None:
    """Writes `expectations/` into the report folder.

    `measurements.parquet` holds every measured cell, `<stem>.parquet` the rows that
    `<stem>.suite.json` was run on, `<stem>.result.json` what came out.
    """
    folder = report / "expectations"
    folder.mkdir(exist_ok=True)
    measurements.table().to_parquet(folder / "measurements.parquet", index=False)
    for stem, table in judgement.tables.items():
        table.to_parquet(folder / f"{stem}.parquet", index=False)
        _write_json(folder / f"{stem}.suite.json", judgement.suites[stem])
        _write_json(folder / f"{stem}.result.json", judgement.results[stem])


def write_evidence(report: Path, tables: "dict[str, pd.DataFrame]") -> None:
    """Writes `evidence/` into the report folder; a table called `.json` as a list of objects.

    Raises:
        SettingsError: the folder is full or cannot be written.
    """
    evidence = report / "evidence"
    with writing(report):
        evidence.mkdir(exist_ok=True)
        for name, table in sorted(tables.items()):
            if name.endswith(".json"):
                _write_json(evidence / name, table.to_dict("records"))
            else:
                without_formulas(table).to_csv(evidence / name, index=False, lineterminator="\n")


def without_formulas(table: "pd.DataFrame") -> "pd.DataFrame":
    """Returns the table with an apostrophe before every text that a spreadsheet would run."""
    texts = table.select_dtypes(["object", "string", "category"])
    risky = [name for name in texts if not _is_harmless(texts[name])]
    return table.assign(**{str(name): texts[name].map(_harmless) for name in risky})


def _is_harmless(column: "pd.Series[Any]") -> bool:
    """Whether no value is a text that a spreadsheet would run, where that is told at once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.dtype == "category":
        column = column.cat.categories.to_series()
    try:
        texts = pa.array(column, pa.string(), from_pandas=True)
    except (pa.ArrowException, TypeError, UnicodeError):  # not only texts, or a name in raw bytes
        return False
    return not any(pc.any(pc.starts_with(texts, sign)).as_py() for sign in FORMULA)


def _harmless(value: Any) -> Any:  # noqa: ANN401
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _write_json(file: Path, content: Any) -> None:  # noqa: ANN401
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str)
    file.write_text(text + "\n", encoding="utf-8")
