"""Writes tables of a run: evidence with all rows, and every measured cell."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelgate.expectations.papers import FOLDER, write_readable
from labelgate.fixtures.writing import writing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins like this is run by spreadsheets; it gets an apostrophe in front.
Source: OWASP, CSV Injection."""


def write_measurements(report: Path, table: "pa.Table") -> None:
    """Writes `expectations/measurements.parquet`, every measured cell, into the report folder."""
    import pyarrow.parquet as pq

    folder = report / FOLDER
    folder.mkdir(exist_ok=True)
    pq.write_table(table, folder / "measurements.parquet")


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
                write_readable(evidence / name, table.to_dict("records"))
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
