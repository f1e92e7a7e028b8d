"""Runs the suites on the measurement table and says which cells meet their limits.

Great Expectations is the only judge: no limit is compared anywhere else.
"""

import logging
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labelgate.expectations.limits import Limits
from labelgate.expectations.papers import FOLDER, write_papers
from labelgate.expectations.verdict import Verdict
from labelgate.fixtures.aside import Start, at_once, work_aside
from labelgate.fixtures.file_states import States
from labelgate.fixtures.measurements import Measurements
from labelgate.fixtures.settings import Settings
from labelgate.fixtures.temporary import temporary_folder

if TYPE_CHECKING:
    import great_expectations as gx
    import pandas as pd
    import pyarrow as pa
    from great_expectations.core import ExpectationSuiteValidationResult

CELL_COLUMNS = ("cell", "property", "subject", "split", "predictor")
"""What a failing row is named by in a validation result."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """All verdicts of a run.

    Attributes:
        verdicts: one per row of the measurement table, in its order.
        suites: each stem's suite in Great Expectations' own JSON.
        table: the measurement table.
    """

    verdicts: tuple[Verdict, ...]
    suites: dict[str, dict[str, Any]]
    table: "pa.Table"

    def joined(self, later: "Judgement") -> "Judgement":
        """Returns these verdicts with those of other stems behind them."""
        import pyarrow as pa

        rows = [each for each in (self.table, later.table) if len(each)]  # none have no types
        table = pa.concat_tables(rows or [self.table])
        return Judgement(self.verdicts + later.verdicts, self.suites | later.suites, table)


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Great Expectations' deprecations, progress and temporary folders to itself."""
    log = logging.getLogger("great_expectations")
    level = log.level
    with warnings.catch_warnings(), temporary_folder() as folder:
        warnings.simplefilter("ignore")
        before, tempfile.tempdir = tempfile.tempdir, str(folder)
        log.setLevel(logging.WARNING)
        try:
            yield
        finally:
            log.setLevel(level)
            tempfile.tempdir = before
            logging.captureWarnings(False)  # it turns this on when it is imported


def judge(
    measurements: Measurements, limits: Limits, start: Start = at_once, papers: Path | None = None
) -> Judgement:
    """Validates the measurement table, and waits for what comes out (`begin_to_judge`)."""
    return begin_to_judge(measurements, limits, start, papers)()


def begin_to_judge(
    measurements: Measurements, limits: Limits, start: Start = at_once, papers: Path | None = None
) -> Callable[[], Judgement]:
    """Begins to validate the measurement table, one suite a stem.

    What is returned waits for the verdicts, and raises RuntimeError where an expectation could not
    be evaluated, or a row was judged by none.

    Args:
        measurements: what was measured.
        limits: what is tolerated; every measured property must have a limit.
        start: where Great Expectations runs; here by default.
        papers: the folder into which the papers are written; None for none.
    """
    import pyarrow as pa

    table = pa.Table.from_pandas(measurements.table(), preserve_index=False)
    wait = start(run_suites, table, limits, papers)

    def finish() -> Judgement:
        failing, suites = wait()
        return Judgement(tuple(_verdicts(measurements, limits, failing)), suites, table)

    return finish


@quiet()
def run_suites(
    measured: "pa.Table", limits: Limits, papers: Path | None
) -> tuple[set[int], dict[str, dict[str, Any]]]:
    """Runs the suite of each stem on its rows; returns the failing cells, and the suites."""
    from labelgate.expectations.suites import build_suite, with_limits

    table = measured.to_pandas()
    stems = sorted({limits.properties[name].stem for name in table["property"].unique()})
    failing: set[int] = set()
    suites = {}
    for stem in stems:
        rows = with_limits(table, limits.of_stem(stem))
        suite = build_suite(stem, limits.of_stem(stem))
        result = validate(rows, suite)
        failing |= failing_cells(result, rows)
        written = suite.to_json_dict(), result.to_json_dict()  # type: ignore[no-untyped-call]
        suites[stem] = written[0]
        if papers is not None:
            write_papers(papers, stem, rows, *written)
    return failing, suites


def validate(
    rows: "pd.DataFrame", suite: "gx.ExpectationSuite", named_by: Sequence[str] = CELL_COLUMNS
) -> "ExpectationSuiteValidationResult":
    """Runs one suite on its rows in a context that leaves no files behind.

    The result names each row that is unexpected, by the columns `named_by`.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("measurements").add_dataframe_asset("table")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": rows})
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": list(named_by)}
    return batch.validate(suite, result_format=wanted)


def failing_cells(result: Any, rows: "pd.DataFrame") -> set[int]:  # noqa: ANN401
    """Returns the cells that do not meet their limit.

    Args:
        result: a validation result of `validate`.
        rows: what it was run on; the rows of each property and limit must have been judged by the
            one expectation of that property and limit.

    Raises:
        RuntimeError: an expectation raised, or rows were left out or judged twice.
    """
    cells: set[int] = set()
    unjudged = Counter(zip(rows["property"], rows["limit"], strict=True))
    judged: set[tuple[str, int]] = set()
    for each in result.results:
        cells |= unexpected_rows(each)
        judges = each.expectation_config.meta["property"], each.expectation_config.meta["limit"]
        if judges in judged:
            raise RuntimeError(f"rows were judged twice: {judges}")
        judged.add(judges)
        unjudged[judges] -= each.result["element_count"]
    if any(unjudged.values()):
        wrong = {judges: number for judges, number in unjudged.items() if number}
        raise RuntimeError(f"rows were left out: {wrong}")
    return cells


def unexpected_rows(each: Any) -> set[int]:  # noqa: ANN401
    """Returns the column `cell` of the rows that one expectation did not expect.

    Args:
        each: the result of one expectation, of `validate` on rows with a column `cell`.

    Raises:
        RuntimeError: it raised, or its success contradicts its rows.
    """
    if each.exception_info.get("raised_exception", True):
        raise RuntimeError(f"an expectation could not be evaluated: {each.exception_info}")
    unexpected = each.result["unexpected_index_list"] or []
    if each.success == bool(unexpected):
        raise RuntimeError(f"an expectation contradicts its own rows: {each.expectation_config}")
    return {int(row["cell"]) for row in unexpected}


def _verdicts(measurements: Measurements, limits: Limits, failing: set[int]) -> Iterator[Verdict]:
    for cell, row in enumerate(measurements.rows, measurements.first):
        limit = limits.properties[row.property]
        bound = limit.bounds[limit.bound(row.subject, row.split, row.predictor)]
        passed = None if row.value is None else cell not in failing
        if passed is not False and (row.examples or row.captions or row.tables):
            always = [table for table in row.tables if table.always]
            row = replace(row, examples=(), captions=(), tables=always)
        yield Verdict(row, limit, bound, passed)


@pytest.fixture(scope="session")
def judging(settings: Settings, asked_states: Callable[[], States] | None) -> Iterator[Start]:
    """Starts what Great Expectations does, in a process that imports it while facts are measured.

    It takes 4 s: longer than a re-gate of a small dataset measures. Where this process has it, or
    is to start no other, it is done here; not while measuring waits for a million files' states.
    """
    apart = settings.workers > 0 and "great_expectations" not in sys.modules
    with work_aside(1 if apart else 0) as start:
        if apart and asked_states is None:
            start(import_library)
        yield start


@quiet()
def import_library() -> None:
    """Imports Great Expectations."""
    import labelgate.expectations.suites  # noqa: F401


@pytest.fixture(scope="session")
def begun_judgement(
    laid_out: Measurements, limits: Limits, judging: Start, settings: Settings
) -> Callable[[], Judgement]:
    """Waits for what is decided, which is begun before evidence is laid out."""
    return begin_to_judge(laid_out, limits, judging, settings.report / FOLDER)


@pytest.fixture(scope="session")
def judgement(
    begun_judgement: Callable[[], Judgement],
    laid_out: Measurements,
    measurements: Measurements,
    limits: Limits,
    judging: Start,
    settings: Settings,
) -> Judgement:
    """What was decided about every cell, but for the stems that speak of these verdicts."""
    found = begun_judgement()
    if measurements.broken.keys() == laid_out.broken.keys():
        return found
    shutil.rmtree(settings.report / FOLDER)  # of a stem whose evidence could not be laid out
    return judge(measurements, limits, judging, settings.report / FOLDER)
